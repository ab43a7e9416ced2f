"""What a file is that is called a notebook and isn't one, and what its owner can do about it."""

import json
import re
from typing import Any

from learngpt.language import mark
from learngpt_teaching.later import Later

CONFLICT = re.compile(rb"^(<{7} |={7}\s*$|>{7} )", re.M)


class Unreadable(Exception):
    """A submitted file can't be read as a notebook. `why` is for the student, too."""

    def __init__(self, why: Later):
        super().__init__(why)
        self.why = why


def load(raw: bytes) -> Any:
    """What a file of JSON holds, in any Unicode encoding.

    Raises:
        Unreadable: it is no JSON.
    """
    try:
        # What is not Unicode stands in comments and strings; none of the course's code needs it.
        return json.loads(raw.decode(json.detect_encoding(raw), "replace"))
    except (ValueError, RecursionError):
        raise Unreadable(_damage(raw)) from None


def _damage(raw: bytes) -> Later:
    """Why a file isn't JSON, with the remedy."""
    if not raw.strip(b"\0 \t\r\n"):
        return Later(
            mark("The file is empty. Save the notebook again, look at the size of the file, and hand that one in.")
        )
    if conflict := CONFLICT.search(raw):
        line = raw[: conflict.start()].count(b"\n") + 1
        return Later(
            mark(
                "The file has the marks of a merge conflict of git, the first in line {line} (<<<<<<<). Take one of the"
                " two versions whole: `git checkout --ours FILE` or `--theirs`, or delete the marks in a text editor."
            ),
            line=line,
        )
    start = raw[:2000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return Later(
            mark(
                "The file is a web page, not the notebook that the page showed. In the browser, download the notebook"
                " itself: File, Download; on GitHub, the button Download raw file."
            )
        )
    if start.startswith((b"pk\3\4", b"\x1f\x8b", b"7z\xbc\xaf", b"rar!")):
        return Later(
            mark("The file is an archive that was renamed. Unpack it, and hand in the notebook that is inside.")
        )
    if start.startswith(b"%pdf"):
        return Later(mark("The file is a PDF. Hand in the notebook itself, which ends in .ipynb."))
    if start.startswith(b"{"):
        return Later(
            mark(
                "The file breaks off or is damaged: it begins like a notebook, and isn't JSON. Take an earlier version:"
                " in JupyterLab, File, Revert Notebook to Checkpoint, or the last file that you downloaded."
            )
        )
    if re.search(rb"^(import|from|def|class|#)\b", start, re.M):
        return Later(
            mark(
                "The file is Python code with the name of a notebook. Paste it into the cells of the released notebook."
            )
        )
    return Later(
        mark("The file is no notebook: it isn't JSON. Open the notebook in JupyterLab, save it, and hand that file in.")
    )
