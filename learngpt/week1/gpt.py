"""A small GPT: heads of self-attention side by side, in blocks on top of each other."""

import argparse
import json
import warnings
from pathlib import Path

import torch
from safetensors import safe_open
from torch import nn

from learngpt.language import say


class Block(nn.Module):
    """Several heads side by side, each on its share of the channels, then a small network; a norm before each."""

    def __init__(self, HeadVer4, heads, block_size, embed_size):
        super().__init__()
        share = embed_size // heads  # how many channels each head gets
        names = [f"HeadVer4_{n + 1}" for n in range(heads)]  # they stand in the file of weights, too
        self.heads = nn.ModuleDict({name: HeadVer4(block_size, share) for name in names})
        self.projection = nn.Linear(embed_size, embed_size)
        self.feed_forward = nn.Sequential(
            nn.Linear(embed_size, 4 * embed_size),
            nn.ReLU(),
            nn.Linear(4 * embed_size, embed_size),
        )
        self.norm_1, self.norm_2 = nn.LayerNorm(embed_size), nn.LayerNorm(embed_size)

    def forward(self, x):
        """(B, T, C) -> (B, T, C)."""
        shares = self.norm_1(x).chunk(len(self.heads), dim=-1)  # each (B, T, C / heads)
        found = [head(share) for head, share in zip(self.heads.values(), shares)]
        x = x + self.projection(torch.cat(found, dim=-1))  # (B, T, C)
        return x + self.feed_forward(self.norm_2(x))  # (B, T, C)


def small_gpt(HeadVer4, GPTVer3, vocab_size, blocks=4, heads=4, embed_size=128, block_size=64):
    """Your GPTVer3, with a stack of blocks in the place of its one head."""
    stack = [Block(HeadVer4, heads, block_size, embed_size) for _ in range(blocks)]
    return GPTVer3(nn.Sequential(*stack, nn.LayerNorm(embed_size)), vocab_size, embed_size, block_size)


def load(path, HeadVer4, GPTVer3):
    """The small GPT with the weights of a file.

    Returns:
        the model, its vocabulary as a str, and its loss on the validation part of its text, in nats per character.

    Raises:
        ValueError: the classes learn other numbers than the file has.
    """
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["about"])
        weights = {name.removeprefix("GPTVer3."): file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    model = small_gpt(HeadVer4, GPTVer3, len(about["chars"]))
    learned = {name: parameter.shape for name, parameter in model.named_parameters()}
    if odd := learned.items() ^ {name: weight.shape for name, weight in weights.items()}.items():
        names = ", ".join(sorted({f"GPTVer3.{name} {tuple(shape)}" for name, shape in odd})[:4])
        raise ValueError(
            say("These layers are in your classes or in the weights, and not in both: {names}.", names=names)
        )
    model.load_state_dict(weights, strict=False)  # the masks of the heads aren't learned, so they aren't in the file
    return model, about["chars"], about["validation_loss"]


def main(HeadVer4, GPTVer3):
    """Write text in a terminal, character by character."""
    weights = Path(__file__).with_suffix(".safetensors")
    parser = argparse.ArgumentParser(description=say("A small GPT, made of classes of your own."))
    which = say("a .safetensors file, {file} if left out", file=weights.name)
    parser.add_argument("weights", nargs="?", default=weights, help=which)
    parser.add_argument("--prompt", help=say("what to go on after"))
    parser.add_argument("--length", type=int, default=600, help=say("how many characters to write"))
    parser.add_argument("--seed", type=int, help=say("the same number writes the same text"))
    options = parser.parse_args()
    if not Path(options.weights).is_file():
        parser.error(say("there is no file {file}", file=options.weights))
    model, chars, _ = load(options.weights, HeadVer4, GPTVer3)
    prompt = options.prompt or ("\n" if "\n" in chars else chars[0])
    if odd := set(prompt) - set(chars):
        said = {"odd": repr("".join(sorted(odd))), "chars": repr(chars)}
        parser.error(say("these weights don't know {odd}, only {chars}", **said))
    if options.seed is not None:
        torch.manual_seed(options.seed)
    warnings.simplefilter("ignore")  # a single score has no variance, and PyTorch says so
    torch.set_num_threads(1)  # one character at a time leaves nothing to share
    idx = torch.tensor([[chars.index(char) for char in prompt]])  # (1, T)
    print(prompt, end="", flush=True)
    with torch.no_grad():
        for _ in range(options.length):
            idx = model.generate(idx, 1)  # (1, T + 1)
            print(chars[idx[0, -1]], end="", flush=True)
    print()
