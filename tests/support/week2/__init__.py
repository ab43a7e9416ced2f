"""A second assignment of two small notebooks, put into a copy of the course; not a line of the engine is changed."""

import shutil
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.support import ROOT

HERE = Path(__file__).parent
CLASSES = {"Doubled": ("doubling", 7, 2, "HeadVer1"), "Tripled": ("tripling", 8, 3, "Doubled")}
TODOS = {name: number for name, (_, number, *_) in CLASSES.items()}
ANSWERS = '''"""What goes into {name}.__call__."""

from tests.answers import right, wrong

CLASS = "{name}"


@wrong("forgets to multiply", "{grade_id}", "comes back as it is")
def forgets(self, x):
    return HeadVer1()(x)


@right("multiplies")
def multiplies(self, x):
    return {factor} * HeadVer1()(x)
'''


def grade_id(name):
    return {"Doubled": "doubled_is_twice_the_mean", "Tripled": "tripled_is_thrice_the_mean"}[name]


def make_course(folder):
    """A copy of the course with `week2` in it: two rooms, two notebooks, their answers."""
    for name in ("learngpt", "learngpt_teaching", "source", "release", "notebooks", "data"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    shutil.copytree(ROOT / "tests" / "answers", folder / "tests" / "answers")
    room, exam = folder / "learngpt" / "week2", folder / "learngpt_teaching" / "week2"
    answers, source = folder / "tests" / "answers" / "week2", folder / "source" / "week2"
    for each in (room / "checks", exam, answers, source):
        each.mkdir(parents=True)
    (room / "__init__.py").write_text(f'"""What belongs to week2 alone."""\n\nTODOS = {TODOS}\n')
    shutil.copy(HERE / "checks.py", room / "checks" / "__init__.py")
    (exam / "__init__.py").touch()
    shutil.copy(HERE / "exam.py", exam)
    for name, (file, number, factor, carried) in CLASSES.items():
        about = {"name": name, "grade_id": grade_id(name), "factor": factor}
        (answers / f"{name.lower()}.py").write_text(ANSWERS.format(**about))
        nbformat.write(notebook(name, number, factor, carried), source / f"{file}.ipynb")
    return folder


def notebook(name, number, factor, carried):
    def marked(cell_id, **marks):
        given = {"schema_version": 3, "grade": False, "solution": False, "locked": False, "task": False}
        return {"nbgrader": given | {"grade_id": cell_id} | marks}

    solution = (
        f'class {name}:\n    """(B, T, C) -> (B, T, C)"""\n\n    def __call__(self, x):\n        ### BEGIN SOLUTION\n'
        f"        return {factor} * {'HeadVer1()(x)' if carried == 'HeadVer1' else 'Doubled()(x) / 2'}\n"
        "        ### END SOLUTION"
    )
    check = (
        f"checks.multiplies({name}, {factor})\n### BEGIN HIDDEN TESTS\n"
        f"checks.multiplies({name}, {factor}, T=7, seed=1)\n### END HIDDEN TESTS\n\nchecks.passed(5)"
    )
    given = (
        "from learngpt import carry, speak\nfrom learngpt.week2 import checks\n\n"
        f'speak("en")\n{carried} = carry("{carried}")'
    )
    cells = [
        new_markdown_cell(f"# TODO {number}", id="title"),
        new_code_cell(given, id="given", metadata=marked("given", locked=True)),
        new_code_cell(solution, id="solution", metadata=marked(name.lower(), solution=True)),
        new_code_cell(
            check,
            id="check",
            metadata=marked(grade_id(name), grade=True, locked=True, points=5)
            | {"learngpt": {"title": f"The output is {factor} times the mean."}, "tags": ["raises-exception"]},
        ),
    ]
    metadata = {"learngpt": {"number": number}}
    metadata["kernelspec"] = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata=metadata)
