"""A second assignment goes all the way, from release to export, without a line of the engine changed."""

import ast
import csv
import re
import shutil

import nbformat
import pytest
from nbgrader.api import Gradebook

from tests.support import ROOT, needs_program
from tests.support.programs import run
from tests.support.week2 import grade_id, make_course

pytestmark = [needs_program("bwrap", "bubblewrap"), pytest.mark.slow]


@pytest.fixture(scope="module")
def call(tmp_path_factory):
    """`call(module, *arguments)` runs a module in a copy of the course that has a second assignment."""
    course = make_course(tmp_path_factory.mktemp("course"))

    def call(*arguments, good=True):
        done = run(*arguments, cwd=course, packages=course)
        said = done.stdout + done.stderr
        assert (done.returncode == 0) == good, said[-3000:]
        return said

    call.course = course
    call("learngpt_teaching.building", "week1")
    call("learngpt_teaching.building", "week2")
    return call


def submit(course, student, step):
    target = course / "submitted" / student / "week2"
    shutil.copytree(course / step / "week2", target)
    return target


def test_it_goes_from_release_to_export(call):
    course = call.course
    for path in (course / "release" / "week2").glob("*.ipynb"):
        assert "SOLUTION" not in path.read_text() and "HIDDEN" not in path.read_text()
    submit(course, "right", "notebooks")
    submit(course, "untouched", "release")
    wrong = submit(course, "wrong", "notebooks") / "doubling.ipynb"
    wrong.write_text(wrong.read_text().replace("return 2 * HeadVer1()(x)", "return HeadVer1()(x)"))
    said = call("learngpt_teaching.grade", "week2")
    assert "3 submissions, 3 of them new or changed." in said
    call("nbgrader", "generate_feedback", "week2")
    page = (course / "feedback" / "wrong" / "week2" / "doubling.html").read_text()
    assert "the mean comes back as it is." in page
    call("nbgrader", "export")
    with open(course / "grades.csv", newline="") as file:
        scores = {
            row["student_id"]: float(row["score"]) for row in csv.DictReader(file) if row["assignment"] == "week2"
        }
    assert scores == {"right": 10, "untouched": 0, "wrong": 5}  # one mistake costs its points once


def test_validate_and_make_check_know_it(call):
    solved = call.course / "notebooks" / "week2" / "tripling.ipynb"
    assert "Success" in call("nbgrader", "validate", str(solved))
    released = call.course / "release" / "week2" / "tripling.ipynb"
    assert 'in the cell under "TODO 8"' in call("nbgrader", "validate", str(released))
    mine = call.course / "work" / "week2"
    shutil.copytree(call.course / "notebooks" / "week2", mine)
    notebook = nbformat.read(mine / "tripling.ipynb", 4)
    notebook.cells = [cell for cell in notebook.cells if cell.id != "check"]
    nbformat.write(notebook, mine / "tripling.ipynb")
    assert "The check tripled_is_thrice_the_mean is missing" in call(
        "nbgrader", "validate", str(mine / "tripling.ipynb")
    )
    said = call("learngpt_teaching.own_work", str(mine))
    assert re.search(r"In all: 10 of 10 points", said)


FAULTS = [
    ("exam.py", grade_id("Doubled"), "other", "The graded cell doubled_is_twice_the_mean in .* has no exam"),
    ("checks/__init__.py", "def multiplies", "def divides", "has no multiplies. Write that check."),
    ("answers/doubled.py", f'"{grade_id("Doubled")}"', '"another"', "has no wrong answer that it must catch"),
    ("doubling.ipynb", '"title": ', '"titel": ', "has no title"),
    ("doubling.ipynb", "checks.passed(5)", "checks.passed(4)", r"is worth 5 points, and its last line is `checks.pass"),
    ("doubling.ipynb", '"number": 7', '"number": "7"', "has no number"),
    ("doubling.ipynb", '"number": 7', '"number": 8', "both have the number 8"),
    ("tripling.ipynb", "tripled_is_thrice_the_mean", "doubled_is_twice_the_mean", "both have the grade id"),
    ("tripling.ipynb", "class Tripled", "class Doubled", "both define Doubled"),
    ("tripling.ipynb", 'carry(\\"Doubled\\")', 'carry(\\"Halved\\")', "carries Halved, and no solution cell"),
    ("doubling.ipynb", '"cells"', '"sells"', "can't be read as a notebook"),
    ("room/__init__.py", "'Doubled': 7", "'Doubled': 6", "defines Doubled for TODO 7, and TODOS .* says 6"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "old", "new", "said"), FAULTS, ids=lambda value: None)
def test_a_build_refuses_what_lacks_a_part(call, place, old, new, said):
    course = call.course
    folders = {"exam.py": "learngpt_teaching/week2", "checks": "learngpt/week2", "answers": "tests/answers/week2"}
    first, _, rest = place.partition("/")
    path = {"answers": course / "tests/answers/week2" / rest, "room": course / "learngpt/week2" / rest}.get(
        first, course / folders.get(first, "source/week2") / place
    )
    before = path.read_text()
    assert old in before
    path.write_text(before.replace(old, new))
    try:
        answer = call("learngpt_teaching.building", "week2", good=False)
    finally:
        path.write_text(before)
    assert re.search(said, answer), answer[-2000:]
    assert "Traceback" not in answer


def test_a_check_more_after_submissions_gets_a_sentence(call):
    path = call.course / "source" / "week2" / "tripling.ipynb"
    before = path.read_text()
    notebook = nbformat.read(path, 4)
    notebook.cells = [cell for cell in notebook.cells if cell.id != "check"]
    nbformat.write(notebook, path)
    try:
        said = call("learngpt_teaching.building", "week2", good=False)
    finally:
        path.write_text(before)
    assert "tripled_is_thrice_the_mean of tripling was taken away after 3 submissions" in said
    assert "Traceback" not in said


NOTEBOOKS = "|".join(path.stem for path in (ROOT / "source").glob("*/*.ipynb"))
LESSON = re.compile(rf"GPTVer\d|HeadVer\d|\b(gpt|head)_v\d|{NOTEBOOKS}|pos_encodings|^week\d$")


def test_the_engine_names_no_lesson():
    """No class, grade id, notebook or assignment stands in code outside of the rooms that bear an assignment's name."""
    files = [file for place in ("learngpt_teaching", "learngpt", "lab") for file in (ROOT / place).rglob("*.py")]
    for file in [*files, ROOT / "nbgrader_config.py"]:
        if "week1" not in file.parts:
            for name in _names(ast.parse(file.read_text())):
                assert not LESSON.search(name), f"{file} names {name}"
    assert not re.search(r"week\d", (ROOT / "Makefile").read_text())


def _names(tree):
    """Names and strings of code, but not its texts for readers: docstrings, and sentences and examples of commands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.ClassDef | ast.FunctionDef):
            yield getattr(node, "id", getattr(node, "name", ""))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value.strip():
            yield node.value


def test_another_language_takes_a_catalogue_and_nothing_else(call):
    course = call.course
    catalogue = course / "translations" / "eo" / "week2.po"
    catalogue.parent.mkdir(parents=True)
    said = call("learngpt_teaching.building", "week2")
    assert "translations/eo/week2.po: 0 of 4 entries are translated, 0 are fuzzy, 4 are missing." in said
    assert not (course / "release" / "eo").exists()

    sentence = "The output is 2 times the mean."
    text = catalogue.read_text()
    catalogue.write_text(text.replace(f'msgid "{sentence}"\nmsgstr ""', f'msgid "{sentence}"\nmsgstr "Duoblo."'))
    english = {path: path.read_bytes() for path in (course / "release" / "week2").iterdir()}
    call("learngpt_teaching.building", "week2")
    for step in ("release", "notebooks"):
        node = nbformat.read(course / step / "eo" / "week2" / "doubling.ipynb", 4)
        assert node.metadata.learngpt.language == "eo"
        assert 'speak("eo")' in node.cells[1].source
        assert node.cells[3].metadata.learngpt.title == "Duoblo."
    assert {path: path.read_bytes() for path in (course / "release" / "week2").iterdir()} == english
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        sources = [cell.source for each in gradebook.find_assignment("week2").notebooks for cell in each.source_cells]
    assert not any('speak("eo")' in source for source in sources)

    catalogue.write_text(catalogue.read_text().replace("Duoblo.", "Duoblo {n}."))
    said = call("learngpt_teaching.building", "week2", good=False)
    assert (
        f"translations/eo/week2.po: the entry '{sentence}' of source/week2/doubling.ipynb#check: "
        "the placeholder '{n}' is not in the English."
    ) in said
    shutil.rmtree(catalogue.parent)
