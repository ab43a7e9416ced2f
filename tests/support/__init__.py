"""What the tests share: where things lie, and what a machine may lack."""

import glob
import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE, RELEASE, SOLVED = (ROOT / step / "week1" for step in ("source", "release", "notebooks"))
NAMES = sorted(path.stem for path in SOURCE.glob("*.ipynb"))

# nbgrader starts `alembic` by its name alone, which lies beside this Python.
os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]


def needs_program(program, package):
    """Skip a test where a program that only some machines have is missing; in CI it must be there."""
    there = shutil.which(program) or glob.glob(program)
    missing = not there and "CI" not in os.environ
    return pytest.mark.skipif(missing, reason=f"there is no {program}: `apt-get install {package}`")
