"""A learner's own classes go from notebook to notebook, with the course's to stand in."""

import inspect
import shutil

import nbformat
import pytest
import torch

from learngpt import carry
from learngpt.carrying import CarryError, classes_of, take
from tests.support import ROOT

SOLVED = ROOT / "notebooks" / "week1"
RELEASE = ROOT / "release" / "week1"


@pytest.fixture
def folder(tmp_path):
    """A learner's folder with a solved first notebook and an untouched second one."""
    folder = tmp_path / "work" / "week1"  # `carry` looks into the folders beside it, too
    folder.mkdir(parents=True)
    shutil.copy(SOLVED / "1-bigram.ipynb", folder)
    shutil.copy(RELEASE / "2-averaging.ipynb", folder)
    return folder


def edit(path, old, new):
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        cell.source = cell.source.replace(old, new)
    nbformat.write(notebook, path)


def test_own_class_is_carried(folder, capsys):
    edit(folder / "1-bigram.ipynb", "def generate(", "mark = 'mine'\n\n    def generate(")
    GPTVer1 = carry("GPTVer1", folder=folder)
    assert GPTVer1.mark == "mine"
    assert capsys.readouterr().out == "GPTVer1: from 1-bigram.ipynb\n"


def test_a_class_is_carried_from_the_notebooks_of_another_language(folder, capsys):
    korean = folder / "ko"
    korean.mkdir()
    for name in ("1-bigram", "2-averaging"):
        shutil.copy(RELEASE / f"{name}.ipynb", korean)
    edit(folder / "1-bigram.ipynb", "def generate(", "mark = 'mine'\n\n    def generate(")
    assert carry("GPTVer1", folder=korean).mark == take("GPTVer1", korean).mark == "mine"
    assert capsys.readouterr().out == "GPTVer1: from ../1-bigram.ipynb\n"
    shutil.copy(SOLVED / "2-averaging.ipynb", korean)
    edit(korean / "2-averaging.ipynb", "class HeadVer1:", "class HeadVer1:\n    mark = 'mine'\n")
    assert carry("HeadVer1", folder=folder).mark == "mine"
    assert "HeadVer1: from ko/2-averaging.ipynb" in capsys.readouterr().out


def test_unfinished_class_is_replaced_and_said_so(folder, capsys):
    GPTVer1, HeadVer1 = carry("GPTVer1", "HeadVer1", folder=folder)
    assert (GPTVer1.__name__, HeadVer1.__name__) == ("GPTVer1", "HeadVer1")
    assert "HeadVer1: the course's, because yours in 2-averaging.ipynb isn't finished" in capsys.readouterr().out


def test_a_name_of_a_demonstration_is_not_carried(folder, capsys):
    edit(folder / "1-bigram.ipynb", "print(text.content[:180])", "once, ever = 1, 2")
    edit(folder / "1-bigram.ipynb", "for _ in range(max_new_tokens)", "for _ in range(max_new_tokens * once)")
    carry("GPTVer1", folder=folder)
    said = capsys.readouterr().out
    assert "the course's, because yours in 1-bigram.ipynb uses once from a cell that only demonstrates." in said
    assert "Put what you need of it into the cell of your class" in said


def test_a_class_stands_on_the_one_carried_before(folder):
    shutil.copy(SOLVED / "2-averaging.ipynb", folder)
    edit(folder / "1-bigram.ipynb", "def generate(", "mark = 'mine'\n\n    def generate(")
    GPTVer1, GPTVer2 = carry("GPTVer1", "GPTVer2", folder=folder)
    assert issubclass(GPTVer2, GPTVer1)
    assert GPTVer2.mark == "mine"


def test_helpers_come_along_and_training_does_not_run(folder):
    edit(folder / "1-bigram.ipynb", "class GPTVer1", "LIMIT = 3\ndef helper():\n    return LIMIT\n\nclass GPTVer1")
    edit(folder / "1-bigram.ipynb", "for _ in range(max_new_tokens)", "for _ in range(helper())")
    edit(folder / "1-bigram.ipynb", "history = train", "raise SystemExit\nhistory = train")
    out = carry("GPTVer1", folder=folder)(5, 4).generate(torch.zeros(1, 1, dtype=torch.long), 9)
    assert out.shape == (1, 4)


def test_broken_notebooks_are_replaced_and_said_so(folder, capsys):
    edit(folder / "1-bigram.ipynb", "def generate(self", "def generate(self,,")
    carry("GPTVer1", folder=folder)
    assert "the course's, because yours in 1-bigram.ipynb has a syntax error" in capsys.readouterr().out
    for nothing in ("no notebook", "[" * 100_000, '{"cells": 5}', "[]"):
        (folder / "1-bigram.ipynb").write_text(nothing)
        carry("GPTVer1", folder=folder)
        assert "the course's, because 1-bigram.ipynb can't be read as a notebook" in capsys.readouterr().out


def test_a_cell_that_returns_is_no_reason_to_stop(folder, capsys):
    notebook = nbformat.read(folder / "1-bigram.ipynb", 4)
    notebook.cells.append(nbformat.v4.new_code_cell("out = 3\nreturn out"))
    nbformat.write(notebook, folder / "1-bigram.ipynb")
    carry("GPTVer1", folder=folder)
    assert capsys.readouterr().out == "GPTVer1: from 1-bigram.ipynb\n"


def test_without_the_course_it_says_what_to_finish(folder, monkeypatch):
    monkeypatch.setattr("learngpt.carrying._course_folders", lambda folder: [])
    with pytest.raises(CarryError, match=r"HeadVer1 can't be carried: yours in 2-averaging.ipynb isn't finished"):
        carry("HeadVer1", folder=folder)


def test_a_grader_provides_the_courses_and_nothing_else(folder, capsys, monkeypatch):
    edit(folder / "1-bigram.ipynb", "def generate(", "mark = 'mine'\n\n    def generate(")
    solved = [(SOLVED / f"{name}.ipynb").read_text() for name in ("1-bigram", "2-averaging")]
    monkeypatch.setattr("learngpt.carrying._provided", classes_of(solved))
    GPTVer1, GPTVer2 = carry("GPTVer1", "GPTVer2", folder=folder)
    assert not hasattr(GPTVer1, "mark")
    assert issubclass(GPTVer2, GPTVer1)
    with pytest.raises(OSError, match="could not"):
        inspect.getsource(GPTVer1.generate)  # it can be used, not read
    assert "the course's, as always when graded" in capsys.readouterr().out
    with pytest.raises(CarryError, match="carries no HeadVer4"):
        carry("HeadVer4", folder=folder)


def test_unknown_names_are_refused(folder):
    with pytest.raises(CarryError, match="no notebook here defines a class GPTVer9"):
        carry("GPTVer9", folder=folder)


def test_an_earlier_assignment_gives_its_classes(folder, capsys):
    edit(folder / "1-bigram.ipynb", "def generate(", "mark = 'mine'\n\n    def generate(")
    later = folder / "week2"
    later.mkdir()
    shutil.copytree(folder, folder / "week1", ignore=shutil.ignore_patterns("week*"))
    assert carry("GPTVer1", folder=later).mark == "mine"
    assert capsys.readouterr().out == "GPTVer1: from 1-bigram.ipynb\n"


def test_constants_come_along_however_they_are_written(folder):
    constants = "LIMIT: int = 1\nLIMIT += 1\nSCALE = torch.tensor(2.0)\nwasted = train(5)\n\nclass GPTVer1"
    edit(folder / "1-bigram.ipynb", "class GPTVer1", constants)
    edit(folder / "1-bigram.ipynb", "for _ in range(max_new_tokens)", "for _ in range(int(LIMIT * SCALE))")
    out = carry("GPTVer1", folder=folder)(5, 4).generate(torch.zeros(1, 1, dtype=torch.long), 9)
    assert out.shape == (1, 5)


def test_take_has_no_stand_in(folder):
    with pytest.raises(Exception, match="isn't finished"):
        take("HeadVer1", folder)
