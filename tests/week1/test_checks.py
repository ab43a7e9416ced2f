"""The checks give one verdict, whatever the seed, the number of threads and the processor."""

import os
import subprocess
import sys

import pytest
import torch

from learngpt.carrying import take
from learngpt.week1 import checks
from tests.support import ROOT
from tests.support.processors import OTHER_PROCESSORS

CHECKS = [
    (checks.generate_appends, "GPTVer1"),
    (checks.generate_samples, "GPTVer1"),
    (checks.generate_crops, "GPTVer1"),
    (checks.averages_the_past, "HeadVer1"),
    (checks.keeps_examples_and_future_apart, "HeadVer1"),
    (checks.makes_logits, "GPTVer2"),
    (checks.averages_the_past, "HeadVer2"),
    (checks.needs_no_loop, "HeadVer2"),
    (checks.averages_the_past, "HeadVer3"),
    (checks.future_weights_are_zero, "HeadVer3"),
    (checks.weight_rows_sum_to_one, "HeadVer3"),
    (checks.attention_never_looks_ahead, "HeadVer4"),
    (checks.attention_rows_sum_to_one, "HeadVer4"),
    (checks.attention_variance_is_kept, "HeadVer4"),
    (checks.attention_weights_are_scaled_softmax, "HeadVer4"),
    (checks.attention_ignores_the_order_of_the_past, "HeadVer4"),
    (checks.head_trains_and_generates, "HeadVer4"),
    (checks.tells_positions_apart, "GPTVer3"),
    (checks.adds_positions, "GPTVer3"),
    (checks.model_trains_and_generates, "GPTVer3"),
]


# Two threads add numbers up in another order, and take a hundred times as long where others are at work.
SEEDS = [
    pytest.param(range(10), 1, id="10 seeds"),
    pytest.param(range(10, 25), 1, id="15 more", marks=pytest.mark.slow),
    pytest.param(range(3), 2, id="2 threads", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("seeds", "threads"), SEEDS)
@pytest.mark.parametrize(("check", "name"), CHECKS, ids=lambda value: getattr(value, "__name__", value))
def test_right_answers_pass_for_any_seed(check, name, seeds, threads):
    own = take(name, ROOT / "notebooks" / "week1")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for seed in seeds:
            check(own, seed=seed)
    finally:
        torch.set_num_threads(before)


@pytest.mark.slow
def test_training_makes_text_likelier_for_any_seed(text):
    own = take("GPTVer1", ROOT / "notebooks" / "week1")
    for seed in range(10):
        checks.generate_writes_likelier_text(own, text, seed=seed)


def test_the_variance_is_1_for_any_seed():
    own = take("HeadVer4", ROOT / "notebooks" / "week1")
    for seed in range(5):
        checks.attention_variance_is_one(own, seed=seed)


@pytest.mark.slow
@pytest.mark.parametrize("capability", OTHER_PROCESSORS)
def test_answers_get_the_same_verdicts_on_other_processors(capability):
    command = [sys.executable, "-m", "pytest", "-q", "tests/week1/test_answers.py"]
    command += [] if "SEEDS" in os.environ else ["-k", "right", "-m", "not slow"]  # all of them, where there is time
    environment = os.environ | {"ATEN_CPU_CAPABILITY": capability}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:]


def test_a_failure_shows_no_traceback_of_the_checks():
    with pytest.raises(checks.CheckFailed) as caught:
        checks.averages_the_past(take("HeadVer4", ROOT / "notebooks" / "week1"))
    assert str(caught.value).startswith("HeadVer4() stops with TypeError")
    assert caught.value._render_traceback_()[0].startswith("✗ HeadVer4() stops")


def test_logits_that_take_a_turned_table_hear_of_the_table_first():
    class Turned(take("GPTVer3", ROOT / "notebooks" / "week1")):
        @staticmethod
        def pos_encodings(block_size, embed_size):
            return torch.randn(embed_size, block_size, generator=torch.Generator().manual_seed(0))

        def logits(self, idx):
            x = self.token_embedding_table(idx)
            return self.lm_head(self.head(x + self.pos_encodings(self.block_size, x.shape[-1])[:, : idx.shape[1]].T))

    with pytest.raises(checks.CheckFailed, match="turned by 90 degrees") as caught:
        checks.adds_positions(Turned)
    assert "have the right shape, and don't fit into it" in caught.value.said
    Turned.pos_encodings = staticmethod(lambda block_size, embed_size: 1 / 0)  # says nothing of its shape
    with pytest.raises(checks.CheckFailed, match=r"GPTVer3\.logits\(idx\) stops with RuntimeError"):
        checks.adds_positions(Turned)


def test_a_factor_is_found_where_it_comes_in():
    class Scaled(take("GPTVer2", ROOT / "notebooks" / "week1")):
        def logits(self, idx):
            return self.lm_head(self.head(3 * self.token_embedding_table(idx)))

    Scaled.__name__ = "GPTVer2"
    with pytest.raises(checks.CheckFailed) as caught:
        checks.makes_logits(Scaled)
    assert caught.value.said.endswith("What goes into the head isn't what it should be.")
    assert caught.value.cause == "the result is right but for a factor: all of it was multiplied by 3."
