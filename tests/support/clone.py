"""A clone of the course, as a newcomer has it."""

import shutil
import sys

from tests.support import ROOT


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
