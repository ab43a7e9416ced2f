"""A class that never was: submissions made of the answers that the checks are measured against.

python -m tests.support.synthetic FOLDER [STUDENTS]

makes a course folder and marks it, with the checks alone and in this process: the answers are our own. What the grader
does to a class has its own tests.
"""

import contextlib
import functools
import importlib
import os
import random
import re
import shutil
import sys
from datetime import datetime, timedelta
from pathlib import Path

import nbformat
from nbformat.v4 import new_output

from tests.answers import Answer
from tests.support import NAMES, RELEASE, SOLVED, SOURCE
from tests.support.answers import PLACES, changed
from tests.support.classroom import make_course, open_gradebook

DUE = datetime(2024, 3, 8, 18)
FIRST = "Ada Alan Barbara Claude Donald Edsger Emmy Evelyn Frances Grace Hana Ida John Karen Kurt Leslie Lin Maria"
LAST = "Kim Lee Park Choi Jung Kang Cho Yoon Jang Lim"


def bank():
    """The answers of each file: {file: (right ones, wrong ones)}."""
    answers = {}
    for file in PLACES:
        found = [
            one
            for one in vars(importlib.import_module(f"tests.answers.week1.{file}")).values()
            if isinstance(one, Answer)
        ]
        answers[file] = [one for one in found if not one.check], [one for one in found if one.check]
    return answers


def submission(draw, answers):
    """{notebook: its solution cells by grade id}, as one student might write them; a TODO may be left as it was."""
    written = {name: {} for name in NAMES}
    skill = draw.betavariate(5, 2)
    for file, (right, wrong) in answers.items():
        name, grade_id, part = PLACES[file]
        luck = draw.random()
        if luck > skill + 0.35:
            continue
        source = written[name].get(grade_id) or solution(name, grade_id)
        if luck > skill:
            source = changed(source, part, draw.choice(wrong))
        elif draw.random() < 0.5:
            source = changed(source, part, draw.choice(right))
        written[name][grade_id] = source
    return written


def solution(name, grade_id):
    cells = nbformat.read(SOURCE / f"{name}.ipynb", 4).cells
    return next(cell.source for cell in cells if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def write(folder, written, when):
    folder.mkdir(parents=True)
    for name, cells in written.items():
        notebook = nbformat.read(RELEASE / f"{name}.ipynb", 4)
        for cell in notebook.cells:
            grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
            if grade_id in cells:
                cell.source = re.sub(r"\n? *### (BEGIN|END) SOLUTION", "", cells[grade_id])
        nbformat.write(notebook, folder / f"{name}.ipynb")
    (folder / "timestamp.txt").write_text(f"{when:%Y-%m-%d %H:%M:%S} UTC")


def make_class(folder, number=40, seed=0):
    """A course folder with submissions: some late, some incomplete, two alike, one that cheats; the names."""
    draw, answers, folder = random.Random(seed), bank(), make_course(Path(folder))
    shutil.copytree(SOURCE.parent, folder / "source", dirs_exist_ok=True)
    names = [f"{first.lower()}.{last.lower()}" for last in LAST.split() for first in FIRST.split()]
    names = draw.sample(names, number)
    work = {name: submission(draw, answers) for name in names}
    work[names[1]] = {
        notebook: {key: source.replace("out", "result").replace("scores", "s") for key, source in cells.items()}
        for notebook, cells in work[names[0]].items()
    }
    for name, written in work.items():
        late = timedelta(hours=draw.expovariate(0.05) * (1 if draw.random() < 0.12 else -1))
        write(folder / "submitted" / name / "week1", written, DUE + late)
    odd = {
        (names[2], "6-positions"): ("unreadable", "There is no file 6-positions.ipynb in the submission."),
        (names[3], "6-positions"): ("unreadable", "There is no file 6-positions.ipynb in the submission."),
        (names[4], "2-averaging"): ("unreadable", "The file is a web page, not the notebook that the page showed."),
        (names[5], "4-masking"): ("set aside", "A wrong answer of ours passed the check head_v3_rows_sum_to_one."),
        (names[6], "3-vectorizing"): ("differs", "The exam says no to head_v2_equals_the_loops, and its check yes."),
    }
    with open_gradebook(folder) as gradebook:
        gradebook.update_or_create_assignment("week1", duedate=DUE)
        for name in [*names, "never.came"]:
            first, last = name.title().split(".")
            gradebook.add_student(name, first_name=first, last_name=last)
        for name, written in work.items():
            mark(gradebook, folder, name, written, odd)
        gradebook.db.commit()
    return names


def mark(gradebook, folder, student, written, odd):
    """Write a submission's autograded notebooks, and its marks into the gradebook, as grading does."""
    time = (folder / "submitted" / student / "week1" / "timestamp.txt").read_text()
    submission = gradebook.add_submission("week1", student, timestamp=time)
    for submitted in submission.notebooks:
        name = submitted.name
        notebook = nbformat.read(SOURCE / f"{name}.ipynb", 4)
        sources = tuple(_source(cell, written[name]) for cell in notebook.cells)
        verdict, reason = odd.get((student, name), ("graded", ""))
        errors = {} if verdict in ("unreadable", "set aside") else run(name, sources)
        grades = {grade.name: grade for grade in submitted.grades}
        for number, (cell, source) in enumerate(zip(notebook.cells, sources)):
            cell.source = source
            grade = grades.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
            if grade is None:
                continue
            error = errors.get(number) if verdict in ("graded", "differs") else ("CheckFailed", reason, [f"✗ {reason}"])
            grade.auto_score, grade.needs_manual_grade = 0 if error else grade.max_score, verdict == "set aside"
            if error:
                name_, value, lines = error
                cell.outputs = [new_output("error", ename=name_, evalue=value, traceback=lines)]
        notebook.metadata["learngpt"] = {"verdict": verdict, "reason": reason}
        path = folder / "autograded" / student / "week1" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)


def _source(cell, cells):
    marks = cell.metadata.get("nbgrader", {})
    if not marks.get("solution"):
        return cell.source
    empty = re.sub(r"### BEGIN SOLUTION.*?### END SOLUTION", "raise NotImplementedError()", cell.source, flags=re.S)
    return cells.get(marks["grade_id"], empty)


@functools.cache
def run(name, sources):
    """What the graded cells of a notebook say to its solution cells: {number of the cell: (name, text, lines)}."""
    notebook, namespace, errors = nbformat.read(SOURCE / f"{name}.ipynb", 4), {}, {}
    with contextlib.chdir(SOLVED), open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        for number, (cell, source) in enumerate(zip(notebook.cells, sources)):
            marks = cell.metadata.get("nbgrader")
            if cell.cell_type != "code" or not marks:
                continue
            try:
                exec(source, namespace)
            except Exception as error:
                lines = getattr(error, "_render_traceback_", lambda error=error: [repr(error)])()
                errors[number] = (type(error).__name__, str(error), lines)
    return errors


if __name__ == "__main__":
    make_class(sys.argv[1], *map(int, sys.argv[2:]))
