"""Every wrong answer loses the check that names its mistake, and every right answer gets full marks."""

import importlib
import linecache
import os

import nbformat
import pytest

from tests.answers import Answer
from tests.support import ROOT

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
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


def answers(kind):
    for file in PLACES:
        for value in vars(importlib.import_module(f"tests.answers.{file}")).values():
            if isinstance(value, Answer) and bool(value.check) == (kind == "wrong"):
                yield pytest.param(file, value, id=value.name)


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


@pytest.fixture(scope="module")
def run():
    """`run(file, answer)`: what each graded cell of a notebook says to an answer, None where it passes."""
    prepared = {}

    def given(name):
        if name not in prepared:
            namespace = {}
            folder = os.getcwd()
            os.chdir(ROOT / "notebooks" / "week1")
            try:
                cells = nbformat.read(ROOT / "source" / "week1" / f"{name}.ipynb", 4).cells
                exec(cells[next(i for i, c in enumerate(cells) if grade_id(c, "locked"))].source, namespace)
            finally:
                os.chdir(folder)
            prepared[name] = namespace, [cell for cell in cells if cell.cell_type == "code" and grade_id(cell)]
        return prepared[name]

    def run(file, answer, only=None):
        name, cell_id, part = PLACES[file]
        namespace, cells = given(name)
        namespace = dict(namespace)
        verdicts = {}
        for cell in cells:
            if cell.metadata.nbgrader.solution:
                source = changed(cell.source, part, answer) if grade_id(cell) == cell_id else cell.source
                file = f"<cell {grade_id(cell)}>"  # with its lines, which a notebook's cells have too
                linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
                exec(compile(source, file, "exec"), namespace)
            elif cell.metadata.nbgrader.grade and only in (None, grade_id(cell)):
                try:
                    exec(cell.source, namespace)
                    verdicts[grade_id(cell)] = None
                except Exception as error:
                    verdicts[grade_id(cell)] = f"{type(error).__name__}: {error}"
        return verdicts

    return run


def grade_id(cell, key="grade_id"):
    return cell.metadata.get("nbgrader", {}).get(key)


@pytest.mark.parametrize(("file", "answer"), answers("wrong"))
def test_wrong_answers_fail_the_check_that_names_their_mistake(run, file, answer):
    said = run(file, answer, only=answer.check)[answer.check]
    assert said is not None, f"{answer.why}: passed"
    assert said.startswith("CheckFailed: "), said
    assert answer.phrase in said


@pytest.mark.parametrize(("file", "answer"), answers("right"))
def test_right_answers_get_full_marks(run, file, answer, capsys):
    assert [said for said in run(file, answer).values() if said] == []
    assert capsys.readouterr().err == ""  # nbgrader gives 0 points to a graded cell that writes to stderr


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
     "head_v4_weights_are_softmax_of_masked_scaled_scores", "self.key has a bias"),
    ("gpt_v3_pos_encodings", "def pos_encodings", "def positions",
     "pos_encodings_differ_for_every_position", "GPTVer3 has no pos_encodings"),
    ("gpt_v3_pos_encodings", "    @staticmethod\n    def pos_encodings(", "    def pos_encodings(self, ",
     "pos_encodings_differ_for_every_position", "Keep @staticmethod"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "check", "phrase"), EDITS)
def test_changes_of_given_parts_are_named(run, file, old, new, check, phrase):
    said = run(file, (old, new), only=check)[check]
    assert said.startswith("CheckFailed: "), said
    assert phrase in said


def test_there_are_enough_answers():
    assert len(list(answers("wrong"))) >= 80
    assert len(list(answers("right"))) >= 40
