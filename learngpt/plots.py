"""The pictures of the notebooks: each with a title, labelled axes, and a text twin made from the same data."""

import base64
import io
from contextlib import contextmanager
from pathlib import Path

import torch
from IPython.display import display

STYLE = str(Path(__file__).with_name("learngpt.mplstyle"))
_MARKS = {" ": "␣", "\n": "↵", "\t": "⇥"}


@contextmanager
def _styled():
    """pyplot in the course's style. It takes most of a second to import, and a graded notebook may not need it."""
    import matplotlib.pyplot as plt

    with plt.style.context(STYLE):
        yield plt


def visible(chars):
    """A label for each character, with a mark where there would be nothing to see: str -> list of str."""
    return [_MARKS.get(char, char) for char in chars]


def heatmap(matrix, title, rows=None, cols=None, row_name="position", col_name="position", values=False, **limits):
    """Draw one matrix.

    Args:
        matrix: (rows, columns) numbers; -inf is drawn as an empty, grey cell.
        title: what is to be seen.
        rows, cols: labels, one for each row and column, or a string with one character for each.
        row_name, col_name: what the rows and the columns are.
        values: write each number into its cell.
        limits: `vmin` and `vmax` of the colours.
    """
    heatmaps({"": matrix}, title, rows, cols, row_name, col_name, values, **limits)


def heatmaps(matrices, title, rows=None, cols=None, row_name="position", col_name="position", values=False, **limits):
    """Draw matrices of one shape side by side in one range of colours; `matrices` is a dict of names to matrices."""
    matrices = {name: torch.as_tensor(matrix).detach().float() for name, matrix in matrices.items()}
    finite = torch.cat([matrix[matrix.isfinite()] for matrix in matrices.values()] + [torch.zeros(1)])
    limits = {"vmin": finite.min().item(), "vmax": finite.max().item()} | limits
    rows, cols = visible(rows or ""), visible(cols or "")
    height, width = next(iter(matrices.values())).shape
    with _styled() as plt:
        panel = max(4.6 if len(matrices) == 1 else 3.2, 0.24 * width if cols else 0)
        tall = min(max(2.8, 0.24 * height if rows else panel * height / width), 8) + 0.7
        fig, axes = plt.subplots(1, len(matrices), figsize=(min(panel * len(matrices) + 1.2, 11), tall), squeeze=False)
        for ax, (name, matrix) in zip(axes[0], matrices.items()):
            colours = plt.get_cmap().with_extremes(bad="#d9d9d9")
            picture = ax.imshow(
                matrix.masked_fill(~matrix.isfinite(), float("nan")), cmap=colours, aspect="auto", **limits
            )
            ax.set(xlabel=col_name, ylabel=row_name if ax is axes[0][0] else "")
            ax.set_title(name, loc="center", fontsize=11)
            ax.spines[:].set_visible(False)
            for axis, labels in ((ax.xaxis, cols), (ax.yaxis, rows)):
                if labels:
                    axis.set_ticks(range(len(labels)), labels, fontsize=9)
                else:
                    axis.get_major_locator().set_params(integer=True)
            if values:
                _write_values(ax, matrix, limits)
        fig.colorbar(picture, ax=list(axes[0]), shrink=0.9)
        fig.suptitle(title, x=0.01, ha="left", fontsize=12)
        parts = [_matrix_in_words(name, matrix, rows, cols) for name, matrix in matrices.items()]
        show(fig, f"{title}. Rows: {row_name}, columns: {col_name}. " + " ".join(parts))


def _write_values(ax, matrix, limits):
    middle = (limits["vmin"] + limits["vmax"]) / 2
    for i, row in enumerate(matrix.tolist()):
        for j, value in enumerate(row):
            label = "−∞" if value == float("-inf") else f"{value:.2g}"
            dark = value == float("-inf") or value > middle
            ax.text(j, i, label, ha="center", va="center", fontsize=8, color="black" if dark else "white")


def _matrix_in_words(name, matrix, rows, cols):
    """The largest value of up to eight rows, for readers who can't see the picture."""
    height, width = matrix.shape
    sentences = [f"{name + ': ' if name else ''}{height} by {width} values from {_range(matrix)}."]
    for i in torch.linspace(0, height - 1, min(8, height)).long().tolist():
        value, place = matrix[i].max(0)
        ties = (matrix[i] >= value - 1e-3).sum().item()
        where = "everywhere" if ties == width else f"in {ties} columns" if ties > 1 else f"in column {place}"
        if ties == 1 and cols:
            where += f" {cols[place]!r}"
        label = f"Row {i} {rows[i]!r}" if rows else f"Row {i}"
        sentences.append(f"{label} is largest {where}, {value:.1f}.")
    return " ".join(sentences)


def _range(matrix):
    finite = matrix[matrix.isfinite()]
    if not len(finite):
        return "no numbers"
    masked = "minus infinity, then " if matrix.isinf().any() else ""
    return f"{masked}{finite.min():.1f} to {finite.max():.1f}"


def losses(histories, title, floors=None):
    """Draw the loss of every batch, smoothed, of one or several training runs.

    Args:
        histories: dict of names to History.
        floors: dict of names to losses, drawn as lines that no model of a kind can pass.
    """
    words = []
    with _styled() as plt:
        fig, ax = plt.subplots()
        for name, history in histories.items():
            values = torch.tensor(history.losses)
            width = max(1, len(values) // 30)
            smooth = values.unfold(0, width, 1).mean(1)
            [line] = ax.plot(range(width - 1, len(values)), smooth, label=name)
            ax.plot(values, color=line.get_color(), alpha=0.2, linewidth=0.8)
            words.append(f"{name} falls from {values[0]:.1f} to {smooth[-1]:.1f} in {len(values)} steps.")
        _draw_floors(ax.axhline, floors)
        words += [f"{name} lies at {value:.2f}." for name, value in (floors or {}).items()]
        ax.set(xlabel="step", ylabel="loss (nats per character)", title=title)
        fig.legend(loc="outside right upper")
        show(fig, f"{title}. " + " ".join(words))


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
            ends = [f"{name}: from {float(y[0]):.2g} to {float(y[-1]):.2g}." for name, y in ys.items()]
            words = f"{xlabel} from {float(x[0]):.3g} to {float(x[-1]):.3g}. " + " ".join(ends)
        show(fig, f"{title}. {ylabel[0].upper()}{ylabel[1:]} against {xlabel}. {words}")


def bars(groups, labels, title, ylabel, xlabel):
    """Draw groups of bars side by side: `groups` is a dict of names to values, one value for each label."""
    with _styled() as plt:
        fig, ax = plt.subplots()
        width = 0.8 / len(groups)
        words = []
        for number, (name, values) in enumerate(groups.items()):
            values = torch.as_tensor(values).tolist()
            places = [place + (number - (len(groups) - 1) / 2) * width for place in range(len(values))]
            ax.bar(places, values, width, label=name)
            words.append(f"{name}: " + ", ".join(f"{label} {value:.2f}" for label, value in zip(labels, values)) + ".")
        ax.set_xticks(range(len(labels)), visible(labels))
        ax.set(title=title, ylabel=ylabel, xlabel=xlabel)
        fig.legend(loc="outside right upper")
        show(fig, f"{title}. {ylabel[0].upper()}{ylabel[1:]} by {xlabel}. " + " ".join(words))


def ladder(rungs, floors, title):
    """Draw the loss of each model as a rung, with the floors as lines: dicts of names to losses in nats."""
    with _styled() as plt:
        fig, ax = plt.subplots(figsize=(7.2, 0.4 * len(rungs) + 1.6))
        places = range(len(rungs))
        ax.plot(list(rungs.values()), places, "o", markersize=9)
        for place, value in zip(places, rungs.values()):
            ax.text(value + 0.05, place, f"{value:.2f}", va="center")
        ax.grid(axis="y", color="#dddddd")
        ax.set_yticks(places, list(rungs))
        _draw_floors(ax.axvline, floors)
        ax.set(ylim=(len(rungs) - 0.5, -0.5), xlabel="validation loss (nats per character)")
        fig.legend(loc="outside lower left", ncols=3, fontsize=10)
        fig.suptitle(title, x=0.01, ha="left", fontsize=12)
        words = [f"{name} {value:.2f}" for name, value in (rungs | floors).items()]
        show(fig, f"{title}. Validation loss in nats per character: " + ", ".join(words) + ".")


def show(fig, alt):
    """Show a figure as a PNG with alternative text, and close it."""
    with _styled() as plt:
        buffer = io.BytesIO()
        fig.savefig(buffer, format="png", dpi=140, metadata={"Software": None})
        plt.close(fig)
    width = round(fig.get_figwidth() * 100)
    data = {"image/png": base64.b64encode(buffer.getvalue()).decode(), "text/plain": alt}
    display(data, metadata={"image/png": {"alt": alt, "width": width}}, raw=True)
