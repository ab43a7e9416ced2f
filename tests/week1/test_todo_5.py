"""TODO 5 as plain pytest: HeadVer4."""

import pytest
import torch

from learngpt import train


@pytest.fixture
def head(own):
    torch.manual_seed(1337)
    return own("HeadVer4")(8, 16)


def test_future_weights_are_zero(head):
    head(torch.randn(2, 6, 16))
    assert (head.wei.triu(1) == 0).all()


def test_rows_sum_to_one(head):
    head(torch.randn(2, 6, 16))
    assert torch.allclose(head.wei.sum(-1), torch.ones(2, 6))


def test_variance_is_1_after_scaling(own):
    head = own("HeadVer4")(128, 1024)
    head(torch.randn(4, 128, 1024), debug=True)
    assert float(head.var) == pytest.approx(1, abs=0.1)


def test_variance_is_that_of_the_scaled_scores(head):
    x = torch.randn(3, 5, 16)
    head(x)
    scores = head.query(x) @ head.key(x).transpose(1, 2) / 4
    assert float(head.var) == pytest.approx(scores.var(correction=0).item(), rel=0.02)


def test_weights_are_softmax_of_the_masked_scaled_scores(head):
    x = torch.randn(2, 6, 16)
    out = head(x)
    scores = head.query(x) @ head.key(x).transpose(1, 2) / 4
    expected = scores.masked_fill(torch.ones(6, 6).triu(1).bool(), float("-inf")).softmax(-1)
    assert torch.allclose(head.wei, expected, atol=1e-6)
    assert torch.allclose(out, expected @ head.value(x), atol=1e-6)


def test_order_of_the_past_does_not_matter(head):
    x = torch.randn(2, 6, 16)
    assert torch.allclose(head(x)[:, -1], head(x[:, [3, 1, 4, 0, 2, 5]])[:, -1], atol=1e-6)


def test_gpt_2_with_head_4_trains_and_generates(own, text, head):
    model = own("GPTVer2")(head, text.vocab_size, 16, 8)
    history = train(model, text, steps=100, batch_size=8)
    assert history.training_loss < history.losses[0] - 0.5
    assert model.generate(torch.zeros(2, 3, dtype=torch.long), 20).shape == (2, 23)
