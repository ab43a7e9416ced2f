"""Checks of HeadVer1, HeadVer2 and HeadVer3: the mean of the past, made three ways."""

import collections
import contextlib
import math
import sys
import threading

import torch
from torch.overrides import TorchFunctionMode

from learngpt.advice import (
    brackets_missing,
    cuts_gradients,
    is_library,
    made_in_a_loop,
    uses,
    what_ends_a_loop,
    what_met,
    where_nan_begins,
)
from learngpt.checking import (
    NEARLY,
    CheckFailed,
    agree,
    cause_of_shape,
    check,
    compare,
    kept,
    leaves_alone,
    likely_cause,
    mistakes,
    nearly,
    run,
    seeded,
    tensor,
    times,
    two_causes,
)
from learngpt.instruments import operations
from learngpt.language import mark, say, together


@check
def averages_the_past(Head, x=None, B=2, T=5, C=3, seed=0):
    """Row t of the output is the mean of rows 0 to t of the input.

    Args:
        x: (B, T, C) or (T, C) numbers; without it, random ones of the sizes B, T and C.
    """
    x = torch.as_tensor(x) if x is not None else torch.randn(B, T, C, generator=seeded(seed))
    x = x if x.dim() == 3 else x[None]
    name, head = Head.__name__, _make(Head)
    out = run(f"{name}()(x)", head, x, cause=lambda: _sizes_it_takes(Head))
    _has_its_shape(Head, out, x)
    out = tensor(out, say("The output of {name}", name=name), x.shape)
    fact = say("Row t of {name}'s output is not the mean of rows 0 to t of the input.", name=name)
    if not agree(out, _mean_of_past(x)).all():
        compare(fact, out, _mean_of_past(x), **_explained(Head, x, out))
    if out.dtype != x.dtype:
        said = say(
            "The output of {name} is {dtype}, expected {expected}: the layers after it take no other.",
            name=name,
            dtype=out.dtype,
            expected=x.dtype,
        )
        numpy = say("NumPy counts in float64, and no gradient comes back through it. Stay with torch all the way.")
        raise CheckFailed(said, numpy if uses(Head, "numpy", "from_numpy", "np") else "")
    # The same head again: on a shorter text, on a longer one, and on the first.
    for again in (x[:, : max(1, x.shape[1] - 1)], torch.cat((x, x), 1), x):
        out = run(
            f"{name}()(x)",
            head,
            again.clone(),
            cause=lambda again=again: _remembers(Head, again) or _sizes_it_takes(Head),
        )
        _has_its_shape(Head, out, again)
        out = tensor(out, say("The output of {name}", name=name), again.shape)
        if agree(out, _mean_of_past(again)).all():
            continue
        if words := _remembers(Head, again):
            said = say("{name} gives something else when it is called again.", name=name)
            compare(said, out, _mean_of_past(again), cause=words)
        compare(fact, out, _mean_of_past(again), **_explained(Head, again, out))
    leaves_alone(f"{name}()(x)", head, x, x + 1)


def _make(Head):
    return run(f"{Head.__name__}()", Head)


def _has_its_shape(Head, out, x):
    """Fail with the likely cause where the output has another shape than x, by what three examples show."""
    name = Head.__name__
    if not isinstance(out, torch.Tensor) or out.shape == x.shape:
        return
    cause = _remembers(Head, x)
    with contextlib.suppress(Exception):
        probed = Head()(torch.randn(3, 5, 4, generator=seeded(99)))
        cause = cause or cause_of_shape(tuple(probed.shape), (3, 5, 4))
        if probed.shape == (3, 5, 4) and out.shape == x.shape[1:]:
            cause = say("the dimension of the examples is gone where there is one example only. Was it squeezed away?")
        if tuple(probed.shape) == (4,):
            cause = say("only one row comes back, the last one. Fill a result of the shape of x, row by row.")
        if probed.shape[-2:] == (5, 5):
            cause = say("these are the weights. Weigh x with them: weights @ x.")
    cause = cause or _sizes_it_takes(Head)
    said = say(
        "{what} has shape {yours}, expected {expected}.",
        what=say("The output of {name}", name=name),
        yours=tuple(out.shape),
        expected=tuple(x.shape),
    )
    if not cause:
        said += "\n" + say("Each position of each example has a row of C numbers, (B, T, C).")
    raise CheckFailed(said, cause)


def _remembers(Head, x):
    """That something of an earlier call is in the way, in words, if a new head takes this x; else an empty string."""
    with contextlib.suppress(Exception):
        anew = Head()(x.clone())
        if anew.shape == x.shape and agree(anew, _mean_of_past(x)).all():
            return say(
                "something is kept from the call before. A new {name}() gives the right result for this x, so make "
                "everything anew in each call, from x.shape.",
                name=Head.__name__,
            )
    return ""


CUT_OFF = mark("what lies above the diagonal of x itself was cut off; the triangle is for the weights.")
LENGTHS = (*range(2, 13), 16, 24, 32, 64, 100, 128)


def _sizes_it_takes(Head):
    """Which sizes a head takes that doesn't take all, in words; an empty string where that says nothing."""

    def taken(B, C):
        lengths = set()
        for T in LENGTHS:
            with contextlib.suppress(Exception):
                x = torch.randn(B, T, C, generator=seeded(T))
                if Head()(x.clone()).shape == x.shape:
                    lengths.add(T)
        return lengths

    lengths, wider, more = taken(2, 3), taken(2, 5), taken(4, 3)
    if lengths == {3} and wider == {5} and (words := _sides_swapped(Head)):
        return words
    if lengths == {3} and wider == {5}:
        return say(
            "it works only where T and C are equal. Does one stand for the other? T is x.shape[1], C is x.shape[2]."
        )
    if lengths == {2} and more == {4}:
        return say(
            "it works only where T and B are equal. Does one stand for the other? T is x.shape[1], B is x.shape[0]."
        )
    if len(lengths) == 1 and lengths == wider:
        return say("it takes x of T = {T} only: a size is fixed. Take T from x.shape.", T=min(lengths))
    longest = max(lengths, default=0)
    if len(lengths) > 1 and longest < max(LENGTHS) and lengths == {T for T in LENGTHS if T <= longest}:
        more = min(T for T in LENGTHS if T > longest)
        return say(
            "it takes {longest} positions, but not {more}: a size is fixed. Take T from x.shape.",
            longest=longest,
            more=more,
        )
    return ""


def _sides_swapped(Head):
    """That x stands before the weights in a product where the sizes show it, in words; else an empty string."""
    name, tensors = what_met(Head(), torch.randn(3, 5, 4, generator=seeded(99)))
    shapes = [tuple(part.shape) for part in tensors[:2]]
    if "matmul" not in name or len(shapes) < 2 or shapes[0] != (3, 5, 4) or shapes[1] not in ((5, 5), (3, 5, 5)):
        return ""
    return say(
        "the product stands the wrong way round: it is weights @ x, not x @ weights. {weights} @ {x} fits, whatever T "
        "and C are.",
        weights=shapes[1],
        x=shapes[0],
    )


def _explained(Head, x, out):
    """What is known of a wrong output: its cause, or the mistakes to look for, or what to say instead."""
    try:
        head = Head()
        # A dropout of few numbers may leave the same ones out twice.
        again = [tensor(run("head(x)", Head(), x.clone()), "head(x)", x.shape) for _ in range(5)]
        # On sizes that are all different no two mistakes look the same.
        probe = torch.randn(3, 5, 4, generator=seeded(99))
        called = run(f"{Head.__name__}()(x)", head, probe.clone(), cause=lambda: _sizes_it_takes(Head))
        probed = tensor(called, say("The output"), probe.shape)
    except CheckFailed as failed:
        said = say("And for B, T, C = 3, 5, 4: {said}", said=failed.said)
        if nan := where_nan_begins(Head(), x.clone()):
            said = f"{nan}\n{said}"
        return {"cause": likely_cause(out, _only_here(x)), "otherwise": (said, failed.cause)}
    if not all(agree(each, out).all() for each in again):
        return {"cause": say("something is drawn at random: the same x gave another output when asked again.")}
    wei = getattr(head, "wei", None)
    if probed.isnan().all() or (isinstance(wei, torch.Tensor) and wei.isnan().any()):
        return {"otherwise": where_nan_begins(Head(), probe)}
    if isinstance(wei, torch.Tensor) and wei.shape == (3, 5, 5) and (wei == wei[0]).all():
        wei = wei[0]  # kept for each example, though they don't depend on x
    if isinstance(wei, torch.Tensor) and wei.shape == (5, 5) and (cause := _cause_of_weights(wei, probed, probe)):
        return {"cause": cause}
    if agree(probed, _mean_of_past(probe)).all():
        return {"cause": likely_cause(out, _suspects(x, Head)) or _sizes_it_takes(Head) or None}
    right = _mean_of_past(probe)
    cause = _divided_first(Head, probed, probe) or likely_cause(probed, _suspects(probe, Head))
    cause = cause or times(probed, right) or _adds_one(Head, probe) or _peeled(probed, probe, Head)
    at_first = (probed[:, 0] == probe[:, 0] * math.inf).all() and probed[:, 1:].isfinite().all()
    cause = cause or (say("position 0 was divided by 0. Rows 0 to t are t + 1 rows.") if at_first else None)
    mixes = _mixes(Head)
    if mixes and _slices_examples(Head, probe):
        cause = say("the slice stands at the first place, which is that of the examples. It is x[b, : t + 1].")
    cause = cause or (say(NEARLY) if not mixes and nearly(probed, right) else None)
    return {"cause": cause, "otherwise": where_nan_begins(Head(), probe) or mixes or _of_numbers(Head) or _recipe(Head)}


def _adds_one(Head, probe):
    """That brackets are missing in a division by t + 1, where an x of zeros doesn't give zeros, in words, or None."""
    with contextlib.suppress(Exception):
        if not (Head()(0 * probe) == 0).all():
            return brackets_missing(Head) or None
    return None


class _Sums(TorchFunctionMode):
    """Remembers by which operation a full matrix of equal numbers was added up, or shared out, along a dimension."""

    seen = ""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        first = args[0] if args else None
        if getattr(func, "__name__", "") in ("sum", "mean", "softmax", "normalize") and isinstance(first, torch.Tensor):
            square = first.dim() == 2 and first.shape[0] == first.shape[1]
            if square and (first == first[0, 0]).all():
                self.seen = func.__name__
        return func(*args, **(kwargs or {}))


def _divided_first(Head, probed, probe):
    """That rows were divided by the sums of the full matrix, before the triangle was taken, in words, or None."""
    T = probe.shape[1]
    if not agree(probed, torch.ones(T, T).tril() / T @ probe).all():
        return None
    with _Sums() as sums:
        Head()(probe.clone())
    if not sums.seen:
        return None
    if sums.seen == "softmax":
        return say("the future was cut off after the softmax. Mask before it, with -inf.")
    return say(
        "the rows were divided before the triangle was taken, when each of them summed to T. Take the triangle first, "
        "then divide each row by its sum."
    )


def _what_ends_its_loop(Head):
    return what_ends_a_loop(vars(Head).get("__call__") or vars(Head).get("forward"))


def _peeled(probed, probe, Head):
    """What is certain of a wrong output (B, T, C) where no known mistake explains all of it, in words, or None."""
    right = _mean_of_past(probe)
    empty = (probed == 0).all(-1).all(0)  # (T,)
    if empty.any() and not empty.all():
        rest = ~empty
        rows = ", ".join(str(row) for row in empty.nonzero().flatten().tolist())
        if Head.__name__ == "HeadVer1":
            said = say(
                "row {rows} of each example was never filled: it is all 0. Where does the loop begin, and where end?",
                rows=rows,
            )
        elif rows == "0":  # it has no other position to look at
            said = _slots(probe, Head)["rows"][1][1][0]
        else:
            said = say("row {rows} of each example is all 0: its weights are all 0.", rows=rows)
        cause = likely_cause(probed[:, rest], ((words, wrong[:, rest]) for words, wrong in _suspects(probe, Head)))
        return two_causes(said, cause) if cause and not agree(probed, right)[:, rest].all() else said
    with contextlib.suppress(Exception):
        T = probe.shape[1]
        weights = Head()(torch.eye(T)[None])[0]  # (T, T): channel s is 1 in row s alone
        alone = weights.diagonal()
        if torch.equal(weights, alone.diag()) and not agree(alone, alone[:1].expand(T)).all():
            return say(
                "each row of x was multiplied by a number, and no other row was added to it. Which dimension does the "
                "product, or the sum, run over?"
            )
    if (probed[1:] == 0).all() and not (probed[0] == 0).all():
        said = together(say("only the first example was filled."), _what_ends_its_loop(Head))
        cause = likely_cause(probed[:1], _suspects(probe[:1], Head))
        return two_causes(cause, said) if cause else said
    if agree(probed, probed[:1].expand_as(probed)).all():
        whose = say(
            "every example got the result of the mean of all examples. Each should have its own, made of its own rows."
        )
        sources = [(whose, probe.mean(0, keepdim=True))]
        for number, one in enumerate(probe.split(1)):
            whose = say(
                "every example got the result of example {number}. Each should have its own, made of its own rows.",
                number=number,
            )
            sources.append((whose, one))
        for said, one in sources:
            if agree(probed[:1], _mean_of_past(one)).all():
                return said
            if cause := likely_cause(probed[:1], _suspects(one, Head)):
                return two_causes(cause, said)
        return say("every example got the same result. Each should have its own, made of its own rows.")
    return None


class _Slices(TorchFunctionMode):
    """Remembers whether a tensor of three dimensions was asked for a few examples and one position: x[: t + 1, b]."""

    seen = False

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.Tensor.__getitem__ and args[0].dim() == 3 and isinstance(args[1], tuple) and len(args[1]) > 1:
            first, second, *_ = args[1]
            part = isinstance(first, slice) and first != slice(None)
            self.seen |= part and not isinstance(second, (slice, type(Ellipsis)))
        return func(*args, **(kwargs or {}))


def _slices_examples(Head, x):
    with contextlib.suppress(Exception), _Slices() as slices:
        Head()(x.clone())
    return slices.seen


@torch.no_grad()
def _of_numbers(Head, T=4, C=3):
    """That the output isn't a weighted sum of rows with the same weights for every x, as `compare` takes it, or ""."""
    one, two = torch.randn(2, 1, T, C, generator=seeded(7)).abs()
    edited = one.clone()
    edited[..., 1:] += 1
    with contextlib.suppress(Exception):
        out, twice, nothing = Head()(one.clone()), Head()(2 * one), Head()(0 * one)
        if agree(twice, 2 * out).all() and agree(Head()(one + two), out + Head()(two.clone())).all():
            return ""
        if nothing.isfinite().all() and (nothing.abs() > 1e-4).any():
            value = nothing[nothing.abs() > 1e-4][0].item()
            return say(
                "An x that is 0 everywhere gives {value:.3g}, and its mean is 0. Is something added to the mean?",
                value=value,
            )
        if agree(twice, out).all():
            return say(
                "Twice the x gives the same output, and the mean would be twice as large: x is divided by something "
                "that was made of x. Make the weights from its shape alone, (T, T)."
            )
        if not agree(Head()(edited)[..., 0], out[..., 0]).all():
            cause = say(
                "the weights depend on the numbers in x. Here they are the same for every x: make them from its shape "
                "alone, (T, T)."
            )
            return "", cause
        return say(
            "Twice the x doesn't give twice the output, as it does for a mean. Something else than a weighted sum is "
            "taken of the numbers in x."
        )
    return ""


def _mixes(Head, B=3):
    """What the next check says of a head that mixes examples, or an empty string."""
    with contextlib.suppress(CheckFailed):
        if mixed := _of_other_examples(_changes(Head, B, T=5, C=4, seed=0)):
            return say("In another x, of {B} examples: {mixed}", B=B, mixed=mixed)
    return ""


def _only_here(x):
    """Pairs of a mistake that works for T = C only, in words, and what it gives."""
    B, T, C = x.shape
    if T != C:
        return []
    weights = torch.ones(T, T).tril() / torch.arange(1, T + 1)[:, None]
    return [
        (
            say("weights and x are multiplied number by number with *. A product of matrices is weights @ x."),
            weights * x,
        ),
        (say("the product stands the wrong way round: it is weights @ x, not x @ weights."), x @ weights),
        (say("the product stands the wrong way round: it is weights @ x, not x @ weights."), x @ weights.T),
    ]


def _recipe(Head, T=4):
    """How much a wrong row of the output takes of each input row, found by feeding one row at a time."""
    alone = torch.eye(T)[None]  # (1, T, T): channel s is 1 in row s alone
    weights, right = run("head(x)", Head(), alone.clone()).detach()[0], _mean_of_past(alone)[0]
    wrong = ~agree(weights, right).all(1)
    x = torch.randn(1, T, 3, generator=seeded(99))
    if not wrong.any() or not agree(run("head(x)", Head(), x.clone()).detach(), weights @ x).all():
        return ""  # or it isn't rows that were added up
    t = wrong.nonzero()[0].item()
    yours, expected = (
        " + ".join(
            say("{part:.3g} × row {row}", part=part, row=row)
            for row, part in enumerate(parts[t].tolist())
            if part or parts is weights
        )
        for parts in (weights, right)
    )
    return say(
        "For an x of {T} rows, row {t} of your output is {yours}; expected {expected}.",
        T=T,
        t=t,
        yours=yours,
        expected=expected,
    )


def _mean_of_past(x):
    return x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None]


def _suspects(x, Head):
    """Pairs of a known mistake in words and the output (B, T, C) that it gives, one at a time and then two at once.

    Args:
        Head: the learner's class, for a slip in a loop is told in other words than one in a triangle.
    """
    yield from _oddities(x, Head)
    slots = _slots(x, Head)
    yield from mistakes(lambda rows, divide, side: side(divide(rows), x), slots)
    cut_off = say(CUT_OFF)  # and then weighed, rightly or not
    yield cut_off, _mean_of_past(x.tril())
    for words, wrong in mistakes(lambda rows, divide, side: side(divide(rows), x.tril()), slots, most=1):
        yield two_causes(cut_off, words), wrong
    yield cut_off, x.tril().sum(1, keepdim=True) / torch.arange(1, x.shape[1] + 1)[:, None]


def _slots(x, Head):
    """What can be wrong with the weights (T, T): which places are seen, how they are divided, how x is weighed."""
    lesson = Head.__name__
    B, T, C = x.shape
    tril, count = torch.ones(T, T).tril(), torch.arange(1, T + 1)[:, None]
    in_words = {
        "HeadVer1": {
            "short": say("position t itself is left out: `x[b, :t]` stops before t, `x[b, : t + 1]` includes it."),
            "far": say("position t + 1 is let in: `x[b, : t + 1]` ends at t."),
            "future": say("the rows from t to the end were averaged. The past of t is x[b, : t + 1]."),
        },
        "HeadVer2": {
            "short": say(
                "position t itself is left out: the diagonal of the triangle must be 1, as torch.tril leaves it."
            ),
            "far": say("position t + 1 is let in: the triangle goes one diagonal too far up."),
            "future": say("the rows from t to the end were averaged. Take the lower triangle, torch.tril."),
        },
        "HeadVer3": {
            "short": say("position t itself is masked too; it must see itself."),
            "far": say("position t + 1 is let in: the mask begins one diagonal too late."),
            "future": say("the past was masked instead of the future."),
        },
    }
    words = in_words.get(lesson, in_words["HeadVer3"])
    rows = [
        (say("every row is the mean of the whole line, the future included."), torch.ones(T, T)),
        (words["short"], tril.tril(-1)),
        (words["far"], torch.ones(T, T).tril(1)),
        (words["future"], tril.T),
    ]
    divide = [
        (say("the rows were added up but not divided by their number, t + 1."), lambda seen: seen),
        (say("the sum of the past was divided by T, not by t + 1."), lambda seen: seen / T),
        (say("the sum was divided by t. Rows 0 to t are t + 1 rows."), lambda seen: seen / (count - 1)),
        (say("the sum was divided by t. Rows 0 to t are t + 1 rows."), lambda seen: seen / (count - 1).clamp(min=1)),
        (say("the sum was divided by t + 2; rows 0 to t are t + 1."), lambda seen: seen / (count + 1)),
        (
            say("the rows were multiplied by their number, t + 1; divide by it."),
            lambda seen: seen * seen.sum(1, keepdim=True),
        ),
        (say("the sum was divided by B, the number of examples."), lambda seen: seen / B),
        (say("the sum was divided by C, the number of channels."), lambda seen: seen / C),
        (
            say("every row was divided by the sum of the whole matrix; divide each by its own."),
            lambda seen: seen / seen.sum(),
        ),
        (say("the rows were divided by their mean, not by their sum."), lambda seen: seen / seen.mean(1, keepdim=True)),
        (
            say(
                "the columns of the weights sum to 1, not the rows. The numbers of a row lie along the last dimension, "
                "dim=-1."
            ),
            lambda seen: seen / seen.sum(0),
        ),
        (
            say(
                "the columns were divided by the sums of the rows. Those must be a column, (T, 1), as keepdim=True "
                "leaves them."
            ),
            lambda seen: seen / seen.sum(1),
        ),
        (
            say("the mean was divided by t + 1 a second time."),
            lambda seen: seen / seen.sum(1, keepdim=True) / seen.sum(1, keepdim=True),
        ),
        (
            say("softmax of 0 and 1 leaves the future a weight: here each row of the triangle is divided by its sum.")
            if lesson == "HeadVer2"
            else say("softmax over 0 and 1 doesn't hide the future: put -inf there first."),
            lambda seen: seen.softmax(1),
        ),
        (
            say("softmax of 0 and 1 doesn't weigh the past alike: divide each row by its sum.")
            if lesson == "HeadVer2"
            else say("softmax over 0 and 1 doesn't hide the future: put -inf there first."),
            lambda seen: seen.softmax(1) * seen,
        ),
    ]
    side = [
        (
            say("the weights are transposed: row t must weigh the inputs of position t."),
            lambda weights, x: weights.T @ x,
        ),
        (say("x itself was added to the mean."), lambda weights, x: x + weights @ x),
        (
            say("the weighted rows were added over all positions; each position keeps its own sum."),
            lambda weights, x: (weights @ x).sum(1, keepdim=True).expand_as(x),
        ),
    ]
    return {
        "rows": (tril, rows),
        "divide": (lambda seen: seen / seen.sum(1, keepdim=True), divide),
        "side": (lambda weights, x: weights @ x, side),
    }


def _oddities(x, Head):
    """Pairs of a known mistake that isn't one of the weights, in words, and the output (B, T, C) that it gives."""
    B, T, C = x.shape
    tril, count = torch.ones(T, T).tril(), torch.arange(1, T + 1)[:, None]
    before = tril.tril(-1)
    mean = _mean_of_past(x)
    short = _slots(x, Head)["rows"][1][1][0]
    lesson, ends = Head.__name__, _what_ends_its_loop(Head)
    anew = made_in_a_loop(vars(Head).get("__call__"))
    index = say("Is its number used as an index that never changes?")
    first_only = (
        together(say("only the first row was filled."), ends)
        if lesson == "HeadVer1"
        else say("only the first row has weights. Were the others cut to whole numbers, by // or by an integer type?")
    )
    letters = ""
    if uses(Head, "einsum"):
        letters = say("In the einsum, the positions of x need the letter of the weights' columns: that one is summed.")
    joined = say("the examples were laid one behind the other: the past of one isn't that of the next.")
    through = say("the sum goes on from one example to the next. Start again at 0 for each.")
    through_both = say("the sum, and the count, go on from one example to the next. Start again at 0 for each.")
    if lesson != "HeadVer1":  # there is no sum that is carried along
        through = through_both = joined
    cut_off = say(CUT_OFF)
    left_out = say("position 0 is left out of the rows after it.")
    if lesson == "HeadVer1":
        left_out = together(
            left_out, say("Does a slice begin at 1, or is a running mean divided by t, where t + 1 rows are in it?")
        )
    over_examples = say("the average runs over the examples, dim=0, not over the positions, dim=1.")
    windows = [tril.triu(1 - width) for width in range(2, T)]
    return [
        (together(say("the input came back unchanged, nothing was averaged."), letters), x),
        (say("the output is all zeros: it was made, but never filled."), torch.zeros(B, T, C)),
        (short, before / before.sum(1, keepdim=True).clamp(min=1) @ x),
        (short, torch.cat((x[:, :1], (before / before.sum(1, keepdim=True) @ x)[:, 1:]), 1)),
        (say("the sum was divided by t. Rows 0 to t are t + 1 rows."), x.cumsum(1) / (count - 1)),
        (say("each row was divided by t + 1 and nothing was added up."), x / count),
        (say("only the first position and position t were averaged."), (x + x[:, :1]) / 2),
        (say("the average runs over the examples of the batch too."), mean.mean(0).expand_as(x)),
        (say("the average runs over the examples of the batch, not over the past."), x.mean(0).expand_as(x)),
        (over_examples, _mean_over(x, 0)),
        (over_examples, x.cumsum(0) / count),
        (say("the average runs along the channels, not along the positions."), _mean_over(x, 2)),
        *((say("the sum runs along the channels, dim=-1. Positions are dim=1."), x.cumsum(2) / divisor)
          for divisor in (count, T, 1)),
        (say("the average runs over the channels."), x.mean(2, keepdim=True).expand_as(x)),
        (say("one mean of all rows and channels was taken. Take one for each channel, dim=0."),
         mean.mean(2, keepdim=True).expand_as(x)),
        (say("every row holds the sum of all. Does `+=` change a tensor that is kept already?"),
         x.sum(1, keepdim=True).expand_as(x)),
        (say("every row holds the sum of all. Does `+=` change a tensor that is kept already?"),
         x.sum(1, keepdim=True) / count),
        (say("each row is a right mean in a wrong place: the rows were collected position by position, and laid out "
             "example by example. Loop over the examples first."),
         mean.transpose(0, 1).reshape(B, T, C)),
        (say("each channel was divided by its sum over the positions; divide row t by t + 1."),
         x.cumsum(1) / x.cumsum(1).sum(1, keepdim=True)),
        (say("the largest value of the past was taken, not the mean."), x.cummax(1).values),
        (say("the smallest value of the past was taken, not the mean."), x.cummin(1).values),
        (say("the middle value of the past was taken, not the mean."), _running_median(x)),
        (say("only position t and the one before it were averaged."), (x + torch.cat((x[:, :1], x[:, :-1]), 1)) / 2),
        (say("only position t and the one before it were averaged."),
         (x + torch.cat((0 * x[:, :1], x[:, :-1]), 1)) / 2),
        *((say("only the last {n} positions are averaged; all of the past counts.", n=2 + i),
           w / w.sum(1, keepdim=True) @ x) for i, w in enumerate(windows)),
        *((say("only the first {n} positions are averaged; all of the past counts.", n=n),
           mean[:, torch.arange(T).clamp(max=n - 1)]) for n in range(2, T)),
        *((say("only position {n} comes back, everywhere.", n=n), x[:, n : n + 1].expand_as(x)) for n in range(T)),
        (say("the weights are multiplied number by number. A product of matrices is weights @ x."), x * tril[:, -1:]),
        (
            say("each row was divided by the square root of the sum of its squares, not by its sum."),
            tril / tril.norm(dim=1, keepdim=True) @ x,
        ),
        (cut_off, x.tril()),
        (cut_off, x.tril() / count),
        (say("the rows before were averaged already when they were used: read from x, write to another tensor."),
         _averages_of_averages(x)),
        (say("each row is the mean of x[t] and the row before. Add up all of the past, and divide by t + 1."),
         _halves(x)),
        (through,
         x.flatten(0, 1).cumsum(0).view_as(x) / count),
        (through_both,
         x.flatten(0, 1).cumsum(0).view_as(x) / torch.arange(1, B * T + 1).view(B, T, 1)),
        (say("every example got the mean of the first one."), mean[:1].expand_as(x)),
        (say("every example got the mean of the last one."), mean[-1:].expand_as(x)),
        (say("softmax was taken twice."), (tril / count).softmax(1) @ x),
        (say("the exponentials of 0 and 1 were left unsummed: softmax divides by their sum."), math.e * x.cumsum(1)),
        (say("the last row was never filled."), torch.cat((mean[:, :-1], 0 * x[:, :1]), 1)),
        (say("the first row was never filled."), torch.cat((0 * x[:, :1], mean[:, 1:]), 1)),
        (first_only, torch.cat((x[:, :1], 0 * x[:, 1:]), 1)),
        (say("the mean begins at position 1; position 0 belongs to the past of all."),
         torch.cat((0 * x[:, :1] / 0, _mean_of_past(x[:, 1:])), 1)),
        (say("the rows of the past were multiplied; add them up, and divide by t + 1."), x.cumprod(1)),
        (say("the square root of the mean of the squares was taken."), _mean_of_past(x.square()).sqrt()),
        (together(say("only the first example was filled."), ends), torch.cat((mean[:1], 0 * x[1:]))),
        (together(say("only the first row of the first example was filled."), ends),
         torch.cat((torch.cat((x[:1, :1], 0 * x[:1, 1:]), 1), 0 * x[1:]))),
        (together(say("only the last example was filled."), anew or index), torch.cat((0 * x[:-1], mean[-1:]))),
        (together(say("only the last row was filled."), anew), torch.cat((0 * x[:, 1:], mean[:, -1:]), 1)),
        (left_out, torch.cat((x[:, :1], _mean_of_past(x[:, 1:])), 1)),
        (say("whole numbers were made of the means: start from floats, torch.zeros(B, T, C)."), mean.trunc()),
        *((say("the means were rounded, to {n} decimals. Leave them as they are.", n=n), mean.round(decimals=n))
          for n in range(4)),
        (say("each row was divided by its own sum over the channels; divide by t + 1."),
         x.cumsum(1) / x.cumsum(1).sum(2, keepdim=True)),
        *((say("the product mixes the channels of a position. It is weights @ x, with (T, T) weights."), x @ w)
          for w in _channel_weights(C)),
        (joined,
         _mean_of_past(x.reshape(1, B * T, C)).view_as(x)),
        (say("the past of each channel was mixed: x was given another shape without swapping its dimensions."),
         _mean_of_past(x.reshape(B, C, T).mT).mT.reshape(x.shape)),
        *((say("x was cut anew, into rows of B × C numbers: reshape and view don't swap dimensions, so examples and "
               "positions are mixed. weights @ x takes (B, T, C) as it is."),
           (w @ x.reshape(T, B * C)).reshape(x.shape)) for w in (tril / count, tril)),
        (say("the slice [: t + 1] stands at the channels, and one number was made of all. Of x[b], positions come "
             "first: x[b, : t + 1], and the mean of each channel."),
         torch.stack([x[:, :, : t + 1].mean((1, 2)) for t in range(T)], 1)[..., None].expand_as(x)),
    ]  # fmt: skip


def _channel_weights(C):
    """Triangles (C, C) that somebody may multiply x with from the right."""
    tril = torch.ones(C, C).tril()
    divided = tril / tril.sum(1, keepdim=True)
    return tril, tril.T, divided, divided.T


def _mean_over(x, dim):
    """The running mean along another dimension than that of the positions."""
    return x.cumsum(dim) / torch.arange(1, x.shape[dim] + 1).view([-1 if axis == dim else 1 for axis in range(3)])


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


@check
def keeps_examples_and_future_apart(Head, B=3, T=5, C=4, seed=0):
    """The output of an example at a position depends on that example up to that position, on nothing else."""
    changes = _changes(Head, B, T, C, seed)
    if mixed := _of_other_examples(changes):
        raise CheckFailed(mixed)
    mine = changes[:, 0]  # (T, T), the edited position and the one that changed
    ahead = (mine > 1e-6).tril(-1)
    if ahead.any():
        s, t = ahead.nonzero()[0].tolist()
        said = say(
            "Position {t} changed by {change:.2g} when position {s} was edited; expected 0.\n"
            "A position may look at itself and at what came before it, never ahead.",
            t=t,
            change=mine[s, t].item(),
            s=s,
        )
        raise CheckFailed(said)
    if not (mine > 1e-7).any():  # of which rows it is made, another check says
        raise CheckFailed(say("The output didn't change when the input did: it doesn't depend on it."))


def _changes(Head, B, T, C, seed):
    """How much each position of each example changes when position s of example 0 is edited, (T, B, T), s first."""
    x = torch.randn(B, T, C, generator=seeded(seed))
    name, what = Head.__name__, f"{Head.__name__}()(x)"
    out = tensor(run(what, _make(Head), x), say("The output of {name}", name=name), x.shape)
    changes = []
    for s in range(T):
        edited = x.clone()
        edited[0, s] += 1.0
        other = tensor(run(what, _make(Head), edited), what, x.shape)
        same = (other == out) | (other.isnan() & out.isnan())  # what isn't finite costs other points
        changes.append((other - out).abs().nan_to_num(nan=math.inf).masked_fill(same, 0).amax(-1))
    changes = torch.stack(changes)
    again = tensor(run(what, _make(Head), x), what, x.shape) if (changes[:, 1:] > 1e-6).any() else out
    if not agree(again.nan_to_num(), out.nan_to_num()).all():
        said = say(
            "{call} gave two different outputs for the same x; expected the same. Is there a dropout?", call=what
        )
        raise CheckFailed(said)
    return changes


def _of_other_examples(changes):
    """That another example than the edited one changed (T, B, T), in words, or an empty string."""
    others = changes[:, 1:] > 1e-6
    if not others.any():
        return ""
    s, b, t = others.nonzero()[0].tolist()
    return say(
        "Example {b} changed by {change:.2g} at position {t} when example 0 was edited; expected 0.\n"
        "Examples of a batch are different texts. Average along the positions of each one only.",
        b=b + 1,
        change=changes[s, b + 1, t].item(),
        t=t,
    )


@check
def needs_no_loop(Head, small=(2, 4, 3), large=(9, 24, 3), seed=0):
    """As many tensor operations and steps of Python for small inputs as for large ones; gradients reach the input.

    Args:
        small, large: sizes (B, T, C) to compare; B, T and perhaps C grow.
    """
    name = Head.__name__
    counts, steps = [], []
    for shape in (small, large):
        x = torch.randn(shape, generator=seeded(seed), requires_grad=True)
        head = _make(Head)
        with operations() as counted, _lines() as lines:
            out = run(f"{name}()(x)", head, x, cause=lambda: _sizes_it_takes(Head))
        tensor(out, say("The output of {name}", name=name), shape)
        if out.isfinite().all():  # else another check says why not
            _gradient_reaches_input(Head, x, out)
            x = torch.randn(shape, generator=seeded(seed + 1), requires_grad=True)  # and in the next step of training
            _gradient_reaches_input(Head, x, run(f"{name}()(x)", head, x))
        counts.append(counted.count)
        steps.append(max(lines.values(), default=0))
    grows = min(6, *(big - little for little, big in zip(small, large) if big > little))
    said = ""
    # One operation a step is the least a loop can do. One that takes several positions at once has fewer steps.
    if counts[1] - counts[0] >= grows:
        said = say(
            "{name} took {few} tensor operations for B, T, C = {small} and {many} for {large}; expected about the same "
            "number.",
            name=name,
            few=counts[0],
            small=small,
            many=counts[1],
            large=large,
        )
    elif steps[1] - steps[0] >= grows:
        said = say(
            "One line of {name} ran {few} times for B, T, C = {small} and {many} times for {large}; expected the same "
            "number.",
            name=name,
            few=steps[0],
            small=small,
            many=steps[1],
            large=large,
        )
    if said:
        advice = say(
            "Somewhere a Python loop still runs over examples, positions or channels. "
            "One product of a (T, T) matrix with x does them all."
        )
        raise CheckFailed(f"{said}\n{advice}")


@contextlib.contextmanager
def _lines():
    """Count how often each line of the learner's own code runs: {(code, line): times}, filled on the way."""
    times = collections.Counter()

    def follow(frame, event, argument):
        if event == "line":
            times[frame.f_code, frame.f_lineno] += 1
        return None if is_library(frame.f_code.co_filename) else follow

    before = sys.gettrace()
    threading.settrace(follow)  # in threads that it starts
    sys.settrace(follow)
    try:
        yield times
    finally:
        sys.settrace(before)
        threading.settrace(None)


@check
def lets_gradients_through(Head, B=2, T=4, C=3, seed=0):
    """A gradient reaches the input in each of two calls, so that embeddings before the head can learn."""
    name, head = Head.__name__, _make(Head)
    for number in range(2):
        x = torch.randn(B, T, C, generator=seeded(seed + number), requires_grad=True)
        out = run(f"{name}()(x)", head, x)
        tensor(out, say("The output of {name}", name=name), x.shape)
        _gradient_reaches_input(Head, x, out)


def _gradient_reaches_input(Head, x, out):
    name = Head.__name__
    if not out.isfinite().all():
        value = out[~out.isfinite()][0].item()
        said = say(
            "{name} gives {value}. It comes from a division by 0, from 0 times infinity, or from a softmax of nothing "
            "but -inf. Where?",
            name=name,
            value=value,
        )
        raise CheckFailed(said)
    out = out.sum()
    if out.requires_grad:
        hint = say(
            "Is a tensor of an earlier call kept on self, or changed in place after it was used? Make a new one."
        )
        run(say("the gradient of {name}", name=name), out.backward, hint=hint)
    if x.grad is None or not x.grad.abs().sum() > 0:
        said = say(
            "No gradient reaches the input of {name}: the embeddings before it could never learn.\n"
            "Compute with tensors from x to the result, without numpy, .tolist(), .item(), .data, .detach(), "
            "torch.no_grad() or torch.tensor(...).",
            name=name,
        )
        raise CheckFailed(said, cuts_gradients(Head))


def _weights(Head, B, T, C, seed):
    """The output (B, T, C), the kept weights (T, T) and the input of a HeadVer3 that saw a longer text before.

    Another head is called after it, for each keeps its own.
    """
    name = Head.__name__
    x = torch.randn(B, T, C, generator=seeded(seed))
    head, other = _make(Head), _make(Head)
    run(f"{name}()(x)", head, torch.ones(B, T + 1, C), cause=lambda: _sizes_it_takes(Head))
    out = tensor(run(f"{name}()(x)", head, x), say("The output of {name}", name=name), x.shape)
    mine = kept(head, "wei", f"{name}()(x)")
    stages = {
        say("self.wei holds the output. Keep the weights, and return their product with x."): out,
        say("self.wei holds x. Keep the weights."): x,
    }
    is_no_stage(mine, stages)
    run(f"{name}()(x)", other, torch.ones(B, T + 2, C))
    if head.wei is not mine:
        raise CheckFailed(
            say("A call of one {name}() changed self.wei of another.", name=name),
            say("it is kept on the class, {name}.wei. Write self.wei = ..., so that each head has its own.", name=name),
        )
    if isinstance(mine, torch.Tensor) and tuple(mine.shape) == (B, T, T):
        raise CheckFailed(
            say("{what} has shape {yours}, expected {expected}.", what="self.wei", yours=(B, T, T), expected=(T, T)),
            say("the scores were made for each example. Here all share one matrix: start from (T, T) zeros."),
        )
    return out, tensor(mine, "self.wei", (T, T)), x


@check
def future_weights_are_zero(Head, B=2, T=5, C=3, seed=0):
    """Above the diagonal `self.wei` is exactly 0, and the output is what these weights make of the input."""
    out, wei, x = _weights(Head, B, T, C, seed)
    ahead = wei.triu(1) != 0
    cause = _cause_of_weights(wei, out, x)
    if ahead.any():
        t, s = ahead.nonzero()[0].tolist()
        raise looks_ahead(t, s, wei[t, s].item(), cause)
    fact = say("The output is not self.wei @ x: self.wei doesn't hold the weights that made it.")
    compare(fact, out, wei.to(x.dtype) @ x, cause=cause)


def is_no_stage(wei, stages):
    """Fail if self.wei holds what belongs to another stage: {the cause, in words: the tensor}."""
    for words, stage in stages.items():
        if isinstance(wei, torch.Tensor) and wei.shape == stage.shape and agree(wei.detach(), stage.detach()).all():
            raise CheckFailed(say("self.wei has shape {shape}.", shape=tuple(wei.shape)), words)


def kept_early(known):
    """What is wrong with kept weights where the output is right; `known` is what they are, in words, or None."""
    said = say(
        "the output is right, so x was weighed with other weights than self.wei holds. Keep those, after the softmax."
    )
    return said + "\n" + say("What self.wei holds: {weights}", weights=known) if known else said


def _cause_of_weights(wei, out, x):
    """What is wrong with the weights (T, T) or with what was made of them, in words, or None."""
    T = len(wei)
    future = torch.ones(T, T).triu(1).bool()
    right = softmax_of(torch.zeros(T, T), future)
    if wei[future].any() and agree(wei, right).all():
        return _weak_mask(wei, torch.zeros(T, T), future)
    if agree(wei, right).all():
        if agree(out, right @ x).all():
            return None
        return likely_cause(out, _weighed(right, x)) or times(out, right @ x)
    if agree(wei, torch.zeros(T, T).masked_fill(future, -math.inf)).all():
        return _holds_scores()
    if agree(out, wei.softmax(-1) @ x).all() and not agree(out, wei @ x).all():
        scores, cause = say(HOLDS_SCORES), _cause_of_weights(wei.softmax(-1), out, x)
        return two_causes(cause, scores) if cause else scores
    known = likely_cause(wei, mean_weight_suspects(T)) or _weak_mask(wei, torch.zeros(T, T), future)
    if agree(out, right @ x).all():
        return kept_early(known)
    low, late = wei.tril(), wei[future]
    written_late = T > 1 and any(agree(low, seen).all() for seen in (right, torch.ones(T, T).tril() / T))
    if not known and written_late and agree(late, late[:1]).all():
        known = say(
            "the future got the weight {weight:.3g} after the softmax. It gets -inf before it.", weight=late[0].item()
        )
    if known or wei[future].any():
        return known or times(wei, right)
    sums_to_one = agree(wei.sum(1), torch.ones(T)).all() and (wei[~future] > 0).all()
    if sums_to_one and not nearly(wei, right):
        return say(
            "the rows of self.wei sum to 1, but the past isn't weighed alike. All scores should be 0 before the mask."
        )
    return times(wei, right) or (say(NEARLY) if nearly(wei, right) else None)


def _weighed(wei, x):
    """Pairs of a known mistake in weighing x with right weights, in words, and what it gives."""
    B, T, C = x.shape
    return [
        (say("the weights are right, but transposed in the product: it is self.wei @ x."), wei.T @ x),
        (say("the weights are right, but x came back unweighed. It is self.wei @ x."), x),
        (say("the weights are right, but x was added to what they give."), wei @ x + x),
        (say("the weights are right, but x was weighed twice."), wei @ wei @ x),
        (say("the weights are right, but the result was divided by T once more."), wei @ x / T),
        (
            say("the weights are right, but the result was divided by t + 1 once more."),
            wei @ x / torch.arange(1, T + 1)[:, None],
        ),
        (say("the weights are right, but a softmax was taken of the result."), (wei @ x).softmax(-1)),
        (say("the weights are right, but x went through a softmax first."), wei @ x.softmax(-1)),
        (say("the weights are right, but the triangle was multiplied with x, not they."), torch.ones(T, T).tril() @ x),
        (say("the weights are right, but the average runs over the examples too."), (wei @ x).mean(0).expand_as(x)),
    ]  # fmt: skip


def _weak_mask(wei, scores, future):
    """The score that the future got instead of -inf, in words, if weights (..., T, T) come from one; else None."""
    T = wei.shape[-1]
    if wei.dim() == 2 and agree(wei, (torch.ones(T, T) / T).tril().softmax(1)).all():
        return say(
            "softmax was taken twice, and the second one gave the future a weight again: to it, 0 is a score like "
            "others. Mask with -inf before one softmax."
        )
    score = (wei[..., 0, 1] / wei[..., 0, 0]).log() + scores[..., 0, 0]
    score = score.flatten()[0].item()
    if math.isfinite(score) and agree(wei, softmax_of(scores, future, score), 1e-4).all():
        return say(
            "the future got the score {score:.3g} instead of -inf: softmax gives only -inf a weight of exactly 0.",
            score=score,
        )
    return None


def mean_weight_suspects(T):
    """Pairs of a known mistake in words and the weights (T, T) that it gives where all scores are equal."""
    zeros, future, eye = torch.zeros(T, T), torch.ones(T, T).triu(1).bool(), torch.eye(T).bool()
    nan = zeros * math.nan
    tril = torch.ones(T, T).tril()
    right = softmax_of(zeros, future)
    return [
        (
            say("each seen position weighs 1: this is the mask, or exponentials that weren't divided by their sum."),
            tril,
        ),
        (say("log_softmax was taken, not softmax."), right.log()),
        (
            say("the future isn't masked, or got the score 0 instead of -inf. 1e-9 is as good as 0."),
            softmax_of(zeros, future, 0.0),
        ),
        (say("the future isn't masked: these are the scores, all 0, before mask and softmax."), zeros),
        (say("the future got inf. It should get -inf."), nan.masked_fill(torch.arange(T)[:, None] == T - 1, 1 / T)),
        (say("the past was masked instead of the future, position t with it."), softmax_of(zeros, ~future)),
        (say("the past was masked instead of the future."), softmax_of(zeros, ~future & ~eye)),
        (say("position t itself is masked too; it must see itself."), softmax_of(zeros, future | eye)),
        (say("position t + 1 is let in."), softmax_of(zeros, torch.ones(T, T).triu(2).bool())),
        (say("softmax ran down the columns. It should run along each row, dim=-1."), softmax_of(zeros, future, dim=0)),
        (say("self.wei is transposed: row t must hold what position t takes."), right.T),
        (say("the future was cut off after the softmax. Mask before it, with -inf."), tril / T),
        (say("the future was cut off after the softmax. Mask before it, with -inf."), tril.softmax(1) * tril),
        (say("softmax was taken twice."), right.softmax(1)),
        (say("the exponentials aren't divided by their sum; softmax does that."), math.e * tril),
        (say("sigmoid was used in place of softmax."), tril / 2),
        (say("the weights were divided by T after the softmax, whose rows sum to 1 already."), right / T),
        (
            say("the past is masked: it is torch.tril(...) == 0 that is the future, not == 1."),
            nan.masked_fill(future, 0),
        ),
        (
            say("the score of the future is only 1 below that of the past, as 0 is below 1. Only -inf hides it."),
            tril.softmax(1),
        ),
        (
            say("the score of the past is 1 below that of the future. -inf is put where the triangle is 0."),
            tril.T.softmax(1),
        ),
    ]


HOLDS_SCORES = mark("self.wei holds the scores. Keep what comes out of the softmax.")


def _holds_scores():
    return say("self.wei holds the masked scores. Keep what comes out of the softmax.")


def looks_ahead(t, s, weight, cause=None):
    """The failure where position t gives a later one, s, a weight; `cause` is the likely cause, where it is known."""
    said = say(
        "Position {t} looks at position {s}, which comes after it (weight {weight:.2g}, expected exactly 0).",
        t=t,
        s=s,
        weight=weight,
    )
    if not math.isfinite(weight):
        said = say(
            "self.wei has {weight} in row {t}, column {s}; expected 0, the weight of a position that comes after it.",
            weight=weight,
            t=t,
            s=s,
        )
    if cause:
        return CheckFailed(said, cause)
    if weight != weight:
        cause = say("nan comes from 0 times infinity, or from a softmax over a row that is all -inf.")
    elif weight == float("-inf"):
        cause = _holds_scores()
    elif abs(weight) < 0.01:
        cause = say("the mask value isn't small enough. softmax gives only -inf a weight of 0.")
    else:
        cause = say("the future isn't masked with -inf before the softmax.")
    return CheckFailed(said, cause)


@check
def weight_rows_sum_to_one(Head, B=2, T=5, C=3, seed=0):
    """Each row of `self.wei` sums to 1."""
    out, wei, x = _weights(Head, B, T, C, seed)
    rows_sum_to_one(wei[None], _cause_of_weights(wei, out, x))


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
            cause = say("self.wei holds scores with -inf. Keep what comes out of the softmax.")
        elif value != value:
            cause = say("nan comes from a softmax over a row that is -inf everywhere: position t must see itself.")
        elif ((wei.sum(-2) - 1).abs() < 1e-4).all():
            cause = say("the columns sum to 1. The rows should: softmax, or a sum to divide by, along dim=-1.")
        elif len(wei) > 1 and ((wei.sum(0) - 1).abs() < 1e-4).all():
            cause = say("softmax ran over the batch, dim=0. It should run along each row, dim=-1.")
        elif ((sums - 1).abs() < 1e-2).all():
            cause = say("the sums are nearly 1: something was rounded, or float16 for a while.")
        elif ((sums - value).abs() < 1e-4).all():
            cause = say("all rows sum to the same number: the weights were multiplied or divided after the softmax.")
        elif value < 1:
            cause = say("something was taken away from the weights after the softmax. Mask before it, with -inf.")
        else:
            cause = say("no softmax was taken, or the weights were changed after it.")
        raise CheckFailed(say("Row {t} of self.wei sums to {value:.4g}, expected 1.", t=t, value=value), cause)
    if (wei < 0).any():
        b, t, s = (wei < 0).nonzero()[0].tolist()
        said = say(
            "Row {t} of self.wei has a negative weight, {weight:.3g} at column {s}; expected none.",
            t=t,
            weight=wei[b, t, s].item(),
            s=s,
        )
        raise CheckFailed(said, say("the weights don't come from a softmax."))


def softmax_of(scores, mask, value=float("-inf"), dim=-1):
    """softmax of (B, T, T) scores where `mask` (T, T) is False and `value` elsewhere, over one dimension."""
    return scores.masked_fill(mask, value).softmax(dim)
