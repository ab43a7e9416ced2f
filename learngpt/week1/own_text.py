"""Train the small GPT on a text of one's own.

    python -m learngpt.week1.own_text my.txt

It is made of the classes in the notebooks of the current folder; the course's stand in where one is missing. The
weights go to my.safetensors beside the notebooks, from which `python my_gpt.py my.safetensors` writes. Ctrl-C ends it
early and keeps what was learned.
"""

import argparse
import copy
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from tqdm import tqdm

from learngpt import carry, evaluate, load_text
from learngpt.carrying import CarryError
from learngpt.language import CHOICE, ENGLISH, chosen, say, spoken, use
from learngpt.showing import in_terminal
from learngpt.week1.gpt import small_gpt

EVERY = 250  # steps between two looks at the validation part


def fit(model, text, steps=3000, batch_size=32, lr=2e-3, seed=1337):
    """Train a model with AdamW, and leave it as it was when it did best on the validation part.

    The learning rate rises over the first twentieth of the steps and then falls like a cosine. Ctrl-C ends it early.

    Args:
        model: called as `model(inputs, targets)`, both (B, T), gives (logits (B, T, V), loss).

    Returns:
        the loss on the whole validation part, in nats per character.
    """
    draws = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, steps, pct_start=0.05, cycle_momentum=False)
    best, kept = float("inf"), None
    with tqdm(total=steps, unit=" " + say("steps")) as progress:
        try:
            for step in range(1, steps + 1):
                _, loss = model(*text.batch(batch_size, model.block_size, draws))
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                progress.set_postfix_str(say("loss {loss:.2f}", loss=loss.item()), refresh=False)
                progress.update()
                if step % EVERY == 0 or step == steps:
                    now = evaluate(model, text, windows=200)
                    about = {"step": step, "training": loss.item(), "validation": now}
                    progress.write(
                        say("step {step}: training loss {training:.2f}, validation loss {validation:.3f}", **about)
                    )
                    if now < best:
                        best, kept = now, copy.deepcopy(model.state_dict())
        except KeyboardInterrupt:
            progress.write(say("Stopped. What was learned so far is kept."))
            if evaluate(model, text, windows=200) < best:
                kept = None
    if kept:
        model.load_state_dict(kept)
    return evaluate(model, text)


def save(path, model, text, validation_loss):
    """Write a model's weights in half precision, with the vocabulary and the loss."""
    weights = {f"GPTVer3.{name}": parameter.detach().half() for name, parameter in model.named_parameters()}
    about = {"chars": text.chars, "validation_loss": round(validation_loss, 3)}
    save_file(weights, path, metadata={"about": json.dumps(about)})


def train(text, classes, target, steps=3000):
    """Make the small GPT of (HeadVer4, GPTVer3), train it on a text and write its weights."""
    torch.manual_seed(1337)
    model = small_gpt(*classes, text.vocab_size)
    numbers = sum(each.numel() for each in model.parameters())
    print(say("{text}. {numbers:,} numbers to learn. Ctrl-C stops and keeps.", text=repr(text), numbers=numbers))
    loss = fit(model, text, steps)
    save(target, model, text, loss)
    print(say("{file}: validation loss {loss:.2f} nats per character.", file=target, loss=loss))


def main():
    here = Path.cwd()  # the course, or a folder of notebooks in its work/
    places = [place for place in (here / "work", here.parent, here.parent.parent) if (place / CHOICE).is_file()]
    use(chosen(places[0]) if places else ENGLISH)
    parser = argparse.ArgumentParser(description=say("Train the small GPT of your classes on a text of your own."))
    parser.add_argument("text", help=say("a UTF-8 text file; a million characters are plenty, 100,000 are few"))
    parser.add_argument("--steps", type=int, default=3000, help=say("how many batches to learn from (3000)"))
    where = say("the folder with your notebooks; the current one if left out")
    parser.add_argument("--notebooks", default=".", help=where)
    options = parser.parse_args()
    folder = Path(options.notebooks)
    folder = folder / spoken() if (folder / spoken()).is_dir() else folder
    if not folder.is_dir():
        said = say("There is no folder {folder}. `make lab` makes it; or name yours with --notebooks.", folder=folder)
        sys.exit(f"✗ {said}")
    target = folder / f"{Path(options.text).stem}.safetensors"
    try:
        train(load_text(options.text), carry("HeadVer4", "GPTVer3", folder=folder), target, options.steps)
    except (CarryError, OSError, ValueError) as error:
        sys.exit(f"✗ {error}")
    writer = folder / "my_gpt.py"
    said = say("To let it write: {command}", command=in_terminal(sys.executable, writer, target))
    made = "" if writer.exists() else say("The end of notebook 6 makes {file}.", file=writer.name)
    print(f"{said} {made}".rstrip())


if __name__ == "__main__":
    main()
