"""Grade a learner's own notebooks the way an instructor does, and leave them as they are: `make check`.

python -m learngpt_teaching.own_work work/week1
"""

import argparse
import contextlib
import gc
import json
import os
import sys
import urllib.request
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from learngpt.language import chosen, known, say, spoken, use
from learngpt_teaching.stopping import end_with

ROOT = Path(__file__).resolve().parent.parent


def _asked() -> argparse.Namespace:
    """What a command asks for, answered with a word at once: what follows takes seconds to import."""
    use(chosen(ROOT / "work"))
    end_with(say("Stopped. Your notebooks are as they were."))
    what = say("Grade a learner's own notebooks the way an instructor does, and leave them as they are: `make check`.")
    parser = argparse.ArgumentParser(prog="python -m learngpt_teaching.own_work", description=what)
    parser.add_argument("folder", help=say("where the notebooks lie, for example work/week1"))
    parser.add_argument("--notebook", default="", help=say("the number or the name of one; else all are graded"))
    asked = parser.parse_args()
    asked.notebook = asked.notebook.removesuffix(".ipynb")
    if asked.notebook:
        words = say(
            "Grading notebook {which} of {folder} with the hidden tests.", which=asked.notebook, folder=asked.folder
        )
    else:
        words = say("Grading the notebooks of {folder} with the hidden tests.", folder=asked.folder)
    print(words, flush=True)
    return asked


if __name__ == "__main__":
    gc.disable()  # its share of a run as short as this is half a second
    ASKED = _asked()

from learngpt_teaching.engine.sandbox import Broken, NoContainment, begin_warming, must_be_ready

if __name__ == "__main__" and hasattr(os, "fork"):
    begin_warming(contain=False)  # PyTorch takes as long to import as all that follows here

import jinja2
from jupyter_server.serverapp import list_running_servers
from nbformat.notebooknode import NotebookNode
from traitlets.config import Config, PyFileConfigLoader

from learngpt_teaching.course import Course, CourseError, marks, title
from learngpt_teaching.feedback import TEMPLATES, FeedbackExporter
from learngpt_teaching.grader import Grader
from learngpt_teaching.results import UNREADABLE, Outcome, Result
from learngpt_teaching.settings import StudentCode
from learngpt_teaching.submissions import Job, jobs

COLOURS = {"✓": "32", "✗": "31", "○": "2"}  # of a terminal


@dataclass(frozen=True)
class Graded:
    """One notebook of the learner's.

    Attributes:
        job: which file was graded.
        result: what it came to.
        rows: for each check its sign (✓, ✗, or ○ where nothing is written yet), its title, and its outcome.
    """

    job: Job
    result: Result
    rows: list[tuple[str, str, Outcome]]

    @property
    def points(self) -> float:
        return self.result.points

    @property
    def possible(self) -> float:
        return sum(outcome.possible for outcome in self.result.checks.values())


def grade(folder: Path | str, which: str = "*") -> Iterator[Graded]:
    """Grade the notebooks of a folder with the hidden tests. Nothing in the folder is changed.

    Args:
        folder: where the notebooks lie; its name is that of the assignment.
        which: the number or the name of a notebook; all of them if left out.

    Yields:
        each notebook, in their order, while the next ones are graded.

    Raises:
        FileNotFoundError: there is no notebook in the folder, or none of that name, or no course around this package.
        CourseError, NoContainment, Broken: the course, or this machine, can't grade now.
    """
    folder = Path(folder).resolve()
    source = ROOT / "source" / folder.name
    if not source.is_dir():
        said = {"assignment": folder.name, "folder": source}
        raise FileNotFoundError(
            say("The hidden tests of {assignment} are not here: there is no folder {folder}.", **said)
        )
    if not any(path for each in _folders(folder) for path in each.glob("*.ipynb")):
        said = say("There is no notebook in {folder}. `make lab` puts those of the course there.", folder=folder)
        raise FileNotFoundError(said)
    course = Course(source)
    names = [each.name for each in course.notebooks.values() if which in ("*", str(each.number), each.name)]
    if not names:
        about = {"which": which, "names": ", ".join(course.notebooks)}
        raise FileNotFoundError(say("There is no notebook {which}. There are {names}.", **about))
    settings = StudentCode(contain=False)  # it is the learner's own code
    must_be_ready(settings.contain)
    grader = Grader(course, None, settings)
    try:
        budget, found = grader.budget(), jobs(course, folder, settings.all_limits)
        running = {name: grader.begin(found[name], budget) for name in names}
        for name, future in running.items():
            yield _graded(course, found[name], future.result())
    finally:
        grader.close()


def _folders(folder: Path) -> list[Path]:
    """A folder of notebooks, and those in it that are named by a language."""
    return [folder, *(folder / language for language in known())]


def _graded(course: Course, job: Job, result: Result) -> Graded:
    rows = []
    titles = {marks(cell).get("grade_id"): title(cell) for cell in result.notebook.cells}  # in the notebook's language
    for grade_id in course.notebooks[job.name].checks:
        outcome = result.checks[grade_id]
        sign = "✓" if outcome.points == outcome.possible else "○" if outcome.unwritten else "✗"
        rows.append((sign, titles[grade_id], outcome))
    return Graded(job, result, rows)


class Pages:
    """A page for each notebook, and a first one with all points and all messages."""

    def __init__(self, folder: Path):
        self.folder, self._exporter = folder, FeedbackExporter(config=_config())

    def write(self, each: Graded) -> Path:
        """Write the page of a notebook, and give its path."""
        notebook = each.result.notebook
        for cell in notebook.cells:
            if outcome := each.result.checks.get(marks(cell).get("grade_id", "")):
                cell.metadata.nbgrader.score = outcome.points
        name = each.job.name
        about = {"notebook": name, "score": each.points, "max_score": each.possible, "late_penalty": 0}
        resources = {"nbgrader": NotebookNode(about), "unique_key": name}
        page, _ = self._exporter.from_notebook_node(notebook, resources)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}.html"
        path.write_text(page, encoding="utf-8")
        return path

    def write_first(self, graded: list[Graded]) -> Path:
        """Write the first page, and give its path."""
        environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True)
        environment.globals |= {"say": say, "spoken": spoken}
        page = environment.get_template("own_work.html.j2").render(
            graded=graded, next=_next(graded), when=f"{datetime.now():%Y-%m-%d %H:%M}"
        )
        (self.folder / "index.html").write_text(page, encoding="utf-8")
        return self.folder / "index.html"


def _config() -> Config:
    """The course's settings for pages of feedback, without what asks a gradebook."""
    config = PyFileConfigLoader("nbgrader_config.py", str(ROOT)).load_config()
    steps = [step for step in config.GenerateFeedback.preprocessors if step.__name__ != "GetMarks"]
    config.FeedbackExporter.preprocessors = steps
    return config


def _next(graded: list[Graded]) -> str:
    """What to do now, in a sentence."""
    rows = [(each, sign, words) for each in graded for sign, words, _ in each.rows if sign != "✓"]
    # What was tried and failed comes before what is unwritten or missing.
    rows.sort(key=lambda row: row[1] == "○" or row[0].result.verdict == UNREADABLE)
    if rows:
        each, sign, words = rows[0]
        if sign == "○":
            return say("Next: {notebook}. Its TODO isn't written yet.", notebook=each.job.name)
        about = {"notebook": each.job.name, "check": words}
        return say("Next: {notebook}, “{check}” Its message says what was seen.", **about)
    if len(graded) == 1:
        return say(
            "All points of {notebook}. Next: the notebook after it, or `make check` for all of them.",
            notebook=graded[0].job.name,
        )
    return say("All points. Well done. Show somebody the text that your model writes.")


def unsaved(folder):
    """Notebooks of a folder with whose kernel JupyterLab spoke after they were last saved.

    That is all a Jupyter server knows: perhaps a cell ran, perhaps a page was opened anew. What was typed and neither
    run nor saved is in the browser alone.

    Returns:
        list of (notebook, when it was saved, when its kernel was last spoken to).
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
                if path.parent in _folders(Path(folder).resolve()) and path.is_file():
                    saved = datetime.fromtimestamp(path.stat().st_mtime).astimezone()
                    ran = datetime.fromisoformat(session["kernel"]["last_activity"]).astimezone()
                    if ran > saved:
                        found.append((path.stem, saved, ran))
    return found


def _print(each: Graded) -> None:
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    about = {"file": each.job.file or each.job.name, "points": each.points, "possible": each.possible}
    print("\n" + say("{file}: {points:g} of {possible:g} points", **about))
    for line in each.job.left_out:
        print("  " + say("Left out: {why}", why=line))
    said = set()
    for sign, words, outcome in each.rows:
        shown = f"\x1b[{COLOURS[sign]}m{sign}\x1b[0m" if coloured else sign
        print(f"  {shown} {outcome.points:2g} / {outcome.possible:g}  {words}")
        # What keeps several checks from running is said once; of a TODO that isn't written, by whichever call met it.
        what = outcome.message.partition(": ")[2] if outcome.unwritten else outcome.message
        if sign != "✓" and what not in said:
            print("\n".join(f"            {line}" for line in outcome.message.strip().split("\n")))
        said.add(what)
    sys.stdout.flush()


def main(asked: argparse.Namespace) -> None:
    folder = Path(asked.folder).resolve()
    which = asked.notebook or "*"
    for notebook, saved, ran in unsaved(folder):
        if which not in ("*", notebook, notebook.partition("-")[0]):
            continue
        about = {"notebook": notebook, "saved": f"{saved:%H:%M:%S}", "ran": f"{ran:%H:%M:%S}"}
        print(say("{notebook} was saved at {saved}, and JupyterLab spoke to its kernel after that, at {ran}.", **about))
        print("  " + say("What counts is the file. If you changed it since, save it with Ctrl + S and run this again."))
    graded, pages = [], Pages(folder.with_name(f"{folder.name}-feedback"))
    try:
        for each in grade(folder, which):
            _print(each)
            page = pages.write(each)
            graded.append(each)
    except (FileNotFoundError, CourseError, NoContainment) as error:
        sys.exit(str(error))
    except Broken as error:
        sys.exit(error.said())
    print()
    if which == "*":
        page = pages.write_first(graded)
        points, possible = sum(each.points for each in graded), sum(each.possible for each in graded)
        print(say("In all: {points:g} of {possible:g} points", points=points, possible=possible))
    print(_next(graded))
    print(say("The same as a page, with your notebooks as they were graded: {page}", page=page))
    if sys.stdout.isatty():
        webbrowser.open(page.as_uri())


if __name__ == "__main__":
    main(ASKED)
