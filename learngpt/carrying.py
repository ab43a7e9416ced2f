"""Carry the learner's own classes from one notebook to the next."""

import ast
import dis
import json
import linecache
import os
import types
from pathlib import Path

from IPython.core.inputtransformer2 import TransformerManager

ASSIGNMENT = "week1"
HOME = {
    "GPTVer1": "1-bigram",
    "HeadVer1": "2-averaging",
    "GPTVer2": "2-averaging",
    "HeadVer2": "3-vectorizing",
    "HeadVer3": "4-masking",
    "HeadVer4": "5-self-attention",
    "GPTVer3": "6-positions",
}


class CarryError(Exception):
    """A class could not be carried over. The message says which notebook to finish first."""

    def _render_traceback_(self):
        return [f"CarryError: {self}"]


def carry(*names, folder=None):
    """Take classes from the notebooks that define them, the learner's own where they are finished.

    A class comes with the imports, the helpers and the classes that it names, and nothing else of its notebook runs.
    It is the course's, from `notebooks/`, where the learner's is missing or unfinished, and always when the notebook
    is graded by `nbgrader autograde`, so that every TODO is judged alone.

    Args:
        names: names of classes, like "GPTVer1".
        folder: where the learner's notebooks lie; the current folder if left out.

    Returns:
        the class, or a tuple of the classes in the order of `names`.

    Raises:
        CarryError: neither the learner's nor the course's class is to be had.
    """
    folder = Path(folder or ".").resolve()
    known = {}
    found = tuple(_carry(name, folder, known, say=print) for name in names)
    return found[0] if len(found) == 1 else found


def _carry(name, folder, known, say=lambda line: None):
    """One class; `known` keeps what was found before, so that one name is one class for all who stand on it."""
    if name not in known:
        known[name] = _find(name, folder, known)
    cls, whose = known[name]
    say(f"{name}: {whose}")
    return cls


def _find(name, folder, known):
    if name not in HOME:
        raise CarryError(f"No notebook of the course defines {name}. It can carry {', '.join(HOME)}.")
    file = f"{HOME[name]}.ipynb"
    course = _course_folder(folder)
    if os.environ.get("NBGRADER_EXECUTION") == "autograde":
        if course is None:
            raise CarryError(f"Grading needs the course's {name}: run it in the course folder, beside notebooks/.")
        return _take(name, course / file, known), "the course's, as always when graded"
    try:
        cls = _take(name, folder / file, known)
    except NotThere as reason:
        if course is None or course == folder:
            raise CarryError(f"{name} comes from {file}, and {reason}. Finish that notebook first.") from None
        return _take(name, course / file, known), f"the course's, because {reason}"
    return cls, f"from {file}"


class NotThere(Exception):
    """Why a notebook doesn't give a class."""


def _course_folder(folder):
    """The solved notebooks: of the clone this package stands in, or of the course folder around `folder`."""
    for root in (Path(__file__).resolve().parent.parent, *folder.parents):
        solved = root / "notebooks" / ASSIGNMENT
        if solved.is_dir():
            return solved
    return None


def take(name, folder):
    """The class of that name as it stands in the notebooks of a folder, with no other to stand in for it.

    Raises:
        NotThere: the folder's notebook has no such class, or it isn't finished.
    """
    return _take(name, Path(folder).resolve() / f"{HOME[name]}.ipynb", {})


def _take(name, path, known):
    """Run just those statements of a notebook that a class needs, and give back the class."""
    if not path.is_file():
        raise NotThere(f"there is no {path.name} here")
    try:
        cells = json.loads(path.read_text(encoding="utf-8-sig"))["cells"]
    except (ValueError, KeyError, TypeError, OSError):
        raise NotThere(f"{path.name} can't be read as a notebook") from None
    defined, broken = {}, None
    for number, cell in enumerate(cells):
        if cell.get("cell_type") != "code":
            continue
        source = TransformerManager().transform_cell("".join(cell["source"]))
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            if f"class {name}" in source:
                broken = f"yours in {path.name} has a syntax error at line {error.lineno} of its cell"
            continue
        for statement in tree.body:
            for bound in _names_bound(statement):
                defined[bound] = (statement, number, source)
    if not isinstance(defined.get(name, (None,))[0], ast.ClassDef):
        raise NotThere(broken or f"{path.name} has no class {name}")
    if any(isinstance(node, ast.Raise) and _raises_not_implemented(node) for node in ast.walk(defined[name][0])):
        raise NotThere(f"yours in {path.name} isn't finished")

    module = types.ModuleType(path.stem)
    for statement, number, source in _needed(name, defined):
        carried = _carried_names(statement)
        if carried:
            classes = [_carry(each, path.parent, known) for each in carried]
            for target, cls in zip(_names_bound(statement), classes):
                setattr(module, target, cls)
            continue
        file = f"<{path.name}, cell {number + 1}>"
        linecache.cache[file] = (len(source), None, source.splitlines(True), file)
        try:
            exec(compile(ast.Module([statement], []), file, "exec"), vars(module))
        except Exception as error:
            raise NotThere(f"yours in {path.name} stops with {type(error).__name__}: {error}") from None
    return vars(module)[name]


def _needed(name, defined):
    """The statements that `name` stands on, in the order in which they must run."""
    order, seen = [], set()

    def visit(wanted):
        if wanted in seen or wanted not in defined:
            return
        seen.add(wanted)
        entry = defined[wanted]
        for needed in _globals_read(compile(ast.Module([entry[0]], []), "<needed>", "exec")):
            visit(needed)
        if entry not in order:
            order.append(entry)

    visit(name)
    return order


def _globals_read(code):
    """The names that a piece of code and the functions in it look up outside of themselves."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _globals_read(constant)


def _names_bound(statement):
    """The names that an import, a def, a class, or an assignment of a constant or of `carry(...)` binds."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.split(".")[0] for alias in statement.names]
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        plain = all(not isinstance(node, ast.Call) for node in ast.walk(statement.value))
        if plain or _carried_names(statement):
            targets = [node for target in statement.targets for node in ast.walk(target)]
            return [node.id for node in targets if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return []


def _carried_names(statement):
    value = getattr(statement, "value", None)
    if isinstance(statement, ast.Assign) and isinstance(value, ast.Call) and getattr(value.func, "id", "") == "carry":
        return [argument.value for argument in value.args if isinstance(argument, ast.Constant)]
    return []


def _raises_not_implemented(node):
    raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
