"""The course as nbgrader sees it. `make build`, `make grade` and `make check` use it, and so does formgrader."""

from pathlib import Path

from nbgrader.preprocessors import (
    ClearHiddenTests,
    ClearMarkScheme,
    ClearOutput,
    Execute,
    IncludeHeaderFooter,
    LockCells,
)

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "learngpt"
c.CourseDirectory.root = str(Path(__file__).resolve().parent) if "__file__" in globals() else str(Path.cwd())
c.CourseDirectory.solution_directory = "notebooks"

# The solved notebooks are published, so they are executed as they stand there: without hidden tests.
c.GenerateSolution.preprocessors = [
    IncludeHeaderFooter,
    LockCells,
    ClearOutput,
    ClearMarkScheme,
    ClearHiddenTests,
    Execute,
]

# Seconds for one cell, the same for autograde and for Validate.
c.Execute.timeout = 60
# Times of a run would change the published notebooks at each build.
c.Execute.record_timing = False
