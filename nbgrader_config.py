"""The course as nbgrader sees it: its commands, formgrader, and `make build`, `make grade` and `make check`."""

from pathlib import Path

from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbgrader.converters import GenerateAssignment
from nbgrader.preprocessors import (
    ClearHiddenTests,
    ClearMarkScheme,
    ClearOutput,
    IgnorePattern,
    IncludeHeaderFooter,
    LimitOutput,
    LockCells,
)

from learngpt import validating
from learngpt_teaching.autograding import GradedExporter, SaveMarks
from learngpt_teaching.exchange import Collect, ReleaseAssignment, ReleaseFeedback
from learngpt_teaching.feedback import CleanOutputs, FeedbackExporter, GetMarks, HideTests, ShowReason, markdown2html
from learngpt_teaching.marks import TableExporter
from learngpt_teaching.preprocessors import ExecuteAll, NameChecks
from learngpt_teaching.times import QuietPenalties
from learngpt_teaching.uploads import UploadsExtractor

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "learngpt"
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.solution_directory = "notebooks"
# nbgrader copies what else lies in a submission, up to the feedback. No page of a student's may lie among ours, and
# the weights of a GPT are large.
pages = ["feedback", "*.[hH][tT][mM]*", "*.[xX][hH][tT]*", "*.[mM][hH][tT]*", "*.[xX][mM][lL]", "*.[sS][vV][gG]*"]
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", *pages, "*.safetensors"]

# The release has the names of its checks in its metadata, by which Validate sees when one is lost.
c.GenerateAssignment.preprocessors = [*GenerateAssignment.preprocessors.default(), NameChecks]

# The solved notebooks are executed as they are published: without hidden tests.
c.GenerateSolution.preprocessors = [
    IncludeHeaderFooter,
    LockCells,
    ClearOutput,
    ClearMarkScheme,
    ClearHiddenTests,
    ExecuteAll,
    NameChecks,
]

# Submissions are read as graded notebooks: rebuilt from source/, and run in contained kernels. No metadata of a
# student's is left in them, so nbgrader's own need no check.
c.Autograde.exporter_class = GradedExporter
c.GradedExporter.optimistic_validation = True
# nbgrader's OverwriteCells has nothing to put back, and would put English cells into a notebook of another language.
# What its first pass reads is graded already, so it writes the marks too.
c.Autograde.sanitize_preprocessors = [IgnorePattern, LimitOutput, SaveMarks, QuietPenalties]
c.Autograde.autograde_preprocessors = []

# What holds for Validate, here and for a student, holds for `make build` too, but for the cells that demonstrate.
validating.set_up(c)
c.ExecuteAll.skip_cells_with_tag = "skip-execution"
c.Execute.record_timing = False  # times of a run would change the published notebooks at each build

# Feedback: what students wrote is cleaned before a browser sees it, here and in formgrader.
c.HTMLExporter.preprocessors = [ShowReason, CleanOutputs]
c.FeedbackExporter.preprocessors = [CleanOutputs]
c.FeedbackExporter.optimistic_validation = True  # once for a page, not after each of fourteen steps
c.HTMLExporter.filters = {"markdown2html": markdown2html}
c.GenerateFeedback.exporter_class = FeedbackExporter
c.GenerateFeedback.preprocessors = [GetMarks, HideTests, CSSHTMLHeaderPreprocessor]
# c.HideTests.enabled = False  # shows students the source of the hidden tests

# The exchange of a shared machine: links are not followed, and one student's oddity stops nobody's.
c.ExchangeFactory.collect = Collect
c.ExchangeFactory.release_assignment = ReleaseAssignment
c.ExchangeFactory.release_feedback = ReleaseFeedback

# Uploads: zip_collect takes what Canvas and Moodle hand over, and sets aside what it can't take.
c.ZipCollectApp.extractor_plugin = UploadsExtractor
c.FileNameCollectorPlugin.named_regexp = r".*[/\\](?P<student_id>[^/\\]+)[/\\](?P<file_id>[^/\\]+)$"
c.FileNameCollectorPlugin.valid_ext = [".ipynb", ".txt"]  # timestamp.txt

# Marks: `nbgrader export` leaves out what waits for a hand, and quotes names.
c.ExportApp.plugin_class = TableExporter
