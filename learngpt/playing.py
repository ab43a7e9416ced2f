"""Things to play with: a picture that anybody sees, controls for a person; and questions to guess at.

Each function shows its picture as it is without a touch. Where a person watches, ipywidgets' controls stand above it,
and each change draws the picture anew in its place.
"""

import functools
import html
import math

import torch
from IPython.display import display

from learngpt import plots
from learngpt.instruments import sinusoids
from learngpt.language import say
from learngpt.showing import Plain, run_script, watched
from learngpt.training import Sample


def _play(show, **controls):
    """Show `show(**values)`, a thing to display, and controls that show it anew.

    Args:
        controls: for each argument of `show` its value at the start, and a function that makes its control of it.
    """
    start = {name: value for name, (value, _) in controls.items()}
    if not watched():
        display(show(**start))
        return
    import ipywidgets  # takes a moment, and a graded notebook doesn't need it

    widgets = {name: make(ipywidgets, value) for name, (value, make) in controls.items()}
    display(ipywidgets.VBox(list(widgets.values())))
    handle = display(show(**start), display_id=True)
    run_script(_NAMES)

    def again(change):
        try:
            handle.update(show(**{name: widget.value for name, widget in widgets.items()}))
        except ValueError as error:  # a character that isn't in the vocabulary, or no character at all
            handle.update(Plain(f"✗ {error}"))

    for widget in widgets.values():
        widget.observe(again, "value")


# ipywidgets gives the handle of a slider no name, and its index as its value. A screen reader is to hear the label
# beside it, and what stands behind it.
_NAMES = """
const name = () => document.querySelectorAll(".widget-hslider").forEach(row => {
    const handle = row.querySelector(".noUi-handle"), readout = row.querySelector(".widget-readout");
    if (!handle || handle.hasAttribute("aria-label")) return;
    const say = () => handle.setAttribute("aria-valuetext", readout.textContent);
    handle.setAttribute("aria-label", row.querySelector("label").textContent);
    new MutationObserver(say).observe(readout, {childList: true, characterData: true, subtree: true});
    say();
});
for (const milliseconds of [0, 300, 1000, 3000]) setTimeout(name, milliseconds);  // until the controls are drawn
"""


def _control(kind, description, **options):
    """A function that makes a control of ipywidgets, as `_play` wants it."""
    look = {"style": {"description_width": "8em"}, "layout": {"width": "32em"}}

    def make(ipywidgets, value):
        options_ = look | options | {"description": description, "continuous_update": False}
        return getattr(ipywidgets, kind)(value=value, **options_)

    return make


def _powers(base, exponents):
    return [(f"{base**exponent:,}", exponent) for exponent in exponents]


class _Both:
    """A picture, and text below it."""

    def __init__(self, picture, text):
        self.picture, self.text = picture, text

    def _repr_mimebundle_(self, include=None, exclude=None):
        text = html.escape(repr(self.text))
        return {
            "text/html": f"{self.picture.html}<pre>{text}</pre>",
            "text/plain": f"{self.picture.alt}\n{self.text!r}",
        }


def temperature(model, text, prompt=None, length=120):
    """Play with how a model writes: the temperature, and how much of the past it may see.

    The logits are divided by the temperature before the softmax. Below 1 the likely becomes likelier, above 1 less so.

    Args:
        prompt: what the model goes on after; the first line of the text if left out.
    """

    @torch.no_grad()
    def show(prompt, temperature, context, seed):
        ids = text.encode(prompt)[None]  # (1, T)
        if not ids.numel():
            raise ValueError(say("Type at least one character for the model to go on after."))
        temperature = round(temperature, 1)
        temperatures = dict.fromkeys((1.0, temperature))  # one where they are the same
        probabilities = {each: _next(model, ids, context, each) for each in temperatures}
        likeliest = probabilities[1.0].argsort(descending=True)[:12]
        groups = {
            say("temperature {temperature:.1f}", temperature=each): those[likeliest]
            for each, those in probabilities.items()
        }
        draws = torch.Generator().manual_seed(seed)
        for _ in range(length):
            drawn = torch.multinomial(_next(model, ids, context, temperature), 1, generator=draws)
            ids = torch.cat((ids, drawn[None]), dim=1)
        names = {"ylabel": say("probability"), "xlabel": say("next character")}
        picture = plots.bars_picture(groups, text.decode(likeliest), _effect(temperature), **names)
        return _Both(picture, Sample(text.decode(ids[0])))

    _play(
        show,
        prompt=(text.first_line if prompt is None else prompt, _control("Textarea", say("go on after"), rows=2)),
        temperature=(0.5, _control("FloatSlider", say("temperature"), min=0.1, max=3.0, step=0.1)),
        context=(model.block_size, _control("IntSlider", say("context"), min=1, max=model.block_size)),
        seed=(1, _control("IntSlider", say("another draw"), min=1, max=50)),
    )


def _effect(temperature):
    if temperature == 1:
        return say("Temperature {temperature:.1f} leaves the probabilities as they are", temperature=temperature)
    if temperature < 1:
        return say("Temperature {temperature:.1f} favours the likeliest character", temperature=temperature)
    return say("Temperature {temperature:.1f} brings the characters closer together", temperature=temperature)


def _next(model, ids, context, temperature):
    """(1, T) characters -> (V,) probabilities of the next one, from the last `context` of them."""
    return (model(ids[:, -context:])[0][0, -1] / temperature).softmax(-1)


def attention(model, text, line):
    """Play with a line of text: point at a character, and see how much it looks at each one before it.

    Args:
        model: has a `head` that keeps its weights in `head.wei`, (B, T, T).
        line: up to `block_size` characters.
    """

    @functools.lru_cache(1)
    @torch.no_grad()
    def weights(line):
        model(text.encode(line)[None])
        return model.head.wei[0].clone()  # (T, T)

    def show(line, place):
        _must_fit(line, model)
        place = min(place, len(line) - 1)
        [char] = plots.spoken(line[place])
        title = say("What {char} at position {place} looks at", char=char, place=place)
        row = {say("weight"): weights(line)[place]}
        names = {"ylabel": say("weight"), "xlabel": say("character looked at")}
        return plots.bars_picture(row, line, title, mark=place, top=1, **names)

    if not watched():
        display(show(line, len(line) - 1))
        return
    _point(show, line)


def _must_fit(line, model):
    if not line:
        raise ValueError(say("Type a line first."))
    if len(line) > model.block_size:
        said = {"length": len(line), "most": model.block_size}
        raise ValueError(say("The line has {length} characters. This model sees {most} at most.", **said))


def _point(show, line):
    """Controls for `attention`: a line to type, and its characters as buttons."""
    import ipywidgets

    typed = _control("Text", say("your line"))(ipywidgets, line)
    box = ipywidgets.VBox()

    def buttons():
        # Buttons of one label light up together, so each copy gets zero-width spaces of its own.
        labels = [
            label + "\u200b" * typed.value[:place].count(typed.value[place])
            for place, label in enumerate(plots.visible(typed.value))
        ]
        chars = ipywidgets.ToggleButtons(
            options=list(zip(labels, range(len(labels)))),
            index=len(labels) - 1 if labels else None,
            style={"button_width": "2.8em"},
        )
        chars.observe(lambda change: handle.update(picture(change.new)), "index")
        box.children = [typed, ipywidgets.Label(say("Point at a character:")), chars]

    def picture(place):
        try:
            return show(typed.value, place)
        except ValueError as error:
            return Plain(f"✗ {error}")

    def another(change):
        buttons()
        handle.update(picture(len(typed.value) - 1))

    buttons()
    typed.observe(another, "value")
    display(box)
    handle = display(picture(len(line) - 1), display_id=True)


def heads(model, text, line):
    """Play with the heads of the small GPT: for a line of text, what each of them looks at.

    Args:
        model: has a stack of blocks as its `head`, with named heads that keep their weights in `wei`, (B, T, T).
        line: up to `block_size` characters.
    """
    blocks = [block for block in model.head if hasattr(block, "heads")]

    @torch.no_grad()
    def show(line, block, head):
        _must_fit(line, model)
        model(text.encode(line)[None])
        wei = list(blocks[block - 1].heads.values())[head - 1].wei[0]  # (T, T)
        title = say("What head {head} of block {block} looks at", head=head, block=block)
        names = {"row_name": say("character that looks"), "col_name": say("character looked at")}
        return plots.heatmaps_picture({"": wei}, title, rows=line, cols=line, vmin=0, vmax=1, **names)

    _play(
        show,
        line=(line, _control("Text", say("your line"))),
        block=(1, _control("IntSlider", say("block"), min=1, max=len(blocks))),
        head=(1, _control("IntSlider", say("head"), min=1, max=len(blocks[0].heads))),
    )


def scaling(d=64, keys=6):
    """Play with d, the length of queries and keys: the softmax of random scores, undivided and divided by √d."""

    def show(size, seed):
        d = 2**size
        draws = torch.Generator().manual_seed(seed)
        q, k = torch.randn(200, d, generator=draws), torch.randn(200, d, generator=draws)
        scores = q @ k.T  # (200, 200)
        scaled = scores / math.sqrt(d)
        groups = {
            say("undivided,\nvariance {variance:.0f}", variance=scores.var()): scores[0, :keys].softmax(0),
            say("divided by √d,\nvariance {variance:.1f}", variance=scaled.var()): scaled[0, :keys].softmax(0),
        }
        title = say("d = {d}: where one query looks", d=d)
        names = {"ylabel": say("weight"), "xlabel": say("position")}
        return plots.bars_picture(groups, [str(key) for key in range(keys)], title, top=1, **names)

    _play(
        show,
        size=(round(math.log2(d)), _control("SelectionSlider", "d", options=_powers(2, range(1, 11)))),
        seed=(1, _control("IntSlider", say("other numbers"), min=1, max=50)),
    )


def positions(base=10000, length=64, embed_size=32):
    """Play with the sinusoidal code: its base, how many positions, how many numbers each."""

    def show(exponent, length, embed_size):
        codes = sinusoids(length, embed_size, 10.0**exponent)  # (length, embed_size)
        apart = torch.cdist(codes, codes) + torch.eye(length) * 1e9
        first, second = (apart < apart.min() + 1e-4).nonzero()[0].tolist()
        title = say(
            "Base {base:,}: positions {first} and {second} are most alike, {distance:.2f} apart",
            base=10**exponent,
            first=first,
            second=second,
            distance=apart.min(),
        )
        names = {"row_name": say("column"), "col_name": say("position")}
        return plots.heatmaps_picture({"": codes.T}, title, vmin=-1.0, vmax=1.0, **names)

    _play(
        show,
        exponent=(round(math.log10(base)), _control("SelectionSlider", say("base"), options=_powers(10, range(7)))),
        length=(length, _control("IntSlider", say("positions"), min=2, max=256)),
        embed_size=(embed_size, _control("IntSlider", say("numbers each"), min=2, max=64, step=2)),
    )


def scores(wanted):
    """Play with scores: which of them does softmax turn into the wanted weights?"""

    def show(typed):
        numbers = typed.replace("−", "-").replace("∞", "inf").replace(",", " ").split()
        try:
            yours = torch.tensor([float(number) for number in numbers], dtype=torch.float64).softmax(0)
        except ValueError:
            raise ValueError(say('Type {count} numbers; minus infinity is "-inf".', count=len(wanted))) from None
        if len(yours) != len(wanted):
            said = {"count": len(wanted), "yours": len(yours)}
            raise ValueError(say("Type {count} numbers; these are {yours}.", **said))
        apart = (yours - torch.tensor(wanted, dtype=torch.float64)).abs().max()
        if apart == 0:
            title = say("Exactly the wanted weights")
        elif apart >= 1e-5:
            title = say("Not the wanted weights: up to {apart:.5f} apart", apart=apart)
        else:
            title = say("Not the wanted weights: less than 0.00001 apart")
        groups = {say("wanted"): wanted, say("softmax of\nyour scores"): yours}
        names = {"ylabel": say("weight"), "xlabel": say("position")}
        return plots.bars_picture(groups, [str(place) for place in range(len(wanted))], title, top=1, **names)

    _play(show, typed=(", ".join(["0"] * len(wanted)), _control("Text", say("your scores"))))


class guess:
    """A question to answer before the cells below show the answer: `compare` puts it beside the guess.

    Args:
        question: what is asked.
        choices: what may be answered, in words.
    """

    def __init__(self, question, choices):
        self.made = self.answer = None
        self.asked = watched()  # now, because a click on a choice doesn't say whether a person sits there
        if not self.asked:
            choices = " / ".join(choices)
            display(Plain(say("Guess first: {question} {choices}", question=question, choices=choices)))
            return
        import ipywidgets

        look = {"layout": {"width": "auto"}, "style": {"description_width": "0"}}
        choice = ipywidgets.RadioButtons(options=choices, index=None, **look)
        choice.observe(self._take, "value")
        display(ipywidgets.VBox([ipywidgets.Label(say("Guess first: {question}", question=question)), choice]))

    def _take(self, change):
        self.made = change.new
        if self.answer is not None:
            self.shown.update(Plain(self._said()))

    def compare(self, answer):
        """Show which of the choices it was, once the guess is made.

        Args:
            answer: a choice, best computed from what was measured: written out, it would stand there to be read.
        """
        self.answer = answer
        self.shown = display(Plain(self._said()), display_id=True)

    def _said(self):
        if not self.asked:
            return say("Answer: {answer}", answer=self.answer)
        if self.made is None:
            return say("Your guess is still open. Make it above; the answer comes here.")
        if self.made == self.answer:
            return say("You guessed: {guess}. So it is.", guess=self.made)
        return say("You guessed: {guess}. It is: {answer}.", guess=self.made, answer=self.answer)


def nearest(number, choices):
    """The one of the choices, {choice: number}, whose number is nearest."""
    return min(choices, key=lambda choice: abs(choices[choice] - number))
