"""What a class didn't understand: one page to look at, and tables.

python -m learngpt_teaching.report week1

It reads the gradebook and the autograded notebooks, and runs nothing. The page has no script and loads nothing; each of
its pictures has its numbers beside it as text. It names students: it is for the instructor.
"""

import base64
import csv
import io
import math
import os
import re
import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import jinja2
import nbformat
from nbgrader.api import Grade, Gradebook, MissingEntry, SubmittedAssignment, SubmittedNotebook
from nbgrader.apps.baseapp import NbGrader
from sqlalchemy.orm import selectinload
from traitlets import Unicode

from learngpt.language import ENGLISH, known, say, speaking
from learngpt_teaching.feedback import TEMPLATES, check_message, check_title, number, unwritten, verdict
from learngpt_teaching.quarantine import was_set_aside
from learngpt_teaching.similarity import matches, tree
from learngpt_teaching.times import has_no_time, late

STYLE = Path(__file__).resolve().parent.parent / "learngpt" / "learngpt.mplstyle"
CLASSES = 20  # matches are shown that so many such classes would have once by chance
MOST_PAIRS = 30
MOST_MISTAKES = 8
MISSING = "missing"
GONE = (MISSING, "unreadable")
UNWRITTEN = "The TODO isn't written yet."
POINTS_WAIT = "points by hand were given for an earlier version: look again."
COUNTED = ("graded", "differs")  # verdicts under which the checks ran


@dataclass
class Check:
    """A graded cell and what it found in the class."""

    notebook: str
    grade_id: str
    title: str
    possible: float
    passed: list = field(default_factory=list)  # ids of students
    messages: dict = field(default_factory=dict)  # of those who failed: {student: message}
    not_begun: set = field(default_factory=set)  # those of them whose TODO is as it was handed out

    @property
    def tried(self):
        return len(self.passed) + len(self.messages)

    def causes(self):
        """What its messages named, the most frequent first: list of (cause, students)."""
        found = defaultdict(list)
        for student, message in sorted(self.messages.items()):
            for cause in [UNWRITTEN] if student in self.not_begun else likely_causes(message):
                found[cause].append(student)
        return sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))


@dataclass
class Student:
    """One student of the gradebook."""

    id: str
    name: str
    submitted: bool = False
    points: float | None = None  # without what a late one loses; None without a submission
    waits: bool = False
    late: str = ""  # one line
    time: datetime | None = None
    notebooks: dict = field(default_factory=dict)  # {notebook: (verdict, reason, flagged, points)}
    languages: dict = field(default_factory=dict)  # {notebook: the language it was handed in in}
    notes: list = field(default_factory=list)  # (notebook, or "" for all of it; a sentence)

    @property
    def mark(self):
        return "" if self.points is None or self.waits else number(self.points)


@dataclass
class Class:
    """All that the report tells."""

    assignment: str
    possible: float
    checks: list
    students: list
    alike: list  # of `similarity.matches`


def likely_causes(message):
    """The causes that a check's message names; without one, its first line, with numbers left out so that it groups."""
    causes = [found[found.lastindex].strip() for found in re.finditer("|".join(_cause_lines()), message)]
    first = re.sub(r"(?<![\w.])-?\d+(\.\d+)?", "…", message.strip().split("\n")[0])
    return causes or [re.sub(r"…(, …)+", "…", first)[:200]]


def _cause_lines():
    """How a message says its cause, in each language, as regular expressions with one group."""
    for language in known():
        with speaking(language):
            before, after = say("Likely cause: {cause}", cause="\n").split("\n")
        yield f"{re.escape(before)}(.+){re.escape(after)}"


def read_class(coursedir, assignment):
    """Read the gradebook and the autograded notebooks of an assignment.

    Args:
        coursedir: nbgrader's CourseDirectory.

    Raises:
        MissingEntry: the gradebook doesn't know the assignment.
    """
    source = Path(coursedir.format_path(coursedir.source_directory, ".", assignment))
    release = Path(coursedir.format_path(coursedir.release_directory, ".", assignment))
    checks, released = {}, {}
    for path in sorted(source.glob("*.ipynb")):
        for cell in _cells(path, "grade"):
            marks = cell.metadata.nbgrader
            checks[path.stem, marks.grade_id] = Check(path.stem, marks.grade_id, check_title(cell), marks.points)
    for path in sorted(release.glob("*.ipynb")):
        for cell in _cells(path, "solution"):
            released[path.stem, cell.metadata.nbgrader.grade_id] = cell.source
    trees = defaultdict(dict)
    with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
        about = gradebook.find_assignment(assignment)
        possible = about.max_score
        students = {}
        for student in gradebook.students:
            name = " ".join(part for part in (student.first_name, student.last_name) if part)
            students[student.id] = Student(student.id, name)
        for submission in _submissions(gradebook, about):
            one = students.get(submission.student_id)
            if one is None:  # a run that is under way has added them
                continue
            folder = Path(coursedir.format_path(coursedir.autograded_directory, one.id, assignment))
            _read_submission(one, submission, folder, checks, released, trees)
            submitted = Path(coursedir.format_path(coursedir.submitted_directory, one.id, assignment))
            one.notes[:0] = [("", line) for line in [*was_set_aside(submitted), *has_no_time(submitted)]]
    count = sum(one.submitted for one in students.values())
    alike = matches(dict(sorted(trees.items())), math.log2(CLASSES * _pairs(count)))
    ordered = [students[student] for student in sorted(students)]
    return Class(assignment, possible, list(checks.values()), ordered, alike)


def _submissions(gradebook, assignment):
    """The submissions of an assignment, each with its notebooks and grades.

    Fifty of them in a few questions that are answered at once: SQLite lets nobody write while an answer is half read.
    """
    grades = selectinload(SubmittedAssignment.notebooks).selectinload(SubmittedNotebook.grades).selectinload(Grade.cell)
    wanted = gradebook.db.query(SubmittedAssignment).filter_by(assignment_id=assignment.id)
    wanted = wanted.order_by(SubmittedAssignment.student_id)
    ids = [one.id for one in wanted.with_entities(SubmittedAssignment.id)]
    for start in range(0, len(ids), 50):
        few = SubmittedAssignment.id.in_(ids[start : start + 50])
        yield from wanted.filter(few).options(grades).all()


def _read_submission(one, submission, folder, checks, released, trees):
    one.submitted, one.time, one.late = True, submission.timestamp, late(submission)
    # nbgrader's own sums ask the database for each.
    scores = {notebook.name: sum(grade.score for grade in notebook.grades) for notebook in submission.notebooks}
    one.waits = any(grade.needs_manual_grade for notebook in submission.notebooks for grade in notebook.grades)
    one.points = max(0.0, sum(scores.values()) - (submission.late_submission_penalty or 0))
    for notebook in submission.notebooks:
        name = notebook.name
        one.notes += [(name, POINTS_WAIT)] if points_wait(notebook) else []
        path = folder / f"{name}.ipynb"
        if not path.is_file():
            one.notebooks[name] = (MISSING, "", notebook.flagged, scores[name])
            continue
        # Made by us: `nbformat.read` would hold it against its schema, which takes six times as long.
        graded = nbformat.v4.reads(path.read_text(encoding="utf-8"))
        about = verdict(graded) or {"verdict": "graded", "reason": ""}
        from_file = graded.metadata.get("learngpt", {})
        if from_file.get("file"):
            one.languages[name] = from_file.get("language", ENGLISH)
        elif about["verdict"] == "unreadable":
            about["verdict"] = MISSING
        if about["verdict"] != "graded" and by_hand(notebook) and not points_wait(notebook):
            about["reason"] = f"Points were given by hand. {about['reason']}".strip()
        one.notebooks[name] = (about["verdict"], about["reason"], notebook.flagged, scores[name])
        one.notes += [(name, str(note)) for note in from_file.get("notes", [])]
        if about["verdict"] not in COUNTED:
            continue
        earned = {grade.name: grade.auto_score for grade in notebook.grades}
        for cell in graded.cells:
            grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
            check = checks.get((name, grade_id))
            if check and earned.get(grade_id) == check.possible:
                check.passed.append(one.id)
            elif check:
                check.messages[one.id] = check_message(cell)
                check.not_begun |= {one.id} if unwritten(cell) else set()
            elif (name, grade_id) in released:
                trees[f"{name}, {grade_id}"][one.id] = tree(cell.source, released[name, grade_id])


def by_hand(notebook):
    """The grades of a submitted notebook that were given by hand."""
    return [grade for grade in notebook.grades if grade.manual_score is not None]


def points_wait(notebook):
    """Whether points of a submitted notebook were given by hand, and it changed since."""
    return any(grade.needs_manual_grade for grade in by_hand(notebook))


def _cells(path, kind):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.metadata.get("nbgrader", {}).get(kind)]


def write_report(coursedir, assignment, folder):
    """Write index.html and the tables checks.csv, causes.csv, students.csv and alike.csv.

    Returns:
        the path of the page.
    """
    found, folder = read_class(coursedir, assignment), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if not coursedir.groupshared:
        os.chmod(folder, 0o700)
    for name, rows in tables(found).items():
        with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([[_cell(value) for value in row] for row in rows])
    page = folder / "index.html"
    page.write_text(_page(found), encoding="utf-8")
    return page


def _cell(value):
    """A value of a table; text that a spreadsheet would take for a formula is told to be text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def tables(found):
    """The rows of each table, the headings first."""
    checks = [("notebook", "check", "title", "points", "passed", "tried", "share")]
    causes = [("notebook", "check", "cause", "count", "students")]
    for check in found.checks:
        share = round(len(check.passed) / check.tried, 3) if check.tried else ""
        row = (check.notebook, check.grade_id, check.title, check.possible, len(check.passed), check.tried, share)
        checks.append(row)
        for cause, students in check.causes():
            causes.append((check.notebook, check.grade_id, cause, len(students), " ".join(students)))
    names = sorted({check.notebook for check in found.checks})
    students = [("student", "name", "status", "points", *names, "languages", "late", "time")]
    for one in found.students:
        status = "no submission" if not one.submitted else "waits" if one.waits else "marked"
        each = [one.notebooks.get(name, ("", "", False, ""))[3] for name in names]
        languages = " ".join(sorted(set(one.languages.values())))
        students.append((one.id, one.name, status, one.mark, *each, languages, one.late, str(one.time or "")))
    alike = [("student", "student", "by chance in one of so many classes", "cells")]
    for classes, one, other, cells in unlikely(found):
        alike.append((one, other, round(classes), "; ".join(cells)))
    return {"checks": checks, "causes": causes, "students": students, "alike": alike}


def unlikely(found):
    """The pairs that are worth a look: list of (how many such classes have one like it by chance, id, id, words).

    A class of 40 has 780 pairs, so something that one pair in 780 does is nothing special in it.
    """
    count = sum(one.submitted for one in found.students)
    pairs = _pairs(count)
    return [
        (2**bits / pairs, one, other, [_likeness(*item) for item in cells.items()])
        for bits, one, other, cells in found.alike
        if 2**bits / pairs >= CLASSES
    ]


def _pairs(count):
    """How many pairs there are in a class of so many."""
    return max(1, count * (count - 1) / 2)


def _likeness(cell, about):
    how, count, others = about
    how = "the same" if how == 1 else f"{how:.0%} the same"
    return f"{cell}: {how}; {count} of {others} others write so"


def _page(found):
    handed_in = [one for one in found.students if one.submitted]
    points = [one.points for one in handed_in if not one.waits]
    times = sorted(one.time for one in handed_in if one.time)
    missed = [check for check in found.checks if check.messages]
    hardest = sorted(missed, key=lambda check: len(check.passed) / check.tried)
    about = {
        "assignment": found.assignment,
        "made": datetime.now().strftime("%Y-%m-%d %H:%M"),
        "possible": number(found.possible),
        "known": len(found.students),
        "handed_in": len(handed_in),
        "median": number(statistics.median(points)) if points else "",
        "mean": number(statistics.fmean(points)) if points else "",
        "bins": histogram(points, found.possible),
        "never": [one for one in found.students if not one.submitted],
        "look": sorted((row for one in handed_in for row in _to_look_at(one)), key=lambda row: row[2] == "note"),
        "gone": [row for one in handed_in for row in _not_there(one)],
        "languages": _languages(handed_in),
        "waiting": [one.id for one in handed_in if one.waits],
        "checks": found.checks,
        "hardest": hardest[:5],
        "mistakes": mistakes(found.checks)[:MOST_MISTAKES],
        "alike": unlikely(found),
        "most_pairs": MOST_PAIRS,
        "classes": CLASSES,
        "times": [times[0], times[len(times) // 2], times[-1]] if times else [],
        "timed": len(times),
        "late": [(one.id, one.late) for one in handed_in if one.late],
        "pictures": _pictures(points, found),
    }
    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(autoescape=True, loader=loader, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("report.html.j2").render(about)


def _languages(handed_in):
    """Who handed in notebooks in which language: list of (language, students), where there are several languages."""
    found = defaultdict(list)
    for one in handed_in:
        for language in sorted(set(one.languages.values())):
            found[language].append(one.id)
    return sorted(found.items()) if len(found) > 1 else []


def mistakes(checks):
    """What the messages named of more than one student: list of (cause, notebook, students), the most frequent first.

    One mistake may cost several checks of a notebook; here it counts once.
    """
    who = defaultdict(set)
    for check in checks:
        for cause, students in check.causes():
            who[cause, check.notebook].update(students)
    found = [
        (cause, notebook, sorted(students))
        for (cause, notebook), students in who.items()
        if len(students) > 1 and cause != UNWRITTEN
    ]
    return sorted(found, key=lambda row: (-len(row[2]), row[1], row[0]))


def _to_look_at(one):
    """What an instructor should see of a submission: list of (student, notebook, what, why)."""
    rows = []
    for name, (what, reason, flagged, _) in one.notebooks.items():
        if what not in ("graded", *GONE):
            rows.append((one.id, name, what, reason))
        if flagged:
            rows.append((one.id, name, "flagged in formgrader", ""))
    return rows + [(one.id, name, "note", sentence) for name, sentence in one.notes]


def _not_there(one):
    """What of a submission is missing or can't be read: list of (student, notebooks, what, why)."""
    missing = [name for name, (what, *_) in one.notebooks.items() if what == MISSING]
    whole = len(missing) == len(one.notebooks)
    rows = [(one.id, "no notebook at all" if whole else ", ".join(missing), MISSING, "")] if missing else []
    return rows + [
        (one.id, name, what, reason) for name, (what, reason, *_) in one.notebooks.items() if what == "unreadable"
    ]


def histogram(points, possible):
    """How many have how many points, in ten steps: list of (words, count); the last step has full marks in it."""
    counts = Counter(min(9, int(10 * score / possible)) for score in points) if possible else Counter()
    edges = [possible * step / 10 for step in range(11)]
    return [(f"{number(edges[step])} to {number(edges[step + 1])}", counts[step]) for step in range(10)]


def _pictures(points, found):
    """The figures of the page: {name: (PNG as base64, the text that stands for it)}."""
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    pictures = {}
    with style.context(str(STYLE)):
        bins = histogram(points, found.possible)
        figure = Figure()
        axes = figure.subplots()
        axes.bar([number(found.possible * (step + 0.5) / 10) for step in range(10)], [count for _, count in bins], 0.9)
        axes.set(xlabel="points", ylabel="students", xticks=range(10))
        axes.set_xticklabels([words.replace(" to ", "–") for words, _ in bins], fontsize=9)
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.set_title(f"Points of {len(points)} student{'s' * (len(points) != 1)}")
        text = ", ".join(f"{count} have {words}" for words, count in bins if count)
        pictures["points"] = (_png(figure, FigureCanvasAgg), f"Bars: {text or 'nobody has a mark'}.")

        tried = [check for check in found.checks if check.tried]
        figure = Figure(figsize=(10, 0.8 + 0.26 * max(1, len(tried))))
        axes = figure.subplots()
        shares = [100 * len(check.passed) / check.tried for check in tried]
        axes.barh(range(len(tried)), shares, 0.75)
        axes.set(yticks=range(len(tried)), xlim=(0, 100), xlabel="% of those whose notebook could be read")
        axes.set_yticklabels(
            [f"{check.notebook.partition('-')[0]} · {check.title}"[:90] for check in tried], fontsize=9
        )
        axes.margins(y=0.01)
        axes.invert_yaxis()
        axes.set_title("Who passed each check")
        text = "; ".join(f"{check.title}: {share:.0f} %" for check, share in zip(tried, shares))
        pictures["checks"] = (_png(figure, FigureCanvasAgg), f"Bars: {text}.")
    return pictures


def _png(figure, canvas):
    file = io.BytesIO()
    canvas(figure).print_png(file)
    return base64.b64encode(file.getvalue()).decode()


class ReportApp(NbGrader):
    """Writes what a class didn't understand as a page and as tables."""

    name = "python -m learngpt_teaching.report"
    description = "Write a page and tables of what a class didn't understand, from what is graded."
    examples = """
        python -m learngpt_teaching.report week1
        python -m learngpt_teaching.report week1 --to monday
    """
    aliases = NbGrader.aliases | {"to": "ReportApp.to"}
    to = Unicode("", help="The folder to write to; report/ASSIGNMENT without it.").tag(config=True)

    def start(self):
        super().start()
        if len(self.extra_args) != 1:
            self.fail("Say which assignment, for example: %s week1", self.name)
        assignment = self.extra_args[0]
        try:
            page = write_report(self.coursedir, assignment, self.to or report_folder(self.coursedir, assignment))
        except MissingEntry:
            self.fail("The gradebook does not know %s. Grade it first.", assignment)
        print(f"The report is in {page}, its tables beside it.")


def report_folder(coursedir, assignment):
    """Where the report of an assignment lies unless another place is said."""
    return Path(coursedir.root) / "report" / assignment


if __name__ == "__main__":
    ReportApp.launch_instance()
