"""The notebooks of source/ in another language: the same cells, with their words translated."""

from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat.notebooknode import NotebookNode

from learngpt_teaching.course import CourseError
from learngpt_teaching.translating.spans import Span, of_code, of_markdown, words_of

TITLE = "title of a check"


def read(path: Path) -> NotebookNode:
    notebook: NotebookNode = nbformat.read(path, as_version=4)
    return notebook


def pieces(path: Path, notebook: NotebookNode) -> Iterator[tuple[NotebookNode, str, str]]:
    """Cell, words and kind of all that a person reads in a notebook, in its order.

    Raises:
        CourseError: something in it can't be translated. The message names file and cell.
    """
    for cell in notebook.cells:
        for span in spans(path, cell):
            yield cell, words_of(cell.source, span), span.kind
        if title := cell.metadata.get("learngpt", {}).get("title"):
            yield cell, title, TITLE


def spans(path: Path, cell: NotebookNode) -> list[Span]:
    """The spans of a cell. Those of a cell whose strings are data, by its metadata, are its comments alone."""
    try:
        found = [*(of_markdown if cell.cell_type == "markdown" else of_code)(cell.source)]
    except (ValueError, SyntaxError) as error:
        raise CourseError(f"In the cell {cell.id} of {path}: {error}.") from None
    if cell.metadata.get("learngpt", {}).get("data"):
        found = [span for span in found if span.kind != "string in code"]
    return sorted(found, key=lambda span: span.start)
