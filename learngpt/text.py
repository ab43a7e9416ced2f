"""A text as the models see it: characters, numbers, batches, and the losses that counting alone can reach."""

import math
import sys
from pathlib import Path

import torch

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
        f"{name} is missing. Looked in: "
        + ", ".join(map(str, places))
        + ". Install the package again, or give load_text the path of a text of your own."
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
        raise ValueError(f"{path} is a folder. Give the path of a text file inside it.")
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no file {path} (looked from {Path.cwd()}). Check the path.") from None
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} isn't UTF-8 text: byte 0x{raw[error.start]:02x} at offset {error.start} can't be read. "
            "Save it as plain text in UTF-8."
        ) from None
    if "\0" in content:
        raise ValueError(
            f"{path} isn't text: it has a zero byte at offset {raw.index(0)}. Save it as plain text in UTF-8."
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

    def __init__(self, content, name="this text"):
        if not content:
            raise ValueError(f"{name} is empty. A model needs some text to learn from.")
        self.content = content
        self.name = name
        self.chars = "".join(sorted(set(content)))
        self.vocab_size = len(self.chars)
        self._numbers = torch.full((sys.maxunicode + 1,), -1)  # of each code point, -1 where it isn't in the vocabulary
        self._numbers[_code_points(self.chars)] = torch.arange(self.vocab_size)
        ids = self.encode(content)
        cut = int(0.9 * len(ids))
        self.training, self.validation = ids[:cut], ids[cut:]

    def __repr__(self):
        return f"{self.name}: {len(self.content):,} characters, {self.vocab_size:,} different"

    def encode(self, string):
        """Characters to numbers: str -> (len(string),) int64.

        Raises:
            ValueError: a character isn't in the vocabulary; the message says which and where.
        """
        ids = self._numbers[_code_points(string)]
        if (ids < 0).any():
            place = (ids < 0).nonzero()[0].item()
            char = string[place]
            raise ValueError(
                f"The character {char!r} (U+{ord(char):04X}) at position {place} isn't in the vocabulary "
                f"of {self.name}: {self.chars!r}. Leave it out, or use a text that contains it."
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
                f"{self.name} is too short: a block of {block_size} characters and its last target need "
                f"{block_size + 1}, and this part has {len(part)}. Use a longer text or a smaller block_size."
            )

    def floors(self, part="validation"):
        """Losses in nats per character on a part that no model of a kind can pass, from its own counts.

        Args:
            part: "validation" or "training".

        Returns:
            dict: `ln V`, what knowing only the vocabulary costs; `unigram`, the entropy of single characters;
            `bigram`, the entropy of a character given the one before it (Shannon 1948, section 7).
        """
        pairs = _pair_counts(getattr(self, part), self.vocab_size)
        return {
            "ln V": math.log(self.vocab_size),
            "unigram": _entropy(pairs.sum(0)),
            "bigram": _entropy(pairs) - _entropy(pairs.sum(1)),  # H(a, b) - H(a)
        }

    def pair_counts(self):
        """How often character j follows character i in the training part: (V, V) float32."""
        return _pair_counts(self.training, self.vocab_size)


def _code_points(string):
    """The Unicode code points of a string, (len(string),) int32; without a Python loop a million take a moment."""
    raw = bytearray(string.encode(f"utf-32-{sys.byteorder[0]}e", "surrogatepass"))
    return torch.frombuffer(raw, dtype=torch.int32) if raw else torch.empty(0, dtype=torch.int32)


def _pair_counts(ids, vocab_size):
    pairs = ids[:-1] * vocab_size + ids[1:]
    return torch.bincount(pairs, minlength=vocab_size**2).view(vocab_size, vocab_size).float()


def _entropy(counts):
    """Entropy in nats of things that were counted."""
    return torch.distributions.Categorical(probs=counts.flatten()).entropy().item()
