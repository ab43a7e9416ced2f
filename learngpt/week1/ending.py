"""The end of the last notebook: the learner's own classes in a small GPT."""

import ast
import html
import inspect
import json
import re
import shutil
import string
import sys
from pathlib import Path

import torch
from IPython import get_ipython
from IPython.display import Markdown, display

from learngpt import evaluate, load_text, plots
from learngpt.carrying import NotThere, source_of
from learngpt.instruments import looks_at
from learngpt.language import mark, say
from learngpt.showing import Plain, in_terminal, watched
from learngpt.text import shipped
from learngpt.training import Sample
from learngpt.week1 import checks, gpt

WINDOWS = 200  # of the validation part that a loss is taken from; all 1,808 would take ten times as long
# What the classes must do for the weights to mean anything: notebook, class, check.
NEEDED = (
    (5, "HeadVer4", checks.attention_never_looks_ahead),
    (5, "HeadVer4", checks.attention_rows_sum_to_one),
    (5, "HeadVer4", checks.attention_variance_is_one),
    (5, "HeadVer4", checks.attention_weights_are_scaled_softmax),
    (6, "GPTVer3", checks.encodings_are_sinusoidal),
    (6, "GPTVer3", checks.adds_positions),
    (1, "GPTVer1", checks.generate_appends),
    (1, "GPTVer1", checks.generate_samples),
    (1, "GPTVer1", checks.generate_crops),
)


def show_source(*things):
    """Show how classes and functions of the course are written."""
    sources = "\n\n".join(inspect.getsource(thing) for thing in things)
    display(Markdown(f"```python\n{_said(sources)}```"))


def small_gpt(GPTVer1, HeadVer4, GPTVer3, text):
    """The small GPT of the learner's classes, with the weights that come with the course; it says how it does.

    Raises:
        CheckFailed: the weights don't fit the classes. It says which check to look at.
    """
    plays = load_text()
    classes = {"GPTVer1": GPTVer1, "HeadVer4": HeadVer4, "GPTVer3": GPTVer3}
    try:
        model, _, promised = gpt.load(shipped("gpt.safetensors"), HeadVer4, GPTVer3)
        loss = evaluate(model, plays, windows=WINDOWS)
    except NotImplementedError:
        raise
    except Exception as error:
        said = say("The weights don't fit your classes: {error}", error=error)
        raise checks.CheckFailed(f"{said}\n{_first_failing(classes)}") from None
    numbers = sum(parameter.numel() for parameter in model.parameters())
    said = [
        say(
            "{numbers:,} numbers, learned from the plays. Loss on their validation text: {loss:.2f} nats.",
            numbers=numbers,
            loss=loss,
        )
    ]
    if text.content != plays.content:
        said.append(
            say(
                "These weights know the {size} characters of the plays, and {text} is another text. So what follows is "
                "about the plays, and the ladder has no seventh rung. Below you see how to train on yours.",
                size=plays.vocab_size,
                text=text.name,
            )
        )
    wrong = _first_failing(classes)
    if loss > promised + 0.1:
        noise = say("The course's classes reach {loss:.2f} with these weights. Expect noise.", loss=promised)
        wrong = wrong or say("No check of the notebooks says why.")
        said.append(f"✗ {noise} {wrong}")
    elif wrong:
        said.append(f"✗ {wrong}")
    display(Plain("\n".join(said)))
    return model


def _first_failing(classes):
    """Where to look, in words; an empty string where all needed checks pass."""
    for notebook, name, check in NEEDED:
        try:
            check(classes[name])
        except Exception as error:
            return say(
                "Look at notebook {notebook}, the cell with `checks.{check}`. It says of {name}:\n{error}",
                notebook=notebook,
                check=check.__name__,
                name=name,
                error=error,
            )
    return ""


@torch.no_grad()
def side_by_side(models, draws=2, length=160, seed=1):
    """Show what models write after the first line of their text, one column for each, one row for each draw.

    Args:
        models: {name: (model, the text that it was trained on)}.
    """
    columns = {}
    for name, (model, text) in models.items():
        torch.manual_seed(seed)
        prompts = text.encode(text.first_line).expand(draws, -1)  # all draws at once: one takes as long as several
        columns[name] = [Sample(text.decode(ids)) for ids in model.generate(prompts, length)]
    display(_Table(columns))


class _Table:
    """Texts in columns under their names."""

    def __init__(self, columns):
        self.columns = columns

    def __repr__(self):
        return "\n".join(f"{name}\n{text!r}" for name, texts in self.columns.items() for text in texts)

    def _repr_html_(self):
        width = f"width: {100 // len(self.columns)}%"
        look = f'style="{width}; text-align: left; vertical-align: top; white-space: pre-wrap"'
        head = "".join(f"<th {look}>{html.escape(name)}</th>" for name in self.columns)
        rows = [
            "".join(f"<td {look}>{html.escape(repr(text))}\n</td>" for text in texts)
            for texts in zip(*self.columns.values())
        ]
        return f"<table><tr>{head}</tr>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"


@torch.no_grad()
def heads(model, text, line):
    """Draw the attention of all heads of the small GPT on one line, and say what each looks at in the text at large."""
    inputs, _ = text.blocks(text.validation, model.block_size)
    inputs = inputs[:64]
    found, maps = {}, {}
    for tokens, each in (inputs, found), (text.encode(line)[None], maps):
        model(tokens)
        for number, block in enumerate(model.head[:-1], 1):
            each[say("block {number}", number=number)] = [head.wei for head in block.heads.values()]
    rows = {}
    for row, weights in found.items():
        seen = [looks_at(wei, inputs, text.chars) for wei in weights]
        labels = [
            (say("head {number}", number=n), f"{what} {100 * share:.0f} %") for n, (what, share) in enumerate(seen, 1)
        ]
        rows[row] = {label: wei[0] for label, wei in zip(labels, maps[row])}
    title = say("What each head looks at most")
    plots.small_heatmaps(rows, title, say("character that looks"), say("character looked at"))


def one_file(file="my_gpt.py"):
    """Write the classes of this notebook, and those that it carried, into one program, with the weights beside it.

    Files are written for a person alone, not where a program executes the notebook.
    """
    try:
        program = one_program(get_ipython().user_ns["In"])
    except NotThere as reason:
        display(Plain(say("○ Not yet: {reason}.", reason=reason)))
        return
    command = f"python {file}"
    if watched():
        Path(file).write_text(program, encoding="utf-8")
        shutil.copy(shipped("gpt.safetensors"), Path(file).with_suffix(".safetensors"))
        command = in_terminal(sys.executable, Path(file).resolve())  # wherever the terminal stands
    said = say("{file}: {lines} lines. In a terminal:", file=file, lines=len(program.splitlines()))
    display(Plain(f"{said}\n{command}"))


def one_program(cells, folder=None):
    """The small GPT as a program that needs PyTorch and safetensors, nothing of the course: str.

    Args:
        cells: sources of the last notebook's code cells.
        folder: where the classes that it carries are looked for.

    Raises:
        NotThere: a class isn't finished.
    """
    own = source_of("HeadVer4", "GPTVer3", cells=cells, folder=folder)
    own = re.sub(r"\n *### (BEGIN|END) SOLUTION", "", own)  # where the course's class stands in
    above = say("The classes of your notebooks, and the course's where one isn't finished.")
    run = 'if __name__ == "__main__":\n    main(HeadVer4, GPTVer3)\n'
    return f"{_alone(gpt)}\n\n# {above}\n\n{own}\n\n{run}"


def _alone(module):
    """The source of a module without the course: its sentences stand there in the language that is spoken, a str."""
    source = inspect.getsource(module)
    alone = source.replace("from learngpt.language import say", "say = str.format")
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "say":
            words = ast.literal_eval(call.args[0])
            names = {name: f"{{{name}}}" for _, name, *_ in string.Formatter().parse(words) if name}
            said = json.dumps(say(words, **names), ensure_ascii=False)
            alone = alone.replace(ast.get_source_segment(source, call.args[0]), said)
    return _said(alone)


# Docstrings and comments of gpt.py, which a learner reads in the notebook and takes home.
WORDS = (
    mark("A small GPT: heads of self-attention side by side, in blocks on top of each other."),
    mark("Several heads side by side, each on its share of the channels, then a small network; a norm before each."),
    mark("how many channels each head gets"),
    mark("they stand in the file of weights, too"),
    mark("each (B, T, C / heads)"),
    mark("Your GPTVer3, with a stack of blocks in the place of its one head."),
    mark("The small GPT with the weights of a file."),
    mark("the model, its vocabulary as a str, and its loss on the validation part of its text, in nats per character."),
    mark("the classes learn other numbers than the file has."),
    mark("the masks of the heads aren't learned, so they aren't in the file"),
    mark("Write text in a terminal, character by character."),
    mark("a single score has no variance, and PyTorch says so"),
    mark("one character at a time leaves nothing to share"),
)


def _said(source):
    """Source of gpt.py with its docstrings and comments in the language that is spoken."""
    for words in WORDS:
        source = source.replace(words, say(words))
    return source
