"""Checks of GPTVer3: sinusoidal positions (Vaswani et al. 2017, section 3.5), and where they are added."""

import contextlib
import inspect
import math

import torch

from learngpt.checking import CheckFailed, agree, brief, compare, likely_cause, run, seeded, tensor
from learngpt.instruments import angles as angles_of
from learngpt.instruments import sinusoids
from learngpt.week1.checks.models import BentMeanHead, after_lm_head, staged, where_it_parts

NAME = "pos_encodings(block_size, embed_size)"


def _encodings(GPT, block_size, embed_size):
    if not hasattr(GPT, "pos_encodings"):
        raise CheckFailed("GPTVer3 has no pos_encodings. Is it still called so, and indented to stand in the class?")
    static = isinstance(inspect.getattr_static(GPT, "pos_encodings"), staticmethod)
    hint = "" if static else "Keep @staticmethod above pos_encodings: it has no self."
    table = run(f"pos_encodings({block_size}, {embed_size})", GPT.pos_encodings, block_size, embed_size, hint=hint)
    if isinstance(table, torch.Tensor) and table.dim() == 3 and table.shape[0] == 1:
        raise CheckFailed(
            f"{NAME} has shape {tuple(table.shape)}, expected {(block_size, embed_size)}: no batch in it."
        )
    if isinstance(table, torch.Tensor) and tuple(table.shape) == (embed_size, block_size):
        raise CheckFailed(
            f"{NAME} has shape {tuple(table.shape)}, expected {(block_size, embed_size)}: it is turned by 90 degrees. "
            "Rows are positions, columns are channels."
        )
    table = tensor(table, NAME, (block_size, embed_size))
    if table.dtype not in (torch.float32, torch.float64):
        raise CheckFailed(f"{NAME} is {table.dtype}, expected torch.float32.")
    again = run(f"pos_encodings({block_size}, {embed_size})", GPT.pos_encodings, block_size, embed_size)
    if not agree(tensor(again, NAME, (block_size, embed_size)), table).all():
        raise CheckFailed(
            f"{NAME} gave two different tables, {brief(table)} and {brief(again)}; expected the same one each time.\n"
            "Likely cause: the codes are drawn at random, or learned. These are computed."
        )
    if not table.isfinite().all():
        raise CheckFailed(f"{NAME} has values that aren't numbers, like {table[~table.isfinite()][0].item()}.")
    return table.double()


def encodings_differ(GPT, block_size=32, embed_size=8):
    """No two positions have the same code."""
    table = _encodings(GPT, block_size, embed_size)
    distances = torch.cdist(table, table) + 1e9 * torch.eye(block_size)
    if distances.min() < 1e-3:
        i, j = divmod(distances.argmin().item(), block_size)
        raise CheckFailed(
            f"Positions {i} and {j} have the same code, {brief(table[i])}; expected different ones.\n"
            "No model could tell the two apart."
        )


def encodings_keep_distances(GPT, block_size=16, embed_size=8):
    """Positions that are equally far apart have codes that are equally far apart."""
    table = _encodings(GPT, block_size, embed_size)
    for (a, b), (c, d) in (((0, 2), (1, 3)), ((3, 5), (4, 6)), ((5, 7), (6, 8)), ((0, 5), (8, 13))):
        one, two = (table[a] - table[b]).norm().item(), (table[c] - table[d]).norm().item()
        if not math.isclose(one, two, rel_tol=1e-3, abs_tol=1e-6):
            raise CheckFailed(
                f"From position {a} to {b} the codes are {one:.4g} apart, from {c} to {d} they are {two:.4g} apart; "
                "expected the same.\nThat needs a sine and a cosine of the same frequency: "
                "(sin a - sin b)² + (cos a - cos b)² depends on a - b only."
            )
        if one < 1e-6:
            raise CheckFailed(f"Positions {a} and {b} have the same code; expected codes that lie apart.")


def encodings_are_sinusoidal(GPT, block_size=32, embed_size=8):
    """The values are sin(pos / 10000^(2i/C)) in column 2i and its cosine in column 2i + 1."""
    table = _encodings(GPT, block_size, embed_size)
    right = sinusoids(block_size, embed_size)
    fact = "The values are not those of Vaswani et al. 2017, section 3.5."
    cause = likely_cause(
        table[:5], ((words, wrong[:5]) for words, wrong in _known_encodings(block_size, embed_size)), 1e-3
    )
    good = [column for column in range(embed_size) if agree(table[:, column], right[:, column], 1e-3).all()]
    otherwise = f"Right are the columns {good}." if good else "No column is right."
    axes = ("position", "column")
    compare(fact, table, right, axes=axes, tolerance=1e-3, cause=cause or _other_base(table), otherwise=otherwise)


def _other_base(table):
    """In words, the base of Vaswani's encoding that gives a table, if there is one."""
    block_size, embed_size = table.shape
    if min(block_size, embed_size) < 3 or not 0 < table[1, 2] < 1:
        return None
    base = math.asin(table[1, 2].item()) ** (-embed_size / 2)  # column 2 has the frequency base^(-2/C)
    if agree(table, sinusoids(block_size, embed_size, base), 1e-3).all():
        return f"your encoding is Vaswani's with base {base:.0f} instead of 10000."
    return None


def _known_encodings(T, C):
    """Pairs of a known encoding in words and its table, (T, C)."""
    angles = angles_of(T, C)
    sine, cosine = angles.sin(), angles.cos()
    right = sinusoids(T, C)
    positions = torch.arange(T, dtype=torch.float64)[:, None]
    columns = torch.arange(C, dtype=torch.float64)

    def by_column(angles):  # (T, C) angles, one for each column
        return torch.where(columns % 2 == 0, angles.sin(), angles.cos())

    def interleave(angles):  # (T, C / 2) angles, one for each pair of columns
        return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)

    half = torch.arange(C // 2, dtype=torch.float64)
    by_column_angles = angles.repeat_interleave(2, 1)  # (T, C)
    # 10000^(i/C) is 100^(2i/C)
    hint = (
        "your encoding is Vaswani's with base 100 instead of 10000. An exponent of i/C instead of 2i/C does the same."
    )
    yield hint, sinusoids(T, C, 100)
    if C != 8:
        yield (
            "the exponent is divided by 8, which fits embed_size = 8 only.",
            interleave(positions / 10000 ** (half / 4)),
        )
    yield (
        "brackets are missing: the base is raised first, 10000 ** (2i / C).",
        interleave(positions * C / 1e4 ** (2 * half)),
    )
    yield (
        "sine and cosine are swapped: columns 0, 2, 4 are cosines; the even columns are sines.",
        torch.stack((cosine, sine), -1).flatten(1),
    )
    yield "all sines stand left and all cosines right; they take turns, column by column.", torch.cat((sine, cosine), 1)
    yield "all cosines stand left and all sines right; they take turns.", torch.cat((cosine, sine), 1)
    yield "columns 1, 3, 5 are sines; the odd columns are cosines.", torch.stack((sine, sine), -1).flatten(1)
    yield "columns 0, 2, 4 are cosines; the even columns are sines.", torch.stack((cosine, cosine), -1).flatten(1)
    yield "the cosines are negative.", torch.stack((sine, -cosine), -1).flatten(1)
    yield "the sines are negative.", torch.stack((-sine, cosine), -1).flatten(1)
    yield (
        "sine and cosine take turns row by row; they take turns column by column.",
        torch.where(positions % 2 == 0, by_column_angles.sin(), by_column_angles.cos()),
    )
    yield (
        "the exponents run from 0 to 1 in equal steps; they are 2i/C and stop before 1.",
        interleave(positions / 10000 ** (half / max(C // 2 - 1, 1))),
    )
    yield (
        "position and column have changed places in the formula.",
        interleave(half / 10000 ** (2 * positions / C)),
    )
    yield "positions start at 1; the first one is 0.", sinusoids(T, C, start=1)
    yield (
        "each column has a frequency of its own; a sine and the cosine beside it share one, 10000^(2i/C).",
        by_column(positions / 10000 ** (columns / C)),
    )
    yield (
        "the exponent of column j is 2j/C; it is 2i/C for the columns 2i and 2i + 1.",
        by_column(positions / 10000 ** (2 * columns / C)),
    )
    yield "the exponent is 4i/C; it is 2i/C. Was the 2 applied twice?", interleave(positions / 10000 ** (4 * half / C))
    yield "the position is multiplied by 10000^(2i/C); divide.", interleave(positions * 10000 ** (2 * half / C))
    yield (
        "the exponent is divided by block_size; divide by embed_size.",
        interleave(positions / 10000 ** (2 * half / T)),
    )
    yield "every column has the same frequency; the exponent 2i/C is missing.", interleave(positions.expand(T, C // 2))
    yield (
        "every pair of columns divides by 10000; the exponent 2i/C is missing.",
        interleave(positions.expand(T, C // 2) / 10000),
    )
    yield "the columns are in the reverse order: the first pair has the highest frequency.", interleave(angles.flip(1))
    yield "the positions are in the reverse order.", right.flip(0)
    yield "the position was divided by block_size first; so the code depends on the length.", interleave(angles / T)
    yield "the angles are taken as degrees.", interleave(angles.deg2rad())
    yield "the angles are taken with a factor of 2 pi.", interleave(angles * 2 * math.pi)
    yield "these are the angles, before sine and cosine.", torch.stack((angles, angles), -1).flatten(1)
    yield "the index itself is no sine.", positions.expand(T, C)
    yield "the index over the length is no sine.", (positions / T).expand(T, C)
    yield "the index over the length is no sine.", (positions / max(T - 1, 1)).expand(T, C)
    yield "the cosine columns were left at 0.", torch.stack((sine, 0 * sine), -1).flatten(1)
    yield "the sine columns were left at 0.", torch.stack((0 * cosine, cosine), -1).flatten(1)
    yield "the table is all zeros: it was made, but never filled.", torch.zeros(T, C, dtype=torch.float64)
    yield "the values were multiplied by sqrt(embed_size).", right * math.sqrt(C)
    yield "the rows were scaled to length 1.", right / right.norm(dim=1, keepdim=True)
    yield "the values were moved to between 0 and 1.", (right + 1) / 2
    yield (
        "the cosine columns hold the tangent, or the sine columns do.",
        torch.stack((angles.tan(), cosine), -1).flatten(1),
    )
    yield "only the first two columns were filled.", torch.where(columns < 2, right, 0)
    yield "only the first row was filled.", torch.where(positions < 1, right, 0)
    yield "the codes are added up from position to position.", right.cumsum(0)


@contextlib.contextmanager
def _with_encodings(GPT, table):
    """Lend a class known positions, so that `logits` is judged apart from `pos_encodings`."""
    own = GPT.__dict__.get("pos_encodings")

    def lent(*sizes, **named):
        block_size, embed_size = [*sizes, *(named[size] for size in ("block_size", "embed_size") if size in named)][:2]
        return table[:block_size, :embed_size].clone()

    GPT.pos_encodings = staticmethod(lent)
    try:
        yield
    finally:
        if own is None:
            del GPT.pos_encodings
        else:
            GPT.pos_encodings = own


def _first_positions(T, block_size):
    if block_size > T:
        return f"T is {T} and block_size {block_size}: add the first T positions, pos_encodings(...)[:T]."
    return "pos_encodings takes block_size and embed_size, which is x.shape[-1], and gives (block_size, embed_size)."


def _logits(GPT, idx, C, vocab_size, block_size, seed, training=True):
    """The logits of a model with known positions, its three layers and those positions, (64, C)."""
    torch.manual_seed(seed)
    table = torch.randn(64, C, generator=seeded(seed))
    with _with_encodings(GPT, table):
        model = run("GPTVer3(head, ...)", GPT, BentMeanHead(), vocab_size, C, block_size)
        B, T = idx.shape
        hint = _first_positions(T, block_size)
        model.train(training)
        full = torch.zeros(B, block_size, dtype=torch.long)
        other = GPT(BentMeanHead(), vocab_size, C, block_size)
        run("GPTVer3.logits(idx)", other.logits, full)  # has an error to do with T at all?
        run("GPTVer3.logits(idx)", model.logits, idx[:, :1], hint=_first_positions(1, block_size))  # is it remembered?
        out, stages = staged(model, idx, hint=hint)
    if isinstance(out, torch.Tensor) and out.dim() == 3 and T < block_size == out.shape[1]:
        raise CheckFailed(f"GPTVer3.logits(idx) has shape {tuple(out.shape)}, expected {(B, T, vocab_size)}.\n{hint}")
    out = tensor(out, "GPTVer3.logits(idx)", (B, T, vocab_size))
    return out, model, table, stages


@torch.no_grad()
def tells_positions_apart(GPT, T=6, C=8, vocab_size=11, block_size=8, seed=0):
    """A repeated token gets other logits at each position; a table, or a head without positions, can't do that."""
    idx = torch.full((2, T), 3)
    out, model, *_ = _logits(GPT, idx, C, vocab_size, block_size, seed)
    without = model.lm_head(model.head(model.token_embedding_table(idx)))  # what GPTVer2 makes of it
    if not torch.allclose(without, without[:, :1].expand_as(without), atol=1e-5):
        raise CheckFailed(
            "Without positions a repeated token must get the same logits everywhere. Is the head changed?"
        )
    distances = torch.cdist(out[0], out[0]) + 1e9 * torch.eye(T)
    if distances.min() < 1e-4:
        i, j = divmod(distances.argmin().item(), T)
        cause = f"both get the same code. Take row {i} of the table for position {i}, and row {j} for {j}."
        if torch.allclose(out, without, atol=1e-5):
            cause = "pos_encodings is not added to the embeddings before the head."
        raise CheckFailed(
            f"For the same character {T} times over, positions {i} and {j} get the same logits, {brief(out[0, i])}; "
            f"expected different ones.\nLikely cause: {cause}"
        )


@torch.no_grad()
def adds_positions(GPT, B=2, T=5, C=8, vocab_size=11, block_size=9, seed=0):
    """The positions are added to the embeddings before the head, for sequences of any length up to block_size."""
    idx = torch.randint(vocab_size, (B, T), generator=seeded(seed))
    for training in (True, False):
        _adds_positions(idx, *_logits(GPT, idx, C, vocab_size, block_size, seed, training), block_size)


def _adds_positions(idx, out, model, table, stages, block_size):
    T, C = idx.shape[1], table.shape[1]
    x, places = model.token_embedding_table(idx), table[:T]
    head, lm_head = model.head, model.lm_head
    last = table[block_size - T : block_size]
    suspects = [
        ("no positions are added.", lm_head(head(x))),
        ("the positions are added after the head; add them before it.", lm_head(head(x) + places)),
        ("the positions are added before the head and after it.", lm_head(head(x + places) + places)),
        ("the positions are added twice.", lm_head(head(x + 2 * places))),
        ("the positions are multiplied with the embeddings; add them.", lm_head(head(x * places))),
        ("the positions are subtracted; add them.", lm_head(head(x - places))),
        ("the last T positions are added; the sequence starts at position 0.", lm_head(head(x + last))),
        ("every position gets the code of position 0.", lm_head(head(x + places[0]))),
        ("the table was indexed by the characters; index it by position.", lm_head(head(x + table[idx]))),
        ("the codes go down the batch; they go along the positions.", lm_head(head(x + table[: len(x)][:, None]))),
        ("the positions are in the reverse order.", lm_head(head(x + places.flip(0)))),
        ("every position gets the code of the last one.", lm_head(head(x + places[-1]))),
        ("the positions start at 1; the first one is 0.", lm_head(head(x + table[1 : T + 1]))),
        ("the head isn't used.", lm_head(x + places)),
        ("only the positions go into the head; add them to the embeddings.", lm_head(head(places.expand_as(x)))),
        ("the head sees only the positions; add them to the embeddings before it.", lm_head(x + head(places[None]))),
        ("the embeddings are scaled by sqrt(C); here they aren't.", lm_head(head(x * math.sqrt(C) + places))),
        ("the head's input is added to its output; it stands alone.", lm_head(head(x + places) + x + places)),
        ("every position gets the mean of all codes.", lm_head(head(x + places.mean(0)))),
        *after_lm_head(lm_head(head(x + places))),
    ]  # fmt: skip
    suspects = [(words, wrong) for words, wrong in suspects if wrong.shape == out.shape]
    if agree(out, lm_head(head(x + sinusoids(T, C).to(x.dtype)))).all():
        return  # made by a helper that pos_encodings shares; its values have a check of their own
    fact = "GPTVer3.logits is not lm_head(head(embeddings + positions))."
    with _with_encodings(type(model), table):
        otherwise = where_it_parts(model, idx, out, x + places, stages)
    compare(fact, out, lm_head(head(x + places)), suspects, ("example", "position", "token"), otherwise=otherwise)
