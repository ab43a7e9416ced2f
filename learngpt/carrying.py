"""Carry the learner's own classes from one notebook to the next."""

import ast
import dis
import functools
import json
import linecache
import os
import re
import types
import zlib
from pathlib import Path

from IPython.core.inputtransformer2 import TransformerManager

from learngpt.language import known as languages
from learngpt.language import say

PACKED = "solved.bin"  # in this package, where it was handed out without a clone: the code of the solved notebooks


class CarryError(Exception):
    """A class could not be carried over. The message says which notebook to finish first."""

    def _render_traceback_(self):
        return [f"CarryError: {self}"]


class NotThere(Exception):
    """Why a notebook doesn't give a class, in words that follow a colon: a sentence without its end."""


_parts = {}  # class -> what it stands on, in order: (name, statement as text, None) or (name, None, carried class)
_provided = None  # what a grader gives instead: the course's classes by their names


def carry(*names, folder=None):
    """Take classes from the notebooks that define them, the learner's own where they are finished.

    They are looked for in the notebooks of this folder, then in those of earlier assignments beside it, and then in the
    same notebooks of another language. A class comes with the imports, the helpers and the classes that it names, and
    nothing else of its notebook runs. It is the course's, from `notebooks/` or from what was handed out with this
    package, where the learner's is missing or unfinished, and always when a notebook is graded, so that every TODO is
    judged alone.

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
    found = tuple(_carry(name, folder, known, tell=print) for name in names)
    return found[0] if len(found) == 1 else found


def provide(classes: dict[str, type]) -> None:
    """Let `carry` give these classes, {name: class}, and no others."""
    global _provided
    _provided = classes


def classes_of(notebooks: list[str]) -> dict[str, type]:
    """The classes that solved notebooks define.

    Args:
        notebooks: JSON texts, a later one after those that it carries from.

    Returns:
        {name: class}
    """
    known = {}
    for number, text in enumerate(notebooks):
        cells = _Cells(say("notebook {number} of the course", number=number + 1), json.loads(text)["cells"])
        for name in cells.classes:
            known[name] = _take(name, cells, None, known, quotable=False), ""
    return {name: cls for name, (cls, _) in known.items()}


def take(name, folder):
    """The class of that name as it stands in the notebooks of a folder, with no other to stand in for it.

    Raises:
        NotThere: the folder's notebooks have no such class, or it isn't finished.
    """
    folder, reasons = Path(folder).resolve(), []
    for each in _in_each_language(folder):
        try:
            return _take(name, _look(name, [each]), folder, {})
        except NotThere as reason:
            reasons.append(reason)
    raise reasons[0]


def _carry(name, folder, known, tell=lambda line: None):
    """One class; `known` keeps what was found before, so that one name is one class for all who stand on it."""
    if name not in known:
        known[name] = _find(name, folder, known)
    cls, whose = known[name]
    tell(f"{name}: {whose}")
    return cls


def _find(name, folder, known):
    if _provided is not None:
        if name not in _provided:
            raise CarryError(
                say("The course's notebook carries no {name}, so it isn't there when this one is graded.", name=name)
            )
        return _provided[name], say("the course's, as always when graded")
    solved, reasons = _solved(name, folder), []
    for each in _in_each_language(folder):
        try:
            cells = _look(name, _with_earlier(each, solved), solved and solved.file)
            file = os.path.relpath(each / cells.file, folder) if each != folder else cells.file
            return _take(name, cells, folder, known), say("from {notebook}", notebook=file)
        except NotThere as reason:
            reasons.append(reason)
    why = reasons[0]
    if solved is None:
        raise CarryError(say("{name} can't be carried: {reason}. Write that class first.", name=name, reason=why))
    try:
        # No traceback and no `GPTVer1??` shows what the learner has yet to write.
        cls = _take(name, solved, folder, known, quotable=False)
    except NotThere as broken:
        said = say("{reason}, and the course's can't stand in: {broken}.", reason=why, broken=broken)
        raise CarryError(said) from None
    return cls, say("the course's, because {reason}", reason=why)


def _solved(name, folder):
    """The course's own notebook that defines a class, or None."""
    try:
        return _look(name, [each for each in _course_folders(folder) if each != folder])
    except NotThere:
        return next((cells for cells in _unpacked() if name in cells.classes), None)


@functools.cache
def _unpacked():
    """The solved notebooks that were handed out with this package."""
    path = Path(__file__).with_name(PACKED)
    notebooks = json.loads(zlib.decompress(path.read_bytes())) if path.is_file() else {}
    return [_Cells(Path(place).name, cells, Path(place).parent.name) for place, cells in notebooks.items()]


def _assignment(folder):
    """The folder of an assignment, and the language of a folder in it: English is at the top."""
    return (folder.parent, folder.name) if folder.name in languages() else (folder, "")


def _in_each_language(folder):
    """A folder of notebooks, and those of the same assignment in the other languages."""
    top, own = _assignment(folder)
    return [top / language for language in sorted({"", *languages()}, key=lambda each: (each != own, each))]


def _with_earlier(folder, solved):
    """A folder, and beside it that of the assignment the course's notebook is of; without one, all earlier ones."""
    top, language = _assignment(folder)
    beside = sorted((each for each in top.parent.iterdir() if each.is_dir() and each.name < top.name), reverse=True)
    return [folder, *(each / language for each in beside if not solved or each.name == solved.assignment)]


def _course_folders(folder):
    """The solved notebooks: of the clone this package stands in, or of the course folder around `folder`."""
    for root in (Path(__file__).resolve().parent.parent, *folder.parents):
        if (root / "notebooks").is_dir():
            return sorted(each for each in (root / "notebooks").iterdir() if each.is_dir())
    return []


class _Cells:
    """The code cells of a notebook.

    Attributes:
        file: what the notebook is called.
        assignment: what the folder is called that it lies in.
        sources: of its code cells, as Python, by their place in the notebook.
        shown: the places of those that only demonstrate. They don't run when the notebook is graded.
    """

    def __init__(self, file, cells, assignment=""):
        self.file, self.assignment = file, assignment
        self.sources, self.shown = {}, set()
        for number, cell in enumerate(cells):
            if cell.get("cell_type") == "code":
                source = "".join(cell.get("source", ""))
                self.sources[number + 1] = TransformerManager().transform_cell(source)
                if "demo" in cell.get("metadata", {}).get("tags", ()):
                    self.shown.add(number + 1)

    @property
    def classes(self):
        """Names of the classes that stand at the margin, in cells that may be broken otherwise."""
        return [name for source in self.sources.values() for name in re.findall(r"^class (\w+)", source, re.M)]


def _read(path):
    try:
        cells = json.loads(path.read_text(encoding="utf-8-sig"))["cells"]
        return _Cells(path.name, cells, _assignment(path.parent)[0].name)
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError):
        raise NotThere(say("{notebook} can't be read as a notebook", notebook=path.name)) from None


def _look(name, folders, file=None):
    """The notebook that defines a class, of the first of these folders that has one.

    Args:
        file: what the course's own is called. It goes first; else it is the notebook that was saved last.

    Raises:
        NotThere: no notebook there defines it.
    """
    unreadable = None
    for folder in folders:
        paths = sorted(folder.glob("*.ipynb"), key=lambda path: (path.name == file, path.stat().st_mtime), reverse=True)
        for path in paths:
            try:
                cells = _read(path)
            except NotThere as reason:
                if path.name == file:
                    unreadable = reason
                continue
            if name in cells.classes:
                return cells
    if unreadable:
        raise unreadable
    if file and any((folder / file).is_file() for folder in folders):
        raise NotThere(say("{notebook} has no class {name}", notebook=file, name=name))
    if file:
        raise NotThere(say("there is no {notebook} here", notebook=file))
    raise NotThere(say("no notebook here defines a class {name}", name=name))


def _take(name, cells, folder, known, quotable=True):
    """Run just those statements of a notebook that a class needs, and give back the class.

    Args:
        folder: where a class that it carries itself is looked for; None where all are in `known`.
        quotable: whether a traceback may quote the source.
    """
    defined, broken, imported, kept, shown = {}, None, set(), set(), set()
    for number, source in cells.sources.items():
        try:
            tree = ast.parse(source)
            made = names_made(tree.body)
        except SyntaxError as error:  # a `return` outside of a function, too
            if f"class {name}" in source:
                broken = say(
                    "yours in {notebook} has a syntax error at line {line} of its cell",
                    notebook=cells.file,
                    line=error.lineno,
                )
            continue
        (shown if number in cells.shown else kept).update(made)
        for statement in tree.body if number not in cells.shown else ():
            if isinstance(statement, ast.Import | ast.ImportFrom):
                imported |= set(_names_bound(statement, imported))
            for bound in _names_bound(statement, imported):
                before = defined.get(bound, []) if isinstance(statement, ast.AugAssign) else []
                defined[bound] = [*before, (statement, number, source)]
    if name not in defined or not isinstance(defined[name][-1][0], ast.ClassDef):
        raise NotThere(broken or say("{notebook} has no class {name}", notebook=cells.file, name=name))
    if any(isinstance(node, ast.Raise) and _raises_not_implemented(node) for node in ast.walk(defined[name][-1][0])):
        raise NotThere(say("yours in {notebook} isn't finished", notebook=cells.file))

    needed = _needed(name, defined)
    read = names_read([statement for statement, _, _ in needed])
    for missing in sorted((shown - kept).intersection(read)):
        said = say(
            "yours in {notebook} uses {missing} from a cell that only demonstrates. Such cells don't run when the "
            "notebook is graded. Put what you need of it into the cell of your class",
            notebook=cells.file,
            missing=missing,
        )
        raise NotThere(said)

    module = types.ModuleType(Path(cells.file).stem)
    parts = []
    for statement, number, source in needed:
        carried = _carried_names(statement)
        if carried:
            classes = [_carry(each, folder, known) for each in carried]
            for target, cls in zip(_names_bound(statement, imported), classes):
                setattr(module, target, cls)
                parts.append((target, None, cls))
            continue
        file = f"<{cells.file}, cell {number}>"
        if quotable:
            linecache.cache[file] = (len(source), None, source.splitlines(True), file)
        try:
            exec(compile(ast.Module([statement], []), file, "exec"), vars(module))
        except Exception as error:
            said = say(
                "yours in {notebook} stops with {error}: {text}",
                notebook=cells.file,
                error=type(error).__name__,
                text=error,
            )
            raise NotThere(said) from None
        parts.append((" ".join(_names_bound(statement, imported)), _text(statement, source), None))
    _parts[vars(module)[name]] = parts
    return vars(module)[name]


def _text(statement, source):
    """A statement as it was written, with its decorators and comments."""
    first = min([statement.lineno, *(each.lineno for each in getattr(statement, "decorator_list", []))])
    return "\n".join(source.splitlines()[first - 1 : statement.end_lineno])


def source_of(*names, cells, folder=None):
    """A program that defines classes, from a notebook and from those that it carries classes from.

    Args:
        names: of classes.
        cells: sources of the notebook's code cells, as they were run.
        folder: where the classes that it carries are looked for; the current folder if left out.

    Returns:
        the program, a str: the classes, and the imports, the helpers and the classes that they stand on. Nothing is
        imported from this package.

    Raises:
        NotThere: the notebook defines no such class, or it isn't finished.
        CarryError: two notebooks define one name differently.
    """
    here = _Cells(say("this notebook"), [{"cell_type": "code", "source": source} for source in cells])
    folder, known = Path(folder or ".").resolve(), {}
    imports, written, defined = {}, {}, {}  # statements in their order; name -> those that define it

    def write(cls):
        texts = [text for _, text, _ in _parts[cls] if text]
        read = set(_globals_read(compile("\n".join(texts), "<read>", "exec")))
        own = {}
        for name, text, carried in _parts[cls]:
            if carried and name in read:
                write(carried)
                if name != carried.__name__:
                    written[f"{name} = {carried.__name__}"] = None
            elif text and text.startswith(("import ", "from ")):
                imports[text] = None
            elif text:
                own.setdefault(name, []).append(text)
                written[text] = None
        for name, texts in own.items():
            if defined.setdefault(name, texts) != texts:
                raise CarryError(
                    say("Your notebooks define {name} in two ways. Give one of them another name.", name=name)
                )

    for name in names:
        mine = name in here.classes
        write(_take(name, here, folder, known, quotable=False) if mine else _carry(name, folder, known))
    return "\n".join(each for each in imports if "learngpt" not in each) + "\n\n\n" + "\n\n\n".join(written) + "\n"


def _needed(name, defined):
    """The statements that `name` stands on, in the order in which they must run."""
    order, seen = [], set()

    def visit(wanted):
        if wanted in seen or wanted not in defined:
            return
        seen.add(wanted)
        for entry in defined[wanted]:
            for needed in names_read([entry[0]]):
                visit(needed)
            if entry not in order:
                order.append(entry)

    visit(name)
    return order


def names_read(statements):
    """The names that statements and the functions in them look up outside of themselves."""
    return list(_globals_read(compile(ast.Module(statements, []), "<read>", "exec")))


def names_made(statements):
    """The names that statements give a value in the notebook."""
    code = compile(ast.Module(statements, []), "<made>", "exec")
    return {each.argval for each in dis.get_instructions(code) if each.opname in ("STORE_NAME", "STORE_GLOBAL")}


def _globals_read(code):
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _globals_read(constant)


def _names_bound(statement, imported):
    """The names that a statement binds, if a class may need it: an import, a def, a class, or an assignment.

    Of assignments those that call nothing but what was imported, or `carry(...)`: no training runs again.
    """
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.split(".")[0] for alias in statement.names]
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign) and statement.value:
        calls = [node.func for node in ast.walk(statement.value) if isinstance(node, ast.Call)]
        if all(_root(call) in imported for call in calls) or _carried_names(statement):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            nodes = [node for target in targets for node in ast.walk(target)]
            return [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return []


def _root(node):
    """The module of `module.part.function`, None for anything else."""
    if not isinstance(node, ast.Attribute):
        return None
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _carried_names(statement):
    value = getattr(statement, "value", None)
    if isinstance(statement, ast.Assign) and isinstance(value, ast.Call) and getattr(value.func, "id", "") == "carry":
        return [argument.value for argument in value.args if isinstance(argument, ast.Constant)]
    return []


def _raises_not_implemented(node):
    raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
