"""An assignment as the instructor wrote it: read once from source/, and checked before anything is built on it.

Nothing here knows a lesson. Order and TODO numbers are in the notebooks' metadata, points and titles in their cells'
metadata, and which class is written where in the cells themselves. What belongs to one assignment besides its notebooks
are two rooms that bear its name: `learngpt.ASSIGNMENT` has the checks, `learngpt_teaching.ASSIGNMENT` the exam.
"""

import ast
import contextlib
import functools
import hashlib
import importlib
import importlib.metadata
import json
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbformat.notebooknode import NotebookNode

import learngpt
import learngpt_teaching

if TYPE_CHECKING:  # only an exam needs NumPy
    from learngpt_teaching.exam.asking import Exam

PACKAGES = Path(learngpt.__file__).parent, Path(learngpt_teaching.__file__).parent
# The code that decides marks and messages, of every assignment; a change of other code regrades nobody.
DECIDING = (
    *(PACKAGES[0] / f"{name}.py" for name in ("advice", "carrying", "checking", "evidence", "instruments", "text")),
    *(PACKAGES[1] / name for name in ("engine", "exam", "kernel")),
)


PYTHON_MAGICS = {"capture", "memit", "mprun", "prun", "time"}  # which run their cell in the notebook's own names

_imported: dict[str, str] = {}  # of each assignment the code that this process has imported, see _code


class CourseError(Exception):
    """The notebooks in source/ can't be built or graded. The message names file, cell and remedy."""


@dataclass(frozen=True)
class Check:
    """A graded cell.

    Attributes:
        grade_id: its name for nbgrader.
        points: what it is worth.
        title: the property, as a sentence.
    """

    grade_id: str
    points: float
    title: str


@dataclass(frozen=True)
class Notebook:
    """One notebook of an assignment.

    Attributes:
        name: without its ending.
        number: of its TODO; notebooks are in this order.
        node: the notebook itself, with solutions and hidden tests.
        checks: {grade id: Check}, in the order of the cells.
        classes: names of the classes that its solutions define.
        carried: names of the classes that it carries from notebooks before it.
        digest: of all in it that its marks can depend on, its code cells.
    """

    name: str
    number: int
    node: NotebookNode
    checks: dict[str, Check]
    classes: tuple[str, ...]
    carried: tuple[str, ...]
    digest: str

    @property
    def possible(self) -> dict[str, float]:
        """{grade id: points}"""
        return {grade_id: check.points for grade_id, check in self.checks.items()}

    @property
    def asked(self) -> set[str]:
        """The names of what its graded cells call of the checks."""
        nodes = [node for cell in self.node.cells if is_graded(cell) for node in ast.walk(tree(cell.source))]
        return {node.attr for node in nodes if isinstance(node, ast.Attribute)}

    @property
    def given(self) -> list[str]:
        """The sources of the code cells that are neither the student's to write, nor graded, nor for show."""
        return [cell.source for cell in self.node.cells if is_given(cell)]


def marks(cell: NotebookNode) -> NotebookNode:
    """What nbgrader knows of a cell; empty where it knows nothing."""
    known: NotebookNode = cell.metadata.get("nbgrader", NotebookNode())
    return known


def is_graded(cell: NotebookNode) -> bool:
    return bool(marks(cell).get("grade"))


def is_solution(cell: NotebookNode) -> bool:
    return bool(marks(cell).get("solution"))


def is_demonstration(cell: NotebookNode) -> bool:
    """Whether a cell only shows something: it doesn't run when a notebook is graded."""
    return "demo" in cell.metadata.get("tags", [])


def is_given(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and not (is_graded(cell) or is_solution(cell) or is_demonstration(cell))


def title(cell: NotebookNode) -> str:
    """The property that a graded cell checks, as a sentence; its grade id where nobody wrote one."""
    words: str = cell.metadata.get("learngpt", {}).get("title") or marks(cell).get("grade_id", "").replace("_", " ")
    return words


# What Python 3.12 and newer say of a student's "\d" is for nobody who reads the terminal.
warnings.filterwarnings("ignore", category=SyntaxWarning, module="<unknown>")


def tree(source: str) -> ast.Module:
    """The syntax tree of a cell as IPython would run it, to be read only; an empty one where there is none."""
    # A tree takes 600 times as many bytes as its source.
    return _parsed_once(source) if len(source) < 2_000 else _parsed(source)


def _parsed(source: str) -> ast.Module:
    for python in (str, _without_magics):  # what is Python needs no second look, which takes twenty times as long
        with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            return ast.parse(python(source))
    return ast.Module([], [])


# A line that IPython takes for itself, with the lines that backslashes join to it; and what it gives a name.
_MAGIC_LINE = re.compile(r"^([ \t]*+)(?:[%!?,;/](?:[^\n\\]|\\[\s\S])*|[^\n#]*\?[ \t]*)$", re.M)
_MAGIC_VALUE = re.compile(r"^([^\n=#]*=[ \t]*)[%!](?:[^\n\\]|\\[\s\S])*$", re.M)


def _without_magics(source: str) -> str:
    """A cell with `pass` for each magic line.

    IPython's own way looks through the whole cell once for each of them: 600 take it 14 seconds.
    """
    first, _, rest = source.lstrip().partition("\n")
    if first.startswith("%%"):  # the rest of the cell is Python for some magics, and a string for the others
        source = rest if first[2:].split(" ")[0].strip() in PYTHON_MAGICS else ""
    from IPython.core.inputtransformer2 import TransformerManager  # not for nbgrader's commands that read no cell

    lines = source.splitlines(keepends=True)
    for transform in TransformerManager().cleanup_transforms:  # of indented cells, and of prompts that were copied
        lines = transform(lines)
    return _MAGIC_LINE.sub(r"\1pass", _MAGIC_VALUE.sub(r"\1None", "".join(lines)))


_parsed_once = functools.lru_cache(100)(_parsed)


def digest(*parts: object) -> str:
    """A name for all that some data says."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class Course:
    """The notebooks of an assignment.

    Args:
        source: the folder source/ASSIGNMENT. Folders beside it are the other assignments.

    Raises:
        CourseError: there are none, or something in them contradicts itself.
    """

    def __init__(self, source: Path | str):
        self.source = Path(source)
        self.assignment = self.source.name
        beside = self.source.resolve().parent.parent / PACKAGES[1].name
        if beside.is_dir() and beside != PACKAGES[1].resolve():
            raise CourseError(
                f"This program is the one of {PACKAGES[1].parent}, and the course in {beside.parent} has its own. Run "
                f"it there: with the environment of {beside.parent}, or with `make`."
            )
        self.notebooks = {each.name: each for each in sorted(_read_all(self.source), key=lambda each: each.number)}
        if not self.notebooks:
            raise CourseError(f"There are no notebooks in {source}. Run this in the course's folder.")
        self._translated: dict[tuple[str, str], NotebookNode] = {}
        self._code = _code(self.assignment)
        self._homes = self._find_homes()
        self._needed = {name: self._needs(notebook) for name, notebook in self.notebooks.items()}

    def _find_homes(self) -> dict[str, Notebook]:
        """The notebook that defines each class, of this assignment or of another one."""
        homes: dict[str, Notebook] = {}
        others = [folder for folder in sorted(self.source.parent.iterdir()) if folder.name != self.assignment]
        for folder in [self.source, *others]:
            for notebook in self.notebooks.values() if folder == self.source else _read_all(folder):
                for name in notebook.classes:
                    if name in homes and folder == self.source:
                        raise CourseError(
                            f"{notebook.name}.ipynb and {homes[name].name}.ipynb in {folder} both define {name} in a "
                            "solution. Give one of the classes another name."
                        )
                    homes.setdefault(name, notebook)
        return homes

    def _needs(self, notebook: Notebook) -> list[Notebook]:
        """The notebooks whose classes a notebook carries, and those that these carry from."""
        found: list[Notebook] = []
        for name in notebook.carried:
            home = self._homes.get(name)
            if home is None:
                raise CourseError(
                    f"{notebook.name}.ipynb in {self.source} carries {name}, and no solution cell of any assignment "
                    f"in {self.source.parent} defines it. Is the name right?"
                )
            found += [each for each in [*self._needs(home), home] if each not in found]
        return found

    def node(self, name: str, language: str) -> NotebookNode:
        """A notebook in a language, with solutions and hidden tests; in English where it isn't translated."""
        if (name, language) not in self._translated:
            from learngpt_teaching.translating import catalogues, notebooks  # which know what a course is

            root = self.source.parent.parent
            known = catalogues.translations(root, language, self.assignment)
            self._translated[name, language] = (
                notebooks.translated(
                    self.source / f"{name}.ipynb",
                    language,
                    lambda words: known.get(words, words),
                    root / "img" / language,
                )
                if known
                else self.notebooks[name].node
            )
        return self._translated[name, language]

    def before(self, name: str) -> list[str]:
        """What a kernel is given of earlier notebooks: JSON text of their imports and their solutions, no checks."""
        return [_without_checks(notebook.node) for notebook in self._needed[name]]

    def key(self, name: str) -> str:
        """Changes with what the marks of a notebook depend on, but for the submission."""
        needed = [notebook.digest for notebook in self._needed[name]]
        return digest(self._code, self.notebooks[name].digest, needed)

    @functools.cached_property
    def exams(self) -> "dict[str, Exam]":
        """{grade id: how it is examined}, from the room of the assignment.

        Raises:
            CourseError: there is no such room, or a graded cell has no exam.
        """
        room = f"learngpt_teaching.{self.assignment}.exam"
        if _imported.setdefault(self.assignment, self._code) != self._code:
            raise CourseError(
                f"The code that grades {self.assignment} was changed after this program had read it. Start it again."
            )
        try:
            exams: dict[str, Exam] = importlib.import_module(room).EXAMS
        except ModuleNotFoundError as error:
            if not room.startswith(str(error.name)):
                raise
            raise CourseError(f"{self.assignment} has no exam: there is no module {room}. Write it first.") from None
        for notebook in self.notebooks.values():
            for grade_id in notebook.checks.keys() - exams.keys():
                raise CourseError(
                    f"The graded cell {grade_id} in {self.source / notebook.name}.ipynb has no exam. Add one to EXAMS "
                    f"in {room}."
                )
        return exams

    @property
    def modules(self) -> list[str]:
        """The modules that the given cells import, so that a parent of kernels can import them once."""
        names = set()
        for notebook in self.notebooks.values():
            for node in [node for source in notebook.given for node in ast.walk(tree(source))]:
                if isinstance(node, ast.Import):
                    names |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        return sorted(names)


def _read_all(folder: Path) -> list[Notebook]:
    notebooks = [_read(path) for path in sorted(folder.glob("*.ipynb"))]
    where: dict[object, str] = {}
    for notebook in notebooks:
        for thing, words in [(notebook.number, "the number"), *((each, "the grade id") for each in notebook.checks)]:
            if thing in where:
                raise CourseError(
                    f"{where[thing]}.ipynb and {notebook.name}.ipynb in {folder} both have {words} {thing}. Each is "
                    "given once in an assignment."
                )
            where[thing] = notebook.name
    return notebooks


def _read(path: Path) -> Notebook:
    try:
        node = nbformat.read(path, as_version=4)
    except (ValueError, AttributeError, KeyError, nbformat.ValidationError):
        raise CourseError(f"{path} can't be read as a notebook. Mend it, or take it out of the folder.") from None
    number = node.metadata.get("learngpt", {}).get("number")
    if type(number) is not int:
        raise CourseError(
            f'{path} has no number. Its notebook metadata needs "learngpt": {{"number": N}}, the number of its TODO, '
            "which is its place in the order too."
        )
    checks: dict[str, Check] = {}
    for cell in node.cells:
        if not is_graded(cell):
            continue
        check = _check(path, cell)
        if check.grade_id in checks:
            raise CourseError(f"{path} has two graded cells {check.grade_id}. Give one of them another grade id.")
        checks[check.grade_id] = check
    code = [cell for cell in node.cells if cell.cell_type == "code"]
    bodies = [statement for cell in code if not is_demonstration(cell) for statement in tree(cell.source).body]
    solutions = [statement for cell in code if is_solution(cell) for statement in tree(cell.source).body]
    return Notebook(
        path.stem,
        number,
        node,
        checks,
        tuple(each.name for each in solutions if isinstance(each, ast.ClassDef)),
        tuple(name for statement in bodies for name in _carried(statement)),
        digest([[cell.source, marks(cell), cell.metadata.get("tags", [])] for cell in code]),
    )


def _check(path: Path, cell: NotebookNode) -> Check:
    grade_id, points = marks(cell).grade_id, marks(cell).points
    body = tree(cell.source).body
    last = ast.unparse(body[-1]) if body else ""
    if last != f"checks.passed({points:g})":
        raise CourseError(
            f"The graded cell {grade_id} in {path} is worth {points:g} points, and its last line is `{last}`. "
            f"Make it `checks.passed({points:g})`, or change the points."
        )
    return Check(grade_id, points, title(cell))


def _carried(statement: ast.stmt) -> list[str]:
    calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
    return [
        argument.value
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "carry"
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]


def _without_checks(node: NotebookNode) -> str:
    kept = [cell for cell in node.cells if marks(cell) and not is_graded(cell)]
    text: str = nbformat.writes(nbformat.v4.new_notebook(cells=kept))
    return text


def _code(assignment: str) -> str:
    """Changes with the code that decides the marks of an assignment, and with the version of PyTorch."""
    rooms = [package / assignment for package in PACKAGES]
    files = [file for place in [*DECIDING, *rooms] for file in sorted([place, *place.rglob("*.py")]) if file.is_file()]
    return digest(importlib.metadata.version("torch"), *[file.read_text(encoding="utf-8") for file in files])
