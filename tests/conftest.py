"""`--notebooks FOLDER` runs tests/week1/test_todo_1.py to test_todo_6.py on the classes of that folder instead."""

from pathlib import Path

import pytest

from learngpt import load_text
from learngpt.carrying import take
from tests.support import SOLVED


def pytest_addoption(parser):
    parser.addoption("--notebooks", default=str(SOLVED), help="the folder whose classes are tested")


@pytest.hookimpl(tryfirst=True)  # before xdist, which reads the groups in the same hook
def pytest_collection_modifyitems(items):
    """Share the tests out among processes, and begin with what takes longest.

    Tests of one file, and cells of one notebook, stay in one process and in their order, because the later ones need
    what the earlier ones made; those that are marked `apart` go wherever there is time.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
    for item in items:
        if not item.get_closest_marker("apart"):
            item.add_marker(pytest.mark.xdist_group(str(item.path)))


@pytest.fixture
def own(request):
    """`own("HeadVer1")` is the class as the tested notebooks define it."""
    folder = Path(request.config.getoption("--notebooks"))
    return lambda name: take(name, folder)


@pytest.fixture(scope="session")
def text():
    return load_text()
