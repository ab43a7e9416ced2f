"""How a check speaks: a failure with its likely cause, and the evidence of a check that ran to its end."""

import ast
import contextlib
import math
import os
import re
import signal
import sys
import textwrap
import threading
import traceback
import warnings
from pathlib import Path

import torch
from IPython import get_ipython

from learngpt import plots
from learngpt.evidence import lines

PACKAGE = Path(__file__).resolve().parent
CPU_SECONDS = 10  # for one call of the learner's code; the right ones take milliseconds

# Parts of torch's and Python's messages, and what most likely led to them.
MEANINGS = [
    ("expanded size of the tensor", "What is written doesn't fit into its place. Print both shapes."),
    ('arguments: "dim"', "Say along which dimension: the last one is -1, as in softmax(-1)."),
    ("'NoneType' object has no", "Something returned None. Is a `return` missing?"),
    ("' is not defined", "If it belongs to the object, write `self.` before it."),
    ("probability tensor contains", "torch.multinomial takes probabilities: softmax of the logits, and no row of nan."),
    ("prob_dist must be 1 or 2 dim", "torch.multinomial takes (B, V): pick the last position first, logits[:, -1, :]."),
    ("sample n_sample > prob_dist", "Draw one token at a time: torch.multinomial(probabilities, num_samples=1)."),
    ("tuple indices must be integers", "self(idx) gives a pair, logits and loss. Take the logits out of it first."),
    ("Sizes of tensors must match", "torch.cat joins along one dimension; all others must be equal. Time is dim=1."),
    ("stack expects each tensor", "torch.stack makes a new dimension. torch.cat appends along one that is there."),
    ("cannot be converted to Scalar", ".item() takes a tensor of one number; this one holds one for each example."),
    (
        "same dtype",
        "Numbers of two precisions meet: float64 or whole numbers on one side. Make them float32, .float().",
    ),
    (
        "expected scalar type",
        "Numbers of two precisions meet: float64 or whole numbers on one side. Make them float32.",
    ),
    ("not implemented for 'Bool'", "True and False can't be multiplied. Make them 1 and 0 with .float()."),
    ("mask with dtype", "A mask is True and False: compare, as in torch.tril(...) == 0."),
    ("operator.invert", "~ turns True and False around; this mask holds numbers. Compare instead, == 0."),
    ("without overflow", "Whole numbers have no infinity. Start from floats: torch.zeros(T, T)."),
    ("Can't call numpy()", "Stay with torch: numpy can't carry gradients back."),
    ("requires grad is being used in an in-place", "It was written into. Make a new tensor instead."),
    ("cannot be multiplied", "In a @ b, the last size of a must be the last but one of b. Print both shapes."),
    (
        "first two dimensions of batch2",
        "In a @ b, the last size of a must be the last but one of b. Print both shapes.",
    ),
    ("mat2 must be a matrix", "torch.mm takes two matrices. `@` takes a batch as well."),
    (
        "must match the size of tensor b",
        "Two shapes don't fit. Print both, and take sizes from x.shape, not from one example.",
    ),
    ("out of bounds for dimension", "An index is too large. Does each loop run over its own size, B or T?"),
    ("Target", "The logits must have one number for each token of the vocabulary, (B, T, V)."),
    ("index out of range in self", "A number that is no token went into the embedding table."),
    ("object is not callable", "Keep the class's base and the names of its methods as they were given."),
    ("object has no attribute", "Is there a slip in the name? And is __init__ still as it was given?"),
    ("positional argument", "Keep the names and arguments as they were given."),
    ("unexpected keyword", "Keep the names and arguments as they were given."),
]


class CheckFailed(AssertionError):
    """A property that doesn't hold, with the learner's value, the expected one and the likely cause."""

    def _render_traceback_(self):
        message = str(self)
        if os.environ.get("NBGRADER_EXECUTION") == "validate":  # whose dialog cuts off what is longer
            wrapped = (textwrap.wrap(line, 100, break_long_words=False) or [""] for line in message.split("\n"))
            message = "\n".join(part for parts in wrapped for part in parts)
        return lines(message)


class NotYet(CheckFailed):
    """A part of a TODO that isn't written, or what comes after it."""

    def __init__(self, said, todo, calm):
        super().__init__(said)
        self.todo = todo
        self.calm = calm  # one line for a person who hasn't come to it


_todos = {}  # name of a class that a learner writes -> number of its TODO


def set_up_notebook(todos=()):
    """Show what fails because of an unfinished or a renamed class in one line, and keep stderr empty when graded.

    nbgrader gives 0 points to a graded cell that writes to stderr, so a warning or a print of the learner's would
    cost the points of a right answer. A person who runs all cells sees a calm line where a TODO is still to be
    written; for nbgrader it is an error, for that is how it knows that there are no points.

    Args:
        todos: {class: number of the TODO that it is written for}, of one assignment.
    """
    _todos.update(todos)
    shell = get_ipython()
    if shell is None:
        return
    graded = bool(os.environ.get("NBGRADER_EXECUTION"))
    if graded:
        sys.stderr = sys.stdout
    waiting = {}  # names that a cell would have given, had it not stopped at a TODO -> number of the TODO

    def explain(shell, kind, error, trace, tb_offset=None):
        error = _not_yet(error, shell, waiting) or error
        if isinstance(error, NotYet) and not graded:
            print(error.calm)
            return []
        short = _in_short(error)
        if short:
            shown = short._render_traceback_()
            shell._showtraceback(type(short), short, shown)  # whoever reads the output finds the message as it is
        else:
            shown = shell.InteractiveTB.structured_traceback(kind, error, trace, tb_offset=tb_offset)
            shell._showtraceback(kind, error, shown)
        return shown

    shell.set_custom_exc((Exception,), explain)


def _not_yet(error, shell, waiting):
    """The error as a NotYet if it comes from a TODO that isn't written, and what the rest of its cell would give."""
    if isinstance(error, NotImplementedError) and not str(error):
        error = not_written(error)
    elif isinstance(error, NameError) and error.name in waiting:
        todo = waiting[error.name]
        said = f"{error.name} comes from a cell above that stopped at {todo}. Write that, and run the cell again."
        error = NotYet(said, todo, f"○ Not yet: {said}")
    if not isinstance(error, NotYet):
        return None
    with contextlib.suppress(SyntaxError):
        tree = ast.parse(shell.transform_cell(shell.user_ns["In"][-1]))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        waiting.update(dict.fromkeys(names - shell.user_ns.keys(), error.todo))
    return error


def not_written(error, what=""):
    """The NotYet for a `raise NotImplementedError()`, which says where that stands.

    Args:
        what: the call, as the learner would write it.
    """
    code = None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        code = frame.f_code  # in the end the innermost one
    place = re.sub(r".*<locals>\.", "", code.co_qualname) if code else ""
    name = place.split(".")[0]
    todo = f"TODO {_todos[name]}" if name in _todos else "the TODO"
    where = f'{place} in the cell under "{todo}"' if name in _todos else "its cell"
    said = f"This part of the TODO isn't written yet: replace `raise NotImplementedError()` in {where}."
    calm = f"○ Not yet: this needs {todo}, {where}."
    return NotYet(f"{what}: {said}" if what else said, todo, calm)


def _in_short(error):
    """The CheckFailed to show instead of a traceback, or None where the traceback helps."""
    if isinstance(error, CheckFailed):
        return error
    if isinstance(error, NameError) and error.name in _todos:
        return CheckFailed(
            f"{error.name} is not defined. Run the cell with your class first. It stands under "
            f'"TODO {_todos[error.name]}". Is it still called {error.name}?\n'
            "If that cell stopped with an error, a SyntaxError perhaps, there is no class until it runs."
        )
    frames = traceback.extract_tb(error.__traceback__)
    if any(_in_checks(Path(frame.filename)) for frame in frames):
        said = [f"The check stops with {type(error).__name__}: {error}", *_learners_lines(frames[1:])]
        said.append("Does your class still have all that its cell was given with?")
        return CheckFailed("\n".join(said))
    return None


def _in_checks(file):
    return file.is_relative_to(PACKAGE) and "checks" in file.parts


class _OutOfTime(BaseException):
    """Raised in the learner's code; not an Exception, so that their own `except` doesn't catch it by chance."""


@contextlib.contextmanager
def _limited():
    """End the learner's code after CPU_SECONDS of computing; elsewhere than on Unix nbgrader's own limit has to do."""

    def stop(signum, frame):
        raise _OutOfTime

    unix = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not unix or signal.getitimer(signal.ITIMER_PROF)[0]:  # or a call further out is limited already
        yield
        return
    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def run(what, function, *arguments, hint="", **options):
    """Call the learner's code and turn whatever goes wrong into one explanation.

    Args:
        what: the call, as the learner would write it.
        hint: added where the code stops with an error.
    """
    before = [argument.clone() if isinstance(argument, torch.Tensor) else None for argument in arguments]
    try:
        with _limited(), warnings.catch_warnings(), contextlib.redirect_stderr(sys.stdout):
            result = function(*arguments, **options)
    except CheckFailed:
        raise
    except _OutOfTime:
        said = f"{what} still runs after {CPU_SECONDS} seconds. Is there a loop that never ends, or one too many?"
        raise CheckFailed(said) from None
    except Exception as error:
        if isinstance(error, NotImplementedError) and not str(error):  # the placeholder; torch's own say more
            raise not_written(error, what) from None
        lines = [f"{what} stops with {type(error).__name__}: {error}"]
        lines += _learners_lines(traceback.extract_tb(error.__traceback__))
        hint = hint or next((words for part, words in MEANINGS if part in str(error)), "")
        raise CheckFailed("\n".join(lines + [hint] * bool(hint))) from None
    for argument, copy in zip(arguments, before):
        if copy is not None and not torch.equal(argument.detach().nan_to_num(), copy.nan_to_num()):
            raise CheckFailed(
                f"{what} changed its input: {brief(copy)} became {brief(argument)}.\n"
                "Others still need that tensor. Make a new one instead of writing into it."
            )
    return result


def _learners_lines(frames):
    """The lines of the learner's own code among the frames of an error."""
    own = [frame for frame in frames if not _is_library(frame.filename)]
    return [f"in {frame.name}, line {frame.lineno}: {frame.line}" for frame in own[-3:]]


def _is_library(filename):
    return "site-packages" in filename or str(PACKAGE) in filename or filename.startswith("<frozen")


def tensor(value, what, shape):
    """The learner's value, detached, if it is a tensor of this shape."""
    shape = tuple(shape)
    if value is None:
        raise CheckFailed(f"{what} is None, not a tensor of shape {shape}. Is a `return` missing?")
    if isinstance(value, tuple):
        raise CheckFailed(f"{what} is a tuple, not a tensor of shape {shape}. Return that tensor alone.")
    if not isinstance(value, torch.Tensor):
        raise CheckFailed(
            f"{what} is a {type(value).__name__}, not a tensor of shape {shape}.\n"
            "Stay with torch all the way: only tensors carry gradients back."
        )
    if tuple(value.shape) != shape:
        raise CheckFailed(f"{what} has shape {tuple(value.shape)}, expected {shape}.{_of_shapes(value.shape, shape)}")
    with torch._C.DisableTorchFunctionSubclass():  # a class of their own could say yes to every comparison
        return value.detach().as_subclass(torch.Tensor)


def _of_shapes(yours, expected):
    """What may have led from one shape to the other, in words."""
    yours, expected = tuple(yours), tuple(expected)
    words = ""
    if len(yours) == len(expected) and sorted(yours) == sorted(expected):
        words = "two dimensions are swapped."
    elif yours == expected[1:]:
        words = "the first dimension is missing. Keep one result for each example, without squeeze or [0]."
    elif yours[1:] == expected:
        words = "there is a dimension too many in front. One result serves all examples."
    elif yours[1:] == expected[1:] and yours[0] == 1:
        words = "it was made for one example; here are several."
    elif len(expected) == 3 and yours in ((expected[0], expected[2]), (expected[0], 1, expected[2])):
        words = "only one position comes back, or one for all. Each position needs its own row."
    elif len(yours) < len(expected) and math.prod(yours) == math.prod(expected):
        words = "two dimensions were made one. Give the result its own shape back."
    elif yours[:-1] == expected[:-1]:
        words = "a step is missing, or one too many: the last dimension is that of another stage."
    elif len(yours) == len(expected):
        words = "a size is fixed, or remembered from an earlier call. Take B, T and C from what comes in."
    return f"\nLikely cause: {words}" if words else ""


def kept(head, name, what, shape):
    """What the learner stored on a head, if it is a tensor of this shape."""
    value = getattr(head, name, None)
    if value is None:
        raise CheckFailed(f"self.{name} is not set after {what}. Store it: self.{name} = ...")
    return tensor(value, f"self.{name}", shape)


def agree(yours, expected, tolerance=1e-4):
    """True where two tensors of one shape are the same number, nan being equal to nan."""
    yours, expected = yours.double(), expected.double()
    return torch.isclose(yours, expected, rtol=tolerance, atol=tolerance, equal_nan=True)


def compare(
    fact,
    yours,
    expected,
    suspects=(),
    axes=("example", "position", "channel"),
    tolerance=1e-4,
    cause=None,
    otherwise="",
):
    """Fail with the likely cause if two tensors of one shape differ.

    Args:
        fact: the property, in words.
        suspects: pairs of a known mistake in words and the tensor that it gives.
        axes: names of the dimensions, to say where the first difference is.
        cause: the likely cause, where it is known without the suspects.
        otherwise: what to say where no cause is known.
    """
    same = agree(yours, expected, tolerance)
    if same.all():
        return
    place = (~same).nonzero()[0].tolist()
    _picture(yours, expected, place, axes)
    where = ", ".join(f"{axis} {index}" for axis, index in zip(axes, place))
    value, right = yours[tuple(place)].item(), expected[tuple(place)].item()
    digits = 4 if f"{value:.4g}" != f"{right:.4g}" else 8
    cause = cause or likely_cause(yours, suspects, tolerance)
    if cause is None and not yours.isfinite().all():
        cause = (
            "nan comes from 0 / 0, or from a softmax over a row that is -inf everywhere; -inf from a missing softmax."
        )
    raise CheckFailed(
        f"{fact}\nThe first difference is at {where}: yours is {value:.{digits}g}, expected {right:.{digits}g}."
        + (f"\nLikely cause: {cause}" if cause else f"\n{otherwise}" if otherwise else "")
    )


def _picture(yours, expected, place, axes):
    """In a notebook, draw expected, yours and difference: the matrix in which the first difference is."""
    if get_ipython() is None:
        return
    yours, expected = yours[tuple(place[:-2])].float(), expected[tuple(place[:-2])].float()
    which = f" of {axes[0]} {place[0]}" if len(place) == 3 else ""
    matrices = {"expected": expected, "yours": yours, "difference": yours - expected}
    small = expected.numel() <= 64
    plots.heatmaps(matrices, f"Expected and yours{which}", row_name=axes[-2], col_name=axes[-1], values=small)


def likely_cause(yours, suspects, tolerance=1e-4):
    """The first known mistake that gives the learner's tensor, in words, or None."""
    for words, wrong in suspects:
        if wrong.shape == yours.shape and agree(yours, wrong, tolerance).all():
            return words
    return None


def brief(values):
    """A few numbers of a tensor."""
    flat = values.detach().flatten().tolist()
    numbers = ", ".join(f"{number:.3g}" for number in flat[:5])
    return f"[{numbers}{', ...' if len(flat) > 5 else ''}]"


def seeded(seed):
    """A generator of random inputs that leaves torch's own alone."""
    return torch.Generator().manual_seed(seed)
