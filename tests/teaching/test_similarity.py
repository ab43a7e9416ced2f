"""Solutions that are the same, nearly the same, or the same as everybody's."""

import itertools
import random

import pytest

from learngpt_teaching.similarity import ALIKE, alike, matches, tree

RELEASED = '''class Head:
    """Means."""

    def __call__(self, x):
        """(B, T, C) -> (B, T, C)"""
        B, T, C = x.shape
        # YOUR CODE HERE
        raise NotImplementedError()
'''
ANSWER = """scores = torch.zeros(T, T)
visible = torch.tril(torch.ones(T, T))
scores = scores.masked_fill(visible == 0, float("-inf"))
self.wei = F.softmax(scores, dim=-1)
return self.wei @ x"""


def cell(body, begin=""):
    indented = "\n".join(f"        {line}" for line in body.split("\n"))
    return begin + RELEASED.split("        # YOUR")[0] + indented + "\n"


def test_what_was_given_is_left_out():
    assert tree(RELEASED, RELEASED) == ()
    assert tree(cell("pass"), RELEASED) == ("/Head/__call__", "Pass")


@pytest.mark.parametrize(
    "body",
    [
        ANSWER.replace("scores", "s").replace("visible", "mask"),
        "# my own\n" + ANSWER.replace("\n", "\n\n"),
        ANSWER.replace('"-inf"', "'-inf'").replace("T, T", "T,  T"),
        '"""Mine."""\n' + ANSWER,
        ANSWER.replace("scores = torch.zeros", "scores: torch.Tensor = torch.zeros"),
    ],
)
def test_names_comments_and_layout_change_nothing(body):
    assert tree(cell(body), RELEASED) == tree(cell(ANSWER), RELEASED)
    assert tree(cell(body, "%%time\n"), RELEASED) == tree(cell(ANSWER), RELEASED)


def test_another_way_is_another_tree():
    other = "ones = torch.tril(torch.ones(T, T))\nself.wei = ones / ones.sum(1, keepdim=True)\nreturn self.wei @ x"
    assert alike(tree(cell(ANSWER), RELEASED), tree(cell(other), RELEASED)) < 0.5
    near = ANSWER.replace("dim=-1", "dim=1")
    assert 0.85 < alike(tree(cell(ANSWER), RELEASED), tree(cell(near), RELEASED)) < 1


@pytest.mark.parametrize("source", ["def (", "", "x" * 100_000, "(" * 5000, "\x00", "x = " + "a + " * 2000 + "a"])
def test_what_cannot_be_parsed_says_nothing(source):
    assert tree(source, RELEASED) == ()


def test_what_everybody_writes_says_nothing_and_what_two_write_says_much():
    draw = random.Random(0)
    usual = tree(cell(ANSWER), RELEASED)
    own = {f"s{number:02}": tuple(draw.choice("abcdefgh") for _ in range(60)) for number in range(20)}
    trees = {
        "usual": dict.fromkeys(own, usual),
        "own": own | {"s01": own["s00"]},
        "short": own | {"s00": ("a", "b", "c"), "s01": ("a", "b", "c")},
    }
    found = matches(trees)
    bits, one, two, cells = found[0]
    assert (one, two) == ("s00", "s01")
    assert cells["usual"] == (1.0, 19, 19) and cells["own"] == (1.0, 1, 19)
    assert bits == pytest.approx(0 + 4.25 + 3 / 4, abs=0.01)  # log2(19) and, of three nodes, little
    assert all(row[0] == 0 for row in found[1:])


def test_nearly_the_same_counts_as_the_same_form():
    near = tree(cell(ANSWER.replace("dim=-1", "dim=1")), RELEASED)
    trees = {"cell": {"a": tree(cell(ANSWER), RELEASED), "b": near, **{f"o{n}": (f"{n}",) * 30 for n in range(8)}}}
    [(bits, one, two, cells)] = matches(trees)
    assert (one, two) == ("a", "b") and 0.85 < cells["cell"][0] < 1 and cells["cell"][1:] == (1, 9)
    assert 2 < bits < 3.17


def drawn(students, seed=0):
    """A class whose solutions of two cells are a few forms with none to many changes: {cell: {student: tree}}."""
    draw = random.Random(seed)
    written = {}
    for cell in ("first", "second"):
        forms = [tuple(draw.choice("abcdefgh") for _ in range(draw.randint(3, 60))) for _ in range(6)]
        written[cell] = {}
        for number in range(students):
            nodes = list(draw.choice(forms))
            for _ in range(draw.choice([0, 0, 1, 2, 5])):
                nodes[draw.randrange(len(nodes))] = draw.choice("abcdefgh")
            nodes += draw.choices("abcdefgh", k=draw.randint(0, len(nodes) // 6))
            written[cell][f"s{number:03}"] = tuple(nodes)
    return written


def test_no_pair_that_is_alike_is_passed_over():
    trees = drawn(80)
    found = {(one, two): cells for _, one, two, cells in matches(trees)}
    for cell, written in trees.items():
        likeness = {pair: alike(*map(written.get, pair)) for pair in itertools.combinations(sorted(written), 2)}
        near = {pair: share for pair, share in likeness.items() if share >= ALIKE}
        assert {pair: cells[cell][0] for pair, cells in found.items() if cell in cells} == near
        assert len(near) > 50


def test_pairs_with_many_bits_are_those_of_all_pairs():
    trees = drawn(80)
    everybody = matches(trees)
    for least in (0.5, 2, 4):
        assert matches(trees, least) == [row for row in everybody if row[0] >= least]
    assert 0 < len(matches(trees, 4)) < len(everybody)
