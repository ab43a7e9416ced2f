"""Right answers with something odd beside them: each gets full marks."""

from tests.hostile import SOLVED, by_id, code, insert, submission

GIVEN, SOLUTION = "given_4", "head_v3"


def last(notebook, source):
    notebook["cells"].append(code(source))


@submission("An own cell takes the names B, T and F.", SOLVED, 15)
def usual_names(notebook):
    insert(notebook, "B, T, F = 2, 5, 3")


@submission("An own cell takes nn.", SOLVED, 15)
def nn_is_a_number(notebook):
    insert(notebook, "nn = 128")


@submission("An own cell takes the names of the course's modules and functions.", SOLVED, 15)
def names_of_the_course(notebook):
    insert(notebook, "checks = ['mine']\ndef load_text(): return 'mine'\ndef carry(*names): return None")


@submission("Everything of torch is imported.", SOLVED, 15)
def star_import(notebook):
    insert(notebook, "from torch import *")


@submission("Gradients were turned off, the precision and the device changed, for the whole process.", SOLVED, 15)
def state_of_the_process(notebook):
    insert(
        notebook,
        "torch.set_grad_enabled(False)\ntorch.set_default_dtype(torch.float16)\ntorch.set_default_device('meta')\n"
        "torch.use_deterministic_algorithms(True)\ntorch.set_num_threads(4)",
        before="head_v3_equals_the_loops",
    )


@submission("All names were reset, after the answer.", SOLVED, 15)
def everything_is_reset(notebook):
    last(notebook, "%reset -f")


@submission("exit() in an own cell, before and after.", SOLVED, 15)
def exits(notebook):
    insert(notebook, "exit()")
    last(notebook, "exit()")


@submission("The last cell raises.", SOLVED, 15)
def raises_at_the_end(notebook):
    last(notebook, "raise SystemExit('done')")


@submission("Each call computes for a while, all of them together for longer than a cell may.", SOLVED, 15)
def computes_in_each_call(notebook):
    cell = by_id(notebook, SOLUTION)
    cell["source"] = cell["source"].replace(
        "return self.wei @ x", "sum(range(25_000_000))\n        return self.wei @ x"
    )


@submission("An import was added to the first cell, and the answer uses it.", SOLVED, 15)
def import_in_a_given_cell(notebook):
    by_id(notebook, GIVEN)["source"] += "\n%matplotlib inline\nimport math"
    solution = by_id(notebook, SOLUTION)
    assert 'float("-inf")' in solution["source"]
    solution["source"] = solution["source"].replace('float("-inf")', "-math.inf")


@submission("A helper stands in a cell of the course, and the answer is timed.", SOLVED, 15)
def helper_and_magic(notebook):
    by_id(notebook, GIVEN)["source"] += '\nNEVER = float("-inf")'
    solution = by_id(notebook, SOLUTION)
    solution["source"] = "%%time\n" + solution["source"].replace('float("-inf")', "NEVER")


@submission("Nothing but the sources is left of the file: no ids, no metadata.", SOLVED, 15)
def without_metadata(notebook):
    for number, cell in enumerate(notebook["cells"]):
        cell["metadata"], cell["id"] = {}, f"cell-{number}"


@submission("The answer is a class with slots, made by a metaclass, with a decorator.", SOLVED, 15)
def unusual_class(notebook):
    by_id(notebook, SOLUTION)["source"] = """class Meta(type):
    def __setattr__(cls, name, value):
        raise AttributeError(name)

def as_it_is(cls):
    return cls

@as_it_is
class HeadVer3(metaclass=Meta):
    __slots__ = ("wei",)

    def __call__(self, x):
        T = x.shape[1]
        future = torch.ones(T, T).triu(1).bool()
        self.wei = torch.zeros(T, T).masked_fill(future, float("-inf")).softmax(-1)
        return self.wei @ x"""


@submission("The answer is compiled, where there is no compiler.", SOLVED, 15)
def compiled(notebook):
    solution = by_id(notebook, SOLUTION)
    solution["source"] = solution["source"].replace("    def __call__", "    @torch.compile\n    def __call__")


@submission("A helper of the answer bears a name that the course gives.", SOLVED, 15)
def helper_with_a_name_of_the_course(notebook):
    solution = by_id(notebook, SOLUTION)
    helper = 'def plots():\n    return float("-inf")\n\n'
    solution["source"] = helper + solution["source"].replace('float("-inf"))', "plots())")


@submission("What the answer calls bears a name that the course gives, and is no plain function.", SOLVED, 15)
def partial_with_a_name_of_the_course(notebook):
    solution = by_id(notebook, SOLUTION)
    helper = 'import functools\nplots = functools.partial(float, "-inf")\n\n'
    solution["source"] = helper + solution["source"].replace('float("-inf"))', "plots())")


@submission("An expression of five hundred parts.", SOLVED, 15)
def deep_expression(notebook):
    insert(notebook, "if 0:\n    a" + ".b" * 500)
