"""Whether a class was graded and nothing has changed since, told from the file system alone.

`make grade` asks this first: nbgrader takes longer to import than all the rest of a run with nothing to grade.
"""

import hashlib
import importlib.metadata
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from jupyter_core.paths import jupyter_config_path

PACKAGES = [Path(__file__).resolve().parent, Path(__file__).resolve().parent.parent / "learngpt"]
GRADEBOOK, KEPT = "gradebook.db", "autograded/.results"  # where they are unless nbgrader_config.py says otherwise


def before(root: Path, assignment: str) -> str:
    """Changes with what is there to be graded, and with what grades it: course, submissions, settings, code.

    To be asked for before a run looks at any of these, so that what comes in later is new.
    """
    settings = [Path(folder, "nbgrader_config.py") for folder in [str(root), *jupyter_config_path()]]
    settings += [path.with_suffix(".json") for path in settings]
    # release/ says which of several copies of a notebook is untouched, and doesn't count.
    course = [root / name for name in ("source", "release", "translations")]
    submitted = root.glob(f"submitted/*/{assignment}")
    versions = [importlib.metadata.version(name) for name in ("torch", "nbgrader")]
    # Who may read the course is a part of what a run says.
    modes = [f"{path} {path.stat().st_mode}" for path in (root / "submitted", root, *root.parents) if path.exists()]
    return _digest([*versions, *modes, *_states(settings), *_below([*PACKAGES, *course, *submitted])])


def after(root: Path, assignment: str) -> str:
    """Changes with what a run leaves: the gradebook, and which submissions were graded."""
    graded = [str(path) for path in root.glob(f"autograded/*/{assignment}")]
    return _digest([*_states([root / GRADEBOOK]), *sorted(graded)])


def note(root: Path, assignment: str, begun: str, said: str) -> None:
    """Note that all is graded.

    Args:
        begun: what `before` was when the run began.
        said: what a run says that has nothing to grade.
    """
    path = _place(root, assignment)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{begun} {after(root, assignment)}\n{said}", encoding="utf-8")


def since(root: Path, assignment: str) -> str:
    """What a run says that has nothing to grade, if all is graded and nothing has changed since; else ""."""
    try:
        states, _, said = _place(root, assignment).read_text(encoding="utf-8").partition("\n")
    except (OSError, ValueError):
        return ""
    return said if states == f"{before(root, assignment)} {after(root, assignment)}" else ""


def _place(root: Path, assignment: str) -> Path:
    return root / KEPT / f"{_digest([assignment])}.unchanged"


def _below(folders: Iterable[Path]) -> Iterator[str]:
    for folder in folders:
        yield from _states([folder])
        for place, inside, files in os.walk(folder):
            inside[:] = [name for name in inside if name != "__pycache__"]
            yield from _states(Path(place, name) for name in [*inside, *files])


def _states(paths: Iterable[Path]) -> Iterator[str]:
    """What changes when a file does; nobody can set back the time at which the system saw it change."""
    for path in paths:
        try:
            state = path.lstat()
        except OSError:
            yield f"{path} -"
        else:
            yield f"{path} {state.st_mode} {state.st_ino} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()
