"""`make lab` brings what is missing and keeps what is there."""

import shutil
import subprocess
import sys

from tests.conftest import ROOT


def make_clone(folder):
    """A clone of the course in a folder, whose environment is the one that runs the tests."""
    clone = folder / "clone"
    for name in ("source", "release", "notebooks", "lab"):
        shutil.copytree(ROOT / name, clone / name)
    for name in ("Makefile", "README.md", "nbgrader_config.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, clone)
    python = clone / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (clone / ".venv" / "ready").write_text(str(clone))
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
