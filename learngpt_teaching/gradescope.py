"""An autograder for Gradescope: the course as a zip file, and what runs in it.

python -m learngpt_teaching.gradescope week1 --to autograder.zip

Gradescope unpacks the zip to /autograder/source, runs setup.sh once, and run_autograder for each submission, which
reads /autograder/submission and writes /autograder/results/results.json: one test for each check.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from learngpt.language import known, say, subfolder

COURSE = Path(__file__).resolve().parent.parent
FILES = ["pyproject.toml", "constraints.txt", "README.md", "LICENSE", "nbgrader_config.py"]
FOLDERS = ["learngpt", "learngpt_teaching", "data", "translations"]  # and the assignment's
LEFT_OUT = {"__pycache__", ".ipynb_checkpoints"}

SETUP = r"""#!/usr/bin/env bash
# Runs once, when Gradescope builds the image. PyTorch's CPU builds are smaller: set PIP_EXTRA_INDEX_URL to them here.
set -e
apt-get update
apt-get install -y python3.11 python3.11-venv || apt-get install -y python3 python3-venv
PYTHON=$(command -v python3.11 || command -v python3)
"$PYTHON" -m venv /autograder/venv
/autograder/venv/bin/pip install --no-cache-dir --constraint /autograder/source/constraints.txt \
    --editable /autograder/source
"""

RUN = """\
#!/usr/bin/env bash
# Runs for each submission.
AUTOGRADER=${{AUTOGRADER:-/autograder}}
cd "$AUTOGRADER/source"
exec "$AUTOGRADER/venv/bin/python" -m learngpt_teaching.gradescope {assignment} --run "$AUTOGRADER"
"""


class Nothing(Exception):
    """There is nothing to grade. The message is for the student."""


def build(assignment, to):
    """Write the zip file that Gradescope takes as an autograder.

    Args:
        assignment: such as "week1".
        to: the zip file.

    Raises:
        FileNotFoundError: the course has no such assignment.
    """
    if not list((COURSE / "source" / assignment).glob("*.ipynb")):
        raise FileNotFoundError(f"There are no notebooks in {COURSE / 'source' / assignment}.")
    paths = [COURSE / name for name in FILES]
    of_assignment = [f"source/{assignment}", f"notebooks/{assignment}"]
    of_assignment += [f"release/{subfolder(language)}/{assignment}" for language in known()]
    for folder in (*FOLDERS, *of_assignment):
        paths += sorted(path for path in (COURSE / folder).rglob("*") if path.is_file())
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (("setup.sh", SETUP), ("run_autograder", RUN.format(assignment=assignment))):
            about = zipfile.ZipInfo(name)
            about.external_attr = 0o755 << 16  # Gradescope runs them
            archive.writestr(about, text)
        for path in paths:
            if not LEFT_OUT & set(path.parts):
                archive.write(path, path.relative_to(COURSE))


def run(assignment, autograder):
    """Grade what was handed in, and write results/results.json; whatever goes wrong is said there in one sentence.

    Args:
        autograder: the folder with submission/ and results/.
    """
    from learngpt_teaching.own_work import grade  # nbgrader, which takes a second to import

    autograder = Path(autograder)
    try:
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder) / assignment
            folder.mkdir()
            for path, place in _notebooks(autograder / "submission"):
                (folder / place).parent.mkdir(exist_ok=True)
                shutil.copy2(path, folder / place)
            results = {"tests": _tests(grade(folder))}
    except Exception as error:
        # A student sees this sentence; the reason is for the instructor, in the log of the autograder.
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        said = str(error) if isinstance(error, Nothing) else say("The autograder failed. Tell your instructor.")
        results = {"score": 0, "output": said}
    (autograder / "results").mkdir(exist_ok=True)
    path = autograder / "results" / "results.json"
    path.write_text(json.dumps({"stdout_visibility": "hidden", **results}, indent=1), encoding="utf-8")


def _notebooks(submission):
    """The notebooks of the outermost folder that has any, and of those in it that are named by a language.

    Yields:
        the path, and what it is below that folder.
    """
    found = [path for path in sorted(submission.rglob("*.ipynb")) if not LEFT_OUT & set(path.parts)]
    if not found:
        raise Nothing(say("There is no notebook in what was handed in. Hand in the files that end in .ipynb."))
    outermost = min((path.parent for path in found), key=lambda folder: len(folder.parts))
    if outermost.name in known() and outermost.parent != submission.parent:
        outermost = outermost.parent
    for path in found:
        place = path.relative_to(outermost) if path.is_relative_to(outermost) else Path()
        if len(place.parts) == 1 or (len(place.parts) == 2 and place.parts[0] in known()):
            yield path, place


def _tests(graded):
    """One test for each check, as Gradescope wants it."""
    return [
        {
            "name": f"{each.job.name}: {title}",
            "score": outcome.points,
            "max_score": outcome.possible,
            "output": outcome.message if outcome.points < outcome.possible else "",
            "visibility": "visible",
        }
        for each in graded
        for _, title, outcome in each.rows
    ]


def main():
    parser = argparse.ArgumentParser(prog="python -m learngpt_teaching.gradescope", description=__doc__.split("\n")[0])
    parser.add_argument("assignment", help="such as week1")
    parser.add_argument("--to", default="autograder.zip", help="the zip file to write")
    parser.add_argument("--run", metavar="FOLDER", help="grade FOLDER/submission, as run_autograder does")
    options = parser.parse_args()
    if options.run:
        run(options.assignment, options.run)
        return
    try:
        build(options.assignment, options.to)
    except FileNotFoundError as error:
        sys.exit(str(error))
    size = os.path.getsize(options.to) / 1e6
    print(f"{options.to} has {size:.1f} MB, hidden tests included. Upload it in Gradescope: Configure Autograder.")


if __name__ == "__main__":
    main()
