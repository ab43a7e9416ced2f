"""When a submission came in, when it was due, and what of that a mark depends on."""

import logging
import os
import stat
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook, MissingEntry, SubmittedAssignment
from nbgrader.preprocessors import AssignLatePenalties
from nbgrader.utils import parse_utc

TIMESTAMP = "timestamp.txt"
NO_TIME = "not a time.txt"  # what a timestamp.txt is called that nbgrader couldn't read
MOST_BYTES = 200
Log = logging.Logger | logging.LoggerAdapter[Any]


def read_time(folder: Path | str) -> tuple[datetime | None, str]:
    """The time of a submission, from the file that nbgrader's exchange puts there.

    Args:
        folder: of the submission.

    Returns:
        (datetime in UTC or None, why there is none although there is a file, else "")
    """
    try:
        file = os.open(Path(folder) / TIMESTAMP, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None, ""
    except OSError:
        return None, "is no ordinary file"
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return None, "is no ordinary file"
        raw = os.read(file, MOST_BYTES + 1)
    finally:
        os.close(file)
    try:
        text = raw.decode("utf-8").strip()
        time = parse_utc(text) if text and len(raw) <= MOST_BYTES else None
    except UnicodeDecodeError:
        return None, "isn't UTF-8"
    except (ValueError, OverflowError, TypeError, AttributeError):  # what dateutil raises at odd text
        time = None
    return time, "" if time else f"isn't a time: {_printable(text)!r}"


def put_bad_time_aside(folder: Path | str) -> str:
    """Rename a timestamp.txt that nbgrader would stop at, so that the submission is graded, without a time.

    Returns:
        a sentence that says so, or "" where nothing was to do.
    """
    _, why = read_time(folder)
    if not why:
        return ""
    folder, number = Path(folder), 1
    target = folder / NO_TIME
    while os.path.lexists(target):
        number += 1
        target = folder / NO_TIME.replace(".", f" {number}.")
    os.rename(folder / TIMESTAMP, target)
    return (
        f"{folder.parent.name}: {TIMESTAMP} {why}. Graded without a time, so never as late."
        f' Correct "{target.name}" and rename it back to set one.'
    )


def has_no_time(folder: Path | str) -> list[str]:
    """A sentence, in a list, for a submission whose time was put aside and not set since; else []."""
    aside = (Path(folder) / NO_TIME).exists() and not (Path(folder) / TIMESTAMP).exists()
    return [f"It was graded without a time: {TIMESTAMP} was none. Correct “{NO_TIME}”."] if aside else []


def dates(gradebook: Gradebook, assignment: str, student: str, folder: Path | str) -> str:
    """All that a late penalty depends on, as text: it changes where a mark must be written anew.

    Args:
        gradebook: an open Gradebook.
        folder: of the submission.
    """
    try:
        duedate = gradebook.find_assignment(assignment).duedate
        extension = gradebook.find_submission(assignment, student).extension
    except MissingEntry:
        duedate = extension = None
    time, _ = read_time(folder)
    return f"{time} {duedate} {extension}"


def late(submission: SubmittedAssignment) -> str:
    """How late a submission was and what that costs, in one line; "" where it wasn't.

    Args:
        submission: of nbgrader's gradebook.
    """
    seconds = submission.total_seconds_late
    if not seconds:
        return ""
    penalty = submission.late_submission_penalty or 0
    cost = f"{penalty:g} points less" if penalty else "no penalty"
    return f"{timedelta(seconds=round(seconds))} late, {cost}"


class QuietPenalties(AssignLatePenalties):
    """nbgrader's own, which warns twice for each notebook: here the one line of `late` says it.

    What is known to be in time and to have no penalty needs no look into the gradebook; most submissions are.
    """

    log: Log

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.log = _WarningsAsInfo(self.log, {})

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        return (nb, resources) if resources["nbgrader"].get("in_time") else super().preprocess(nb, resources)


class _WarningsAsInfo(logging.LoggerAdapter[Log]):
    def warning(self, *arguments: Any, **options: Any) -> None:
        self.info(*arguments, **options)


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:60]
