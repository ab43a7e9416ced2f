"""Where nbgrader's autograde meets the contained kernels: its exporter gets notebooks that are graded already.

`nbgrader autograde`, formgrader's button, `make grade` and `make check` all come this way. nbgrader keeps its part:
which submissions there are, the gradebook, late penalties, the folders.
"""

import contextlib
import fnmatch
import functools
import glob
import logging
import os
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbconvert.exporters import NotebookExporter
from nbformat.notebooknode import NotebookNode
from nbgrader import api
from nbgrader.api import Base, BaseCell, Gradebook, SubmittedNotebook
from nbgrader.converters import BaseConverter, NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import determine_grade, is_grade
from sqlalchemy import inspect
from sqlalchemy.exc import SAWarning

from learngpt_teaching.course import Course, CourseError, digest
from learngpt_teaching.engine.sandbox import Broken, NoContainment, begin_warming, must_be_ready
from learngpt_teaching.quarantine import quarantine
from learngpt_teaching.results import GRADED, SET_ASIDE, Kept, Result
from learngpt_teaching.settings import StudentCode
from learngpt_teaching.stopping import STOPPED, end_with
from learngpt_teaching.submissions import Job, jobs
from learngpt_teaching.times import has_no_time, put_bad_time_aside

if TYPE_CHECKING:  # what runs notebooks takes a while to import, in which PyTorch is being imported already
    from learngpt_teaching.engine.running import Budget


def share_engine() -> None:
    """Let all gradebooks of one database share its engine.

    nbgrader opens a dozen for a submission. An engine keeps the statements that it compiled; a new one has none. And
    each gradebook asks for each of its tables whether it is there.
    """
    if hasattr(api.create_engine, "cache_info"):
        return
    api.create_engine = functools.cache(api.create_engine)
    warnings.simplefilter("ignore", SAWarning)  # nbgrader 0.9.6 adds to sessions in an order that 2.1 notes
    create_all, complete = Base.metadata.create_all, set[Any]()

    def create_once(bind: Any) -> None:
        if bind not in complete or not inspect(bind).has_table(api.Grade.__tablename__):  # the file may be another one
            create_all(bind)
            complete.add(bind)

    Base.metadata.create_all = create_once


class _Printable(logging.Filter):
    """Lets nothing into a log that moves a cursor or changes a colour: students choose the names of their files."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = "".join(char if char.isprintable() or char == "\n" else " " for char in record.getMessage())
        record.args = ()
        return True


PRINTABLE = _Printable()


class GradedExporter(NotebookExporter):
    """Reads a submitted notebook as the graded notebook of the course that it makes.

    `results` of its converter, {notebook: Result}, and its `course` are taken where there are any; else they are made
    here.
    """

    parent: BaseConverter

    def __init__(self, **options: Any):
        super().__init__(**options)  # type: ignore[no-untyped-call]  # nbconvert has no types here, nor below
        converter = self.parent
        self.coursedir = converter.coursedir
        self.results: dict[str, Result] | None = getattr(converter, "results", None)
        self._folder: Path | None = None  # the submission that nbgrader is at
        self._under_way: dict[Path, tuple[dict[str, Job], Budget]] = {}
        share_engine()
        self.log.addFilter(PRINTABLE)
        folders = list(converter.assignments)
        if self.results is None:  # nbgrader passes over who handed in no notebook
            where = converter._format_source(self.coursedir.assignment_id, self.coursedir.student_id)
            folders = sorted(path for path in glob.glob(where) if os.path.isdir(path))
        try:
            if self.results is None:
                end_with(STOPPED)  # nbgrader takes back what is half done, and raises it again
                settings = StudentCode(parent=self)
                must_be_ready(settings.contain)  # before nbgrader touches any submission
                begin_warming(settings.contain)
                from learngpt_teaching.grader import PICTURES, Grader  # takes 0.1 s; PyTorch is already being imported
            self.course = getattr(converter, "course", None) or course_of(self.coursedir)
            if self.results is None:
                ahead = PICTURES if len(folders) > 2 else ()
                self.grader = Grader(self.course, kept_in(self.coursedir), settings, ahead)
        except (CourseError, NoContainment) as error:
            self.log.error("%s", error)
            raise NbGraderException(str(error)) from None
        # Here and not in a hook of nbgrader's: it swallows a hook's exceptions, and then copies what links lead to.
        for folder in folders:
            for line in [] if self.results else tidy(folder):
                self.log.warning("%s", line)
            names = fnmatch.filter(self.course.notebooks, self.coursedir.notebook_id)
            converter.assignments[folder] = [os.path.join(folder, f"{name}.ipynb") for name in names]
        self._order = [Path(each) for each in sorted(converter.assignments)]  # as nbgrader goes through them
        if self.results is None:
            self._begin_ahead(self._order[:1])  # its kernels start while nbgrader sets out

    def from_filename(
        self, filename: str, resources: dict[str, Any] | None = None, **options: Any
    ) -> tuple[Any, dict[str, Any]]:
        assert resources is not None
        if not self.parent._sanitizing:  # nbgrader's second pass, over what the first one wrote: all is done
            return Path(filename).read_text(encoding="utf-8"), resources | {"output_extension": self.file_extension}
        name = resources["nbgrader"]["notebook"]
        result = self._result(Path(filename).parent, name)
        if result.verdict != GRADED:
            self.log.warning("%s, %s: %s: %s", resources["nbgrader"]["student"], name, result.verdict, result.reason)
        return self.from_notebook_node(result.notebook, resources)  # type: ignore[no-untyped-call, no-any-return]

    def _result(self, folder: Path, name: str) -> Result:
        """The result of one notebook; those of the same submission are begun with the first one."""
        if self.results is not None:
            return self.results[name]
        if folder != self._folder:
            self._go_on_to(folder)
        found, budget = self._under_way[folder]
        # Marks that come in this way are looked at again by `make grade`.
        stamp(kept_in(self.coursedir), folder.parent.name, folder.name).unlink(missing_ok=True)
        for line in found[name].left_out:
            self.log.warning("%s: %s", folder, line)
        try:
            result = self.grader.begin(found[name], budget).result()
        except Broken as error:
            raise NbGraderException(str(error)) from None
        for line in result.notes:
            self.log.warning("%s, %s: %s", folder.parent.name, name, line)
        return noted(result, found[name])

    def _go_on_to(self, folder: Path) -> None:
        """Begin a submission and the next one, so that no processor waits while nbgrader writes; forget the others."""
        place = self._order.index(folder)
        self._folder, wanted = folder, self._order[place : place + 2]
        for gone in self._under_way.keys() - set(wanted):
            found, budget = self._under_way.pop(gone)
            for job in found.values():
                self.grader.forget(job, budget)
        if folder not in self._under_way:
            self._begin(folder)
        self._begin_ahead(wanted[1:])

    def _begin_ahead(self, folders: list[Path]) -> None:
        """Begin those of these submissions that nbgrader will not skip, as it skips what it has graded."""
        for folder in folders:
            graded = self.parent._format_dest(folder.name, folder.parent.name)
            if folder not in self._under_way and (self.parent.force or not os.path.exists(graded)):
                with contextlib.suppress(Exception):  # what is wrong with it is said when it is its turn
                    self._begin(folder)

    def _begin(self, folder: Path) -> None:
        found, budget = jobs(self.course, folder, self.grader.limits), self.grader.budget()
        self._under_way[folder] = found, budget
        for name in fnmatch.filter(found, self.coursedir.notebook_id):
            self.grader.begin(found[name], budget)


def noted(result: Result, job: Job) -> Result:
    """A result whose notebook also says, for the report, which file it is of and which others don't count."""
    result.notebook.metadata.learngpt.update(file=job.file, notes=[*result.notes, *job.left_out])
    return result


def tidy(folder: Path | str) -> list[str]:
    """Take out of a submission's folder what nbgrader must not copy or would stop at; a sentence for each thing."""
    about = f"{Path(folder).parent.name}:"
    lines = [f"{about} {name} is {what}, and was set aside." for name, what in quarantine(folder)]
    return lines + [line for line in [put_bad_time_aside(folder)] if line]


def course_of(coursedir: CourseDirectory) -> Course:
    """The assignment that nbgrader is about to work on.

    Raises:
        CourseError: see Course.
    """
    return Course(coursedir.format_path(coursedir.source_directory, ".", coursedir.assignment_id))


def stamp(kept: Kept, student: str, assignment: str) -> Path:
    """Where it is noted what of a submission stands in the gradebook."""
    return kept.folder / f"{digest(student, assignment)}.graded"


def kept_in(coursedir: CourseDirectory) -> Kept:
    """Where a course keeps results: beside what nbgrader makes of them."""
    return Kept(Path(coursedir.root) / coursedir.autograded_directory / ".results")


class SaveMarks(NbGraderPreprocessor):
    """Writes the marks of a notebook as nbgrader's SaveAutoGrades does, in one transaction where that takes one a cell.

    It also knows when a mark by hand is wanted: where a notebook was set aside, and where the check says yes and the
    exam no; and where points that were given by hand are of another version of the notebook. nbgrader asks for it again
    after every regrade.
    """

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        about, marked = nb.metadata.get("learngpt", {}), resources["nbgrader"]
        where = marked["notebook"], marked["assignment"], marked["student"]
        course = self.parent.coursedir
        kept = kept_in(course)
        record = kept.folder / f"{digest(where)}.marked"
        unchanged = record.is_file() and record.read_text() == about.get("submitted")
        with Gradebook(marked["db_url"]) as gradebook:
            submitted = gradebook.find_submission_notebook(*where)
            grades = _by_cell(gradebook, submitted)
            for cell in filter(is_grade, nb.cells):
                grade_id = cell.metadata.nbgrader.grade_id
                grade = grades[grade_id]
                grade.auto_score, _ = determine_grade(cell, self.log)
                if grade.manual_score is not None:  # once asked for, until a person has looked
                    grade.needs_manual_grade = grade.needs_manual_grade or not unchanged
                else:
                    wanted = about.get("verdict") == SET_ASIDE or grade_id in about.get("differing", ())
                    grade.needs_manual_grade = wanted or grade.auto_score is None  # a person's to give from the start
            if has_no_time(course.format_path(course.submitted_directory, marked["student"], marked["assignment"])):
                submitted.assignment.timestamp = None  # nbgrader leaves the one of before
            late = submitted.assignment.total_seconds_late > 0
            marked["in_time"] = not late and submitted.late_submission_penalty is None
            gradebook.db.commit()
        kept.folder.mkdir(parents=True, exist_ok=True)
        record.write_text(about.get("submitted", ""))
        # nbgrader makes no page of feedback where there is one, of other marks perhaps.
        pages = course.format_path(course.feedback_directory, marked["student"], marked["assignment"])
        shutil.rmtree(pages, ignore_errors=True)
        return nb, resources


def _by_cell(gradebook: Gradebook, notebook: SubmittedNotebook) -> dict[str, api.Grade]:
    """The grades of a submitted notebook, by the grade ids of their cells."""
    rows = gradebook.db.query(BaseCell.name, api.Grade).join(api.Grade, api.Grade.cell_id == BaseCell.id)
    return dict(rows.filter(api.Grade.notebook_id == notebook.id).all())
