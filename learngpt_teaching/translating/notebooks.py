"""The notebooks of source/ in another language: the same cells, with their words translated."""

import base64
import copy
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
from nbformat.notebooknode import NotebookNode

from learngpt_teaching.course import CourseError, is_given
from learngpt_teaching.translating.spans import CODE, Span, of_code, of_markdown, replaced, words_of

TITLE = "title of a check"
SPEAK = re.compile(r'^speak\("\w+"\)', re.M)


def read(path: Path) -> NotebookNode:
    notebook: NotebookNode = nbformat.read(path, as_version=4)
    return notebook


def pieces(path: Path) -> Iterator[tuple[str, str, str]]:
    """Cell id, words and kind of all that a person reads in a notebook, in its order.

    Raises:
        CourseError: something in it can't be translated. The message names file and cell.
    """
    for cell in read(path).cells:
        for span in spans(path, cell):
            yield cell.id, words_of(cell.source, span), span.kind
        if title := cell.metadata.get("learngpt", {}).get("title"):
            yield cell.id, title, TITLE


def spans(path: Path, cell: NotebookNode) -> list[Span]:
    """The spans of a cell. Those of a cell whose strings are data, by its metadata, are its comments alone."""
    try:
        found = [*(of_markdown if cell.cell_type == "markdown" else of_code)(cell.source)]
    except (ValueError, SyntaxError) as error:
        raise CourseError(f"In the cell {cell.id} of {path}: {error}.") from None
    if cell.metadata.get("learngpt", {}).get("data"):
        found = [span for span in found if span.kind != CODE]
    return sorted(found, key=lambda span: span.start)


def translated(path: Path, language: str, say: Callable[[str], str], pictures: Path) -> NotebookNode:
    """A notebook of source/ in another language.

    Cells, ids, grade ids and points are the same. What isn't translated stays English.

    Args:
        say: gives the translation of the words of a piece, or the words themselves.
        pictures: the folder of the pictures with words in that language. A picture that isn't there stays as it is.

    Raises:
        CourseError: something can't be translated, or no given cell says the language.
    """
    notebook = copy.deepcopy(read(path))
    told = 0
    for cell in notebook.cells:
        cell.source = replaced(cell.source, spans(path, cell), say)
        if is_given(cell):
            cell.source, times = SPEAK.subn(f'speak("{language}")', cell.source)
            told += times
        about = cell.metadata.get("learngpt", {})
        if "title" in about:
            about.title = say(about.title)
        for name, kinds in cell.get("attachments", {}).items():
            if (picture := pictures / name).is_file():
                kinds["image/png"] = base64.b64encode(picture.read_bytes()).decode()
    if told != 1:
        raise CourseError(f'{path} doesn\'t say its language. Write a line speak("en") into its first given cell.')
    notebook.metadata.setdefault("learngpt", NotebookNode()).language = language
    return notebook
