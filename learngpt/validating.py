"""How Validate executes notebooks of this course, for an instructor's nbgrader_config.py and for a student's own.

A student who has this package, and no clone of the course, needs three lines in `nbgrader_config.py`:

    from learngpt.validating import set_up
    c = get_config()
    set_up(c)
"""

from nbformat.v4 import new_code_cell

from learngpt.evidence import lines, wrapped
from learngpt.language import ENGLISH, known, say, speaking

SECONDS = 60  # for one cell; the checks stop a call of the learner's code after 10 of computing

_language = ENGLISH  # of the notebook that is executed; Validate executes one at a time


def set_up(config):
    """Set what holds for Validate: every check in its place, no demonstrations, an end to endless loops.

    Args:
        config: traitlets' configuration, as `get_config()` gives it.
    """
    config.Execute.on_notebook_start = fill_gaps
    config.Execute.timeout = SECONDS
    config.Execute.error_on_timeout = {"ename": "Timeout", "evalue": "", "traceback": [""]}
    config.Execute.on_cell_error = explain_timeout
    # Cells that only demonstrate, training for show and pictures, prove nothing.
    config.Execute.skip_cells_with_tag = "demo"
    # A kernel need not say goodbye, nor warn that its connection on this machine isn't encrypted.
    config.Execute.shutdown_kernel = "immediate"
    config.Execute.extra_arguments = ["--IPKernelApp.log_level=ERROR"]


def fill_gaps(notebook):
    """A hook for nbclient that puts a failing cell in the place of each graded cell that a notebook has lost.

    nbgrader passes over cells that aren't there: Validate would say Success. Which cells there must be stands in the
    metadata of a released notebook, and its language too; one that isn't there is taken for English.
    """
    global _language
    written = notebook.metadata.get("learngpt", {}).get("language", ENGLISH)
    _language = written if written in known() else ENGLISH
    have = {cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells}
    for grade_id, points in notebook.metadata.get("learngpt", {}).get("checks", {}).items():
        if grade_id not in have:
            notebook.cells.append(_lost(grade_id, points))


def explain_timeout(cell, cell_index, execute_reply):
    """A hook for nbclient that says, in the notebook's language, that a cell was stopped because it took too long."""
    if "header" in execute_reply:  # then it comes from the kernel, with an error of the cell's own
        return
    with speaking(_language):
        said = say(
            "This cell took more than {seconds} seconds and was stopped. Is there a loop that never ends?",
            seconds=SECONDS,
        )
    cell.outputs[-1].update(evalue=said, traceback=lines(said))


def _lost(grade_id, points):
    with speaking(_language):
        said = say(
            "The check {check} is missing from this notebook. Copy its cell from a fresh one: save yours under another "
            "name, and take the one that was handed out.",
            check=grade_id,
        )
    marks = {"grade": True, "grade_id": grade_id, "points": points, "solution": False, "locked": True, "task": False}
    *parts, last = wrapped(said)  # Validate's dialog shows the cell, too
    message = "\n    ".join([*(repr(f"{part} ") for part in parts), repr(last)])
    return new_code_cell(
        f"from learngpt.checking import CheckFailed\n\nraise CheckFailed(\n    {message}\n)",
        metadata={"nbgrader": marks | {"cell_type": "code", "schema_version": 3}},
    )
