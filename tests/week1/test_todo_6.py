"""TODO 6 as plain pytest: GPTVer3."""

import pytest
import torch

from learngpt import train


@pytest.fixture
def encodings(own):
    return own("GPTVer3").pos_encodings(32, 16)


def distance(encodings, a, b):
    return (encodings[a] - encodings[b]).norm().item()


def test_only_gpt_3_tells_repeated_tokens_apart(own):
    repeated = torch.full((1, 6), 3)
    for name, same in (("GPTVer1", True), ("GPTVer2", True), ("GPTVer3", False)):
        model = own(name)(11, 8) if name == "GPTVer1" else own(name)(own("HeadVer1")(), 11, 16, 8)
        logits = model.logits(repeated)
        assert torch.allclose(logits[:, 0], logits[:, 3], atol=1e-5) == same


def test_every_position_has_its_own_encoding(encodings):
    assert len({tuple(row) for row in encodings.tolist()}) == 32


@pytest.mark.parametrize(("one", "two"), [((0, 2), (1, 3)), ((3, 5), (4, 6)), ((5, 7), (6, 8))])
def test_equal_distances_stay_equal(encodings, one, two):
    assert distance(encodings, *one) == pytest.approx(distance(encodings, *two), abs=1e-4)


def test_values_are_those_of_vaswani(encodings):
    for position in (0, 1, 7, 31):
        for i in range(8):
            angle = torch.tensor(position / 10000 ** (2 * i / 16))
            assert encodings[position, 2 * i].item() == pytest.approx(angle.sin().item(), abs=1e-4)
            assert encodings[position, 2 * i + 1].item() == pytest.approx(angle.cos().item(), abs=1e-4)


def test_shorter_sequences_get_the_first_encodings(own):
    model = own("GPTVer3")(own("HeadVer1")(), 11, 16, 8)
    idx = torch.randint(11, (2, 5))
    x = model.token_embedding_table(idx) + own("GPTVer3").pos_encodings(8, 16)[:5]
    assert torch.allclose(model.logits(idx), model.lm_head(model.head(x)), atol=1e-5)


def test_gpt_3_with_head_4_trains_and_generates(own, text):
    torch.manual_seed(1337)
    model = own("GPTVer3")(own("HeadVer4")(8, 16), text.vocab_size, 16, 8)
    history = train(model, text, steps=100, batch_size=8)
    assert history.training_loss < history.losses[0] - 0.5
    assert model.generate(torch.zeros(2, 3, dtype=torch.long), 20).shape == (2, 23)
