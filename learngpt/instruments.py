"""What looks into a head or a model from outside, and the waves that pictures draw."""

import torch
from torch.overrides import TorchFunctionMode

from learngpt.language import mark, say


def sinusoids(block_size, embed_size, base=10000.0, start=0):
    """The table of Vaswani et al. 2017, section 3.5: (block_size, embed_size) float64, sine even, cosine odd."""
    waves = angles(block_size, embed_size, base, start)
    return torch.stack((waves.sin(), waves.cos()), -1).flatten(1)


def angles(block_size, embed_size, base=10000.0, start=0):
    """The angles of `sinusoids`: (block_size, embed_size / 2) float64, position / base^(2i / embed_size)."""
    positions = torch.arange(start, start + block_size, dtype=torch.float64)[:, None]
    return positions / base ** (torch.arange(0, embed_size, 2, dtype=torch.float64) / embed_size)


@torch.no_grad()
def influence(function, x):
    """How much the output at each position changes when the input at each position is edited.

    A black-box look at any head or model: row t, column s is large where position t looks at position s.

    Args:
        function: (B, T, C) floats or (B, T) tokens -> (B, T, anything).
        x: what to start from. Floats are edited by adding 1, tokens by taking the next one in the vocabulary.

    Returns:
        (T, T), the largest change of the output at t (row) for an edit at s (column), over examples and channels.
    """
    out = function(x)
    columns = []
    for s in range(x.shape[1]):
        edited = x.clone()
        edited[:, s] = x[:, s] + 1.0 if x.is_floating_point() else (x[:, s] + 1) % (x.max() + 1)
        columns.append((function(edited) - out).abs().flatten(2).amax((0, 2)))  # (T,)
    return torch.stack(columns, 1)


class operations(TorchFunctionMode):
    """Counts the tensor operations that Python asks for: `with operations() as counted: ...`, then `counted.count`."""

    count = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


def looks_at(wei, tokens, chars):
    """What a head looks at more than one that looks at all of the past alike would.

    Args:
        wei: (B, T, T) weights of the head.
        tokens: (B, T) the characters that it was shown.
        chars: the vocabulary, a str.

    Returns:
        what it is, in words, and the share of the weights that falls on it, from 0 to 1.
    """
    T = tokens.shape[1]
    back = torch.arange(T)[:, None] - torch.arange(T)  # (T, T), how far column s lies before row t
    alike = (back >= 0) / (back >= 0).sum(1, keepdim=True)  # (T, T)
    kinds = {
        mark("spaces, line ends"): str.isspace,
        mark("vowels"): lambda char: char in "aeiouAEIOU",
        mark("capitals"): str.isupper,
        mark("points, commas"): lambda char: not char.isalnum() and not char.isspace(),
    }
    of_kind = {name: torch.tensor([test(char) for char in chars])[tokens] for name, test in kinds.items()}  # (B, T)
    places = {
        mark("itself"): back == 0,
        mark("the one before"): back == 1,
        mark("two before"): back == 2,
        mark("3 to 5 before"): (back >= 3) & (back <= 5),
        mark("earlier copies"): (tokens[:, :, None] == tokens[:, None]) & (back > 0),  # (B, T, T)
    } | {name: each[:, None] & (back > 0) for name, each in of_kind.items()}
    shares = {name: (wei * place).sum(-1).mean().item() for name, place in places.items()}
    chance = {name: (alike * place).sum(-1).mean().item() for name, place in places.items()}
    name = max(places, key=lambda name: shares[name] - chance[name])
    return say(name), shares[name]
