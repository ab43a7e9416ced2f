"""The answers of tests/answers, and the solution cells that they are put into."""

import importlib

import pytest

from tests.answers import Answer

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
