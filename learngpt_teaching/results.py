"""What grading one notebook came to, and where it is kept."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import nbformat
from nbformat.notebooknode import NotebookNode

GRADED, DIFFERS, SET_ASIDE, UNREADABLE = VERDICTS = "graded", "differs", "set aside", "unreadable"


@dataclass
class Outcome:
    """What one graded cell earned.

    Attributes:
        points, possible: what it earned, and what it is worth.
        message: for the student, "" where all points were earned.
        unwritten: whether the TODO is still as it was handed out.
        differs: what the check said where the exam says no and the check yes, for the instructor; else "".
    """

    points: float
    possible: float
    message: str = ""
    unwritten: bool = False
    differs: str = ""


@dataclass
class Result:
    """What came out of one notebook of one submission.

    Attributes:
        notebook: as it was graded; its graded cells end with their points or with what failed.
        verdict: GRADED; DIFFERS, where a check says yes and the exam no; SET_ASIDE, where the machine kept us from
            grading it; UNREADABLE.
        reason: one sentence for the instructor where the verdict isn't GRADED.
        checks: {grade id: Outcome}.
        notes: sentences for the instructor, which change no mark.
        seed: of the exam, so that it can be repeated; None where there was none.
        kernels: how many it took.
        seconds: on the clock.
        cut_short: whether the budget of its submission ran out; so it depends on other notebooks too.
        keep: whether the same files would come to the same; not so where the machine was at fault.
    """

    notebook: NotebookNode
    verdict: str = GRADED
    reason: str = ""
    checks: dict[str, Outcome] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seed: int | None = None
    kernels: int = 0
    seconds: float = 0.0
    keep: bool = True
    cut_short: bool = False

    @property
    def points(self) -> float:
        return sum(outcome.points for outcome in self.checks.values())

    @property
    def denied(self) -> bool:
        """Whether an exam was sat, and points were lost."""
        sat = self.verdict in (GRADED, DIFFERS)
        return sat and any(outcome.points < outcome.possible for outcome in self.checks.values())

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str, possible: dict[str, float]) -> "Result":
        """A Result from what `to_json` gave, for a notebook with these points.

        Raises:
            ValueError: the text is no result of this notebook.
        """
        try:
            fields = json.loads(text)
            fields["notebook"] = nbformat.from_dict(fields["notebook"])
            nbformat.validate(fields["notebook"], relax_add_props=False)
            fields["checks"] = {grade_id: Outcome(**outcome) for grade_id, outcome in fields["checks"].items()}
            result = cls(**fields)
            good = result.verdict in VERDICTS and result.checks.keys() == possible.keys()
            for grade_id, points in possible.items():
                outcome = result.checks[grade_id]
                good &= 0 <= outcome.points <= outcome.possible == points and isinstance(outcome.message, str)
        except (TypeError, KeyError, AttributeError, nbformat.ValidationError) as error:
            raise ValueError(f"no result: {error!r}") from None
        if not good:
            raise ValueError("a result of another notebook")
        return result


class Kept:
    """Results on disk, each under the key of its job, so that a run goes on where another one broke off."""

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)

    def has(self, key: str) -> bool:
        return (self.folder / f"{key}.json").is_file()

    def get(self, key: str, possible: dict[str, float]) -> Result | None:
        """What was kept for a notebook with these points, or None."""
        try:
            return Result.from_json((self.folder / f"{key}.json").read_text(encoding="utf-8"), possible)
        except (OSError, ValueError):
            return None

    def put(self, key: str, result: Result) -> None:
        """Keep a result; it is there whole, or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{key}.json"
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_text(result.to_json(), encoding="utf-8")
        os.replace(part, path)
