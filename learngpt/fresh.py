"""What a kernel knows before any cell ran: its notebook's file, and what to say of a name that no cell made yet."""

import json
import os
from pathlib import Path

from IPython import get_ipython

from learngpt.evidence import lines
from learngpt.language import mark, say

ABOVE = mark("Run > Run All Above Selected Cell runs the cells above; then run this one again.")


def own_file():
    """The notebook's file, where the server says which it is, else None."""
    file = Path(os.environ.get("JPY_SESSION_NAME", ""))
    return file if file.suffix == ".ipynb" and file.is_file() else None


def saved():
    """The notebook as it was saved last, {} where that can't be known."""
    try:
        return json.loads(own_file().read_text("utf-8"))
    except (AttributeError, OSError, ValueError):
        return {}


def set_up():
    """In a notebook of the course, until its first cell runs: a NameError tells to run the cells above."""
    shell = get_ipython()
    if shell is None or os.environ.get("NBGRADER_EXECUTION") or "learngpt" not in saved().get("metadata", {}):
        return

    def explain(shell, kind, error, trace, tb_offset=None):
        said = say(
            "{name} isn't there: this kernel was started anew and has run none of the cells above.", name=error.name
        )
        shell._showtraceback(kind, error, lines(f"{said}\n{say(ABOVE)}"))
        return [f"✗ {said}"]

    shell.set_custom_exc((NameError,), explain)
