"""pyproject.toml, constraints.txt and environment.yml say the same, and what they say installs and runs."""

import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from importlib.metadata import distributions

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tests.support import ROOT

# What PyTorch brings along on some Pythons and systems, at versions that it names itself.
PYTORCHS = ("nvidia-", "cuda-", "triton", "setuptools")


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pins():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict((canonical(name), version) for name, version in (line.split("==") for line in lines if line[:1] != "#"))


def pip_section():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    [section] = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    return section


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_every_dependency_is_pinned_within_its_range():
    extras = project()["optional-dependencies"].values()
    for line in [*project()["dependencies"], *(line for extra in extras for line in extra)]:
        wanted = Requirement(line)
        if wanted.name != project()["name"]:  # an extra that includes another one
            assert pins()[canonical(wanted.name)] in wanted.specifier, line


@pytest.mark.parametrize("python", ["3.11.0", "3.12.0", "3.13.0", "3.14.0"])
def test_the_pinned_versions_install_on_every_python_from_its_first_release(python):
    """As far as the packages installed here say for which Pythons they are."""
    assert python in SpecifierSet(project()["requires-python"])
    seen = 0
    for package in distributions(path=[sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]):
        version = pins().get(canonical(package.name))
        if version is not None:
            assert package.version.split("+")[0] == version, f"{package.name}: this environment isn't that of the pins"
            assert python in SpecifierSet(package.metadata.get("Requires-Python", "")), f"{package.name}=={version}"
            seen += 1
    assert seen > 100


def test_conda_installs_what_make_installs():
    install = (ROOT / "lab" / "install.py").read_text()
    for line in pip_section():
        option, _, value = line.partition(" ")
        assert f'"{option}", "{value}"' in install, line


def test_all_that_comes_along_is_pinned():
    """An environment that `make` made is what a fresh one gets: its versions are those of constraints.txt."""
    here = {canonical(package.name): package for package in distributions()}
    seen, left = set(), [Requirement("learngpt[teaching,test]")]
    while left:
        wanted = left.pop()
        name, extras = canonical(wanted.name), wanted.extras or {""}
        if (name, *extras) in seen or name.startswith(PYTORCHS):
            continue
        seen.add((name, *extras))
        assert name == project()["name"] or name in pins(), f"{name} comes along and isn't in constraints.txt"
        for line in here[name].requires or []:
            requirement = Requirement(line)
            if any(requirement.marker is None or requirement.marker.evaluate({"extra": extra}) for extra in extras):
                left.append(requirement)
    assert len(seen) > 100


@pytest.mark.slow
def test_a_wheel_holds_what_a_notebook_imports_and_the_data_alone(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, ROOT]
    subprocess.run(build, check=True)
    [wheel] = tmp_path.glob("learngpt-*.whl")
    files = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in files} == {"learngpt", f"learngpt-{project()['version']}.dist-info"}
    assert {"learngpt/fonts/hangul.ttf", "learngpt/fonts/OFL.txt", "learngpt/fonts/README.md"} <= set(files)
    assert "learngpt/data/README.md" in files  # the licence of the texts asks for it
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel]
    subprocess.run(install, check=True)
    run = (
        "import learngpt as l; from learngpt.text import KOREAN, shipped; [l.load_text(name) for name in KOREAN]; "
        "shipped('gpt.safetensors'); print(len(l.load_text().content), l.__file__)"
    )
    command, environment = [sys.executable, "-c", run], {"PYTHONPATH": str(site)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True)
    size, file = done.stdout.split()
    assert int(size) > 1_000_000
    assert str(tmp_path) in file
