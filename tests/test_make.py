"""`make lab` brings what is missing and keeps what is there."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.fixture
def clone(tmp_path):
    """A clone with an environment that is ready and a JupyterLab that only says how it was started."""
    clone = tmp_path / "clone"
    for folder in ("release/week1", "source/week1", ".venv/bin"):
        (clone / folder).mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (clone / name).write_bytes((ROOT / name).read_bytes())
    for path in (ROOT / "release" / "week1").iterdir():
        (clone / "release" / "week1" / path.name).write_bytes(path.read_bytes())
    jupyter = clone / ".venv" / "bin" / "jupyter"
    jupyter.write_text('#!/bin/sh\necho "started: $*"\n')
    jupyter.chmod(0o755)
    (clone / ".venv" / "ready").touch()
    return clone


def make(clone, *arguments):
    return subprocess.run(["make", *arguments], cwd=clone, capture_output=True, text=True)


def test_lab_copies_the_notebooks_and_opens_the_first(clone):
    done = make(clone, "lab")
    assert done.returncode == 0, done.stderr
    assert "started: lab" in done.stdout
    assert "/lab/tree/work/week1/1-bigram.ipynb" in done.stdout
    work, release = clone / "work" / "week1", clone / "release" / "week1"
    assert {p.name: p.read_bytes() for p in work.iterdir()} == {p.name: p.read_bytes() for p in release.iterdir()}


def test_lab_never_overwrites_work(clone):
    make(clone, "lab")
    work = clone / "work" / "week1"
    (work / "1-bigram.ipynb").write_text("mine")
    (work / "2-averaging.ipynb").unlink()
    make(clone, "lab")
    assert (work / "1-bigram.ipynb").read_text() == "mine"
    assert (work / "2-averaging.ipynb").exists()


def test_an_old_python_is_named(clone):
    (clone / ".venv" / "ready").unlink()
    old = clone / "old-python"
    pretend = "import sys; sys.version_info = (3, 9, 2); sys.version = '3.9.2 (old)'; exec(sys.argv[2])"
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{pretend}" "$@"\n')
    old.chmod(0o755)
    done = make(clone, f"PYTHON={old}", "lab")
    assert done.returncode != 0
    assert "Python 3.11 or newer is needed; this is 3.9.2." in done.stderr
    assert not (clone / ".venv" / "ready").exists()
