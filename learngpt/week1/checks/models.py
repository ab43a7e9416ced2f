"""Checks of whole models: GPTVer2 and GPTVer3 with any head."""

import contextlib
import math

import torch
from torch import nn

from learngpt.advice import classes_made, cuts_gradients, where_nan_begins
from learngpt.checking import (
    CheckFailed,
    agree,
    cause_of_shape,
    check,
    compare,
    leaves_alone,
    likely_cause,
    run,
    seeded,
    tensor,
    times,
)
from learngpt.instruments import sinusoids
from learngpt.language import counted, mark, say
from learngpt.text import Text

TINY = Text("to be, or not to be: that is the question.\n" * 20)
EMBED_FIRST = mark("idx goes into token_embedding_table first, and what comes out of that into the head.")


class BentMeanHead:
    """The mean of the past, so that a model can be checked without a learner's head.

    It is bent by tanh: a plain mean and lm_head could change places unnoticed.
    """

    stages = None  # a dictionary, where what goes in is to be remembered

    def __init__(self, expected=()):
        self.expected = expected  # the (B, T, C) of the next call, where that is known

    def __call__(self, x):  # (B, T, C) -> (B, T, C)
        if not isinstance(x, torch.Tensor):
            said = say("The head was given a {kind}; it takes embeddings, (B, T, C).", kind=type(x).__name__)
            raise CheckFailed(f"{said}\n{say(EMBED_FIRST)}")
        if x.dim() != 3:
            shape = tuple(x.shape)
            said = say("The head was given a tensor of shape {shape}; it takes embeddings, (B, T, C).", shape=shape)
            if x.is_floating_point():
                raise CheckFailed(said, _lost_before_the_head(shape, self.expected))
            raise CheckFailed(f"{said}\n{say(EMBED_FIRST)}" if x.dim() < 3 else said)
        if self.stages is not None:
            self.stages["into the head"] = x.detach().clone()
        return (x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None]).tanh()


def _lost_before_the_head(shape, expected):
    """What became of the dimensions of what the head is given, in words, or ""."""
    if len(expected) == 3 and shape == (expected[0] * expected[1], expected[2]):
        return say("examples and positions were made one dimension. Leave idx as it is, (B, T), and embed it so.")
    return cause_of_shape(shape, expected) if expected else ""


class BentMeanModule(BentMeanHead):
    """The same with the `forward` of a module, like a HeadVer4."""

    def forward(self, x):
        return self(x)


for _head in (BentMeanHead, BentMeanModule):
    _head.__name__ = _head.__qualname__ = "Head"  # as a learner meets it in messages


class MixingHead(nn.Module):
    """An attention head with fixed weights of its own, so that a model can be checked without a learner's head."""

    def __init__(self, embed_size):
        super().__init__()
        self.mix = nn.Linear(embed_size, 2 * embed_size)

    def forward(self, x):  # (B, T, C) -> (B, T, C)
        asked, offered = self.mix(x).chunk(2, -1)
        return nn.functional.scaled_dot_product_attention(asked, offered, x, is_causal=True)


@check
def makes_logits(GPT, B=2, T=4, C=6, vocab_size=9, block_size=8, seed=0):
    """`logits` is lm_head of the head of the embedded tokens: (B, T) -> (B, T, V)."""
    torch.manual_seed(seed)
    name = GPT.__name__
    given = BentMeanHead((B, T, C))
    model = run(f"{name}(head, ...)", GPT, given, vocab_size, C, block_size)
    _has_its_parts(model, given, vocab_size, C)
    idx = torch.randint(vocab_size, (B, T), generator=seeded(seed))
    earlier = (idx + 1) % vocab_size
    has_its_shape(name, run(f"{name}.logits(idx)", model.logits, earlier), B, T, C, vocab_size)  # is it remembered?
    out, stages = staged(model, idx)
    embed, head, to_logits = model.token_embedding_table, model.head, model.lm_head
    out = tensor(out, f"{name}.logits(idx)", (B, T, vocab_size))
    with torch.no_grad():
        x = embed(idx)
        right = to_logits(head(x))
        suspects = [
            (
                say("the head isn't used: the embeddings go straight into lm_head.")
                if "into the head" not in stages
                else say("the head is called, but what it gives isn't kept: x = self.head(x)."),
                to_logits(x),
            ),
            (say("the head is used twice."), to_logits(head(head(x)))),
            (say("the embeddings are added to the head's output. Only that output should go into lm_head."),
             to_logits(head(x) + x)),
            (say("the head runs after lm_head. It should work on the (B, T, C) embeddings."), head(to_logits(x))),
            (say("these are the logits of an earlier call: something is kept on self."),
             to_logits(head(embed(earlier)))),
            (say("the embeddings are added to the head's output, and halved."), to_logits((head(x) + x) / 2)),
            (say("the head is run on what lm_head gave as well."), head(right)),
            (say("the head got softmax of the embeddings; it takes them as they are."), to_logits(head(x.softmax(-1)))),
            (say("softmax was taken of what the head gave; lm_head takes it as it is."),
             to_logits(head(x).softmax(-1))),
            (say("negative numbers of the head were set to 0; lm_head takes them as they are."),
             to_logits(head(x).relu())),
            (say("the embeddings are scaled by sqrt(C) before the head."), to_logits(head(x * C**0.5))),
            (say("every position got the mean of the head's output over all positions."),
             to_logits(head(x).mean(1, keepdim=True)).expand_as(right)),
            (say("each example got the logits of the first one."), right[:1].expand_as(right)),
            *after_lm_head(right),
            (say("the embedding table is used a second time in place of lm_head."), head(x) @ embed.weight.T),
            (say("lm_head's bias is left out. Call self.lm_head itself."), right - to_logits.bias),
        ]  # fmt: skip
    axes = (mark("example"), mark("position"), mark("token"))
    fact = say("{name}.logits is not lm_head(head(token_embedding_table(idx))).", name=name)
    if not agree(out, right).all():
        cause = another_head(model, stages) or made_anew(model, model.logits, idx)
        cause = cause or why_not_the_same_again(model, idx, out)
        cause = cause or likely_cause(out, suspects) or normalised(out)
        compare(fact, out, right, axes=axes, cause=cause, otherwise=where_it_parts(model, idx, out, x, stages))
    leaves_alone(f"{name}.logits(idx)", model.logits, idx, earlier)
    given.expected = ()
    follows_learning(name, model, idx, lambda: to_logits(head(embed(idx))))


def follows_learning(name, model, idx, right):
    """Fail where the logits of a text stay what they were, although the model has learned meanwhile.

    Args:
        right: a function that computes the (B, T, V) logits.
    """
    for training in (True, False):
        model.train(training)
        run(f"{name}.logits(idx)", model.logits, idx)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += torch.linspace(-1, 1, parameter.numel()).view_as(parameter)
            out, expected = run(f"{name}.logits(idx)", model.logits, idx), right()
        if not agree(tensor(out, f"{name}.logits(idx)", expected.shape), expected).all():
            raise CheckFailed(
                say("The parameters of the model have changed, as training does it, and its logits didn't follow."),
                say(
                    "logits or weights of an earlier call are kept. Compute them anew in each call, in training and "
                    "after it."
                ),
            )


def has_its_shape(name, out, B, T, C, vocab_size):
    """Fail with the likely cause where the logits have the shape of another stage."""
    shape = tuple(getattr(out, "shape", ()))
    causes = {
        (B, T, C): say("these are embeddings, or the head's output. lm_head makes logits of them."),
        (B, T): say("these are tokens, or one number for each position. logits gives V numbers for each."),
        (B, V := vocab_size): say(
            "only the last position comes back. logits gives all of them; generate takes the last."
        ),
        (B, 1, V): say("only one position comes back. logits gives all of them; generate takes the last."),
        (B * T, V): say("examples and positions were made one dimension; forward does that itself, for the loss."),
    }
    if shape != (B, T, V) and shape in causes:
        said = say(
            "{what} has shape {yours}, expected {expected}.",
            what=f"{name}.logits(idx)",
            yours=shape,
            expected=(B, T, V),
        )
        raise CheckFailed(said, causes[shape])


def after_lm_head(right):
    """Pairs of a known mistake behind lm_head, in words, and the logits that it gives."""
    return [
        (say("negative logits were set to 0. Logits are the raw numbers."), right.relu()),
        (say("sigmoid was taken. Logits are the raw numbers."), right.sigmoid()),
        (say("tanh was taken. Logits are the raw numbers."), right.tanh()),
        (say("softmax was taken, over the examples. Logits are the raw numbers."), right.softmax(0)),
        (say("softmax was taken already. Logits are the raw numbers."), right.softmax(-1)),
        (say("log_softmax was taken already. Logits are the raw numbers."), right.log_softmax(-1)),
        (say("softmax was taken, over the positions. Logits are the raw numbers."), right.softmax(1)),
        (say("every position got the logits of the last one."), right[:, -1:].expand_as(right)),
        (say("the logits are negative."), -right),
        (say("the logits are one position off."), right.roll(-1, 1)),
        (say("the logits are one position off."), right.roll(1, 1)),
        (say("the positions are in the reverse order."), right.flip(1)),
        (say("the examples are averaged; each has its own logits."), right.mean(0).expand_as(right)),
    ]


def normalised(out):
    """That logits (B, T, V) are probabilities or their logarithms, in words, or None; it shows in their sums."""
    exp = out.exp()
    for numbers, dim, words in (
        (out, 0, say("softmax was taken, over the examples: what comes back sums to 1 over dim=0. Logits are the raw "
                     "numbers.")),
        (out, 1, say("softmax was taken, over the positions: what comes back sums to 1 over dim=1. Logits are the raw "
                     "numbers.")),
        (out, 2, say("softmax was taken, over the tokens: what comes back sums to 1 over dim=2. Logits are the raw "
                     "numbers.")),
        (exp, 0, say("log_softmax was taken, over the examples: exp of what comes back sums to 1 over dim=0. Logits "
                     "are the raw numbers.")),
        (exp, 1, say("log_softmax was taken, over the positions: exp of what comes back sums to 1 over dim=1. Logits "
                     "are the raw numbers.")),
        (exp, 2, say("log_softmax was taken, over the tokens: exp of what comes back sums to 1 over dim=2. Logits are "
                     "the raw numbers.")),
    ):  # fmt: skip
        sums = numbers.sum(dim)
        if (numbers >= 0).all() and agree(sums, torch.ones_like(sums)).all():
            return words
    return None


def another_head(model, stages):
    """That logits makes a head of its own, where the model's was never called, in words, or None."""
    made = classes_made(model.logits) if "into the head" not in stages else []
    if not made:
        return None
    return say(
        "self.head was never called: another one is made in its place, {name}(...). Call the head that the model was "
        "made with, x = self.head(x).",
        name=made[0],
    )


@torch.no_grad()
def made_anew(model, function, *arguments):
    """That a call makes a layer of its own instead of using the model's, in words, or None."""
    made, initialise = [], nn.Module.__init__

    def remember(module, *given, **options):
        made.append(module)
        initialise(module, *given, **options)

    nn.Module.__init__ = remember
    try:
        with contextlib.suppress(Exception):
            function(*arguments)
    finally:
        nn.Module.__init__ = initialise
    for module in made:
        if sizes := [each.shape for each in module.parameters(recurse=False)]:
            kind = type(module).__name__
            same = [
                f"self.{name}"
                for name, given in model.named_children()
                if type(given) is type(module) and [each.shape for each in given.parameters()] == sizes
            ]
            said = say(
                "a new nn.{kind} is made in each call. It starts anew each time, and nothing ever trains it.", kind=kind
            )
            use = say("Call the one that __init__ made: {names}.", names=", ".join(same))
            return f"{said} {use}" if same else said
    return None


def staged(model, idx, hint=""):
    """The logits of a model, and what went into its head and its lm_head, for those that were called."""
    stages = {}

    def remember(layer, inputs, output):
        if inputs:
            stages["into lm_head"] = inputs[0].detach().clone()

    handle = model.lm_head.register_forward_hook(remember)
    model.head.stages = stages
    try:
        return run(f"{type(model).__name__}.logits(idx)", model.logits, idx, hint=hint), stages
    finally:
        handle.remove()
        model.head.stages = None


RANDOM = mark("something is drawn at random: the same idx gave other logits when asked again.")
CHANGES = mark("something that is kept on self changes from one call to the next: the same input gave something else.")


@torch.no_grad()
def why_not_the_same_again(model, idx, out):
    """Why a model gives other logits than `out` when it is asked again, in words; None if it gives the same."""
    if all(agree(run("logits(idx)", model.logits, idx), out).all() for _ in range(5)):
        return None
    outputs = []
    for _ in range(2):
        torch.manual_seed(0)
        outputs.append(run("logits(idx)", model.logits, idx))
    return say(RANDOM) if agree(*outputs).all() else say(CHANGES)


# What to say of a stage: that it never came, that it has another shape, is scaled, or is something else.
PARTED = {
    "into the head": (
        mark("Nothing went into the head: self.head(x) was never called."),
        mark("What goes into the head has shape {yours}, expected {expected}."),
        mark("What goes into the head isn't what it should be."),
        mark(
            "What goes into the head is already something else: at example {b}, position {t}, channel {c} it is "
            "{yours:.4g}, expected {expected:.4g}."
        ),
    ),
    "into lm_head": (
        mark("Nothing went into lm_head: it wasn't called with x."),
        mark("What goes into lm_head has shape {yours}, expected {expected}."),
        mark("What goes into lm_head isn't what it should be."),
        mark(
            "What goes into lm_head is already something else: at example {b}, position {t}, channel {c} it is "
            "{yours:.4g}, expected {expected:.4g}."
        ),
    ),
}


# What was laid over what goes on to the next stage: words, and a function of it, (B, T, C) -> (B, T, C).
BENT = [
    (mark("a LayerNorm was laid over it. It goes on as it is."), lambda x: nn.functional.layer_norm(x, x.shape[-1:])),
    (mark("a softmax was laid over it. It goes on as it is."), lambda x: x.softmax(-1)),
    (mark("negative numbers were set to 0. It goes on as it is."), torch.relu),
    (mark("a GELU was laid over it. It goes on as it is."), nn.functional.gelu),
    (mark("tanh was laid over it. It goes on as it is."), torch.tanh),
    (mark("a sigmoid was laid over it. It goes on as it is."), torch.sigmoid),
    (mark("its vectors were made of length 1. It goes on as it is."), lambda x: nn.functional.normalize(x, dim=-1)),
]


def where_it_parts(model, idx, out, x, stages):
    """The first stage at which a model's logits leave the right way, in words; `x` is what the head should be given.

    Returns:
        what is so, and the likely cause where it is known; either may be empty.
    """
    for stage, right in (("into the head", x), ("into lm_head", model.head(x))):
        nothing, other_shape, scaled, other_numbers = PARTED[stage]
        yours = stages.get(stage)
        if yours is None:
            return say(nothing), ""
        if tuple(yours.shape) != tuple(right.shape):
            B, T, C = right.shape
            cause = cause_of_shape(tuple(yours.shape), (B, T, C))
            if tuple(yours.shape) == (1, B * T, C):
                cause = say(
                    "the examples were joined to one long text, so they see each other. The head takes (B, T, C)."
                )
            if tuple(yours.shape) == (B * T, 1, C):
                cause = say(
                    "each position was made a text of its own, so none sees its past. The head takes (B, T, C)."
                )
            return say(other_shape, yours=tuple(yours.shape), expected=(B, T, C)), cause
        if factor := times(yours, right):
            return say(scaled), factor
        if not agree(yours, right).all():
            b, t, c = (~agree(yours, right)).nonzero()[0].tolist()
            numbers = {"yours": yours[b, t, c].item(), "expected": right[b, t, c].item()}
            cause = next((say(words) for words, bend in BENT if agree(yours, bend(right)).all()), "")
            if stage == "into the head":
                cause = cause or _rows_of_other_tokens(model, idx, yours, x)
            return say(other_numbers, b=b, t=t, c=c, **numbers), cause
    factor = (out / model.lm_head(model.head(x))).flatten()
    if agree(factor, factor[:1]).all():
        return "", say("the logits are multiplied by {factor:.4g} behind lm_head.", factor=factor[0].item())
    shift = out - model.lm_head(model.head(x))
    if agree(shift, shift[..., :1].expand_as(shift)).all():
        return "", say("a number was added to all logits of a position, or taken away. Logits are the raw numbers.")
    said = say("What goes into lm_head is right; what comes back isn't what lm_head gives. What is done after it?")
    return said, ""


@torch.no_grad()
def _rows_of_other_tokens(model, idx, given, x):
    """That the head is given (B, T, C) embeddings of other tokens than idx (B, T), in words, or ""; `x` is right.

    What is right besides, such as codes of positions, is in x too, and taken off.
    """
    table = model.token_embedding_table
    for rows in (given, given - x + table(idx)):
        distances = torch.cdist(rows.flatten(0, 1), table.weight)  # (B T, V)
        tokens = distances.argmin(1).view_as(idx)
        if (distances.amin(1) < 1e-4).all() and (tokens != idx).any():
            b, t = (tokens != idx).nonzero()[0].tolist()
            said = say(
                "the head gets embeddings of other characters than idx has: at example {b}, position {t} that of "
                "{number}, expected that of {expected}.",
                b=b,
                t=t,
                number=tokens[b, t].item(),
                expected=idx[b, t].item(),
            )
            return said + " " + say("idx was changed before it was embedded. Was something added to it?")
    return ""


def _has_its_parts(model, head, vocab_size, C):
    """The parts that the cell was given with are there: the head it got, the table (V, C) and lm_head."""
    if getattr(model, "head", None) is not head:
        raise CheckFailed(
            say("self.head is not the head that the model was made with. Leave __init__ as it was given.")
        )
    table, lm_head = model.token_embedding_table, model.lm_head
    if tuple(table.weight.shape) != (vocab_size, C):
        shape = tuple(table.weight.shape)
        said = say(
            "token_embedding_table has shape {yours}, expected (V, C) = {expected}.",
            yours=shape,
            expected=(vocab_size, C),
        )
        raise CheckFailed(said)
    if not isinstance(lm_head, nn.Linear) or tuple(lm_head.weight.shape) != (vocab_size, C):
        raise CheckFailed(say("lm_head is {yours}, expected nn.Linear({C}, {V}).", yours=lm_head, C=C, V=vocab_size))


class _WithHead(nn.Module):
    """Embeddings, a head and lm_head, so that a head can be checked without a learner's GPTVer2."""

    def __init__(self, head, vocab_size, embed_size, block_size):
        super().__init__()
        self.block_size = block_size
        self.token_embedding_table = nn.Embedding(vocab_size, embed_size)
        self.head = head
        self.lm_head = nn.Linear(embed_size, vocab_size)

    def logits(self, idx):
        return self.lm_head(self.head(self.token_embedding_table(idx)))

    def forward(self, idx, targets):
        logits = self.logits(idx)
        return logits, nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


@check
def head_trains_and_generates(Head, C=16, seed=0):
    """The same for a HeadVer4, inside a small model."""
    trains_and_generates(lambda V, T: _WithHead(run("HeadVer4(...)", Head, T, C), V, C, T), seed=seed)


@check
def model_trains_and_generates(GPT, C=16, seed=0):
    """The same for a GPTVer2 or GPTVer3, with a head and, where it takes some, with positions of the checks' own."""
    with lent_encodings(GPT, sinusoids(64, C).float()):
        trains_and_generates(lambda V, T: run(f"{GPT.__name__}(head, ...)", GPT, MixingHead(C), V, C, T), seed=seed)


@contextlib.contextmanager
def lent_encodings(GPT, table):
    """Lend a class with `pos_encodings` known positions, (T, C), so that the rest of it is judged apart from them.

    Yields:
        what it is asked for, and gives, as it comes: [(block_size, embed_size, codes), ...].
    """
    asked = []
    if not hasattr(GPT, "pos_encodings"):
        yield asked
        return
    own = GPT.__dict__.get("pos_encodings")

    def pos_encodings(block_size, embed_size, *_, **__):  # the learner's own may take more
        wide = table.repeat(1, math.ceil(embed_size / table.shape[1]))  # as asked for, as the learner's would be
        codes = wide[:block_size, :embed_size].clone()
        asked.append((block_size, embed_size, codes))
        return codes

    pos_encodings.__qualname__ = f"{GPT.__name__}.pos_encodings"  # in messages
    GPT.pos_encodings = staticmethod(pos_encodings)
    try:
        yield asked
    finally:
        if own is None:
            del GPT.pos_encodings
        else:
            GPT.pos_encodings = own


def trains_and_generates(build, steps=60, seed=0):
    """The loss falls, gradients reach every parameter, and text comes out at every length.

    Args:
        build: called as `build(vocab_size, block_size)`, gives a model.
    """
    torch.manual_seed(seed)
    block_size, draws = 8, seeded(seed)
    model = build(TINY.vocab_size, block_size)
    losses = []
    for _ in range(steps):
        inputs, targets = TINY.batch(4, block_size, draws)
        loss = loss_of(model, inputs, targets)
        if not torch.isfinite(loss):
            lost = counted("The loss is {loss} after {n} step.", "The loss is {loss} after {n} steps.", len(losses),
                           loss=loss.item())  # fmt: skip
            origin = say("It comes from a division by 0, or from a softmax of nothing but -inf. Where?")
            raise CheckFailed(f"{lost} {origin}")
        model.zero_grad()
        step_back(loss)
        if not losses:
            _gradients_reach_all(model)
        descend(model, 0.02)
        losses.append(loss.item())
        first, last = losses[0], sum(losses[-5:]) / 5
        # Right answers fall by 1 nat or more; a model that learns nothing moves by less than 0.1.
        if len(losses) >= 5 and last < first - 0.4:
            break
    else:
        raise CheckFailed(
            say(
                "In {steps} steps the loss went from {first:.2f} to {last:.2f}; expected at least 0.4 less.\n"
                "Do the logits depend on the tokens, each position on its own past?",
                steps=steps,
                first=first,
                last=last,
            )
        )
    _writes(model, block_size)


def loss_of(model, inputs, targets):
    """The loss that a model's forward gives beside the logits."""
    pair = run("model(idx, targets)", model, inputs, targets)
    if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[1], torch.Tensor):
        raise CheckFailed(say("model(idx, targets) must give logits and loss. Leave `forward` as it was given."))
    return pair[1]


def step_back(loss):
    """Compute the gradients of a loss."""
    if not loss.requires_grad:
        raise CheckFailed(say("The loss has no gradient, so nothing can learn. Stay with tensors all the way to it."))
    hint = say("Is a tensor of an earlier call kept on self, or changed in place after it was used? Make a new one.")
    run("loss.backward()", loss.backward, hint=hint)


@torch.no_grad()
def descend(model, rate):
    """Move each parameter by `rate` against the sign of its gradient.

    Enough to see a loss fall, without the two seconds that torch.optim takes to import a compiler.
    """
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter -= rate * parameter.grad.sign()


# The parameters that the cells are given with, at the end of their full names.
GIVEN = ("token_embedding_table.weight", "key.weight", "query.weight", "value.weight", "lm_head.weight", "lm_head.bias")


def _gradients_reach_all(model):
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad and not name.endswith(GIVEN):
            continue  # something of the learner's own that isn't meant to learn
        if parameter.grad is None or not parameter.grad.abs().sum() > 0:
            raise CheckFailed(
                say(
                    "No gradient reaches {name}, so it can't learn.\n"
                    "Is it used on the way from idx to the logits, without numpy, .item(), .tolist(), .data, "
                    ".detach(), torch.tensor(...) or torch.no_grad()?",
                    name=name,
                ),
                next(filter(None, (cuts_gradients(type(part)) for part in model.modules())), ""),
            )


@torch.no_grad()
def _writes(model, block_size):
    """Grow a text from one token to more than block_size with nothing but `logits`."""
    idx = torch.zeros(2, 1, dtype=torch.long)
    for _ in range(block_size + 2):
        seen = idx[:, -block_size:]
        hint = ""
        if seen.shape[1] < block_size:
            hint = counted(
                "Contexts shorter than block_size = {block_size} must work too; this one has {n} token.",
                "Contexts shorter than block_size = {block_size} must work too; this one has {n} tokens.",
                seen.shape[1],
                block_size=block_size,
            )
        logits = run("model.logits(idx)", model.logits, seen, hint=hint)
        logits = tensor(logits, "model.logits(idx)", (2, seen.shape[1], TINY.vocab_size))
        if logits.isnan().any():
            said = counted(
                "model.logits(idx) has nan for a context of {n} token.",
                "model.logits(idx) has nan for a context of {n} tokens.",
                seen.shape[1],
            )
            raise CheckFailed(f"{said}\n{where_nan_begins(model.logits, seen)}".strip())
        idx = torch.cat((idx, torch.multinomial(logits[:, -1].softmax(-1), 1)), 1)
