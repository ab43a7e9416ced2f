"""What holds between the two packages, between ours and nbgrader, and between threads."""

import ast
import asyncio
import inspect
import os
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from nbgrader import api
from nbgrader.converters import Autograde

from learngpt_teaching import autograding
from learngpt_teaching import course as course_module
from learngpt_teaching import grader as grader_module
from learngpt_teaching.course import Course, CourseError
from learngpt_teaching.engine import running
from learngpt_teaching.engine import sandbox as sandbox_module
from learngpt_teaching.engine.rebuilding import Cell, rebuild
from learngpt_teaching.engine.running import Budget
from learngpt_teaching.engine.sandbox import LIMITS, Broken, printable
from learngpt_teaching.results import Kept, Outcome, Result
from learngpt_teaching.settings import StudentCode
from learngpt_teaching.submissions import Job
from tests.support import ROOT, SOURCE
from tests.support.programs import run


def test_what_notebooks_import_knows_nothing_of_what_instructors_run():
    for file in (ROOT / "learngpt").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.split(".")[0] not in ("learngpt_teaching", "nbgrader", "distributed", "nh3"), file


def test_nbgrader_still_has_what_we_use_of_its_insides():
    source = inspect.getsource(Autograde)
    assert "self._sanitizing = True" in source and "self._sanitizing = False" in source
    start = inspect.getsource(Autograde.start)
    assert start.index("self.init_notebooks()") < start.index("self.exporter_class(") < start.index("convert_notebooks")
    assert "self.notebooks = sorted(self.assignments[assignment])" in inspect.getsource(Autograde.convert_notebooks)


def test_a_kernel_that_ends_too_late_takes_no_result_along(monkeypatch):
    monkeypatch.setattr(sandbox_module, "KILLED", 0.1)
    signals = []
    kernels = SimpleNamespace(ended={}, signal=lambda *about: signals.append(about))
    manager = sandbox_module.ContainedKernelManager(kernels, LIMITS, [], [])
    manager.provisioner.number = 7
    asyncio.run(manager.end())
    assert signals == [(7, signal.SIGKILL)]


def test_what_jupyter_says_of_kernels_is_not_in_the_log_of_nbgrader():
    manager = sandbox_module.ContainedKernelManager(SimpleNamespace(), LIMITS, [], [])
    for each in (manager, manager.provisioner, manager.client()):
        assert each.log is sandbox_module.QUIET


def test_threads_that_ask_at_the_same_time_get_one_sandbox(monkeypatch):
    made = []

    class Fake:
        def __init__(self, *arguments):
            made.append(self)
            threading.Event().wait(0.05)
            self.process = self

        def import_ahead(self, modules):
            pass

        def poll(self):
            return None

        def close(self):
            pass

    monkeypatch.setattr(sandbox_module, "Warmed", Fake)
    monkeypatch.setattr(sandbox_module, "_warmed", {})
    with ThreadPoolExecutor(6) as pool:
        got = list(pool.map(lambda _: sandbox_module.warmed(True), range(6)))
    assert len(made) == 1 and set(got) == {made[0]}


def test_code_that_was_changed_after_it_was_imported_grades_nothing(monkeypatch):
    assert Course(SOURCE).exams
    monkeypatch.setattr(course_module, "_code", lambda assignment: "other code")
    with pytest.raises(CourseError, match="was changed after this program had read it. Start it again"):
        _ = Course(SOURCE).exams


def test_a_course_with_a_program_of_its_own_is_not_graded_by_another_one(tmp_path):
    shutil.copytree(SOURCE, tmp_path / "source" / "week1")
    (tmp_path / "learngpt_teaching").mkdir()
    with pytest.raises(CourseError, match="and the course in .* has its own"):
        Course(tmp_path / "source" / "week1")


def test_marks_depend_on_code_alone(tmp_path):
    folder = tmp_path / "source" / "week1"
    shutil.copytree(SOURCE, folder)
    before = {name: Course(folder).key(name) for name in Course(folder).notebooks}

    def edit(old, new):
        path = folder / "2-averaging.ipynb"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        return {name for name, key in before.items() if Course(folder).key(name) != key}

    assert edit("Let each position be", "Make each position") == set()
    # Later notebooks that carry a class from it depend on it; the others don't.
    assert edit("out = torch.zeros(B, T, C)", "out = torch.zeros_like(x)") >= {"2-averaging", "3-vectorizing"}
    assert Course(folder).key("1-bigram") == before["1-bigram"]


def test_a_kept_result_that_is_none_is_not_believed(tmp_path):
    kept, possible = Kept(tmp_path), {"check": 4}
    for text in ("", "{}", "[]", '{"notebook": {}}', '{"notebook": {"cells": []}, "checks": {"check": {"points": 9}}}'):
        (tmp_path / "key.json").write_text(text)
        assert kept.get("key", possible) is None
        with pytest.raises(ValueError):
            Result.from_json(text, possible)


def test_no_kernel_sees_the_classes_that_a_handed_out_package_holds(monkeypatch):
    needed = ROOT / "learngpt" / "plots.py"
    monkeypatch.setattr(sandbox_module, "PACKED", needed.name)
    monkeypatch.setattr(sandbox_module, "must_contain", lambda: "bwrap")
    command = " ".join(sandbox_module.Warmed._bubblewrap(SimpleNamespace(folder=ROOT)))
    assert f"--ro-bind /dev/null {needed}" in command


def test_whoever_reads_the_first_lines_alone_sees_no_traceback():
    program = (
        "from learngpt_teaching.stopping import end_with; end_with('Stopped.')\n"
        "print('first', flush=True); input(); print('second', flush=True)"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, **pipes) as process:
        assert process.stdout.readline() == b"first\n"
        process.stdout.close()  # as `head -1` does
        process.stdin.write(b"\n")
        process.stdin.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.slow
def test_an_environment_may_be_a_link_to_a_folder_elsewhere(tmp_path):
    (tmp_path / "environment").symlink_to(sys.prefix)
    program = "from learngpt_teaching.engine.sandbox import Warmed; w = Warmed(); w.import_ahead([]); w.close()"
    python = tmp_path / "environment" / "bin" / "python"
    done = subprocess.run([python, "-P", "-c", program], env=os.environ | {"PYTHONPATH": ROOT}, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.slow
@pytest.mark.parametrize("module", ["building", "grade", "report"])
def test_a_command_says_what_it_does(module):
    done = run(f"learngpt_teaching.{module}", "--help", cwd=ROOT)
    assert done.returncode == 0 and "--help-all" in done.stdout and "Traceback" not in done.stderr


def test_what_an_empty_budget_left_undone_is_not_kept(tmp_path, monkeypatch):
    """Its key is that of the same notebook in a submission that had time for it."""
    course = Course(SOURCE)
    name = min(course.notebooks)
    spent = Result(course.notebooks[name].node, cut_short=True)
    monkeypatch.setattr(grader_module, "warmed", lambda *arguments: None)
    monkeypatch.setattr(grader_module, "control", lambda *arguments: None)
    monkeypatch.setattr(grader_module, "grade_notebook", lambda *arguments: spent)
    grader = grader_module.Grader(course, Kept(tmp_path), StudentCode())
    job = Job(name, None, None, "", (), "en", "key")
    assert grader.begin(job, Budget(LIMITS)).result() is spent
    grader.close()
    assert not list(tmp_path.iterdir())


def test_nothing_of_a_students_moves_the_cursor_of_a_terminal():
    assert printable("\x1b[2J\x1b]0;title\x07\nforged line\r" + "x" * 1000).startswith("[2J ]0;title forged line x")
    assert len(printable("x" * 1000)) == 300


def test_no_point_is_lost_where_the_courses_own_answers_fail(tmp_path, monkeypatch):
    course = Course(SOURCE)
    name = min(course.notebooks)
    possible = course.notebooks[name].possible

    def fails(*arguments):
        raise Broken("The course's own answers fail.")

    monkeypatch.setattr(grader_module, "warmed", lambda *arguments: None)
    monkeypatch.setattr(grader_module, "control", fails)
    for lost in (0, 1):
        checks = {grade_id: Outcome(points - lost, points) for grade_id, points in possible.items()}
        result = Result(course.notebooks[name].node, checks=checks)
        monkeypatch.setattr(grader_module, "grade_notebook", lambda *arguments, result=result: result)
        grader = grader_module.Grader(course, Kept(tmp_path), StudentCode())
        future = grader.begin(Job(name, [], None, "", (), "en", f"key{lost}"), Budget(LIMITS))
        if lost:
            with pytest.raises(Broken, match="own answers fail"):
                future.result()
        else:
            assert future.result() is result
        grader.close()
    assert [path.stem for path in tmp_path.glob("*.json")] == ["key0"]


def test_gradebooks_of_one_database_share_an_engine(tmp_path, monkeypatch):
    """nbgrader opens about thirty for a submission; each engine of its own would compile all statements anew."""
    monkeypatch.setattr(api, "get_alembic_version", lambda: "")  # it starts a program for each new gradebook
    autograding.share_engine()
    url = f"sqlite:///{tmp_path}/gradebook.db"
    with api.Gradebook(url) as one, api.Gradebook(url) as other, api.Gradebook("sqlite://") as another:
        assert one.engine is other.engine is not another.engine


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("checks.averages_the_past(HeadVer2)", []),
        ("import math\nfrom learngpt import checks", []),
        ("checks = [1, 2]\nfor check in checks:\n    print(check)", []),
        ("import learngpt.week1.checks.heads as heads", ["imports from learngpt.week1.checks.heads"]),
        ("from learngpt.week1.checks.heads import softmax_of", ["imports from learngpt.week1.checks.heads"]),
        ("mine = checks", ["uses a part of the checks"]),
        ("import learngpt\nlearngpt.week1.checks.heads", ["uses a part of the checks"]),
        ("import_module('learngpt.week1.checks')", ["names learngpt.week1.checks"]),
        ("self.checks = ['learngpt']", []),
        ("checks.heads._mean_of_past(x)", ["uses a part of the checks"]),
        ("from concurrent.futures import ThreadPoolExecutor", ["imports concurrent.futures"]),
        ("import sys\nfor name in sys.modules:\n    print(name)", ["looks through sys.modules"]),
    ],
)
def test_what_an_instructor_may_want_to_read_is_noted(source, said):
    notebook = Course(SOURCE).notebooks["3-vectorizing"]
    rebuilt = rebuild(notebook.node, [Cell("code", source)])
    notes = list(running._notes(notebook, rebuilt))
    assert len(notes) == len(said) and all(words in note for words, note in zip(said, notes))


def test_notes_about_one_submission_do_not_bury_those_of_the_others():
    assert running._few(["one", "two", "one"]) == ["one", "two"]
    many = running._few(f"note {number}" for number in range(3_000))
    assert many == [*(f"note {number}" for number in range(10)), "Notes of this kind that were left out: 2,990."]
