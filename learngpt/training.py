"""The training loop of notebook 1 with progress, a loss to compare by, and text from a model."""

import sys
import time
from dataclasses import dataclass, field

import torch
from IPython.display import display
from tqdm.std import tqdm

from learngpt import plots
from learngpt.language import say
from learngpt.showing import Plain, watched


@dataclass
class History:
    """What a training run leaves: the loss of every batch and on the validation part, in nats, and its duration."""

    losses: list = field(default_factory=list)
    validation_loss: float = float("nan")
    seconds: float = 0.0
    stopped: bool = False

    @property
    def training_loss(self):
        """Mean over the last tenth of the batches, in nats."""
        last = self.losses[-max(1, len(self.losses) // 10) :]
        return sum(last) / len(last) if last else float("nan")

    def __repr__(self):
        about = {"steps": len(self.losses), "training": self.training_loss, "validation": self.validation_loss}
        if self.stopped:
            return say(
                "stopped after {steps} steps: training loss {training:.2f}, validation loss {validation:.2f}", **about
            )
        return say("{steps} steps: training loss {training:.2f}, validation loss {validation:.2f}", **about)


def train(model, text, steps=300, batch_size=32, block_size=None, lr=1e-2, seed=1337, windows=None):
    """Train a model on random windows of a text with AdamW; the Stop button ends it early and keeps what was learned.

    Args:
        model: called as `model(inputs, targets)`, both (B, T), gives (logits (B, T, V), loss).
        text: a Text.
        steps: how many batches.
        batch_size: B.
        block_size: T; the model's own if left out.
        lr: the learning rate.
        seed: of the batches, so that two models see the same ones.
        windows: as in `evaluate`, for the validation loss at the end.

    Returns:
        History, whose losses are in nats per character.
    """
    block_size = block_size or model.block_size
    draws = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, fused=True)
    history = History()
    start = time.perf_counter()
    with _Progress(total=steps, unit=" " + say("steps")) as progress:
        try:
            for _ in range(steps):
                _, loss = model(*text.batch(batch_size, block_size, draws))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                history.losses.append(loss.item())
                progress.advance(history)
        except KeyboardInterrupt:
            if not progress.handle:  # not a person's Stop, but a time limit
                raise
            history.stopped = True
        history.seconds = time.perf_counter() - start
        history.validation_loss = evaluate(model, text, block_size, windows)
        progress.finish(history)
    return history


@torch.no_grad()
def evaluate(model, text, block_size=None, windows=None):
    """The mean loss of a model over the validation part, in nats per character.

    Args:
        windows: how many blocks of the part, spread evenly; all of them if left out.
    """
    inputs, targets = text.blocks(text.validation, block_size or model.block_size)
    if windows is not None:
        chosen = torch.linspace(0, len(inputs) - 1, min(windows, len(inputs))).long()
        inputs, targets = inputs[chosen], targets[chosen]
    total = 0.0
    for few_inputs, few_targets in zip(inputs.split(512), targets.split(512)):
        total += model(few_inputs, few_targets)[1].item() * len(few_inputs)
    return total / len(inputs)


class Sample(str):
    """Text from a model. It shows with a bar before each line, so that it can't be taken for anything else."""

    def __repr__(self):
        return "\n".join("│ " + line for line in self.split("\n"))


@torch.no_grad()
def sample(model, text, prompt=None, length=300, seed=1337):
    """Let a model go on writing after a prompt, which is the first line of the text if left out.

    Returns:
        Sample, a str of len(prompt) + length characters.

    Raises:
        ValueError: a character of the prompt isn't in the vocabulary.
    """
    prompt = text.first_line if prompt is None else prompt
    torch.manual_seed(seed)
    ids = model.generate(text.encode(prompt)[None], length)  # (1, len(prompt) + length)
    return Sample(text.decode(ids[0]))


class _Progress(tqdm):
    """tqdm's rate and time left, in one line that is drawn by the notebook instead of on stderr, and a picture.

    Nothing is drawn while nobody watches. In the end both give way to one line that is the same in every run.
    """

    PICTURE_SECONDS = 0.5  # at least, between two pictures

    handle = None

    def __init__(self, **options):
        super().__init__(file=sys.stdout, mininterval=0.25, leave=False, **options)
        if watched():
            self.handle = display(Plain(say("starting")), display_id=True)
            self.picture = display(Plain(""), display_id=True)
            self.next_picture = time.perf_counter() + self.PICTURE_SECONDS

    def advance(self, history):
        self.postfix = say("loss {loss:.2f}", loss=history.losses[-1])
        self.update()
        if self.handle and time.perf_counter() > self.next_picture:
            self._draw(history)

    def _draw(self, history):
        """At most twice a second, and for no more than a fifth of the time."""
        start = time.perf_counter()
        losses = {say("loss"): history.losses}
        self.picture.update(plots.losses_picture(losses, say("The loss so far"), steps=self.total))
        end = time.perf_counter()
        self.next_picture = end + max(self.PICTURE_SECONDS, 4 * (end - start))

    def display(self, msg=None, pos=None):
        if self.handle and self.n:
            self.handle.update(Plain(say("{progress}  (■ stops it)", progress=self)))

    def finish(self, history):
        """Put the tidy line in the place of the moving one."""
        if self.handle:
            self.handle.update(Plain(repr(history)))
            self.picture.update(Plain(""))
        else:
            display(Plain(repr(history)))

    def close(self):
        self.disable = True

    def __exit__(self, kind, *error):
        if kind and self.handle:  # a TODO that isn't written, or a mistake: no training began
            self.handle.update(Plain(""))
        return super().__exit__(kind, *error)
