"""Which pieces of a text are for people to read, and so to be translated: of Markdown, and of a code cell."""

import ast
import io
import itertools
import keyword
import re
import textwrap
import tokenize
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

# What a call of these is given is data, and no words of ours.
DATA = {"Text", "carry", "choice", "excerpt", "floors", "load_text", "register_buffer", "speak"}
FENCE = "```"
CODE, ROW = "string in code", "row of a table"
PROSE = {"paragraph", "item", "heading", ROW}  # whose Markdown is rendered
# The first marks of a line that belong to its block and not to its words.
MARKS = re.compile(r"\s*(?:#{1,6} |[-*+] |\d+\. |> )?")
SUMMARY = re.compile(r"<summary>(.*?)</summary>")
IMAGE = re.compile(r"!\[(.*)\]\([^)]*\)$")
EXPRESSION = re.compile(r"\{[^{}]*\}")
WORD = re.compile(r"[A-Za-z][a-z]+(?:['-][a-z]+)*")


@dataclass(frozen=True)
class Span:
    """A piece of a text.

    Attributes:
        start, end: where it is in the text.
        kind: what it is, in the words of a translator.
        indentation: of the lines after its first one, which its words don't have.
    """

    start: int
    end: int
    kind: str
    indentation: str = ""


def has_words(text: str) -> bool:
    """Whether there is a word in it that isn't a name of the program: shapes and formulas have none."""
    parts = [part.strip(".,;:?!()[]\"'*") for part in EXPRESSION.sub(" ", text).split()]
    return any(WORD.fullmatch(part) and not keyword.iskeyword(part) for part in parts)


def marks_of(line: str) -> str:
    """What stands before the words of a line: `- `, `1. `, `## ` and the like, or spaces, or nothing."""
    found = MARKS.match(line)
    return found[0] if found else ""


def words_of(text: str, span: Span) -> str:
    """The words of a span, as they stand in a catalogue."""
    return text[span.start : span.end].replace("\n" + span.indentation, "\n")


def replaced(text: str, spans: Iterable[Span], say: Callable[[str], str]) -> str:
    """A text with the words of its spans said in another way."""
    for span in sorted(spans, key=lambda span: -span.start):
        said = textwrap.indent(say(words_of(text, span)), span.indentation).removeprefix(span.indentation)
        text = text[: span.start] + said + text[span.end :]
    return text


def of_markdown(source: str) -> Iterator[Span]:
    """Paragraphs, headings, items, rows of tables, summaries, alt texts, and the comments of code in it."""
    start, block = 0, None  # a block: where a paragraph or an item begins, and what it is
    fence, python = None, False  # where code begins, and whether it is Python
    for line in [*source.splitlines(keepends=True), "\n"]:
        here, start = start, start + len(line)
        text = line.strip()
        if fence is not None:
            if text == FENCE:
                yield from _shifted(of_code(source[fence:here]), fence) if python else ()
                fence = None
            continue
        marks = marks_of(line)
        plain = not (text.startswith(("<", FENCE, "$$", "|", "![")) or not text)
        if block and (not plain or marks.strip()):
            yield from _trimmed(source, block[0], min(here, len(source)), block[1])
            block = None
        if text.startswith(FENCE):
            fence, python = start, text == FENCE + "python"
        elif text.startswith("|"):
            if has_words(text):
                yield from _trimmed(source, here, here + len(line), ROW)
        elif image := IMAGE.match(text):
            yield Span(here + line.index(text) + image.start(1), here + line.index(text) + image.end(1), "alt text")
        elif text.startswith("<"):
            for summary in SUMMARY.finditer(line):
                yield Span(here + summary.start(1), here + summary.end(1), "what opens a hint or an answer")
        elif plain and not block:
            kind = "heading" if marks.startswith("#") else "item" if marks.strip() else "paragraph"
            block = here + len(marks), kind
            if block[1] == "heading":
                yield from _trimmed(source, block[0], here + len(line), block[1])
                block = None


def of_code(source: str) -> Iterator[Span]:
    """Comments, docstrings, and the strings that a person reads.

    A string is read if there are words in it, unless it is data: what functions of DATA are given, what a method is
    called of, or a marker of a figure. A formatted string has its expressions in it as they stand.

    Raises:
        ValueError: a string is written in a way that can't be translated, or the code can't be read.
    """
    lines = source.splitlines(keepends=True)
    starts = [0, *itertools.accumulate(map(len, lines))]
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not token.string.startswith("###"):
            # A line of code that is for the reader to take may have a comment of its own.
            begin = token.string.rfind("# ") + 2
            if begin > 1 and has_words(token.string[begin:]):
                start = starts[token.start[0] - 1] + token.start[1]
                yield Span(start + begin, start + len(token.string), "comment")

    def place(line, column):  # Python counts columns in bytes
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    for node, docstring in _strings(ast.parse(source)):
        start, end = place(node.lineno, node.col_offset), place(node.end_lineno, node.end_col_offset)
        quote = re.match(r"[a-zA-Z]*(\"\"\"|'''|\"|')", source[start:end])
        assert quote, "a string begins with its quotation mark"
        inner = start + quote.end(), end - len(quote.group(1))
        if not has_words(source[slice(*inner)]):
            continue
        if quote.group(1) in source[slice(*inner)]:
            raise ValueError(f"{source[start:end]} can't be translated: write it as one string, without quotes in it")
        if isinstance(node, ast.JoinedStr) and _has_strings(node):
            raise ValueError(f"{source[start:end]} can't be translated: take the string out of its braces")
        if docstring:
            yield from _trimmed(source, *inner, "docstring", " " * node.col_offset)
        else:
            yield from _trimmed(source, *inner, CODE)


def _has_strings(formatted: ast.JoinedStr) -> bool:
    inside = [
        node for part in formatted.values if isinstance(part, ast.FormattedValue) for node in ast.walk(part.value)
    ]
    return any(isinstance(node, ast.Constant) and isinstance(node.value, str) for node in inside)


def _strings(node: ast.AST) -> Iterator[tuple[ast.Constant | ast.JoinedStr, bool]]:
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        yield node, False
        return
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in DATA:
            return
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.keyword) and node.arg == "marker":
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant) and isinstance(child.value.value, str):
            yield child.value, True
        else:
            yield from _strings(child)


def _shifted(spans, by):
    for span in spans:
        yield Span(span.start + by, span.end + by, span.kind, span.indentation)


def _trimmed(source, start, end, kind, indentation=""):
    text = source[start:end]
    if EXPRESSION.sub("", text).strip():  # not where something is put in, and nothing else
        begin, rest = len(text) - len(text.lstrip()), len(text) - len(text.rstrip())
        yield Span(start + begin, end - rest, kind, indentation)
