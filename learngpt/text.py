"""A text as the models see it: characters, numbers, batches, and the losses that counting alone can reach."""

import math
import sys
from pathlib import Path

import torch

from learngpt.language import say

PACKAGE = Path(__file__).resolve().parent
KOREAN = ("korean.txt", "yujeong.txt")

# Models this small lose more by waiting for a second thread than they gain from it.
torch.set_num_threads(1)


def shipped(name="shakespeare.txt"):
    """Where a text of the course lies: inside an installed package, or in `data/` of a clone.

    Raises:
        FileNotFoundError: if it is in neither place.
    """
    places = (PACKAGE / "data" / name, PACKAGE.parent / "data" / name)
    for place in places:
        if place.is_file():
            return place
    raise FileNotFoundError(
        say(
            "{name} is missing. Looked in: {places}. Install the package again, or give load_text the path of a text "
            "of your own.",
            name=name,
            places=", ".join(map(str, places)),
        )
    )


def load_text(path=None):
    """Read a UTF-8 text file.

    Args:
        path: the file; without it, the course's own corpus, plays by Shakespeare. "korean.txt" and "yujeong.txt",
            a short text in Korean and a novel, come with the course.

    Returns:
        Text

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is empty, or isn't UTF-8 text.
    """
    path = Path(path) if path is not None else shipped()
    if str(path) in KOREAN and not path.exists():
        path = shipped(path)
    if path.is_dir():
        raise ValueError(say("{path} is a folder. Give the path of a text file inside it.", path=path))
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        said = say("There is no file {path} (looked from {folder}). Check the path.", path=path, folder=Path.cwd())
        raise FileNotFoundError(said) from None
    try:
        content = raw.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        said = say(
            "{path} isn't UTF-8 text: byte 0x{byte:02x} at offset {offset} can't be read. Save it as plain text in "
            "UTF-8.",
            path=path,
            byte=raw[error.start],
            offset=error.start,
        )
        raise ValueError(said) from None
    if "\0" in content:
        raise ValueError(
            say(
                "{path} isn't text: it has a zero byte at offset {offset}. Save it as plain text in UTF-8.",
                path=path,
                offset=raw.index(0),
            )
        )
    return Text(content.replace("\r\n", "\n"), name=path.name)


class Text:
    """A text, its vocabulary of characters, and its training and validation parts.

    Attributes:
        content: the whole text, a str.
        chars: the vocabulary, every character that occurs, sorted; the place of a character is its number.
        vocab_size: V, how many characters that is.
        training, validation: the first 90 % and the last 10 % of the text as numbers, (N,) int64.

    Raises:
        ValueError: `content` is empty.
    """

    def __init__(self, content, name=""):
        self._name = name
        if not content:
            raise ValueError(say("{text} is empty. A model needs some text to learn from.", text=self.name))
        self.content = content
        points = _code_points(content)
        counts = points.bincount()
        occur = counts.nonzero().flatten()
        self.chars = "".join(map(chr, occur.tolist()))
        self.vocab_size = len(self.chars)
        # Of each code point; -1 where it isn't in the vocabulary, and at the end for all that are larger.
        self._numbers = torch.full((len(counts) + 1,), -1)
        self._numbers[occur] = torch.arange(self.vocab_size)
        ids = self._numbers.index_select(0, points)
        cut = int(0.9 * len(ids))
        self.training, self.validation = ids[:cut], ids[cut:]

    @property
    def name(self):
        """What messages call it: the name of its file."""
        return self._name or say("this text")

    def __repr__(self):
        about = {"text": self.name, "length": len(self.content), "different": self.vocab_size}
        return say("{text}: {length:,} characters, {different:,} different", **about)

    def encode(self, string):
        """Characters to numbers: str -> (len(string),) int64.

        Raises:
            ValueError: a character isn't in the vocabulary; the message says which and where.
        """
        ids = self._numbers.index_select(0, _code_points(string).clamp(max=len(self._numbers) - 1))
        if (ids < 0).any():
            place = (ids < 0).nonzero()[0].item()
            char = string[place]
            raise ValueError(
                say(
                    "The character {char!r} (U+{code:04X}) at position {place} isn't in the vocabulary of {text}: "
                    "{chars!r}. Leave it out, or use a text that contains it.",
                    char=char,
                    code=ord(char),
                    place=place,
                    text=self.name,
                    chars=self.chars,
                )
            )
        return ids

    def decode(self, ids):
        """Numbers to characters: (n,) integers, as a tensor or a list -> str of n characters."""
        return "".join(self.chars[number] for number in torch.as_tensor(ids).tolist())

    @property
    def first_line(self):
        """The first line with its end, cut off after 32 characters: a prompt that every character is known in."""
        return self.content.lstrip("\n").split("\n")[0][:31] + ("\n" if "\n" in self.chars else "")

    def excerpt(self, wish):
        """The wished-for line, or, where this text lacks one of its characters, its own first ones: a str as long."""
        return wish if set(wish) <= set(self.chars) else self.content[: len(wish)]

    def blocks(self, part, block_size):
        """The windows of a part, one after the other: inputs and targets, both (windows, block_size) int64.

        Raises:
            ValueError: the part is shorter than one block and its last target.
        """
        self._must_hold(part, block_size)
        windows = (len(part) - 1) // block_size
        inputs = part[: windows * block_size].view(windows, block_size)
        targets = part[1 : windows * block_size + 1].view(windows, block_size)
        return inputs, targets

    def batch(self, batch_size, block_size, generator=None):
        """Random windows of the training part.

        Returns:
            inputs (B, T) and targets (B, T), int64; the target of a position is the character after it.

        Raises:
            ValueError: the training part is shorter than one block and its last target.
        """
        self._must_hold(self.training, block_size)
        starts = torch.randint(len(self.training) - block_size, (batch_size, 1), generator=generator)
        places = starts + torch.arange(block_size)  # (B, 1) + (T,) -> (B, T)
        return self.training[places], self.training[places + 1]

    def _must_hold(self, part, block_size):
        if len(part) <= block_size:
            raise ValueError(
                say(
                    "{text} is too short: a block of {block_size} characters and its last target need {needed}, and "
                    "this part has {length}. Use a longer text or a smaller block_size.",
                    text=self.name,
                    block_size=block_size,
                    needed=block_size + 1,
                    length=len(part),
                )
            )

    def floors(self, part="validation"):
        """Losses in nats per character on a part that no model of a kind can pass, from its own counts.

        Args:
            part: "validation" or "training".

        Returns:
            dict: `ln V`, what knowing only the vocabulary costs; `unigram`, the entropy of single characters;
            `bigram`, the entropy of a character given the one before it (Shannon 1948, section 7). The names are in the
            language that is spoken.
        """
        pairs = _pair_counts(getattr(self, part), self.vocab_size)
        return {
            "ln V": math.log(self.vocab_size),
            say("unigram"): _entropy(pairs.sum(0)),
            say("bigram"): _entropy(pairs) - _entropy(pairs.sum(1)),  # H(a, b) - H(a)
        }

    def pair_counts(self):
        """How often character j follows character i in the training part: (V, V) float32."""
        return _pair_counts(self.training, self.vocab_size)


def _code_points(string):
    """The Unicode code points of a string, (len(string),) int32; without a Python loop a million take a millisecond."""
    raw = bytearray(string.encode(f"utf-32-{sys.byteorder[0]}e", "surrogatepass"))
    return torch.frombuffer(raw, dtype=torch.int32) if raw else torch.empty(0, dtype=torch.int32)


def _pair_counts(ids, vocab_size):
    pairs = ids[:-1] * vocab_size + ids[1:]
    return torch.bincount(pairs, minlength=vocab_size**2).view(vocab_size, vocab_size).float()


def _entropy(counts):
    """Entropy in nats of things that were counted."""
    return torch.distributions.Categorical(probs=counts.flatten()).entropy().item()
