"""From the folder of a submission to one job for each notebook of the course."""

import ast
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from learngpt_teaching.course import Course, digest, tree
from learngpt_teaching.engine.rebuilding import MOST_BYTES, Cell, Unreadable, grade_ids, read

MOST_FILES, MOST_SUBMISSION_BYTES = 30, 40_000_000  # of notebooks that are read of one submission
MOST_FOLDER_BYTES = 200_000_000  # of all files of one submission, which nbgrader copies


@dataclass(frozen=True)
class Job:
    """One notebook of one submission.

    Attributes:
        name: of the notebook of the course.
        cells: what counts of the submitted file, None where there is none.
        missing: why there is none, a sentence for the student; "" where there is one.
        file: what the submitted file is called, "" where there is none.
        key: changes with all that the result depends on; jobs of the same key have the same result.
    """

    name: str
    cells: list[Cell] | None
    missing: str
    file: str
    key: str


@dataclass(frozen=True)
class _File:
    """A file of a submission, read once."""

    path: Path
    cells: list[Cell] | None
    unreadable: str = ""


def jobs(course: Course, folder: Path | str, limits: dict[str, int]) -> dict[str, Job]:
    """One job for each notebook of the course, whatever the folder of a submission holds: {name: Job}."""
    files = _choose(course, _read_all(Path(folder)))
    made = {}
    for name in course.notebooks:
        file = files.get(name)
        cells = file.cells if file else None
        missing = file.unreadable if file else f"There is no file {name}.ipynb in the submission."
        said = [vars(cell) for cell in cells] if cells is not None else missing
        made[name] = Job(name, cells, missing, file.path.name if file else "", digest(course.key(name), said, limits))
    return made


def _read_all(folder: Path) -> list[_File]:
    files, left = [], MOST_SUBMISSION_BYTES
    for number, path in enumerate(sorted(folder.glob("*.ipynb"))):
        try:
            if number == MOST_FILES:
                raise Unreadable(f"The submission has more than {MOST_FILES} notebooks; the rest of them is not read.")
            raw = _read_file(path)
            left -= len(raw)
            if left < 0:
                raise Unreadable(f"The notebooks have more than {MOST_SUBMISSION_BYTES:,} bytes. Clear their outputs.")
            files.append(_File(path, read(raw)))
        except Unreadable as error:
            files.append(_File(path, None, str(error)))
        if number == MOST_FILES:
            break
    return files


def _choose(course: Course, files: list[_File]) -> dict[str, _File]:
    """The file for each notebook of the course, known by its grade ids, else by its name, else by its classes."""
    candidates: dict[str, list[_File]] = {}
    for file in files:
        cells = file.cells or []
        classes = {each.name for cell in cells for each in tree(cell.source).body if isinstance(each, ast.ClassDef)}
        shared = {
            name: (
                len(grade_ids(cells) & grade_ids(notebook.node)),
                name == file.path.stem,
                len(classes & {*notebook.classes}),
            )
            for name, notebook in course.notebooks.items()
        }
        name = max(shared, key=lambda each: shared[each])
        candidates.setdefault(name if any(shared[name]) else file.path.stem, []).append(file)
    return {name: min(found, key=lambda each: each.path.stem != name) for name, found in candidates.items()}


def _read_file(path: Path) -> bytes:
    """The bytes of a submitted file.

    Raises:
        Unreadable: it is no ordinary file.
    """
    try:
        with open(path, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unreadable(f"{path.name} is no ordinary file.")
            return file.read(MOST_BYTES + 1)
    except OSError:
        raise Unreadable(f"{path.name} can't be read: it is a link, or no ordinary file.") from None


def set_aside(folder: Path | str) -> list[str]:
    """Move what must not be copied out of the folder of a submission, to "set aside" beside it.

    Links, devices and pipes, which nbgrader would follow or read for ever, and files beyond MOST_FOLDER_BYTES in all.

    Returns:
        list of the names of what was moved.
    """
    folder, total, moved = Path(folder), 0, []
    for root, folders, files in os.walk(folder):
        for name in sorted([*folders, *files]):
            path = Path(root, name)
            found = path.lstat()
            total += found.st_size
            if stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and total <= MOST_FOLDER_BYTES):
                continue
            target = folder.parent / "set aside" / path.relative_to(folder.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)  # of a link, the link itself
            moved.append(str(path.relative_to(folder)))
    return moved
