"""What most likely led to an error in the learner's code: Python's and PyTorch's words, and the values they met."""

import ast
import contextlib
import difflib
import functools
import inspect
import linecache
import math
import re
import sys
import textwrap
import traceback
import types
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from learngpt.language import counted, mark, say, together

PACKAGE = Path(__file__).resolve().parent
IMPORTS = {"F": "import torch.nn.functional as F", "nn": "from torch import nn", "math": "import math"}
MODULES = {"torch": torch, "math": math, "F": nn.functional, "nn": nn}
# What may be called again, to look at the shape that it gives.
SAFE = {"transpose", "permute", "view", "reshape", "unsqueeze", "squeeze", "t", "float", "sum"}
SAFE |= {"arange", "ones", "zeros", "tril", "triu"}
PAIR = mark("self(idx) gives a pair, (logits, loss). Take the logits out of it first: logits, _ = self(idx).")

# Parts of PyTorch's messages that mean one thing wherever they come up.
MEANINGS = [
    ('arguments: "dim"', mark("Say along which dimension: the last one is -1, as in softmax(-1).")),
    (
        "prob_dist must be 1 or 2 dim",
        mark("torch.multinomial takes (B, V): pick the last position first, logits[:, -1, :]."),
    ),
    (
        "Expected parameter probs",
        mark(
            "The first argument of a distribution are probabilities, and these aren't any. Logits are given by name: "
            "Categorical(logits=...)."
        ),
    ),
    ("sample n_sample > prob_dist", mark("Draw one token at a time: torch.multinomial(probabilities, num_samples=1).")),
    (
        "stack expects each tensor",
        mark("torch.stack makes a new dimension. torch.cat appends along one that is there."),
    ),
    (
        "cannot be converted to Scalar",
        mark(".item() takes a tensor of one number; this one holds one for each example."),
    ),
    (
        "same dtype",
        mark("Numbers of two precisions meet: float64 or whole numbers on one side. Make them float32, .float()."),
    ),
    (
        "expected scalar type",
        mark("Numbers of two precisions meet: float64 or whole numbers on one side. Make them float32."),
    ),
    ("bitwise_xor", mark("^ is no power in Python. A power is written **, as in C ** 0.5.")),
    ("not implemented for 'Bool'", mark("True and False can't be multiplied. Make them 1 and 0 with .float().")),
    ("not implemented for 'Long'", mark("Whole numbers can't be used here. Make them floats with .float().")),
    ("infer output dtype", mark("Whole numbers have no mean. Make them floats with .float().")),
    ("mask with dtype", mark("A mask is True and False: compare, as in torch.tril(...) == 0.")),
    ("only supports boolean masks", mark("A mask is True and False: compare, as in torch.tril(...) == 0.")),
    ("operator.invert", mark("~ turns True and False around; this mask holds numbers. Compare instead, == 0.")),
    ("without overflow", mark("Whole numbers have no infinity. Start from floats: torch.zeros(T, T).")),
    ("Can't call numpy()", mark("Stay with torch: numpy can't carry gradients back.")),
    (
        "requires grad is being used in an in-place",
        mark(
            "Nothing can be written into a parameter, nor into a tensor that was made with requires_grad=True, as the "
            "input may be here. Make a new one: what ends in _ writes, as x.cumsum_(1) does, and x.cumsum(1) doesn't."
        ),
    ),
    ("mat2 must be a matrix", mark("torch.mm takes two matrices. `@` takes a batch as well.")),
    ("view size is not compatible", mark("After a transpose, view can't be used: take reshape.")),
    ("Boolean value of Tensor", mark("A tensor of many numbers is neither True nor False. `if` needs one number.")),
    (
        "doesn't match the broadcast shape",
        mark("`+=` writes into what is there, and its shape can't change. Write a = a + b."),
    ),
    ("doesn't require grad", mark("No tensor that can learn had a part in this.")),
    ("before Module.__init__() call", mark("Keep super().__init__() as the first line of __init__.")),
    ("index out of range in self", mark("A number that is no token went into the embedding table.")),
    (
        "to have one of the following scalar types: Long",
        mark("An embedding takes token numbers, which are whole: torch.int64."),
    ),
    ("C++ compiler", mark("torch.compile needs a C++ compiler, and finds none that works here. Leave it out.")),
    (
        "step must be greater than zero",
        mark("A tensor takes no negative step. x.flip(0) turns its first dimension around."),
    ),
    ("at least 2 dimensions", mark("A matrix has two sizes, rows and columns: torch.ones(T, T).")),
    ("could not convert string to float", mark('Minus infinity is written float("-inf").')),
    ("tensors used as indices must be long", mark("What stands in the square brackets must be whole numbers.")),
    ("Expected target size", mark("The logits must have one number for each token of the vocabulary, (B, T, V).")),
    ("to match target batch_size", mark("The logits must have one row for each position of each example, (B, T, V).")),
    ("slice indices must be integers", mark("A slice takes whole numbers; // divides without a rest.")),
    (
        "expected Tensor as element",
        mark("torch.cat joins tensors, and one of these is none. Was it .tolist(), or .item()?"),
    ),
    (
        "list indices must be integers",
        mark("A list takes one index. Make a tensor of its parts first: torch.stack(rows)."),
    ),
    ("cannot be interpreted as an integer", mark("range() and sizes take whole numbers; // divides without a rest.")),
    (
        "backward through the graph a second time",
        mark("A tensor of an earlier call is kept on self. Make a new one in each call."),
    ),
]  # fmt: skip


@dataclass
class _Place:
    """Where the learner's code stopped: the names that were known and, where it can be had, what failed."""

    local: dict = field(default_factory=dict)
    known: dict = field(default_factory=dict)  # global names
    node: ast.AST | None = None
    code: types.CodeType | None = None  # of the method
    line: str = ""

    @property
    def method(self):
        """The name of the method."""
        return self.code.co_name if self.code else ""

    @property
    def loops(self):
        """Whether there is a loop in the method, or where its source isn't known."""
        nodes = _syntax_of(self.code) if self.code else []
        kinds = ast.For | ast.While | ast.comprehension
        return not nodes or any(isinstance(node, kinds) for node in nodes)

    def value(self, node):
        """The value of an expression that can be looked at again without a consequence, else None."""
        calls = [part for part in ast.walk(node) if isinstance(part, ast.Call)]
        if any(not isinstance(call.func, ast.Attribute) or call.func.attr not in SAFE for call in calls):
            return None
        if any(isinstance(part, (ast.NamedExpr, ast.Await, ast.Yield, ast.Lambda)) for part in ast.walk(node)):
            return None
        try:
            code = compile(ast.Expression(node), "<again>", "eval")
            return eval(code, dict(self.known), dict(self.local))
        except Exception:
            return None

    def runs_to(self, name):
        """The end of the range that a loop of the method runs a variable over, where that can be had; else None."""
        for loop in _syntax_of(self.code) if self.code else []:
            if isinstance(loop, ast.For | ast.comprehension) and ast.unparse(loop.target) == name:
                call = loop.iter
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "range" and call.args:
                    end = self.value(call.args[min(1, len(call.args) - 1)])
                    return end if isinstance(end, int) else None
        return None

    def named(self, kind):
        """The names and the attributes of names in the failing expression that are of a kind: {text: value}."""
        found = {}
        for part in ast.walk(self.node) if self.node else ():
            if isinstance(part, ast.Name) or (isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name)):
                value = self.value(part)
                if isinstance(value, kind):
                    found.setdefault(ast.unparse(part), value)
        return found

    def part(self, kind):
        """The first part of the failing expression of a kind of syntax."""
        return next((part for part in ast.walk(self.node) if isinstance(part, kind)), None) if self.node else None


def advice(error):
    """What most likely led to an error of the learner's code, in whole sentences; empty where nothing is known."""
    place = _place(error)
    said = ""
    for kind, rule in RULES:
        if isinstance(error, kind) and not said:
            said = rule(error, place)
    said = said or next((say(words) for part, words in MEANINGS if part in str(error)), "")
    shapes = {name: tuple(value.shape) for name, value in place.named(torch.Tensor).items()}
    if shapes and isinstance(error, (RuntimeError, IndexError, ValueError)):
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        said = together(said, say("The shapes here: {shapes}.", shapes=listed))
    return said


def in_short(error):
    """The message of an error without the lists of signatures that PyTorch puts below it."""
    return re.sub(r"(, but expected one of:| \(tupl.*? but expected).*", "", str(error).split("\n")[0])


def learners_lines(error):
    """The lines of the learner's own code that an error went through, the innermost last."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if not is_library(frame.filename)]
    return [
        say("in {function}: {line}", function=frame.name, line=frame.line)
        if frame.line
        else say("in {function}", function=frame.name)
        for frame in own[-3:]
    ]


def is_library(filename):
    return "site-packages" in filename or str(PACKAGE) in filename or filename.startswith("<frozen")


TOO_LONG = mark("Does the index come from a loop over something longer?")

# Functions and methods that change nothing: whoever calls one wants what it gives.
PURE = {"masked_fill", "transpose", "permute", "view", "reshape", "squeeze", "unsqueeze", "expand", "expand_as", "cat"}
PURE |= {"concat", "stack", "softmax", "log_softmax", "tril", "triu", "float", "long", "matmul", "bmm", "cumsum", "div"}
PURE |= {"sub", "mul", "pow", "exp", "log", "sin", "cos", "sqrt", "mm", "einsum", "where", "sum", "mean", "add"}


def thrown_away(owner):
    """Which result a method of the learner's class computes and doesn't keep, in words; else an empty string."""
    for method in vars(owner).values():
        nodes = list(_syntax(method))
        for value in (node.value for node in nodes if isinstance(node, ast.Expr)):
            if words := _not_kept(value, nodes, owner):
                return words
    return ""


def _not_kept(value, nodes, owner):
    """That the value of an expression that stands alone is lost, in words, or ""; `nodes` are those of its method."""
    if isinstance(value, ast.Compare) and isinstance(value.ops[0], ast.Eq):
        return say(
            "`{written}` compares, and stores nothing. A single = stores: `{better}`.",
            written=ast.unparse(value),
            better=f"{ast.unparse(value.left)} = {ast.unparse(value.comparators[0])}",
        )
    if isinstance(value, ast.BinOp):
        return say(
            "`{written}` is computed and not kept. Give it a name: ... = {written}.",
            written=ast.unparse(value),
        )
    if not isinstance(value, ast.Call) or any(each.arg in ("out", "inplace") for each in value.keywords):
        return ""
    name = getattr(value.func, "attr", getattr(value.func, "id", ""))
    # A layer that __init__ made; what the class itself has may be called for what it does.
    layer = ast.unparse(value.func).startswith("self.") and value.args and not hasattr(owner, name)
    if layer and "." not in ast.unparse(value.func).removeprefix("self."):
        return say("the result of `{written}` isn't kept.", written=ast.unparse(value))
    if name not in PURE or (name == "add" and any(_makes_a_set(node) for node in nodes)):
        return ""
    return say(
        "the result of `{written}` isn't kept. It gives a new tensor and leaves the old one as it is.",
        written=f"{ast.unparse(value.func)}(...)",
    )


def _makes_a_set(node):
    return isinstance(node, ast.Set | ast.SetComp) or getattr(getattr(node, "func", None), "id", "") == "set"


def what_ends_a_loop(method):
    """What ends a loop of a learner's method before its time, in words, or ""."""
    for loop in (node for node in _syntax(method) if isinstance(node, ast.For | ast.While)):
        inside = [part for each in loop.body for part in ast.walk(each)]
        if any(isinstance(part, ast.Return) for part in inside):
            return say("A `return` stands inside of a loop, and ends it there.")
        if any(isinstance(part, ast.Break) for part in inside):
            return say("A `break` ends a loop there.")
    return ""


def made_in_a_loop(method):
    """That a loop of a learner's method makes what it fills anew at each step, in words, or ""."""
    nodes = list(_syntax(method))
    returned = {getattr(part, "id", "") for node in nodes if isinstance(node, ast.Return) for part in ast.walk(node)}
    for loop in (node for node in nodes if isinstance(node, ast.For | ast.While)):
        inside = [part for each in loop.body for part in ast.walk(each)]
        for part in inside:
            made = part.targets[0] if isinstance(part, ast.Assign) and isinstance(part.value, ast.Call) else None
            if isinstance(made, ast.Name) and made.id in returned and any(_is_filled(made.id, each) for each in inside):
                return say(
                    "`{written}` stands in a loop, so each step begins with a new one. Make it once, before the loop.",
                    written=ast.unparse(part),
                )
    return ""


def _is_filled(name, node):
    """Whether a part of the syntax is a place of what has this name, into which something is written."""
    place = isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
    return place and isinstance(node.value, ast.Name) and node.value.id == name


def uses(owner, *names):
    """Whether the methods of a learner's class use one of these names, or an attribute that is called so."""
    nodes = [node for method in vars(owner).values() for node in _syntax(method)]
    return any(getattr(node, "id", getattr(node, "attr", None)) in names for node in nodes)


def _syntax(method):
    """The parts of a method that the learner wrote, as syntax; none where it isn't theirs."""
    code = getattr(getattr(method, "__func__", method), "__code__", None)
    if code is not None and not is_library(code.co_filename):
        yield from _syntax_of(code)


@functools.lru_cache(16)
def _syntax_of(code):
    with contextlib.suppress(OSError, SyntaxError):
        return list(ast.walk(ast.parse(textwrap.dedent(inspect.getsource(code)))))
    return []


def brackets_missing(owner):
    """Where a method of the learner's class divides and then adds 1, in words; else an empty string."""
    for node in (node for method in vars(owner).values() for node in _syntax(method)):
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Add):
            continue
        # Of a + b / c + 1, too, the part before the 1.
        adds = isinstance(node.left, ast.BinOp) and isinstance(node.left.op, ast.Add | ast.Sub)
        quotient = node.left.right if adds else node.left
        if not isinstance(quotient, ast.BinOp) or not isinstance(quotient.op, ast.Div | ast.FloorDiv):
            continue
        if "1" in (ast.unparse(quotient.right), ast.unparse(node.right)):
            sign = "//" if isinstance(quotient.op, ast.FloorDiv) else "/"
            divisor, added = ast.unparse(quotient.right), ast.unparse(node.right)
            return say(
                "brackets are missing: `{written}` divides first and adds {added} to the result. Write {better}.",
                written=f"... {sign} {divisor} + {added}",
                added=added,
                better=f"... {sign} ({divisor} + {added})",
            )
    return ""


def power_first(method):
    """Where a method of the learner's raises a number to a power and divides then, in words; else an empty string."""
    for node in _syntax(method):
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Div | ast.FloorDiv):
            continue
        power, factors = node.left, ""
        while isinstance(power, ast.BinOp) and isinstance(power.op, ast.Mult):
            power, factors = power.left, f" * {ast.unparse(power.right)}{factors}"
        if not isinstance(power, ast.BinOp) or not isinstance(power.op, ast.Pow):
            continue
        # 10000 ** exponent * place / ... may be meant; 10000 ** 2 * ... isn't.
        if isinstance(power.left, ast.Constant) and (not factors or isinstance(power.right, ast.Constant)):
            exponent, bottom = f"{ast.unparse(power.right)}{factors}", ast.unparse(node.right)
            return say(
                "brackets are missing: `{written}` takes the power first, and divides it. Write {better}.",
                written=ast.unparse(node),
                better=f"{ast.unparse(power.left)} ** ({exponent} / {bottom})",
            )
    return ""


def never_used(owner):
    """Which value a method of the learner's class gives a name and never uses, in words; else an empty string."""
    for method in vars(owner).values():
        body = next((node.body for node in _syntax(method) if isinstance(node, ast.FunctionDef)), [])
        for number, statement in enumerate(body):
            target = statement.targets[0] if isinstance(statement, ast.Assign) else None
            computed = isinstance(target, ast.Name) and isinstance(statement.value, ast.BinOp | ast.Call)
            if computed and not _is_read(target.id, body[number + 1 :]):
                return say("`{written}` is computed, and never used.", written=ast.unparse(statement))
    return ""


def _is_read(name, statements):
    """Whether statements use the value that a name has before them."""
    for statement in statements:
        uses = [node.ctx for node in ast.walk(statement) if isinstance(node, ast.Name) and node.id == name]
        if any(isinstance(use, ast.Load) for use in uses) or (uses and not isinstance(statement, ast.Assign)):
            return True
        if uses:
            return False
    return False


CUTS = {"detach", "item", "tolist", "numpy"}  # methods of a tensor that give something without its history


def cuts_gradients(owner):
    """What in a learner's class keeps gradients from going back, in words; else an empty string."""
    nodes = [node for method in vars(owner).values() for node in _syntax(method)]
    own = (node for node in nodes if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "self")
    read = {node.attr for node in own if isinstance(node.ctx, ast.Load)}
    for statement in (node for node in nodes if isinstance(node, ast.Assign | ast.Return | ast.With)):
        if isinstance(statement, ast.With):
            written = ast.unparse(statement.items[0].context_expr)
            if written in ("torch.no_grad()", "torch.inference_mode()"):
                return say("what stands below `with {written}` has no gradient.", written=written)
            continue
        kept = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if isinstance(kept, ast.Attribute) and kept.attr not in read:  # a number to look at
            continue
        for node in ast.walk(statement):
            name = getattr(node.func, "attr", "") if isinstance(node, ast.Call) else ""
            makes = name == "tensor" and ast.unparse(node.func) == "torch.tensor"
            if name in CUTS or makes or (isinstance(node, ast.Attribute) and node.attr == "data"):
                return say("no gradient goes back through `{written}`.", written=ast.unparse(node)[:80])
    return ""


def classes_made(method):
    """The names of classes, other than torch's, that a method of the learner's makes objects of."""
    known = method.__func__.__globals__
    names = {node.func.id for node in _syntax(method) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    classes = {name: known[name] for name in names if isinstance(known.get(name), type)}
    return sorted(name for name, made in classes.items() if not made.__module__.startswith("torch"))


class _FirstNan(TorchFunctionMode):
    """Remembers the line of the learner's own code at which the first nan comes out of an operation, and why."""

    line = why = ""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        with torch._C.DisableTorchFunction():  # what went in, as it was: some operations write into it
            given = [part.detach().clone() if isinstance(part, torch.Tensor) else part for part in args]
        result = func(*args, **kwargs)
        if not self.line and isinstance(result, torch.Tensor) and result.is_floating_point():
            with torch._C.DisableTorchFunction():
                if result.isnan().any():
                    frame = sys._getframe(1)
                    while frame and is_library(frame.f_code.co_filename):
                        frame = frame.f_back
                    self.line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip() if frame else ""
                    self.why = _why_nan(getattr(func, "__name__", ""), given, kwargs)
        return result


def _why_nan(name, given, kwargs):
    """What made the first nan, by the operation and what went into it, in words."""
    tensors = [part for part in given if isinstance(part, torch.Tensor)]
    first = tensors[0] if tensors else torch.zeros(1)
    second = torch.as_tensor(given[1]) if len(given) > 1 and isinstance(given[1], (float, torch.Tensor)) else None
    if "softmax" in name:
        dim = kwargs.get("dim", next((part for part in given[1:] if isinstance(part, int)), -1))
        return _why_softmax_is_nan(first, dim % max(first.dim(), 1))
    if name.strip("_") in ("pow", "sqrt", "rsqrt", "log", "log2", "log10", "log1p") and (first < 0).any():
        number = first[first < 0][0].item()
        if name.startswith("log"):
            return say("The logarithm of negative numbers is taken there, of {number:.3g} for instance.", number=number)
        return say("The root of negative numbers is taken there, of {number:.3g} for instance.", number=number)
    if name.strip("_") in ("mean", "var", "std"):
        dim = kwargs.get("dim", given[1] if len(given) > 1 else None)
        numbers = first.shape[dim] if isinstance(dim, int) and first.dim() else first.numel()
        if numbers == 0:
            return say("The {name} of no numbers is taken there. Is a slice empty?", name=name)
        if numbers == 1:
            return say("The {name} of one number is taken there, and is nan. It takes two.", name=name)
    if second is not None and "div" in name:
        bottom = first if name.strip("_").startswith("r") else second
        if not (bottom == 0).any():
            return say("Infinity is divided by infinity there.")
        empty = (first == 0).all(-1) if first.dim() == 2 and first.shape[0] == first.shape[1] else torch.zeros(1)
        if empty[0] and not empty.all():
            return say("0 is divided by 0 there: all of row 0 is 0, so position 0 sees nothing, not even itself.")
        return say("0 is divided by 0 there.")
    if second is not None and "mul" in name and not (first.isnan().any() or second.isnan().any()):
        said = say("0 is multiplied by infinity there.")
        if any((torch.as_tensor(part) == -math.inf).any() for part in (first, second)):
            said += " " + say("masked_fill writes -inf without a product.")
        return said
    if second is not None and name.strip("_") in ("add", "sub", "rsub", "radd"):
        return say("Infinity is subtracted from infinity there.")
    return say("nan comes from 0 / 0, infinity minus infinity, 0 times infinity, or a root of what is negative.")


# What a softmax can't share out, where all of it is hidden, and where some is.
LOST_ROWS = (
    mark("All scores of every row are -inf: nothing is left for it."),
    mark("All scores of row {index} are -inf: nothing is left for it."),
)
LOST_COLUMNS = (
    mark("All scores of every column are -inf: nothing is left for it."),
    mark("All scores of column {index} are -inf: nothing is left for it."),
)
LOST_PLACES = (
    mark("All scores of every place are -inf: nothing is left for it."),
    mark("All scores of place {index} are -inf: nothing is left for it."),
)


def _why_softmax_is_nan(scores, dim):
    """Which scores left a softmax nothing to share out, in words."""
    if (scores == math.inf).any():
        return say("There is +inf among the scores, which softmax can't share out. The future gets -inf, with a minus.")
    hidden = scores == -math.inf
    lost = hidden.all(dim)
    if not lost.any():
        return say("There is nan or infinity among the scores.")
    if scores.dim() < 2:
        return say("All scores are -inf, so nothing is left to share out.")
    lines = {scores.dim() - 1: LOST_ROWS, scores.dim() - 2: LOST_COLUMNS}.get(dim, LOST_PLACES)
    said = say(lines[0]) if lost.all() else say(lines[1], index=lost.nonzero()[0][-1].item())
    mask = hidden.flatten(0, -3)[0] if hidden.dim() > 2 else hidden
    square = torch.ones_like(mask)
    for words, seen in (
        (mark("The mask hides everything."), square),
        (mark("The past was masked instead of the future, position t with it."), square.tril()),
        (mark("The past was masked instead of the future."), square.tril(-1)),
        (mark("Position t itself is masked too; it must see itself."), square.triu()),
    ):
        if torch.equal(mask, seen):
            said += " " + say(words)
            break
    if dim == scores.dim() - 1:
        return said
    return said + "\n" + say("And softmax runs over dimension {dim}, not along each row, which is dim=-1.", dim=dim)


def where_nan_begins(function, *arguments):
    """The line at which the first nan comes up when a function of the learner's is called, in words, or ""."""
    line, why = first_nan(function, *arguments)
    return say("The first nan comes up in this line: {line}", line=line) + "\n" + why if line else ""


def first_nan(function, *arguments):
    """The learner's own line at which the first nan comes up, and why, in words; empty strings where there is none."""
    with contextlib.suppress(Exception), _FirstNan() as first, torch.no_grad():
        function(*arguments)
    return first.line, first.why


class _Met(TorchFunctionMode):
    """Remembers the operation that stopped, and the tensors that met in it, those without a name too."""

    def __init__(self):
        super().__init__()
        self.name, self.tensors = "", []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        try:
            return func(*args, **(kwargs or {}))
        except Exception:
            flat = [part for each in args for part in (each if isinstance(each, (tuple, list)) else [each])]
            self.name = getattr(func, "__name__", "")
            self.tensors = [part for part in flat if isinstance(part, torch.Tensor)]
            raise


def what_met(function, *arguments, **options):
    """The name of the operation at which a function stops when it is called again, and the tensors that met there."""
    with contextlib.suppress(Exception), _Met() as met, torch.no_grad():
        function(*arguments, **options)
    return met.name, met.tensors


def of_what_met(name, tensors, method=""):
    """What is wrong with two tensors that didn't fit, if they alone show it, in words; else "".

    Args:
        method: the name of the learner's method that was called.
    """
    if len(tensors) < 2:
        return ""
    one, two = (tuple(part.shape) for part in tensors[:2])
    if name == "embedding":
        return _of_tokens(*tensors[:2], method)
    said = say("Here {one} meets {two}.", one=one, two=two) + " "
    if name.strip("_").lstrip("r") not in ("add", "sub", "mul", "div", "truediv", "where"):
        return ""
    if len(one) == len(two) == 1:
        return ""
    small, large = sorted((one, two), key=lambda shape: (len(shape), math.prod(shape)))
    if len(small) == 1 and len(large) > 1 and small[0] == large[-2] != large[-1]:
        return said + say(
            "The {few} numbers lie along the last dimension, where there are {many}. Each row has its own: make them a "
            "column, [:, None].",
            few=small[0],
            many=large[-1],
        )
    for shape, other in ((small, large), (large, small)):
        if len(shape) > 1 and _fits((*shape[:-2], shape[-1], shape[-2]), other):
            return said + say("The last two dimensions of {shape} are swapped.", shape=shape)
        without = tuple(size for size in shape if size != 1)
        if 1 in shape[:-1] and without != shape and _fits(without, other):
            return said + say(
                "Without the dimension of size 1 it fits: {without} goes behind {other} as it is.",
                without=without,
                other=other,
            )
    return ""


def _of_tokens(given, table, method):
    """What is wrong with the numbers that an embedding was asked for, in words, or ""."""
    asked = ""
    if given.dim() == 3 and given.shape[-1] == table.shape[1]:
        return say(
            "The table was given {shape}, which are embeddings already. Each token is looked up once; what calls the "
            "table again, a method of the class before perhaps, takes idx.",
            shape=tuple(given.shape),
        )
    if method != "generate":  # where nothing is there that could be added
        asked = say("Was something added to idx? First embed idx as it is, then add to the embeddings.")
    if given.is_floating_point() and (given == given.round()).all():
        return say(
            "An embedding takes token numbers of an integer type; these are whole, but kept as {dtype}, as "
            "torch.zeros(...) and .float() make them. Make the tensor like idx: idx.new_zeros(...), or "
            "dtype=torch.long.",
            dtype=given.dtype,
        )
    if given.is_floating_point():
        said = say("An embedding takes the numbers of tokens, as idx has them; fractions were given to it.")
        if method == "generate":
            asked = say("Append the number that torch.multinomial drew, not logits or probabilities.")
        return f"{said} {asked}".strip()
    wrong = given[(given < 0) | (given >= len(table))]
    if not len(wrong):
        return ""
    said = say(
        "A number that is no token went into the embedding table: {number}, and its rows are 0 to {last}.",
        number=wrong[0].item(),
        last=len(table) - 1,
    )
    return f"{said} {asked}".strip()


def _fits(one, two):
    return all(a == b or 1 in (a, b) for a, b in zip(one[::-1], two[::-1]))


def _place(error):
    """The innermost frame of the learner's own code that an error went through."""
    steps = [step for step in traceback.walk_tb(error.__traceback__) if not is_library(step[0].f_code.co_filename)]
    if not steps:
        return _Place()
    frame, _ = steps[-1]
    summary = next(
        part for part in reversed(traceback.extract_tb(error.__traceback__)) if not is_library(part.filename)
    )
    return _Place(frame.f_locals, frame.f_globals, _expression(summary), frame.f_code, summary.line or "")


def _expression(summary):
    """The part of a line that failed, as syntax; the traceback knows its columns. None where the source is unknown."""
    lines = linecache.getlines(summary.filename)[summary.lineno - 1 : summary.end_lineno or summary.lineno]
    if not lines:
        return None
    whole = textwrap.dedent("".join(lines)).strip()
    exact = ""
    if summary.colno is not None and summary.lineno == summary.end_lineno:
        exact = lines[0].encode()[summary.colno : summary.end_colno].decode(errors="ignore")
    for text in (exact, whole, whole + "\n    pass"):
        try:
            body = ast.parse(text.strip() if text == exact else text).body
        except SyntaxError:
            continue
        if body:
            return body[0].value if isinstance(body[0], ast.Expr) else body[0]
    return None


def _close(name, names, cutoff=0.6):
    if len(name) < 3:  # is near to anything
        return None
    names = [other for other in names if not other.startswith("_")]
    return next(iter(difflib.get_close_matches(name, names, 1, cutoff)), None)


# What other GPTs, and other notebooks, call parts that a class of this course may not have. Such a name isn't misspelt.
ELSEWHERE = {"position_embedding_table", "position_embedding", "position_embeddings", "pos_embedding_table", "pos_emb"}
ELSEWHERE |= {"pos_embedding", "positional_embedding", "positional_encoding", "wpe", "block", "blocks"}
ELSEWHERE |= {"layers", "ln", "ln_1", "ln_2", "ln1", "ln2", "ln_f", "norm", "layer_norm", "dropout", "drop", "proj"}
ELSEWHERE |= {"c_proj", "c_attn", "attn_dropout", "resid_dropout", "ffwd", "mlp", "transformer"}


def _close_own(name, owner):
    """The name on an object that was meant by another one, or None."""
    return None if name in ELSEWHERE else _close(name, _own(owner))


def _sizes_of_init(owner):
    return inspect.signature(type(owner).__init__).parameters if owner is not None else {}


def _name(error, place):
    """A name that isn't known, or not yet."""
    if isinstance(error, UnboundLocalError):
        name = re.search(r"'(\w+)'", str(error)).group(1)
        return say("{name} is used before it has a value: give it one above, before the loop.", name=name)
    name, owner = error.name, place.local.get("self")
    if name == "FILL_IN":
        return say("FILL_IN is a gap that the hint leaves to you: write an expression of your own in its place.")
    if owner is not None and hasattr(owner, name):
        return say("It belongs to the object: write self.{name}.", name=name)
    if name in ("np", "numpy"):
        return say("numpy isn't imported, and not needed: torch has it all, and only tensors carry gradients back.")
    if name in IMPORTS:
        return say(
            "{name} isn't imported in this notebook. Write `{line}` as the first line of your cell.",
            name=name,
            line=IMPORTS[name],
        )
    if name in ("inf", "infinity", "minus_infinity", "neg_inf"):
        return say('Infinity is written float("inf"), and minus infinity float("-inf").')
    if close := _close(name, place.local, 0.8):
        return say("Did you mean {name}?", name=close)
    homes = [alias for alias, module in MODULES.items() if alias in place.known and hasattr(module, name)]
    written = [f"{home}.{name}" for home in homes]
    if len(written) == 1:
        return say("It is part of a module: write {one}.", one=written[0])
    if written:
        return say("It is part of a module: write {one} or {other}.", one=written[0], other=written[1])
    if name in _sizes_of_init(owner):
        return say("{name} is known in __init__ only. Take the size from a shape, as in x.shape[-1].", name=name)
    if place.line.startswith((f"{name}[", f"{name}.append(")):
        return say("{name} isn't there yet. Make it above, before the loop, and fill it then.", name=name)
    close = _close(name, [*place.local, *place.known])
    if close:
        return say("Did you mean {name}?", name=close)
    if owner is not None and (close := _close_own(name, owner)):
        return say("Did you mean {name}?", name=f"self.{close}")
    return say("The names that are known in this method are {names}.", names=", ".join(place.local))


def _own(owner):
    """The names of what an object was given, without what nn.Module adds to each."""
    names = [name for name in vars(owner) if not name.startswith("_") and name != "training"]
    for kind in ("_modules", "_buffers", "_parameters"):
        names += getattr(owner, kind, {})
    return [*names, *(name for name in vars(type(owner)) if not name.startswith("_"))]


def _attribute(error, place):
    """An attribute that isn't there."""
    name, obj = error.name, error.obj
    if "before Module.__init__() call" in str(error) or name is None:
        return ""
    if obj is None:
        return _none(place)
    if isinstance(obj, types.ModuleType):
        if close := _close(name, dir(obj)):
            alias = next((alias for alias, module in MODULES.items() if module is obj), obj.__name__)
            return say("Did you mean {name}?", name=f"{alias}.{close}")
        if hasattr(torch.Tensor, name):
            return say("It is a method of tensors: x.{name}(...).", name=name)
        home = next((alias for alias, module in MODULES.items() if hasattr(module, name)), None)
        return say("It stands in another module: {home}.{name}.", home=home, name=name) if home else ""
    if isinstance(obj, torch.Tensor):
        if name in ("append", "extend", "insert", "add_row", "push"):
            return say("A tensor can't grow. torch.cat((a, b), dim=1) makes a longer one of two.")
        if name == "at":
            return say("A tensor can be written into: out[b, t] = ...")
        if name in ("average", "avg"):
            return say("The average of a tensor is its mean: x.mean(dim=0).")
        if name in ("length", "len"):
            return say("The sizes of a tensor are in x.shape; len(x) is the first one.")
        home = next((alias for alias in ("torch", "F") if hasattr(MODULES[alias], name)), None)
        if home:
            return say("It is a function, not a method: {home}.{name}(...).", home=home, name=name)
        close = _close(name, dir(obj))
        return say("Did you mean {name}?", name=f".{close}") if close else say("A tensor has no method of that name.")
    if isinstance(obj, tuple):
        return _pair(place)
    if isinstance(obj, (nn.Linear, nn.Embedding)):
        return _layer(place)
    if name == "forward" and callable(obj) and isinstance(place.node, ast.AST):
        written = next((ast.unparse(part.value) for part in ast.walk(place.node) if _is_forward(part)), "")
        return say("It has no `forward`, and is called itself: {name}(x).", name=written) if written else ""
    if isinstance(obj, nn.Module) and obj is not place.local.get("self") and (said := made_of(type(obj).__name__)):
        return said
    if isinstance(obj, list):
        return say("A list of tensors becomes a tensor by torch.stack(rows), or by torch.cat(rows, dim=1).")
    if isinstance(obj, (types.MethodType, types.BuiltinFunctionType, types.FunctionType)):
        return say("It is a method or a function: call it, with round brackets behind its name.")
    if isinstance(obj, (int, float)):
        return say("It is {number} here, a number of Python's and not a tensor.", number=obj)
    if obj is not place.local.get("self"):
        return ""
    if re.match(r"self\.\w+ == ", place.line):
        return say("== compares, and stores nothing. A single = stores.")
    if name in place.local:
        return say("{name} is a name of this method: write it without self.", name=name)
    if name in _sizes_of_init(obj):
        return say("__init__ doesn't keep {name}. Take the size from a shape, as in x.shape[-1].", name=name)
    if close := _close_own(name, obj):
        return say("Did you mean {name}?", name=f"self.{close}")
    names = [own for own in _own(obj) if own not in vars(type(obj))]
    method = next((own for own in dir(type(obj)) if own.startswith("pos_")), None)
    if names and name in ELSEWHERE and name.startswith("pos") and method:
        return say("The codes of the positions come from self.{method}(...) here.", method=method)
    if names and name in ELSEWHERE:
        return say(
            "The object has {names}. Other GPTs have a {name}, and this one needs none: leave that line out.",
            names=", ".join(names),
            name=name,
        )
    if names:
        return say("The object has {names}.", names=", ".join(names))
    return say("Nothing was stored on self under any name before.")


def _is_forward(node):
    return isinstance(node, ast.Attribute) and node.attr == "forward"


def _none(place):
    if place.method == "generate":
        return say("That is None: without targets there is no loss, and self(idx) gives (logits, loss) in this order.")
    if names := ", ".join(place.named(type(None))):
        return say("{names} is None: what it was set to gave nothing back. Is a `return` missing there?", names=names)
    return say("Something is None: what it was set to gave nothing back. Is a `return` missing there?")


def _pair(place):
    return (
        say(PAIR)
        if place.method == "generate"
        else say("That is a tuple, not a tensor. Return or take one thing alone.")
    )


def made_of(name):
    """What to say of a layer of torch.nn where what it computes is wanted, by the name of its class, or ""."""
    kind = getattr(nn, name, None)
    if not isinstance(kind, type) or not issubclass(kind, nn.Module):
        return ""
    function = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "ReLU": "relu", "Dropout": "dropout"}.get(name)
    if function:
        return say(
            "nn.{name}(...) makes a layer and computes nothing yet. Call the layer on a tensor, or take the function: "
            "F.{function}(tensor, ...).",
            name=name,
            function=function,
        )
    return say("nn.{name}(...) makes a layer and computes nothing yet. Call the layer on a tensor.", name=name)


def _layer(place):
    layers = list(place.named(nn.Module))
    if not layers:
        return say("It is a layer, not a tensor. Call it, with round brackets, on what it should work on.")
    layer = next((name for name in layers if name != "self"), layers[0])
    result = {"self.query": "q", "self.key": "k", "self.value": "v"}.get(layer)
    if result in place.local:
        return say("{layer} is a layer, not a tensor: {result} is what it made of x.", layer=layer, result=result)
    return say(
        "{layer} is a layer, not a tensor. Call it, with round brackets, on what it should work on.", layer=layer
    )


def _kind(text, place):
    """What to say of a value whose kind doesn't belong where it stands, by the name of that kind."""
    if text == "NoneType":
        return _none(place)
    if text in ("Linear", "Embedding"):
        return _layer(place)
    if said := made_of(text):
        return said
    if text == "tuple":
        return _pair(place)
    if text == "list":
        return say("A list isn't a tensor. torch.stack(rows) makes one of a list of tensors.")
    if text in ("method", "builtin_function_or_method", "function"):
        return say("It is a method or a function: call it, with round brackets behind its name.")
    if text in ("int", "float"):
        if "sqrt" in place.line:
            return say("torch.sqrt takes a tensor. The root of a number is C ** 0.5, or math.sqrt(C).")
        return say("A tensor is wanted there, and this is a single number of Python's.")
    if text == "str":
        texts = [part.value for part in ast.walk(place.node) if isinstance(part, ast.Constant)] if place.node else []
        if any("inf" in str(text) for text in texts):
            return say('A number is wanted there, not a text: minus infinity is float("-inf").')
        return say("A number is wanted there, not a text in quotes.")
    if text == "ndarray":
        return say("Stay with torch: numpy can't carry gradients back.")
    return ""


def _type(error, place):
    """A value of a kind that doesn't belong there, or arguments that don't fit."""
    text = str(error)
    if place.node is not None and re.search(r"\bnp\.|\bnumpy\.", ast.unparse(place.node)):
        return say("Stay with torch, which has the same functions: numpy can't carry gradients back.")
    if match := re.search(r"^'([\w.]+)' object is not iterable", text):
        loop = place.node.iter if isinstance(place.node, ast.For) else place.node
        name = ast.unparse(loop) if isinstance(loop, ast.Name) else "..."
        if match[1] == "int":
            return say("A number is counted with range({name}).", name=name)
        return _kind(match[1], place)
    if match := re.search(r"cannot unpack non-iterable (\w+)", text):
        return (
            _kind(match[1], place)
            if match[1] == "NoneType"
            else say("One thing stands there, and several names take it.")
        )
    if match := re.search(r"'([\w.]+)' object is not subscriptable", text):
        if match[1] in ("int", "float"):
            return say("It is a single number of Python's: there is nothing to index.")
        return _kind(match[1], place) or say("It isn't a list or a tensor. Is it to be called, with round brackets?")
    if match := re.search(r"'([\w.]+)' object is not callable", text):
        if match[1] in ("Tensor", "torch.Size", "tuple", "list", "int", "float"):
            return say(
                "Square brackets pick out, as in x.shape[1]; round ones call. Or is a * missing before the bracket?"
            )
        return _kind(match[1], place) or say("Keep the class's base and the names of its methods as they were given.")
    if match := re.search(r"unsupported operand type\(s\) for (\S+): '([\w.]+)' and '([\w.]+)'", text):
        kinds = [kind for kind in match.groups()[1:] if kind not in ("Tensor", "int", "float")]
        if match[1] == "^":
            return say("^ is no power in Python. A power is written **, as in C ** 0.5.")
        if kinds or match[1] not in ("@", "@="):
            return _kind(kinds[0], place) if kinds else ""
        return say("`@` takes two tensors; a number is multiplied with *.")
    if match := re.search(r"^(\w+)\(\) takes no arguments", text):
        return say(
            "{name}(x) would make a new head, and call none. Call the one that is there: self.head(x).", name=match[1]
        )
    if match := re.search(r"([\w.<>]+)\(\) missing \d+ required positional arguments?: (.*)", text):
        return _missing(match[1], match[2])
    if re.search(r"takes (from )?\d.* positional arguments? but \d+ (was|were) given", text):
        name = re.search(r"([\w.]+)\(\) takes", text)[1]
        method = getattr(type(place.local.get("self")), name.rpartition(".")[2], None)
        given = inspect.signature(method).parameters if callable(method) else ()
        if place.local.get("self") is None and not given:
            return say("Is `self` missing as its first parameter? Keep the names and arguments as they were given.")
        if given:
            return say(
                "Keep the names and arguments as they were given: {name}({arguments}).",
                name=name,
                arguments=", ".join(given),
            )
        return say("Keep the names and arguments as they were given. Is one too many in the call?")
    if match := re.search(r"unexpected keyword argument '(\w+)'", text):
        close = _close(
            match[1], ["dim", "keepdim", "num_samples", "replacement", "diagonal", "embed_size", "block_size"]
        )
        return (
            say("Did you mean {name}?", name=f"{close}=")
            if close
            else say("Keep the names and arguments as they were given.")
        )
    if "tuple of Tensors" in text or re.search(r"^(cat|concat|stack|hstack)\(\)", text):
        return say(
            "{function} takes its tensors in one pair of brackets: torch.cat((a, b), dim=1).",
            function=text.split("(")[0],
        )
    if "transpose()" in text:
        return say("transpose takes the two dimensions to be swapped: k.transpose(-2, -1).")
    if re.search(r"invalid combination of arguments - got \(.*(None|NoneType)", text):
        return _none(place)
    if re.search(r"invalid combination of arguments - got \(.*str", text):
        return _kind("str", place)
    if match := re.search(r"argument '\w+'.* must be .*, not (\w+)", text):
        return _kind(match[1], place)
    if "tuple indices must be integers" in text:
        return _pair(place)
    if re.search(
        r"only (one element|integer|length-1)|must be real number, not Tensor|converted to (a )?Python scalar", text
    ):
        return _scalar(place)
    if "positional argument" in text:
        return say("Keep the names and arguments as they were given.")
    return ""


def _missing(function, names):
    if function == "softmax":
        return say("Say along which dimension: the last one is -1, as in softmax(-1).")
    owner, _, method = function.rpartition(".")
    if method in ("__call__", "forward") or function.endswith("forward"):
        return say("A head or a layer works on something: call it with x, as in self.head(x).")
    if method == "transpose":
        return say("transpose takes the two dimensions to be swapped: k.transpose(-2, -1).")
    names = ", ".join(re.findall(r"'\w+'", names))  # of more than one Python says "and"
    return say("{method}() must be told {names} as well.", method=method, names=names)


def _scalar(place):
    call = place.part(ast.Call)
    name = ast.unparse(call.func) if call else ""
    if name.startswith("math."):
        return say("{function} takes one number; torch.{name} takes a whole tensor.", function=name, name=name[5:])
    return say("A tensor of many numbers stands where one number is wanted.")


def _value(error, place):
    text = str(error)
    if match := re.search(r"(too many|not enough) values to unpack \(expected (?:at least )?(\d+)", text):
        written = re.search(r"=\s*(\w+)\.(shape|size\(\))\s*$", place.line)
        owner = place.local.get(written[1]) if written else None
        shown = {written[1]: tuple(owner.shape)} if isinstance(owner, torch.Tensor) else {}
        if not shown and (whole := re.match(r"(\w+)(, \w+)+ = self\.(\w+)\(", place.line)):
            return say(
                "self.{method}(...) gives one tensor. Take it whole: {name} = self.{method}(...).",
                method=whole[3],
                name=whole[1],
            )
        if not shown:
            return (
                say(PAIR)
                if place.method == "generate"
                else say("There must be as many names as there are things to take.")
            )
        name, shape = next(iter(shown.items()))
        return counted(
            "{name} has {n} dimension, and there are {names} names for their sizes.",
            "{name} has {n} dimensions, and there are {names} names for their sizes.",
            len(shape),
            name=name,
            names=match[2],
        )
    if "only one element" in text or "converted to Python scalar" in text:
        return _scalar(place)
    return ""


def _recursion(error, place):
    own = [step[0].f_code for step in traceback.walk_tb(error.__traceback__)]
    own = [code.co_name for code in own if not is_library(code.co_filename)]
    circle = sorted({name for name in own if own.count(name) > 2})
    if len(circle) == 1:
        return say("{name} calls itself without end.", name=circle[0])
    if len(circle) == 2:
        return say(
            "{one} and {other} call each other without end: the one that is written here can't call the other.",
            one=circle[0],
            other=circle[1],
        )
    return say("These call each other without end: {names}.", names=", ".join(circle)) if circle else ""


def _division(error, place):
    return say("At the first position t is 0. The rows 0 to t are t + 1 rows.")


def _package(error, place):
    return say("{name} isn't installed where the course is graded. torch alone is enough.", name=error.name)


def _index(error, place):
    """An index that isn't there."""
    text = str(error)
    if match := re.search(r"index (-?\d+) is out of bounds for dimension (\d+) with size (\d+)", text):
        if match[3] == "0":
            return say("Nothing is left there: the slice before it cut everything off.")
        node = place.part(ast.Subscript)
        if node is not None and (said := _index_too_large(place, node, int(match[2]))):
            return said
        if int(match[1]) < -1:
            return say(
                "Dimension {dim} has size {size} here, so there is nothing at {index}. The last one is -1, and always "
                "there.",
                dim=match[2],
                size=match[3],
                index=match[1],
            )
        counts = say("Dimension {dim} is counted from 0 to {last} here.", dim=match[2], last=int(match[3]) - 1)
        if place.loops:
            return f"{counts} {say(TOO_LONG)}"
        if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Tuple | ast.Slice):
            name, index = ast.unparse(node.value), ast.unparse(node.slice)
            numbers = place.value(node.slice)
            if isinstance(numbers, torch.Tensor) and numbers.numel() > 1:
                largest = say(
                    "`{one}` takes a place for each number in {index}, whose largest is {largest}.",
                    one=f"{name}[{index}]",
                    index=index,
                    largest=numbers.max().item(),
                )
                return f"{counts} {largest}"
            return (
                counts
                + " "
                + say(
                    "`{one}` is a single one of them; the first {index} are `{first}`.",
                    one=f"{name}[{index}]",
                    index=index,
                    first=f"{name}[:{index}]",
                )
            )
        return counts
    if match := re.search(
        r"Dimension out of range \(expected to be in range of \[(-?\d+), (-?\d+)\], but got (-?\d+)", text
    ):
        return say("There is no dimension {dim}: they are counted from 0 to {last}.", dim=match[3], last=match[2])
    if match := re.search(r"too many indices for tensor of dimension (\d+)", text):
        if taken_apart := _taken_apart(place):
            return taken_apart
        return counted(
            "The tensor has {n} dimension, and more indices than that stand in the brackets.",
            "The tensor has {n} dimensions, and more indices than that stand in the brackets.",
            int(match[1]),
        )
    if "list index out of range" in text:
        asked = say(TOO_LONG) if place.loops else ""
        return together(say("The list is shorter than that."), asked)
    return ""


def _index_too_large(place, node, dim):
    """Why the index of one dimension of a tensor is too large, in words, or ""."""
    owner, parts = place.value(node.value), node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if not isinstance(owner, torch.Tensor) or dim >= min(len(parts), owner.dim()):
        return ""
    name, size = ast.unparse(parts[dim]), owner.shape[dim]
    over = place.runs_to(name)
    if over is not None and over > size:
        said = say(
            "{name} runs over {over} numbers, and dimension {dim} of {owner} has {size}.",
            name=name,
            over=over,
            dim=dim,
            owner=ast.unparse(node.value),
            size=size,
        )
        swapped = dim < 2 <= owner.dim() and over == owner.shape[1 - dim]
        return together(said, say("Did two indices change places, or the ranges of two loops?") if swapped else "")
    indices = [place.value(part) for part in parts]
    places = owner.dim() == 3 and len(parts) > 1 and all(isinstance(index, int) for index in indices)
    if places and all(-size <= index < size for index, size in zip(indices[::-1], owner.shape)):
        return say("The indices stand in the wrong order: the example comes first, then the position.")
    return ""


def _taken_apart(place):
    """That the tensor in question is one of the parts of a tensor that a method gave whole, in words, or ""."""
    node = place.part(ast.Subscript)
    name = getattr(node.value, "id", "") if node is not None else ""
    for each in _syntax_of(place.code) if place.code else ():
        target = each.targets[0] if isinstance(each, ast.Assign) else None
        made = getattr(each, "value", None)
        # A method of the learner's class; those of tensors may well give several things.
        method = isinstance(made, ast.Call) and re.fullmatch(r"self\.\w+", ast.unparse(made.func))
        if isinstance(target, ast.Tuple) and method and name in [getattr(part, "id", "") for part in target.elts]:
            return say(
                "`{written}` takes one tensor apart, along its first dimension. Take it whole: {name} = ...",
                written=ast.unparse(each),
                name=name,
            )
    return ""


def _runtime(error, place):
    """Shapes that don't fit, and numbers that can't be."""
    text = str(error)
    if match := re.search(r"must have same number of dimensions: got (\d+) and (\d+)", text):
        return say(
            "torch.cat joins tensors with equally many dimensions; these have {one} and {other}. New tokens of shape "
            "(B, 1) fit behind (B, T): no squeeze, or [:, None] to bring a dimension back.",
            one=match[1],
            other=match[2],
        )
    if "Sizes of tensors must match" in text:
        if "except in dimension 0" in text:
            return say("dim=0 joins below, as more examples, and all else must be equal. Time is dim=1.")
        first = next(iter(place.named(torch.Tensor).values()), None)
        logits = next(
            (value for value in place.local.values() if isinstance(value, torch.Tensor) and value.dim() == 3), None
        )
        if place.method == "generate" and first is not None and logits is not None and len(logits) == len(first):
            return say(
                "There must be one new token for each example, (B, 1): logits[:, -1] is the last position of each "
                "example, logits[-1] the last example."
            )
        if place.method == "generate" and first is not None and logits is not None:
            return say(
                "The model was shown {shown} of the {all} examples. Crop the positions, the second dimension: "
                "idx[:, -self.block_size:].",
                shown=len(logits),
                all=len(first),
            )
        return say("torch.cat joins along one dimension; all others must be equal. Time is dim=1.")
    if "probability tensor contains" in text:
        given = [value for value in place.named(torch.Tensor).values() if value.is_floating_point()]
        if given and (given[-1] < 0).any():
            return say(
                "These are negative numbers, logits perhaps: torch.multinomial takes probabilities, their softmax."
            )
        return say("torch.multinomial takes probabilities: softmax of the logits, and no row of nan.")
    if "invalid multinomial distribution" in text:
        return say("All probabilities of a row are 0: nothing can be drawn.")
    if re.search(r"cannot be multiplied|first two dimensions of batch2|batch1 and batch2|size mismatch", text):
        return _product(place, text)
    if "must match the size of tensor b" in text or "not broadcastable" in text:
        node = place.node
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            return _product(place, text)
        if re.search(r"tensor [ab] \(0\)", text):
            return say("One side is empty: a slice like [T:] begins behind all that is there. The first T are [:T].")
        call = place.part(ast.Call)
        if call is not None and isinstance(call.func, ast.Attribute) and call.func.attr.startswith("masked_fill"):
            scores, mask = place.value(call.func.value), place.value(call.args[0]) if call.args else None
            both = isinstance(mask, torch.Tensor) and isinstance(scores, torch.Tensor)
            if both and mask.dim() == 2 and scores.shape[-2] == scores.shape[-1]:
                return say(
                    "The mask has shape {mask}, and {name} {scores}. The mask must be (T, T), as the scores are for "
                    "each example.",
                    mask=tuple(mask.shape),
                    name=ast.unparse(call.func.value),
                    scores=tuple(scores.shape),
                )
            if isinstance(scores, torch.Tensor) and scores.shape[-2:].numel() != scores.shape[-2] ** 2:
                return say(
                    "{name} has shape {shape}. Scores have one number for each two positions, (B, T, T), as "
                    "q @ k.transpose(-2, -1) gives them.",
                    name=ast.unparse(call.func.value),
                    shape=tuple(scores.shape),
                )
        return _broadcast(place, text)
    if "expanded size of the tensor" in text or "expand(" in text or "shape mismatch: value tensor" in text:
        return _written(text)
    if "same dtype" in text or "expected scalar type" in text:
        whole = [name for name, value in place.named(torch.Tensor).items() if not value.is_floating_point()]
        if place.node is not None and "one_hot(" in ast.unparse(place.node):
            return say(
                "F.one_hot gives whole numbers. Make them floats, F.one_hot(...).float(); or take the same rows from "
                "the table at once, self.token_embedding_table(idx)."
            )
        if whole and place.method == "logits" and whole[0] == "idx":
            return say(
                "idx are the numbers of tokens: token_embedding_table makes embeddings of them, and those go on."
            )
        if whole:
            return say("{name} holds whole numbers, and meets floats. Make it floats, {name}.float().", name=whole[0])
    if place.method == "forward" and "targets" in place.local and re.search("invalid for input|batch_size", text):
        idx, targets, logits = (place.local.get(name) for name in ("idx", "targets", "logits"))
        if isinstance(logits, torch.Tensor) and isinstance(idx, torch.Tensor) and idx.shape == targets.shape:
            return say(
                "logits(idx) gave {rows} rows for {tokens} tokens. It gives one for each of them, (B, T, V).",
                rows=logits.shape[:-1].numel(),
                tokens=idx.numel(),
            )
        return say(
            "Are targets handed over that are longer than idx? Without them, self(idx) is enough to go on writing."
        )
    if match := re.search(r"shape '(\[.*?\])' is invalid for input of size (\d+)", text):
        return say(
            "There are {count} numbers, and they don't make up the shape {shape}.", count=match[2], shape=match[1]
        )
    if match := re.search(r"mask \[(.*?)\].* does not match .*indexed tensor \[(.*?)\]", text):
        return say("The mask has shape ({mask}), and what it is laid over ({below}).", mask=match[1], below=match[2])
    return ""


def _product(place, text):
    general = say("In a @ b, the last size of a must be the last but one of b.")
    if place.node is not None and re.search(r"\b(cat|concat|hstack)\(", ast.unparse(place.node)):
        return say("torch.cat lays two things side by side, which makes them longer. To add them, write a + b.")
    node = place.node if isinstance(place.node, ast.BinOp) else place.part(ast.BinOp)
    sides = [place.value(side) for side in (node.left, node.right)] if isinstance(node, ast.BinOp) else []
    fit = all(isinstance(side, torch.Tensor) and side.dim() > 1 for side in sides) and len(sides) == 2
    if fit and sides[0].shape[-1] == sides[1].shape[-2]:
        node = None  # it isn't this product that stopped, but what comes after it
    if node is None or not isinstance(node.op, ast.MatMult):
        sizes = re.search(r"\(\d+x(\d+) and (\d+)x\d+\)", text)
        if not sizes:
            return general
        return say(
            "A layer that takes rows of {takes} numbers was given rows of {given}.", takes=sizes[2], given=sizes[1]
        )
    left, right = place.value(node.left), place.value(node.right)
    written = ast.unparse(node.right)
    if not isinstance(left, torch.Tensor) or not isinstance(right, torch.Tensor):
        return general
    if re.search(r"\.(T|t\(\))$", written) and right.dim() > 2:
        name = re.sub(r"\.(T|t\(\))$", "", written)
        return say(
            "{written} turns all {count} dimensions around. Swap the last two: {name}.transpose(-2, -1).",
            written=written,
            count=right.dim(),
            name=name,
        )
    said = _of_two(ast.unparse(node.left), left, written, right) + " "
    if re.search(r"transpose\((0, 1|1, 0|0, 2|2, 0|0, -1)\)", written):
        return said + say("Dimension 0 are the examples. Swap the last two, transpose(-2, -1).")
    if left.dim() > 1 and right.dim() > 1 and left.shape[-1] == right.shape[-1]:
        return said + say("Swap the last two dimensions of the second: {written}.transpose(-2, -1).", written=written)
    if right.dim() > 1 and left.dim() > 1 and right.shape[-1] == left.shape[-2]:
        return said + say("They fit the other way round: {right} @ {left}.", right=written, left=ast.unparse(node.left))
    return said + general


def _of_two(first, left, second, right):
    """The shapes of the two sides of an operation, in words."""
    return say(
        "{first} has shape {left} and {second} {right}.",
        first=first,
        left=tuple(left.shape),
        second=second,
        right=tuple(right.shape),
    )


def _broadcast(place, text):
    node = place.node if isinstance(place.node, ast.BinOp) else place.part(ast.BinOp)
    general = say("Two shapes don't fit: from the right, sizes must be equal, or 1.")
    if node is None:
        return general
    left, right = place.value(node.left), place.value(node.right)
    if not isinstance(left, torch.Tensor) or not isinstance(right, torch.Tensor):
        return general
    first, second = ast.unparse(node.left), ast.unparse(node.right)
    said = _of_two(first, left, second, right) + " "
    if isinstance(node.op, ast.Mult) and left.shape[-1] == right.shape[-2:][0]:
        return said + say("* multiplies number by number. A product of matrices is written @.")
    if left.dim() == right.dim() == 1:
        return said + say("To take each with each, make the first a column: {first}[:, None].", first=first)
    return said + general


def _written(text):
    """What is written doesn't fit into its place."""
    match = re.search(r"expand\(torch\.\w+\{\[(.*?)\]\}, size=\[(.*?)\]", text)
    sizes = match.groups() if match else None
    match = re.search(r"Target sizes: \[(.*?)\]\.\s+Tensor sizes: \[(.*?)\]", text)
    sizes = match.groups()[::-1] if match else sizes
    match = re.search(r"value tensor of shape \[(.*?)\] .* result of shape \[(.*?)\]", text)
    sizes = match.groups() if match else sizes
    if not sizes:
        return say("What is written doesn't fit into its place.")
    written, room = (len(part.split(",")) for part in sizes)
    said = say("What is written has shape ({written}), and its place has ({room}).", written=sizes[0], room=sizes[1])
    if written > room:
        return (
            said
            + " "
            + say("It has a dimension too many: x[b] is one example, x[b, t] one position of it, x[:, t] takes all.")
        )
    if written == room == 1:
        return said + " " + say("The mean of (t + 1, C) over dim=0 has shape (C,), over dim=1 (t + 1,).")
    return said


RULES = [
    (NameError, _name),
    (AttributeError, _attribute),
    (ModuleNotFoundError, _package),
    (ZeroDivisionError, _division),
    (RecursionError, _recursion),
    (TypeError, _type),
    (ValueError, _value),
    (IndexError, _index),
    (RuntimeError, _runtime),
]
