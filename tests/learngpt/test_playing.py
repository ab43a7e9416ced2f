"""Things to play with: a still picture for all, and controls for a person."""

import ipywidgets
import pytest
import torch

from learngpt import Text, load_text, playing, plots, training
from learngpt.instruments import looks_at
from learngpt.language import speaking
from learngpt.training import train
from learngpt.week1.gpt import small_gpt
from tests.support.foreign import FOREIGN, teach


class Screen(list):
    """Takes what is displayed, and what it is replaced by."""

    def display(self, thing, display_id=False):
        self.append(thing)
        place = len(self) - 1

        class Handle:
            @staticmethod
            def update(other):
                self[place] = other

        return Handle() if display_id else None


@pytest.fixture
def screen(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(playing, "display", screen.display)
    monkeypatch.setattr(training, "display", screen.display)
    return screen


@pytest.fixture
def person(monkeypatch, screen):
    """A screen with a person before it."""
    monkeypatch.setattr(playing, "watched", lambda: True)
    monkeypatch.setattr(training, "watched", lambda: True)
    return screen


def control(box, description):
    return next(widget for widget in box.children if getattr(widget, "description", "") == description)


def test_without_a_person_there_is_one_picture_and_no_control(screen, text, own):
    model = own("GPTVer1")(text.vocab_size, 8)
    playing.temperature(model, text)
    playing.scaling()
    playing.positions()
    assert len(screen) == 3
    assert not any(isinstance(thing, ipywidgets.Widget) for thing in screen)
    assert "temperature 0.5" in repr(screen[0]._repr_mimebundle_()["text/plain"])


def test_a_bigram_does_not_care_for_context_and_does_for_temperature(person, text, own):
    torch.manual_seed(0)
    playing.temperature(own("GPTVer1")(text.vocab_size, 8), text)
    box, first = person
    control(box, "context").value = 1
    assert person[1].text == first.text
    control(box, "temperature").value = 2.0
    assert person[1].text != first.text
    control(box, "go on after").value = ""
    assert "✗ Type at least one character" in repr(person[1])


def test_attention_follows_what_one_types_and_points_at(person, text, own):
    head = own("HeadVer4")(12, 8)
    playing.attention(own("GPTVer2")(head, text.vocab_size, 8, 12), text, "to be")
    box = person[0]
    assert person[1].alt.startswith("What e at position 4 looks at")
    box.children[-1].index = 2
    assert person[1].alt.startswith("What ␣ at position 2 looks at")
    control(box, "your line").value = "theme"
    assert [label.strip("\u200b") for label, _ in box.children[-1].options] == list("theme")
    assert len(dict(box.children[-1].options)) == 5, "two buttons of one label light up together"
    for line, said in (("snow ☃", "☃"), ("x" * 13, "has 13 characters"), ("", "Type a line")):
        control(box, "your line").value = line
        assert said in str(person[1])
    control(box, "your line").value = "again"
    assert person[1].alt.startswith("What n at position 4")


def test_the_heads_of_the_small_gpt_follow_line_block_and_head(person, text, own):
    model = small_gpt(own("HeadVer4"), own("GPTVer3"), text.vocab_size, 2, 3, 12, 10)
    playing.heads(model, text, "to be")
    box = person[0]
    assert person[1].alt.startswith("What head 1 of block 1 looks at")
    control(box, "block").value, control(box, "head").value = 2, 3
    assert control(box, "head").max == 3
    assert person[1].alt.startswith("What head 3 of block 2 looks at")
    control(box, "your line").value = "x" * 11
    assert "has 11 characters" in str(person[1])


def test_what_a_head_looks_at_is_measured():
    chars = "\n ,ABabeot"
    tokens = torch.tensor([[chars.index(char) for char in "to be, A boat, to Abbe"]])
    T = tokens.shape[1]
    ones = torch.tril(torch.ones(T, T))
    spaces = ones * torch.tensor([char == " " for char in "to be, A boat, to Abbe"])
    before = torch.cat((torch.eye(T)[:1], torch.eye(T)[:-1]))
    for wei, what, share in (
        (torch.eye(T), "itself", 1),
        (before, "the one before", 1 - 1 / T),
        (spaces / spaces.sum(1, keepdim=True).clamp(min=1), "spaces, line ends", 1),
    ):
        name, seen = looks_at(wei[None], tokens, chars)
        assert name == what
        assert seen == pytest.approx(share, abs=0.3)


def test_scaling_and_positions_tell_their_numbers(person):
    playing.scaling(2)
    playing.positions()
    control(person[0], "d").value = 10
    assert "undivided, variance 1034: '0' 1.00" in person[1].alt
    assert "Base 10,000: positions 0 and 1 are most alike, 1.17 apart" in person[3].alt
    control(person[2], "base").value = 0
    assert "Base 1: positions 0 and 44 are most alike" in person[3].alt


def test_pictures_controls_and_lines_speak_another_language(person, monkeypatch):
    teach(monkeypatch)
    with speaking(FOREIGN):
        playing.scaling(2)
        playing.scores([0.5, 0.5])
        line = repr(training.History([2.0], 1.5))
        floors = list(Text("tea for two").floors())
        matrix = plots.heatmaps_picture({"": torch.eye(2)}, "Title").alt
    control(person[0], "«other numbers»")
    assert person[1].alt.startswith("««d = 2: where one query looks». «weight» by «position».» «undivided, variance ")
    assert person[3].alt.startswith("««Exactly the wanted weights»")
    assert line == "«1 steps: training loss 2.00, validation loss 1.50»"
    assert floors == ["ln V", "«unigram»", "«bigram»"]
    assert matrix.endswith("«Row 1 is largest in column 1, 1.0.»")


def test_training_shows_a_line_and_a_picture_and_leaves_one_line(person, text, own, monkeypatch):
    pictures = []
    draw = plots.losses_picture
    monkeypatch.setattr(plots, "losses_picture", lambda *given, **more: pictures.append(draw(*given, **more)))
    monkeypatch.setattr(training._Progress, "PICTURE_SECONDS", 0)
    history = train(own("GPTVer1")(text.vocab_size, 8), text, steps=20, windows=2)
    assert pictures
    assert [repr(thing) for thing in person] == [repr(history), ""]


def test_stop_keeps_the_model(person, text, own, monkeypatch):
    model = own("GPTVer1")(text.vocab_size, 8)
    before = model.token_embedding_table.weight.clone()

    def press_stop(progress, history):
        if len(history.losses) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(training._Progress, "advance", press_stop)
    history = train(model, text, steps=20, windows=2)
    assert history.stopped and len(history.losses) == 3
    assert not torch.equal(before, model.token_embedding_table.weight)


def test_pictures_say_what_they_show_where_quotes_and_lines_would_break_it():
    picture = plots.render(*_figure(), 'a "quoted"\n<alt>')
    assert picture.html.startswith('<img alt="a &quot;quoted&quot; &lt;alt&gt;" width=')


def _figure():
    import matplotlib.pyplot as plt

    return [plt.figure(figsize=(1, 1))]


def test_the_text_in_korean_and_excerpts():
    korean = load_text("korean.txt")
    assert korean.excerpt("Speak") == korean.content[:5]
    assert Text("abc").excerpt("cab") == "cab"
    assert korean.first_line.endswith("\n")
    assert Text("tea for two").first_line == "tea for two"


@pytest.mark.parametrize(("value", "effect"), [(0.5, "favours the likeliest"), (1.0, "leaves"), (3.0, "closer")])
def test_the_title_follows_the_temperature(person, text, own, value, effect):
    playing.temperature(own("GPTVer1")(text.vocab_size, 8), text)
    control(person[0], "temperature").value = value
    assert effect in person[1].picture.alt.split(".  ")[0]


def test_scores_are_weighed_as_they_are_typed(person):
    playing.scores((1 / 2, 1 / 2, 0, 0))
    typed = control(person[0], "your scores")
    for scores, said in (
        ("1, 1, -inf, -inf", "Exactly the wanted weights"),
        ("0 0 -∞ −∞", "Exactly the wanted weights"),
        ("0, 0, -10, -10", "Not the wanted weights: up to 0.00002 apart"),
        ("0, 0, -50, -50", "Not the wanted weights: less than 0.00001 apart"),
        ("0, 0", "these are 2"),
        ("a, b, c, d", "Type 4 numbers"),
    ):
        typed.value = scores
        assert said in getattr(person[1], "alt", str(person[1]))


def test_a_guess_waits_for_the_answer_and_the_answer_for_a_guess(person):
    who = playing.guess("Who wins?", ["one", "eight"])
    who.compare("one")
    assert "still open" in person[1]
    choice = person[0].children[1]
    choice.value = "eight"
    assert person[1] == "You guessed: eight. It is: one."
    choice.value = "one"
    assert person[1] == "You guessed: one. So it is."


def test_without_a_person_a_guess_shows_question_and_answer(screen):
    playing.guess("Who wins?", ["one", "eight"]).compare("one")
    assert screen == ["Guess first: Who wins? one / eight", "Answer: one"]


def test_rungs_that_are_one_number_say_so(monkeypatch):
    shown = []
    monkeypatch.setattr(plots, "display", shown.append)
    plots.ladder({"bigram": 2.5, "loops": 2.83, "product": 2.83}, {"floor": 2.43}, "Rungs")
    assert shown[0].alt.endswith("loops 2.83, product 2.83, floor 2.43. 2 rungs are the same number.")


def test_a_training_that_stops_leaves_no_line(person, text, own):
    model = own("GPTVer1")(text.vocab_size, 8)
    model.logits = lambda idx: 1 / 0
    with pytest.raises(ZeroDivisionError):
        train(model, text, steps=2)
    assert person[0] == ""
