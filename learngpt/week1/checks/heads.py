"""Checks of HeadVer1, HeadVer2 and HeadVer3: the mean of the past, made three ways."""

import math

import torch

from learngpt.checking import CheckFailed, agree, brief, compare, kept, likely_cause, run, seeded, tensor
from learngpt.instruments import operations


def averages_the_past(Head, x=None, B=2, T=5, C=3, seed=0):
    """Row t of the output is the mean of rows 0 to t of the input.

    Args:
        x: (B, T, C) or (T, C) numbers; without it, random ones of the sizes B, T and C.
    """
    x = torch.as_tensor(x) if x is not None else torch.randn(B, T, C, generator=seeded(seed))
    x = x if x.dim() == 3 else x[None]
    name, head = Head.__name__, _make(Head)
    out = tensor(run(f"{name}()(x)", head, x), f"The output of {name}", x.shape)
    fact = f"Row t of {name}'s output is not the mean of rows 0 to t of the input."
    if not agree(out, _mean_of_past(x)).all():
        compare(fact, out, _mean_of_past(x), **_explained(Head, x, out))
    if out.dtype != x.dtype:
        raise CheckFailed(
            f"The output of {name} is {out.dtype}, expected {x.dtype}: the layers after it take no other."
        )
    # The same head again, on a shorter text and on the first one.
    fact = f"{name} gives something else when it is called again: it remembers something of an earlier call."
    for again in (x[:, : max(1, x.shape[1] - 1)], x):
        hint = f"T is {again.shape[1]} here, and was {x.shape[1]} in the call before. Take T from x.shape in each call."
        out = tensor(run(f"{name}()(x)", head, again.clone(), hint=hint), f"The output of {name}", again.shape)
        compare(fact, out, _mean_of_past(again))


def _make(Head):
    return run(f"{Head.__name__}()", Head)


def _explained(Head, x, out):
    """What is known of a wrong output: its cause, or the mistakes to look for, or what to say instead."""
    try:
        again = tensor(run("head(x)", Head(), x.clone()), "head(x)", x.shape)
        # On sizes that are all different no two mistakes look the same.
        probe = torch.randn(3, 5, 4, generator=seeded(99))
        probed = tensor(run("HeadVer()(x)", Head(), probe.clone()), "The output", probe.shape)
    except CheckFailed as failed:
        return {"suspects": _suspects(x), "otherwise": f"And for B, T, C = 3, 5, 4: {failed}"}
    if not agree(again, out).all():
        return {"cause": "something is drawn at random: the same x gave another output when asked again."}
    if agree(probed, _mean_of_past(probe)).all():
        return {"suspects": _suspects(x)}
    return {"cause": likely_cause(probed, _suspects(probe)), "otherwise": _recipe(Head)}


def _recipe(Head, T=4):
    """How much a wrong row of the output takes of each input row, found by feeding one row at a time."""
    alone = torch.eye(T)[None]  # (1, T, T): channel s is 1 in row s alone
    weights, right = run("head(x)", Head(), alone.clone()).detach()[0], _mean_of_past(alone)[0]
    wrong = ~agree(weights, right).all(1)
    if not wrong.any() or not weights.isfinite().all():
        return ""
    t = wrong.nonzero()[0].item()
    return (
        f"Fed {T} rows one at a time, row {t} of your output takes {brief(weights[t])} of them; "
        f"expected {brief(right[t])}."
    )


def _mean_of_past(x):
    return x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None]


def _suspects(x):
    B, T, C = x.shape
    tril = torch.ones(T, T).tril()
    lower, upper = tril.bool(), tril.T.bool()
    count = torch.arange(1, T + 1)[:, None]
    before = torch.ones(T, T).tril(-1)
    beyond = torch.ones(T, T).tril(1)
    minus_inf = float("-inf")

    def rows_softmax(mask, dim=1):
        return torch.zeros(T, T).masked_fill(~mask, minus_inf).softmax(dim)

    short = "position t itself is left out: `x[b, :t]` stops before t, `x[b, : t + 1]` includes it."
    windows = [torch.ones(T, T).tril().triu(1 - width) for width in range(2, T)]
    return [
        ("the input came back unchanged, nothing was averaged.", x),
        ("the rows were added up but not divided by their number, t + 1.", x.cumsum(1)),
        ("every row is the mean of the whole line, the future included.", x.mean(1, keepdim=True).expand_as(x)),
        ("the sum of the past was divided by T, not by t + 1. Mask before the softmax, not after.", x.cumsum(1) / T),
        (short, before / before.sum(1, keepdim=True) @ x),
        (short, before / before.sum(1, keepdim=True).clamp(min=1) @ x),
        (short, torch.cat((x[:, :1], (before / before.sum(1, keepdim=True) @ x)[:, 1:]), 1)),
        ("position t + 1 is let in: `x[b, : t + 1]` ends at t.", beyond / beyond.sum(1, keepdim=True) @ x),
        ("the rows from t to the end were averaged. Take the lower triangle, torch.tril.", rows_softmax(upper) @ x),
        ("the weights are transposed: row t must weigh the inputs of position t.", (tril / count).T @ x),
        ("the columns of the weights sum to 1, not the rows.", tril / tril.sum(0) @ x),
        ("softmax runs down the columns; it must run along each row, dim=-1.", rows_softmax(lower, 0) @ x),
        ("softmax over 0 and 1 doesn't hide the future: put -inf there first.", tril.softmax(1) @ x),
        ("softmax over 0 and 1 doesn't hide the future: put -inf there first.", tril.softmax(1) * tril @ x),
        ("the average runs over the examples of the batch too.", _mean_of_past(x).mean(0).expand_as(x)),
        ("the average runs over the examples of the batch, not over the past.", x.mean(0).expand_as(x)),
        ("the average runs along the channels, not along the positions.", x.cumsum(2) / torch.arange(1, C + 1)),
        ("the average runs over the channels.", x.mean(2, keepdim=True).expand_as(x)),
        ("the largest value of the past was taken, not the mean.", x.cummax(1).values),
        ("the middle value of the past was taken, not the mean.", _running_median(x)),
        ("only position t and the one before it were averaged.", (x + torch.cat((x[:, :1], x[:, :-1]), 1)) / 2),
        *((f"only the last {2 + i} positions are averaged; all of the past counts.", w / w.sum(1, keepdim=True) @ x)
          for i, w in enumerate(windows)),
        *((f"only the first {n} positions are averaged; all of the past counts.",
           _mean_of_past(x)[:, torch.arange(T).clamp(max=n - 1)]) for n in range(2, T)),
        ("the future got the score 0 instead of -inf, and softmax gives 0 a weight.", torch.ones(T, T).softmax(1) @ x),
        ("the mean was divided by t + 1 a second time.", x.cumsum(1) / count / count),
        ("the sum was divided by t; rows 0 to t are t + 1.", x.cumsum(1) / (count - 1).clamp(min=1)),
        ("the sum was divided by t; rows 0 to t are t + 1.", x.cumsum(1) / (count - 1)),
        ("the sum was divided by t + 2; rows 0 to t are t + 1.", x.cumsum(1) / (count + 1)),
        ("the sum was divided by B, the number of examples.", x.cumsum(1) / B),
        ("every row was divided by the sum of the whole matrix; divide each by its own.", x.cumsum(1) / count.sum()),
        ("keepdim=True is missing: the columns were divided by the sums of the rows.", tril / count.T @ x),
        ("the weights are multiplied from the wrong side, or number by number. It is weights @ x.", x * tril[:, -1:]),
        ("the mean runs over all numbers, the channels too. It is one mean for each channel, dim=0.",
         _mean_of_past(x).mean(2, keepdim=True).expand_as(x)),
        ("the first row is returned, not the mean.", x[:, :1].expand_as(x)),
        ("the rows before were averaged already when they were used: read from x, write to another tensor.",
         _averages_of_averages(x)),
        ("each row is the mean of x[t] and the row before. Add up all of the past, and divide by t + 1.",
         _halves(x)),
        ("the sum goes on from one example to the next. Start again at 0 for each.",
         x.flatten(0, 1).cumsum(0).view_as(x) / count),
        ("every example got the mean of the first one.", _mean_of_past(x)[:1].expand_as(x)),
        ("x itself was added to the mean.", x + _mean_of_past(x)),
        ("softmax was taken twice.", rows_softmax(lower).softmax(1) @ x),
        ("the exponentials of 0 and 1 were left unsummed: softmax divides by their sum.", math.e * x.cumsum(1)),
        ("the last row was never filled.", torch.cat((_mean_of_past(x)[:, :-1], 0 * x[:, :1]), 1)),
        ("the first row was never filled.", torch.cat((0 * x[:, :1], _mean_of_past(x)[:, 1:]), 1)),
        ("only the first example was filled.", torch.cat((_mean_of_past(x)[:1], 0 * x[1:]))),
        ("position 0 is left out of the rows after it.", torch.cat((x[:, :1], _mean_of_past(x[:, 1:])), 1)),
        ("the output is all zeros: it was made, but never filled.", torch.zeros(B, T, C)),
        ("the past was masked instead of the future.", rows_softmax(~lower) @ x),
    ]  # fmt: skip


def _averages_of_averages(x):
    rows = []
    for t in range(x.shape[1]):
        rows.append(torch.stack([*rows, x[:, t]]).mean(0))
    return torch.stack(rows, 1)


def _halves(x):
    rows = [x[:, 0]]
    for t in range(1, x.shape[1]):
        rows.append((rows[-1] + x[:, t]) / 2)
    return torch.stack(rows, 1)


def _running_median(x):
    return torch.stack([x[:, : t + 1].median(1).values for t in range(x.shape[1])], 1)


def keeps_examples_and_future_apart(Head, B=3, T=5, C=4, seed=0):
    """The output of an example at a position depends on that example up to that position, on nothing else."""
    x = torch.randn(B, T, C, generator=seeded(seed))
    what = f"{Head.__name__}()(x)"
    out = tensor(run(what, _make(Head), x), f"The output of {Head.__name__}", x.shape)
    if out[0].isnan().any():
        raise CheckFailed(f"{what} has nan at example 0. Is there a division by 0, or a softmax over nothing?")
    changes = []  # for each edited position s of example 0, how much each position of each example changed, (B, T)
    for s in range(T):
        edited = x.clone()
        edited[0, s] += 1.0
        changes.append((tensor(run(what, _make(Head), edited), what, x.shape) - out).abs().amax(-1))
    changes = torch.stack(changes)  # (T, B, T)
    if (changes[:, 1:] > 1e-6).any():
        if not agree(tensor(run(what, _make(Head), x), what, x.shape), out).all():
            raise CheckFailed(
                f"{what} gave two different outputs for the same x; expected the same. Is there a dropout?"
            )
        s, b, t = (changes[:, 1:] > 1e-6).nonzero()[0].tolist()
        raise CheckFailed(
            f"Example {b + 1} changed by {changes[s, b + 1, t]:.2g} at position {t} when example 0 was edited; "
            "expected 0.\nExamples of a batch are different texts. Average along the positions of each one only."
        )
    mine = changes[:, 0]  # (T, T), the edited position and the one that changed
    ahead = (mine > 1e-6).tril(-1)
    if ahead.any():
        s, t = ahead.nonzero()[0].tolist()
        raise CheckFailed(
            f"Position {t} changed by {mine[s, t]:.2g} when position {s} was edited; expected 0.\n"
            "A position may look at itself and at what came before it, never ahead."
        )
    blind = (mine <= 1e-7).triu()
    if blind.any():
        s, t = blind.nonzero()[0].tolist()
        raise CheckFailed(
            f"Position {t} didn't change when position {s} was edited; every position depends on itself and on all "
            "of its past."
        )


def needs_no_loop(Head, small=(2, 4, 3), large=(9, 24, 3), seed=0):
    """The number of tensor operations is the same for small and large inputs, and gradients reach the input.

    Args:
        small, large: sizes (B, T, C) to compare; B, T and perhaps C grow.
    """
    name = Head.__name__
    counts = []
    for shape in (small, large):
        x = torch.randn(shape, generator=seeded(seed), requires_grad=True)
        head = _make(Head)
        with operations() as counted:
            out = run(f"{name}()(x)", head, x)
        tensor(out, f"The output of {name}", shape)
        _lets_gradients_through(name, x, out)
        counts.append(counted.count)
    # One operation a step is the least a loop can do.
    if counts[1] - counts[0] >= min(big - little for little, big in zip(small, large) if big > little):
        raise CheckFailed(
            f"{name} took {counts[0]} tensor operations for B, T, C = {small} and {counts[1]} for {large}; "
            "expected about the same number.\n"
            "Somewhere a Python loop still runs over examples, positions or channels. "
            "One product of a (T, T) matrix with x does them all."
        )


def _lets_gradients_through(name, x, out):
    if not out.isfinite().all():
        value = out[~out.isfinite()][0].item()
        raise CheckFailed(f"{name} gives {value}. A division by 0, 0 times infinity, or a softmax over a row of -inf?")
    out = out.sum()
    if out.requires_grad:
        hint = "A tensor was changed in place after it was used. Make a new one instead."
        [gradient] = run(f"the gradient of {name}", torch.autograd.grad, out, x, allow_unused=True, hint=hint)
    if not out.requires_grad or gradient is None or not gradient.abs().sum() > 0:
        raise CheckFailed(
            f"No gradient reaches the input of {name}: the embeddings before it could never learn.\n"
            "Compute with tensors from x to the result, without numpy, .tolist(), .item(), .data or torch.tensor(...)."
        )


def _weights(Head, B, T, C, seed):
    """The output (B, T, C), the kept weights (T, T) and the input of a HeadVer3 that saw a longer text before."""
    name = Head.__name__
    x = torch.randn(B, T, C, generator=seeded(seed))
    head = _make(Head)
    run(f"{name}()(x)", head, torch.ones(B, T + 1, C))
    out = tensor(run(f"{name}()(x)", head, x), f"The output of {name}", x.shape)
    return out, kept(head, "wei", f"{name}()(x)", (T, T)), x


def future_weights_are_zero(Head, B=2, T=5, C=3, seed=0):
    """Above the diagonal `self.wei` is exactly 0, and the output is what these weights make of the input."""
    out, wei, x = _weights(Head, B, T, C, seed)
    ahead = wei.triu(1) != 0
    transposed = wei.isfinite().all() and not wei.tril(-1).any() and agree(out, wei.T.to(x.dtype) @ x).all()
    if ahead.any() and transposed:
        raise CheckFailed(
            "self.wei is transposed: row t must hold what position t takes, and 0 for what comes after it."
        )
    if ahead.any():
        t, s = ahead.nonzero()[0].tolist()
        raise CheckFailed(_looks_ahead(t, s, wei[t, s].item(), likely_cause(wei, mean_weight_suspects(T))))
    fact = "The output is not self.wei @ x: self.wei doesn't hold the weights that made it."
    compare(fact, out, wei.to(x.dtype) @ x)


def mean_weight_suspects(T):
    """Pairs of a known mistake in words and the weights (T, T) that it gives where all scores are equal."""
    zeros, future, eye = torch.zeros(T, T), torch.ones(T, T).triu(1).bool(), torch.eye(T).bool()
    nan = zeros * math.nan
    tril = torch.ones(T, T).tril()
    right = softmax_of(zeros, future)
    return [
        ("self.wei holds the masked scores. Keep what comes out of the softmax.", zeros.masked_fill(future, -math.inf)),
        ("each seen position weighs 1: this is the mask, or exponentials that weren't divided by their sum.", tril),
        ("log_softmax was taken, not softmax.", right.log()),
        ("the future isn't masked, or got the score 0 instead of -inf.", softmax_of(zeros, future, 0.0)),
        ("the future got a score just one below the past: 0 and 1 aren't 0 and -inf.", softmax_of(zeros, future, -1.0)),
        ("the future got inf; -inf hides it.", nan.masked_fill(torch.arange(T)[:, None] == T - 1, 1 / T)),
        ("0 times infinity is nan: the mask was multiplied with -inf. Use masked_fill.", nan),
        ("the past was masked instead of the future, position t with it.", softmax_of(zeros, ~future)),
        ("the past was masked instead of the future.", softmax_of(zeros, ~future & ~eye)),
        ("position t itself is masked too; it must see itself.", softmax_of(zeros, future | eye)),
        ("position t + 1 is let in.", softmax_of(zeros, torch.ones(T, T).triu(2).bool())),
        ("softmax ran down the columns. It must run along each row, dim=-1.", softmax_of(zeros, future, dim=0)),
        ("self.wei is transposed: row t must hold what position t takes.", right.T),
        ("the future was cut off after the softmax. Mask before it, with -inf.", tril / T),
        ("the future was cut off after the softmax. Mask before it, with -inf.", tril.softmax(1) * tril),
        ("softmax was taken twice.", right.softmax(1)),
        ("the exponentials aren't divided by their sum; softmax does that.", math.e * tril),
    ]


def _looks_ahead(t, s, weight, cause=None):
    said = f"Position {t} looks at position {s}, which comes after it (weight {weight:.2g}, expected exactly 0)."
    if cause:
        return f"{said}\nLikely cause: {cause}"
    if weight != weight:
        return f"{said}\nLikely cause: nan comes from 0 times infinity, or from a softmax over a row that is all -inf."
    if weight == float("-inf"):
        return f"{said}\nLikely cause: self.wei holds the masked scores. Keep what comes out of the softmax."
    if abs(weight) < 0.01:
        return f"{said}\nLikely cause: the mask value isn't small enough. softmax gives only -inf a weight of 0."
    return f"{said}\nLikely cause: the future isn't masked with -inf before the softmax."


def weight_rows_sum_to_one(Head, B=2, T=5, C=3, seed=0):
    """Each row of `self.wei` sums to 1."""
    _, wei, _ = _weights(Head, B, T, C, seed)
    rows_sum_to_one(wei[None], likely_cause(wei, mean_weight_suspects(T)))


def rows_sum_to_one(wei, known=None):
    """Each row of weights (B, T, T) sums to 1, and none is negative; `known` is the cause, where it is known."""
    sums = wei.sum(-1)
    wrong = ~((sums - 1).abs() < 1e-4)
    if wrong.any():
        b, t = wrong.nonzero()[0].tolist()
        value = sums[b, t].item()
        if known:
            cause = known
        elif wei.isinf().any():
            cause = "self.wei holds scores with -inf. Keep what comes out of the softmax."
        elif value != value:
            cause = "nan comes from a softmax over a row that is -inf everywhere: position t must see itself."
        elif ((wei.sum(-2) - 1).abs() < 1e-4).all():
            cause = "the columns sum to 1. softmax must run along each row, dim=-1."
        elif ((wei.sum(0) - 1).abs() < 1e-4).all():
            cause = "softmax ran over the batch, dim=0. It must run along each row, dim=-1."
        elif value < 1:
            cause = "the future was cut off after the softmax. Mask before it, with -inf."
        else:
            cause = "no softmax was taken, or the weights were changed after it."
        raise CheckFailed(f"Row {t} of self.wei sums to {value:.4g}, expected 1.\nLikely cause: {cause}")
    if (wei < 0).any():
        b, t, s = (wei < 0).nonzero()[0].tolist()
        raise CheckFailed(
            f"Row {t} of self.wei has a negative weight, {wei[b, t, s]:.3g} at column {s}; expected none.\n"
            "Likely cause: the weights don't come from a softmax."
        )


def softmax_of(scores, mask, value=float("-inf"), dim=-1):
    """softmax of (B, T, T) scores where `mask` (T, T) is False and `value` elsewhere, over one dimension."""
    return scores.masked_fill(mask, value).softmax(dim)
