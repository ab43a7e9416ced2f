"""What goes wrong in a notebook is one clear sentence, costs its own checks, and nothing else."""

import shutil

import nbformat
import pytest
from nbgrader.validator import Validator
from traitlets.config import PyFileConfigLoader

from learngpt_teaching.engine.sandbox import LIMITS
from learngpt_teaching.own_work import grade
from tests.support import ROOT, SOLVED
from tests.support.notebooks import delete, edit

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The grade of a submission with another fault in each notebook: {check: (points, message)}."""
    folder = tmp_path_factory.mktemp("faults") / "week1"
    shutil.copytree(SOLVED, folder, dirs_exist_ok=True)
    edit(folder / "1-bigram.ipynb", ("def generate(self", "def generate(self,,"))
    edit(folder / "2-averaging.ipynb", ("        out = torch.zeros(B, T, C)", "        while True:\n            pass"))
    edit(folder / "3-vectorizing.ipynb", ("class HeadVer2", "class HeadTwo"))
    edit(folder / "4-masking.ipynb", ("self.wei", "wei"))
    loud = "scores = q @ k"
    edit(
        folder / "5-self-attention.ipynb",
        (loud, f"import sys, warnings\n        warnings.warn('loud')\n        {loud}"),
    )
    delete(folder / "5-self-attention.ipynb", "head_v4_rows_sum_to_one")
    edit(folder / "6-positions.ipynb", ("pos_encodings(block_size, embed_size)", "pos_encodings(block_size)"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(LIMITS, "call", 5)  # the exam's patience with the loop, which the check below tries, too
        checks = [check for each in grade(folder) for check in each.result.checks.items()]
    return {grade_id: (outcome.points, outcome.message) for grade_id, outcome in checks}


def lost(graded, *checks):
    return all(graded[check][0] == 0 for check in checks)


def test_a_syntax_error_is_told_with_its_line(graded):
    points, message = graded["generate_samples_from_softmax_of_last_logits"]
    assert points == 0
    assert message.startswith(
        "The cell that defines GPTVer1 stopped. SyntaxError: invalid syntax (line 21 of that cell, `"
    )


def test_an_infinite_loop_is_stopped_and_costs_only_its_own_checks(graded):
    points, message = graded["head_v1_averages_the_past"]
    assert points == 0
    assert message.startswith("HeadVer1()(x) still runs after 10 seconds. Is there a loop that never ends")
    assert graded["gpt_v2_makes_logits_from_table_head_and_lm_head"] == (5, "")


def test_a_renamed_class_is_named(graded):
    assert "Is it still called HeadVer2?" in graded["head_v2_equals_the_loops"][1]


def test_missing_weights_cost_their_own_checks(graded):
    assert lost(graded, "head_v3_future_weights_are_zero", "head_v3_rows_sum_to_one")
    assert "self.wei is not set after HeadVer3()(x)" in graded["head_v3_rows_sum_to_one"][1]
    assert graded["head_v3_equals_the_loops"] == (4, "")
    assert graded["head_v3_needs_no_loop"] == (3, "")


def test_warnings_and_a_deleted_check_cost_nothing(graded):
    attention = {check: result for check, result in graded.items() if "head_v4" in check}
    assert len(attention) == 6
    assert {message for _, message in attention.values()} == {""}


def test_a_changed_signature_is_named(graded):
    points, message = graded["pos_encodings_differ_for_every_position"]
    assert points == 0
    assert "TypeError" in message
    assert "takes 1 positional argument but 2 were given" in message


def test_validate_misses_checks_even_where_none_is_left(tmp_path):
    path = tmp_path / "3-vectorizing.ipynb"
    shutil.copy(SOLVED / path.name, path)
    delete(path, "head_v2_equals_the_loops")
    delete(path, "head_v2_operations_do_not_grow_with_b_and_t")
    config = PyFileConfigLoader("nbgrader_config.py", str(ROOT)).load_config()
    assert len(Validator(config=config).validate(str(path))["failed"]) == 2


def test_validate_says_which_deleted_check_to_bring_back(tmp_path):
    path = tmp_path / "4-masking.ipynb"
    shutil.copy(SOLVED / path.name, path)
    delete(path, "head_v3_needs_no_loop")
    config = PyFileConfigLoader("nbgrader_config.py", str(ROOT)).load_config()
    [failed] = Validator(config=config).validate(str(path))["failed"]
    assert "The check head_v3_needs_no_loop is missing from this notebook" in failed["raw_error"]


def test_validate_stops_a_loop_that_never_ends(tmp_path):
    notebook = nbformat.read(SOLVED / "4-masking.ipynb", 4)
    check = next(cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade"))
    check.source = "while True:\n    pass"
    notebook.cells = [check]
    del notebook.metadata["learngpt"]
    nbformat.write(notebook, tmp_path / "4-masking.ipynb")
    config = PyFileConfigLoader("nbgrader_config.py", str(ROOT)).load_config()
    config.Execute.timeout = 2
    [failed] = Validator(config=config).validate(str(tmp_path / "4-masking.ipynb"))["failed"]
    assert "✗ This cell took more than 60 seconds and was stopped." in failed["raw_error"]
