"""What a student reads is said in the student's language, what an instructor reads of it in English."""

import nbformat
import pytest

from learngpt.language import speaking
from learngpt_teaching import feedback
from learngpt_teaching.course import Course
from learngpt_teaching.engine.running import Budget, grade_notebook
from learngpt_teaching.engine.sandbox import LIMITS
from learngpt_teaching.feedback import points, words
from learngpt_teaching.own_work import Pages, _graded
from learngpt_teaching.results import SET_ASIDE, UNREADABLE
from learngpt_teaching.submissions import jobs
from tests.support import SOURCE
from tests.support.foreign import FOREIGN, teach

NAME = "1-bigram"
COURSE = Course(SOURCE)


class NoMachine:
    def sandbox(self, what):
        raise MemoryError("full")


@pytest.fixture
def job(tmp_path):
    (tmp_path / f"{NAME}.ipynb").write_bytes(b"<<<<<<< mine\n")
    return jobs(COURSE, tmp_path, LIMITS)[NAME]


def graded(job, cells, monkeypatch):
    teach(monkeypatch)
    return grade_notebook(COURSE, NAME, cells, job.missing, NoMachine(), LIMITS, language=FOREIGN)


def test_a_file_that_cannot_be_read_says_so_in_both(job, monkeypatch):
    result = graded(job, None, monkeypatch)
    assert result.verdict == UNREADABLE
    assert result.reason.startswith("The file has the marks of a merge conflict of git, the first in line 1")
    assert {outcome.message for outcome in result.checks.values()} == {f"«{result.reason}»"}
    assert any(cell.source == "# «This cell is not in the submission.»" for cell in result.notebook.cells)


def test_so_does_a_notebook_that_the_machine_could_not_grade(job, monkeypatch):
    result = graded(job, [], monkeypatch)
    assert (result.verdict, result.reason) == (SET_ASIDE, "The grader failed with MemoryError('full')")
    said = (
        "«This notebook could not be graded, through no fault of yours: «The grader failed with MemoryError('full')»»"
    )
    assert {outcome.message for outcome in result.checks.values()} == {said}


def test_what_ends_a_run_is_said_when_it_ends(monkeypatch):
    teach(monkeypatch)
    budget = Budget({"wall": 300, "cpu": 120})
    budget.spend(cpu=121)
    assert budget.over == "This submission computed for more than 120 seconds; the rest of it was not run."
    with speaking(FOREIGN):
        assert budget.over.startswith("«This submission")


def test_pages_speak_it(job, tmp_path, monkeypatch):
    result = graded(job, None, monkeypatch)
    result.notebook.metadata.learngpt.language = FOREIGN
    monkeypatch.setattr(feedback, "known", lambda: [FOREIGN])
    with speaking(FOREIGN):
        each, pages = _graded(COURSE, job, result), Pages(tmp_path / "pages")
        pages.write(each)
        first = pages.write_first([each])
    most = sum(outcome.possible for outcome in result.checks.values())
    page = first.read_text()
    assert '<html lang="xx">' in page and f"«{NAME}: 0 of {most:g}»" in page and "«Graded: 1-bigram.ipynb»" in page
    page = (tmp_path / "pages" / f"{NAME}.html").read_text()
    assert '<html lang="xx">' in page and f"«{NAME}: 0 of {most:g} points»" in page and "«✗ 0 of " in page
    assert "all notebooks" not in page  # whose sum only a gradebook knows


def test_words_and_points_speak_it(monkeypatch):
    teach(monkeypatch)
    mark = {"grade_id": "one", "score": 1, "points": 2, "by_hand": True, "waits": True}
    cell = nbformat.v4.new_code_cell(metadata={"nbgrader": mark})
    with speaking(FOREIGN):
        assert words(cell, {}) == (
            "«Your instructor gave these points.» «They are for what you handed in before, and are looked at again.»"
        )
        assert points(cell) == ("lost", "«✗ 1 of 2»")
