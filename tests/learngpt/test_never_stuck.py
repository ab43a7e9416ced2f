"""Run All reaches the end of a notebook, whatever is unfinished in it, and hides no error of the learner's own."""

import re
import shutil
import subprocess
import sys

import nbformat
import pytest

from tests.support import NAMES, RELEASE, SOLVED
from tests.support.notebooks import run

pytestmark = pytest.mark.slow


def is_graded(cell):
    return cell.metadata.get("nbgrader", {}).get("grade")


def said(outputs):
    return "".join(output.get("text", "") for output in outputs)


@pytest.mark.parametrize("name", NAMES)
def test_an_untouched_notebook_runs_to_its_end_with_calm_marks(tmp_path, name):
    cells = run(nbformat.read(RELEASE / f"{name}.ipynb", 4), tmp_path)
    assert all(cell.execution_count for cell, _ in cells)
    everything = [output for _, outputs in cells for output in outputs]
    assert not [output for output in everything if output.output_type == "error" or output.get("name") == "stderr"]
    for cell, outputs in cells:
        if is_graded(cell):
            assert said(outputs).startswith(f"○ Not yet: this needs TODO {name[0]}, ")
            assert len(outputs) == 1, "no points without work"
    if name == "2-averaging":  # what follows from a cell that stopped says so
        [outputs] = [outputs for cell, outputs in cells if cell.source.startswith("plots.losses(")]
        assert said(outputs).startswith("○ Not yet: history comes from a cell above that stopped at TODO 2.")


def test_one_part_of_a_todo_does_not_wait_for_the_other(tmp_path):
    released, solved = (nbformat.read(folder / "2-averaging.ipynb", 4) for folder in (RELEASE, SOLVED))
    source = {cell.id: cell.source for cell in solved.cells}
    for cell in released.cells:
        if cell.id == "head-v1":
            cell.source = source[cell.id]
    marks = {cell.id: said(outputs) for cell, outputs in run(released, tmp_path)}
    assert "Not yet" not in marks["head-v1-averages-the-past"]
    assert "GPTVer2.logits" in marks["gpt-v2-trains-and-generates"]


def test_an_error_of_the_learners_own_is_shown_in_full(tmp_path):
    notebook = nbformat.read(RELEASE / "4-masking.ipynb", 4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("raise NotImplementedError()", "return mistyped @ x")
    cells = run(notebook, tmp_path)
    [outputs] = [outputs for cell, outputs in cells if cell.source.startswith("head = HeadVer3()")]
    assert outputs[0].ename == "NameError"
    shown = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(outputs[0].traceback))  # without its colours
    assert "return mistyped @ x" in shown


def test_nbval_still_fails_where_a_cell_that_may_raise_does(tmp_path):
    notebook = nbformat.read(SOLVED / "4-masking.ipynb", 4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("self.wei = F.softmax", "self.weights = F.softmax")
    del notebook.cells[1 + max(place for place, cell in enumerate(notebook.cells) if is_graded(cell)) :]
    nbformat.write(notebook, tmp_path / "4-masking.ipynb")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval", "--rootdir", tmp_path]
    done = subprocess.run([*command, tmp_path], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout[-2000:]
    assert "Cell 9" in done.stdout


def test_giving_up_on_one_todo_does_not_stop_the_next(tmp_path):
    for name in NAMES:
        shutil.copy(RELEASE / f"{name}.ipynb", tmp_path)
    cells = run(nbformat.read(SOLVED / "3-vectorizing.ipynb", 4), tmp_path)
    assert "HeadVer1: the course's, because yours in 2-averaging.ipynb isn't finished" in said(cells[0][1])
    assert not any("Not yet" in said(outputs) for _, outputs in cells)
