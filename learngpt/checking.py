"""How a check speaks: a failure with its likely cause, and the evidence of a check that ran to its end."""

import ast
import contextlib
import functools
import inspect
import io
import itertools
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

from learngpt import evidence, plots
from learngpt.advice import (
    PACKAGE,
    advice,
    in_short,
    is_library,
    learners_lines,
    made_of,
    never_used,
    of_what_met,
    thrown_away,
    what_met,
)
from learngpt.fresh import ABOVE
from learngpt.language import counted, mark, say, together
from learngpt.noticing import Noticed
from learngpt.showing import Plain

ABOUT_SIZES = (RuntimeError, IndexError, ValueError, TypeError)
CPU_SECONDS = 10  # for one call of the learner's code; the right ones take milliseconds


class CheckFailed(AssertionError):
    """A property that doesn't hold.

    Args:
        said: the property, with the learner's value and the expected one.
        cause: what most likely led to it, where that is known.
    """

    def __init__(self, said, cause=""):
        super().__init__(said + "\n" + say("Likely cause: {cause}", cause=cause) if cause else said)
        self.said, self.cause = said, cause or ""

    def _render_traceback_(self):
        message = str(self)
        if os.environ.get("NBGRADER_EXECUTION") == "validate":  # whose dialog cuts off what is longer
            message = "\n".join(part for line in message.split("\n") for part in evidence.wrapped(line))
        return evidence.lines(message)


class NotYet(CheckFailed):
    """A part of a TODO that isn't written, or what comes after it."""

    def __init__(self, said, todo, calm):
        super().__init__(said)
        self.todo = todo  # its number, None where that isn't known
        self.calm = calm  # one line for a person who hasn't come to it


_todos = {}  # name of a class that a learner writes -> number of its TODO
_noticed = None  # what ran in this kernel, where a person may run its cells in any order


def set_up_notebook(todos: dict[str, int] | tuple[()] = ()) -> None:
    """Show what fails because of an unfinished or a renamed class in one line, and keep stderr empty when graded.

    nbgrader gives 0 points to a graded cell that writes to stderr, so a warning or a print of the learner's would
    cost the points of a right answer. A person who runs all cells sees a calm line where a TODO is still to be
    written; for nbgrader it is an error, for that is how it knows that there are no points.

    Args:
        todos: {class: number of the TODO that it is written for}, of one assignment.
    """
    global _noticed
    _todos.update(todos)
    shell = get_ipython()
    if shell is None:
        return
    graded = bool(os.environ.get("NBGRADER_EXECUTION"))
    if graded:
        sys.stderr = sys.stdout
    else:
        _noticed = Noticed(shell, _todos)
        shell.events.register("pre_run_cell", _say_what_is_behind)
        shell.events.register("post_run_cell", _noticed.after)
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
        elif isinstance(error, SyntaxError) and not _ran(trace):
            shown = shell.SyntaxTB.structured_traceback(kind, error, [])  # the line, and where in it
            shell._showtraceback(kind, error, shown)
        else:
            shown = shell.InteractiveTB.structured_traceback(kind, error, trace, tb_offset=tb_offset)
            if isinstance(error, NameError) and _at_the_margin(trace):
                shown = [*shown, together(say("Does a cell above make {name}?", name=error.name), say(ABOVE))]
            shell._showtraceback(kind, error, shown)
        return shown

    shell.set_custom_exc((Exception,), explain)


def _say_what_is_behind(info):
    """Before a cell that uses a class: say so where the class isn't the one on screen."""
    for name, why in _noticed.behind(info.raw_cell or "").items():
        print("△", why, say("What is checked is the version of {name} before it.", name=name))


def passed(points):
    """The last line of a graded cell: its points, if what was checked is what will be graded.

    Raises:
        CheckFailed: the class needs a name that isn't there when the notebook is graded.
    """
    if _noticed is None:
        return evidence.passed(points)
    source = _noticed.shell.user_ns["In"][-1]
    if borrowed := _noticed.borrowed(source):
        name, read, number = borrowed[0]
        said = say(
            "{name} uses {read} from cell [{number}], which only demonstrates.\n"
            "Such cells don't run when the notebook is graded. Put what you need of it into the cell of your class, or "
            "write it out there.",
            name=name,
            read=read,
            number=number,
        )
        raise CheckFailed(said)
    if _noticed.behind(source):
        return Plain(
            counted("△ {n} point, but for the version before.", "△ {n} points, but for the version before.", points)
        )
    if done := _noticed.all_passed(points):
        total, after = done
        print(
            counted(
                "All checks of this notebook have passed, {n} point. Well done.",
                "All checks of this notebook have passed, {n} points. Well done.",
                total,
            )
        )
        if after:
            print(say("Press Validate. Then go on with {notebook}.", notebook=after))
        else:
            print(say("Press Validate. In a clone of the course, `make check` gives the full grade."))
    return evidence.passed(points)


def _not_yet(error, shell, waiting):
    """The error as a NotYet if it comes from a TODO that isn't written, and what the rest of its cell would give."""
    if isinstance(error, NotImplementedError) and not str(error):
        error = not_written(error)
    elif isinstance(error, NameError) and error.name in waiting:
        todo = waiting[error.name]
        if todo is None:
            said = say(
                "{name} comes from a cell above that stopped at the TODO. Write that, and run the cell again.",
                name=error.name,
            )
        else:
            said = say(
                "{name} comes from a cell above that stopped at TODO {todo}. Write that, and run the cell again.",
                name=error.name,
                todo=todo,
            )
        error = NotYet(said, todo, say("○ Not yet: {said}", said=said))
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
    todo = _todos.get(place.split(".")[0])
    if todo is None:
        said = say("This part of the TODO isn't written yet: replace `raise NotImplementedError()` in its cell.")
        calm = say("○ Not yet: this needs the TODO, its cell.")
    else:
        said = say(
            "This part of the TODO isn't written yet: replace `raise NotImplementedError()` in {place} in the cell "
            'under "TODO {todo}".',
            place=place,
            todo=todo,
        )
        calm = say(
            '○ Not yet: this needs TODO {todo}, {place} in the cell under "TODO {todo}".', place=place, todo=todo
        )
    calm += "\n  " + say("Your code goes there in place of `raise NotImplementedError()`.")
    if code and _goes_on(code):
        calm += " " + say("As it is, the lines below the raise are never reached.")
    return NotYet(f"{what}: {said}" if what else said, todo, calm)


def _goes_on(code):
    """Whether lines stand below the `raise NotImplementedError()` of a function."""
    with contextlib.suppress(OSError, SyntaxError, TypeError, ValueError):
        [function] = ast.parse(textwrap.dedent(inspect.getsource(code))).body
        raises = [isinstance(each, ast.Raise) for each in function.body]
        return any(raises) and not raises[-1]
    return False


def _in_short(error):
    """The CheckFailed to show instead of a traceback, or None where the traceback helps."""
    if isinstance(error, CheckFailed):
        return error
    if isinstance(error, NameError) and error.name in _todos:
        return CheckFailed(_not_defined(error.name))
    frames = traceback.extract_tb(error.__traceback__)
    if any(_in_checks(Path(frame.filename)) for frame in frames):
        stops = say("The check stops with {error}: {text}", error=type(error).__name__, text=error)
        asked = say("Does your class still have all that its cell was given with?")
        return CheckFailed("\n".join([stops, *learners_lines(error)[1:], asked]))
    return None


def _not_defined(name):
    """That a class of the learner's isn't there, and what to do, in words."""
    todo = _todos[name]
    if not _noticed or name not in _noticed.left:
        return say(
            '{name} is not defined. Run the cell with your class first. It stands under "TODO {todo}". Is it still '
            "called {name}?\n"
            "If that cell stopped with an error, a SyntaxError perhaps, there is no class until it runs.",
            name=name,
            todo=todo,
        )
    if error := _noticed.left[name]:
        return say(
            "{name} is not defined: the cell under TODO {todo} stopped with {error}, and there is no class until it "
            "runs.",
            name=name,
            todo=todo,
            error=error,
        )
    return say(
        "{name} is not defined: the cell under TODO {todo} no longer makes {name}, and there is no class until it "
        "runs.",
        name=name,
        todo=todo,
    )


def _ran(trace):
    """Whether an error came up in a line of a cell, not before its first one, when Python reads the cell."""
    return any(not is_library(frame.f_code.co_filename) for frame, _ in traceback.walk_tb(trace))


def _at_the_margin(trace):
    """Whether an error came up in a line of the cell itself, not in a function that it calls."""
    [*_, (frame, _)] = traceback.walk_tb(trace)
    return frame.f_code.co_name == "<module>" and not is_library(frame.f_code.co_filename)


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


def run(what, function, *arguments, hint="", cause="", keeps_gradients=False, **options):
    """Call the learner's code and turn whatever goes wrong into one explanation.

    Gradients are as before afterwards, whatever the call did with them.

    Args:
        what: the call, as the learner would write it.
        hint: said where sizes don't fit: whole sentences, or a function that is called then and finds them.
        cause: the likely cause where sizes don't fit and the hint is empty: words, or a function that finds them.
        keeps_gradients: whether it goes wrong where the call turns them off for good.
    """
    before = [argument.clone() if isinstance(argument, torch.Tensor) else None for argument in arguments]
    try:
        with (
            _limited(),
            warnings.catch_warnings(),
            contextlib.redirect_stderr(sys.stdout),
            _gradients(what if keeps_gradients else ""),
        ):
            result = function(*arguments, **options)
    except CheckFailed:
        raise
    except _OutOfTime:
        said = say(
            "{what} still runs after {seconds} seconds. Is there a loop that never ends, or one too many?",
            what=what,
            seconds=CPU_SECONDS,
        )
        raise CheckFailed(said) from None
    except Exception as error:
        if isinstance(error, NotImplementedError) and not str(error):  # the placeholder; torch's own say more
            raise not_written(error, what) from None
        name = type(error).__name__
        stops = say("{what} stops with {error}: {text}", what=what, error=name, text=in_short(error))
        said, why = advice(error), ""
        certain, met = _met(error, function, arguments, before, options)
        if certain:
            said = certain
        elif isinstance(error, ABOUT_SIZES) and not (said and isinstance(error, (RecursionError, IndexError))):
            if hinted := _found(hint):
                said = hinted
            elif why := _found(cause):
                said = ""
        if met and not all(str(shape) in said + why for shape in met):
            shapes = say("The shapes that met: {one} and {other}.", one=met[0], other=met[1])
            if why:
                why = f"{why} {shapes}"
            else:
                said = f"{said} {shapes}".strip()
        raise CheckFailed("\n".join([stops, *learners_lines(error)] + [said] * bool(said)), why) from None
    for argument, copy in zip(arguments, before):
        if copy is not None and not torch.equal(argument.detach().nan_to_num(), copy.nan_to_num()):
            raise CheckFailed(_changed(what, copy, argument))
    return result


@contextlib.contextmanager
def _gradients(what):
    """Leave gradients as they are, on or off, and fail where `what` is given and turns them off."""
    before = torch.is_grad_enabled()
    try:
        yield
        if what and before and not torch.is_grad_enabled():
            said = say("{what} turns gradients off for everything after it. Use `with torch.no_grad():`.", what=what)
            raise CheckFailed(said)
    finally:
        torch.set_grad_enabled(before)


def _found(words):
    """Words, or what a function finds to say."""
    return words() if callable(words) else words


def _met(error, function, arguments, before, options):
    """What is certain of the tensors that didn't fit when the learner's code stopped, in words, and their shapes."""
    if not isinstance(error, (RuntimeError, IndexError)) or isinstance(error, RecursionError):
        return "", []
    again = [argument if copy is None else copy.clone() for argument, copy in zip(arguments, before)]
    name, tensors = "", []
    with contextlib.suppress(_OutOfTime), contextlib.redirect_stdout(io.StringIO()), _limited():
        name, tensors = what_met(function, *again, **options)
    differ = re.search("size of tensor|cannot be multiplied|batch[12]|not broadcastable", str(error))
    shapes = [tuple(part.shape) for part in tensors[:2]] if differ and name != "linear" else []
    return of_what_met(name, tensors, getattr(function, "__name__", "")), shapes if len(shapes) == 2 else []


def _changed(what, before, after):
    """That an input isn't what it was, with the first number that differs."""
    if before.shape != after.shape:
        said = say(
            "{what} changed its input from shape {before} to {after}.",
            what=what,
            before=tuple(before.shape),
            after=tuple(after.shape),
        )
    else:
        place = (before != after.detach()).nonzero()[0].tolist()
        said = say(
            "{what} changed its input: at {place} stood {before:.4g}, and now it is {after:.4g}.",
            what=what,
            place=place,
            before=before[tuple(place)].item(),
            after=after[tuple(place)].item(),
        )
    return said + "\n" + say("Others still need that tensor. Make a new one instead of writing into it.")


def check(function):
    """Let a check of a learner's class name a result that the class throws away, where the check fails.

    What stands in the code is certain, so it takes the place of a cause that was concluded from numbers.
    """

    @functools.wraps(function)
    def checked(owner, *arguments, **options):
        try:
            return function(owner, *arguments, **options)
        except NotYet:
            raise
        except CheckFailed as failed:
            if words := thrown_away(owner):
                raise CheckFailed(failed.said, words) from None
            if words := never_used(owner):
                raise CheckFailed(f"{failed.said}\n{words}", failed.cause) from None
            raise

    return checked


def tensor(value, what, shape):
    """The learner's value, detached, if it is a tensor of this shape."""
    shape = tuple(shape)
    if value is None:
        said = say(
            "{what} is None, not a tensor of shape {shape}. Is a `return` missing, or does it stand inside of an `if`?",
            what=what,
            shape=shape,
        )
        raise CheckFailed(said)
    if isinstance(value, tuple):
        said = say(
            "{what} is a tuple, not a tensor of shape {shape}. Return that tensor alone.", what=what, shape=shape
        )
        raise CheckFailed(said)
    if isinstance(value, list):
        said = say(
            "{what} is a list, not a tensor of shape {shape}. torch.stack makes a tensor of its parts.",
            what=what,
            shape=shape,
        )
        raise CheckFailed(said)
    if not isinstance(value, torch.Tensor):
        kind = type(value).__name__
        said = say("{what} is a {kind}, not a tensor of shape {shape}.", what=what, kind=kind, shape=shape)
        advised = made_of(kind) or say("Stay with torch all the way: only tensors carry gradients back.")
        raise CheckFailed(f"{said}\n{advised}")
    if tuple(value.shape) != shape:
        yours = tuple(value.shape)
        said = say("{what} has shape {yours}, expected {expected}.", what=what, yours=yours, expected=shape)
        raise CheckFailed(said, cause_of_shape(yours, shape))
    with torch._C.DisableTorchFunctionSubclass():  # a class of their own could say yes to every comparison
        return value.detach().as_subclass(torch.Tensor)


def cause_of_shape(yours, expected):
    """What led from one shape to the other where only one thing can have done it, in words, else an empty string."""
    if yours != expected and yours == tuple(size for size in expected if size != 1):
        return say("each dimension of size 1 is gone, as squeeze() takes them.")
    if yours == expected or 1 in expected:  # then one shape may come from many places
        return ""
    positions = 1 if len(expected) == 3 else None
    others = [axis for axis in range(len(expected)) if axis != positions]
    if yours == expected[1:] and len(expected) == 3:
        return say(
            "the first dimension is missing. Keep one result for each example: no squeeze, no [0], and room for B."
        )
    if yours[1:] == expected:
        return say("there is a dimension too many in front. One result serves all examples.")
    if (
        len(yours) > len(expected)
        and 1 in yours[1:-1]
        and 1 not in expected
        and math.prod(yours) == math.prod(expected)
    ):
        return say(
            "there is a dimension of size 1 too many. Where does it come from, keepdim=True, [:, None] or a stack?"
        )
    if len(expected) == 3 and yours == (expected[0] * expected[1], expected[2]):
        return say("examples and positions were made one dimension. Give the result the shape (B, T, C) back.")
    if len(yours) < len(expected) and math.prod(yours) == math.prod(expected):
        return say("two dimensions were made one. Give the result its own shape back.")
    if len(yours) == len(expected) and sorted(yours) == sorted(expected):
        return say("two dimensions are swapped.")
    if yours[1:] == expected[1:] and yours[0] == 1:
        return say("it was made for one example; here are several.")
    if len(expected) == 3 and yours in ((expected[0], expected[2]), (expected[0], 1, expected[2])):
        return say("only one position comes back, or one for all. Each position needs its own row.")
    if len(expected) == 3 and yours == expected[:2]:
        return say("the last dimension is missing. Each position of each example needs a row of numbers, not one.")
    if positions and len(yours) == 3 and all(yours[axis] == expected[axis] for axis in others):
        if yours[1] == expected[1] - 1:
            return say("a position is missing. Give one row for each.")
        if yours[1] > expected[1]:
            return say("there are more positions than in the input: it was filled up, or something was joined to it.")
    if yours[:-1] == expected[:-1] and yours[-1] == 2 * expected[-1]:
        return say("two things were joined along the last dimension. Add them, don't join them.")
    if yours[:-1] == expected[:-1]:
        return say("a step is missing, or one too many: the last dimension is that of another stage.")
    return ""


def kept(head, name, what):
    """What the learner stored on a head."""
    value = getattr(head, name, None)
    if value is None:
        raise CheckFailed(say("self.{name} is not set after {what}. Store it: self.{name} = ...", name=name, what=what))
    return value


def leaves_alone(what, function, one, other):
    """Fail where a call changes what all of PyTorch shares, or what an earlier call gave.

    Args:
        what: the call, as the learner would write it.
        function: takes one tensor.
        one, other: two tensors of one shape, with other numbers.
    """
    first = run(what, function, one, keeps_gradients=True)
    drawn, kept_first = torch.rand(4), first.detach().clone()
    run(what, function, other, keeps_gradients=True)
    if torch.equal(drawn, torch.rand(4)):
        raise CheckFailed(
            say("After each call of {what} PyTorch draws the same numbers.", what=what),
            say("a seed is set inside, by torch.manual_seed perhaps. All texts that are written would be the same."),
        )
    if not torch.equal(first.detach(), kept_first):
        raise CheckFailed(
            say("A second call of {what} changed what the first one had given.", what=what),
            say("one tensor is kept on self, and each result is written into it. Make a new one in each call."),
        )


def agree(yours, expected, tolerance=1e-4):
    """True where two tensors of one shape are the same number, nan being equal to nan."""
    yours, expected = yours.double(), expected.double()
    return torch.isclose(yours, expected, rtol=tolerance, atol=tolerance, equal_nan=True)


AXES = (mark("example"), mark("position"), mark("channel"))


def compare(
    fact,
    yours,
    expected,
    suspects=(),
    axes=AXES,
    tolerance=1e-4,
    cause=None,
    otherwise="",
):
    """Fail with the likely cause if two tensors of one shape differ.

    Args:
        fact: the property, in words.
        suspects: pairs of a known mistake in words and the tensor that it gives.
        axes: names of the dimensions, as marked for the catalogues, to say where the first difference is.
        cause: the likely cause, where it is known without the suspects.
        otherwise: what to say where no cause is known so: whole sentences, or a pair of such sentences and a cause that
            goes with them, either of which may be empty.
    """
    same = agree(yours, expected, tolerance)
    if same.all():
        return
    place = (~same).nonzero()[0].tolist()
    _picture(yours, expected, place, axes)
    value, right = yours[tuple(place)].item(), expected[tuple(place)].item()
    digits = 4 if f"{value:.4g}" != f"{right:.4g}" else 8
    first = say(
        "The first difference is at {place}: yours is {yours}, expected {expected}.",
        place=", ".join(at(axis, index) for axis, index in zip(axes, place)),
        yours=f"{value:.{digits}g}",
        expected=f"{right:.{digits}g}",
    )
    cause, more = cause or likely_cause(yours, suspects, tolerance), ""
    if not cause:
        more, cause = otherwise if isinstance(otherwise, tuple) else (otherwise, "")
        if not more and not cause:
            more, cause = _in_general(yours, expected)
    raise CheckFailed("\n".join([fact, first] + [more] * bool(more)), cause)


def at(axis, index):
    """One place along one dimension, in words."""
    return say("{axis} {index}", axis=say(axis), index=index)


def _in_general(yours, expected):
    """What can be said of any wrong tensor: whole sentences and the likely cause, both perhaps empty."""
    if yours.isnan().any():
        said = say(
            "nan comes from 0 / 0, infinity minus infinity, 0 times infinity or a root of what is negative. Where?"
        )
        return said, ""
    if yours.isinf().any():
        return say("An infinite number comes from a division by 0, or was put in and never left. Where?"), ""
    return "", say(NEARLY) if nearly(yours, expected) else ""


NEARLY = mark(
    "all numbers are right to two digits, and not to more: something was rounded, was float16 for a while, or got a "
    "small number added, an eps for instance."
)


def times(yours, expected):
    """The number that a right tensor was multiplied with, in words, or None."""
    seen = expected.abs() > 1e-6
    factor = (yours[seen] / expected[seen]).double()
    if not len(factor) or abs(factor[0] - 1) < 1e-2 or not agree(yours, factor[0] * expected).all():
        return None
    if not factor[0].isfinite() or (yours[~seen].abs() > 1e-6).any():
        return None
    return say(
        "the result is right but for a factor: all of it was multiplied by {factor:.4g}.", factor=factor[0].item()
    )


def nearly(yours, expected):
    """True where numbers differ by as little as a lower precision makes them."""
    return torch.isclose(yours.double(), expected.double(), rtol=1e-2, atol=1e-3).all().item()


def _picture(yours, expected, place, axes):
    """In a notebook, draw expected, yours and difference: the matrix in which the first difference is."""
    if get_ipython() is None:
        return
    yours, expected = yours[tuple(place[:-2])].float(), expected[tuple(place[:-2])].float()
    difference = say("difference")
    matrices = {say("expected"): expected, say("yours"): yours, difference: yours - expected}
    title = say("Expected and yours")
    if len(place) == 3:
        title = say("Expected and yours of {place}", place=at(axes[0], place[0]))
    small = expected.numel() <= 64
    row, column = say(axes[-2]), say(axes[-1])
    plots.heatmaps(matrices, title, row_name=row, col_name=column, values=small, difference=difference)


def likely_cause(yours, suspects, tolerance=1e-4):
    """The first known mistake that gives the learner's tensor, in words, or None."""
    if not yours.isfinite().any():  # all are alike then
        return None
    for words, wrong in suspects:
        if wrong.shape == yours.shape and agree(yours, wrong, tolerance).all():
            return words
    return None


def mistakes(make, slots, most=2):
    """Every way to make something with one mistake, then with two at once.

    Args:
        make: gives what a learner would have got, from one choice for each slot.
        slots: {slot: (the right choice, [(a mistake in words, the choice that it stands for), ...])}.
        most: how many mistakes at once.

    Yields:
        the mistakes in words, the later slots first, and what they make together. Slots stand in the order of the work,
        and what was done last explains best what is seen.
    """
    right = {slot: choice for slot, (choice, _) in slots.items()}
    for number in range(1, most + 1):
        for changed in itertools.combinations(slots, number):
            for wrong in itertools.product(*(slots[slot][1] for slot in changed)):
                made = make(**right | {slot: choice for slot, (_, choice) in zip(changed, wrong)})
                yield functools.reduce(two_causes, (words for words, _ in reversed(wrong))), made


def two_causes(first, second):
    """A cause and another one, each in words, as one cause of a CheckFailed."""
    return first + "\n" + say("A second mistake: {cause}", cause=second)


def brief(values):
    """A few numbers of a tensor."""
    flat = values.detach().flatten().tolist()
    numbers = ", ".join(f"{number:.3g}" for number in flat[:5])
    return f"[{numbers}{', ...' if len(flat) > 5 else ''}]"


def seeded(seed):
    """A generator of random inputs that leaves torch's own alone."""
    return torch.Generator().manual_seed(seed)
