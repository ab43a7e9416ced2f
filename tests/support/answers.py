"""The answers of tests/answers, and the solution cells that they are put into."""

import contextlib
import functools
import importlib
import linecache

import nbformat
import pytest

from tests.answers import Answer
from tests.support import SOLVED, SOURCE

# The files of answers, the notebook that each belongs to, and the class and the part of its cell that it fills.
PLACES = {
    "gpt_v1_generate": ("1-bigram", "gpt_v1", 0),
    "head_v1": ("2-averaging", "head_v1", 0),
    "gpt_v2_logits": ("2-averaging", "gpt_v2", 0),
    "head_v2": ("3-vectorizing", "head_v2", 0),
    "head_v3": ("4-masking", "head_v3", 0),
    "head_v4_forward": ("5-self-attention", "head_v4", 0),
    "gpt_v3_pos_encodings": ("6-positions", "gpt_v3", 0),
    "gpt_v3_logits": ("6-positions", "gpt_v3", 1),
}
# What a learner may change in the given parts of a class: cell, old, new, the check that must catch it, its words.
EDITS = [
    ("gpt_v1_generate", "self.token_embedding_table(idx)", "self.token_embedding_table(idx).softmax(-1)",
     "generate_samples_from_softmax_of_last_logits", "Leave `logits` as it was given"),
    ("gpt_v1_generate", "vocab_size, block_size):", "block_size, vocab_size):",
     "generate_samples_from_softmax_of_last_logits", "token_embedding_table has shape"),
    ("gpt_v1_generate", "return logits, F.cross_entropy", "return F.cross_entropy",
     "generate_writes_likelier_text_after_training", "Leave `forward` as it was given"),
    ("gpt_v2_logits", "self.head = head", "self.head = HeadVer1()",
     "gpt_v2_makes_logits_from_table_head_and_lm_head", "not the head that the model was made with"),
    ("gpt_v2_logits", "nn.Embedding(vocab_size, embed_size)", "nn.Embedding(vocab_size, 6)",
     "gpt_v2_makes_logits_from_table_head_and_lm_head", "token_embedding_table has shape"),
    ("gpt_v2_logits", "nn.Linear(embed_size, vocab_size)", "nn.Sequential(nn.Linear(embed_size, vocab_size))",
     "gpt_v2_makes_logits_from_table_head_and_lm_head", "expected nn.Linear"),
    ("head_v1", "class HeadVer1:", "class HeadVer1:\n    def __init__(self, block_size):\n        pass\n",
     "head_v1_averages_the_past", "HeadVer1() stops with TypeError"),
    ("head_v1", "def __call__", "def forward",
     "head_v1_averages_the_past", "the names of its methods as they were given"),
    ("gpt_v1_generate", "idx, max_new_tokens)", "idx)",
     "generate_keeps_context_and_appends_max_new_tokens", "Keep the names and arguments as they were given"),
    ("head_v4_forward", "x, debug=False", "x",
     "head_v4_variance_is_1_after_scaling", "Keep the names and arguments as they were given"),
    ("head_v4_forward", "bias=False", "bias=True",
     "head_v4_weights_are_softmax_of_masked_scaled_scores", "has a bias; it is given with bias=False"),
    ("gpt_v3_pos_encodings", "def pos_encodings", "def positions",
     "pos_encodings_differ_for_every_position", "GPTVer3 has no pos_encodings"),
    ("gpt_v3_pos_encodings", "    @staticmethod\n    def pos_encodings(", "    def pos_encodings(self, ",
     "pos_encodings_differ_for_every_position", "Keep @staticmethod"),
    ("gpt_v3_pos_encodings", "    @staticmethod\n", "",
     "gpt_v3_adds_positions_to_sequences_of_any_length", "@staticmethod is missing above pos_encodings"),
]  # fmt: skip
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


def answers(kind):
    """The answers that are "wrong" or "right", each with its file, as pytest's parameters."""
    return [
        pytest.param(file, value, id=value.name)
        for file in PLACES
        for value in vars(importlib.import_module(f"tests.answers.week1.{file}")).values()
        if isinstance(value, Answer) and bool(value.check) == (kind == "wrong")
    ]


def with_body(source, part, body):
    """The source of a solution cell with one of its solutions replaced."""
    pieces = source.split(BEGIN)
    rest = pieces[part + 1].partition(END)[2]
    indented = "\n".join(" " * 8 + line if line else "" for line in body.split("\n"))
    pieces[part + 1] = "\n" + indented.lstrip("\n") + "\n" + rest
    return BEGIN.join(pieces)


def changed(source, part, answer):
    """A solution cell with an answer in it, or with a text replaced."""
    if isinstance(answer, Answer):
        return answer.imports + with_body(source, part, answer.body)
    old, new = answer
    assert old in source
    return source.replace(old, new)


def grade_id(cell, key="grade_id"):
    return cell.metadata.get("nbgrader", {}).get(key)


class _Notebook:
    """A notebook of the course: the names that its first cell gives, its cells that matter, and which are graded."""

    def __init__(self, name):
        cells = nbformat.read(SOURCE / f"{name}.ipynb", 4).cells
        self.given = {}
        with contextlib.chdir(SOLVED):
            exec(next(cell.source for cell in cells if grade_id(cell, "locked")), self.given)
        self.cells = [cell for cell in cells if cell.cell_type == "code" and grade_id(cell)]
        self.graded = [grade_id(cell) for cell in self.cells if cell.metadata.nbgrader.grade]

    def namespace(self, change=lambda cell: cell.source, run=exec):
        """The names after all solution cells have run, each with the source that `change` gives it."""
        namespace = {"__name__": "__main__"} | self.given
        for cell in self.cells:
            if cell.metadata.nbgrader.solution:
                run(change(cell), namespace)
        return namespace


notebook = functools.cache(_Notebook)  # what it carries is read and run once in a process


def verdicts(file, answer, only=None):
    """What each graded cell of a notebook says to an answer: {grade id: words, or None where it passes}.

    Args:
        only: the grade ids of the cells to run; all if left out.
    """
    name, cell_id, part = PLACES[file]
    names, said = dict(notebook(name).given), {}
    for cell in notebook(name).cells:
        if cell.metadata.nbgrader.solution:
            source = changed(cell.source, part, answer) if grade_id(cell) == cell_id else cell.source
            place = f"<cell {grade_id(cell)}>"  # with its lines, which a notebook's cells have too
            linecache.cache[place] = len(source), None, source.splitlines(keepends=True), place
            exec(compile(source, place, "exec"), names)
        elif cell.metadata.nbgrader.grade and (only is None or grade_id(cell) in only):
            try:
                exec(cell.source, names)
                said[grade_id(cell)] = None
            except Exception as error:
                said[grade_id(cell)] = f"{type(error).__name__}: {error}"
    return said
