"""Where nbgrader's autograde meets the contained kernels: its exporter gets notebooks that are graded already.

`nbgrader autograde`, formgrader's button, `make grade` and `make check` all come this way. nbgrader keeps its part:
which submissions there are, the gradebook, late penalties, the folders.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nbconvert.exporters import NotebookExporter
from nbgrader.api import Gradebook
from nbgrader.converters import NbGraderException
from nbgrader.preprocessors import SaveAutoGrades
from traitlets import Bool, Dict, Integer
from traitlets.config import LoggingConfigurable
from traitlets.log import get_logger

from learngpt_teaching.engine.running import CELL
from learngpt_teaching.engine.sandbox import LIMITS, NoContainment, must_be_ready, sandbox
from learngpt_teaching.submissions import Course, Kept, set_aside, to_text


class Contained(LoggingConfigurable):
    """How students' code is run."""

    contain = Bool(True, help="Run it inside bubblewrap. Without, it has your rights on this machine.").tag(config=True)
    workers = Integer(0, help="How many notebooks at once; 0 is one for each processor.").tag(config=True)
    limits = Dict(LIMITS, help="For one kernel and all that it starts: bytes, seconds, numbers.").tag(config=True)
    cell_limits = Dict(CELL, help="For one cell: seconds of computing, seconds on the clock.").tag(config=True)

    def at_once(self):
        return self.workers or os.cpu_count() or 1


class GradedExporter(NotebookExporter):
    """Reads a submitted notebook as the graded notebook of the course that it makes; other notebooks as they are."""

    _courses, _pools, _running = {}, {}, {}

    def __init__(self, **options):
        super().__init__(**options)
        self._jobs = {}  # folder -> its jobs, of the submission at hand
        try:
            must_be_ready(Contained(parent=self).contain)  # before nbgrader touches any submission
        except NoContainment as error:
            self.log.error("%s", error)
            raise NbGraderException(str(error)) from None

    def from_filename(self, filename, resources=None, **options):
        converter = self.parent
        if not getattr(converter, "_sanitizing", False):
            return super().from_filename(filename, resources, **options)
        coursedir = converter.coursedir
        assignment, name = resources["nbgrader"]["assignment"], resources["nbgrader"]["notebook"]
        source = coursedir.format_path(coursedir.source_directory, ".", assignment)
        result = self._result(Path(filename).parent.resolve(), name, os.path.abspath(source), kept_in(coursedir))
        if result.verdict != "graded":
            self.log.warning("%s, %s: %s: %s", resources["nbgrader"]["student"], name, result.verdict, result.reason)
        result.notebook.metadata["learngpt"] = {"verdict": result.verdict, "reason": result.reason}
        return self.from_notebook_node(result.notebook, resources)

    def _result(self, folder, name, source, kept):
        """The result of one notebook; those of the same submission are begun with the first one."""
        settings = Contained(parent=self)
        if source not in self._courses:
            self._courses[source] = Course(source)
        course = self._courses[source]
        if folder not in self._jobs:
            self._jobs = {folder: course.jobs(folder, settings.limits, settings.cell_limits)}
        jobs = self._jobs[folder]
        for job in jobs.values():
            if job.key not in self._running and kept.get(course, job) is None:
                pool = self._pools.setdefault(settings.at_once(), ThreadPoolExecutor(settings.at_once()))
                self._running[job.key] = pool.submit(self._run, job, kept, settings.contain)
        if jobs[name].key in self._running:
            self._running.pop(jobs[name].key).result()
        return kept.get(course, jobs[name])

    def _run(self, job, kept, contain):
        kept.put(job, to_text(job.run(sandbox(contain))))


def kept_in(coursedir):
    """Where a course keeps results: beside what nbgrader makes of them."""
    return Kept(Path(coursedir.root) / coursedir.autograded_directory / ".results")


def bring_all(assignment, student, notebooks):
    """nbgrader's hook before a submission: set aside what it must not copy, and have it convert every notebook of the
    course, submitted or not."""
    folder = Path(notebooks[0]).parent
    if moved := set_aside(folder):
        get_logger().warning("%s: set aside, as links, devices or too large: %s", folder, ", ".join(moved))
    names = sorted(path.name for path in (Path("source") / folder.name).glob("*.ipynb"))
    notebooks[:] = [str(folder / name) for name in names]


class SaveMarks(SaveAutoGrades):
    """nbgrader's own, which also asks for a mark by hand where a notebook was set aside."""

    def preprocess(self, nb, resources):
        nb, resources = super().preprocess(nb, resources)
        if nb.metadata.get("learngpt", {}).get("verdict") == "set aside":
            with Gradebook(self.db_url) as gradebook:
                where = (self.notebook_id, self.assignment_id, self.student_id)
                for grade in gradebook.find_submission_notebook(*where).grades:
                    grade.needs_manual_grade = True
                gradebook.db.commit()
        return nb, resources
