"""The pictures of the notebooks: each with a title, labelled axes, and a text twin made from the same data."""

import base64
import functools
import html
import io
from contextlib import contextmanager
from pathlib import Path

import torch
from IPython.display import display

from learngpt.language import say

STYLE = str(Path(__file__).with_name("learngpt.mplstyle"))
_MARKS = {" ": "␣", "\n": "↵", "\t": "⇥"}
# The course brings Hangul along, matplotlib DejaVu Sans. Other letters come from the fonts that the usual systems have.
_HANGUL = Path(__file__).with_name("fonts") / "hangul.ttf"
_FONTS = (
    *("Noto Sans CJK KR", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans KR", "NanumGothic", "Malgun Gothic"),
    *("Apple SD Gothic Neo", "AppleGothic", "Microsoft YaHei", "PingFang SC", "Yu Gothic", "Arial Unicode MS"),
)


@contextmanager
def _styled():
    """pyplot in the course's style. It takes most of a second to import, and a graded notebook may not need it."""
    import matplotlib.pyplot as plt

    with plt.style.context([STYLE, {"font.family": list(_fonts())}]):
        yield plt


@functools.cache
def _fonts():
    """Those of the fonts that are there: matplotlib warns of any other on stderr.

    A letter is drawn by the first that has it, so that a picture without Hangul looks as without the course's own font.
    """
    from matplotlib import font_manager

    font_manager.fontManager.addfont(_HANGUL)
    there = {font.name: font.fname for font in font_manager.fontManager.ttflist}
    return {name: there[name] for name in ("DejaVu Sans", "learnGPT Hangul", *_FONTS) if name in there}


@functools.cache
def _characters(file):
    from matplotlib import font_manager

    return font_manager.get_font(file).get_charmap().keys()


def visible(chars):
    """A label for each character: a mark where there would be nothing to see, its code where no font has it."""
    return ["".join(map(_drawn, label)) for label in spoken(chars)]


def spoken(chars):
    """A label for each character in alternative text, which needs no font: a mark or a code only for what is unseen."""
    return [_MARKS.get(char) or (char if char.isprintable() else f"U+{ord(char):04X}") for char in chars]


def _drawn(char):
    return char if any(ord(char) in _characters(file) for file in _fonts().values()) else f"U+{ord(char):04X}"


def heatmap(matrix, title, rows=None, cols=None, row_name=None, col_name=None, values=False, **limits):
    """Draw one matrix.

    Args:
        matrix: (rows, columns) numbers; -inf is drawn as an empty, grey cell.
        title: what is to be seen.
        rows, cols: labels, one for each row and column, or a string with one character for each.
        row_name, col_name: what the rows and the columns are; positions if left out.
        values: write each number into its cell.
        limits: `vmin` and `vmax` of the colours.
    """
    display(heatmaps_picture({"": matrix}, title, rows, cols, row_name, col_name, values, **limits))


def heatmaps(matrices, title, **options):
    """Draw matrices of one shape side by side: `matrices` is a dict of names to matrices, the rest as `heatmap`.

    Args:
        options: also `shared=False`, which gives each matrix a range of colours of its own, and `difference`, the name
            of one that has colours of its own anyway, with 0 in their middle.
    """
    display(heatmaps_picture(matrices, title, **options))


def heatmaps_picture(
    matrices,
    title,
    rows=None,
    cols=None,
    row_name=None,
    col_name=None,
    values=False,
    shared=True,
    difference=None,
    **limits,
):
    """The picture of `heatmaps`, not shown yet."""
    matrices = {name: torch.as_tensor(matrix).detach().float() for name, matrix in matrices.items()}
    everything = [matrix for name, matrix in matrices.items() if name != difference]
    row_name, col_name = row_name or say("position"), col_name or say("position")
    row_words, col_words = spoken(rows or ""), spoken(cols or "")
    rows, cols = visible(rows or ""), visible(cols or "")
    height, width = everything[0].shape
    with _styled() as plt:
        # No wider than what JupyterLab shows beside its file browser, so that no letter is made smaller.
        panel = max(4.6 if len(matrices) == 1 else 3.1, 0.25 * width if cols else 0)
        panel = min(panel, 8 / len(matrices))
        tall = min(max(2.6, 0.25 * height if rows else panel * height / width), 8) + 0.8
        wide = panel * len(matrices) + (1.2 if shared else 0.4 + 0.5 * len(matrices))
        fig, axes = plt.subplots(1, len(matrices), figsize=(wide, tall), squeeze=False)
        for ax, (name, matrix) in zip(axes[0], matrices.items()):
            apart = name == difference
            own = _around_zero(matrix) if apart else _limits(everything if shared else [matrix]) | limits
            picture = _draw_matrix(ax, matrix, rows, cols, own, values, "PuOr" if apart else None)
            ax.set(xlabel=col_name, ylabel=row_name if ax is axes[0][0] else "")
            ax.set_title(name, loc="center", fontsize=11)
            if not shared or apart:
                fig.colorbar(picture, ax=ax, shrink=0.9)
            else:
                common = picture
        if shared:
            fig.colorbar(common, ax=[ax for ax, name in zip(axes[0], matrices) if name != difference], shrink=0.9)
        fig.suptitle(title, x=0.01, ha="left", fontsize=12)
        words = [say("{title}. Rows: {rows}, columns: {columns}.", title=title, rows=row_name, columns=col_name)]
        words += [_matrix_in_words(name, matrix, row_words, col_words) for name, matrix in matrices.items()]
        return render(fig, " ".join(words))


def _limits(matrices):
    finite = torch.cat([matrix[matrix.isfinite()] for matrix in matrices] + [torch.zeros(1)])
    return {"vmin": finite.min().item(), "vmax": finite.max().item()}


def _around_zero(matrix):
    reach = matrix[matrix.isfinite()].abs().max().item() if matrix.isfinite().any() else 1.0
    return {"vmin": -reach or -1.0, "vmax": reach or 1.0}


def _draw_matrix(ax, matrix, rows, cols, limits, values, cmap=None):
    import matplotlib as mpl

    colours = mpl.colormaps[cmap or mpl.rcParams["image.cmap"]].with_extremes(bad="#d9d9d9")
    shown = matrix.masked_fill(~matrix.isfinite(), float("nan")).numpy()
    picture = ax.imshow(shown, cmap=colours, aspect="auto", **limits)
    ax.spines[:].set_visible(False)
    for axis, labels in ((ax.xaxis, cols), (ax.yaxis, rows)):
        if labels:
            long = axis is ax.xaxis and max(map(len, labels)) > 1
            axis.set_ticks(range(len(labels)), labels, fontsize=7 if long else 10, rotation=90 if long else 0)
        elif (length := matrix.shape[axis is ax.xaxis]) <= 10:
            axis.set_ticks(range(length))
        else:
            axis.get_major_locator().set_params(integer=True)
    if values:
        _write_values(ax, matrix, picture)
    return picture


def _write_values(ax, matrix, picture):
    for i, row in enumerate(matrix.tolist()):
        for j, value in enumerate(row):
            label = "−∞" if value == float("-inf") else f"{value + 0:.2f}".rstrip("0").rstrip(".")
            red, green, blue, _ = picture.to_rgba(value)
            light = value == float("-inf") or 0.3 * red + 0.59 * green + 0.11 * blue > 0.5
            ax.text(j, i, label, ha="center", va="center", fontsize=8, color="black" if light else "white")


def _matrix_in_words(name, matrix, rows, cols):
    """The largest value of up to eight rows, for readers who can't see the picture."""
    width = matrix.shape[1]
    sentences = [f"{name}: {_range(matrix)}" if name else _range(matrix)]
    for i in torch.linspace(0, len(matrix) - 1, min(8, len(matrix))).long().tolist():
        value, place = matrix[i].max(0)
        ties = (matrix[i] >= value - 1e-3).sum().item()
        about = {"row": _numbered(i, rows), "column": _numbered(place, cols), "count": ties, "value": value}
        if ties == width:
            sentences.append(say("Row {row} is largest everywhere, {value:.1f}.", **about))
        elif ties > 1:
            sentences.append(say("Row {row} is largest in {count} columns, {value:.1f}.", **about))
        else:
            sentences.append(say("Row {row} is largest in column {column}, {value:.1f}.", **about))
    return " ".join(sentences)


def _numbered(place, labels):
    """A row or a column by its number, and its character where it has one."""
    return f"{place} {labels[place]!r}" if labels else f"{place}"


def _range(matrix):
    height, width = matrix.shape
    finite = matrix[matrix.isfinite()]
    if not len(finite):
        return say("{height} by {width} values from no numbers.", height=height, width=width)
    about = {"height": height, "width": width, "low": finite.min(), "high": finite.max()}
    if matrix.isinf().any():
        return say("{height} by {width} values from minus infinity, then {low:.1f} to {high:.1f}.", **about)
    return say("{height} by {width} values from {low:.1f} to {high:.1f}.", **about)


def small_heatmaps(rows, title, row_name, col_name):
    """Draw many matrices of weights, small: {name of a row: {(name of a column, caption): matrix}}."""
    with _styled() as plt:
        across = max(map(len, rows.values()))
        fig, axes = plt.subplots(len(rows), across, figsize=(1.6 * across, 1.7 * len(rows) + 0.6), squeeze=False)
        words, first = [], next(iter(rows))
        for line, (row, matrices) in zip(axes, rows.items()):
            line[0].set_ylabel(row, fontsize=9)
            for ax, ((column, caption), matrix) in zip(line, matrices.items()):
                ax.imshow(matrix.numpy(), vmin=0, vmax=1)
                ax.set(xticks=[], yticks=[])
                ax.spines[:].set_visible(False)
                ax.set_title(f"{column}\n{caption}" if row is first else caption, fontsize=8, loc="center")
            words.append(f"{row}: " + "; ".join(f"{column} {caption}" for column, caption in matrices) + ".")
        fig.suptitle(title, x=0.01, ha="left", fontsize=12)
        said = say(
            "{title}. In each map, rows: {rows}, columns: {columns}.", title=title, rows=row_name, columns=col_name
        )
        show(fig, " ".join([said, *words]))


def losses(histories, title, floors=None):
    """Draw the loss of every batch, smoothed, of one or several training runs.

    Args:
        histories: dict of names to History.
        floors: dict of names to losses, drawn as lines that no model of a kind can pass.
    """
    display(losses_picture({name: history.losses for name, history in histories.items()}, title, floors))


def losses_picture(losses, title, floors=None, steps=None):
    """The picture of `losses`, not shown yet.

    Args:
        losses: dict of names to lists of losses, in nats per character.
        steps: how many steps there will be, where the training still runs.
    """
    words = []
    with _styled() as plt:
        fig, ax = plt.subplots()
        for name, run in losses.items():
            values = torch.tensor(run)
            width = max(1, len(values) // 30)
            smooth = values.unfold(0, width, 1).mean(1)  # each mean stands in the middle of what it is a mean of
            [line] = ax.plot(torch.arange(len(smooth)) + (width - 1) / 2, smooth, label=name)
            ax.plot(values, color=line.get_color(), alpha=0.25, linewidth=0.8)
            said = {"name": name, "first": values[0], "last": smooth[-1], "steps": len(values)}
            words.append(say("{name} goes from {first:.1f} to {last:.1f} in {steps} steps.", **said))
        _draw_floors(ax.axhline, floors)
        words += [say("{name} lies at {value:.2f}.", name=name, value=value) for name, value in (floors or {}).items()]
        ax.set(xlabel=say("step"), ylabel=say("loss (nats per character)"), title=title)
        if steps:
            ax.set_xlim(-0.02 * steps, 1.02 * steps)
        if len(losses) > 1 or floors:
            fig.legend(loc="outside right upper")
        return render(fig, f"{title}. " + " ".join(words))


def _draw_floors(draw, floors):
    for style, (name, value) in zip(("--", ":", "-."), (floors or {}).items()):
        draw(value, color="#555555", linestyle=style, linewidth=1.3, label=f"{name} {value:.2f}")


def curves(x, ys, title, xlabel, ylabel, log=False, words=None, marker=""):
    """Draw named curves over the same x.

    Args:
        ys: dict of names to sequences as long as x.
        log: both axes logarithmic.
        words: the text twin's sentence about the curves, where their numbers differ from run to run.
    """
    with _styled() as plt:
        fig, ax = plt.subplots()
        for name, y in ys.items():
            ax.plot(x, torch.as_tensor(y).tolist(), label=name, marker=marker)
        ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
        if log:
            ax.set(xscale="log", yscale="log")
            ax.set_xticks(list(x), [str(each) for each in x])
            ax.minorticks_off()
        if len(ys) > 1:
            fig.legend(loc="outside right upper")
        if words is None:
            ends = [say("{x} from {first:.3g} to {last:.3g}.", x=xlabel, first=float(x[0]), last=float(x[-1]))]
            for name, y in ys.items():
                said = {"name": name, "first": float(y[0]), "last": float(y[-1])}
                ends.append(say("{name}: from {first:.2g} to {last:.2g}.", **said))
            words = " ".join(ends)
        said = say("{title}. {y} against {x}.", title=title, y=_begins(ylabel), x=xlabel)
        show(fig, f"{said} {words}")


def _begins(words):
    """A label as it begins a sentence."""
    return f"{words[0].upper()}{words[1:]}"


def bars(groups, labels, title, ylabel, xlabel):
    """Draw groups of bars side by side: `groups` is a dict of names to values, one value for each label."""
    display(bars_picture(groups, labels, title, ylabel, xlabel))


def bars_picture(groups, labels, title, ylabel, xlabel, top=None, mark=None):
    """The picture of `bars`, not shown yet.

    Args:
        top: where the upright axis ends.
        mark: the place whose label is to stand out.
    """
    with _styled() as plt:
        fig, ax = plt.subplots()
        width = 0.8 / len(groups)
        words = []
        for number, (name, values) in enumerate(groups.items()):
            values = torch.as_tensor(values).tolist()
            places = [place + (number - (len(groups) - 1) / 2) * width for place in range(len(values))]
            ax.bar(places, values, width, label=name)
            said = ", ".join(f"{label!r} {value:.2f}" for label, value in zip(labels, values))
            words.append(f"{name}: {said}.")
        ticks = visible(labels)
        ax.set_xticks(range(len(labels)), ticks, rotation=90 if any("U+" in tick for tick in ticks) else 0)
        if mark is not None:
            ax.get_xticklabels()[mark].set(color="white", backgroundcolor="black")
        ax.set_ylim(0, top)
        ax.set(title="".join(map(_drawn, title)), ylabel=ylabel, xlabel=xlabel)
        if len(groups) > 1:
            fig.legend(loc="outside right upper")
        said = say("{title}. {y} by {x}.", title=title, y=_begins(ylabel), x=xlabel)
        return render(fig, " ".join([said, *words]))


def ladder(rungs, floors, title):
    """Draw the loss of each model as a rung, with the floors as lines: dicts of names to losses in nats."""
    with _styled() as plt:
        fig, ax = plt.subplots(figsize=(7.2, 0.4 * len(rungs) + 1.6))
        places = range(len(rungs))
        ax.plot(list(rungs.values()), places, "o", markersize=9)
        before = None
        for place, value in enumerate(rungs.values()):
            said = say("the same number") if value == before else f"{value:.2f}"
            ax.annotate(said, (value, place), xytext=(8, 0), textcoords="offset points", va="center")
            if value == before:
                ax.plot([value, value], [place - 1, place], color="C0")
            before = value
        ax.margins(x=0.08)
        ax.grid(axis="y", color="#dddddd")
        ax.set_yticks(places, list(rungs))
        _draw_floors(ax.axvline, floors)
        ax.set(ylim=(len(rungs) - 0.5, -0.5), xlabel=say("validation loss (nats per character)"))
        fig.legend(loc="outside lower left", ncols=3, fontsize=10)
        fig.suptitle(title, x=0.01, ha="left", fontsize=12)
        losses = ", ".join(f"{name} {value:.2f}" for name, value in (rungs | floors).items())
        words = [say("{title}. Validation loss in nats per character: {losses}.", title=title, losses=losses)]
        if alike := sum(list(rungs.values()).count(value) > 1 for value in rungs.values()):
            words.append(say("{count} rungs are the same number.", count=alike))
        show(fig, " ".join(words))


def show(fig, alt):
    """Show a figure with alternative text, and close it."""
    display(render(fig, alt))


class Picture:
    """A picture with alternative text.

    It is an <img>, because JupyterLab shows a bare PNG without its alternative text. Pictures are dark on white
    in JupyterLab's dark theme too.
    """

    def __init__(self, png, alt, width):
        source = "data:image/png;base64," + base64.b64encode(png).decode()
        said = html.escape(alt, quote=False).replace('"', "&quot;")
        look = "background: white; border-radius: 4px; max-width: 100%"
        self.html = f'<img alt="{said}" width="{width}" style="{look}" src="{source}">'
        self.alt = alt

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/html": self.html, "text/plain": self.alt}


def render(fig, alt):
    """A figure as a Picture; the figure is closed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with _styled() as plt:
        buffer = io.BytesIO()
        fig.set_dpi(140)
        FigureCanvasAgg(fig).print_png(buffer, metadata={"Software": None})  # `savefig` draws all twice
        plt.close(fig)
    return Picture(buffer.getvalue(), " ".join(alt.split("\n")), round(fig.get_figwidth() * 100))
