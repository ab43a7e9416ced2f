"""The course as nbgrader sees it: its commands, formgrader, and `make build`, `make grade` and `make check`."""

from pathlib import Path

from nbgrader.preprocessors import (
    ClearHiddenTests,
    ClearMarkScheme,
    ClearOutput,
    Execute,
    IncludeHeaderFooter,
    LockCells,
)


class ExecuteAll(Execute):
    """For the published notebooks: the cells that only demonstrate run too."""


c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "learngpt"
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.solution_directory = "notebooks"

# The solved notebooks are executed as they are published: without hidden tests.
c.GenerateSolution.preprocessors = [
    IncludeHeaderFooter,
    LockCells,
    ClearOutput,
    ClearMarkScheme,
    ClearHiddenTests,
    ExecuteAll,
]

# Seconds for one cell, the same for autograde and for Validate.
c.Execute.timeout = 60
# Cells that only demonstrate, training for show and pictures, prove nothing: they don't run when graded or validated.
c.Execute.skip_cells_with_tag = "demo"
c.ExecuteAll.skip_cells_with_tag = "skip-execution"
# Times of a run would change the published notebooks at each build.
c.Execute.record_timing = False
# A kernel warns on the terminal that its local connection isn't encrypted.
c.Execute.extra_arguments = ["--IPKernelApp.log_level=ERROR"]
