"""What the cells did that ran in this kernel: which class it holds, which names won't be there when it is graded."""

import ast
import re
import time
from dataclasses import dataclass

from learngpt.carrying import names_made, names_read
from learngpt.fresh import own_file, saved
from learngpt.language import say


@dataclass
class _Version:
    """A class as a cell made it."""

    made: type
    cell_id: str | None
    source: str
    when: float


class Noticed:
    """Follows what runs in an IPython shell, for the classes that a learner writes.

    Args:
        shell: the shell. Frontends of Jupyter tell it each cell's id and metadata; another one loses what needs them.
        todos: {class: number of the TODO that it is written for}.
    """

    def __init__(self, shell, todos):
        self.shell, self.todos = shell, todos
        self.versions = {}  # class -> the last _Version that a cell made
        self.left = {}  # class that its cell didn't make -> the error that stopped that cell, or ""
        self.kept, self.shown = set(), {}  # names that cells made, and those of demonstrations -> number of the cell
        self.passed = {}  # grade id of a check that passed with these classes -> its points

    def metadata(self):
        """What the notebook says of the cell that runs; empty where the frontend doesn't tell."""
        return self.shell.kernel.get_parent().get("metadata", {}) if hasattr(self.shell, "kernel") else {}

    def after(self, result):
        """Note what a cell did: IPython's event post_run_cell."""
        source, cell_id = result.info.raw_cell or "", getattr(result.info, "cell_id", None)
        error = result.error_before_exec or result.error_in_exec
        written = classes_in(source)
        for name in self.todos:
            before, now = self.versions.get(name), self.shell.user_ns.get(name)
            if name in written and now is not (before and before.made) and now is not None:
                self.versions[name] = _Version(now, cell_id, source, time.time())
                self.left.pop(name, None)
                self.passed.clear()
            elif name in written or (before and cell_id and before.cell_id == cell_id):
                self.left[name] = type(error).__name__ if error else ""
        try:
            made = names_made(ast.parse(self.shell.transform_cell(source)).body)
        except SyntaxError:
            return
        if "demo" in self.metadata().get("tags", ()):
            self.shown.update(dict.fromkeys(made, result.execution_count))
        else:
            self.kept |= made

    def behind(self, source):
        """The classes that a cell names, and that aren't those on screen: {class: why, in whole sentences}."""
        named = set(re.findall(r"\w+", source)) & self.versions.keys() - set(classes_in(source))
        found = {name: self._why_behind(name) for name in sorted(named)}
        return {name: why for name, why in found.items() if why}

    def _why_behind(self, name):
        """What became of the cell of a class after it made one; "" where it is the same."""
        todo = self.todos[name]
        if error := self.left.get(name):
            return say("The cell under TODO {todo} stopped with {error}.", todo=todo, error=error)
        if name in self.left:
            return say("The cell under TODO {todo} no longer makes {name}.", todo=todo, name=name)
        if _changed(self.versions[name]):
            return say("The cell under TODO {todo} was changed after it ran: run it again.", todo=todo)
        return ""

    def borrowed(self, source):
        """The names that the classes in a cell take from demonstrations: [(class, name, number of that cell)]."""
        found = []
        for name in sorted(set(re.findall(r"\w+", source)) & self.versions.keys()):
            tree = ast.parse(self.shell.transform_cell(self.versions[name].source))
            for read in sorted(_read_by(name, tree.body) & self.shown.keys() - self.kept):
                found.append((name, read, self.shown[read]))
        return found

    def all_passed(self, points):
        """Count a check that passed; if it was the last of them: (points of the notebook, what comes next)."""
        self.passed[self.metadata().get("nbgrader", {}).get("grade_id")] = points
        checks = saved().get("metadata", {}).get("learngpt", {}).get("checks", {})
        if not checks or self.passed.keys() != checks.keys():
            return None
        file = own_file()
        later = sorted(path.name for path in file.parent.glob("*.ipynb") if path.name > file.name)
        return sum(checks.values()), next((name for name in later if re.match(r"\d+-[\w-]+\.ipynb$", name)), None)


def _changed(version):
    """Whether a cell is another one than that which ran, as the saved notebook has it."""
    file = own_file()
    if not version.cell_id or not file or file.stat().st_mtime < version.when:
        return False
    sources = [
        "".join(cell.get("source", "")) for cell in saved().get("cells", ()) if cell.get("id") == version.cell_id
    ]
    return any(source.strip() != version.source.strip() for source in sources[:1])


def classes_in(source):
    """Names of the classes that a cell begins to define at its margin, in code that may be broken."""
    return re.findall(r"^class (\w+)", source, re.M)


def _read_by(name, statements):
    """The names that a class, and what stands beside it for its sake, look up outside of their cell."""
    defined = {made: statement for statement in statements for made in names_made([statement])}
    seen, wanted = set(), [name]
    while wanted:
        each = wanted.pop()
        if each not in seen and each in defined:
            wanted += names_read([defined[each]])
        seen.add(each)
    return seen - defined.keys()
