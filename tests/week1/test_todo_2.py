"""TODO 2 as plain pytest: HeadVer1 and GPTVer2."""

import torch

from learngpt import train

X = torch.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]])


def test_head_1_averages_the_past(own):
    expected = torch.tensor([[[1.0, 2.0, 3.0], [2.5, 3.5, 4.5], [4.0, 5.0, 6.0]]])
    assert torch.allclose(own("HeadVer1")()(X), expected)


def test_head_1_neither_mixes_examples_nor_looks_ahead(own):
    x = torch.randn(2, 5, 3)
    edited = x.clone()
    edited[0, 3] += 1
    change = (own("HeadVer1")()(edited) - own("HeadVer1")()(x)).abs().amax(-1)
    assert (change[1] == 0).all()
    assert (change[0, :3] == 0).all()


def test_gpt_2_makes_logits(own):
    model = own("GPTVer2")(own("HeadVer1")(), 9, 6, 8)
    idx = torch.randint(9, (2, 4))
    logits = model.logits(idx)
    assert logits.shape == (2, 4, 9)
    assert torch.allclose(logits, model.lm_head(model.head(model.token_embedding_table(idx))))


def test_gpt_2_trains_and_generates(own, text):
    torch.manual_seed(1337)
    model = own("GPTVer2")(own("HeadVer1")(), text.vocab_size, 16, 8)
    history = train(model, text, steps=40, batch_size=4, windows=10)
    assert history.training_loss < history.losses[0] - 0.3
    assert model.generate(torch.zeros(1, 1, dtype=torch.long), 20).shape == (1, 21)
