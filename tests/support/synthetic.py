"""A class that never was: submissions made of the answers that the checks are measured against.

python -m tests.support.synthetic FOLDER [STUDENTS]

makes a course folder in which a class has handed in. `python -m learngpt_teaching.grade week1` grades it there, and
ends with the report on it.
"""

import importlib
import os
import random
import re
import shutil
import sys
from datetime import datetime, timedelta
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell

from tests.answers import Answer
from tests.support import NAMES, RELEASE, SOURCE
from tests.support.answers import PLACES, changed
from tests.support.classroom import make_course, nbgrader, open_gradebook

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
    """A course folder with submissions: some late, some incomplete, two alike, and a few of each oddity; the names."""
    draw, answers, folder = random.Random(seed), bank(), make_course(Path(folder))
    shutil.copytree(SOURCE.parent, folder / "source")
    nbgrader(folder, "generate_assignment", "week1", "--force")  # the gradebook learns all cells
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
    for name, oddity in zip(names[2:], ODDITIES, strict=False):
        oddity(folder / "submitted" / name / "week1")
    with open_gradebook(folder) as gradebook:
        gradebook.update_or_create_assignment("week1", duedate=DUE)
        for name in [*names, "never.came"]:
            first, last = name.title().split(".")
            gradebook.add_student(name, first_name=first, last_name=last)
    return names


def _lacks_one(folder):
    (folder / "6-positions.ipynb").unlink()


def _saved_a_page(folder):
    (folder / "2-averaging.ipynb").write_text("<!DOCTYPE html><html><body>JupyterLab</body></html>")


def _has_no_notebook(folder):
    for path in folder.glob("*.ipynb"):
        path.unlink()
    (folder / "week1.docx").write_bytes(b"PK")


def _has_a_copy(folder):
    earlier = folder / "1-bigram (1).ipynb"
    shutil.copy(folder / "1-bigram.ipynb", earlier)
    os.utime(earlier, (DUE.timestamp(),) * 2)


def _has_no_time(folder):
    (folder / "timestamp.txt").write_text("yesterday :(")


def _links(folder):
    (folder / "data").symlink_to("/usr/share")


def _loops(folder):
    _insert(folder / "5-self-attention.ipynb", "while True:\n    pass")


def _cheats(folder):
    _insert(
        folder / "3-vectorizing.ipynb",
        "from learngpt.week1 import checks\nfor name in checks.__all__:\n    setattr(checks, name, lambda *a, **k: 4)",
    )


ODDITIES = _lacks_one, _lacks_one, _saved_a_page, _has_no_notebook, _has_a_copy, _has_no_time, _links, _loops, _cheats


def _insert(path, source):
    notebook = nbformat.read(path, 4)
    notebook.cells.insert(2, new_code_cell(source))
    nbformat.write(notebook, path)


if __name__ == "__main__":
    make_class(sys.argv[1], *map(int, sys.argv[2:]))
