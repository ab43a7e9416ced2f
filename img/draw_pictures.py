"""Draw the pictures of the notebooks: the model as a chain of steps, the new one in colour, and the small GPT.

    python img/draw_pictures.py

The pictures lie beside this file, those with words in another language in a folder of its own. The notebooks carry them
as attachments, so that a notebook needs no other file; tests/course/test_build.py sees to it that both are the same.
"""

import unicodedata
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib import font_manager
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

import learngpt
from learngpt.language import ENGLISH, known, mark, say, speaking, spoken

HANGUL = Path(learngpt.__file__).parent / "fonts" / "hangul.ttf"
NEW, OLD = "#0072B2", "#eeeeee"
TOKENS, LOGITS, DRAW = mark("characters\n(B, T)"), mark("logits\n(B, T, V)"), mark("draw the\nnext one")
TABLE, LM_HEAD = mark("embeddings\n(B, T, C)"), "lm_head"
PAIRS, POSITIONS = mark("table of logits\n(V, V)"), mark("embeddings\n+ positions")
# The steps of each notebook's model, and which of them are new.
PICTURES = {
    "1-bigram": (
        [TOKENS, mark("table of logits\n(V, V)"), LOGITS, mark("softmax of the\nlast position"), DRAW],
        {3, 4},
    ),
    "2-averaging": ([TOKENS, TABLE, mark("head: mean of\nthe past, two loops"), LM_HEAD, LOGITS], {1, 2, 3}),
    "3-vectorizing": ([TOKENS, TABLE, mark("head: mean of the past,\none matrix product"), LM_HEAD, LOGITS], {2}),
    "4-masking": ([TOKENS, TABLE, mark("head: mask and\nsoftmax make weights"), LM_HEAD, LOGITS], {2}),
    "5-self-attention": ([TOKENS, TABLE, mark("head: queries and keys\nmake the weights"), LM_HEAD, LOGITS], {2}),
    "6-positions": ([TOKENS, POSITIONS, mark("head:\nself-attention"), LM_HEAD, LOGITS], {1}),
}


def draw(name, steps, new):
    fig, ax = plt.subplots(figsize=(9, 1.5))
    ax.axis("off")
    left = 0.0
    for number, step in enumerate(map(say, steps)):
        width = 0.55 + 0.085 * length(step)
        box(ax, left, 0, width, 1, step, number in new)
        if number:
            arrow(ax, (left - 0.4, 0.5), (left - 0.03, 0.5))
        left += width + 0.42
    if name == "1-bigram":  # what was drawn goes back to the start
        arrow(ax, (left - 1.0, -0.03), (0.6, -0.03), connectionstyle="arc3,rad=-0.08")
        ax.text(left / 2, -0.62, say("append it, and go on"), ha="center", va="center", fontsize=10)
    ax.set(xlim=(-0.1, left - 0.3), ylim=(-0.8 if name == "1-bigram" else -0.15, 1.15))
    save(fig, name)


def draw_small_gpt(name):
    """The chain of the small GPT, and below it what is inside of one of its blocks."""
    fig, ax = plt.subplots(figsize=(11, 3.9))
    ax.axis("off")
    norm = say("norm")
    blocks = [say("block {number}", number=number) for number in range(1, 5)]
    left = 0.0
    for step in [say(TOKENS), say(POSITIONS), *blocks, norm, LM_HEAD, say(LOGITS)]:
        width = 0.3 + 0.09 * length(step)
        box(ax, left, 2.6, width, 0.8, step, step in (*blocks, norm))
        if left:
            arrow(ax, (left - 0.32, 3), (left - 0.03, 3))
        if step == blocks[0]:  # opens into the large frame below
            ax.plot([left, 0.1], [2.55, 2.08], ":", [left + width, 9.9], [2.55, 2.08], ":", color="#555555")
        left += width + 0.34
    frame = FancyBboxPatch((0.1, -0.65), 9.8, 2.7, boxstyle="round,pad=0.02", facecolor="none", edgecolor="#555555")
    ax.add_patch(frame)
    for x, width, words in [
        *((0.7, 0.7, norm), (3.7, 1.1, say("projection")), (5.2, 0.4, "+")),
        *((6.2, 0.7, norm), (7.3, 1.1, say("feed-\nforward")), (8.8, 0.4, "+")),
    ]:
        box(ax, x, 0.1, width, 0.8, words, new=True)
    for number in range(4):
        y = 0.98 - 0.46 * number
        box(ax, 1.9, y, 1.3, 0.34, say("your head {number}", number=number + 1), new=False)
        arrow(ax, (1.43, 0.5), (1.87, y + 0.17))
        arrow(ax, (3.23, y + 0.17), (3.67, 0.5))
    for start, end in ((0.1, 0.67), (4.83, 5.17), (5.63, 6.17), (6.93, 7.27), (8.43, 8.77), (9.23, 10.2)):
        arrow(ax, (start, 0.5), (end, 0.5))
    past = (0.3, 5.4, say("x goes past the heads and is added")), (5.8, 9.0, say("and past the network"))
    for start, end, words in past:
        ax.plot([start, start, end], [0.5, 1.55, 1.55], color="black", linewidth=1)
        arrow(ax, (end, 1.56), (end, 0.92))
        ax.text((start + end) / 2, 1.78, words, ha="center", va="center", fontsize=10)
    ax.set(xlim=(-0.1, left - 0.2), ylim=(-0.8, 3.5))
    save(fig, name)


def length(words):
    """Of the longest line, in Latin letters. A syllable of Hangul is as wide as almost two of them."""
    wide = {char: unicodedata.east_asian_width(char) in "WF" for char in words}
    return max(sum(1.8 if wide[char] else 1 for char in line) for line in words.split("\n"))


def box(ax, left, bottom, width, height, words, new):
    colour, ink = (NEW, "white") if new else (OLD, "black")
    shape = FancyBboxPatch(
        (left, bottom), width, height, boxstyle="round,pad=0.02", facecolor=colour, edgecolor="#555555"
    )
    ax.add_patch(shape)
    ax.text(left + width / 2, bottom + height / 2, words, ha="center", va="center", color=ink, fontsize=10)


def arrow(ax, start, end, **how):
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=14, **how))


def save(fig, name):
    folder, about = Path(__file__).parent, {"Software": None}
    if spoken() != ENGLISH:
        folder /= spoken()
        about["Description"] = words_of(fig)  # by which a test sees that they are those of the catalogue
    folder.mkdir(exist_ok=True)
    target = folder / f"{name}.png"
    fig.savefig(target, dpi=110, bbox_inches="tight", pad_inches=0.05, facecolor="white", metadata=about)
    plt.close(fig)


def words_of(fig):
    return "\n\n".join(text.get_text() for text in fig.axes[0].texts)


def draw_all():
    font_manager.fontManager.addfont(HANGUL)
    with plt.rc_context({"font.family": ["DejaVu Sans", font_manager.get_font(HANGUL).family_name]}):
        for name, (steps, new) in PICTURES.items():
            draw(name, steps, new)
        draw_small_gpt("6-small-gpt")


if __name__ == "__main__":
    for language in known():
        with speaking(language):
            draw_all()
