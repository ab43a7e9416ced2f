"""One rule for copies of a notebook, whatever their names, their order and their times are."""

import itertools
import json

import pytest

from learngpt_teaching.copies import LEFT_OUT, UNREADABLE, UNTOUCHED, WORKED_IN, Copy, Name, choose, code, parse, state
from tests.support import NAMES, RELEASE
from tests.support.classroom import notebook_bytes


@pytest.mark.parametrize(
    "stem, expected",
    [
        ("1-bigram", Name("1-bigram")),
        ("1-BIGRAM", Name("1-bigram")),
        ("1-bigram-Copy1", Name("1-bigram", plain=False)),
        ("1-bigram - Copy", Name("1-bigram", plain=False)),
        ("1-bigram - Copy (2)", Name("1-bigram", plain=False)),
        ("1-bigram copy", Name("1-bigram", plain=False)),
        ("1-bigram copy 3", Name("1-bigram", plain=False)),
        ("1-bigram (1)", Name("1-bigram", number=1, plain=False)),
        ("1-bigram(12)", Name("1-bigram", number=12, plain=False)),
        ("1-bigram-2", Name("1-bigram", number=2, plain=False)),
        ("Copy of 1-bigram", Name("1-bigram", plain=False)),
        ("Kopie von 1-bigram", Name("1-bigram", plain=False)),
        ("1-bigram - 복사본", Name("1-bigram", plain=False)),
        ("1-bigram의 사본", Name("1-bigram", plain=False)),
        ("ada_1-bigram", Name("1-bigram", "ada", plain=False)),
        ("Ada Lovelace - 1-bigram", Name("1-bigram", "Ada Lovelace", plain=False)),
        ("1-bigram_final", Name("1-bigram", "final", plain=False)),
        ("किरण_1-bigram (1)", Name("1-bigram", "किरण", 1, plain=False)),
        ("11-bigram", None),
        ("1-bigrams", None),
        ("my answer", None),
    ],
)
def test_the_name_of_a_copy_is_read(stem, expected):
    assert parse(stem, NAMES) == expected


def test_the_longer_name_of_two_notebooks_is_found():
    assert parse("1-bigram-advanced (1)", ["1-bigram", "1-bigram-advanced"]).notebook == "1-bigram-advanced"


RELEASED = (RELEASE / "1-bigram.ipynb").read_bytes()


def with_outputs(raw):
    notebook = json.loads(raw)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell.update(execution_count=1, outputs=[{"output_type": "stream", "name": "stdout", "text": "ran"}])
    return json.dumps(notebook).encode()


def solved(raw=RELEASED):
    notebook = json.loads(raw)
    for cell in notebook["cells"]:
        cell["source"] = [line.replace("raise NotImplementedError()", "return idx") for line in cell["source"]]
    return json.dumps(notebook).encode()


@pytest.mark.parametrize(
    "raw, expected",
    [
        (RELEASED, UNTOUCHED),
        (with_outputs(RELEASED), UNTOUCHED),
        (notebook_bytes(said="a word in the text"), UNTOUCHED),
        (solved(), WORKED_IN),
        (b"", UNREADABLE),
        (b"<<<<<<< HEAD\n{}", UNREADABLE),
    ],
)
def test_what_somebody_did_in_a_file(raw, expected):
    assert state(raw, code(RELEASED)) == expected


def copy(stem, did=WORKED_IN, *when):
    return Copy(f"{stem}.ipynb", parse(stem, NAMES), did, when)


@pytest.mark.parametrize(
    "best, other, why",
    [
        # A browser's second download beside what the course put there.
        (copy("1-bigram (1)", WORKED_IN, 1), copy("1-bigram", UNTOUCHED, 2), "as it was released"),
        (copy("1-bigram", WORKED_IN, 1), copy("1-bigram (1)", UNTOUCHED, 2), "as it was released"),
        (copy("1-bigram-Copy1", WORKED_IN, 2), copy("1-bigram", WORKED_IN, 1), "is older than 1-bigram-Copy1"),
        (copy("1-bigram", WORKED_IN, 2), copy("1-bigram-Copy1", WORKED_IN, 1), "is older than 1-bigram"),
        (copy("1-bigram - Copy", WORKED_IN, 2), copy("1-bigram", WORKED_IN, 1), "is older"),
        (copy("1-bigram copy", WORKED_IN, 2), copy("1-bigram", WORKED_IN, 1), "is older"),
        (copy("1-bigram", WORKED_IN, 1), copy("1-bigram (2)", UNREADABLE, 2), "can't be read"),
        (copy("1-bigram (2)", UNREADABLE, 1), copy("1-bigram", UNTOUCHED, 2), "as it was released"),
        # No times: a browser counts up; what else is called a copy goes behind the name of the course.
        (copy("1-bigram (1)"), copy("1-bigram"), "taken for its name"),
        (copy("1-bigram (10)"), copy("1-bigram (9)"), "taken for its name"),
        (copy("1-bigram"), copy("1-bigram-Copy1"), "taken for its name"),
    ],
)
def test_which_copy_counts_and_why_the_other_does_not(best, other, why):
    for pair in ([best, other], [other, best]):
        chosen, [(left_out, reason)] = choose(pair)
        assert chosen is best and left_out is other
        assert why in LEFT_OUT[reason].format(file=other.shown, taken=best.shown)


def test_the_order_of_the_files_does_not_matter():
    copies = [copy("1-bigram", UNTOUCHED, 9), copy("1-bigram-Copy1", WORKED_IN, 3), copy("1-bigram (1)", WORKED_IN, 4)]
    assert {choose(list(order))[0].shown for order in itertools.permutations(copies)} == {"1-bigram (1).ipynb"}
