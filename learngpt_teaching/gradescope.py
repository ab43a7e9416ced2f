"""An autograder for Gradescope: the course as a zip file, and what runs in it.

python -m learngpt_teaching.gradescope week1 --to autograder.zip

Gradescope unpacks the zip to /autograder/source, runs setup.sh once, and run_autograder for each submission, which
reads /autograder/submission and writes /autograder/results/results.json: one test for each check.
"""

import argparse
import json
import os
import sys
import zipfile
from pathlib import Path

import nbformat

COURSE = Path(__file__).resolve().parent.parent
FILES = ["pyproject.toml", "constraints.txt", "README.md", "LICENSE", "nbgrader_config.py"]
FOLDERS = ["learngpt", "learngpt_teaching", "data"]  # and source, release and notebooks of the assignment
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
    for folder in (*FOLDERS, *(f"{step}/{assignment}" for step in ("source", "release", "notebooks"))):
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
        folder = _notebooks(autograder / "submission")
        results = {"tests": _tests(assignment, grade(folder))}
    except Exception as error:
        # A student sees this sentence; the reason is for the instructor, in the log of the autograder.
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        said = str(error) if isinstance(error, FileNotFoundError) else "The autograder failed. Tell your instructor."
        results = {"score": 0, "output": said}
    (autograder / "results").mkdir(exist_ok=True)
    path = autograder / "results" / "results.json"
    path.write_text(json.dumps({"stdout_visibility": "hidden", **results}, indent=1), encoding="utf-8")


def _notebooks(submission):
    """The folder that the notebooks lie in: the outermost one that has any."""
    found = sorted(
        (path.parent for path in submission.rglob("*.ipynb") if not LEFT_OUT & set(path.parts)),
        key=lambda folder: len(folder.parts),
    )
    if not found:
        raise FileNotFoundError("There is no notebook in what was handed in. Hand in the files that end in .ipynb.")
    return found[0]


def _tests(assignment, results):
    """One test for each check, as Gradescope wants it."""
    titles = _titles(assignment)
    return [
        {
            "name": f"{notebook}: {titles.get(check, check.replace('_', ' '))}",
            "score": points,
            "max_score": possible,
            "output": message if points < possible else "",
            "visibility": "visible",
        }
        for notebook, check, points, possible, message in results
    ]


def _titles(assignment):
    """What the checks of an assignment are called: {grade id: title}."""
    from learngpt_teaching.feedback import check_title

    return {
        cell.metadata.nbgrader.grade_id: check_title(cell)
        for path in (COURSE / "source" / assignment).glob("*.ipynb")
        for cell in nbformat.read(path, as_version=4).cells
        if cell.metadata.get("nbgrader", {}).get("grade")
    }


def main():
    parser = argparse.ArgumentParser(prog="python -m learngpt_teaching.gradescope", description=__doc__.split("\n")[0])
    parser.add_argument("assignment", nargs="?", default="week1")
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
