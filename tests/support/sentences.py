"""What modules say to a learner, found in their syntax: is all of it in the hands of learngpt.language?"""

import ast
import re
import string

SAID = {"say": 1, "mark": 1, "counted": 2}  # function -> how many of its first arguments are sentences
WORDS = 3  # fewer make no sentence
WORD = re.compile(r"""[("'`]*[^\W\d_]+(['-][^\W\d_]+)*[.,:;?)"'`]*""")

# What has as many words and is no sentence: file -> how it begins.
OTHERS = {
    "advice.py": ("import torch.nn.functional", "from torch import nn"),  # code
    "evidence.py": ("background-color:",),
    "language.py": ("There is no language",),  # in a terminal, before any is chosen
    "validating.py": ("from learngpt.checking import",),  # the source of a cell
    "plots.py": ("Noto Sans", "Apple SD", "Arial Unicode", "outside ", "background: white"),  # fonts, places, a style
    "models.py": ("into the head", "to be, or not to be"),  # the name of a stage, and a text
    "positions.py": ("into the head",),
    "ending.py": ("style=", " style=", "from learngpt.language import"),
    "install.py": ("No space left", "establish a new", "No matching distribution"),  # as pip says it
    "playing.py": ("\n",),  # a script of the page
    "__init__.py": ("module ",),  # as Python says it
    "running.py": ("The check says yes", "A cell ", ": exam no", "Notes of this kind"),  # for the instructor
}


def unsayable(path):
    """The strings of a module that read as sentences and that no catalogue can hold: ["file:line: text", ...].

    Exempt are docstrings, patterns and what is compared: both are for Python's and PyTorch's own words. So is the part
    of a table that stands beside what it means, `("in PyTorch's words", mark("in ours"))`.
    """
    tree = ast.parse(path.read_text("utf-8"))
    exempt = {id(part) for node in ast.walk(tree) for each in _exempt(node) for part in ast.walk(each)}
    found = []
    for node in ast.walk(tree):
        text = _text(node)
        if isinstance(node, ast.JoinedStr):
            exempt.update(id(part) for part in node.values)
        if id(node) in exempt or sum(bool(WORD.fullmatch(part)) for part in text.split()) < WORDS:
            continue
        if not text.startswith(OTHERS.get(path.name, ())):
            found.append(f"{path.name}:{node.lineno}: {text}")
    return found


def _text(node):
    if isinstance(node, ast.JoinedStr):
        return " ".join(part.value for part in node.values if isinstance(part, ast.Constant))
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _exempt(node):
    """The parts of a piece of syntax that hold no sentence, or one that is said."""
    if isinstance(node, ast.Expr):  # a docstring
        return [node.value] if isinstance(node.value, ast.Constant) else []
    if isinstance(node, ast.Compare):
        return [node]
    if isinstance(node, ast.Tuple) and any(_called(part) == "mark" for part in node.elts):
        return [part for part in node.elts if isinstance(part, ast.Constant)]
    if _called(node) in SAID:
        return [part for part in node.args[: SAID[_called(node)]] if isinstance(part, ast.Constant)]
    if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re."):
        return node.args[:1]
    return []


def _called(node):
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def _says(node):
    return _called(node) in SAID and isinstance(node.args[0], ast.Constant)


def misnamed(path):
    """Where the placeholders of a sentence aren't the names of the values, or it is in an f-string: ["file:line"]."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.JoinedStr) and any(map(_says, ast.walk(node))):
            found.append(f"{path.name}:{node.lineno}")  # before Python 3.12 Babel can't look into it
        if _called(node) not in SAID:
            continue
        sentences = node.args[: SAID[_called(node)]]
        if any(isinstance(each, ast.Name | ast.Attribute | ast.Subscript) for each in sentences):
            continue  # one that is marked elsewhere
        try:
            fields = {field for each in sentences for _, field, _, _ in string.Formatter().parse(_text(each)) if field}
        except ValueError:
            fields = {""}
        given = {keyword.arg for keyword in node.keywords} | ({"n"} if _called(node) == "counted" else set())
        if None in given:  # values that are named elsewhere
            given = fields
        plain = all(isinstance(each, ast.Constant) for each in sentences) and all(map(str.isidentifier, fields))
        if not plain or (_called(node) != "mark" and not fields <= given <= fields | {"n"}):
            found.append(f"{path.name}:{node.lineno}")
    return found
