"""What a class draws when it is made: numbers that were printed with a seed come again only in this order."""

import pytest
import torch
from torch import nn

V, C, T = 11, 6, 8


def drawn_layers(name):
    """The layers of a class, made in the order in which it draws them: {name: layer}."""
    if name == "HeadVer4":
        return {part: nn.Linear(C, C, bias=False) for part in ("key", "query", "value")}
    table = nn.Embedding(V, V)  # the later versions make this one too, before their own
    if name == "GPTVer1":
        return {"token_embedding_table": table}
    return {"token_embedding_table": nn.Embedding(V, C), "lm_head": nn.Linear(C, V)}


@pytest.mark.parametrize("name", ["GPTVer1", "GPTVer2", "HeadVer4", "GPTVer3"])
def test_layers_are_made_in_this_order_and_nothing_else_is_drawn(own, name):
    sizes = {"GPTVer1": (V, T), "HeadVer4": (T, C)}.get(name) or (lambda x: x, V, C, T)
    torch.manual_seed(1337)
    made = own(name)(*sizes)
    after = torch.random.get_rng_state()
    torch.manual_seed(1337)
    expected = drawn_layers(name)
    assert torch.equal(torch.random.get_rng_state(), after)
    assert [part for part, _ in made.named_children()] == list(expected)
    for part, layer in expected.items():
        assert torch.equal(getattr(made, part).weight, layer.weight)


@pytest.mark.parametrize("name", ["HeadVer1", "HeadVer2", "HeadVer3"])
def test_heads_without_layers_draw_nothing(own, name):
    before = torch.random.get_rng_state()
    own(name)()(torch.ones(2, T, C))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_generate_draws_once_for_each_token(own):
    torch.manual_seed(1337)
    model = own("GPTVer1")(V, T)
    idx = torch.zeros(2, 1, dtype=torch.long)
    torch.manual_seed(1337)
    out = model.generate(idx, 5)
    after = torch.random.get_rng_state()
    torch.manual_seed(1337)
    for _ in range(5):
        idx = torch.cat((idx, torch.multinomial(model.logits(idx)[:, -1].softmax(-1), 1)), 1)
    assert torch.equal(torch.random.get_rng_state(), after)
    assert torch.equal(out, idx)


def test_debug_draws_q_k_and_v(own):
    head = own("HeadVer4")(T, C)
    torch.manual_seed(1337)
    head(torch.ones(2, T, C), debug=True)
    after = torch.random.get_rng_state()
    torch.manual_seed(1337)
    q, k, _ = (torch.randn(2, T, C) for _ in range(3))
    assert torch.equal(torch.random.get_rng_state(), after)
    assert torch.allclose(head.var, (q @ k.mT / C**0.5).var())
