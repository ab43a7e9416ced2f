"""How alike the solutions of a class are, and how unlikely that is.

Of each solution cell the syntax tree is taken, without what the release gave, without comments, docstrings and type
hints, and with the names that the student chose numbered in the order of their use. So renaming, reformatting and other
comments change nothing. Two trees are as alike as the share of their short runs that they have in common (Jaccard's
index, of runs of three). How much a match says depends on the class: a form that half of the class writes says nothing,
one that nobody else writes says much. It is told in bits, log2 of one over the share of the others who write so; for a
short answer it can't be more than its length allows.
"""

import ast
import contextlib
import functools
import math
from collections import Counter, defaultdict

from learngpt_teaching import course

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
        where it can't be parsed, or is too deep.
    """
    with contextlib.suppress(RecursionError):  # a sum of two thousand terms is as deep as that
        return _written(source, released)
    return ()


def _written(source, released):
    given = Counter(_given(released))
    nodes, names = [], {}
    for place, statement in _statements(_parse(source)):
        dump = ast.dump(statement)
        if given[dump]:
            given[dump] -= 1
            continue
        nodes.append(place)
        nodes += _nodes(statement, names)
    return tuple(nodes)


@functools.cache
def _given(released):
    return [ast.dump(statement) for _, statement in _statements(_parse(released))]


def _parse(source):
    return course.tree(source) if len(source) <= MOST_CHARACTERS else ast.Module([], [])


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


class _Forms:
    """How the students of a class write one cell.

    Args:
        written: {student: tree}.
    """

    def __init__(self, written):
        self._of = {student: nodes for student, nodes in written.items() if nodes}
        self._who = defaultdict(list)  # who writes exactly this, so that a common form is compared once
        for student, nodes in sorted(self._of.items()):
            self._who[nodes].append(student)
        self._near = _near(self._who)
        self._others = len(self._of) - 1
        self._seen = {  # how many others write so
            form: sum(len(self._who[other]) for other in likenesses) - 1 for form, likenesses in self._near.items()
        }

    def pairs(self, least):
        """The pairs of students whose forms are alike and say so many bits."""
        for form, likenesses in self._near.items():
            for other in likenesses:
                if self._said(form, other)[0] >= least:
                    yield from ((one, two) for one in self._who[form] for two in self._who[other] if one < two)

    def likeness(self, one, two):
        """(bits, (how alike, how many others write so, of how many others)), or None where two students aren't."""
        form, other = self._of.get(one), self._of.get(two)
        return self._said(form, other) if other in self._near.get(form, ()) else None

    def _said(self, form, other):
        likeness, seen = self._near[form][other], max(self._seen[form], self._seen[other])
        rare = -math.log2(seen / self._others) if seen else math.inf
        return min(rare, min(len(form), len(other)) / NODES_PER_BIT) * likeness, (likeness, seen, self._others)


def _near(forms):
    """{form: {a form that is alike, itself among them: how alike}}.

    Two sets with a share of ALIKE in common have one of their rarest elements in common, of so few that most pairs are
    never compared (the prefix filter of Chaudhuri, Ganti and Kaushik 2006).
    """
    elements = {form: {(run, n) for run, count in _runs(form).items() for n in range(count)} for form in forms}
    how_common = Counter(element for each in elements.values() for element in each)
    near = {form: {form: 1.0} for form in forms}
    having = defaultdict(list)  # a rare element -> forms
    for form, own in elements.items():
        few = len(own) - math.ceil(ALIKE * len(own) - 1e-9) + 1
        rare = sorted(own, key=lambda element: (how_common[element], element))[:few]
        for other in {other for element in rare for other in having[element]}:
            common = len(own & elements[other])
            likeness = common / (len(own) + len(elements[other]) - common)
            if likeness >= ALIKE:
                near[form][other] = near[other][form] = likeness
        for element in rare:
            having[element].append(form)
    return near


def matches(trees, least=0.0):
    """Pairs of students whose solutions are alike, the least likely ones first.

    Args:
        trees: {cell: {student: tree}}.
        least: bits that a pair must have to be told.

    Returns:
        list of (bits, student, student, {cell: (how alike, how many others write so, of how many others)})
    """
    cells = {cell: _Forms(written) for cell, written in trees.items()}
    # Who is alike in many cells has a share of the bits in one of them at least: what half of the class writes is no
    # reason to look at the pairs of half of the class.
    share = least / max(1, len(cells))
    pairs = {pair for forms in cells.values() for pair in forms.pairs(share)}
    found = []
    for one, two in pairs:
        said = {cell: each for cell, forms in cells.items() if (each := forms.likeness(one, two))}
        bits = sum(bits for bits, _ in said.values())
        if bits >= least:
            found.append((bits, one, two, {cell: about for cell, (_, about) in said.items()}))
    return sorted(found, key=lambda row: (-row[0], row[1:3]))
