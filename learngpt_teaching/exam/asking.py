"""The trusted side of the exam: scripts of steps, the answers to them in fixed frames, and a deadline.

It reads numbers and nothing else from a process that may do anything: send nonsense, send one byte a second, send for
ever, or end. Each of these costs the answers that are still out, no more memory than these answers need, and no more
time than the deadline.
"""

import itertools
import json
import os
import secrets
import select
import socket
import struct
import time
import zlib
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learngpt_teaching.exam import DTYPES, HEADER, MAGIC, MOST_DIMENSIONS, Status

Array = NDArray[Any]  # of any shape and dtype

FLOAT, FLOATS, INTEGERS, BOOL = ("float32",), ("float32", "float64"), ("int32", "int64"), ("bool",)


@dataclass(eq=False)
class Answer:
    """One tensor that is asked for. `value` is None unless it came as it should, with finite numbers where wanted."""

    shape: tuple[int, ...]
    dtypes: tuple[str, ...]
    finite: bool = True
    status: Status | None = None  # None: it never came
    value: Array | None = None


@dataclass(frozen=True)
class Slot:
    """The result of a step, to be used in later ones."""

    number: int


@dataclass
class Script:
    """One question: steps that are taken in the kernel, in this order. Each method adds a step.

    A step that fails costs the steps that use its result. An object whose call failed counts as failed, too: what it
    kept may be of an earlier call. Nothing is compared before all questions of an exam are answered.
    """

    seed: int
    steps: list[list[Any]] = field(default_factory=list)  # name, arguments, named ones: as JSON has them
    numbers: list[Array] = field(default_factory=list)  # the arrays that travel with the steps
    answers: list[Answer] = field(default_factory=list)

    def _add(self, step: str, *arguments: object, **named: object) -> Slot:
        def plain(value: object) -> object:
            return {"slot": value.number} if isinstance(value, Slot) else value

        self.steps.append([step, [plain(a) for a in arguments], {name: plain(a) for name, a in named.items()}])
        return Slot(len(self.steps) - 1)

    def tensor(self, array: Array, grad: bool = False) -> Slot:
        """A new tensor of these numbers; with `grad` a leaf that gradients are wanted for."""
        self.numbers.append(np.ascontiguousarray(array))
        return self._add("tensor", len(self.numbers) - 1, grad)

    def look(self, name: str) -> Slot:
        """What the student's notebook calls by this name."""
        return self._add("look", name)

    def call(self, target: Slot, *arguments: object, **named: object) -> Slot:
        return self._add("call", target, None, *arguments, **named)

    def method(self, target: Slot, name: str, *arguments: object, **named: object) -> Slot:
        return self._add("call", target, name, *arguments, **named)

    def counted(self, target: Slot, *arguments: object) -> Slot:
        """A call, and how many operations of PyTorch and steps of the student's own Python it took: (result, (2,)).

        Steps in threads that the call starts are counted too. This number is counted in the student's process, so a
        student can forge it; and a loop inside a function that was compiled, as by torch.jit.script, isn't counted.
        From outside only the time is to be seen, and that doesn't tell a loop from none: one over 24 positions takes
        0.1 ms, less than the noise of a busy machine.
        """
        return self._add("counted", target, *arguments)

    def item(self, slot: Slot, index: int) -> Slot:
        return self._add("item", slot, index)

    def last(self, slot: Slot, columns: int) -> Slot:
        """The last columns of a (B, T) tensor, as a view of it."""
        return self._add("last", slot, columns)

    def get(self, target: Slot, name: str) -> Slot:
        """An attribute."""
        return self._add("get", target, name)

    def number(self, slot: Slot) -> Slot:
        """A tensor of one number, or a plain number, as a float64 tensor ()."""
        return self._add("number", slot)

    def load(self, target: Slot, name: str, array: Array) -> Slot:
        """Write numbers into the parameter of this name and shape; the parameter is the result."""
        return self._add("load", target, name, self.tensor(array))

    def parameter(self, target: Slot, name: str) -> Slot:
        return self._add("parameter", target, name)

    def count(self, target: Slot) -> Slot:
        """How many numbers an object learns, as an int64 tensor ()."""
        return self._add("count", target)

    def train(self, target: Slot, training: bool = True) -> Slot:
        return self._add("train", target, training)

    def gradients(self, output: Slot, cotangent: Array | None, of: Sequence[Slot]) -> list[Slot]:
        """The gradients of sum(output * cotangent), one for each tensor of `of`; `cotangent` None for a scalar."""
        listed = self._add("list", *of)
        found = self._add("gradients", output, None if cotangent is None else self.tensor(cotangent), listed)
        return [self.item(found, index) for index in range(len(of))]

    def gradients_on(self) -> Slot:
        """Whether gradients are on after the last call, as a bool tensor ()."""
        return self._add("gradients_on")

    def sow(self, seed: int) -> Slot:
        """Seed every generator of random numbers."""
        return self._add("sow", seed)

    def random(self) -> Slot:
        """What PyTorch draws next, (4,): the same again only where somebody has set a seed meanwhile."""
        return self._add("random")

    def rows(self, array: Array, names: Sequence[str]) -> Slot:
        """A function that we lend: given two sizes, in this order or by these names, it returns array[:a, :b]."""
        return self._add("rows", self.tensor(array), names)

    def mixing(self, matrix: Array, called_only: bool = False) -> Slot:
        """A module that we lend: (B, T, C) -> tanh(matrix[:T, :T] @ x), with the parameter `matrix`.

        With `called_only` it is no module: it can be called, and has no `forward` and no parameters.
        """
        return self._add("mixing", self.tensor(matrix), called_only)

    def keyed(self, key: list[int], vocabulary: int) -> Slot:
        """A function that we lend: (B, T) tokens -> (B, T, V) `keyed_logits`. It remembers what it was shown."""
        return self._add("keyed", key, vocabulary)

    def lend(self, target: Slot, name: str, lent: Slot) -> Slot:
        """Put what we lend in the place of an attribute, of a class until the end of the script."""
        return self._add("lend", target, name, lent)

    def shown(self, keyed: Slot, rows: int, width: int) -> Slot:
        """What a keyed function was shown, (rows, 2 + width): number of the call, T, the last tokens; unused are -1."""
        return self._add("shown", keyed, rows, width)

    def answer(self, slot: Slot, shape: Iterable[int], dtypes: Iterable[str] = FLOATS, finite: bool = True) -> Answer:
        """Ask for a tensor of this shape and one of these dtypes."""
        answer = Answer(tuple(int(size) for size in shape), tuple(dtypes), finite)
        self.answers.append(answer)
        self._add("answer", slot, answer.shape, answer.dtypes)
        return answer


class Draw:
    """Sizes and numbers of one exam; the same seed and name give the same ones again."""

    def __init__(self, seed: int, name: str):
        self.seed = seed
        self.random = np.random.default_rng([seed, zlib.crc32(name.encode())])

    def script(self) -> Script:
        return Script(int(self.random.integers(2**31)))

    def sizes(self, *ranges: Sequence[int]) -> list[int]:
        """One size out of each range, such that none is another one, next to it, or a product of two.

        Raises:
            ValueError: the ranges leave no such sizes.
        """
        for _ in range(10_000):
            sizes = [each[int(self.random.integers(len(each)))] for each in ranges]
            pairs = [a * b for a, b in itertools.combinations_with_replacement(sizes, 2)]
            apart = all(abs(a - b) > 1 for a, b in itertools.combinations(sizes, 2))
            if apart and len({*sizes, *pairs}) == len(sizes) + len(pairs):
                return sizes
        raise ValueError(f"There are no sizes that are told apart in {ranges}.")

    def normal(self, *shape: int, scale: float = 1.0) -> Array:
        return (scale * self.random.standard_normal(shape)).astype(np.float32)

    def tokens(self, vocabulary: int, *shape: int) -> Array:
        return self.random.integers(vocabulary, size=shape)

    def key(self) -> list[int]:
        return [int(number) for number in self.random.integers(2**20, 2**31 - 1, 4)]


Exam = Callable[[Draw], Generator[list[Script], None, bool]]  # asks once, then says whether the answers are right


@dataclass
class Result:
    """What an exam found.

    `verdicts` has True or False for each grade id, and None where an answer never came. `ending` says why:
    "complete", all answers came; "closed", the other side ended the connection; "late", the deadline passed; "broken",
    it sent something that is no answer. `seed` repeats the exam.
    """

    seed: int | None
    ending: str
    verdicts: dict[str, bool | None]


def take(
    channel: socket.socket,
    exams: dict[str, Exam],
    grade_ids: Iterable[str],
    seed: int | None = None,
    seconds: float = 120.0,
    call_seconds: float = 20.0,
    idle_seconds: float = 60.0,
) -> Result:
    """Ask all questions of these grade ids, then compare.

    Args:
        channel: a connected stream socket, with `answering.answer` at its other end.
        exams: grade id -> function of a Draw that yields its scripts once and returns whether the answers are right.
        grade_ids: which of them, in this order.
        seed: of an earlier exam, to repeat it; drawn anew if left out.
        seconds: for the whole exam.
        call_seconds: of computing, for one call of the student's code; one that takes longer costs its own class only.
        idle_seconds: on the clock, for a call that computes nothing meanwhile.

    Returns:
        Result.
    """
    seed = secrets.randbits(63) if seed is None else seed
    taken: dict[str, tuple[Generator[list[Script], None, bool], list[Script]]] = {}
    for grade_id in grade_ids:
        exam = exams[grade_id](Draw(seed, grade_id))
        taken[grade_id] = exam, next(exam)
    scripts = [script for _, asked in taken.values() for script in asked]
    ending = ask(channel, scripts, seconds, call_seconds, idle_seconds)
    with np.errstate(all="ignore"):
        return Result(seed, ending, {grade_id: _verdict(*pair) for grade_id, pair in taken.items()})


def _verdict(exam: Generator[list[Script], None, bool], scripts: list[Script]) -> bool | None:
    if any(answer.status is None for script in scripts for answer in script.answers):
        return None
    try:
        next(exam)
    except StopIteration as end:
        return bool(end.value)
    raise RuntimeError("an exam asks once")


class _Ended(Exception):
    """No further answer will come."""


def ask(
    channel: socket.socket,
    scripts: list[Script],
    seconds: float,
    call_seconds: float = 20.0,
    idle_seconds: float = 60.0,
) -> str:
    """Send scripts and fill in their answers.

    Returns:
        "complete", "closed", "late" or "broken", as in Result.
    """
    stream = _Stream(channel, time.monotonic() + seconds)
    nonce = os.urandom(16)
    try:
        stream.send(_request(scripts, nonce, call_seconds, idle_seconds))
        for question, script in enumerate(scripts):
            for number, answer in enumerate(script.answers):
                _read(stream, answer, nonce, question, number)
    except _Ended as end:
        return str(end)
    return "complete"


def _request(scripts: list[Script], nonce: bytes, call_seconds: float, idle_seconds: float) -> bytes:
    """The scripts as bytes: length of the JSON, JSON, numbers."""
    arrays = [array for script in scripts for array in script.numbers]
    plan = {
        "nonce": nonce.hex(),
        "seconds": call_seconds,
        "idle": idle_seconds,
        "questions": [
            {"seed": script.seed, "steps": script.steps, "tensors": len(script.numbers)} for script in scripts
        ],
        "tensors": [[str(array.dtype), array.shape] for array in arrays],
    }
    text = json.dumps(plan).encode()
    return b"".join([struct.pack("<Q", len(text)), text, *(array.tobytes() for array in arrays)])


def _read(stream: "_Stream", answer: Answer, nonce: bytes, question: int, number: int) -> None:
    """Read one frame, whose header leaves nothing open."""
    header = HEADER.unpack(stream.receive(HEADER.size))
    *names, status, dtype, dimensions = header[:7]
    if names != [MAGIC, nonce, question, number]:
        raise _Ended("broken")
    if status != Status.OK:
        if status not in set(Status) or any(header[5:]):
            raise _Ended("broken")
        answer.status = Status(status)
        return
    sizes = answer.shape + (0,) * (MOST_DIMENSIONS - len(answer.shape))
    kinds = [code for code, name in enumerate(DTYPES) if name in answer.dtypes]
    if dtype not in kinds or dimensions != len(answer.shape) or header[7:] != sizes:
        raise _Ended("broken")
    name, width = list(DTYPES.items())[dtype]
    body = stream.receive(int(np.prod(answer.shape, dtype=np.int64)) * width)
    answer.status = Status.OK
    if name == "bool" and max(body, default=0) > 1:
        return
    value = np.frombuffer(body, dtype=name).reshape(answer.shape)
    if not answer.finite or np.isfinite(value).all():
        answer.value = value


class _Stream:
    """A socket with a deadline; no call of it waits longer."""

    def __init__(self, channel: socket.socket, deadline: float):
        self.channel, self.deadline = channel, deadline
        self.channel.setblocking(False)
        self.poller = select.poll()

    def _wait(self, event: int) -> None:
        self.poller.register(self.channel, event)
        left = self.deadline - time.monotonic()
        if left <= 0 or not self.poller.poll(1000 * left):
            raise _Ended("late")

    def send(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            self._wait(select.POLLOUT)
            try:
                left = left[self.channel.send(left[: 1 << 18]) :]
            except BlockingIOError:
                continue
            except OSError:
                raise _Ended("closed") from None

    def receive(self, length: int) -> bytearray:
        """Exactly this many bytes."""
        body = bytearray(length)
        left = memoryview(body)
        while left:
            self._wait(select.POLLIN)
            try:
                got = self.channel.recv_into(left)
            except BlockingIOError:
                continue
            except OSError:
                got = 0
            if not got:
                raise _Ended("closed")
            left = left[got:]
        return body
