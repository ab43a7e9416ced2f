"""`--notebooks FOLDER` runs tests/week1/test_todo_1.py to test_todo_6.py on the classes of that folder instead."""

from pathlib import Path

import pytest

from learngpt.carrying import take
from tests.support import SOLVED

# Files whose tests share nothing that takes long to make: each goes to whichever process has time.
APART = {
    "tests/course/test_browser.py",
    "tests/course/test_nbval.py",
    "tests/exam/test_bank.py",
    "tests/exam/test_odd_answers.py",
    "tests/learngpt/test_never_stuck.py",
    "tests/learngpt/test_own_text.py",
    "tests/teaching/test_grade.py",
    "tests/teaching/test_hostile.py",
    "tests/week1/test_answers.py",
    "tests/week1/test_checks.py",
    "tests/week1/test_gpt.py",
}


def pytest_addoption(parser):
    parser.addoption("--notebooks", default=str(SOLVED), help="the folder whose classes are tested")


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest, so that the processes end together."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """The tests of a file, and the cells of a notebook, stay in one process: later ones need what earlier ones made."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.partition("::")[0]
            return nodeid if file in APART else file

    return ByFile(config, log)


@pytest.fixture
def own(request):
    """`own("HeadVer1")` is the class as the tested notebooks define it."""
    folder = Path(request.config.getoption("--notebooks"))
    return lambda name: take(name, folder)


@pytest.fixture(scope="session")
def text():
    from learngpt import load_text  # brings PyTorch, which the process that shares the tests out does without

    return load_text()
