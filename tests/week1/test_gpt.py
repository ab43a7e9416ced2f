"""The ending: the learner's classes in a small GPT, its weights, its file, and its training on another text."""

import inspect
import os
import re
import shutil
import signal
import subprocess
import sys

import nbformat
import pytest
import torch
from safetensors import safe_open

from learngpt import Text, evaluate, language, load_text
from learngpt.carrying import CarryError
from learngpt.text import shipped
from learngpt.week1 import checks, ending, gpt, own_text
from learngpt_teaching.translating.spans import has_words, of_code, words_of
from tests.support import NAMES, ROOT, SOLVED
from tests.support.foreign import FOREIGN, teach

WEIGHTS = shipped("gpt.safetensors")


def small(own):
    return gpt.load(WEIGHTS, own("HeadVer4"), own("GPTVer3"))


@pytest.mark.slow
def test_the_weights_in_the_solved_classes_reach_the_promised_loss(own, text):
    model, chars, promised = small(own)
    assert chars == text.chars
    loss = evaluate(model, text)
    assert loss <= 1.60
    assert loss == pytest.approx(promised, abs=0.002)
    assert loss == pytest.approx(evaluate(model, text, windows=ending.WINDOWS), abs=0.02)


def test_the_file_is_small_and_its_keys_are_the_learners_classes():
    assert WEIGHTS.stat().st_size <= 2_000_000
    with safe_open(WEIGHTS, "pt") as file:
        names = list(file.keys())
        assert all(file.get_tensor(name).dtype == torch.float16 for name in names)
    assert all(name.startswith("GPTVer3.") for name in names)
    heads = {re.sub(r"\.\w+\.weight$", "", name) for name in names if ".HeadVer4_" in name}
    assert len(heads) == 16
    assert all(f"{head}.{part}.weight" in names for head in heads for part in ("query", "key", "value"))


def shown(own, text, capsys, **changed):
    names = ("GPTVer1", "HeadVer4", "GPTVer3")
    ending.small_gpt(*(changed.get(name) or own(name) for name in names), text)
    return capsys.readouterr().out


def test_right_classes_are_told_their_loss_and_nothing_else(own, text, capsys):
    said = shown(own, text, capsys)
    assert re.fullmatch(r"661,828 numbers, learned from the plays\. Loss .* text: 1\.\d\d nats\.\n", said)


def unscaled(HeadVer4):
    class Wrong(HeadVer4):
        def forward(self, x, debug=False):
            return super().forward(x * x.shape[-1] ** 0.25, debug)

    return Wrong


def without_mask(HeadVer4):
    class Wrong(HeadVer4):
        def forward(self, x, debug=False):
            self.wei = (self.query(x) @ self.key(x).mT / x.shape[-1] ** 0.5).softmax(-1)
            return self.wei @ self.value(x)

    return Wrong


def swapped(GPTVer3):
    class Wrong(GPTVer3):
        @staticmethod
        def pos_encodings(block_size, embed_size):
            return GPTVer3.pos_encodings(block_size, embed_size).roll(1, 1)

    return Wrong


def greedy(GPTVer1):
    class Wrong(GPTVer1):
        def generate(self, idx, max_new_tokens):
            for _ in range(max_new_tokens):
                idx = torch.cat((idx, self(idx[:, -self.block_size :])[0][:, -1:].argmax(-1)), 1)
            return idx

    return Wrong


@pytest.mark.parametrize(
    ("name", "wrong", "notebook", "check"),
    [
        ("HeadVer4", unscaled, 5, "attention_weights_are_scaled_softmax"),
        ("HeadVer4", without_mask, 5, "attention_never_looks_ahead"),
        ("GPTVer3", swapped, 6, "encodings_are_sinusoidal"),
    ],
)
def test_a_wrong_class_writes_noise_and_hears_where_to_look(own, text, capsys, name, wrong, notebook, check):
    said = shown(own, text, capsys, **{name: wrong(own(name))})
    assert re.search(r"✗ The course's classes reach 1\.\d\d with these weights\. Expect noise\.", said)
    assert f"Look at notebook {notebook}, the cell with `checks.{check}`. It says of {name}:" in said


def test_a_wrong_generate_hears_where_to_look_though_the_loss_is_right(own, text, capsys):
    said = shown(own, text, capsys, GPTVer1=greedy(own("GPTVer1")))
    assert "✗ Look at notebook 1, the cell with `checks.generate_samples`." in said
    assert "noise" not in said


def test_layers_that_the_weights_do_not_fit_are_named(own, text):
    class Renamed(own("HeadVer4")):
        def __init__(self, block_size, embed_size):
            super().__init__(block_size, embed_size)
            self.q = self.query
            del self.query

    with pytest.raises(checks.CheckFailed, match=r"GPTVer3\.head\.0\.heads\.HeadVer4_1\.q\.weight \(32, 32\)") as error:
        ending.small_gpt(own("GPTVer1"), Renamed, own("GPTVer3"), text)
    assert "Look at notebook 5" in str(error.value)


def test_on_another_text_it_says_that_the_weights_are_of_the_plays(own, capsys):
    said = shown(own, load_text("korean.txt"), capsys)
    assert "korean.txt is another text. So what follows is about the plays" in said


def test_heads_are_drawn_with_what_they_look_at(own, text, monkeypatch):
    pictures = []
    monkeypatch.setattr("learngpt.plots.display", pictures.append)
    ending.heads(small(own)[0], text, text.excerpt("Give me my robe, put on"))
    [picture] = pictures
    assert len(re.findall(r"head \d [\w ,]+ \d+ %[;.]", picture.alt)) == 16
    assert picture.alt.count("block") == 4


def test_every_needed_check_stands_in_its_notebook():
    for notebook, name, check in ending.NEEDED:
        cells = nbformat.read(SOLVED / f"{NAMES[notebook - 1]}.ipynb", 4).cells
        assert any(f"checks.{check.__name__}({name}," in cell.source for cell in cells), check


def test_the_ending_only_demonstrates():
    """So it runs neither when a notebook is graded nor when it is validated."""
    cells = nbformat.read(SOLVED / f"{NAMES[-1]}.ipynb", 4).cells
    last = max(number for number, cell in enumerate(cells) if cell.metadata.get("nbgrader", {}).get("grade"))
    shown = [cell for cell in cells[last + 1 :] if cell.cell_type == "code"]
    assert sum("ending." in cell.source for cell in shown) == 5
    assert all(cell.metadata.tags == ["demo", "raises-exception"] for cell in shown)


@pytest.fixture
def folder(tmp_path):
    """A learner's folder, in which HeadVer4 has a helper of the learner's own."""
    for name in NAMES:
        shutil.copy(SOLVED / f"{name}.ipynb", tmp_path)
    fifth = (tmp_path / "5-self-attention.ipynb").read_text()
    own = fifth.replace('"class HeadVer4', '"def blur(wei):\\n    return wei  # mine\\n\\n\\nclass HeadVer4')
    own = own.replace("return self.wei @ v", "return blur(self.wei) @ v")
    assert own.count("blur") == 2
    (tmp_path / "5-self-attention.ipynb").write_text(own)
    return tmp_path


def cells_of(folder):
    cells = nbformat.read(folder / f"{NAMES[-1]}.ipynb", 4).cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


def alone(folder, *options):
    """What my_gpt.py prints where there is no learngpt."""
    hidden = "import sys; sys.modules['learngpt'] = None; import runpy; del sys.argv[0]; "
    run = hidden + "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-c", run, folder / "my_gpt.py", *options]
    return subprocess.run(command, cwd="/", capture_output=True, text=True)


@pytest.mark.slow
def test_one_file_holds_the_learners_own_classes_and_writes_in_a_terminal(folder, text):
    program = ending.one_program(cells_of(folder), folder)
    assert "learngpt" not in program and "SOLUTION" not in program and "HeadVer3" not in program
    assert program.count("return wei  # mine") == 1
    (folder / "my_gpt.py").write_text(program)
    shutil.copy(WEIGHTS, folder / "my_gpt.safetensors")
    done = alone(folder, "--length", "200", "--seed", "1")
    assert (done.returncode, done.stderr) == (0, "")
    words = {word.lower() for word in re.findall(r"[A-Za-z]+", text.content)}
    written = [word.lower() for word in re.findall(r"[A-Za-z]+", done.stdout)[:-1]]
    assert len(done.stdout) == 202
    assert sum(word in words for word in written) > 0.6 * len(written), done.stdout
    assert alone(folder, "--length", "200", "--seed", "1").stdout == done.stdout
    refused = alone(folder, "--prompt", "snow ☃")
    assert refused.returncode == 2 and "these weights don't know '☃'" in refused.stderr


def test_the_one_file_speaks_the_language_of_its_notebook(folder, monkeypatch):
    teach(monkeypatch)
    with language.speaking(FOREIGN):
        program = ending.one_program(cells_of(folder), folder)
    assert "# «The classes of your notebooks" in program and "learngpt" not in program
    (folder / "my_gpt.py").write_text(program)
    shutil.copy(WEIGHTS, folder / "my_gpt.safetensors")
    assert "«a .safetensors file, my_gpt.safetensors if left out»" in alone(folder, "--help").stdout


def test_two_helpers_of_one_name_are_not_mixed_up(folder):
    first = folder / "1-bigram.ipynb"
    changed = first.read_text().replace('"class GPTVer1', '"def blur(wei):\\n    return 2 * wei\\n\\n\\nclass GPTVer1')
    first.write_text(changed.replace("logits[:, -1, :].softmax", "blur(logits)[:, -1, :].softmax"))
    with pytest.raises(CarryError, match="Your notebooks define blur in two ways"):
        ending.one_program(cells_of(folder), folder)


def test_files_are_written_for_a_person_alone(folder, monkeypatch, capsys):
    class Shell:
        user_ns = {"In": cells_of(folder)}

    monkeypatch.chdir(folder)
    monkeypatch.setattr(ending, "get_ipython", lambda: Shell)
    ending.one_file()
    assert not (folder / "my_gpt.py").exists()
    assert re.fullmatch(r"my_gpt\.py: \d+ lines\. In a terminal:\npython my_gpt\.py\n", capsys.readouterr().out)
    monkeypatch.setattr(ending, "watched", lambda: True)
    ending.one_file()
    assert (folder / "my_gpt.safetensors").read_bytes() == WEIGHTS.read_bytes()
    assert capsys.readouterr().out.endswith(f"{sys.executable} {folder / 'my_gpt.py'}\n")
    Shell.user_ns["In"] = [cell.replace("return encodings", "raise NotImplementedError()") for cell in cells_of(folder)]
    ending.one_file()
    assert capsys.readouterr().out == "○ Not yet: yours in this notebook isn't finished.\n"


@pytest.mark.slow
def test_training_on_ones_own_text_shows_progress_and_stop_keeps_what_was_learned(folder):
    (folder / "tea.txt").write_text("Tea for two, and two for tea.\n" * 100)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "learngpt.week1.own_text", folder / "tea.txt", "--notebooks", folder],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    seen = ""
    while "4/3000" not in seen:
        seen += process.stdout.read(1)
        assert process.poll() is None, seen
    assert re.search(r"\d/3000 \[\d+:\d+<\d+:\d+", seen), "time gone < time left"
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=120)[0]
    assert process.returncode == 0
    assert "HeadVer4: from 5-self-attention.ipynb" in seen
    assert "Stopped. What was learned so far is kept." in rest
    (folder / "my_gpt.py").write_text(ending.one_program(cells_of(folder), folder))
    done = alone(folder, folder / "tea.safetensors", "--prompt", "Tea", "--length", "20")
    assert len(done.stdout) == 24 and set(done.stdout) <= set((folder / "tea.txt").read_text())


def test_a_text_that_is_too_short_is_refused_in_one_line(folder, monkeypatch):
    (folder / "tea.txt").write_text("Tea for two.")
    monkeypatch.setattr(sys, "argv", ["own_text", str(folder / "tea.txt"), "--notebooks", str(folder)])
    with pytest.raises(SystemExit, match="^✗ tea.txt is too short: a block of 64 characters"):
        own_text.main()


def test_training_is_repeatable_and_learns(own, monkeypatch):
    monkeypatch.setattr(own_text, "EVERY", 10)
    text = Text("tea for two, and two for tea. " * 60)
    losses = []
    for _ in range(2):
        torch.manual_seed(0)
        model = gpt.small_gpt(own("HeadVer4"), own("GPTVer3"), text.vocab_size, 1, 2, 16, 16)
        losses.append((evaluate(model, text), own_text.fit(model, text, steps=30)))
    assert losses[0] == losses[1]
    assert losses[0][1] < losses[0][0] - 0.5


def test_the_best_of_a_training_is_kept(own, monkeypatch):
    """Where a text is short, the loss on what was not learned from rises again."""
    monkeypatch.setattr(own_text, "EVERY", 1)
    told = iter([3.0, 1.0, 2.0])
    seen = []

    def evaluated(model, text, windows=None):
        seen.append([parameter.clone() for parameter in model.parameters()])
        return next(told) if windows else 1.0

    monkeypatch.setattr(own_text, "evaluate", evaluated)
    text = Text("tea for two, and two for tea. " * 60)
    model = gpt.small_gpt(own("HeadVer4"), own("GPTVer3"), text.vocab_size, 1, 2, 16, 16)
    own_text.fit(model, text, steps=3)
    assert all(torch.equal(one, other) for one, other in zip(seen[-1], seen[1]))


def test_training_on_a_text_speaks_the_language_that_was_chosen(tmp_path, monkeypatch):
    monkeypatch.setattr(language, "_own", language.ENGLISH)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work" / "week1" / "ko").mkdir(parents=True)
    (tmp_path / "work" / language.CHOICE).write_text("ko")
    monkeypatch.setattr(sys, "argv", ["own_text", "my.txt", "--notebooks", "nowhere"])
    with pytest.raises(SystemExit, match="nowhere 폴더"):
        own_text.main()


def test_what_a_learner_reads_in_the_source_of_the_small_gpt_can_be_translated():
    source = inspect.getsource(gpt)
    pieces = {
        line.strip().removesuffix(":")
        for span in of_code(source)
        for line in words_of(source, span).split("\n")
        if span.kind in ("comment", "docstring") and has_words(line)
    }
    assert pieces - {"Returns", "Raises", "noqa: SIM118"} == {
        line for words in ending.WORDS for line in (words, f"ValueError: {words}") if line in pieces
    }
    assert len(ending.WORDS) == len(pieces - {"Returns", "Raises", "noqa: SIM118"})
