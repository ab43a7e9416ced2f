"""The course as nbgrader sees it: its commands, formgrader, and `make build`, `make grade` and `make check`."""

from pathlib import Path

from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearHiddenTests,
    ClearMarkScheme,
    ClearOutput,
    Execute,
    IgnorePattern,
    IncludeHeaderFooter,
    LimitOutput,
    LockCells,
    OverwriteCells,
)

from learngpt.validating import fill_gaps
from learngpt_teaching.autograding import GradedExporter, SaveMarks, bring_all
from learngpt_teaching.exchange import Collect, ReleaseAssignment, ReleaseFeedback
from learngpt_teaching.feedback import CleanOutputs, FeedbackExporter, GetMarks, HideTests, ShowReason, markdown2html
from learngpt_teaching.marks import TableExporter
from learngpt_teaching.uploads import UploadsExtractor


class ExecuteAll(Execute):
    """For the published notebooks: the cells that only demonstrate run too."""


c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "learngpt"
root = Path(__file__).resolve().parent
c.CourseDirectory.root = str(root)
c.CourseDirectory.solution_directory = "notebooks"
# nbgrader copies what else lies in a submission, up to the feedback. No page of a student's may lie among ours.
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback", "*.html", "*.htm", "*.svg"]

# The solved notebooks are executed as they are published: without hidden tests.
c.GenerateSolution.preprocessors = [
    IncludeHeaderFooter,
    LockCells,
    ClearOutput,
    ClearMarkScheme,
    ClearHiddenTests,
    ExecuteAll,
]

# Submissions are read as graded notebooks: rebuilt from source/, and run in contained kernels. See learngpt/grader.
c.Autograde.exporter_class = GradedExporter
c.Autograde.pre_convert_hook = bring_all
c.Autograde.sanitize_preprocessors = [OverwriteCells, CheckCellMetadata]
c.Autograde.autograde_preprocessors = [IgnorePattern, LimitOutput, SaveMarks, AssignLatePenalties, CheckCellMetadata]

# What follows holds for Validate and for `make build`.
c.Execute.on_notebook_start = fill_gaps(root / "release" / "week1")
c.Execute.timeout = 60  # seconds for one cell; the checks stop a call of the learner's code after 10 of computing
said = "This cell took more than 60 seconds and was stopped. Is there a loop that never ends?"
c.Execute.error_on_timeout = {"ename": "Timeout", "evalue": said, "traceback": [f"✗ {said}"]}
# Cells that only demonstrate, training for show and pictures, prove nothing: they don't run when graded or validated.
c.Execute.skip_cells_with_tag = "demo"
c.ExecuteAll.skip_cells_with_tag = "skip-execution"
# Times of a run would change the published notebooks at each build.
c.Execute.record_timing = False
# A kernel need not say goodbye, nor warn that its connection on this machine isn't encrypted.
c.Execute.shutdown_kernel = "immediate"
c.Execute.extra_arguments = ["--IPKernelApp.log_level=ERROR"]

# Feedback: what students wrote is cleaned before a browser sees it, here and in formgrader.
c.HTMLExporter.preprocessors = [ShowReason, CleanOutputs]
c.FeedbackExporter.preprocessors = [CleanOutputs]
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
