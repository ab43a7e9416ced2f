"""How alike the solutions of a class are, and how unlikely that is.

Of each solution cell the syntax tree is taken, without what the release gave, without comments, docstrings and type
hints, and with the names that the student chose numbered in the order of their use. So renaming, reformatting and other
comments change nothing. Two trees are as alike as the share of their short runs that they have in common (Jaccard's
index, of runs of three). How much a match says depends on the class: a form that half of the class writes says nothing,
one that nobody else writes says much. It is told in bits, log2 of one over the share of the others who write so; for a
short answer it can't be more than its length allows.
"""

import ast
import math
import re
from collections import Counter
from itertools import combinations

from IPython.core.inputtransformer2 import TransformerManager

ALIKE = 0.85  # from here on, two trees count as one form
RUN = 3
NODES_PER_BIT = 4  # an answer of 20 nodes can't say more than 5 bits: there are few ways to write it
MOST_CHARACTERS = 50_000  # of a solution cell


def tree(source, released):
    """What a student wrote in a solution cell.

    Args:
        source: of the cell.
        released: of the same cell as the course hands it out.

    Returns:
        tuple of the nodes of its syntax tree as text, in order, without what was given; () where nothing was written or
        where it can't be parsed.
    """
    given = Counter(ast.dump(statement) for _, statement in _statements(_parse(released)))
    nodes, names = [], {}
    for place, statement in _statements(_parse(source)):
        dump = ast.dump(statement)
        if given[dump]:
            given[dump] -= 1
            continue
        nodes.append(place)
        nodes += _nodes(statement, names)
    return tuple(nodes)


def _parse(source):
    try:
        if len(source) > MOST_CHARACTERS:
            return ast.Module([], [])
        source = re.sub(r"\A(\s*%%.*\n)+", "", source)  # %%time
        return ast.parse(TransformerManager().transform_cell(source))  # other magics are no Python either
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _statements(module):
    """(class and function, statement) of all statements of functions and classes; those without these, as they are."""
    found = []

    def visit(body, place):
        for statement in body:
            if isinstance(statement, ast.ClassDef | ast.FunctionDef):
                visit(statement.body, f"{place}/{statement.name}")
            elif not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):  # a docstring
                found.append((place, statement))

    visit(module.body, "")
    return found


def _nodes(statement, names):
    """The nodes of a statement, the outer ones first; names that are given a value here are numbered."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.setdefault(node.id, f"name{len(names)}")
        elif isinstance(node, ast.arg):
            names.setdefault(node.arg, f"name{len(names)}")
    found = []

    def visit(node):
        if isinstance(node, ast.Load | ast.Store | ast.Del):
            return
        if isinstance(node, ast.Name):
            found.append(names.get(node.id, node.id))
        elif isinstance(node, ast.arg):
            found.append(names[node.arg])
        elif isinstance(node, ast.Constant):
            found.append(repr(node.value)[:50])
        elif isinstance(node, ast.AnnAssign) and node.value:  # as without the hint
            found.append("Assign")
            visit(node.target)
            visit(node.value)
        else:
            found.append(f"{type(node).__name__} {getattr(node, 'attr', '')}".strip())
            for name, value in ast.iter_fields(node):
                if name not in ("annotation", "returns", "type_comment"):
                    for child in value if isinstance(value, list) else [value]:
                        if isinstance(child, ast.AST):
                            visit(child)
                        elif name == "arg" and child:
                            found.append(str(child))

    visit(statement)
    return found


def alike(one, other):
    """How alike two trees are, from 0 to 1."""
    one, other = _runs(one), _runs(other)
    common = (one & other).total()
    return common / max(1, one.total() + other.total() - common)


def _runs(nodes):
    return Counter(nodes[start : start + RUN] for start in range(max(1, len(nodes) - RUN + 1)))


def matches(trees):
    """Pairs of students whose solutions are alike, the least likely ones first.

    Args:
        trees: {cell: {student: tree}}.

    Returns:
        list of (bits, student, student, {cell: (how alike, how many others write so, of how many others)})
    """
    pairs = {}
    for cell, written in trees.items():
        written = {student: nodes for student, nodes in written.items() if nodes}
        forms = {}  # who writes exactly this, so that a common form is compared once
        for student, nodes in sorted(written.items()):
            forms.setdefault(nodes, []).append(student)
        near = {nodes: {nodes: 1.0} for nodes in forms}
        runs = {nodes: _runs(nodes) for nodes in forms}
        for one, other in combinations(forms, 2):
            shorter, longer = sorted((len(one), len(other)))
            if shorter >= ALIKE * longer - RUN:
                common = (runs[one] & runs[other]).total()
                likeness = common / max(1, runs[one].total() + runs[other].total() - common)
                if likeness >= ALIKE:
                    near[one][other] = near[other][one] = likeness
        others = len(written) - 1
        for form, likenesses in near.items():
            count = sum(len(forms[other]) for other in likenesses) - 1  # others who write so
            for other, likeness in likenesses.items():
                for one in forms[form]:
                    for two in forms[other]:
                        if one < two:
                            reverse = sum(len(forms[each]) for each in near[other]) - 1
                            seen = max(count, reverse)
                            bits = min(-math.log2(seen / others), min(len(form), len(other)) / NODES_PER_BIT)
                            found = pairs.setdefault((one, two), [0.0, {}])
                            found[0] += bits * likeness
                            found[1][cell] = (likeness, seen, others)
    return sorted(((bits, *pair, cells) for pair, (bits, cells) in pairs.items()), key=lambda row: (-row[0], row[1:3]))
