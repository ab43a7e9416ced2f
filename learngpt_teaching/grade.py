"""Grade all that is new or changed in submitted/, on all processors or on a cluster, with one writer of marks."""

import collections
import contextlib
import glob
import logging
import os
import sys
import time
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from learngpt_teaching import unchanged
from learngpt_teaching.stopping import STOPPED, end_with

if __name__ == "__main__":
    end_with(STOPPED)
    if len(sys.argv) == 2 and (said := unchanged.since(Path.cwd(), sys.argv[1])):
        print(said)
        sys.exit()

from learngpt_teaching.engine.sandbox import Broken, NoContainment, begin_warming, must_be_ready, printable

if __name__ == "__main__" and len(sys.argv) == 2 and not sys.argv[1].startswith("-") and hasattr(os, "fork"):
    with contextlib.suppress(NoContainment):  # is said where it is needed
        begin_warming(contain=True)  # something is new, and PyTorch takes as long to import as all that follows here

from nbgrader import api
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps.baseapp import NbGrader
from nbgrader.converters import Autograde, NbGraderException
from nbgrader.utils import rmtree
from tqdm import tqdm
from traitlets import Bool, Unicode, default

from learngpt_teaching.autograding import course_of, kept_in, noted, share_engine, stamp, tidy
from learngpt_teaching.course import Course, CourseError, digest
from learngpt_teaching.engine.running import Budget
from learngpt_teaching.exchange import open_to_others
from learngpt_teaching.grader import PICTURES, Grader
from learngpt_teaching.report import POINTS_WAIT, points_wait, report_folder, write_report
from learngpt_teaching.results import DIFFERS, GRADED, SET_ASIDE, UNREADABLE, Result
from learngpt_teaching.settings import StudentCode
from learngpt_teaching.submissions import Job, jobs
from learngpt_teaching.times import dates, late

AHEAD = 2  # submissions that wait for each worker, so that none is idle


class OneSubmission(Autograde):
    """nbgrader's autograde for a submission that is known to be new or changed, and graded already."""

    course: Course
    results: dict[str, Result]

    def init_notebooks(self):
        """Which notebooks there are to convert our exporter says; a submission without any is graded too."""
        folder = self._format_source(self.coursedir.assignment_id, self.coursedir.student_id)
        self.assignments, self.notebooks = {folder: []}, []

    def init_destination(self, assignment_id, student_id):
        dest = os.path.normpath(self._format_dest(assignment_id, student_id))
        if os.path.exists(dest):
            rmtree(dest)
        return True


class GradeClass(NbGrader):
    """Grades what is new or changed among the submissions of an assignment.

    Each notebook of each submission is one job, for this machine's processors or for a cluster. The results come back
    to this process, which alone writes to the gradebook, through nbgrader. Every result is kept at once: a run that was
    broken off goes on where it was.
    """

    name = "python -m learngpt_teaching.grade"
    description = "Grade all that is new or changed in submitted/, contained, on all processors or on a Dask cluster."
    examples = """
        python -m learngpt_teaching.grade week1
        python -m learngpt_teaching.grade week1 --workers 8
        python -m learngpt_teaching.grade week1 --student hong
        python -m learngpt_teaching.grade week1 --scheduler tls://10.0.0.5:8786 --tls certificates
    """
    aliases = NbGrader.aliases | {
        "workers": "StudentCode.workers",
        "seed": "StudentCode.seed",
        "scheduler": "GradeClass.scheduler",
        "tls": "GradeClass.tls",
    }
    flags = NbGrader.flags | {"force": ({"GradeClass": {"force": True}}, "Grade what was graded before, too.")}
    scheduler = Unicode("", help="Address of a Dask scheduler, tls://...; without it, this machine grades.").tag(
        config=True
    )
    tls = Unicode("", help="The folder with ca.pem, cert.pem and key.pem, for --scheduler.").tag(config=True)
    force = Bool(False, help="Grade what was graded before, too.").tag(config=True)

    @default("classes")
    def _classes_default(self):
        return [*super()._classes_default(), StudentCode]

    @default("log_level")
    def _log_level_default(self):
        return logging.WARNING

    def start(self):
        super().start()
        if len(self.extra_args) != 1:
            self.fail("Say which assignment to grade, for example: %s week1", self.name)
        if self.coursedir.notebook_id != "*":
            self.fail("Each submission is graded whole, so leave --notebook out. `nbgrader autograde` takes it.")
        self.coursedir.assignment_id = self.extra_args[0]
        begun = unchanged.before(Path.cwd(), self.coursedir.assignment_id)
        share_engine()
        try:
            self.course = course_of(self.coursedir)
        except CourseError as error:
            self.fail("%s", error)
        self._must_know_assignment()
        self.kept, self.settings = kept_in(self.coursedir), StudentCode(parent=self)
        folders = self._submissions()
        if not folders:
            self.fail("There is nothing in %s. Collect submissions first.", self._submitted(self.coursedir.student_id))
        warned = open_to_others(self.coursedir)
        for line in warned:
            print(line)
        self.all_kept = True
        report = Report(self.course)
        try:
            self._grade(folders, report)
        except (NoContainment, Broken, CourseError) as error:
            self.fail("%s", error)
        changed = f"{_submissions(len(folders))}, {report.new} of them new or changed."
        print(f"{_submissions(len(folders))}, graded as asked." if self.force else changed, flush=True)
        waiting = self._waiting(folders)
        if not report.new:
            print(waiting, end="")
            self._note(begun, warned, changed, waiting)
            return
        print(report)
        print(waiting, end="")
        folder = report_folder(self.coursedir, self.coursedir.assignment_id)
        print(f"\nThe class as a page: {write_report(self.coursedir, self.coursedir.assignment_id, folder)}")
        if report.failed:
            self.exit(1)
        if self.all_kept:
            self._note(begun, warned, f"{_submissions(len(folders))}, 0 of them new or changed.", waiting)

    def _waiting(self, students: list[str]) -> str:
        """Who of these students waits for points by hand, as a line; "" where nobody does."""
        with self._gradebook() as gradebook:
            rows = gradebook.db.query(api.SubmittedAssignment.student_id).join(
                api.Assignment, api.SubmittedAssignment.assignment_id == api.Assignment.id
            )
            rows = rows.filter(api.Assignment.name == self.coursedir.assignment_id)
            rows = rows.filter(api.SubmittedAssignment.needs_manual_grade)
            names = ", ".join(sorted(printable(student, 80) for [student] in rows if student in students))
        return f"Points by hand are wanted for {names}.\n" if names else ""

    def _note(self, begun: str, warned: list[str], changed: str, waiting: str) -> None:
        """Note that all is graded, where everything is in its usual place and nothing was asked for but that."""
        root, assignment = Path(self.coursedir.root), self.coursedir.assignment_id
        places = self.coursedir.submitted_directory, self.coursedir.autograded_directory
        usual = places == ("submitted", "autograded") and self.coursedir.source_directory == "source"
        database = f"sqlite:///{root / unchanged.GRADEBOOK}"
        if usual and root == Path.cwd() and self.coursedir.db_url == database and len(sys.argv) == 2:
            unchanged.note(root, assignment, begun, "\n".join([*warned, changed, waiting]).rstrip())

    def _must_know_assignment(self):
        with self._gradebook() as gradebook:
            try:
                gradebook.find_assignment(self.coursedir.assignment_id)
            except MissingEntry:
                self.fail(
                    "The gradebook does not know %s. Run `nbgrader generate_assignment %s` first.",
                    *[self.coursedir.assignment_id] * 2,
                )

    def _gradebook(self):
        return Gradebook(self.coursedir.db_url, self.coursedir.course_id)

    def _submitted(self, student):
        return self.coursedir.format_path(self.coursedir.submitted_directory, student, self.coursedir.assignment_id)

    def _submissions(self):
        """The students who submitted something."""
        found = glob.glob(self._submitted(self.coursedir.student_id))
        return sorted(Path(folder).parent.name for folder in found if os.path.isdir(folder))

    def _files(self, student: str) -> list[str]:
        """What a submission holds, in words for a terminal."""
        folder = Path(self._submitted(student))
        return sorted(printable(path.relative_to(folder), 80) for path in folder.rglob("*") if path.is_file())

    def _stamp(self, student):
        return stamp(self.kept, student, self.coursedir.assignment_id)

    def _state(self, student, found: dict[str, Job]) -> str:
        """Changes with all that a student's marks depend on."""
        with self._gradebook() as gradebook:
            when = dates(gradebook, self.coursedir.assignment_id, student, self._submitted(student))
            marks = self._marks(gradebook, student)
        return digest([job.key for job in found.values()], self.coursedir.db_url, when, marks)

    def _marks(self, gradebook: Gradebook, student: str) -> list[list[object]]:
        """What the gradebook holds of a submission, by the names of its cells."""
        of_grade = api.Grade.auto_score, api.Grade.manual_score, api.Grade.extra_credit, api.Grade.needs_manual_grade
        of_time = api.SubmittedNotebook.late_submission_penalty, api.SubmittedAssignment.timestamp
        rows = gradebook.db.query(api.BaseCell.name, *of_grade, *of_time)
        rows = rows.select_from(api.Grade).join(api.BaseCell, api.Grade.cell_id == api.BaseCell.id)
        rows = rows.join(api.SubmittedNotebook, api.Grade.notebook_id == api.SubmittedNotebook.id)
        where = api.SubmittedNotebook.assignment_id == api.SubmittedAssignment.id
        rows = rows.join(api.SubmittedAssignment, where).join(
            api.Assignment, api.SubmittedAssignment.assignment_id == api.Assignment.id
        )
        asked = rows.filter(
            api.SubmittedAssignment.student_id == student, api.Assignment.name == self.coursedir.assignment_id
        )
        return sorted([str(value) for value in row] for row in asked)

    def _is_graded(self, student, found: dict[str, Job]) -> bool:
        autograded = self.coursedir.format_path(
            self.coursedir.autograded_directory, student, self.coursedir.assignment_id
        )
        noted = self._stamp(student)
        whole = all(os.path.isfile(os.path.join(autograded, f"{name}.ipynb")) for name in found)
        return whole and noted.is_file() and noted.read_text() == self._state(student, found)

    def _grade(self, students: list[str], report: "Report") -> None:
        """Grade what is new or changed, and write it. Few submissions are in memory at a time, however many there are.

        Raises:
            NoContainment, Broken, CourseError: nothing can be graded here now.
        """
        waiting, under_way, ahead = collections.deque(students), dict[str, _UnderWay](), 1
        grader: Grader | None = None
        with contextlib.ExitStack() as stack, tqdm(total=len(students), unit=" submissions", disable=None) as progress:
            while waiting or under_way:
                while waiting and len(under_way) < ahead:
                    student = waiting.popleft()
                    found = {}
                    try:
                        found = self._new(student, report)
                    except Exception as error:  # what one of them handed in keeps no mark from another one
                        report.new += 1
                        report.failed[student] = printable(f"The grader failed with {error!r}")
                    if not found:
                        progress.update()
                        continue
                    if grader is None:  # it takes seconds to start, and is not needed where nothing is new
                        grader = stack.enter_context(self._grader())
                        ahead = AHEAD + grader.at_once // len(self.course.notebooks)
                    budget = grader.budget()
                    futures = {name: grader.begin(job, budget) for name, job in found.items()}
                    under_way[student] = _UnderWay(found, budget, futures)
                if grader and under_way:
                    student = _next(under_way)
                    self._finish(student, under_way.pop(student), grader, report)
                    progress.update()
        if report.new and len(report.failed) == report.new:
            raise Broken(next(iter(report.failed.values())))

    def _new(self, student: str, report: "Report") -> dict[str, Job]:
        """The jobs of a submission that is new or changed; of another one none."""
        report.notes += [f"  {line}" for line in tidy(self._submitted(student))]
        found = jobs(self.course, self._submitted(student), self.settings.all_limits)
        if not self.force and self.settings.seed is None and self._is_graded(student, found):
            return {}
        report.new += 1
        return found

    def _finish(self, student: str, each: "_UnderWay", grader: Grader, report: "Report") -> None:
        """Write the marks of a submission that is graded."""
        try:
            results = {name: future.result() for name, future in each.futures.items()}
            self._write(student, each.found, results, report)
        except (Broken, NbGraderException, OSError) as error:  # a full disk, too, is said at the end
            held = "Another program holds the gradebook. Grade again when that one has ended."
            # nbgrader's own words lead to a traceback.
            cause = error.__context__ if isinstance(error, NbGraderException) and error.__context__ else error
            report.failed[student] = held if "database is locked" in str(cause) else printable(cause)
        for job in each.found.values():
            grader.forget(job, each.budget)

    @contextlib.contextmanager
    def _grader(self):
        if self.scheduler:
            from learngpt_teaching.cluster import Cluster  # Dask takes a second to import

            with Cluster(self.course, self.kept, self.settings, self.scheduler, self.tls) as grader:
                yield grader
            return
        must_be_ready(self.settings.contain)  # before anything begins
        grader = Grader(self.course, self.kept, self.settings, ahead=PICTURES)
        try:
            yield grader
        finally:
            grader.close()

    def _write(self, student, found, results, report):
        """Hand one submission to nbgrader, which writes marks and notebooks."""
        coursedir = type(self.coursedir)(parent=self, student_id=student)
        coursedir.assignment_id = self.coursedir.assignment_id
        log = self.log.getChild("nbgrader")  # all but errors stands in the report
        log.setLevel(logging.ERROR)
        one = OneSubmission(coursedir=coursedir, parent=self, log=log)
        one.course = self.course
        one.results = {name: noted(result, found[name]) for name, result in results.items()}
        self._stamp(student).unlink(missing_ok=True)  # whatever happens from here on, this isn't graded before its end
        one.start()
        if all(result.keep for result in results.values()):
            self._stamp(student).parent.mkdir(parents=True, exist_ok=True)
            self._stamp(student).write_text(self._state(student, found))
        else:
            self.all_kept = False
        report.add(student, results, None if any(job.file for job in found.values()) else self._files(student))
        report.notes += [f"  {student}: {line}" for job in found.values() for line in job.left_out]
        with self._gradebook() as gradebook:
            submission = gradebook.find_submission(self.coursedir.assignment_id, student)
            if line := late(submission):
                report.notes.append(f"  {student}: {line}")
            names = [notebook.name for notebook in submission.notebooks if points_wait(notebook)]
            report.notes += [f"  {student}, {name}: {POINTS_WAIT}" for name in names]


@dataclass(frozen=True)
class _UnderWay:
    """A submission that is being graded."""

    found: dict[str, Job]
    budget: Budget
    futures: dict[str, Future[Result]]


def _next(under_way: dict[str, _UnderWay]) -> str:
    """The first student whose notebooks are all graded; wait for one."""
    while True:
        for student, each in under_way.items():
            if all(future.done() for future in each.futures.values()):
                return student
        time.sleep(0.02)


def _submissions(count: int) -> str:
    return f"{count:,} submission" + "s" * (count != 1)


class Report:
    """The table at the end."""

    def __init__(self, course):
        self.course, self.start = course, time.monotonic()
        self.new = 0  # submissions
        self.verdicts, self.notes, self.failed = Counter(), [], {}
        self.passed, self.tried = Counter(), Counter()

    def add(self, student, results: dict[str, Result], instead: list[str] | None = None):
        """Count one graded submission.

        Args:
            instead: the files of one that holds no notebook of the course.
        """
        verdicts = {result.verdict for result in results.values()}
        self.verdicts[next(each for each in self.WORDS if each in verdicts or each == GRADED)] += 1
        for name, result in results.items():
            if result.verdict != GRADED and instead is None:
                self.notes.append(f"  {student}, {name}: {result.verdict}: {printable(result.reason, 500)}")
            self.notes += [f"  {student}, {name}: {note}" for note in result.notes]
            if result.verdict in (UNREADABLE, SET_ASIDE):
                continue  # nothing of it was checked
            for check, outcome in result.checks.items():
                self.tried[name, check] += 1
                self.passed[name, check] += outcome.points == outcome.possible
        if instead is not None:
            files = ", ".join(instead[:5]) + ", ..." * (len(instead) > 5)
            self.notes.append(
                f"  {student}: no notebook of the course is in it, {f'only {files}' if files else 'and no file'}."
            )

    def __str__(self):
        count, seconds = sum(self.verdicts.values()), time.monotonic() - self.start
        lines = [f"Graded {_submissions(count)} in {seconds:.0f} second{'s' * (f'{seconds:.0f}' != '1')}."]
        if count:
            lines[0] += f" That is {3600 * count / seconds:,.0f} an hour." * (count >= 10)
            lines += [f"  {self.verdicts[each]:6}  {words}" for each, words in reversed(self.WORDS.items())]
            lines += ["", "Checks passed:"]
            for name, notebook in self.course.notebooks.items():
                for grade_id, check in notebook.checks.items():
                    if tried := self.tried[name, grade_id]:
                        lines.append(f"  {self.passed[name, grade_id] / tried:5.0%}  {name}  {check.title}")
        if self.notes:
            lines += ["", "To look at:", *self.notes]
        if self.failed:
            lines += ["", "Not graded:", *(f"  {student}: {reason}" for student, reason in self.failed.items())]
        return "\n".join(lines)

    WORDS = {
        SET_ASIDE: "with a notebook that the machine kept us from grading: grade again, or give its points by hand",
        DIFFERS: "with a notebook whose checks pass and whose exam doesn't: read its cells",
        UNREADABLE: "with a notebook that is missing or can't be read",
        GRADED: "with all notebooks graded",
    }


if __name__ == "__main__":
    GradeClass.launch_instance()
