"""pyproject.toml, constraints.txt and environment.yml say the same, and what they say installs and runs."""

import re
import subprocess
import sys
import tomllib

import yaml

from tests.support import ROOT


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


def test_every_dependency_is_pinned():
    wanted = project()["dependencies"] + project()["optional-dependencies"]["dev"]
    for requirement in wanted:
        name, _, version = re.sub(r"\[.*?\]", "", requirement).partition("==")
        assert canonical(name) in pins()
        assert version in ("", pins()[canonical(name)])


def test_conda_installs_what_make_installs():
    install = (ROOT / "lab" / "install.py").read_text()
    for line in pip_section():
        option, _, value = line.partition(" ")
        assert f'"{option}", "{value}"' in install, line


def test_a_fresh_environment_gets_exactly_the_pinned_versions(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    options = [word for line in pip_section() for word in line.split(" ")]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *options], cwd=ROOT, check=True)
    freeze = [python, "-m", "pip", "freeze", "--exclude-editable"]
    frozen = subprocess.run(freeze, check=True, capture_output=True, text=True).stdout.split()
    installed = {canonical(name): version.split("+")[0] for name, version in (line.split("==") for line in frozen)}
    assert installed == {name: version for name, version in pins().items() if name in installed}
    assert set(installed) <= set(pins())
    run = [python, "-c", "import learngpt; print(len(learngpt.load_text().content))"]
    assert int(subprocess.run(run, cwd=tmp_path, check=True, capture_output=True, text=True).stdout) > 1_000_000
