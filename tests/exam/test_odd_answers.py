"""Right answers in odd company: none of this costs a mark in the exam."""

import linecache
import time

import pytest
import torch

from learngpt_teaching.exam import answering, asking
from learngpt_teaching.week1.exam import EXAMS
from tests.exam.kernel import with_child
from tests.support.answers import notebook

NAMES = ["1-bigram", "2-averaging", "3-vectorizing", "4-masking", "5-self-attention", "6-positions"]

pytestmark = pytest.mark.slow


def lost(name, own="", change=None, **options):
    """The grade ids that a notebook loses, after a cell of its own, with (old, new) replaced in its solution cells."""
    course, replaced = notebook(name), []

    def changed(cell):
        source = cell.source
        for old, new in change or ():
            replaced.append(old in source)
            source = source.replace(old, new)
        return source

    namespace = course.namespace(changed, in_cell)
    assert not change or any(replaced)

    def answers(channel):
        in_cell(own, namespace)
        answering.answer(channel, namespace, course.given)

    result = with_child(answers, lambda channel: asking.take(channel, EXAMS, course.graded, **options))
    assert result.ending == "complete"
    return [grade_id for grade_id, verdict in result.verdicts.items() if not verdict]


def in_cell(source, namespace):
    """Run a cell as IPython does, so that torch.jit.script finds its text."""
    file = f"<cell {hash(source)}>"
    linecache.cache[file] = len(source), None, source.splitlines(True), file
    exec(compile(source, file, "exec"), namespace)


OWN_CELLS = [
    "B, T, F = 2, 5, 3",
    "nn = 128",
    "torch = None",
    "checks, text, math = [1, 2], 'mine', 3.14",
    "def load_text(): return 1",
    "from torch import *",
    "import torch; from torch import *; from torch.nn.functional import *; from math import *",
    "import torch; torch.set_grad_enabled(False)",
    "import torch; torch.set_default_dtype(torch.float16)",
    "import torch; torch.set_default_dtype(torch.float64)",
    "import torch; torch.set_default_device('meta')",
    "import torch; torch.use_deterministic_algorithms(True)",
    "import torch; torch.autograd.set_detect_anomaly(True)",
    "import torch; mode = torch.inference_mode(); mode.__enter__()",
    "import torch; mode = torch.autocast('cpu'); mode.__enter__()",
    "import torch; torch.set_num_threads(2); torch.set_float32_matmul_precision('medium')",
    "import warnings; warnings.simplefilter('error')",
    "import torch; (torch.ones(3, requires_grad=True) * 2).sum().backward()",
    "import sys; sys.stdout.close()",
    "import numpy; numpy.seterr(all='raise')",
    "input, id, max, vars = 1, 2, 3, 4",
    "del torch",
    "globals().pop('HeadVer1', None); globals().pop('GPTVer1', None)",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("own", OWN_CELLS)
def test_own_cells_cost_nothing(name, own):
    if "pop" in own and name in ("1-bigram", "2-averaging"):
        pytest.skip("there it is the answer")
    if "*" in own and name in ("1-bigram", "2-averaging", "4-masking", "5-self-attention"):
        pytest.skip("`range` and `float` are torch's then: the learner's own run stops there, too")
    assert lost(name, own) == []


def test_a_kernel_that_computed_before_answers_too():
    """A fork has none of the threads that PyTorch started; a kernel that trained a model has some."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        x = torch.randn(700, 700, requires_grad=True)
        (x @ x).sum().backward()
        assert lost("5-self-attention") == []
    finally:
        torch.set_num_threads(before)


HEAD_3 = "class HeadVer3:"
SCRIPTED = """@torch.jit.script
def weigh(weights: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return torch.matmul(weights, x)


"""
CLOSED = "def __setattr__(cls, name, value):\n        raise TypeError"
CLASSES = {
    "a metaclass": ("4-masking", [(HEAD_3, f"class Meta(type):\n    pass\n\n\n{HEAD_3[:-1]}(metaclass=Meta):")]),
    "a metaclass that nothing can be set on": (
        "6-positions",
        [("class GPTVer3(GPTVer2):", f"class Meta(type):\n    {CLOSED}\n\n\nclass GPTVer3(GPTVer2, metaclass=Meta):")],
    ),
    "slots": ("4-masking", [(HEAD_3, f'{HEAD_3}\n    __slots__ = ("wei",)')]),
    "a dataclass": (
        "4-masking",
        [(HEAD_3, f"from dataclasses import dataclass\n\n\n@dataclass\n{HEAD_3}\n    wei: object = None\n")],
    ),
    "a frozen dataclass": (
        "3-vectorizing",
        [("class HeadVer2:", "from dataclasses import dataclass\n\n\n@dataclass(frozen=True)\nclass HeadVer2:")],
    ),
    "a module": ("4-masking", [(HEAD_3, "class HeadVer3(torch.nn.Module):"), ("def __call__", "def forward")]),
    "a class that can't be subclassed": (
        "1-bigram",
        [
            (
                "class GPTVer1(nn.Module):",
                "class GPTVer1(nn.Module):\n    def __init_subclass__(cls):\n        raise TypeError\n",
            )
        ],
    ),
    "a decorated method": (
        "1-bigram",
        [
            ("    def generate", "    @torch.no_grad()\n    @functools.wraps(nn.Module)\n    def generate"),
            ("class GPTVer1", "import functools\n\n\nclass GPTVer1"),
        ],
    ),
    "a class behind a function": (
        "3-vectorizing",
        [("class HeadVer2:", "def made(cls):\n    return lambda: cls()\n\n\n@made\nclass HeadVer2:")],
    ),
    "a property": (
        "4-masking",
        [
            ("self.wei = F.softmax", "self._wei = F.softmax"),
            (HEAD_3, f"{HEAD_3}\n    wei = property(lambda self: self._wei)\n"),
            ("return self.wei @ x", "return self._wei @ x"),
        ],
    ),
    "torch.jit.script": (
        "3-vectorizing",
        [("class HeadVer2:", f"{SCRIPTED}class HeadVer2:"), ("weights @ x", "weigh(weights, x)")],
    ),
    "a helper of its own": (
        "3-vectorizing",
        [
            ("class HeadVer2:", "def triangle(T):\n    return torch.tril(torch.ones(T, T))\n\n\nclass HeadVer2:"),
            ("weights = torch.tril(torch.ones(T, T))", "weights = triangle(T)"),
        ],
    ),
    "prints much": ("2-averaging", [("B, T, C = x.shape\n", 'B, T, C = x.shape\n        print("x" * 10**6)\n')]),
    "names its arguments": ("5-self-attention", [("x, debug=False", "x, debug=False, *rest, **more")]),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
@pytest.mark.parametrize("what", CLASSES)
def test_odd_classes_cost_nothing(what):
    name, change = CLASSES[what]
    assert lost(name, change=change) == []


def calls_of(name):
    """How often an exam calls the student's code, constructions left out."""
    scripts = [script for each in notebook(name).graded for script in next(EXAMS[each](asking.Draw(0, each)))]
    calls = 0
    for script in scripts:
        classes = {number for number, (step, *_) in enumerate(script.steps) if step == "look"}
        calls += sum(
            step in ("call", "counted") and not (arguments[0]["slot"] in classes and arguments[1:2] == [None])
            for step, arguments, _ in script.steps
        )
    return calls


@pytest.mark.parametrize("name", NAMES)
def test_few_calls_are_enough(name):
    assert calls_of(name) <= 38  # three seconds each are 114, of the 120 that a submission may compute


def test_three_seconds_a_call_are_no_fault():
    """Played five times as fast. What other notebooks take follows from `test_few_calls_are_enough`."""
    start, old = time.monotonic(), "        for _ in range(max_new"
    slow = [(old, f"        import time\n        time.sleep(3 / 5)\n{old}")]
    assert lost("1-bigram", change=slow, seconds=120 / 5, call_seconds=20 / 5) == []
    assert 30 / 5 < time.monotonic() - start < 120 / 5


def test_every_graded_cell_has_an_exam():
    graded = [each for name in NAMES for each in notebook(name).graded]
    assert sorted(graded) == sorted(EXAMS)
