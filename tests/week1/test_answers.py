"""Every wrong answer loses the check that names its mistake, and every right answer gets full marks."""

from collections import Counter

import pytest

from tests.support.answers import EDITS, answers, verdicts


def some_quick(kind, count):
    """The first answers of each file as they are, the others as slow ones."""
    seen = Counter()
    for case in answers(kind):
        file, _ = case.values
        seen[file] += 1
        yield pytest.param(*case.values, id=case.id, marks=[pytest.mark.slow] * (seen[file] > count))


@pytest.mark.parametrize(("file", "answer"), list(some_quick("wrong", 6)))
def test_wrong_answers_fail_the_check_that_names_their_mistake(file, answer):
    said = verdicts(file, answer, only={answer.check})[answer.check]
    assert said is not None, f"{answer.why}: passed"
    assert said.startswith("CheckFailed: "), said
    assert answer.phrase in said


@pytest.mark.parametrize(("file", "answer"), list(some_quick("right", 4)))
def test_right_answers_get_full_marks(file, answer, capsys):
    assert [said for said in verdicts(file, answer).values() if said] == []
    assert capsys.readouterr().err == ""  # nbgrader gives 0 points to a graded cell that writes to stderr


@pytest.mark.parametrize(("file", "old", "new", "check", "phrase"), EDITS)
def test_changes_of_given_parts_are_named(file, old, new, check, phrase):
    said = verdicts(file, (old, new), only={check})[check]
    assert said.startswith("CheckFailed: "), said
    assert phrase in said


def test_there_are_enough_answers():
    assert len(list(answers("wrong"))) >= 80
    assert len(list(answers("right"))) >= 40
