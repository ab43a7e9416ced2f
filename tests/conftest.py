"""`--notebooks FOLDER` runs tests/test_1.py to test_6.py on the classes of that folder instead of the course's own."""

import glob
import os
import shutil
import sys
from pathlib import Path

import pytest

from learngpt import load_text
from learngpt.carrying import take

ROOT = Path(__file__).resolve().parent.parent
# nbgrader starts `alembic` by its name alone, which lies beside this Python.
os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]


def needs_program(program, package):
    """Skip a test where a program that only some machines have is missing; in CI it must be there."""
    there = shutil.which(program) or glob.glob(program)
    missing = not there and "CI" not in os.environ
    return pytest.mark.skipif(missing, reason=f"there is no {program}: `apt-get install {package}`")


def pytest_addoption(parser):
    parser.addoption(
        "--notebooks", default=str(ROOT / "notebooks" / "week1"), help="the folder whose classes are tested"
    )


@pytest.fixture
def own(request):
    """`own("HeadVer1")` is the class as the tested notebooks define it."""
    folder = Path(request.config.getoption("--notebooks"))
    return lambda name: take(name, folder)


@pytest.fixture(scope="session")
def text():
    return load_text()
