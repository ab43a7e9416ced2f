"""What a graded cell leaves to a reader of its outputs: evidence that it ran to its end, or what failed."""

import re

TOKEN = "application/vnd.learngpt.evidence"  # the media type of a grader's token


class _Passed:
    """Evidence that a graded cell ran to its end: nbgrader reads the points, a person sees a green line."""

    def __init__(self, points, token):
        self.points, self.token = points, token

    def __repr__(self):
        return str(self.points)

    def _repr_html_(self):
        unit = "point" if self.points == 1 else "points"
        return f'<span style="color: #007a3d; font-weight: bold">✓ {self.points} {unit}</span>'

    def _repr_mimebundle_(self, include=None, exclude=None):
        bundle = {"text/plain": repr(self), "text/html": self._repr_html_()}
        return bundle | ({TOKEN: self.token} if self.token else {})


def passed(points, token=None):
    """The last line of a graded cell; a grader gives it a token that it must see again."""
    return _Passed(points, token)


def explanation(traceback):
    """What a failed check said, from the lines of its error output; None for an error of another kind."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(traceback)).strip().split("\n")
    if not lines[0].startswith("✗ "):
        return None
    # without the mark and the indents that show it in a notebook
    return "\n".join([lines[0].removeprefix("✗ "), *(line.removeprefix("  ") for line in lines[1:])])
