"""What is graded is the course's notebook with the student's own cells put into it."""

import ast
import copy
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from learngpt.language import ENGLISH, known, mark, say
from learngpt_teaching.course import is_graded, is_solution, marks, tree
from learngpt_teaching.damage import Unreadable, load
from learngpt_teaching.later import Later

MOST_BYTES = 20_000_000  # of a notebook file; one with all its pictures has less than half a million
MOST_CELLS = 1000
SPEAKS = re.compile(r'^speak\("(\w+)"\)', re.M)
MOST_SOURCE = 300_000  # characters of all cells; what is parsed takes 600 times as many bytes, of the grader's own


@dataclass
class Cell:
    """What counts of a submitted cell. All else that the file says of it is ignored."""

    kind: str
    source: str
    id: str | None = None
    grade_id: str | None = None


def read(raw: bytes) -> list[Cell]:
    """The cells of a submitted notebook, bytes -> list of Cell. It may be of any version and Unicode encoding.

    Raises:
        Unreadable: it isn't a notebook, or it is too large.
    """
    if len(raw) > MOST_BYTES:
        said = mark("The file has {size:,} bytes; more than {most:,} are not read. Clear its outputs.")
        raise Unreadable(Later(said, size=len(raw), most=MOST_BYTES))
    data = load(raw)
    cells = data.get("cells") if isinstance(data, dict) else None
    if cells is None and isinstance(data, dict) and isinstance(data.get("worksheets"), list):  # before version 4
        sheets = [sheet.get("cells") for sheet in data["worksheets"] if isinstance(sheet, dict)]
        cells = [each for sheet in sheets if isinstance(sheet, list) for each in sheet]
    if not isinstance(cells, list):
        said = mark("The file is JSON, but no notebook: it has no list of cells. Save it again in JupyterLab.")
        raise Unreadable(Later(said))
    if len(cells) > MOST_CELLS:
        said = mark("The notebook has {count:,} cells; more than {most:,} are not read.")
        raise Unreadable(Later(said, count=len(cells), most=MOST_CELLS))
    cells = [_cell(each) for each in cells if isinstance(each, dict)]
    size = sum(len(cell.source) for cell in cells)
    if size > MOST_SOURCE:
        said = mark("The cells have {size:,} characters; more than {most:,} are not read.")
        raise Unreadable(Later(said, size=size, most=MOST_SOURCE))
    return cells


def _cell(each: dict[str, Any]) -> Cell:
    source = each.get("source", each.get("input", ""))
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    metadata = each.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return Cell(
        "code" if each.get("cell_type") == "code" else "markdown",
        source.encode("utf-8", "replace").decode() if isinstance(source, str) else "",
        each.get("id") if isinstance(each.get("id"), str) else None,
        grade_id if isinstance(grade_id, str) else None,
    )


def grade_ids(notebook: NotebookNode | list[Cell]) -> set[str]:
    """The grade ids of a notebook of the course, or of the cells of a submitted one."""
    found = (grade_id_of(cell) for cell in getattr(notebook, "cells", notebook))
    return {grade_id for grade_id in found if grade_id is not None}


def grade_id_of(cell: Cell | NotebookNode) -> str | None:
    grade_id: str | None = cell.grade_id if isinstance(cell, Cell) else marks(cell).get("grade_id")
    return grade_id


def language_of(cells: list[Cell]) -> str:
    """The language of a submitted notebook, by the line that its first cell was released with; else English."""
    found = (SPEAKS.search(cell.source) for cell in cells if cell.kind == "code")
    said = next((match[1] for match in found if match), ENGLISH)
    return said if said in known() else ENGLISH


def rebuild(course: NotebookNode, submitted: list[Cell]) -> NotebookNode:
    """Put a student's cells into the course's notebook.

    Solutions are found by their grade ids, whatever happened to the cells around them. Cells that the student added,
    and copies of a solution, come after the cell of the course that they followed. All else is the course's: locked
    cells, their order, points and metadata. A cell of the course that is given or only demonstrates, but that the
    student changed, stands as theirs, behind the course's, where their code uses a name that it defines.

    Args:
        course: the notebook from source/, or its translation, with solutions and hidden tests.
        submitted: list of Cell.

    Returns:
        a notebook; is_own tells the cells that are the student's.
    """
    by_grade_id = {grade_id_of(cell): index for index, cell in enumerate(course.cells) if grade_id_of(cell)}
    by_id = {cell.id: index for index, cell in enumerate(course.cells) if not grade_id_of(cell)}
    by_source = {cell.source: index for index, cell in enumerate(course.cells) if not grade_id_of(cell)}
    solutions: dict[int, Cell] = {}
    own: dict[int, list[Cell]] = {}
    changed: dict[int, Cell] = {}
    after = -1
    for cell in submitted:
        index = by_grade_id.get(cell.grade_id, by_id.get(cell.id, by_source.get(cell.source)))
        if index is not None and is_solution(course.cells[index]):
            if index in solutions:
                own.setdefault(index, []).append(cell)  # a copy: as in their own kernel, the later one wins
            solutions.setdefault(index, cell)
        elif index is not None and not is_graded(course.cells[index]) and cell.source != course.cells[index].source:
            changed[index] = cell
        if index is None:
            own.setdefault(after, []).append(cell)
        else:
            after = index
    _find_moved(course, solutions, own)
    theirs = [*solutions.values(), *changed.values(), *sum(own.values(), [])]
    wanted = _names_loaded(cell.source for cell in theirs if cell.kind == "code")

    notebook = copy.deepcopy(course)
    notebook.cells = []
    for index, cell in enumerate([None, *course.cells], -1):
        if cell is not None:
            cell = copy.deepcopy(cell)
            if is_solution(cell):
                missing = "# " + say("This cell is not in the submission.")
                cell.source = solutions[index].source if index in solutions else missing
            notebook.cells.append(cell)
        if index in changed and changed[index].kind == "code" and _names_bound(changed[index].source) & wanted:
            notebook.cells.append(_own(changed[index]))
        notebook.cells += [_own(each) for each in own.get(index, [])]
    return notebook


def _own(cell: Cell) -> NotebookNode:
    new: Callable[..., NotebookNode] = new_code_cell if cell.kind == "code" else new_markdown_cell
    return new(cell.source, metadata={"learngpt": {"own": True}})


def is_own(cell: NotebookNode) -> bool:
    """Whether a cell of a rebuilt notebook is the student's own."""
    return bool(cell.metadata.get("learngpt", {}).get("own"))


def _find_moved(course: NotebookNode, solutions: dict[int, Cell], own: dict[int, list[Cell]]) -> None:
    """Where a solution cell is gone, take the student's own cell that defines its class, wherever it stands."""
    for index, cell in enumerate(course.cells):
        if not is_solution(cell) or index in solutions:
            continue
        classes = _names_bound(cell.source)
        for cells in own.values():
            for each in cells:
                if each.kind == "code" and classes & _classes(each.source):
                    solutions[index] = each
        if index in solutions:
            for cells in own.values():
                cells[:] = [each for each in cells if each is not solutions[index]]


def _classes(source: str) -> set[str]:
    return {node.name for node in tree(source).body if isinstance(node, ast.ClassDef)}


def _names_bound(source: str) -> set[str]:
    """The names that a cell gives a value, at any depth."""
    names = set()
    for node in ast.walk(tree(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).split(".")[0])
    return names


def _names_loaded(sources: Iterable[str]) -> set[str]:
    return {
        node.id
        for source in sources
        for node in ast.walk(tree(source))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
