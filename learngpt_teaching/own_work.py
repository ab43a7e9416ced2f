"""Grade the notebooks of a folder the way an instructor does, and leave the folder as it is.

python -m learngpt_teaching.own_work work/week1
"""

import contextlib
import html
import json
import logging
import os
import shutil
import sys
import tempfile
import urllib.request
import warnings
import webbrowser
from datetime import datetime
from pathlib import Path

import nbformat
from jupyter_server.serverapp import list_running_servers
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback, NbGraderException
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import SAWarning
from traitlets.config import PyFileConfigLoader

from learngpt.carrying import ASSIGNMENT
from learngpt_teaching.feedback import check_message

COURSE = Path(__file__).resolve().parent.parent
LEARNER = "you"


def grade(folder, feedback=None):
    """Autograde a copy of a folder's notebooks, hidden tests included, with a gradebook of its own.

    Args:
        folder: where the notebooks lie.
        feedback: a folder for nbgrader's feedback, a page for each notebook.

    Returns:
        list of (notebook, check, points, possible points, message), the message being "" for a check that passed.

    Raises:
        FileNotFoundError: there is no notebook in the folder, or no course around this package.
    """
    folder = Path(folder).resolve()
    if not (COURSE / "source" / ASSIGNMENT).is_dir():
        raise FileNotFoundError("The hidden tests are in the course's source/, which an installed package hasn't got.")
    notebooks = sorted(folder.glob("*.ipynb"))
    if not notebooks:
        raise FileNotFoundError(f"There is no notebook in {folder}. `make lab` puts the six of the course there.")
    with tempfile.TemporaryDirectory() as root:
        root = Path(root).resolve()
        shutil.copytree(COURSE / "source" / ASSIGNMENT, root / "source" / ASSIGNMENT)
        submitted = root / "submitted" / LEARNER / ASSIGNMENT
        submitted.mkdir(parents=True)
        for notebook in notebooks:
            shutil.copy(notebook, submitted)
        coursedir = _autograde(root, [GenerateFeedback] * bool(feedback))
        if feedback:
            shutil.copytree(root / "feedback" / LEARNER / ASSIGNMENT, feedback, dirs_exist_ok=True)
        return list(_results(coursedir, root / "autograded" / LEARNER / ASSIGNMENT))


def _autograde(root, further):
    # nbgrader starts `alembic` by its name alone, which lies beside this Python.
    os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
    config = PyFileConfigLoader("nbgrader_config.py", str(COURSE)).load_config()
    config.CourseDirectory.root = str(root)
    config.Contained.contain = False  # it is the learner's own code
    coursedir = CourseDirectory(config=config, assignment_id=ASSIGNMENT, student_id=LEARNER)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # nbgrader 0.9.6 adds to sessions in an order that 2.1 notes
        for step in (GenerateAssignment, Autograde, *further):
            converter = step(coursedir=coursedir, config=config)
            converter.log.setLevel(logging.CRITICAL)
            converter.start()
    return coursedir


def _results(coursedir, autograded):
    with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
        for notebook in gradebook.find_submission(ASSIGNMENT, LEARNER).notebooks:
            messages = _messages(autograded / f"{notebook.name}.ipynb")
            for points in notebook.grades:
                yield notebook.name, points.name, points.score, points.max_score, messages.get(points.name, "")


def _messages(path):
    """What the failed checks of an autograded notebook said, by grade id."""
    return {
        cell.metadata.nbgrader.grade_id: check_message(cell)
        for cell in nbformat.read(path, as_version=4).cells
        if cell.metadata.get("nbgrader", {}).get("grade")
        and any(output.output_type == "error" for output in cell.outputs)
    }


def unsaved(folder):
    """Notebooks of a folder in whose kernel something ran after they were last saved.

    That is all a Jupyter server knows: what was typed and neither run nor saved is in the browser alone.

    Returns:
        list of (notebook, when it was saved, when its kernel was last at work).
    """
    found = []
    for server in list_running_servers():
        request = urllib.request.Request(
            f"{server['url']}api/sessions", headers={"Authorization": f"token {server['token']}"}
        )
        # A server that doesn't answer, or that asks for a password, tells nothing.
        with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(request, timeout=2) as answer:
            for session in json.load(answer):
                path = Path(server["root_dir"], session["path"])
                if path.parent == Path(folder).resolve() and path.is_file():
                    saved = datetime.fromtimestamp(path.stat().st_mtime).astimezone()
                    ran = datetime.fromisoformat(session["kernel"]["last_activity"]).astimezone()
                    if ran > saved:
                        found.append((path.stem, saved, ran))
    return found


def write_summary(results, feedback):
    """A page above nbgrader's feedback: points for each check, with the message of each lost point."""
    page = ["<!doctype html><html lang=en><meta charset=utf-8><title>learnGPT: your points</title>"]
    page.append("<style>body{font:16px/1.5 sans-serif;max-width:50em;margin:2em auto;padding:0 1em}")
    page.append("td{padding:.2em 1em .2em 0;vertical-align:top}td:first-child{white-space:nowrap}")
    page.append("pre{white-space:pre-wrap;margin:.2em 0 1em}</style>")
    page.append(f"<h1>{_sum(results, 2):g} of {_sum(results, 3):g} points</h1>")
    for notebook in dict.fromkeys(row[0] for row in results):
        rows = [row for row in results if row[0] == notebook]
        title = f"{notebook}: {_sum(rows, 2):g} of {_sum(rows, 3):g}"
        linked = (Path(feedback) / f"{notebook}.html").is_file()
        page.append(f"<h2><a href='{notebook}.html'>{title}</a></h2>" if linked else f"<h2>{title}</h2>")
        page.append("<table>")
        for _, check, points, possible, message in rows:
            sign = "✓" if points == possible else "✗"
            said = f"<pre>{html.escape(message.strip())}</pre>" if points < possible and message else ""
            page.append(f"<tr><td>{sign} {points:g} / {possible:g}<td>{check.replace('_', ' ')}{said}")
        page.append("</table>")
    path = Path(feedback) / "index.html"
    path.write_text("\n".join(page), encoding="utf-8")
    return path


def _sum(rows, column):
    return sum(row[column] for row in rows)


def main(folder):
    print(f"Grading a copy of {folder} with the hidden tests. This takes about half a minute.", flush=True)
    for notebook, saved, ran in unsaved(folder):
        print(f"{notebook} was saved at {saved:%H:%M:%S}, and its kernel was at work until {ran:%H:%M:%S}.")
        print("  What counts is the file. If you changed it since, save it with Ctrl + S and run this again.")
    feedback = Path(folder).resolve()
    feedback = feedback.with_name(f"{feedback.name}-feedback")
    try:
        results = grade(folder, feedback)
    except (FileNotFoundError, NbGraderException) as error:
        sys.exit(str(error))
    for notebook in dict.fromkeys(row[0] for row in results):
        rows = [row[1:] for row in results if row[0] == notebook]
        print(f"\n{notebook}: {_sum(rows, 1):g} of {_sum(rows, 2):g} points")
        for check, points, possible, message in rows:
            print(f"  {'✓' if points == possible else '✗'} {points:2g} / {possible:g}  {check.replace('_', ' ')}")
            if points < possible and message:
                print("\n".join(f"            {line}" for line in message.strip().split("\n")))
    print(f"\nIn all: {_sum(results, 2):g} of {_sum(results, 3):g} points")
    page = write_summary(results, feedback)
    print(f"The same as a page, with your notebooks as they were graded: {page}")
    if sys.stdout.isatty():
        webbrowser.open(page.as_uri())


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else f"work/{ASSIGNMENT}")
