"""What a graded cell leaves to a reader of its outputs: its points, or what failed."""

import textwrap
import unicodedata
from typing import Any

from learngpt.language import counted

# White on green, because no one green has enough contrast on JupyterLab's white and on its dark ground.
LOOK = "background-color: #007a3d; color: white; font-weight: bold; padding: 1px 6px"
FAILED, UNWRITTEN = "CheckFailed", "NotYet"  # the names of errors whose text is the whole message


class _Passed:
    """Evidence that a graded cell ran to its end: nbgrader reads the points, a person sees a green line."""

    def __init__(self, points):
        self.points = points

    def __repr__(self):
        return str(self.points)

    def _repr_html_(self):
        said = counted("✓ {n} point", "✓ {n} points", self.points)
        return f'<span style="{LOOK}">{said}</span>'


def passed(points):
    """The last line of a graded cell."""
    return _Passed(points)


def wrapped(line: str) -> list[str]:
    """A line in parts that Validate's dialog, which cuts off what is longer, has room for; Hangul is twice as wide."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in line)
    room = 100 * len(line) // (len(line) + wide) if line else 100
    return textwrap.wrap(line, room, break_long_words=False) or [""]


def lines(message: str) -> list[str]:
    """A message as it stands below a failed cell, the first line with its mark."""
    return [f"✗ {line}" if number == 0 else f"  {line}" for number, line in enumerate(message.split("\n"))]


def earned(points: float) -> dict[str, str]:
    """What a graded cell shows that earned its points, as data of an output."""
    return {"text/plain": f"{points:g}", "text/html": _Passed(f"{points:g}" if points != 1 else 1)._repr_html_()}


def message_of(outputs: list[dict[str, Any]]) -> str | None:
    """What a failed cell says, from its outputs: a check's own message, else the error's name and text, else None."""
    for output in outputs:
        if output.get("output_type") == "error":
            name, text = output.get("ename"), output.get("evalue")
            return text if name in (FAILED, UNWRITTEN) else f"{name}: {text}"
    return None
