"""A run with nothing to grade ends at once, and only where nothing at all has changed."""

import os
import shutil

import pytest

from learngpt_teaching import unchanged
from tests.support import ROOT

EARLIER = 1_700_000_000
SAID = "The course is open.\n1 submission, 0 of them new or changed."


def overwrite(path, text="something else"):
    """Other contents of the same length, and the time of the old ones."""
    path.write_text((text * 1000)[: path.stat().st_size])
    os.utime(path, (EARLIER, EARLIER))


@pytest.fixture
def course(tmp_path):
    """A folder that looks like a course after a run."""
    for name in ("source/week1/1.ipynb", "submitted/ada/week1/1.ipynb", "autograded/ada/week1/1.ipynb"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(f"{name}\n" * 5)
        os.utime(tmp_path / name, (EARLIER, EARLIER))
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    (tmp_path / "gradebook.db").write_bytes(b"marks" * 100)
    unchanged.note(tmp_path, "week1", unchanged.before(tmp_path, "week1"), SAID)
    return tmp_path


def test_nothing_is_new_where_nothing_changed(course):
    assert unchanged.since(course, "week1") == SAID
    assert unchanged.since(course, "week2") == ""


@pytest.mark.parametrize(
    "change",
    [
        lambda course: overwrite(course / "submitted/ada/week1/1.ipynb"),
        lambda course: overwrite(course / "source/week1/1.ipynb"),
        lambda course: overwrite(course / "gradebook.db"),
        lambda course: overwrite(course / "nbgrader_config.py"),
        lambda course: (course / "submitted/ada/week1/timestamp.txt").write_text("2026-11-26 12:00:00 UTC"),
        lambda course: (course / "submitted/eve/week1").mkdir(parents=True),
        lambda course: shutil.rmtree(course / "submitted/ada"),
        lambda course: shutil.rmtree(course / "autograded/ada"),
        lambda course: (course / "release/week1").mkdir(parents=True),
        lambda course: course.chmod(0o700 if course.stat().st_mode & 0o077 else 0o755),
    ],
    ids=["submission", "course", "gradebook", "settings", "time", "student", "gone", "ungraded", "release", "closed"],
)
def test_what_changed_is_looked_at(course, change):
    change(course)
    assert unchanged.since(course, "week1") == ""


def test_what_came_in_during_a_run_is_new(course):
    begun = unchanged.before(course, "week1")
    overwrite(course / "submitted/ada/week1/1.ipynb")
    unchanged.note(course, "week1", begun, SAID)
    assert unchanged.since(course, "week1") == ""


def test_a_damaged_note_says_nothing(course):
    [place] = (course / "autograded/.results").glob("*.unchanged")
    place.write_text(SAID)
    assert unchanged.since(course, "week1") == ""
