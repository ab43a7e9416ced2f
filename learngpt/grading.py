"""Grade the notebooks of a folder the way an instructor does, and leave the folder as it is.

python -m learngpt.grading work/week1
"""

import logging
import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import nbformat
from nbconvert.filters import strip_ansi
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import SAWarning
from traitlets.config import PyFileConfigLoader

from learngpt.carrying import ASSIGNMENT

COURSE = Path(__file__).resolve().parent.parent
LEARNER = "you"


def grade(folder):
    """Autograde a copy of a folder's notebooks, hidden tests included, with a gradebook of its own.

    Args:
        folder: where the notebooks lie.

    Returns:
        list of (notebook, check, points, possible points, message), the message being "" for a check that passed.

    Raises:
        FileNotFoundError: there is no notebook in the folder, or no course around this package.
    """
    folder = Path(folder).resolve()
    if not (COURSE / "source" / ASSIGNMENT).is_dir():
        raise FileNotFoundError("The hidden tests are in the course's source/, which an installed package hasn't got.")
    notebooks = sorted(folder.glob("*.ipynb"))
    if not notebooks:
        raise FileNotFoundError(f"There is no notebook in {folder}. `make lab` puts the six of the course there.")
    with tempfile.TemporaryDirectory() as root:
        root = Path(root).resolve()
        shutil.copytree(COURSE / "source" / ASSIGNMENT, root / "source" / ASSIGNMENT)
        submitted = root / "submitted" / LEARNER / ASSIGNMENT
        submitted.mkdir(parents=True)
        for notebook in notebooks:
            shutil.copy(notebook, submitted)
        coursedir = _autograde(root)
        return list(_results(coursedir, root / "autograded" / LEARNER / ASSIGNMENT))


def _autograde(root):
    # nbgrader starts `alembic` by its name alone, which lies beside this Python.
    os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
    config = PyFileConfigLoader("nbgrader_config.py", str(COURSE)).load_config()
    config.CourseDirectory.root = str(root)
    coursedir = CourseDirectory(config=config, assignment_id=ASSIGNMENT, student_id=LEARNER)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # nbgrader 0.9.6 adds to sessions in an order that 2.1 notes
        for step in (GenerateAssignment, Autograde):
            converter = step(coursedir=coursedir, config=config)
            converter.log.setLevel(logging.CRITICAL)
            converter.start()
    return coursedir


def _results(coursedir, autograded):
    with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
        for notebook in gradebook.find_submission(ASSIGNMENT, LEARNER).notebooks:
            path = autograded / f"{notebook.name}.ipynb"
            messages = _messages(path) if path.is_file() else None
            for points in notebook.grades:
                message = (
                    "there is no such notebook in the folder" if messages is None else messages.get(points.name, "")
                )
                yield notebook.name, points.name, points.score, points.max_score, message


def _messages(path):
    """What the failed checks of an autograded notebook said, by grade id."""
    messages = {}
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
                lines = strip_ansi("\n".join(output.traceback)).split("\n")
                explained = lines[0].startswith("✗ ")
                messages[grade_id] = (
                    "\n".join(lines).removeprefix("✗ ") if explained else f"{output.ename}: {output.evalue}"
                )
    return messages


def main(folder):
    print(f"Grading a copy of {folder} with the hidden tests. This takes about half a minute.", flush=True)
    try:
        results = grade(folder)
    except FileNotFoundError as error:
        sys.exit(str(error))
    for notebook in dict.fromkeys(row[0] for row in results):
        rows = [row[1:] for row in results if row[0] == notebook]
        print(f"\n{notebook}: {sum(row[1] for row in rows):g} of {sum(row[2] for row in rows):g} points")
        for check, points, possible, message in rows:
            print(f"  {'✓' if points == possible else '✗'} {points:2g} / {possible:g}  {check.replace('_', ' ')}")
            if points < possible and message:
                print("\n".join(f"            {line}" for line in message.strip().split("\n")))
    print(f"\nIn all: {sum(row[2] for row in results):g} of {sum(row[3] for row in results):g} points")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else f"work/{ASSIGNMENT}")
