"""`--notebooks FOLDER` runs tests/week1/test_todo_1.py to test_todo_6.py on the classes of that folder instead."""

from pathlib import Path

import pytest

from learngpt import load_text
from learngpt.carrying import take
from tests.support import SOLVED


def pytest_addoption(parser):
    parser.addoption("--notebooks", default=str(SOLVED), help="the folder whose classes are tested")


@pytest.fixture
def own(request):
    """`own("HeadVer1")` is the class as the tested notebooks define it."""
    folder = Path(request.config.getoption("--notebooks"))
    return lambda name: take(name, folder)


@pytest.fixture(scope="session")
def text():
    return load_text()
