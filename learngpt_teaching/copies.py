"""Which of several copies of one notebook counts: one rule for uploads, for the grader and for `make check`.

People hand in 1-bigram.ipynb together with "1-bigram (1).ipynb", 1-bigram-Copy1.ipynb or "Copy of 1-bigram.ipynb". A
copy that somebody worked in goes before a file that can't be read, and that before the released notebook, untouched.
Of two that somebody worked in, the one that was changed last counts. Where no time tells them apart, the higher number
of a browser or of Canvas does, and then the name that the course gave.
"""

import contextlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from learngpt.language import known, mark, subfolder
from learngpt_teaching.damage import Unreadable
from learngpt_teaching.engine.rebuilding import Cell, read

WORKED_IN, UNREADABLE, UNTOUCHED = "worked in", "unreadable", "untouched"
STATES = (UNTOUCHED, UNREADABLE, WORKED_IN)  # the last one wins
OLDER, SAME_TIME = "older", "same time"
LEFT_OUT = {  # why a copy doesn't count
    UNTOUCHED: mark("{file} is the notebook as it was released; {taken} was taken."),
    UNREADABLE: mark("{file} can't be read as a notebook; {taken} was taken."),
    OLDER: mark("{file} is older than {taken}, which was taken."),
    SAME_TIME: mark("{file} has the same time as {taken}, which was taken for its name."),
}

# What JupyterLab, browsers, file managers and Google Drive write around a name, in a few of their languages.
_COPY = r"(copy|copie|copia|cópia|kopie|kopia|kopi|복사본|의 사본|사본|のコピー|コピー|的副本|副本)"
_MARK = re.compile(rf"[\s\W_]*({_COPY}( (of|de|di|do|von|van|av))?)?[\s\W_]*\d{{0,9}}[\s\W_]*", re.I)
_NUMBER = re.compile(r"\s?[-_(](\d{1,9})\)?")


@dataclass(frozen=True)
class Name:
    """What the name of a file says: of which notebook it is, the number of the copy, and what else stands there."""

    notebook: str
    extra: str = ""  # "ada" of ada_1-bigram, "" where there are only marks of a copy
    number: int = 0
    plain: bool = True  # named just as it was released


@dataclass(frozen=True)
class Copy:
    """A file that may be the one to count. A later `when` is a greater one; () is known of none."""

    shown: str
    name: Name
    state: str
    when: tuple[float, ...] = ()


def parse(stem: str, notebooks: Iterable[str]) -> Name | None:
    """Read the name of a file.

    Args:
        stem: the name without .ipynb.
        notebooks: the names of the notebooks of the assignment.

    Returns:
        Name, or None where no notebook of the assignment is named.
    """
    stem = unicodedata.normalize("NFC", stem)
    for notebook in sorted(notebooks, key=len, reverse=True):
        # Not 11-bigram, nor 1-bigrams; "1-bigram의 사본" has no space.
        match = re.fullmatch(rf"(.*?)(?<![^\W_]){re.escape(notebook)}(?![a-z0-9])(.*)", stem, re.I | re.S)
        if match:
            before, after = match.groups()
            extra = " ".join(part.strip(" _-.()") for part in (before, after) if not _MARK.fullmatch(part))
            number = _NUMBER.fullmatch(after)
            return Name(notebook, extra, int(number[1]) if number else 0, stem.casefold() == notebook.casefold())
    return None


def state(raw: bytes, released: set[str]) -> str:
    """What somebody did in a file.

    Args:
        raw: its bytes.
        released: the code of the released notebook, from `code`.
    """
    try:
        return state_of(read(raw), released)
    except Unreadable:
        return UNREADABLE


def state_of(cells: list[Cell] | None, released: set[str]) -> str:
    """The same of a file that was read: from its cells, or None where it couldn't be."""
    if cells is None:
        return UNREADABLE
    return UNTOUCHED if _sources(cells) <= released else WORKED_IN


def code(raw: bytes) -> set[str]:
    """The code cells of a notebook, bytes -> set of their sources.

    Raises:
        Unreadable: it is no notebook.
    """
    return _sources(read(raw))


def released(folder: Path, assignment: str, notebook: str) -> set[str]:
    """The code cells of a notebook as it was handed out, in every language; of what isn't in the release, none.

    Args:
        folder: where releases are, release/.
    """
    found: set[str] = set()
    for place in map(subfolder, known()):
        with contextlib.suppress(OSError, Unreadable):
            found |= code((folder / place / assignment / f"{notebook}.ipynb").read_bytes())
    return found


def _sources(cells: list[Cell]) -> set[str]:
    return {cell.source.strip() for cell in cells if cell.kind == "code"} - {""}


def choose(copies: list[Copy]) -> tuple[Copy, list[tuple[Copy, str]]]:
    """The copy that counts.

    Args:
        copies: list of Copy, of one notebook of one student, in any order.

    Returns:
        (Copy, list of (Copy, why it is left out: a key of LEFT_OUT))
    """
    chosen = max(copies, key=lambda one: (STATES.index(one.state), *_order(one), one.shown))
    return chosen, [(one, _why(one, chosen)) for one in copies if one is not chosen]


def _order(copy: Copy) -> tuple[tuple[float, ...], int, bool]:
    return copy.when, copy.name.number, copy.name.plain


def _why(copy: Copy, chosen: Copy) -> str:
    if copy.state != chosen.state:
        return copy.state
    return OLDER if copy.when != chosen.when else SAME_TIME
