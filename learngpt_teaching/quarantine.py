"""Moves out of a submission what must not be copied, without following or keeping any link.

A link that a student made may lead to any file of the instructor's: nbgrader would copy what it leads to, and whatever
is later written below the link's name would be written there. So a link is never moved, only deleted, and a line of
text tells what it was. Every folder on the way is opened by itself, without following; nothing is written into a folder
that was there before.
"""

import os
import stat
from pathlib import Path

MOST_BYTES = 200_000_000  # of all files of one submission, which nbgrader copies
FOLDER, RECORD = "set aside", "what was set aside.txt"
KINDS = {
    stat.S_ISLNK: "a link",
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


def quarantine(folder: Path | str, most_bytes: int = MOST_BYTES) -> list[tuple[str, str]]:
    """Move out of the folder of a submission what must not be copied, to a new folder in "set aside" beside it.

    Links, devices and pipes are deleted, and a line of text says what they were. Ordinary files beyond `most_bytes` in
    all are moved, the largest first.

    Args:
        folder: submitted/STUDENT/ASSIGNMENT.

    Returns:
        list of (name in the submission, what it was), empty where all is ordinary.
    """
    folder = Path(folder)
    found: list[tuple[str, str]] = []
    sizes: list[tuple[int, Path]] = []
    for root, folders, files, at in os.fwalk(folder, follow_symlinks=False):
        inside = Path(root).relative_to(folder)
        for name in sorted([*folders, *files]):
            about = os.stat(name, dir_fd=at, follow_symlinks=False)
            if stat.S_ISREG(about.st_mode):
                sizes.append((about.st_size, inside / name))
            elif not stat.S_ISDIR(about.st_mode):
                kind = next((words for is_kind, words in KINDS.items() if is_kind(about.st_mode)), "no ordinary file")
                if stat.S_ISLNK(about.st_mode):
                    kind += f" to {os.readlink(name, dir_fd=at)}"
                os.unlink(name, dir_fd=at)
                found.append((str(inside / name), kind))
    large = _largest(sizes, most_bytes)
    found += [(str(inside), f"a file beyond {most_bytes:,} bytes in all") for inside in large]
    if found:
        new = _new_folder(folder)
        for inside in large:
            target = new / inside
            target.parent.mkdir(parents=True, exist_ok=True)  # in a folder that was made a moment ago
            os.rename(folder / inside, target)
        lines = [f"{_printable(name)}: {_printable(what)}\n" for name, what in found]
        with open(new / RECORD, "x", encoding="utf-8") as record:
            record.writelines(lines)
    return [(_printable(name), _printable(what)) for name, what in found]


def _largest(sizes: list[tuple[int, Path]], most_bytes: int) -> list[Path]:
    """Without these files the others have so many bytes at most: the largest, notebooks of a usual size last."""
    total, large = sum(size for size, _ in sizes), []

    def turn(file: tuple[int, Path]) -> tuple[bool, int]:
        size, inside = file
        return inside.suffix == ".ipynb" and size <= most_bytes // 10, -size

    for size, inside in sorted(sizes, key=turn):
        if total <= most_bytes:
            break
        large.append(inside)
        total -= size
    return large


def was_set_aside(folder: Path | str) -> list[str]:
    """What was ever moved out of the folder of a submission: list of sentences."""
    outer, name = Path(folder).parent / FOLDER, Path(folder).name
    records = sorted([*outer.glob(f"{name}/{RECORD}"), *outer.glob(f"{name} */{RECORD}")])
    lines = [line for record in records for line in record.read_text(encoding="utf-8").splitlines()]
    return [f"{name} is {what}, and was set aside." for name, _, what in (line.partition(": ") for line in lines)]


def _new_folder(folder: Path) -> Path:
    """submitted/STUDENT/set aside/ASSIGNMENT, or ASSIGNMENT 2 and so on: made now, and for nobody else."""
    outer = folder.parent / FOLDER
    if outer.is_symlink() or (outer.exists() and not outer.is_dir()):
        outer.unlink()
    outer.mkdir(mode=0o700, exist_ok=True)
    number = 1
    while True:
        new = outer / (folder.name if number == 1 else f"{folder.name} {number}")
        try:
            new.mkdir(mode=0o700)  # never one that is there, and never through a link
            return new
        except FileExistsError:
            number += 1


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:300]
