"""How Validate executes notebooks of this course: with every check in place."""

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell


def fill_gaps(release):
    """A hook for nbclient that puts a failing cell in the place of each graded cell that a notebook has lost.

    nbgrader passes over cells that aren't there: Validate says Success, and autograde waits for a mark by hand.

    Args:
        release: the folder of the released notebooks, which tell what cells there must be.
    """

    def on_notebook_start(notebook):
        have = {_grade_id(cell) for cell in notebook.cells} - {None}
        for path in sorted(Path(release).glob("*.ipynb")):
            cells = [cell for cell in nbformat.read(path, 4).cells if _grade_id(cell)]
            if have & {_grade_id(cell) for cell in cells}:  # it is this one
                lost = [cell for cell in cells if cell.metadata.nbgrader.grade and _grade_id(cell) not in have]
                notebook.cells += [_lost(cell, path) for cell in lost]

    return on_notebook_start


def _grade_id(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def _lost(cell, path):
    said = (
        f"The check {_grade_id(cell)} is missing from this notebook. Copy its cell from a fresh "
        f"{path.name}: save yours under another name, and take the one that was handed out."
    )
    metadata = {"nbgrader": {key: value for key, value in cell.metadata.nbgrader.items() if key != "checksum"}}
    return new_code_cell(f"from learngpt import checks\n\nraise checks.CheckFailed({said!r})", metadata=metadata)
