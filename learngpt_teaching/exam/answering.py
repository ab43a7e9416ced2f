"""The side of the exam inside the student's kernel: it takes the steps of a script and sends back raw tensors.

Nothing here knows what is right. It is imported before the student's code runs and uses only the standard library and
torch, under names of its own, so that no name that the student's cells bind can get in its way.
"""

import ctypes
import json
import os
import random
import signal
import socket
import struct
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from time import process_time
from types import FrameType
from typing import Any, NoReturn

import torch
from torch.overrides import TorchFunctionMode

from learngpt_teaching.exam import DTYPES, HEADER, MAGIC, MOST_DIMENSIONS, Status, keyed_logits

Names = dict[str, Any]  # of a notebook, or of arguments
Values = list[Any]
Frame = tuple[int, int, tuple[int, ...], bytes]  # status, code of the dtype, shape and numbers of an answer


class _OutOfTime(BaseException):
    """Raised in the student's code; not an Exception, so that their own `except` doesn't catch it by chance."""


class _NoResult(Exception):
    """Why a step has no result, as a Status."""


def answer(channel: socket.socket, namespace: Names, given: Names | None = None) -> None:
    """Answer all questions that come over a socket.

    To be called in a copy of the kernel that ends right afterwards (os._exit): it changes what a whole process shares.

    Args:
        channel: a connected, blocking stream socket.
        namespace: the names of the student's notebook, as `globals()` has them there.
        given: name -> value, those of the course's own cells, to be put back first.

    Raises:
        EOFError, OSError: the other side ended the connection.
    """
    namespace.update(given or {})
    plan, tensors = _receive(channel)
    clock = _Clock(plan["seconds"], plan["idle"])
    _silence()
    late: set[str] = set()  # names whose code ran out of time once; it isn't called again
    with torch.inference_mode(False), warnings.catch_warnings():
        for number, question in enumerate(plan["questions"]):
            own = [tensors.pop(0) for _ in range(question["tensors"])]
            put_back_state(question["seed"])
            desk = _Desk(namespace, own, clock, late)
            try:
                for count, (status, dtype, shape, body) in enumerate(desk.answers(question["steps"])):
                    sizes = shape + (0,) * (MOST_DIMENSIONS - len(shape))
                    names = MAGIC, bytes.fromhex(plan["nonce"]), number, count
                    channel.sendall(HEADER.pack(*names, status, dtype, len(shape), *sizes) + body)
            finally:
                desk.take_back()


def _silence() -> None:
    """Nothing that the student's code prints goes anywhere, and no key ends this process."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nowhere, number)
    sys.stdin = open(os.devnull)  # noqa: SIM115  open until the process ends
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


class _Clock:
    """`with clock:` raises _OutOfTime in what computes for too long, or does nothing for too long.

    Computing is counted, so that a machine which others keep busy changes no mark. What catches it gets it again.
    """

    def __init__(self, seconds: float, idle: float):
        self.seconds, self.idle = seconds, idle
        signal.signal(signal.SIGPROF, self._stop)
        signal.signal(signal.SIGALRM, self._look)

    def __enter__(self) -> None:
        self.before = process_time()
        signal.setitimer(signal.ITIMER_PROF, self.seconds, 1.0)
        signal.setitimer(signal.ITIMER_REAL, self.idle, 1.0)

    def __exit__(self, *error: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _stop(self, number: int, frame: FrameType | None) -> NoReturn:
        raise _OutOfTime

    def _look(self, number: int, frame: FrameType | None) -> None:
        now = process_time()
        if now - self.before < 0.02:
            raise _OutOfTime
        self.before = now
        signal.setitimer(signal.ITIMER_REAL, self.idle, 1.0)


def _receive(channel: socket.socket) -> tuple[dict[str, Any], list[torch.Tensor]]:
    """The plan of an exam, and its tensors."""

    def exactly(length: int) -> bytearray:
        data = bytearray(length)
        left = memoryview(data)
        while left:
            got = channel.recv_into(left)
            if not got:
                raise EOFError
            left = left[got:]
        return data

    [length] = struct.unpack("<Q", exactly(8))
    plan = json.loads(bytes(exactly(length)))
    tensors = []
    for dtype, shape in plan["tensors"]:
        numbers = 1
        for size in shape:
            numbers *= size
        data = exactly(numbers * DTYPES[dtype])
        tensors.append(torch.frombuffer(data, dtype=getattr(torch, dtype)).view(shape))
    return plan, tensors


def put_back_state(seed: int = 0) -> None:
    """What a cell may have changed for the whole process, as it is when Python starts; and a seed for all draws."""
    warnings.simplefilter("ignore")
    torch.set_grad_enabled(True)
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)
    if torch.are_deterministic_algorithms_enabled():  # what turns it off imports a compiler
        torch.use_deterministic_algorithms(False)
    torch.set_float32_matmul_precision("highest")
    torch.set_autocast_enabled("cpu", False)
    torch.autograd.set_detect_anomaly(False)
    _sow(seed)


def _sow(seed: int) -> None:
    torch.manual_seed(seed)
    random.seed(seed)
    if "numpy.random" in sys.modules:  # else it isn't in use, and takes 20 ms to import
        sys.modules["numpy.random"].seed(seed)


class _Desk:
    """The results of one question's steps, and the steps: each method is one, named as in `asking.Script`."""

    MOST_ROWS = 200_000  # of a table that we lend
    LIBRARIES = (sys.prefix, sys.base_prefix, "<frozen", os.path.dirname(os.path.dirname(__file__)))

    def __init__(self, namespace: Names, tensors: list[torch.Tensor], clock: _Clock, late: set[str]):
        self.namespace, self.tensors, self.clock, self.late = namespace, tensors, clock, late
        self.results: list[tuple[Status, Any]] = []  # of each step so far: (Status, value)
        self.looked: set[str] = set()
        self.lent: list[tuple[type, str, object]] = []  # (class, attribute, its own value, or _Desk where it had none)

    def answers(self, steps: Values) -> Iterator[Frame]:
        """Take the steps; for each answer that is asked for: status, code of the dtype, shape and bytes."""
        for step, arguments, named in steps:
            if step == "answer":
                slot, shape, dtypes = arguments
                yield self._frame(slot["slot"], tuple(shape), dtypes)
                self.results.append((Status.OK, None))
                continue
            self.results.append(self._limited(step, arguments, named))
            if step in ("call", "counted") and self.results[-1][0] != Status.OK:
                self.results[arguments[0]["slot"]] = self.results[-1]

    def _limited(self, step: str, arguments: Sequence[Any], named: Names) -> tuple[Status, Any]:
        """The status and the value of one step, whatever the student's code does in it."""
        if self.late & self.looked:
            return Status.LATE, None
        try:
            arguments = [self._value(argument) for argument in arguments]
            named = {name: self._value(argument) for name, argument in named.items()}
            with self.clock:
                return Status.OK, getattr(self, step)(*arguments, **named)
        except _NoResult as none:
            return none.args[0], None
        except _OutOfTime:
            self.late |= self.looked
            return Status.LATE, None
        except BaseException:  # exit() and KeyboardInterrupt, too
            return Status.FAILED, None

    def _value(self, argument: Any) -> Any:
        if not isinstance(argument, dict):
            return argument
        status, value = self.results[argument["slot"]]
        if status != Status.OK:
            raise _NoResult(status)
        return value

    def _frame(self, slot: int, shape: tuple[int, ...], dtypes: Sequence[str]) -> Frame:
        status, value = self.results[slot]
        if status == Status.OK:
            status, value = self._limited("bytes_of", (value, shape, dtypes), {})
        return (status, *value) if status == Status.OK else (status, 0, (), b"")

    def bytes_of(self, value: Any, shape: tuple[int, ...], dtypes: Sequence[str]) -> tuple[int, tuple[int, ...], bytes]:
        if value is None:
            raise _NoResult(Status.MISSING)
        if not isinstance(value, torch.Tensor):
            raise _NoResult(Status.KIND)
        with torch._C.DisableTorchFunctionSubclass():  # a class of their own could make anything of what follows
            value = value.detach().as_subclass(torch.Tensor).cpu()
        name = str(value.dtype).removeprefix("torch.")
        if name not in dtypes:
            raise _NoResult(Status.KIND)
        if tuple(value.shape) != shape:
            raise _NoResult(Status.SHAPE)
        value = value.contiguous()
        body = ctypes.string_at(value.data_ptr(), value.numel() * value.element_size())
        return list(DTYPES).index(name), shape, body

    def take_back(self) -> None:
        """End the loans to classes."""
        for cls, name, own in reversed(self.lent):
            if own is _Desk:
                type.__delattr__(cls, name)
            else:
                type.__setattr__(cls, name, own)

    def tensor(self, index: int, grad: bool) -> torch.Tensor:
        return self.tensors[index].clone().requires_grad_(grad)

    def look(self, name: str) -> Any:
        self.looked.add(name)
        if self.late & self.looked:
            raise _NoResult(Status.LATE)
        if self.namespace.get(name) is None:
            raise _NoResult(Status.MISSING)
        return self.namespace[name]

    def call(self, target: Any, method: str | None, *arguments: Any, **named: Any) -> Any:
        torch.set_grad_enabled(True)
        function = target if method is None else getattr(target, method)
        return function(*arguments, **named)

    def counted(self, target: Any, *arguments: Any) -> tuple[Any, torch.Tensor]:
        steps = 0

        def count(frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
            nonlocal steps
            steps += event == "line"
            return None if frame.f_code.co_filename.startswith(self.LIBRARIES) else count

        with _Operations() as operations:
            threading.settrace(count)  # in a thread that the student's code starts
            sys.settrace(count)
            try:
                result = self.call(target, None, *arguments)
            finally:
                sys.settrace(None)
                threading.settrace(None)
        return result, torch.tensor([operations.count, steps])

    def item(self, value: Any, index: int) -> Any:
        return value[index]

    def last(self, value: Any, columns: int) -> Any:
        return value[:, -columns:]

    def list(self, *values: Any) -> Values:
        return list(values)

    def get(self, target: Any, name: str) -> Any:
        return getattr(target, name, None)

    def number(self, value: Any) -> torch.Tensor:
        if value is None:
            raise _NoResult(Status.MISSING)
        if isinstance(value, str):
            raise _NoResult(Status.KIND)
        return torch.tensor(float(value.detach() if isinstance(value, torch.Tensor) else value), dtype=torch.float64)

    def load(self, target: Any, name: str, values: torch.Tensor) -> torch.Tensor:
        parameter = self.parameter(target, name)
        if parameter.shape != values.shape:
            raise _NoResult(Status.SHAPE)
        with torch.no_grad():
            parameter.copy_(values)
        return parameter

    def parameter(self, target: Any, name: str) -> torch.Tensor:
        parameters = dict(target.named_parameters())
        if name not in parameters:
            raise _NoResult(Status.MISSING)
        return parameters[name]

    def count(self, target: Any) -> torch.Tensor:
        return torch.tensor(sum(each.numel() for each in target.parameters() if each.requires_grad))

    def train(self, target: Any, training: bool) -> None:
        target.train(training)

    def gradients(self, output: torch.Tensor, cotangent: torch.Tensor | None, inputs: Values) -> Values:
        torch.set_grad_enabled(True)
        for each in inputs:
            each.grad = None
        scalar = output if cotangent is None else (output * cotangent).sum()
        scalar.backward()  # as in training: through all that the output stands on
        return [each.grad for each in inputs]

    def gradients_on(self) -> torch.Tensor:
        return torch.tensor(torch.is_grad_enabled())

    def sow(self, seed: int) -> None:
        _sow(seed)

    def random(self) -> torch.Tensor:
        return torch.rand(4)

    def rows(self, table: torch.Tensor, names: Sequence[str]) -> Callable[..., torch.Tensor]:
        def lent(*sizes: int, **named: int) -> torch.Tensor:
            rows, columns = (list(sizes) + [named[name] for name in names if name in named])[:2]
            if rows > self.MOST_ROWS or columns > table.shape[1]:
                raise ValueError("there are no such rows or columns")
            more = [table + number for number in range(-(-rows // len(table)))]  # of many codes each is another one
            return torch.cat(more)[:rows, :columns].clone()

        return lent

    def mixing(self, matrix: torch.Tensor, called_only: bool) -> "_Mixing | _Called":
        return _Called(matrix) if called_only else _Mixing(matrix)

    def keyed(self, key: Sequence[int], vocabulary: int) -> "_Keyed":
        return _Keyed(key, vocabulary)

    def lend(self, target: Any, name: str, lent: Any) -> None:
        if not isinstance(target, type):
            return setattr(target, name, lent)
        self.lent.append((target, name, vars(target).get(name, _Desk)))
        type.__setattr__(target, name, staticmethod(lent))  # whatever a metaclass says to it

    def shown(self, keyed: "_Keyed", rows: int, width: int) -> torch.Tensor:
        table = [[call, len(row), *row[-width:]] for call, texts in enumerate(keyed.shown) for row in texts.tolist()]
        if len(table) > rows:
            raise _NoResult(Status.SHAPE)
        table = [row + [-1] * (2 + width - len(row)) for row in table]
        return torch.tensor(table + [[-1] * (2 + width)] * (rows - len(table)))


class _Operations(TorchFunctionMode):
    """Counts the operations that Python asks PyTorch for."""

    count = 0

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        arguments: Sequence[Any] = (),
        named: Names | None = None,
    ) -> Any:
        self.count += 1
        return function(*arguments, **(named or {}))


def _mixed(matrix: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    T = x.shape[1]
    return torch.tanh(matrix[:T, :T] @ x)  # (T, T) @ (B, T, C) -> (B, T, C)


class _Mixing(torch.nn.Module):
    def __init__(self, matrix: torch.Tensor):
        super().__init__()
        self.matrix = torch.nn.Parameter(matrix)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _mixed(self.matrix, x)


class _Called:
    """One that can be called and is no module, as the heads of the first lessons."""

    def __init__(self, matrix: torch.Tensor):
        self.matrix = matrix

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return _mixed(self.matrix, x)


class _Keyed:
    MOST_SHOWN = 1000  # calls that are remembered

    def __init__(self, key: Sequence[int], vocabulary: int):
        self.key, self.vocabulary = key, vocabulary
        self.shown: list[torch.Tensor] = []

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        if len(self.shown) < self.MOST_SHOWN:
            self.shown.append(tokens.detach().clone())
        columns = tokens.long().split(1, dim=1)  # each (B, 1)
        return torch.stack(keyed_logits(columns, self.key, torch.arange(self.vocabulary)), 1).float()  # (B, T, V)
