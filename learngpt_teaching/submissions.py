"""From the folder of a submission to one job for each notebook of the course."""

import ast
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from learngpt.language import ENGLISH, known, mark, say
from learngpt_teaching import copies
from learngpt_teaching.course import Course, digest, tree
from learngpt_teaching.damage import Unreadable
from learngpt_teaching.engine.rebuilding import MOST_BYTES, Cell, grade_ids, language_of, read
from learngpt_teaching.engine.sandbox import printable
from learngpt_teaching.later import Later

MOST_FILES, MOST_SUBMISSION_BYTES = 30, 40_000_000  # of notebooks that are read of one submission


@dataclass(frozen=True)
class Job:
    """One notebook of one submission.

    Attributes:
        name: of the notebook of the course.
        cells: what counts of the submitted file, None where there is none.
        missing: why there is none, for the student; None where there is one.
        file: what the submitted file is called, "" where there is none.
        left_out: a sentence for each other file of this notebook, which doesn't count.
        language: of the file; where it can't be read, of most of the other ones.
        key: changes with all that the result depends on; jobs of the same key have the same result.
    """

    name: str
    cells: list[Cell] | None
    missing: Later | None
    file: str
    left_out: tuple[str, ...]
    language: str
    key: str


@dataclass(frozen=True)
class _File:
    """A file of a submission, read once.

    Attributes:
        path: where it lies.
        shown: its name; with its folder, where that is one of a language.
        cells: what is in it, None where it can't be read.
        unreadable: why not.
    """

    path: Path
    shown: str
    cells: list[Cell] | None
    unreadable: Later | None = None


def jobs(course: Course, folder: Path | str, limits: dict[str, int]) -> dict[str, Job]:
    """One job for each notebook of the course, whatever the folder of a submission holds: {name: Job}."""
    chosen = _choose(course, _read_all(Path(folder)))
    languages = [language_of(file.cells) for file, _ in chosen.values() if file.cells is not None]
    made = {}
    for name in course.notebooks:
        file, left_out = chosen.get(name, (None, ()))
        cells = file.cells if file else None
        absent = Later(mark("There is no file {file} in the submission."), file=f"{name}.ipynb")
        missing = file.unreadable if file else absent
        said = [vars(cell) for cell in cells] if cells is not None else str(missing)
        usual = max(languages, key=languages.count, default=ENGLISH)
        language = language_of(cells) if cells is not None else usual
        course.node(name, language)  # here, where the catalogues are; a cluster's worker has none
        key = digest(course.key(name), said, limits, language)
        made[name] = Job(name, cells, missing, printable(file.shown) if file else "", left_out, language, key)
    return made


def _read_all(folder: Path) -> list[_File]:
    """The notebooks of a submission: of its folder, and of those in it that are named by a language."""
    files, left = [], MOST_SUBMISSION_BYTES
    folders = [folder, *(folder / language for language in known() if not (folder / language).is_symlink())]
    for number, path in enumerate(path for each in folders for path in sorted(each.glob("*.ipynb"))):
        shown = str(path.relative_to(folder))
        try:
            if number == MOST_FILES:
                said = mark("The submission has more than {most} notebooks; the rest of them is not read.")
                raise Unreadable(Later(said, most=MOST_FILES))
            raw = _read_file(path)
            left -= len(raw)
            if left < 0:
                said = mark("The notebooks have more than {most:,} bytes. Clear their outputs.")
                raise Unreadable(Later(said, most=MOST_SUBMISSION_BYTES))
            files.append(_File(path, shown, read(raw)))
        except Unreadable as error:
            files.append(_File(path, shown, None, error.why))
        if number == MOST_FILES:
            break
    return files


def _choose(course: Course, files: list[_File]) -> dict[str, tuple[_File, tuple[str, ...]]]:
    """The file that counts for each notebook of the course, and a sentence for each other one.

    A file is known by its grade ids, else by its name, else by the classes that it defines.
    """
    candidates: dict[str, list[_File]] = {}
    for file in files:
        if name := _notebook_of(course, file):
            candidates.setdefault(name, []).append(file)
    chosen = {}
    for name, found in candidates.items():
        by_name = {file.shown: file for file in found}
        releases = course.source.parent.parent / "release"
        released = copies.released(releases, course.assignment, name) if len(found) > 1 else set()
        takes, leaves = copies.choose([_copy(course, name, file, released) for file in found])
        left_out = (
            say(copies.LEFT_OUT[why], file=printable(left.shown), taken=printable(takes.shown))
            for left, why in leaves
            # The released notebook of another language lies there by itself.
            if left.state != copies.UNTOUCHED or Path(left.shown).parent == Path(takes.shown).parent
        )
        chosen[name] = by_name[takes.shown], tuple(left_out)
    return chosen


def _notebook_of(course: Course, file: _File) -> str:
    """The notebook that a file is, by its grade ids and its name, else by the classes that it defines; "" if none."""
    cells = file.cells or []
    ids, named = grade_ids(cells), copies.parse(file.path.stem, list(course.notebooks))
    signs = {
        name: (len(ids & grade_ids(notebook.node)), named is not None and named.notebook == name)
        for name, notebook in course.notebooks.items()
    }
    best = max(signs.values())
    likely = [name for name, sign in signs.items() if sign == best]
    if any(best) and len(likely) == 1:
        return likely[0]
    classes = {each.name for cell in cells for each in tree(cell.source).body if isinstance(each, ast.ClassDef)}
    shared = {name: len(classes & {*course.notebooks[name].classes}) for name in likely}
    return max(likely, key=shared.__getitem__) if any(best) or any(shared.values()) else ""


def _copy(course: Course, name: str, file: _File, released: set[str]) -> copies.Copy:
    named = copies.parse(file.path.stem, [name]) or copies.Name(name, plain=False)
    when = (file.path.lstat().st_mtime,)
    return copies.Copy(file.shown, named, copies.state_of(file.cells, released), when)


def _read_file(path: Path) -> bytes:
    """The bytes of a submitted file.

    Raises:
        Unreadable: it is no ordinary file.
    """
    try:
        with open(path, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unreadable(Later(mark("{file} is no ordinary file."), file=path.name))
            return file.read(MOST_BYTES + 1)
    except OSError:
        said = mark("{file} can't be read: it is a link, or no ordinary file.")
        raise Unreadable(Later(said, file=path.name)) from None
