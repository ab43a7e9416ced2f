"""Draw the picture at the top of each notebook: the model as a chain of steps, the new one in colour.

    python img/draw_pictures.py

The pictures lie beside this file. The notebooks in source/ carry them as attachments, so that a notebook needs no
other file; tests/test_build.py sees to it that both are the same.
"""

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

NEW, OLD = "#0072B2", "#eeeeee"
TOKENS, LOGITS, DRAW = "characters\n(B, T)", "logits\n(B, T, V)", "draw the\nnext one"
TABLE, LM_HEAD = "embeddings\n(B, T, C)", "lm_head"
# The steps of each notebook's model, and which of them are new.
PICTURES = {
    "1-bigram": ([TOKENS, "table of logits\n(V, V)", LOGITS, "softmax of the\nlast position", DRAW], {3, 4}),
    "2-averaging": ([TOKENS, TABLE, "head: mean of\nthe past, two loops", LM_HEAD, LOGITS], {1, 2, 3}),
    "3-vectorizing": ([TOKENS, TABLE, "head: mean of the past,\none matrix product", LM_HEAD, LOGITS], {2}),
    "4-masking": ([TOKENS, TABLE, "head: mask and\nsoftmax make weights", LM_HEAD, LOGITS], {2}),
    "5-self-attention": ([TOKENS, TABLE, "head: queries and keys\nmake the weights", LM_HEAD, LOGITS], {2}),
    "6-positions": ([TOKENS, "embeddings\n+ positions", "head:\nself-attention", LM_HEAD, LOGITS], {1}),
}


def draw(name, steps, new):
    fig, ax = plt.subplots(figsize=(9, 1.5))
    ax.axis("off")
    left = 0.0
    for number, step in enumerate(steps):
        width = 0.55 + 0.085 * max(map(len, step.split("\n")))
        colour, ink = (NEW, "white") if number in new else (OLD, "black")
        ax.add_patch(
            FancyBboxPatch((left, 0), width, 1, boxstyle="round,pad=0.02", facecolor=colour, edgecolor="#555555")
        )
        ax.text(left + width / 2, 0.5, step, ha="center", va="center", color=ink, fontsize=10)
        if number:
            ax.add_patch(FancyArrowPatch((left - 0.4, 0.5), (left - 0.03, 0.5), arrowstyle="-|>", mutation_scale=14))
        left += width + 0.42
    if name == "1-bigram":  # what was drawn goes back to the start
        ax.add_patch(
            FancyArrowPatch(
                (left - 1.0, -0.03), (0.6, -0.03), connectionstyle="arc3,rad=-0.08", arrowstyle="-|>", mutation_scale=14
            )
        )
        ax.text(left / 2, -0.62, "append it, and go on", ha="center", va="center", fontsize=10)
    ax.set(xlim=(-0.1, left - 0.3), ylim=(-0.8 if name == "1-bigram" else -0.15, 1.15))
    target = Path(__file__).with_name(f"{name}.png")
    fig.savefig(target, dpi=110, bbox_inches="tight", pad_inches=0.05, facecolor="white", metadata={"Software": None})
    plt.close(fig)


if __name__ == "__main__":
    for name, (steps, new) in PICTURES.items():
        draw(name, steps, new)
