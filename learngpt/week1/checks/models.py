"""Checks of whole models: GPTVer2 and GPTVer3 with any head."""

import torch
from torch import nn

from learngpt.checking import CheckFailed, agree, compare, run, seeded, tensor
from learngpt.text import Text

TINY = Text("to be, or not to be: that is the question.\n" * 20)


class BentMeanHead:
    """The mean of the past, so that a model can be checked without a learner's head.

    It is bent by tanh: a plain mean and lm_head could change places unnoticed.
    """

    stages = None  # a dictionary, where what goes in is to be remembered

    def __call__(self, x):  # (B, T, C) -> (B, T, C)
        if self.stages is not None:
            self.stages["into the head"] = x.detach().clone()
        return (x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None]).tanh()


class MixingHead(nn.Module):
    """An attention head with fixed weights of its own, so that a model can be checked without a learner's head."""

    def __init__(self, embed_size):
        super().__init__()
        self.mix = nn.Linear(embed_size, 2 * embed_size)

    def forward(self, x):  # (B, T, C) -> (B, T, C)
        asked, offered = self.mix(x).chunk(2, -1)
        return nn.functional.scaled_dot_product_attention(asked, offered, x, is_causal=True)


def makes_logits(GPT, B=2, T=4, C=6, vocab_size=9, block_size=8, seed=0):
    """`logits` is lm_head of the head of the embedded tokens: (B, T) -> (B, T, V)."""
    torch.manual_seed(seed)
    name = GPT.__name__
    given = BentMeanHead()
    model = run(f"{name}(head, ...)", GPT, given, vocab_size, C, block_size)
    _has_its_parts(model, given, vocab_size, C)
    idx = torch.randint(vocab_size, (B, T), generator=seeded(seed))
    earlier = (idx + 1) % vocab_size
    run(f"{name}.logits(idx)", model.logits, earlier)  # is it remembered?
    out, stages = staged(model, idx)
    embed, head, to_logits = model.token_embedding_table, model.head, model.lm_head
    out = tensor(out, f"{name}.logits(idx)", (B, T, vocab_size))
    with torch.no_grad():
        x = embed(idx)
        right = to_logits(head(x))
        suspects = [
            ("the head isn't used: the embeddings go straight into lm_head.", to_logits(x)),
            ("the head is used twice.", to_logits(head(head(x)))),
            ("the embeddings are added to the head's output; it stands alone.", to_logits(head(x) + x)),
            ("the head runs after lm_head; it works on the (B, T, C) embeddings.", head(to_logits(x))),
            ("these are the logits of an earlier call: something is kept on self.", to_logits(head(embed(earlier)))),
            *after_lm_head(right),
            ("the embedding table is used a second time in place of lm_head.", head(x) @ embed.weight.T),
            ("lm_head's bias is left out. Call self.lm_head itself.", right - to_logits.bias),
        ]  # fmt: skip
    axes = ("example", "position", "token")
    fact = f"{name}.logits is not lm_head(head(token_embedding_table(idx)))."
    compare(fact, out, right, suspects, axes, otherwise=where_it_parts(model, idx, out, x, stages))


def after_lm_head(right):
    """Pairs of a known mistake behind lm_head, in words, and the logits that it gives."""
    return [
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


def where_it_parts(model, idx, out, x, stages):
    """The first stage at which a model's logits leave the right way, in words; `x` is what the head should be given."""
    with torch.no_grad():
        again = run("logits(idx)", model.logits, idx)
    if again.shape == out.shape and not agree(again, out).all():
        return "Likely cause: something is drawn at random: the same idx gave other logits when asked again."
    ways = [("into the head", "What goes into the head", x), ("into lm_head", "What goes into lm_head", model.head(x))]
    for stage, words, right in ways:
        yours = stages.get(stage)
        if yours is None:
            return f"Nothing went {stage}: it wasn't called with x."
        if tuple(yours.shape) != tuple(right.shape):
            return f"{words} has shape {tuple(yours.shape)}, expected {tuple(right.shape)}."
        if not agree(yours, right).all():
            b, t, c = (~agree(yours, right)).nonzero()[0].tolist()
            return (
                f"{words} is already something else: at example {b}, position {t}, channel {c} it is "
                f"{yours[b, t, c].item():.4g}, expected {right[b, t, c].item():.4g}."
            )
    return "What goes into lm_head is right; what comes back isn't what lm_head gives."


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


def head_trains_and_generates(Head, C=16, seed=0):
    """The same for a HeadVer4, inside a small model."""
    trains_and_generates(lambda V, T: _WithHead(run("HeadVer4(...)", Head, T, C), V, C, T), seed=seed)


def model_trains_and_generates(GPT, Head=None, C=16, seed=0):
    """The same for a GPTVer2 or GPTVer3; without a `Head` to make, with an attention head of the checks' own."""
    trains_and_generates(lambda V, T: GPT(Head() if Head else MixingHead(C), V, C, T), seed=seed)


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
            raise CheckFailed(f"The loss is {loss.item()} after {len(losses)} steps. Is there a 0 / 0 or -inf - inf?")
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
GIVEN = ("token_embedding_table.weight", "query.weight", "key.weight", "value.weight", "lm_head.weight", "lm_head.bias")


def _gradients_reach_all(model):
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad and not name.endswith(GIVEN):
            continue  # something of the learner's own that isn't meant to learn
        if parameter.grad is None or not parameter.grad.abs().sum() > 0:
            raise CheckFailed(
                f"No gradient reaches {name}, so it can't learn.\n"
                "Is it used on the way from idx to the logits, without numpy, .item(), .data or .detach()?"
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
