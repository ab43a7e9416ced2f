"""A course folder for tests of what stands around grading: its marks are written into the gradebook, nothing runs."""

import json
import shutil
import subprocess
import sys
import warnings

import nbformat
from nbgrader.api import Gradebook
from sqlalchemy.exc import SAWarning

from tests.support import ROOT


def nbgrader(folder, *arguments):
    """Run one of nbgrader's commands in a folder and return what it printed."""
    done = subprocess.run([sys.executable, "-m", "nbgrader", *arguments], cwd=folder, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-4000:]
    return said


def make_course(folder):
    """The configuration, the release and a gradebook that knows the assignment."""
    folder.mkdir(exist_ok=True)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    shutil.copytree(ROOT / "release", folder / "release")
    with open_gradebook(folder) as gradebook:
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
    return folder


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
