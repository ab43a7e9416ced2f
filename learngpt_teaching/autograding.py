"""Where nbgrader's autograde meets the contained kernels: its exporter gets notebooks that are graded already.

`nbgrader autograde`, formgrader's button, `make grade` and `make check` all come this way. nbgrader keeps its part:
which submissions there are, the gradebook, late penalties, the folders.
"""

import fnmatch
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from nbconvert.exporters import NotebookExporter
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import SaveAutoGrades

from learngpt_teaching.course import Course, CourseError
from learngpt_teaching.engine.running import grade_notebook
from learngpt_teaching.engine.sandbox import NoContainment, must_be_ready, sandbox
from learngpt_teaching.results import SET_ASIDE, Kept, Result
from learngpt_teaching.settings import StudentCode
from learngpt_teaching.submissions import Job, jobs, set_aside


def grade_job(course: Course, job: Job, contain: bool, limits: dict[str, int]) -> Result:
    """Grade one notebook of one submission in a kernel of this process's sandbox."""
    return grade_notebook(course, job.name, job.cells, job.missing, sandbox(contain, tuple(course.modules)), limits)


class Grader:
    """Grades jobs on this machine, several at once, each key once, and keeps what they come to."""

    def __init__(self, course: Course, kept: Kept, settings: StudentCode):
        self.course, self.kept = course, kept
        self.contain, self.limits = settings.contain, settings.all_limits
        self._pool = ThreadPoolExecutor(settings.at_once)
        self._running: dict[str, Future[Result]] = {}
        self._lock = threading.Lock()

    def begin(self, job: Job) -> None:
        """Start a job, unless it runs or its result is kept."""
        with self._lock:
            if job.key not in self._running and not self.kept.has(job.key):
                self._running[job.key] = self._pool.submit(grade_job, self.course, job, self.contain, self.limits)

    def result(self, job: Job) -> Result:
        """What a job comes to."""
        with self._lock:
            running = self._running.pop(job.key, None)
        if running is None:
            kept = self.kept.get(job.key, self.course.notebooks[job.name].possible)
            if kept:
                return kept
            result = grade_job(self.course, job, self.contain, self.limits)
        else:
            result = running.result()
        if result.keep:
            self.kept.put(job.key, result)
        return result


class GradedExporter(NotebookExporter):
    """Reads a submitted notebook as the graded notebook of the course that it makes; other notebooks as they are.

    `results` of its converter, {notebook: Result}, are handed on where there are any; else they are made here.
    """

    def __init__(self, **options):
        super().__init__(**options)
        converter = self.parent
        if not isinstance(converter, Autograde):
            return
        self.coursedir = converter.coursedir
        self.results = getattr(converter, "results", None)
        self._folder, self._jobs = None, {}
        try:
            self.course = course_of(self.coursedir)
            if self.results is None:
                settings = StudentCode(parent=self)
                must_be_ready(settings.contain)  # before nbgrader touches any submission
                self.grader = Grader(self.course, kept_in(self.coursedir), settings)
        except (CourseError, NoContainment) as error:
            self.log.error("%s", error)
            raise NbGraderException(str(error)) from None
        # Here and not in a hook of nbgrader's: it swallows a hook's exceptions, and then copies what links lead to.
        for folder in converter.assignments:
            if moved := set_aside(folder):
                self.log.warning("%s: set aside, as links, devices or too large: %s", folder, ", ".join(moved))
            names = fnmatch.filter(self.course.notebooks, self.coursedir.notebook_id)
            converter.assignments[folder] = [os.path.join(folder, f"{name}.ipynb") for name in names]

    def from_filename(self, filename, resources=None, **options):
        if not self.parent._sanitizing:  # nbgrader's second pass, over what the first one wrote
            return super().from_filename(filename, resources, **options)
        name = resources["nbgrader"]["notebook"]
        result = self._result(Path(filename).parent, name)
        if result.verdict != "graded":
            self.log.warning("%s, %s: %s: %s", resources["nbgrader"]["student"], name, result.verdict, result.reason)
        return self.from_notebook_node(result.notebook, resources)

    def _result(self, folder: Path, name: str) -> Result:
        """The result of one notebook; those of the same submission are begun with the first one."""
        if self.results is not None:
            return self.results[name]
        if folder != self._folder:
            self._folder, self._jobs = folder, jobs(self.course, folder, self.grader.limits)
            for each in fnmatch.filter(self._jobs, self.coursedir.notebook_id):
                self.grader.begin(self._jobs[each])
        return self.grader.result(self._jobs[name])


def course_of(coursedir: CourseDirectory) -> Course:
    """The assignment that nbgrader is about to work on.

    Raises:
        CourseError: see Course.
    """
    return Course(coursedir.format_path(coursedir.source_directory, ".", coursedir.assignment_id))


def kept_in(coursedir: CourseDirectory) -> Kept:
    """Where a course keeps results: beside what nbgrader makes of them."""
    return Kept(Path(coursedir.root) / coursedir.autograded_directory / ".results")


class SaveMarks(SaveAutoGrades):
    """nbgrader's own, which also asks for a mark by hand where a notebook was set aside."""

    def preprocess(self, nb, resources):
        nb, resources = super().preprocess(nb, resources)
        if nb.metadata.get("learngpt", {}).get("verdict") == SET_ASIDE:
            with Gradebook(self.db_url) as gradebook:
                where = (self.notebook_id, self.assignment_id, self.student_id)
                for grade in gradebook.find_submission_notebook(*where).grades:
                    grade.needs_manual_grade = True
                gradebook.db.commit()
        return nb, resources
