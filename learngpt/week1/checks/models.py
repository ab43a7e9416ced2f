"""Checks of whole models: GPTVer2 and GPTVer3 with any head."""

import contextlib
import math

import torch
from torch import nn

from learngpt.checking import (
    CheckFailed,
    agree,
    cause_of_shape,
    check,
    compare,
    likely_cause,
    run,
    seeded,
    tensor,
    times,
)
from learngpt.instruments import sinusoids
from learngpt.text import Text

TINY = Text("to be, or not to be: that is the question.\n" * 20)


class BentMeanHead:
    """The mean of the past, so that a model can be checked without a learner's head.

    It is bent by tanh: a plain mean and lm_head could change places unnoticed.
    """

    stages = None  # a dictionary, where what goes in is to be remembered

    def __call__(self, x):  # (B, T, C) -> (B, T, C)
        if not isinstance(x, torch.Tensor) or x.dim() != 3:
            shape = f"a tensor of shape {tuple(x.shape)}" if isinstance(x, torch.Tensor) else f"a {type(x).__name__}"
            said = f"The head was given {shape}; it takes embeddings, (B, T, C)."
            if not isinstance(x, torch.Tensor) or x.dim() < 3:
                said += "\nidx goes into token_embedding_table first, and what comes out of that into the head."
            raise CheckFailed(said)
        if self.stages is not None:
            self.stages["into the head"] = x.detach().clone()
        return (x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None]).tanh()


BentMeanHead.__name__ = BentMeanHead.__qualname__ = "Head"  # as a learner meets it in messages


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
    given = BentMeanHead()
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
                "the head isn't used: the embeddings go straight into lm_head."
                if "into the head" not in stages
                else "the head is called, but what it gives isn't kept: x = self.head(x).",
                to_logits(x),
            ),
            ("the head is used twice.", to_logits(head(head(x)))),
            ("the embeddings are added to the head's output. Only that output should go into lm_head.",
             to_logits(head(x) + x)),
            ("the head runs after lm_head. It should work on the (B, T, C) embeddings.", head(to_logits(x))),
            ("these are the logits of an earlier call: something is kept on self.", to_logits(head(embed(earlier)))),
            ("the embeddings are added to the head's output, and halved.", to_logits((head(x) + x) / 2)),
            ("the head is run on what lm_head gave as well.", head(right)),
            ("the head got softmax of the embeddings; it takes them as they are.", to_logits(head(x.softmax(-1)))),
            ("softmax was taken of what the head gave; lm_head takes it as it is.", to_logits(head(x).softmax(-1))),
            ("negative numbers of the head were set to 0; lm_head takes them as they are.", to_logits(head(x).relu())),
            ("the embeddings are scaled by sqrt(C) before the head.", to_logits(head(x * C**0.5))),
            ("every position got the mean of the head's output over all positions.",
             to_logits(head(x).mean(1, keepdim=True)).expand_as(right)),
            ("each example got the logits of the first one.", right[:1].expand_as(right)),
            *after_lm_head(right),
            ("the embedding table is used a second time in place of lm_head.", head(x) @ embed.weight.T),
            ("lm_head's bias is left out. Call self.lm_head itself.", right - to_logits.bias),
        ]  # fmt: skip
    axes = ("example", "position", "token")
    fact = f"{name}.logits is not lm_head(head(token_embedding_table(idx)))."
    if not agree(out, right).all():
        cause = made_anew(model, model.logits, idx) or (RANDOM if drawn_at_random(model, idx, out) else None)
        cause = cause or likely_cause(out, suspects) or normalised(out)
        compare(fact, out, right, axes=axes, cause=cause, otherwise=where_it_parts(model, idx, out, x, stages))


def has_its_shape(name, out, B, T, C, vocab_size):
    """Fail with the likely cause where the logits have the shape of another stage."""
    shape = tuple(getattr(out, "shape", ()))
    causes = {
        (B, T, C): "these are embeddings, or the head's output. lm_head makes logits of them.",
        (B, T): "these are tokens, or one number for each position. logits gives V numbers for each.",
        (B, V := vocab_size): "only the last position comes back. logits gives all of them; generate takes the last.",
        (B, 1, V): "only one position comes back. logits gives all of them; generate takes the last.",
        (B * T, V): "examples and positions were made one dimension; forward does that itself, for the loss.",
    }
    if shape != (B, T, V) and shape in causes:
        raise CheckFailed(f"{name}.logits(idx) has shape {shape}, expected {(B, T, V)}.\nLikely cause: {causes[shape]}")


def after_lm_head(right):
    """Pairs of a known mistake behind lm_head, in words, and the logits that it gives."""
    return [
        ("negative logits were set to 0. Logits are the raw numbers.", right.relu()),
        ("sigmoid was taken. Logits are the raw numbers.", right.sigmoid()),
        ("tanh was taken. Logits are the raw numbers.", right.tanh()),
        ("softmax was taken, over the examples. Logits are the raw numbers.", right.softmax(0)),
        ("softmax was taken already. Logits are the raw numbers.", right.softmax(-1)),
        ("log_softmax was taken already. Logits are the raw numbers.", right.log_softmax(-1)),
        ("softmax was taken, over the positions. Logits are the raw numbers.", right.softmax(1)),
        ("every position got the logits of the last one.", right[:, -1:].expand_as(right)),
        ("the logits are negative.", -right),
        ("the logits are one position off.", right.roll(-1, 1)),
        ("the logits are one position off.", right.roll(1, 1)),
        ("the positions are in the reverse order.", right.flip(1)),
        ("the examples are averaged; each has its own logits.", right.mean(0).expand_as(right)),
    ]


def normalised(out):
    """That logits (B, T, V) are probabilities or their logarithms, in words, or None; it shows in their sums."""
    for name, prefix, numbers in (("softmax", "", out), ("log_softmax", "exp of ", out.exp())):
        for dim, axis in enumerate(("examples", "positions", "tokens")):
            if (numbers >= 0).all() and agree(numbers.sum(dim), torch.ones_like(numbers.sum(dim))).all():
                return (
                    f"{name} was taken, over the {axis}: {prefix}what comes back sums to 1 over dim={dim}. Logits are "
                    "the raw numbers."
                )
    return None


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
            said = f"a new nn.{kind} is made in each call. It starts anew each time, and nothing ever trains it."
            return f"{said} Call the one that __init__ made: {', '.join(same)}." if same else said
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


RANDOM = "something is drawn at random: the same idx gave other logits when asked again."


@torch.no_grad()
def drawn_at_random(model, idx, out):
    """Whether a model gives other logits than `out` when it is asked again."""
    return any(not agree(run("logits(idx)", model.logits, idx), out).all() for _ in range(5))


def where_it_parts(model, idx, out, x, stages):
    """The first stage at which a model's logits leave the right way, in words; `x` is what the head should be given."""
    ways = [("into the head", "What goes into the head", x), ("into lm_head", "What goes into lm_head", model.head(x))]
    for stage, words, right in ways:
        yours = stages.get(stage)
        if yours is None:
            return f"Nothing went {stage}: it wasn't called with x."
        if tuple(yours.shape) != tuple(right.shape):
            said = f"{words} has shape {tuple(yours.shape)}, expected {tuple(right.shape)}."
            B, T, C = right.shape
            cause = cause_of_shape(tuple(yours.shape), (B, T, C))
            if tuple(yours.shape) == (1, B * T, C):
                cause = "the examples were joined to one long text, so they see each other. The head takes (B, T, C)."
            if tuple(yours.shape) == (B * T, 1, C):
                cause = "each position was made a text of its own, so none sees its past. The head takes (B, T, C)."
            return f"{said}\nLikely cause: {cause}" if cause else said
        if words_of_factor := times(yours, right):
            return f"{words} isn't what it should be: {words_of_factor}"
        if not agree(yours, right).all():
            b, t, c = (~agree(yours, right)).nonzero()[0].tolist()
            return (
                f"{words} is already something else: at example {b}, position {t}, channel {c} it is "
                f"{yours[b, t, c].item():.4g}, expected {right[b, t, c].item():.4g}."
            )
    factor = (out / model.lm_head(model.head(x))).flatten()
    if agree(factor, factor[:1]).all():
        return f"Likely cause: the logits are multiplied by {factor[0]:.4g} behind lm_head."
    shift = out - model.lm_head(model.head(x))
    if agree(shift, shift[..., :1].expand_as(shift)).all():
        return (
            "Likely cause: a number was added to all logits of a position, or taken away. Logits are the raw numbers."
        )
    return "What goes into lm_head is right; what comes back isn't what lm_head gives. What is done after it?"


def _has_its_parts(model, head, vocab_size, C):
    """The parts that the cell was given with are there: the head it got, the table (V, C) and lm_head."""
    if getattr(model, "head", None) is not head:
        raise CheckFailed("self.head is not the head that the model was made with. Leave __init__ as it was given.")
    table, lm_head = model.token_embedding_table, model.lm_head
    if tuple(table.weight.shape) != (vocab_size, C):
        shape = tuple(table.weight.shape)
        raise CheckFailed(f"token_embedding_table has shape {shape}, expected (V, C) = {(vocab_size, C)}.")
    if not isinstance(lm_head, nn.Linear) or tuple(lm_head.weight.shape) != (vocab_size, C):
        raise CheckFailed(f"lm_head is {lm_head}, expected nn.Linear({C}, {vocab_size}).")


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
        trains_and_generates(lambda V, T: GPT(MixingHead(C), V, C, T), seed=seed)


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

    def pos_encodings(block_size, embed_size):
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
    model = run("making the model", build, TINY.vocab_size, block_size)
    losses = []
    for _ in range(steps):
        inputs, targets = TINY.batch(4, block_size, draws)
        loss = loss_of(model, inputs, targets)
        if not torch.isfinite(loss):
            raise CheckFailed(
                f"The loss is {loss.item()} after {len(losses)} steps. Where does a division by 0 come from?"
            )
        model.zero_grad()
        step_back(loss)
        if not losses:
            _gradients_reach_all(model)
        descend(model, 0.02)
        losses.append(loss.item())
    first, last = losses[0], sum(losses[-5:]) / 5
    # Right answers fall by 1 nat or more; a model that learns nothing moves by less than 0.1.
    if not last < first - 0.4:
        raise CheckFailed(
            f"In {steps} steps the loss went from {first:.2f} to {last:.2f}; expected at least 0.4 less.\n"
            "Do the logits depend on the tokens, each position on its own past?"
        )
    _writes(model, block_size)


def loss_of(model, inputs, targets):
    """The loss that a model's forward gives beside the logits."""
    pair = run("model(idx, targets)", model, inputs, targets)
    if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[1], torch.Tensor):
        raise CheckFailed("model(idx, targets) must give logits and loss. Leave `forward` as it was given.")
    return pair[1]


def step_back(loss):
    """Compute the gradients of a loss."""
    if not loss.requires_grad:
        raise CheckFailed("The loss has no gradient, so nothing can learn. Stay with tensors all the way to it.")
    hint = "Is a tensor of an earlier call kept on self, or changed in place after it was used? Make a new one."
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
                f"No gradient reaches {name}, so it can't learn.\n"
                "Is it used on the way from idx to the logits, without numpy, .item(), .tolist(), .data, .detach(), "
                "torch.tensor(...) or torch.no_grad()?"
            )


@torch.no_grad()
def _writes(model, block_size):
    """Grow a text from one token to more than block_size with nothing but `logits`."""
    idx = torch.zeros(2, 1, dtype=torch.long)
    for _ in range(block_size + 2):
        seen = idx[:, -block_size:]
        hint = f"Contexts shorter than block_size = {block_size} must work too; this one has {seen.shape[1]} tokens."
        logits = run("model.logits(idx)", model.logits, seen, hint=hint)
        logits = tensor(logits, "model.logits(idx)", (2, seen.shape[1], TINY.vocab_size))
        idx = torch.cat((idx, torch.multinomial(logits[:, -1].softmax(-1), 1)), 1)
