"""Hostile and broken submissions that the grader is measured against.

Each is a submission of notebook 4 (15 points: 4, 3, 4 and 4), made from the solved or from the untouched notebook. It
names the verdict that it must get, the points, and words that the reason or a message must have.
"""

from dataclasses import dataclass

SOLVED, UNTOUCHED = "notebooks", "release"


@dataclass
class Submission:
    """One submission.

    Attributes:
        why: what it tries, or what is broken.
        start: the notebook that it is made from.
        edit: called with the notebook as a dict, to change it; or with its bytes, to give other ones, if `raw`.
        points: what it must get, or a set of what it may get.
        verdict: "graded", "differs", "set aside" or "unreadable", or a set of these.
        phrase: words that the reason for the instructor or a message for the student must have.
        raw: see `edit`.
    """

    why: str
    start: str
    edit: object
    points: object
    verdict: object = "graded"
    phrase: str = ""
    raw: bool = False

    @property
    def name(self):
        return self.edit.__name__


def submission(why, start, points, verdict="graded", phrase="", raw=False):
    return lambda edit: Submission(why, start, edit, points, verdict, phrase, raw)


def by_id(notebook, grade_id):
    [cell] = [cell for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") == grade_id]
    return cell


def code(source, **metadata):
    return {"cell_type": "code", "id": "own", "metadata": metadata, "source": source, "outputs": [],
            "execution_count": None}  # fmt: skip


def insert(notebook, source, before="head_v3"):
    """Add a cell of the student's own before a cell of the course."""
    cells = notebook["cells"]
    cells.insert(cells.index(by_id(notebook, before)), code(source))


def in_call(notebook, source):
    """Put a line at the start of `HeadVer3.__call__`."""
    solution = by_id(notebook, "head_v3")
    solution["source"] = solution["source"].replace("        B, T, C", f"        {source}\n        B, T, C", 1)
