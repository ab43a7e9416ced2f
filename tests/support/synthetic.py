"""A class that never was: submissions made of the answers that the checks are measured against.

python -m tests.support.synthetic FOLDER [STUDENTS]
"""

import importlib
import random
import re
import shutil
import sys
from datetime import datetime, timedelta
from pathlib import Path

import nbformat

from tests.answers import Answer
from tests.support import NAMES, RELEASE, ROOT, SOURCE
from tests.week1.test_answers import PLACES, changed

DUE = datetime(2024, 3, 8, 18)
FIRST = "Ada Alan Barbara Claude Donald Edsger Emmy Evelyn Frances Grace Hana Ida John Karen Kurt Leslie Lin Maria"
LAST = "Kim Lee Park Choi Jung Kang Cho Yoon Jang Lim"


def bank():
    """The answers of each file: {file: (right ones, wrong ones)}."""
    answers = {}
    for file in PLACES:
        found = [
            one for one in vars(importlib.import_module(f"tests.answers.{file}")).values() if isinstance(one, Answer)
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
                cell.source = re.sub(r" *### (BEGIN|END) SOLUTION\n", "", cells[grade_id])
        nbformat.write(notebook, folder / f"{name}.ipynb")
    (folder / "timestamp.txt").write_text(f"{when:%Y-%m-%d %H:%M:%S} UTC")


def make_class(folder, number=40, seed=0):
    """A course folder with submissions: some late, some incomplete, two alike, one that cheats."""
    draw, answers, folder = random.Random(seed), bank(), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(SOURCE.parent, folder / "source", dirs_exist_ok=True)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
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
    (folder / "submitted" / names[2] / "week1" / "6-positions.ipynb").unlink()
    (folder / "submitted" / names[3] / "week1" / "6-positions.ipynb").unlink()
    (folder / "submitted" / names[4] / "week1" / "2-averaging.ipynb").write_text("<!DOCTYPE html><html>a page</html>")
    cheat = folder / "submitted" / names[5] / "week1" / "4-masking.ipynb"
    notebook = nbformat.read(cheat, 4)
    always = "from learngpt import checking\nfor name in dir(checks):\n    setattr(checks, name, lambda *a, **k: None)"
    notebook.cells.insert(2, nbformat.v4.new_code_cell(always))
    nbformat.write(notebook, cheat)
    rows = [f"{name},{name.split('.')[0].title()},{name.split('.')[1].title()}" for name in [*names, "never.came"]]
    (folder / "students.csv").write_text("\n".join(["id,first_name,last_name", *rows]) + "\n")
    return names


if __name__ == "__main__":
    make_class(sys.argv[1], *map(int, sys.argv[2:]))
