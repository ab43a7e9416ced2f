"""Checks of HeadVer4: scaled dot-product attention (Vaswani et al. 2017, equation 1) with a causal mask."""

import math

import torch

from learngpt.checking import CheckFailed, agree, brief, compare, kept, likely_cause, run, seeded, tensor
from learngpt.week1.checks.heads import _looks_ahead, rows_sum_to_one, softmax_of


class _Run:
    """One call of a learner's head, with the query, key, value and scores that its layers give.

    The head was called before, with one position, so that nothing it remembers of an earlier call goes unnoticed. What
    fails with all positions too has nothing to do with their number.
    """

    def __init__(self, Head, B, T, C, block_size, seed, debug=False, training=True):
        torch.manual_seed(seed)
        self.head = run("HeadVer4(block_size, embed_size)", Head, block_size, C).train(training)
        for layer in ("query", "key", "value"):
            if not hasattr(self.head, layer):
                raise CheckFailed(f"The head has no layer self.{layer}. Leave __init__ as it was given.")
        self.x = 2 * torch.randn(B, T, C, generator=seeded(seed))
        self.what = "head(x, debug=True)" if debug else "head(x)"
        self.block_size = block_size
        if not debug:
            run(self.what, Head(block_size, C), torch.ones(B, block_size, C))
            self.call(torch.ones(2, 1, C))  # two examples: a variance needs two scores
        self.out = self.call(self.x, **({"debug": True} if debug else {}))
        with torch.no_grad():
            self.q, self.k, self.v = (layer(self.x) for layer in (self.head.query, self.head.key, self.head.value))
        self.raw = self.q @ self.k.transpose(1, 2)  # (B, T, T)
        self.scores = self.raw / math.sqrt(C)
        self.future = torch.ones(T, T).triu(1).bool()

    def call(self, x, **options):
        T = x.shape[1]
        hint = ""
        if T < self.block_size:
            hint = f"T is {T} and block_size {self.block_size}: take the part of the mask that fits, self.tril[:T, :T]."
        out = run(self.what, self.head, x, hint=hint, **options)
        return tensor(out, f"{self.what} of an x of shape {tuple(x.shape)}", x.shape)

    def wei(self):
        B, T, _ = self.x.shape
        wei = kept(self.head, "wei", self.what, (B, T, T))
        if wei.isnan().any():
            cause = self.cause_of(wei) or "0 times infinity, or a softmax over a row that is -inf everywhere."
            raise CheckFailed(f"self.wei has nan, expected weights.\nLikely cause: {cause}")
        return wei

    def cause_of(self, wei):
        """The known mistake that gives these weights, in words, or None."""
        try:
            # On sizes that are all different no two mistakes look the same.
            other = _Run(type(self.head), B=3, T=6, C=10, block_size=11, seed=99, training=self.head.training)
            yours = kept(other.head, "wei", other.what, (3, 6, 6))
        except CheckFailed:
            return likely_cause(wei, _weight_suspects(self, self.block_size))
        if not agree(kept_again(other), yours).all():
            return "something is drawn at random: the same x gave other weights when asked again."
        return likely_cause(yours, _weight_suspects(other, other.block_size))


def kept_again(ran):
    """The weights after the same x once more."""
    ran.call(ran.x)
    return kept(ran.head, "wei", ran.what, (len(ran.x), ran.x.shape[1], ran.x.shape[1]))


def attention_never_looks_ahead(Head, B=2, T=5, C=8, block_size=5, seed=0):
    """The weights of the future are exactly 0, and editing the future changes nothing before it."""
    ran = _Run(Head, B, T, C, block_size, seed)
    wei = ran.wei()
    ahead = wei.masked_fill(~ran.future, 0) != 0
    if ahead.any():
        b, t, s = ahead.nonzero()[0].tolist()
        raise CheckFailed(_looks_ahead(t, s, wei[b, t, s].item(), ran.cause_of(wei)))
    if not agree(ran.call(ran.x), ran.out).all():
        raise CheckFailed("head(x) gave two different outputs for the same x; expected the same. Is there a dropout?")
    for s in range(1, T):
        edited = ran.x.clone()
        edited[:, s] += 1.0
        change = (ran.call(edited) - ran.out).abs().amax((0, 2))
        if not (change[:s] < 1e-5).all():
            t = (~(change[:s] < 1e-5)).nonzero()[0].item()
            raise CheckFailed(
                f"The output at position {t} changed by {change[t]:.2g} when position {s} was edited; expected 0.\n"
                "Something of another position leaks in: the output is self.wei @ v, the weights softmax of q @ k^T."
            )


def attention_rows_sum_to_one(Head, B=2, T=5, C=8, block_size=5, seed=0):
    """Each row of `self.wei` sums to 1."""
    ran = _Run(Head, B, T, C, block_size, seed)
    rows_sum_to_one(ran.wei(), ran.cause_of(ran.wei()))


def attention_variance_is_one(Head, B=4, T=128, C=1024, seed=0):
    """With q, k and v drawn from a standard normal (`debug=True`), the variance of the scaled scores is 1.

    The tolerance of 0.1 is more than twenty standard deviations at these sizes.
    """
    ran = _Run(Head, B, T, C, T, seed, debug=True)
    yours = _variance(ran)
    if abs(yours - 1) < 0.1:
        return _depends_on_what_debug_draws(ran)
    own = ran.scores.var().item()
    known = [
        (C, f"which is C: the scores were not divided by sqrt(C) = {math.sqrt(C):.4g}."),
        (1 / C, "which is 1 / C: the scores were divided by C, not by its square root."),
        (C * C, "which is C squared: the scores were multiplied by sqrt(C) instead of divided."),
        (C / T, "which is C / T: the scores were divided by sqrt(T). The sum in q @ k runs over C, so C it is."),
        (C / B, "which is C / B: the scores were divided by sqrt(B). The sum in q @ k runs over C, so C it is."),
        (C / (B * T), "which is C / (B T): the scores were divided by sqrt(B T). The sum in q @ k runs over C."),
        (1 / (4 * C), "which is 1 / (4 C): `C ** 1/2` is half of C. Write C ** 0.5."),
        (C / T**2, "which is C / T²: the scores were divided by T, not by sqrt(C)."),
        (1 / math.sqrt(C), "which is 1 / sqrt(C): the scores were divided by more than sqrt(C)."),
        (math.sqrt(C), "which is sqrt(C): the scores were divided by the fourth root of C, or it is not the variance."),
    ]
    debug = "which is that of your own query(x) and key(x). With debug=True, use the q and k that `if debug:` drew."
    if _near(yours, own) or _near(yours, own * C):
        raise CheckFailed(f"The variance of the scores is {yours:.4g}, {debug}")
    words = next((words for value, words in known if abs(yours - value) < 0.1 * value), None)
    if words is None:
        words = "expected 1. Take the variance of all scores, right after dividing by sqrt(C)."
        if yours != yours or math.isinf(yours):
            words = "expected 1. It was taken after the mask put -inf in. Take it right after scaling."
        elif _near(yours, ran.wei().var().item()):
            words = "expected 1. Likely cause: it was taken after the softmax. Take it right after scaling."
    raise CheckFailed(f"The variance of the scores is {yours:.4g}, {words}")


def _depends_on_what_debug_draws(ran):
    """With debug=True and the same seed, x is of no importance."""
    outputs = []
    for x in (ran.x, -ran.x):
        torch.manual_seed(0)
        outputs.append(ran.call(x, debug=True))
    if not agree(*outputs).all():
        change = (outputs[0] - outputs[1]).abs().max().item()
        raise CheckFailed(
            f"With debug=True the output still depends on x: it changed by {change:.2g} with another x, expected 0.\n"
            "Likely cause: query(x), key(x) or value(x) is used. Use the q, k and v that `if debug:` drew."
        )


def _variance(ran):
    value = getattr(ran.head, "var", None)
    if value is None:
        raise CheckFailed(
            f"self.var is not set after {ran.what}. Store it right after scaling: self.var = scores.var()."
        )
    try:
        if isinstance(value, str):
            raise TypeError
        return float(value.detach() if isinstance(value, torch.Tensor) else value)
    except (TypeError, ValueError, RuntimeError):
        shape = tuple(getattr(value, "shape", ()))
        kind = f"a tensor of shape {shape}" if shape else f"a {type(value).__name__}"
        raise CheckFailed(f"self.var is {kind}, expected one number: the variance of all scores together.") from None


def attention_variance_is_kept(Head, B=3, T=7, C=20, block_size=7, seed=0):
    """`self.var` is the variance of the scaled scores, before the mask; counted with n or n - 1, both are right."""
    ran = _Run(Head, B, T, C, block_size, seed)
    yours = _variance(ran)
    right = ran.scores.var().item()
    if _near(yours, right) or _near(yours, ran.scores.var(correction=0).item()):
        return
    said = f"self.var is {yours:.4g}; the variance of the scaled scores is {right:.4g}."
    if yours != yours or math.isinf(yours):
        raise CheckFailed(f"{said}\nLikely cause: it was taken after the mask put -inf in.")
    for words, value in _variance_suspects(ran, B, T, C):
        if _near(yours, value.item(), 1e-5):
            raise CheckFailed(f"{said}\nLikely cause: {words}")
    if _near(yours, 1.0):
        raise CheckFailed(f"{said}\nIt is 1 only for q and k drawn with variance 1. Store what you measure.")
    if any(_near(yours, round(right, digits)) for digits in range(5)):
        raise CheckFailed(f"{said}\nLikely cause: it was rounded. Store it as it is.")
    raise CheckFailed(f"{said}\nTake scores.var() right after dividing by sqrt(C).")


def _variance_suspects(ran, B, T, C):
    """Pairs of a known mistake in words and the number that it stores, counted with n - 1 and with n."""
    root = math.sqrt(C)
    masked = ran.scores.masked_fill(ran.future, float("-inf"))
    for words, suspect in (
        ("the scores were not divided by sqrt(C).", ran.raw),
        ("the scores were divided by C, not by sqrt(C).", ran.raw / C),
        ("the scores were multiplied by sqrt(C).", ran.raw * root),
        ("`C ** 1/2` is half of C. Write C ** 0.5.", ran.raw / C / 2),
        ("the scores were divided by half of C. `C ** 1/2` is C / 2; write C ** 0.5.", ran.raw / C * 2),
        ("the scores were divided by sqrt(T); the sum in q @ k runs over C.", ran.raw / math.sqrt(T)),
        ("the scores were divided by sqrt(B); the sum in q @ k runs over C.", ran.raw / math.sqrt(B)),
        ("the scores were divided by sqrt(block_size).", ran.raw / math.sqrt(ran.block_size)),
        ("the scores were divided by sqrt(8), a d_k of some other model.", ran.raw / math.sqrt(8)),
        ("the scores were divided by 32 = sqrt(1024), which fits C = 1024 only.", ran.raw / 32),
        ("only the visible half of the scores was taken; take all, before the mask.", ran.scores[:, ~ran.future]),
        ("it was taken after the mask.", ran.scores.masked_fill(ran.future, 0)),
        ("it was taken after the softmax.", masked.softmax(-1)),
        ("only the first example was taken; take all.", ran.scores[0]),
        ("only the last example was taken; take all.", ran.scores[-1]),
        ("only the last row was taken; take all.", ran.scores[:, -1]),
        ("only the diagonal was taken; take all.", ran.scores.diagonal(dim1=1, dim2=2)),
        ("the queries asked the queries, not the keys.", ran.q @ ran.q.mT / root),
        ("the keys asked the keys.", ran.k @ ran.k.mT / root),
        ("the queries asked the values, not the keys.", ran.q @ ran.v.mT / root),
        (
            "k.view or k.reshape doesn't swap dimensions; k.transpose(-2, -1) does.",
            ran.q @ ran.k.reshape(B, C, T) / root,
        ),
        ("it is the variance of the queries.", ran.q),
        ("it is the variance of the keys.", ran.k),
        ("it is the variance of the output.", ran.out),
        ("it is the variance of the input.", ran.x),
    ):
        yield words, suspect.var()
        yield words, suspect.var(correction=0)
    yield from (
        ("it is the standard deviation. Use .var().", ran.scores.std()),
        ("it is the standard deviation. Use .var().", ran.scores.std(correction=0)),
        ("it is the mean. Use .var().", ran.scores.mean()),
        ("it is the mean of the squares; the mean isn't taken off.", ran.scores.square().mean()),
        ("the squares were added up, not averaged.", ran.scores.var(correction=0) * ran.scores.numel()),
        ("it is the mean of the variances of the rows. Take one of all scores.", ran.scores.var(-1).mean()),
        ("it is the mean of the variances of the examples. Take one of all scores.", ran.scores.var((1, 2)).mean()),
        ("it was kept from an earlier call. Set it in each.", torch.zeros(())),
    )


def _near(a, b, tolerance=1e-3):
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=1e-7)


def attention_weights_are_scaled_softmax(Head, B=2, T=5, C=8, block_size=5, seed=0):
    """`self.wei` is softmax(mask(q k^T / sqrt(C))), and the output `self.wei` times v, in training and after it."""
    for training in (True, False):
        _weights_are_scaled_softmax(_Run(Head, B, T, C, block_size, seed, training=training))


def _weights_are_scaled_softmax(ran):
    for layer in ("query", "key", "value"):
        if getattr(ran.head, layer).bias is not None:
            raise CheckFailed(f"self.{layer} has a bias; it is given with bias=False. Leave __init__ as it was given.")
    wei = ran.wei()
    right = softmax_of(ran.scores, ran.future)
    axes = ("example", "row", "column")
    cause = None if agree(wei, right).all() else ran.cause_of(wei)
    compare("self.wei is not softmax(mask(q k^T / sqrt(C))).", wei, right, axes=axes, cause=cause)
    values = [
        ("x was weighed; weigh v, which is value(x).", right @ ran.x),
        ("the queries were weighed; weigh v, which is value(x).", right @ ran.q),
        ("the keys were weighed; weigh v, which is value(x).", right @ ran.k),
        ("the weights were transposed before the product with v.", right.transpose(1, 2) @ ran.v),
        ("v came back unweighed.", ran.v),
        ("the input was added to the result; the head gives self.wei @ v alone.", right @ ran.v + ran.x),
        ("the unmasked weights were used for the output.", ran.scores.softmax(-1) @ ran.v),
        ("the unscaled weights were used for the output.", softmax_of(ran.raw, ran.future) @ ran.v),
        ("the scores were used for the output, not their softmax.", ran.scores.tril() @ ran.v),
        ("the output was divided by sqrt(C) too; the scores alone are.", right @ ran.v / math.sqrt(ran.x.shape[2])),
        ("value was applied twice.", right @ ran.v @ ran.head.value.weight.T.detach()),
        ("the weights are averaged over the examples; each has its own.", right.mean(0) @ ran.v),
        (
            "the output was reshaped: its numbers stand in other places.",
            (right @ ran.v).transpose(1, 2).reshape(ran.x.shape),
        ),
    ]
    otherwise = ""
    if not agree(ran.call(ran.x), ran.out).all():
        otherwise = "Likely cause: something is drawn at random: the same x gave another output when asked again."
    compare("The output is not self.wei @ v.", ran.out, right @ ran.v, values, otherwise=otherwise)


def _weight_suspects(ran, block_size):
    """Pairs of a known mistake in words and the weights (B, T, T) that it gives."""
    B, T, C = ran.x.shape
    raw, scores, future = ran.raw, ran.scores, ran.future
    root = math.sqrt(C)
    q_length, k_length = ran.q.norm(dim=2, keepdim=True), ran.k.norm(dim=2, keepdim=True)
    past_only = torch.ones(T, T).triu(0).bool()
    minus_inf = scores.masked_fill(future, float("-inf"))
    zeros = torch.zeros_like(scores)
    turned = scores.transpose(1, 2)

    def masked(changed):
        return softmax_of(changed, future)

    plain = torch.softmax(scores, -1)
    return [
        ("the scores were not divided by sqrt(C).", masked(raw)),
        ("the scores were divided by C, not by sqrt(C).", masked(raw / C)),
        ("the scores were multiplied by sqrt(C), not divided.", masked(raw * root)),
        ("`C ** 1/2` is half of C. Write C ** 0.5.", masked(raw / C / 2)),
        ("`C ** 1/2` is half of C. Write C ** 0.5.", masked(raw / C * 2)),
        ("self.wei is transposed: row t must hold what position t takes.", masked(scores).transpose(1, 2)),
        (
            "k.view or k.reshape doesn't swap dimensions; k.transpose(-2, -1) does.",
            masked(ran.q @ ran.k.reshape(B, C, T) / root),
        ),
        ("the scores were divided by sqrt(T); the sum in q @ k runs over C.", masked(raw / math.sqrt(T))),
        ("the scores were divided by sqrt(B); the sum in q @ k runs over C.", masked(raw / math.sqrt(B))),
        ("the scores were divided by sqrt(block_size).", masked(raw / math.sqrt(block_size))),
        ("the scores were divided by 32 = sqrt(1024), which fits C = 1024 only.", masked(raw / 32)),
        ("the scores were divided by sqrt(T C); the sum in q @ k runs over C alone.", masked(raw / math.sqrt(T * C))),
        ("the scores were divided by sqrt(2 C), not by sqrt(C).", masked(raw / math.sqrt(2 * C))),
        ("the scores were divided by the fourth root of C, not by sqrt(C).", masked(raw / C**0.25)),
        ("q and k were divided by their lengths; divide the scores by sqrt(C).", masked(raw / q_length / k_length.mT)),
        ("the scores were divided by their own standard deviation, not by sqrt(C).", masked(raw / raw.std())),
        ("the scores were standardised; divide them by sqrt(C).", masked((raw - raw.mean()) / raw.std())),
        ("negative scores were set to 0; leave them as they are.", masked(scores.relu())),
        ("q and k are swapped: the query of a row asks the keys of the columns, q @ k^T.", masked(turned)),
        ("q and k are swapped, and the scores not divided by sqrt(C).", masked(raw.transpose(1, 2))),
        ("the queries ask the queries; they must ask the keys.", masked(ran.q @ ran.q.transpose(1, 2) / root)),
        ("the keys ask the keys; the queries must ask.", masked(ran.k @ ran.k.transpose(1, 2) / root)),
        ("the queries ask the values; they must ask the keys.", masked(ran.q @ ran.v.transpose(1, 2) / root)),
        ("x asks x; use query(x) and key(x).", masked(ran.x @ ran.x.transpose(1, 2) / root)),
        ("the queries ask x; they must ask the keys.", masked(ran.q @ ran.x.transpose(1, 2) / root)),
        ("x asks the keys; the queries must ask.", masked(ran.x @ ran.k.transpose(1, 2) / root)),
        ("the future isn't masked.", plain),
        ("the past was masked instead of the future.", softmax_of(scores, ~future & ~torch.eye(T).bool())),
        ("position t itself is masked too; it must see itself.", softmax_of(scores, past_only)),
        ("0 times infinity is nan: the mask was multiplied with -inf. Use masked_fill.", zeros * float("nan")),
        ("position t + 1 is let in.", softmax_of(scores, torch.ones(T, T).triu(2).bool())),
        ("the future got the score 0 instead of -inf.", softmax_of(scores, future, 0.0)),
        ("the future got the score -1 instead of -inf.", softmax_of(scores, future, -1.0)),
        ("the mask came after the softmax: the future was cut off after the softmax.", plain * ~future),
        ("softmax ran over the rows, dim=1. It must run along each row, dim=-1.", softmax_of(scores, future, dim=1)),
        ("softmax ran over the batch, dim=0. It must run along each row, dim=-1.", softmax_of(scores, future, dim=0)),
        ("these are the masked scores, before the softmax.", minus_inf),
        ("these are the scores, before the mask and the softmax.", scores),
        ("these are the undivided scores, before the mask and the softmax.", raw),
        ("softmax came before the division by sqrt(C).", masked(raw) / root),
        ("log_softmax was taken, not softmax.", minus_inf.log_softmax(-1)),
        ("softmax was taken twice.", masked(scores).softmax(-1)),
        ("sigmoid was used in place of softmax.", minus_inf.sigmoid()),
        ("the exponentials aren't divided by their sum; softmax does that.", minus_inf.exp()),
        (
            "the scores were divided by their sum, without the exponential.",
            scores.tril() / scores.tril().sum(-1, keepdim=True),
        ),
        ("the scores were divided by sqrt(C) twice, the second time after the mask.", masked(scores / root)),
        (
            "q and k are swapped, and softmax ran over the rows: it must run along each row, dim=-1.",
            softmax_of(turned, future, dim=1),
        ),
        (
            "the scores of the examples were added up; each example has its own.",
            masked((ran.q[:, None] @ ran.k.mT[None]).sum(1) / root),
        ),
        ("all of the past weighs the same: q and k aren't used.", softmax_of(zeros, future)),
    ]


def attention_ignores_the_order_of_the_past(Head, B=2, T=6, C=8, block_size=6, seed=0):
    """Permuting positions 0 to T - 2 leaves the output of the last position as it is; other contents don't."""
    ran = _Run(Head, B, T, C, block_size, seed)
    order = torch.arange(T)
    order[: T - 1] = order[: T - 1].roll(1)
    shuffled = ran.call(ran.x[:, order].clone())
    change = (shuffled[:, -1] - ran.out[:, -1]).abs().max().item()
    if not change < 1e-4:
        raise CheckFailed(
            f"The last output changed by {change:.2g} when the past was put in another order; expected 0.\n"
            f"It was {brief(ran.out[0, -1])} and became {brief(shuffled[0, -1])}. "
            "Attention weighs contents, not places: do the weights of the last row use all of its past, by q and k?"
        )
    other = ran.x.clone()
    other[:, : T - 1] += torch.randn(B, T - 1, C, generator=seeded(seed + 1))
    changed = ran.call(other)
    if not (changed[:, -1] - ran.out[:, -1]).abs().max().item() > 1e-6:
        raise CheckFailed(
            "The last output didn't change when the contents of the past did: it doesn't look at its past at all."
        )
