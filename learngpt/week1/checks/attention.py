"""Checks of HeadVer4: scaled dot-product attention (Vaswani et al. 2017, equation 1) with a causal mask."""

import functools
import math

import torch

from learngpt.advice import LOST_ROWS, first_nan, where_nan_begins
from learngpt.checking import (
    NEARLY,
    CheckFailed,
    agree,
    brief,
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
from learngpt.language import mark, say, together
from learngpt.week1.checks.heads import (
    HOLDS_SCORES,
    _weak_mask,
    is_no_stage,
    kept_early,
    looks_ahead,
    rows_sum_to_one,
    softmax_of,
)
from learngpt.week1.checks.models import CHANGES, made_anew

CUT_ROOT = mark("sqrt(C) was cut to a whole number, {root:.3g} to {cut}.")
NOT_DRAWN = mark("key(x), query(x) or value(x) is used. Use the k, q and v that `if debug:` drew.")


class _Run:
    """One call of a learner's head, with the query, key, value and scores that its layers give when first asked for.

    The head was called before, with one position, so that nothing it remembers of an earlier call goes unnoticed. What
    fails with all positions too has nothing to do with their number.
    """

    def __init__(self, Head, B, T, C, block_size, seed, debug=False, training=True):
        torch.manual_seed(seed)
        self.head = run("HeadVer4(block_size, embed_size)", Head, block_size, C).train(training)
        for layer in ("key", "query", "value"):
            if not hasattr(self.head, layer):
                said = say("The head has no layer self.{layer}. Leave __init__ as it was given.", layer=layer)
                raise CheckFailed(said)
        self.x = 2 * torch.randn(B, T, C, generator=seeded(seed))
        self.what = "head(x, debug=True)" if debug else "head(x)"
        self.block_size, self.debug = block_size, debug
        if not debug:
            full = torch.ones(B, block_size, C)
            self._output(run(self.what, Head(block_size, C), full), full)
            self.call(torch.ones(2, 1, C))  # two examples: a variance needs two scores
        else:
            torch.manual_seed(seed)
        self.out = self.call(self.x, **({"debug": True} if debug else {}))
        self.future = torch.ones(T, T).triu(1).bool()

    # Made where they are asked for: at the sizes of the variance they take as long as the call itself.
    q = functools.cached_property(lambda self: self._layer("query"))
    k = functools.cached_property(lambda self: self._layer("key"))
    v = functools.cached_property(lambda self: self._layer("value"))
    raw = functools.cached_property(lambda self: self.q @ self.k.transpose(1, 2))  # (B, T, T)
    scores = functools.cached_property(lambda self: self.raw / math.sqrt(self.x.shape[-1]))

    @torch.no_grad()
    def _layer(self, name):
        return getattr(self.head, name)(self.x)

    def call(self, x, **options):
        T = x.shape[1]
        hint = ""
        if T < self.block_size:
            hint = say(
                "T is {T} and block_size {block_size}: take the part of the mask that fits, self.tril[:T, :T].",
                T=T,
                block_size=self.block_size,
            )
        return self._output(run(self.what, self.head, x, hint=hint, **options), x)

    def _output(self, out, x):
        T = x.shape[1]
        what = say("{call} of an x of shape {shape}", call=self.what, shape=tuple(x.shape))
        if isinstance(out, torch.Tensor) and tuple(out.shape) == (len(x), T, T) != tuple(x.shape):
            raise CheckFailed(
                say(
                    "{what} has shape {yours}, expected {expected}.",
                    what=what,
                    yours=tuple(out.shape),
                    expected=tuple(x.shape),
                ),
                say("these are weights or scores. Weigh v with the weights: self.wei @ v."),
            )
        return tensor(out, what, x.shape)

    def wei(self):
        B, T, _ = self.x.shape
        wei = kept(self.head, "wei", self.what)
        if isinstance(wei, torch.Tensor) and tuple(wei.shape) == (T, T):
            raise CheckFailed(
                say(
                    "{what} has shape {yours}, expected {expected}.", what="self.wei", yours=(T, T), expected=(B, T, T)
                ),
                self._cause_without_batch(wei.detach()),
            )
        stages = {
            say("self.wei holds the output. Keep the weights, and return their product with v."): self.out,
            say("self.wei holds x. Keep what comes out of the softmax."): self.x,
            say("self.wei holds the queries. Keep what comes out of the softmax."): self.q,
            say("self.wei holds the keys. Keep what comes out of the softmax."): self.k,
            say("self.wei holds the values. Keep what comes out of the softmax."): self.v,
        }
        is_no_stage(wei, stages)
        if isinstance(wei, torch.Tensor) and wei.dim() == 4 and wei.shape[-2:] == (T, T) and wei.shape[1] > 1:
            said = say(
                "{what} has shape {yours}, expected {expected}.",
                what="self.wei",
                yours=tuple(wei.shape),
                expected=(B, T, T),
            )
            one = say(
                "the channels were split into {n} heads. HeadVer4 is one head: take q, k and v as they are, (B, T, C), "
                "and sqrt(C).",
                n=wei.shape[1],
            )
            raise CheckFailed(said, one)
        wei = tensor(wei, "self.wei", (B, T, T))
        if wei.isnan().any():
            line, _ = first_nan(self.head, self.x)
            cause = self.cause() if not line or "softmax" in line else None
            said = say("self.wei has nan, expected weights.")
            raise CheckFailed(said if cause else f"{said}\n{where_nan_begins(self.head, self.x)}", cause)
        return wei

    def _cause_without_batch(self, wei):
        """What became of the examples in kept weights (T, T), in words."""
        right = softmax_of(self.scores, self.future)
        suspects = [(say("the weights of one example are kept. Each example has its own."), one) for one in right]
        suspects += [
            (say("the mean of the weights over the examples is kept. Each example has its own."), right.mean(0))
        ]
        for scores in (self.scores, self.raw, self.raw / self.x.shape[2]):
            added = say(
                "the scores were added up over the examples. Each has its own, (B, T, T): in einsum, b must stand in "
                "the result, 'btd,bsd->bts'."
            )
            averaged = say("the scores were averaged over the examples. Each has its own, (B, T, T).")
            suspects += [(added, softmax_of(scores.sum(0), self.future)), (added, scores.sum(0))]
            suspects += [(averaged, softmax_of(scores.mean(0), self.future)), (averaged, scores.mean(0))]
        return likely_cause(wei, suspects) or say("the dimension of the examples is gone. Each has weights of its own.")

    def cause(self):
        """What is wrong with weights or output, in words, or None. All checks ask this, so the first one says it."""
        head = self.head
        if made := made_anew(head, self.call, self.x):
            return made
        tril = getattr(head, "tril", None)
        if isinstance(tril, torch.Tensor) and tril.shape != (self.block_size, self.block_size):
            return say(
                "self.tril has shape {shape} after a call with a shorter x. "
                "Leave it as it is, and take self.tril[:T, :T] into a variable.",
                shape=tuple(tril.shape),
            )
        new = type(head)(self.block_size, self.x.shape[2]).tril if isinstance(tril, torch.Tensor) else tril
        if isinstance(new, torch.Tensor) and not torch.equal(tril, new):
            return say(
                "a call wrote into self.tril, so the next one finds another mask. A slice of it, self.tril[:T, :T], is "
                "the same memory. Hide the future in the scores with masked_fill, which makes a new tensor."
            )
        try:
            # On sizes that are all different no two mistakes look the same.
            other = _Run(type(head), B=3, T=6, C=14, block_size=10, seed=99, training=head.training)
            wei = tensor(kept(other.head, "wei", other.what), "self.wei", (3, 6, 6))
            again = other.call(other.x)
        except CheckFailed:
            other, wei, again = self, self.head.wei, self.out
            if self.debug or not isinstance(wei, torch.Tensor) or wei.shape != self.raw.shape:
                return None
            wei = wei.detach()
        if not agree(again, other.out).all() or not agree(other.head.wei.detach(), wei).all():
            outputs = []
            for _ in range(2):
                torch.manual_seed(0)
                outputs.append(other.call(other.x))
            if not agree(*outputs).all():
                return say(CHANGES)
            return say(
                "something is drawn at random, by a dropout perhaps: the same x gave something else when asked again."
            )
        return _cause_of_run(other, wei)


def _cause_of_run(ran, wei):
    """What is wrong with the weights (B, T, T) that a head kept, or with its output, in words, or None."""
    right = softmax_of(ran.scores, ran.future)
    if agree(wei, right).all():
        if agree(ran.out, right @ ran.v).all():
            return None
        return likely_cause(ran.out, _value_suspects(ran, right)) or times(ran.out, right @ ran.v)
    if agree(wei, softmax_of(ran.raw, ran.future)).all() and _is_variance(ran.head, ran.scores):
        return say("self.var is that of the divided scores, but the softmax got them before the division by sqrt(C).")
    known = likely_cause(wei, _weight_suspects(ran, ran.block_size)) or _weak_mask(wei, ran.scores, ran.future)
    if not known and agree(ran.out, wei.softmax(-1) @ ran.v).all() and not agree(ran.out, wei @ ran.v).all():
        scores, cause = say(HOLDS_SCORES), _cause_of_run(ran, wei.softmax(-1))
        return two_causes(cause, scores) if cause else scores
    if agree(ran.out, right @ ran.v).all():
        return kept_early(known)
    close = nearly(wei, right) and not wei[:, ran.future].any()
    return known or times(wei, right) or (say(NEARLY) if close else _cause_of_scores(ran, wei))


def _cause_of_scores(ran, wei):
    """Where weights are a softmax of masked scores: what these scores have to do with q k^T, in words, or None."""
    if not (agree(wei.sum(-1), torch.ones(wei.shape[:2])).all() and (wei >= 0).all()):
        return None
    seen = (wei > 1e-12) & ~ran.future
    if not (wei.masked_fill(~ran.future, 0) == 0).all() or not seen[:, :, 0].all():
        return None
    # softmax only knows differences of scores along a row, so those are compared: with the first of each row.
    yours = (wei / wei[:, :, :1]).log()[seen]
    raw = (ran.raw - ran.raw[:, :, :1])[seen]
    factor = (yours * raw).sum() / raw.square().sum()
    C = ran.x.shape[2]
    if agree(yours, factor * raw, 1e-3).all():
        return say(
            "q k^T was multiplied by {factor:.4g}, which is a division by {inverse:.4g}. For C = {C} it must be "
            "divided by sqrt(C) = {root:.4g}.",
            factor=factor.item(),
            inverse=1 / factor.item(),
            C=C,
            root=math.sqrt(C),
        )
    return say("mask and softmax are right, but the scores that they were given are not q k^T / sqrt(C).")


@check
def attention_never_looks_ahead(Head, B=2, T=5, C=8, block_size=5, seed=0):
    """The weights of the future are exactly 0, and editing the future changes nothing before it."""
    ran = _Run(Head, B, T, C, block_size, seed)
    wei = ran.wei()
    ahead = wei.masked_fill(~ran.future, 0) != 0
    if ahead.any():
        b, t, s = ahead.nonzero()[0].tolist()
        raise looks_ahead(t, s, wei[b, t, s].item(), ran.cause())
    silent = ran.x.clone()
    silent[:, 1] = 0
    if ran.call(silent).isnan().any():
        said = say("Where the embedding at position 1 is all 0, the output has nan.")
        zeros = say(
            "a score that happens to be 0 was hidden too. What is hidden depends on the place alone, not on the score: "
            "self.tril[:T, :T] == 0."
        )
        _, why = first_nan(ran.head, silent)
        cause = zeros if why.startswith(say(LOST_ROWS[1], index=1)) else ""
        raise CheckFailed(f"{said}\n{where_nan_begins(ran.head, silent)}".strip(), cause)
    if not agree(ran.call(ran.x), ran.out).all():
        made = made_anew(ran.head, ran.call, ran.x)
        said = say("head(x) gave two different outputs for the same x; expected the same.")
        raise CheckFailed(said if made else together(said, say("Is there a dropout?")), made)
    for s in range(1, T):
        edited = ran.x.clone()
        edited[:, s] += 1.0
        change = (ran.call(edited) - ran.out).abs().amax((0, 2))
        if not (change[:s] < 1e-5).all():
            t = (~(change[:s] < 1e-5)).nonzero()[0].item()
            cause = ran.cause()
            said = say(
                "The output at position {t} changed by {change:.2g} when position {s} was edited; expected 0.",
                t=t,
                change=change[t].item(),
                s=s,
            )
            if not cause:
                said += "\n" + say("Something of a position that comes later leaks in.")
            raise CheckFailed(said, cause)


@check
def attention_rows_sum_to_one(Head, B=2, T=5, C=8, block_size=5, seed=0):
    """Each row of `self.wei` sums to 1."""
    ran = _Run(Head, B, T, C, block_size, seed)
    rows_sum_to_one(ran.wei(), ran.cause())


@check
def attention_variance_is_one(Head, B=4, T=128, C=900, seed=0):
    """With k, q and v drawn from a standard normal (`debug=True`), the variance of the scaled scores is 1.

    The tolerance of 0.1 is more than twenty standard deviations at these sizes.
    """
    ran = _Run(Head, B, T, C, T, seed, debug=True)
    yours = _variance(ran)
    if abs(yours - 1) < 0.1:
        return _depends_on_what_debug_draws(ran, seed)
    own = ran.scores.var().item()
    known = [
        (C, say("the scores were not divided by sqrt(C) = {root:.4g}: the variance is C.", root=math.sqrt(C))),
        (1 / C, say("the scores were divided by C, not by its square root: the variance is 1 / C.")),
        (C * C, say("the scores were multiplied by sqrt(C) instead of divided: the variance is C squared.")),
        (C / T, say("the scores were divided by sqrt(T): the variance is C / T. The sum in q @ k runs over C.")),
        (C / B, say("the scores were divided by sqrt(B): the variance is C / B. The sum in q @ k runs over C.")),
        (
            C / (B * T),
            say("the scores were divided by sqrt(B T): the variance is C / (B T). The sum in q @ k runs over C."),
        ),
        (1 / (4 * C), say("`/ C ** 1/2` divides by C, and then by 2: the variance is 1 / (4 C). Write C ** 0.5.")),
        (4 / C, say("`C ** 1/2` is half of C: the variance is 4 / C. Write C ** 0.5.")),
        (C / T**2, say("the scores were divided by T, not by sqrt(C): the variance is C / T².")),
        (C / 1024, say("the scores were divided by 32, which fits C = 1024 only: the variance is C / 1024.")),
        *(
            (
                C / n,
                say("the scores were divided by sqrt({n}), which fits C = {n} only: the variance is C / {n}.", n=n),
            )
            for n in (8, 16, 32, 64)
        ),
        (math.sqrt(C), say("the scores were divided by the fourth root of C: the variance is sqrt(C).")),
    ]
    if _near(yours, own) or _near(yours, own * C):
        cause = say("query(x) and key(x) are used. With debug=True, use the q and k that `if debug:` drew.")
    elif yours != yours or math.isinf(yours):
        cause = say("it was taken after the mask put -inf in. Take it right after scaling.")
    else:
        cause = _stored_too_late(ran, yours) or _cause_of_stage(Head)
        cause = cause or ran.cause() or _cause_of_variance(Head)
        cause = cause or next((w for v, w in known if abs(yours - v) < 0.02 * v), None)
        cause = cause or (None if _with_another_x(ran, seed) is None else say(NOT_DRAWN))
    said = say("The variance of the scores is {variance:.4g}, expected 1.", variance=yours)
    if not cause:
        said += "\n" + say("The weights are right, so the scores are: what was stored isn't their variance.")
    raise CheckFailed(said, cause)


def _stored_too_late(ran, yours):
    """That the variance of the weights was stored, in words, or None."""
    wei = ran.head.wei
    if isinstance(wei, torch.Tensor) and _near(yours, wei.var().item()):
        return say("it was taken after the softmax. Take it right after scaling.")
    return None


def _cause_of_stage(Head):
    """That self.var is the variance of another stage, where the weights come from the right scores, in words, or None.

    Another mistake in what comes after the scores is the second cause: it doesn't explain the variance.
    """
    try:
        ran = _Run(Head, B=3, T=7, C=20, block_size=7, seed=0)
        yours, wei = _variance(ran), ran.wei()
    except CheckFailed:
        return None
    right = agree(wei, softmax_of(ran.scores, ran.future)).all()
    if right and agree(ran.out, wei @ ran.v).all():
        return None
    if not _from_scores(wei, ran.scores, ran.future):
        other = ran.cause()
        if not other or _from_scores(wei, ran.raw, ran.future) or not _near(yours, ran.raw.var().item(), 1e-5):
            return None
        return two_causes(say("it was taken before the division. Take it right after."), other)
    stages = _variance_suspects(ran, True)
    stage = next((words for words, value in stages if _near(yours, value.item(), 1e-5)), None)
    other = ran.cause() if stage else None
    return two_causes(stage, other) if stage and other else stage


def _from_scores(wei, scores, future):
    """Whether weights (B, T, T) are proportional to the exponentials of these scores, row by row, where not masked."""
    shift = wei.log() - scores
    for region in (~future, future):
        seen = region & (wei > 1e-9)
        highest = shift.masked_fill(~seen, -math.inf).amax(-1)
        lowest = shift.masked_fill(~seen, math.inf).amin(-1)
        rows = seen.sum(-1) > 1
        if rows.any():
            return bool(((highest - lowest)[rows] < 1e-3).all())
    return False


def _is_variance(head, scores):
    """Whether a head keeps the variance of these scores."""
    kept_one = getattr(head, "var", None)
    return isinstance(kept_one, torch.Tensor) and kept_one.numel() == 1 and _near(kept_one.item(), scores.var().item())


def _cause_of_variance(Head):
    """What is wrong with self.var where weights and output are right, in words, or None."""
    try:
        attention_variance_is_kept(Head, B=3, T=7, C=20, block_size=7)
    except CheckFailed as failed:
        return failed.cause
    return None


def _depends_on_what_debug_draws(ran, seed):
    """With debug=True and the same seed, x is of no importance."""
    other = _with_another_x(ran, seed)
    if other is not None:
        change = (ran.out - other).abs().max().item()
        raise CheckFailed(
            say(
                "With debug=True the output still depends on x: it changed by {change:.2g} with another x, expected 0.",
                change=change,
            ),
            ran.cause() or say(NOT_DRAWN),
        )


def _with_another_x(ran, seed):
    """The output (B, T, C) with debug=True, the same seed and another x, where it is another one; else None."""
    torch.manual_seed(seed)
    other = ran.call(-ran.x, debug=True)
    if agree(ran.out, other).all():
        return None
    torch.manual_seed(seed)
    return None if agree(ran.call(ran.x, debug=True), other).all() else other  # the first call differed, and not x


def _variance(ran):
    value = getattr(ran.head, "var", None)
    if value is None:
        said = say(
            "self.var is not set after {call}. Store it right after scaling: self.var = scores.var().", call=ran.what
        )
        raise CheckFailed(said)
    try:
        if isinstance(value, str):
            raise TypeError
        return float(value.detach() if isinstance(value, torch.Tensor) else value)
    except (TypeError, ValueError, RuntimeError):
        if callable(value):
            said = say(
                "self.var is a method, which is called with round brackets, expected one number: the variance of all "
                "scores together."
            )
        elif shape := tuple(getattr(value, "shape", ())):
            said = say(
                "self.var is a tensor of shape {shape}, expected one number: the variance of all scores together.",
                shape=shape,
            )
        else:
            said = say(
                "self.var is a {kind}, expected one number: the variance of all scores together.",
                kind=type(value).__name__,
            )
        raise CheckFailed(said) from None


@check
def attention_variance_is_kept(Head, B=3, T=7, C=20, block_size=7, seed=0):
    """`self.var` is the variance of the scaled scores, before the mask; counted with n or n - 1, both are right."""
    ran = _Run(Head, B, T, C, block_size, seed)
    yours = _variance(ran)
    right = ran.scores.var().item()
    if _near(yours, right) or _near(yours, ran.scores.var(correction=0).item()):
        return
    said = say(
        "self.var is {yours:.4g}; the variance of the scaled scores is {expected:.4g}.", yours=yours, expected=right
    )
    if yours != yours or math.isinf(yours):
        raise CheckFailed(said, say("it was taken after the mask put -inf in."))
    for words, value in _variance_suspects(ran, _from_scores(ran.wei(), ran.scores, ran.future)):
        if _near(yours, value.item(), 1e-5):
            raise CheckFailed(said, words)
    if any(_near(yours, round(right, digits)) for digits in range(5)):
        raise CheckFailed(said, say("it was rounded. Store it as it is."))
    cause = ran.cause()
    if not cause and _near(yours, 1.0):
        cause = say("a 1 is stored. Only for random q and k it is 1: store what you measure.")
    if not cause:
        said += "\n" + say(
            "The weights are right, so the scores are: what was stored isn't their variance, scores.var()."
        )
    raise CheckFailed(said, cause)


def _variance_suspects(ran, right_scores):
    """Pairs of a known mistake in words and the number that it stores, counted with n - 1 and with n.

    Args:
        right_scores: whether the weights were made of the scaled scores.
    """
    B, T, C = ran.x.shape
    root = math.sqrt(C)
    masked = ran.scores.masked_fill(ran.future, float("-inf"))
    undivided = say("the scores were not divided by sqrt(C).")
    scaled = [
        (say(CUT_ROOT, root=root, cut=math.isqrt(C)), ran.raw / math.isqrt(C)),
        (say("the scores were divided by C, not by sqrt(C)."), ran.raw / C),
        (say("the scores were multiplied by sqrt(C)."), ran.raw * root),
        (say("the scores were divided by half of C. `C ** 1/2` is C / 2; write C ** 0.5."), ran.raw / C * 2),
        (say("the scores were divided by sqrt(T); the sum in q @ k runs over C."), ran.raw / math.sqrt(T)),
        (say("the scores were divided by sqrt(B); the sum in q @ k runs over C."), ran.raw / math.sqrt(B)),
        (say("the scores were divided by sqrt(block_size)."), ran.raw / math.sqrt(ran.block_size)),
        (say("the scores were divided by sqrt(8), a d_k of some other model."), ran.raw / math.sqrt(8)),
        (say("the scores were divided by 32, which fits C = 1024 only."), ran.raw / 32),
        (say("the scores were divided by sqrt(32), which fits C = 32 only."), ran.raw / math.sqrt(32)),
    ]
    if right_scores:
        undivided = say("it was taken before the division by sqrt(C). Take it right after.")
        scaled = [
            (
                say(
                    "it isn't that of the scores that the weights were made of. It would be right in this case: "
                    "{mistake}",
                    mistake=words,
                ),
                scores,
            )
            for words, scores in scaled
        ]
    for words, suspect in (
        (undivided, ran.raw),
        *scaled,
        (say("`/ C ** 1/2` divides by C, and then by 2. Write C ** 0.5."), ran.raw / C / 2),
        (say("only the visible half of the scores was taken; take all, before the mask."), ran.scores[:, ~ran.future]),
        *(
            (say("it was taken after the mask."), ran.scores.masked_fill(ran.future, low))
            for low in (0, *(-(10.0**power) for power in range(2, 16)))
        ),
        (say("it was taken after the softmax."), masked.softmax(-1)),
        (say("only the first example was taken; take all."), ran.scores[0]),
        (say("only the last example was taken; take all."), ran.scores[-1]),
        (say("only the last row was taken; take all."), ran.scores[:, -1]),
        (say("only the diagonal was taken; take all."), ran.scores.diagonal(dim1=1, dim2=2)),
        (say("the queries asked the queries, not the keys."), ran.q @ ran.q.mT / root),
        (say("the keys asked the keys."), ran.k @ ran.k.mT / root),
        (say("the queries asked the values, not the keys."), ran.q @ ran.v.mT / root),
        (
            say("k.view or k.reshape doesn't swap dimensions; k.transpose(-2, -1) does."),
            ran.q @ ran.k.reshape(B, C, T) / root,
        ),
        (say("it is the variance of the queries."), ran.q),
        (say("it is the variance of the keys."), ran.k),
        (say("it is the variance of the output."), ran.out),
        (say("it is the variance of the input."), ran.x),
    ):
        yield words, suspect.var()
        yield words, suspect.var(correction=0)
    yield from (
        (say("it is the standard deviation. Use .var()."), ran.scores.std()),
        (say("it is the standard deviation. Use .var()."), ran.scores.std(correction=0)),
        (say("it is the mean. Use .var()."), ran.scores.mean()),
        (say("it is the mean of the squares; the mean isn't taken off."), ran.scores.square().mean()),
        (say("the squares were added up, not averaged."), ran.scores.var(correction=0) * ran.scores.numel()),
        (say("it is the mean of the variances of the rows. Take one of all scores."), ran.scores.var(-1).mean()),
        (
            say("it is the mean of the variances of the examples. Take one of all scores."),
            ran.scores.var((1, 2)).mean(),
        ),
        (say("it was kept from an earlier call. Set it in each."), torch.zeros(())),
    )


def _near(a, b, tolerance=1e-3):
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=1e-7)


@check
def attention_weights_are_scaled_softmax(Head, B=2, T=5, C=8, block_size=5, seed=0):
    """`self.wei` is softmax(mask(q k^T / sqrt(C))), and the output `self.wei` times v, in training and after it."""
    for training in (True, False):
        ran = _Run(Head, B, T, C, block_size, seed, training=training)
        _weights_are_scaled_softmax(ran)
        leaves_alone(ran.what, ran.head, ran.x, ran.x + 1)
        _follows_learning(ran)


@torch.no_grad()
def _follows_learning(ran):
    """Fail where weights and output stay what they were, although the layers or the text have changed."""
    kept_one = say("something of an earlier call is kept. Compute q, k, v and the weights anew in each call.")
    last = ran.x[:, -1:].clone()
    if not agree(ran.call(last), ran.head.value(last)).all():
        said = say("One position alone attends to itself, so that its output is its value; here it is another one.")
        raise CheckFailed(said, kept_one)
    ran.call(ran.x)
    for layer in ("query", "key", "value"):
        weight = getattr(ran.head, layer).weight
        weight += torch.linspace(-0.5, 0.5, weight.numel()).view_as(weight)
    out = ran.call(ran.x)
    q, k, v = (getattr(ran.head, layer)(ran.x) for layer in ("query", "key", "value"))
    right = softmax_of(q @ k.mT / math.sqrt(ran.x.shape[2]), ran.future)
    if not agree(ran.head.wei, right).all() or not agree(out, right @ v).all():
        raise CheckFailed(
            say("The weights of the layers have changed, as training does it, and self.wei or the output didn't."),
            kept_one,
        )


def _weights_are_scaled_softmax(ran):
    for layer in ("key", "query", "value"):
        if getattr(ran.head, layer).bias is not None:
            said = say(
                "self.{layer} has a bias; it is given with bias=False. Leave __init__ as it was given.", layer=layer
            )
            raise CheckFailed(said)
    wei = ran.wei()
    right = softmax_of(ran.scores, ran.future)
    axes = (mark("example"), mark("row"), mark("column"))
    cause = None if agree(wei, right).all() else ran.cause()
    compare(say("self.wei is not softmax(mask(q k^T / sqrt(C)))."), wei, right, axes=axes, cause=cause)
    cause = None if agree(ran.out, right @ ran.v).all() else ran.cause()
    compare(say("The output is not self.wei @ v."), ran.out, right @ ran.v, cause=cause)


def _value_suspects(ran, right):
    """Pairs of a known mistake in weighing v with the right weights, in words, and the output that it gives."""
    T = ran.x.shape[1]
    return [
        (say("x was weighed; weigh v, which is value(x)."), right @ ran.x),
        (say("the queries were weighed; weigh v, which is value(x)."), right @ ran.q),
        (say("the keys were weighed; weigh v, which is value(x)."), right @ ran.k),
        (say("the weights were transposed before the product with v."), right.transpose(1, 2) @ ran.v),
        (say("v came back unweighed."), ran.v),
        (say("the input was added to the result; the head gives self.wei @ v alone."), right @ ran.v + ran.x),
        (say("the unmasked weights were used for the output."), ran.scores.softmax(-1) @ ran.v),
        (say("the unscaled weights were used for the output."), softmax_of(ran.raw, ran.future) @ ran.v),
        (
            say(
                "the output was made of scores divided by C, so by sqrt(C) twice. F.scaled_dot_product_attention "
                "divides by it as well: give it q as it is, or return self.wei @ v."
            ),
            softmax_of(ran.scores / math.sqrt(ran.x.shape[2]), ran.future) @ ran.v,
        ),
        (say("the scores were used for the output, not their softmax."), ran.scores.tril() @ ran.v),
        (
            say("the output was divided by sqrt(C) too; the scores alone are."),
            right @ ran.v / math.sqrt(ran.x.shape[2]),
        ),
        (say("value was applied twice."), right @ ran.v @ ran.head.value.weight.T.detach()),
        (say("the weights are averaged over the examples; each has its own."), right.mean(0) @ ran.v),
        (
            say("the output was reshaped: its numbers stand in other places."),
            (right @ ran.v).transpose(1, 2).reshape(ran.x.shape),
        ),
        (say("the weights don't take part: all of the past of v was added up."), ran.v.cumsum(1)),
        (
            say("all of the past of v was averaged, whatever the weights."),
            ran.v.cumsum(1) / torch.arange(1, T + 1)[:, None],
        ),
        (say("every position got the sum over all positions."), (right @ ran.v).sum(1, keepdim=True).expand_as(ran.x)),
        (say("v was added to the result; the head gives self.wei @ v alone."), right @ ran.v + ran.v),
        (say("the result was multiplied by sqrt(C)."), right @ ran.v * math.sqrt(ran.x.shape[2])),
        (say("softmax was taken of the result."), (right @ ran.v).softmax(-1)),
        (say("negative numbers of the result were set to 0."), (right @ ran.v).relu()),
        (say("v was weighed twice."), right @ right @ ran.v),
    ]


def _weight_suspects(ran, block_size):
    """Pairs of a known mistake in words and the weights (B, T, T) that it gives, one at a time, then two at once."""
    B, T, C = ran.x.shape
    raw, scores, future = ran.raw, ran.scores, ran.future
    root = math.sqrt(C)
    minus_inf = scores.masked_fill(future, float("-inf"))
    zeros = torch.zeros_like(scores)
    right, plain = minus_inf.softmax(-1), scores.softmax(-1)
    yield from [
        (say("self.wei is transposed: row t must hold what position t takes."), right.transpose(1, 2)),
        (say("the future was cut off after the softmax. Mask before it, with -inf."), plain * ~future),
        (
            say(
                "the weights were cut off after the softmax and divided by the sums of the columns. Each row is "
                "divided by its own, dim=-1; a mask of -inf before the softmax does both."
            ),
            (plain * ~future) / (plain * ~future).sum(1, keepdim=True),
        ),
        (
            say(
                "the weights were divided by the sums of the columns, after the softmax, which leaves rows that sum "
                "to 1."
            ),
            right / right.sum(1, keepdim=True),
        ),
        (
            say("-inf was put in after the softmax; it belongs into the scores."),
            plain.masked_fill(future, float("-inf")),
        ),
        (say("these are the masked scores, before the softmax."), minus_inf),
        (say("these are the masked scores, not divided, before the softmax."), raw.masked_fill(future, float("-inf"))),
        (say("these are the scores, before the mask and the softmax."), scores),
        (say("these are the undivided scores, before the mask and the softmax."), raw),
        (say("softmax came before the division by sqrt(C)."), softmax_of(raw, future) / root),
        (say("the weights were divided by sqrt(C) once more, after the softmax."), right / root),
        (say("the weights were divided by C after the softmax."), right / C),
        (say("log_softmax was taken, not softmax."), minus_inf.log_softmax(-1)),
        (say("softmax was taken twice."), right.softmax(-1)),
        (say("sigmoid was used in place of softmax."), minus_inf.sigmoid()),
        (say("the exponentials aren't divided by their sum; softmax does that."), minus_inf.exp()),
        (
            say("the scores were divided by their sum, without the exponential."),
            scores.tril() / scores.tril().sum(-1, keepdim=True),
        ),
        (say("the future got inf. It should get -inf."), softmax_of(scores, future, float("inf"))),
        (say("all of the past weighs the same: q and k aren't used."), softmax_of(zeros, future)),
        (say("the weights are averaged over the examples; each has its own."), right.mean(0).expand_as(right)),
        (say("each example got the weights of the first one."), right[:1].expand_as(right)),
    ]
    yield from mistakes(
        lambda asked, scale, change, hide, dim: softmax_of(change(scale(asked)), *hide, dim=dim),
        {
            "asked": (raw, _other_products(ran)),
            "scale": (lambda product: product / root, _other_scales(ran, block_size)),
            "change": (lambda scores: scores, _other_scores()),
            "hide": ((future,), _other_masks(T, block_size)),
            "dim": (
                -1,
                [
                    (say("softmax ran down the columns, dim=1. It should run along each row, dim=-1."), 1),
                    (say("softmax ran over the batch, dim=0. It must run along each row, dim=-1."), 0),
                ],
            ),
        },
    )


def _other_products(ran):
    """Who asks whom, wrongly: pairs of words and the products (B, T, T)."""
    q, k, v, x = ran.q, ran.k, ran.v, ran.x
    B, T, C = x.shape
    one_q, one_k = torch.nn.functional.normalize(q, dim=-1), torch.nn.functional.normalize(k, dim=-1)
    return [
        (
            say("the scores are turned: q and k are swapped, or their product. A row's query asks the columns' keys, "
                "q @ k^T."),
            k @ q.mT,
        ),
        (say("the queries ask the queries; they must ask the keys."), q @ q.mT),
        (say("the keys ask the keys; the queries must ask."), k @ k.mT),
        (say("the queries ask the values; they must ask the keys."), q @ v.mT),
        (say("the values ask the keys; the queries must ask."), v @ k.mT),
        (say("the values ask the values; the queries must ask the keys."), v @ v.mT),
        (say("x asks x; use query(x) and key(x)."), x @ x.mT),
        (say("the queries ask x; they must ask the keys."), q @ x.mT),
        (say("x asks the keys; the queries must ask."), x @ k.mT),
        (say("k.view or k.reshape doesn't swap dimensions; k.transpose(-2, -1) does."), q @ k.reshape(B, C, T)),
        (
            say("the scores of the examples were added up; each example has its own."),
            (q[:, None] @ k.mT[None]).sum(1),
        ),
        (
            say("the queries were added up over the examples; each example has its own."),
            q.sum(0, keepdim=True) @ k.mT,
        ),
        (say("q and k were divided by their lengths; divide the scores by sqrt(C)."), one_q @ one_k.mT * math.sqrt(C)),
        (say("q and k were made vectors of length 1. Take them as they are: only the scores are divided."),
         one_q @ one_k.mT),
        (say("q was made vectors of length 1. Take it as it is: only the scores are divided."), one_q @ k.mT),
        (say("k was made vectors of length 1. Take it as it is: only the scores are divided."), q @ one_k.mT),
        (say("the distance of q and k was taken; a score is their product, q @ k^T."), -torch.cdist(q, k)),
        (say("the distance of q and k was taken; a score is their product, q @ k^T."), -torch.cdist(q, k).square()),
        (say("each position asks its own key only; every query asks every key, q @ k^T."),
         (q * k).sum(-1, keepdim=True).expand(B, T, T)),
        (say("each position asks its own key only; every query asks every key, q @ k^T."),
         (q * k).sum(-1)[:, None].expand(B, T, T)),
        (say("k was multiplied by a vector of its sums; every query asks every key, q @ k^T."),
         (q.sum(-1, keepdim=True) * k.sum(-1, keepdim=True).mT)),
        (say("q and k were added, not multiplied."), q.sum(-1, keepdim=True) + k.sum(-1, keepdim=True).mT),
        *((words, _through(layer_norm, q, k, v, ran)) for words, layer_norm in (
            (say("a LayerNorm was laid over x; query and key take x as it is."), "x"),
            (say("a LayerNorm was laid over q and k; the scores take them as they are."), "qk"),
        )),
        (say("q and k went through a softmax; the scores take them as they are."), q.softmax(-1) @ k.softmax(-1).mT),
        (say("negative numbers of q and k were set to 0; the scores take them as they are."), q.relu() @ k.relu().mT),
    ]  # fmt: skip


def _through(where, q, k, v, ran):
    """The products (B, T, T) with a LayerNorm that doesn't belong there."""
    norm = torch.nn.functional.layer_norm
    C = q.shape[-1:]
    if where == "qk":
        return norm(q, C) @ norm(k, C).mT
    x = norm(ran.x, C)
    with torch.no_grad():
        return ran.head.query(x) @ ran.head.key(x).mT


def _other_scales(ran, block_size):
    """What the product is divided by, wrongly: pairs of words and functions of the products (B, T, T)."""
    B, T, C = ran.x.shape
    root = math.sqrt(C)
    return [
        (say("the scores were not divided by sqrt(C)."), lambda raw: raw),
        (say(CUT_ROOT, root=root, cut=math.isqrt(C)), lambda raw: raw / math.isqrt(C)),
        (say("the scores were divided by C, not by sqrt(C). Twice by sqrt(C) is by C, too."), lambda raw: raw / C),
        (say("the scores were multiplied by sqrt(C), not divided."), lambda raw: raw * root),
        (say("`/ C ** 1/2` divides by C, and then by 2. Write C ** 0.5."), lambda raw: raw / C / 2),
        (say("`C ** 1/2` is half of C. Write C ** 0.5."), lambda raw: raw / C * 2),
        (say("the scores were divided by the fourth root of C, not by sqrt(C)."), lambda raw: raw / C**0.25),
        (say("the scores were divided by more than sqrt(C): by sqrt(C) and by C."), lambda raw: raw / C**1.5),
        (say("the scores were divided by C²."), lambda raw: raw / C**2),
        (say("the scores were divided by sqrt(T); the sum in q @ k runs over C."), lambda raw: raw / math.sqrt(T)),
        (say("the scores were divided by sqrt(B); the sum in q @ k runs over C."), lambda raw: raw / math.sqrt(B)),
        (say("the scores were divided by T, not by sqrt(C)."), lambda raw: raw / T),
        (say("the scores were divided by sqrt(block_size)."), lambda raw: raw / math.sqrt(block_size)),
        (
            say("the scores were divided by sqrt(T C); the sum in q @ k runs over C alone."),
            lambda raw: raw / math.sqrt(T * C),
        ),
        (say("the scores were divided by sqrt(2 C), not by sqrt(C)."), lambda raw: raw / math.sqrt(2 * C)),
        *(
            (
                say("the scores were divided by {n}, which fits C = {square} only.", n=number, square=number**2),
                lambda raw, n=number: raw / n,
            )
            for number in (2, 4, 8, 16, 32, 64)
        ),
        *(
            (
                say("the scores were divided by sqrt({n}), which fits C = {n} only.", n=number),
                lambda raw, n=number: raw / n**0.5,
            )
            for number in (2, 8, 32, 128, 512)
        ),
        (say("the scores were divided by the logarithm of C, not by sqrt(C)."), lambda raw: raw / math.log(C)),
        (say("the scores were divided by their own standard deviation, not by sqrt(C)."), lambda raw: raw / raw.std()),
        (say("the scores were standardised; divide them by sqrt(C)."), lambda raw: (raw - raw.mean()) / raw.std()),
        (say("the scores were divided by their largest; divide them by sqrt(C)."), lambda raw: raw / raw.max()),
        (
            say("each row of scores was divided by its standard deviation; divide by sqrt(C)."),
            lambda raw: raw / raw.std(-1, keepdim=True),
        ),
        (
            say("each row of scores was divided by its length; divide by sqrt(C)."),
            lambda raw: raw / raw.norm(dim=-1, keepdim=True),
        ),
    ]  # fmt: skip


def _other_scores():
    """What was done to the scaled scores and shouldn't have been: pairs of words and functions of the scores."""
    return [
        (say("negative scores were set to 0; leave them as they are."), lambda scores: scores.relu()),
        (say("the scores lost their sign; leave them as they are."), lambda scores: scores.abs()),
        (say("the scores are negative."), lambda scores: -scores),
        (say("the scores were squared; leave them as they are."), lambda scores: scores.square()),
        (
            say("the exponential of the scores was taken before the softmax, which takes it itself."),
            lambda scores: scores.exp(),
        ),
        (say("tanh was laid over the scores; leave them as they are."), lambda scores: scores.tanh()),
        (say("sigmoid was laid over the scores; leave them as they are."), lambda scores: scores.sigmoid()),
        (say("softmax was taken before the mask, and again after it."), lambda scores: scores.softmax(-1)),
        (
            say("the scores were averaged over the examples; each has its own."),
            lambda scores: scores.mean(0).expand_as(scores),
        ),
        (say("each example got the scores of the first one."), lambda scores: scores[:1].expand_as(scores)),
    ]  # fmt: skip


def _other_masks(T, block_size):
    """What is hidden, wrongly: pairs of words and the mask (T, T), with the score that stands in for -inf."""
    ones, longer = torch.ones(T, T), torch.ones(block_size, block_size)
    future = ones.triu(1).bool()
    return [
        (say("the future isn't masked."), (ones < 0,)),
        (say("the past was masked instead of the future."), (ones.tril(-1).bool(),)),
        (say("the past was masked instead of the future, position t with it."), (ones.tril().bool(),)),
        (say("position t itself is masked too; it must see itself."), (ones.triu().bool(),)),
        (say("position t + 1 is let in."), (ones.triu(2).bool(),)),
        (
            say("the last T rows of the mask were taken. Position 0 belongs to the first one: self.tril[:T, :T]."),
            (longer.triu(1)[-T:, :T].bool(),),
        ),
        (say("the future got the score 0 instead of -inf."), (future, 0.0)),
        (say("the future got the score -1 instead of -inf."), (future, -1.0)),
        (say("the future got the score 1 instead of -inf."), (future, 1.0)),
    ]


@check
def attention_ignores_the_order_of_the_past(Head, B=2, T=6, C=8, block_size=6, seed=0):
    """Permuting positions 0 to T - 2 leaves the output of the last position as it is; other contents don't."""
    ran = _Run(Head, B, T, C, block_size, seed)
    order = torch.arange(T)
    order[: T - 1] = order[: T - 1].roll(1)
    shuffled = ran.call(ran.x[:, order].clone())
    change = (shuffled[:, -1] - ran.out[:, -1]).abs().max().item()
    if not change < 1e-4:
        cause = ran.cause()
        said = say(
            "The last output changed by {change:.2g} when the past was put in another order; expected 0.\n"
            "It was {before} and became {after}.",
            change=change,
            before=brief(ran.out[0, -1]),
            after=brief(shuffled[0, -1]),
        )
        if not cause:
            said += "\n" + say("Attention weighs contents, not places: the weights come from q and k.")
        raise CheckFailed(said, cause)
    other = ran.x.clone()
    other[:, : T - 1] += torch.randn(B, T - 1, C, generator=seeded(seed + 1))
    changed = ran.call(other)
    if not (changed[:, -1] - ran.out[:, -1]).abs().max().item() > 1e-6:
        said = say(
            "The last output didn't change when the contents of the past did: it doesn't look at its past at all."
        )
        raise CheckFailed(said, ran.cause())
