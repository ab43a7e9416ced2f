"""Times of submissions: a bad one costs nothing, and what a penalty depends on is seen when it changes."""

import logging
import os
from datetime import datetime
from types import SimpleNamespace

import nbformat
import pytest
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import BasePlugin
from traitlets.config import Config

from learngpt_teaching.autograding import SaveMarks
from learngpt_teaching.times import QuietPenalties, dates, late, put_bad_time_aside, read_time
from tests.support import ROOT
from tests.support.classroom import make_course, mark, open_gradebook


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "submitted" / "ada" / "week1"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    "text, time",
    [
        ("2024-03-05 14:22:33.123456 UTC", datetime(2024, 3, 5, 14, 22, 33, 123456)),
        ("2024-03-05 14:22:33 Asia/Seoul\n", datetime(2024, 3, 5, 5, 22, 33)),
        ("2024-03-05 14:22:33", datetime(2024, 3, 5, 14, 22, 33)),
    ],
)
def test_a_good_time_is_read_and_stays(folder, text, time):
    (folder / "timestamp.txt").write_text(text)
    assert read_time(folder) == (time, "")
    assert put_bad_time_aside(folder) == ""
    assert (folder / "timestamp.txt").read_text() == text


@pytest.mark.parametrize(
    "raw, why",
    [
        (b"garbage :(", "isn't a time: 'garbage :('"),
        (b"\xff\xfe2\x000", "isn't UTF-8"),
        (b"", "isn't a time: ''"),
        (b"9" * 50, "isn't a time"),
        (b"2024-03-05 14:22:33 +999999999", "isn't a time"),
        (b"2024-03-05\n" * 1000, "isn't a time"),
        (b"\x1b[2J", "isn't a time: '?[2J'"),
    ],
)
def test_a_bad_time_is_put_aside_and_named(folder, raw, why):
    (folder / "timestamp.txt").write_bytes(raw)
    said = put_bad_time_aside(folder)
    assert said.startswith(f"ada: timestamp.txt {why}") and "Graded without a time" in said
    assert [path.name for path in folder.iterdir()] == ["not a time.txt"]
    (folder / "timestamp.txt").write_bytes(raw)
    assert '"not a time 2.txt"' in put_bad_time_aside(folder)


def test_a_folder_a_pipe_or_a_link_of_that_name_is_put_aside(folder, tmp_path):
    (folder / "timestamp.txt").mkdir()
    assert "is no ordinary file" in put_bad_time_aside(folder)
    os.mkfifo(folder / "timestamp.txt")
    assert "is no ordinary file" in put_bad_time_aside(folder)
    (folder / "timestamp.txt").symlink_to(tmp_path / "nowhere")
    assert "is no ordinary file" in put_bad_time_aside(folder)


def test_no_time_is_no_fault(folder):
    assert read_time(folder) == (None, "") and put_bad_time_aside(folder) == ""


def test_what_a_penalty_depends_on_is_seen_to_change(tmp_path, folder):
    course = make_course(tmp_path / "course")
    mark(course, "ada")

    def seen():
        with open_gradebook(course) as gradebook:
            return dates(gradebook, "week1", "ada", folder)

    states = [seen()]
    (folder / "timestamp.txt").write_text("2024-03-05 14:22:33 UTC")
    states.append(seen())
    with open_gradebook(course) as gradebook:
        gradebook.update_or_create_assignment("week1", duedate="2024-03-01")
    states.append(seen())
    with open_gradebook(course) as gradebook:
        gradebook.grant_extension("week1", "ada", days=2)
    states.append(seen())
    assert len(set(states)) == 4
    assert seen() == seen()


def test_a_late_student_is_one_line():
    student = SimpleNamespace(id="dora")
    submission = SimpleNamespace(student=student, total_seconds_late=127410.2, late_submission_penalty=20.0)
    assert late(submission) == "1 day, 11:23:30 late, 20 points less"
    submission.late_submission_penalty = None
    assert late(submission) == "1 day, 11:23:30 late, no penalty"
    submission.total_seconds_late = 0
    assert late(submission) == ""


class TenPercentADay(BasePlugin):
    """The rule that the instructor's page shows."""

    def late_submission_penalty(self, student_id, score, total_seconds_late):
        days = -(-total_seconds_late // 86_400)  # a day that has begun counts
        return min(score, score * 0.1 * days)


@pytest.mark.parametrize(
    "options, penalty",
    [
        ({}, 0),
        ({"LateSubmissionPlugin": {"penalty_method": "zero"}}, 15),
        ({"AssignLatePenalties": {"plugin_class": TenPercentADay}}, 3),
    ],
)
def test_a_penalty_is_nbgraders_and_its_warnings_are_quiet(tmp_path, caplog, options, penalty):
    course = make_course(tmp_path / "course")
    mark(course, "dora")
    with open_gradebook(course) as gradebook:
        gradebook.update_or_create_assignment("week1", duedate="2024-03-01 12:00:00")
        gradebook.update_or_create_submission("week1", "dora", timestamp="2024-03-02 13:00:00")
    about = {"notebook": "1-bigram", "assignment": "week1", "student": "dora"}
    resources = {"nbgrader": about | {"db_url": f"sqlite:///{course / 'gradebook.db'}"}}
    QuietPenalties(config=Config(options)).preprocess(nbformat.v4.new_notebook(), resources)
    with open_gradebook(course) as gradebook:
        assert gradebook.find_submission("week1", "dora").late_submission_penalty == penalty
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_penalty_goes_where_a_submission_is_in_time_after_all(tmp_path):
    course = make_course(tmp_path / "course")
    mark(course, "dora")
    with open_gradebook(course) as gradebook:
        gradebook.update_or_create_assignment("week1", duedate="2024-03-01 12:00:00")
    converter = Autograde(coursedir=CourseDirectory(root=str(course)))
    steps = SaveMarks(parent=converter), QuietPenalties(config=Config(LateSubmissionPlugin={"penalty_method": "zero"}))
    about = {"notebook": "1-bigram", "assignment": "week1", "student": "dora"}

    def penalty(when):
        """Of a submission of that time, after nbgrader's steps: and what is left of 15 points."""
        with open_gradebook(course) as gradebook:
            gradebook.update_or_create_submission("week1", "dora", timestamp=when)
        graded = nbformat.read(ROOT / "release" / "week1" / "1-bigram.ipynb", 4)
        resources = {"nbgrader": about | {"db_url": f"sqlite:///{course / 'gradebook.db'}"}}
        for step in steps:
            graded, resources = step.preprocess(graded, resources)
        with open_gradebook(course) as gradebook:
            found = gradebook.find_submission_notebook("1-bigram", "week1", "dora")
            return found.score, found.late_submission_penalty

    late, in_time = "2024-03-02 13:00:00", "2024-02-28 13:00:00"
    assert penalty(in_time) == (15, None)
    assert penalty(late) == (15, 15)
    assert penalty(in_time) == (15, None)
    with open_gradebook(course) as gradebook:
        gradebook.grant_extension("week1", "dora", days=0)
    assert penalty(late) == (15, 15)
    aside = course / "submitted" / "dora" / "week1" / "not a time.txt"
    aside.parent.mkdir(parents=True)
    aside.write_text("tomorrow-ish")  # so it has no time, whatever it had before
    assert penalty(late) == (15, None)
