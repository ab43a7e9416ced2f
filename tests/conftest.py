"""`--notebooks FOLDER` runs tests/week1/test_todo_1.py to test_todo_6.py on the classes of that folder instead."""

import contextlib
import os
from pathlib import Path

import pytest

from learngpt.carrying import take
from learngpt_teaching.engine.sandbox import HUGE_PAGES
from tests.support import SOLVED
from tests.support.kernels import forked

# Files whose tests share nothing that takes long to make: each goes to whichever process has time.
APART = {
    "tests/course/test_browser.py",
    "tests/exam/test_bank.py",
    "tests/exam/test_odd_answers.py",
    "tests/learngpt/test_never_stuck.py",
    "tests/learngpt/test_own_text.py",
    "tests/teaching/test_grade.py",
    "tests/week1/test_answers.py",
    "tests/week1/test_checks.py",
    "tests/week1/test_gpt.py",
}
# What takes longest in one piece begins first, most of all what only waits, and what comes in the smallest pieces last,
# so that the processes end together.
LONGEST = [
    "tests/teaching/test_hostile.py",
    "tests/course/test_browser.py",
    "tests/teaching/test_grading.py",
    "tests/course/test_second_assignment.py",
    "tests/teaching/test_grade.py",
    "tests/week1/test_checks.py",
    "tests/course/test_bad_input.py",
    "tests/learngpt/test_own_text.py",
    "tests/learngpt/test_never_stuck.py",
    "tests/week1/test_gpt.py",
]


@pytest.hookimpl(wrapper=True)
def pytest_sessionstart(session):
    """Where tests run in several processes, the first of them sees to it that kernels of notebooks are forked."""
    options = session.config.option
    linux = hasattr(os, "pidfd_open")  # elsewhere Jupyter starts them as it does
    if linux and getattr(options, "numprocesses", None) and "not slow" not in options.markexpr:
        os.environ |= HUGE_PAGES | os.environ
        kernels = contextlib.ExitStack()
        kernels.enter_context(forked())
        session.config.add_cleanup(kernels.close)
    return (yield)


def pytest_addoption(parser):
    parser.addoption("--notebooks", default=str(SOLVED), help="the folder whose classes are tested")


def pytest_collection_modifyitems(items):
    def turn(item):
        file = item.nodeid.partition("::")[0]
        return LONGEST.index(file) if file in LONGEST else len(LONGEST) + (file in APART)

    items.sort(key=turn)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """One process more than processors, because many a slow test waits."""
    return (os.cpu_count() or 1) + ("not slow" not in config.option.markexpr)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    """nbval starts the kernel of a notebook here: with the plainest of PyTorch's kernels, for any processor.

    The outputs in notebooks/ were made with those for the processor of the build, so that one replay shows both that
    they are what the code prints and that what they print is the same on another processor.
    """
    with pytest.MonkeyPatch.context() as patch:
        if item.path.suffix == ".ipynb" and "ATEN_CPU_CAPABILITY" not in os.environ:
            patch.setenv("ATEN_CPU_CAPABILITY", "default")
        return (yield)


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
