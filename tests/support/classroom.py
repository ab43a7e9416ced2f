"""A course folder for tests of what stands around grading: its marks are written into the gradebook, nothing runs."""

import contextlib
import functools
import io
import json
import shutil
import tempfile
import warnings
from pathlib import Path

import nbformat
from jupyter_core.application import NoStart
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderApp
from sqlalchemy.exc import SAWarning

from tests.support import ROOT


def nbgrader(folder, *arguments):
    """Run one of nbgrader's commands in a folder and return what it printed.

    It runs in this process, because to start another one takes seconds.
    """
    said = io.StringIO()
    application = NbGraderApp.instance()
    try:
        with contextlib.chdir(folder), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            application.initialize(list(arguments))
            application.start()
    except NoStart:  # which jupyter raises when the command has run
        pass
    except SystemExit:
        raise AssertionError(said.getvalue()[-4000:]) from None
    finally:
        if application.subapp:
            application.subapp.clear_instance()
        NbGraderApp.clear_instance()
    return said.getvalue()


def make_course(folder):
    """The configuration, the release and a gradebook that knows the assignment."""
    folder.mkdir(exist_ok=True)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    shutil.copytree(ROOT / "release", folder / "release")
    (folder / "gradebook.db").write_bytes(_gradebook())
    return folder


@functools.cache
def _gradebook():
    """The bytes of a gradebook; to make one takes seconds, because nbgrader starts Alembic for it."""
    with tempfile.TemporaryDirectory() as folder, open_gradebook(Path(folder)) as gradebook:
        gradebook.add_assignment("week1")
        for path in sorted((ROOT / "source" / "week1").glob("*.ipynb")):
            gradebook.add_notebook(path.stem, "week1")
            for cell in nbformat.read(path, 4).cells:
                marks = cell.metadata.get("nbgrader", {})
                where = {"notebook": path.stem, "assignment": "week1"}
                if marks.get("grade"):
                    gradebook.add_grade_cell(marks.grade_id, **where, max_score=marks.points, cell_type=cell.cell_type)
                if marks.get("solution"):
                    gradebook.add_solution_cell(marks.grade_id, **where)
        return Path(folder, "gradebook.db").read_bytes()


def open_gradebook(folder):
    return Gradebook(f"sqlite:///{folder / 'gradebook.db'}", "learngpt")


def mark(folder, student, lost=(), **about):
    """Write a submission with full marks into the gradebook, but for the lost checks."""
    with open_gradebook(folder) as gradebook, warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # nbgrader 0.9.6 adds to sessions in an order that 2.1 notes
        gradebook.update_or_create_student(student, **about)
        submission = gradebook.update_or_create_submission("week1", student)
        for notebook in submission.notebooks:
            for grade in notebook.grades:
                grade.auto_score = 0 if grade.name in lost else grade.max_score
                grade.needs_manual_grade = False
        gradebook.db.commit()


def notebook_bytes(name="1-bigram", said=""):
    """A released notebook with a word of its own in the first solution cell."""
    notebook = json.loads((ROOT / "release" / "week1" / f"{name}.ipynb").read_text())
    notebook["cells"][0]["source"].append(f"\n{said}")
    return json.dumps(notebook).encode()
