"""Answers to the TODOs, wrong and right, that the checks are measured against.

Each function holds what a learner might write in the place of one solution; its parameters are the names that are
known there. `wrong` says what the misconception is, which graded cell must catch it, and words that its message must
have. `right` says what is done differently.
"""

import ast
import functools
import inspect
import textwrap
from dataclasses import dataclass


@dataclass
class Answer:
    function: object
    why: str
    check: str = ""
    phrase: str = ""

    @property
    def name(self):
        return f"{self.function.__module__.rpartition('.')[2]}-{self.function.__name__}"

    @property
    def imports(self):
        """The imports that a learner would add to the cell for this answer."""
        return _imports(inspect.getmodule(self.function))

    @property
    def body(self):
        """The source of the function's body, as a learner would write it at the left margin."""
        lines = inspect.getsource(self.function).split("\n")
        start = ast.parse(textwrap.dedent("\n".join(lines))).body[0].body[0].lineno - 1
        return textwrap.dedent("\n".join(lines[start:])).rstrip()


@functools.cache
def _imports(module):
    tree = ast.parse(inspect.getsource(module))
    return "".join(ast.unparse(node) + "\n" for node in tree.body if isinstance(node, ast.Import))


def wrong(why, check, phrase):
    return lambda function: Answer(function, why, check, phrase)


def right(why):
    return lambda function: Answer(function, why)
