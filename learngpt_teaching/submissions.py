"""From the folder of a submission to one job for each notebook of the course, and the results that are kept."""

import base64
import functools
import hashlib
import json
import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat

import learngpt
from learngpt.carrying import ASSIGNMENT
from learngpt_teaching.engine.rebuilding import MOST_BYTES, Unreadable, grade_ids, read
from learngpt_teaching.engine.running import CELL, Result, grade_notebook
from learngpt_teaching.engine.sandbox import LIMITS, sandbox

MOST_FOLDER_BYTES = 200_000_000  # of all files of one submission, which nbgrader copies


@dataclass(frozen=True)
class Job:
    """All that a worker needs to grade one notebook of one submission; it travels as JSON."""

    name: str
    course: str
    before: dict
    raw: str | None  # base64 of the submitted file, None where there is none
    missing: str  # why there is none, "" where there is one
    limits: dict
    cell_limits: dict
    key: str  # made of all that the result depends on: jobs of the same key have the same result

    def run(self, sandbox):
        raw = self.missing if self.raw is None else base64.b64decode(self.raw)
        return grade_notebook(self.course, raw, self.before, sandbox, self.limits, self.cell_limits)


def _digest(*parts):
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@functools.cache
def _code():
    """A number that changes with the code of the course."""
    return _digest(*[path.read_text(encoding="utf-8") for path in sorted(Path(learngpt.__file__).parent.rglob("*.py"))])


class Course:
    """The six notebooks of an assignment, as the instructor wrote them.

    Args:
        source: the folder source/ASSIGNMENT.
    """

    def __init__(self, source):
        self.notebooks = {path.stem: path.read_text(encoding="utf-8") for path in sorted(Path(source).glob("*.ipynb"))}
        self._parsed = {name: nbformat.reads(text, as_version=4) for name, text in self.notebooks.items()}
        self._ids = {name: grade_ids(notebook) for name, notebook in self._parsed.items()}
        self._digest = _digest(_code(), *self.notebooks.values())
        self._solved = {name: self._without_checks(notebook) for name, notebook in self._parsed.items()}

    @staticmethod
    def _without_checks(notebook):
        """What the notebooks after this one carry from it: its imports and its classes, solved."""
        kept = [cell for cell in notebook.cells if not cell.metadata.get("nbgrader", {"grade": True})["grade"]]
        return nbformat.writes(nbformat.v4.new_notebook(cells=kept))

    def jobs(self, folder, limits=LIMITS, cell_limits=CELL):
        """One job for each notebook of the course, whatever the folder of a submission holds: {name: Job}."""
        files = self._files(Path(folder))
        jobs = {}
        for name in self.notebooks:
            before = {
                f"notebooks/{ASSIGNMENT}/{earlier}.ipynb": self._solved[earlier]
                for earlier in self.notebooks
                if earlier < name
            }
            raw = files.get(name, f"There is no file {name}.ipynb in the submission.")
            missing = raw if isinstance(raw, str) else ""
            raw = None if missing else base64.b64encode(raw).decode()
            key = _digest(raw, missing, name, self._digest, json.dumps([limits, cell_limits]))
            jobs[name] = Job(name, self.notebooks[name], before, raw, missing, limits, cell_limits, key)
        return jobs

    def _files(self, folder):
        """The file for each notebook, known by its grade ids, else by its name: {name: bytes or why not}."""
        candidates = {}
        for path in sorted(folder.glob("*.ipynb")):
            raw = _read_file(path)
            try:
                ids = grade_ids(read(raw)) if isinstance(raw, bytes) else set()
            except Unreadable:
                ids = set()
            shared = {name: len(ids & self._ids[name]) for name in self.notebooks}
            name = max(shared, key=shared.get)
            if shared[name] == 0:
                name = path.stem
            candidates.setdefault(name, []).append((path.stem != name, path.name, raw))
        return {name: min(found, key=lambda each: each[:2])[2] for name, found in candidates.items()}

    def validated(self, name, text):
        """A Result from JSON text; None if the text isn't one for this notebook, within its points."""
        try:
            result = Result(**json.loads(text))
            result.notebook = nbformat.from_dict(result.notebook)
            nbformat.validate(result.notebook, relax_add_props=False)
            possible = {
                cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader.points
                for cell in self._parsed[name].cells
                if cell.metadata.get("nbgrader", {}).get("grade")
            }
            for grade_id, points in possible.items():
                check = result.checks[grade_id]
                if not (0 <= check["points"] <= check["possible"] == points and isinstance(check["message"], str)):
                    return None
            good = result.verdict in ("graded", "set aside", "unreadable") and set(result.checks) == set(possible)
        except (ValueError, TypeError, KeyError, AttributeError, nbformat.ValidationError):
            return None
        return result if good else None


def _read_file(path):
    """The bytes of a submitted file, or why they are not read."""
    try:
        with open(path, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return f"{path.name} is no ordinary file."
            return file.read(MOST_BYTES + 1)
    except OSError:
        return f"{path.name} can't be read: it is a link, or no ordinary file."


def set_aside(folder):
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


class Kept:
    """Results on disk, each under the key of its job, so that a run goes on where another one broke off."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def get(self, course, job):
        """The Result of a job, or None."""
        try:
            return course.validated(job.name, (self.folder / f"{job.key}.json").read_text(encoding="utf-8"))
        except OSError:
            return None

    def put(self, job, text):
        """Keep the JSON text of a result; it is there whole, or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{job.key}.json"
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)


def to_text(result):
    """A Result as JSON text."""
    return json.dumps(asdict(result))


def grade_job(text, contain):
    """What a worker does: the JSON text of a Job in, that of its Result out."""
    return to_text(Job(**json.loads(text)).run(sandbox(contain)))
