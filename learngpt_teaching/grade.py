"""Grade all that is new or changed in submitted/, on all processors or on a cluster, with one writer of marks."""

import contextlib
import glob
import hashlib
import json
import logging
import os
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps.baseapp import NbGrader
from nbgrader.converters import Autograde, NbGraderException
from nbgrader.utils import rmtree
from sqlalchemy.exc import SAWarning
from tqdm import tqdm
from traitlets import Bool, Unicode, default

from learngpt_teaching.autograding import Contained, kept_in
from learngpt_teaching.engine.sandbox import NoContainment, must_be_ready
from learngpt_teaching.submissions import Course, grade_job

AHEAD = 4  # jobs that wait at each worker, so that none is idle


class OneSubmission(Autograde):
    """nbgrader's autograde for a submission that is known to be new or changed."""

    def init_destination(self, assignment_id, student_id):
        dest = os.path.normpath(self._format_dest(assignment_id, student_id))
        if os.path.exists(dest):
            rmtree(dest)
        return True


class GradeClass(NbGrader):
    """Grades what is new or changed among the submissions of an assignment.

    Each notebook of each submission is one job for Dask. The results come back to this process, which alone writes to
    the gradebook, through nbgrader. Every result is kept at once: a run that was broken off goes on where it was.
    """

    name = "python -m learngpt_teaching.grade"
    description = "Grade all that is new or changed in submitted/, contained, on all processors or on a Dask cluster."
    examples = """
        python -m learngpt_teaching.grade week1
        python -m learngpt_teaching.grade week1 --workers 8
        python -m learngpt_teaching.grade week1 --scheduler tcp://10.0.0.5:8786
        python -m learngpt_teaching.grade week1 --student hong
    """
    aliases = NbGrader.aliases | {"workers": "Contained.workers", "scheduler": "GradeClass.scheduler"}
    flags = NbGrader.flags | {"force": ({"GradeClass": {"force": True}}, "Grade what was graded before, too.")}
    classes = [Contained]

    scheduler = Unicode("", help="Address of a Dask scheduler; without it, workers are started here.").tag(config=True)
    force = Bool(False, help="Grade what was graded before, too.").tag(config=True)

    @default("log_level")
    def _log_level_default(self):
        return logging.WARNING

    def start(self):
        super().start()
        if len(self.extra_args) != 1:
            self.fail("Say which assignment to grade, for example: %s week1", self.name)
        self.coursedir.assignment_id = self.extra_args[0]
        source = self.coursedir.format_path(self.coursedir.source_directory, ".", self.coursedir.assignment_id)
        if not glob.glob(os.path.join(source, "*.ipynb")):
            self.fail("There are no notebooks in %s. Run this in the course's folder, or give --course-dir.", source)
        warnings.simplefilter("ignore", SAWarning)  # nbgrader 0.9.6 adds to sessions in an order that 2.1 notes
        self._must_know_assignment()
        self.course, self.kept, self.settings = Course(source), kept_in(self.coursedir), Contained(parent=self)
        folders = self._submissions()
        if not folders:
            self.fail("There is nothing in %s. Collect submissions first.", self._submitted("*"))
        new = [student for student in folders if self.force or not self._is_graded(student)]
        print(f"{len(folders)} submissions, {len(new)} of them new or changed.", flush=True)
        try:
            report = self._grade(new)
        except NoContainment as error:
            self.fail("%s", error)
        except KeyboardInterrupt:
            sys.exit("\nStopped. What was graded is kept; the same command goes on from here.")
        print(report)

    def _must_know_assignment(self):
        with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
            try:
                gradebook.find_assignment(self.coursedir.assignment_id)
            except MissingEntry:
                self.fail(
                    "The gradebook does not know %s. Run `nbgrader generate_assignment %s` first.",
                    *[self.coursedir.assignment_id] * 2,
                )

    def _submitted(self, student):
        return self.coursedir.format_path(self.coursedir.submitted_directory, student, self.coursedir.assignment_id)

    def _submissions(self):
        """The students who submitted something."""
        found = glob.glob(self._submitted(self.coursedir.student_id))
        return sorted(Path(folder).parent.name for folder in found if os.path.isdir(folder))

    def _jobs(self, student):
        return self.course.jobs(self._submitted(student), self.settings.limits, self.settings.cell_limits)

    def _stamp(self, student):
        """Where it is noted what of a submission stands in the gradebook."""
        name = hashlib.sha256(f"{student}\n{self.coursedir.assignment_id}".encode()).hexdigest()
        return self.kept.folder / f"{name}.graded"

    def _state(self, student):
        return " ".join(job.key for job in self._jobs(student).values()) + f" {self.coursedir.db_url}"

    def _is_graded(self, student):
        autograded = self.coursedir.format_path(
            self.coursedir.autograded_directory, student, self.coursedir.assignment_id
        )
        stamp = self._stamp(student)
        return os.path.isdir(autograded) and stamp.is_file() and stamp.read_text() == self._state(student)

    def _grade(self, students):
        report = Report(self.course)
        open_jobs = {student: set() for student in students}  # names of notebooks that are still being graded
        with self._cluster() as client, tqdm(total=len(students), unit=" submissions", disable=None) as progress:
            for student, name, outcome in self._results(client, students, open_jobs):
                if isinstance(outcome, Exception):
                    report.failed[student] = f"{name} failed with {outcome!r}. Grade again to try it once more."
                elif outcome is not None:
                    self.kept.put(self._jobs(student)[name], outcome)
                open_jobs[student].discard(name)
                if not open_jobs[student]:
                    if student not in report.failed:
                        self._write(student, report)
                    progress.update()
        return report

    @contextlib.contextmanager
    def _cluster(self):
        from distributed import Client, LocalCluster

        if self.scheduler:
            with Client(self.scheduler, timeout=10) as client:
                yield client
            return
        must_be_ready(self.settings.contain)  # before anything begins
        count = self.settings.at_once()
        workers = {"n_workers": count, "threads_per_worker": 1, "memory_limit": 0}
        options = {"dashboard_address": None, "silence_logs": logging.ERROR}
        with LocalCluster(**workers, **options) as cluster, Client(cluster) as client:
            yield client

    def _results(self, client, students, open_jobs):
        """Go through all jobs, a few ahead.

        Yields:
            (student, notebook, JSON text); None instead of the text of a result that was kept, an exception where a
            job has killed several workers.
        """
        from distributed import as_completed

        waiting, running, done = iter(students), {}, as_completed()
        while True:
            while len(running) < AHEAD * max(1, sum(client.nthreads().values())):
                student = next(waiting, None)
                if student is None:
                    break
                jobs = self._jobs(student)
                open_jobs[student].update(jobs)
                for name, job in jobs.items():
                    if not self.force and self.kept.get(self.course, job):
                        yield student, name, None
                    elif job.key in running:  # two have submitted the same
                        running[job.key].append((student, name))
                    else:
                        running[job.key] = [(student, name)]
                        text = json.dumps(vars(job))
                        done.add(client.submit(grade_job, text, self.settings.contain, key=job.key, pure=False))
            if not running:
                return
            future = next(done)
            outcome = future.result() if future.status == "finished" else future.exception()
            if isinstance(outcome, NoContainment):
                raise outcome
            for student, name in running.pop(future.key):
                yield student, name, outcome

    def _write(self, student, report):
        """Hand one submission to nbgrader, which finds the results and writes marks and notebooks."""
        results = {name: self.kept.get(self.course, job) for name, job in self._jobs(student).items()}
        coursedir = type(self.coursedir)(parent=self, student_id=student)
        coursedir.assignment_id = self.coursedir.assignment_id
        try:
            OneSubmission(coursedir=coursedir, parent=self).start()
        except NbGraderException as error:
            report.failed[student] = str(error).split("\n")[0]
            return
        self._stamp(student).write_text(self._state(student))
        report.add(student, results)


class Report:
    """The table at the end."""

    def __init__(self, course):
        self.course, self.start = course, time.monotonic()
        self.verdicts, self.notes, self.failed = Counter(), [], {}
        self.passed, self.tried = Counter(), Counter()

    def add(self, student, results):
        """Count one graded submission; `results` is {notebook: Result}."""
        verdicts = {result.verdict for result in results.values()}
        verdict = next(each for each in ("set aside", "unreadable", "graded") if each in verdicts)
        self.verdicts[verdict] += 1
        for name, result in results.items():
            if result.verdict != "graded":
                self.notes.append(f"  {student}, {name}: {result.verdict}: {result.reason}")
            for check, outcome in result.checks.items():
                self.tried[name, check] += 1
                self.passed[name, check] += outcome["points"] == outcome["possible"]

    def __str__(self):
        count, seconds = sum(self.verdicts.values()), time.monotonic() - self.start
        lines = [f"Graded {count} submissions in {seconds:.0f} seconds."]
        if count:
            lines[0] += f" That is {3600 * count / seconds:,.0f} an hour."
            lines += [f"  {self.verdicts[each]:6}  {words}" for each, words in self.WORDS.items()]
            lines += ["", "Checks passed:"]
            for (name, check), tried in self.tried.items():
                lines.append(f"  {self.passed[name, check] / tried:5.0%}  {name}  {check.replace('_', ' ')}")
        if self.notes:
            lines += ["", "Set aside or unreadable:", *self.notes]
        if self.failed:
            lines += ["", "Not graded:", *(f"  {student}: {reason}" for student, reason in self.failed.items())]
        return "\n".join(lines)

    WORDS = {
        "graded": "graded",
        "set aside": "with a notebook that was set aside: look at it, and give its points by hand",
        "unreadable": "with a notebook that is missing or can't be read",
    }


if __name__ == "__main__":
    GradeClass.launch_instance()
