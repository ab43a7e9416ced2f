"""What students need who have no clone of the course: a folder and a zip file of it, to hand out.

python -m learngpt_teaching.handout week1

The folder holds the released notebooks, the package as a wheel, the versions that go together, and the settings of
Validate. The wheel brings the course's own classes packed, for `carry` to put in the place of one that isn't finished.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import nbformat

from learngpt.carrying import PACKED
from learngpt.language import ENGLISH, known, mark, say, speaking, subfolder

COURSE = Path(__file__).resolve().parent.parent
PACKAGE = ["pyproject.toml", "README.md", "LICENSE", "learngpt", "data"]  # what the wheel is built from

SETTINGS = """\
from learngpt.validating import set_up
c = get_config()
set_up(c)
"""
STANDS_IN = mark("If you skip a TODO, go on all the same: the course's own class stands in for yours, and says so.")
NOTHING_STANDS_IN = mark(
    "The notebooks build on one another. `carry` needs your finished class, and says which one it misses."
)


class HandoutError(Exception):
    """Why there is no folder to hand out, in a sentence."""


def make(assignment, folder, stand_in=True, languages=(ENGLISH,)):
    """Make the folder, and a zip file of the same name beside it.

    Args:
        assignment: such as "week1".
        folder: where; it isn't there yet.
        stand_in: whether the course's own classes come along.
        languages: the first one in the assignment's folder, others in folders in it.

    Returns:
        the zip file.

    Raises:
        HandoutError: there is no such release, the folder is there already, or the wheel can't be built.
    """
    folder = Path(folder).resolve()
    released = {}
    for language in languages:
        release = COURSE / "release" / subfolder(language) / assignment
        released[language] = sorted(release.glob("*.ipynb"))
        if not released[language]:
            raise HandoutError(
                f"There is no {release} to hand out. The languages are {', '.join(known())}; `make build` makes their "
                "notebooks."
            )
    if folder.exists():
        raise HandoutError(f"{folder} is there already. Remove it, or name another one with --to.")
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary) / folder.name
        for number, (language, paths) in enumerate(released.items()):
            target = made / assignment / (language if number else "")
            target.mkdir(parents=True)
            for path in paths:
                shutil.copy(path, target)
        wheel = _wheel(made, packed(assignment) if stand_in else None)
        shutil.copy(COURSE / "constraints.txt", made)
        (made / "nbgrader_config.py").write_text(SETTINGS, encoding="utf-8")
        for number, (language, paths) in enumerate(released.items()):
            with speaking(language):
                place = f"{assignment}/{language}" if number else assignment
                page = _readme(assignment, place, paths[0].name, wheel.name, stand_in)
            (made / (f"README.{language}.md" if number else "README.md")).write_text(page, encoding="utf-8")
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(made, folder)
        return Path(shutil.make_archive(str(folder), "zip", temporary, folder.name))


def _readme(assignment, place, first, wheel, stand_in):
    """The page for students, in the language that is spoken; `place` is the folder of its notebooks."""
    skipped = say(STANDS_IN if stand_in else NOTHING_STANDS_IN)
    checks = say(
        "Work in `{assignment}`, and begin with `{first}`. Run the checks below each TODO. **Validate**, the button "
        "above a notebook, runs all checks of that notebook from the start; so does `nbgrader validate "
        "{assignment}/{first}`.",
        assignment=place,
        first=first,
    )
    parts = [
        f"# learnGPT, {assignment}",
        say("You need Python 3.11 or newer. Install the course once, in this folder:"),
        f"```\npython3 -m venv .venv\nsource .venv/bin/activate\npip install --constraint constraints.txt {wheel}\n```",
        say(
            "On Windows the second line is `.venv\\Scripts\\activate`. On Linux the PyTorch of PyPI brings several "
            "gigabytes of CUDA libraries; to avoid that, point `PIP_EXTRA_INDEX_URL` to PyTorch's CPU builds first."
        ),
        say("Then open JupyterLab from this folder, each time:"),
        "```\nsource .venv/bin/activate\njupyter lab\n```",
        f"{checks} {skipped}",
        say("Hand in the notebooks of `{assignment}`.", assignment=place),
    ]
    return "\n\n".join(parts) + "\n"


def packed(assignment):
    """The code of the solved notebooks of this assignment and of those before it, as `carry` reads it: bytes."""
    notebooks = {}
    for path in sorted((COURSE / "notebooks").glob("*/*.ipynb")):
        if path.parent.name <= assignment:
            cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
            notebooks[f"{path.parent.name}/{path.name}"] = [
                {"cell_type": "code", "source": cell.source} for cell in cells
            ]
    return zlib.compress(json.dumps(notebooks).encode())


def _wheel(folder, classes):
    """Build the wheel from a copy of what belongs to it."""
    with tempfile.TemporaryDirectory() as copy:
        copy = Path(copy)
        for name in PACKAGE:
            path = COURSE / name
            if path.is_dir():
                shutil.copytree(path, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(path, copy)
        if classes is not None:
            (copy / "learngpt" / PACKED).write_bytes(classes)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, copy]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise HandoutError(f"The wheel can't be built:\n{done.stderr.strip()[-2000:]}")
    [wheel] = folder.glob("learngpt-*.whl")
    return wheel


def main():
    parser = argparse.ArgumentParser(prog="python -m learngpt_teaching.handout", description=__doc__.split("\n")[0])
    parser.add_argument("assignment", help="such as week1")
    parser.add_argument("--to", help="the folder to make; handout/learngpt-ASSIGNMENT without it")
    parser.add_argument("--no-stand-in", action="store_true", help="leave the course's own classes out of the wheel")
    parser.add_argument(
        "--languages", default=ENGLISH, help="such as ko or en,ko; the first one in the assignment's folder"
    )
    options = parser.parse_args()
    to = options.to or COURSE / "handout" / f"learngpt-{options.assignment}"
    try:
        archive = make(options.assignment, to, not options.no_stand_in, options.languages.split(","))
    except HandoutError as error:
        sys.exit(str(error))
    print(f"{archive} is ready to hand out; {archive.with_suffix('')} holds the same.")


if __name__ == "__main__":
    main()
