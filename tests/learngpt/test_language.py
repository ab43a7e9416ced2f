"""The language of the program is chosen when it runs, and all that it says can be said in another one."""

import threading

import pytest
import torch
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from nbformat.v4 import new_notebook, new_output

from learngpt import evidence, language
from learngpt.checking import NEARLY, CheckFailed, compare, mistakes, run, tensor
from learngpt.language import UnknownLanguage, counted, mark, say, speaking, use
from learngpt.validating import explain_timeout, fill_gaps
from tests.support import ROOT
from tests.support.sentences import misnamed, unsayable

TABLE = mark("It is too long.")
CATALOGUE = {
    "It is too long.": "너무 깁니다.",
    "{name} has {shape}, not {{}}.": "{{}} 아님, {shape}: {name}",
    ("{n} point", "{n} points"): ("{n}점",),
    "Likely cause: {cause}": "짐작되는 원인: {cause}",
    "The check {check} is missing from this notebook. Copy its cell from a fresh one: save yours under another "
    "name, and take the one that was handed out.": "{check} 검사가 없습니다.",
    "This cell took more than {seconds} seconds and was stopped. Is there a loop that never ends?": "{seconds}초 넘음.",
    "two dimensions are swapped.": "두 차원이 뒤바뀌었습니다.",
    "{what} has shape {yours}, expected {expected}.": "{what}: 모양 {yours}, 기대한 모양 {expected}",
}
SPEAKING = [path for path in (ROOT / "learngpt").rglob("*.py") if path.name != "make_hangul.py"]
SPEAKING += [ROOT / "lab" / "start.py", ROOT / "lab" / "install.py"]
OF_STUDENTS = ["own_work", "feedback", "damage", "submissions", "copies", "engine/running", "engine/rebuilding"]
SPEAKING += [ROOT / "learngpt_teaching" / f"{name}.py" for name in OF_STUDENTS]


@pytest.fixture
def korean(tmp_path, monkeypatch):
    """A catalogue of a few sentences, and English as it was afterwards."""
    catalogue = Catalog(locale="ko")
    for sentence, said in CATALOGUE.items():
        catalogue.add(sentence, said)
    with (tmp_path / "ko.mo").open("wb") as file:
        write_mo(file, catalogue)
    monkeypatch.setattr(language, "FOLDER", tmp_path)
    monkeypatch.setattr(language, "_own", language.ENGLISH)
    language._catalogue.cache_clear()
    yield
    language._catalogue.cache_clear()


def test_english_needs_no_catalogue():
    assert say(TABLE) == "It is too long."
    assert say("{name} has {shape}, not {{}}.", name="wei", shape=(2, 3)) == "wei has (2, 3), not {}."
    assert say("{value:.2g} {{x}}", value=0.123) == "0.12 {x}"


def test_a_sentence_is_said_in_the_language_of_the_moment(korean):
    assert language.known() == ["en", "ko"]
    with speaking("ko"):
        assert language.spoken() == "ko"
        assert say(TABLE) == "너무 깁니다."
        assert say("{name} has {shape}, not {{}}.", name="wei{", shape=(2, 3)) == "{} 아님, (2, 3): wei{"
        assert say("Nobody has translated this.") == "Nobody has translated this."
        with speaking("en"):
            assert say(TABLE) == "It is too long."
    assert say(TABLE) == "It is too long."


def test_the_language_of_a_process_holds_in_its_threads_and_a_lent_one_does_not(korean):
    use("ko")
    said = []
    with speaking("en"):
        thread = threading.Thread(target=lambda: said.append(say(TABLE)))
        thread.start()
        thread.join()
    assert said == ["너무 깁니다."] and say(TABLE) == "너무 깁니다."


def test_a_language_that_is_not_there_is_named_with_those_that_are(korean):
    for choose in (use, lambda name: speaking(name).__enter__()):
        with pytest.raises(UnknownLanguage, match="^There is no language 'xx' here. There are: en, ko.$"):
            choose("xx")
    assert language.spoken() == "en"


@pytest.mark.parametrize("n, said", [(0, "0 points"), (0.5, "0.5 points"), (1, "1 point"), (2, "2 points")])
def test_one_is_counted_otherwise_than_several(korean, n, said):
    assert counted("{n} point", "{n} points", n) == said
    with speaking("ko"):
        assert counted("{n} point", "{n} points", n) == f"{n}점"
    assert f"✓ {said}<" in evidence.earned(n)["text/html"]


def test_a_cause_stands_apart_from_what_it_caused(korean):
    with speaking("ko"), pytest.raises(CheckFailed) as failed:
        tensor(torch.zeros(3, 5, 4), "x", (5, 3, 4))
    assert failed.value.said == "x: 모양 (3, 5, 4), 기대한 모양 (5, 3, 4)"
    assert failed.value.cause == "두 차원이 뒤바뀌었습니다."
    assert str(failed.value) == f"{failed.value.said}\n짐작되는 원인: {failed.value.cause}"


@pytest.mark.parametrize(
    "otherwise, said, cause",
    [
        ("It is long.", "\nIt is long.", ""),
        (("It is long.", "a loop."), "\nIt is long.", "a loop."),
        (("", "a loop."), "", "a loop."),
        (("", ""), "", NEARLY),
    ],
)
def test_what_is_said_otherwise_may_bring_a_cause(otherwise, said, cause):
    with pytest.raises(CheckFailed) as failed:
        compare("It is 1.", torch.full((2, 2), 1.001), torch.ones(2, 2), axes=("row", "column"), otherwise=otherwise)
    assert failed.value.said.endswith(f"at row 0, column 0: yours is 1.001, expected 1.{said}")
    assert failed.value.cause == cause


def test_a_hint_goes_before_a_cause_and_takes_the_place_of_advice():
    def adds(x):
        return x + torch.ones(3)

    def failed(**options):
        with pytest.raises(CheckFailed) as found:
            run("adds(x)", adds, torch.ones(2), **options)
        return found.value

    met = "The shapes that met: (2,) and (3,)."
    assert failed(hint="Look.").said.endswith(f"\nLook. {met}")
    assert failed(hint=lambda: "", cause=lambda: "a size is fixed.").cause == f"a size is fixed. {met}"
    assert "a size is fixed" not in str(failed(hint="Look.", cause="a size is fixed."))


def test_two_mistakes_at_once_are_two_causes():
    found = dict(mistakes(lambda a, b: (a, b), {"a": (0, [("one.", 1)]), "b": (0, [("two.", 2)])}))
    assert found == {"one.": (1, 0), "two.": (0, 2), "two.\nA second mistake: one.": (1, 2)}


@pytest.mark.parametrize(
    "metadata, lost, stopped",
    [
        ({"language": "ko"}, "one 검사가 없습니다.", "60초 넘음."),
        ({"language": "xx"}, "The check one is missing", "This cell took more than 60 seconds"),
        ({}, "The check one is missing", "This cell took more than 60 seconds"),
    ],
)
def test_validate_speaks_the_language_of_the_notebook(korean, metadata, lost, stopped):
    notebook = new_notebook(metadata={"learngpt": {"checks": {"one": 3}} | metadata})
    fill_gaps(notebook)
    [cell] = notebook.cells
    assert f"raise CheckFailed(\n    '{lost}" in cell.source.replace('"', "'")
    cell.outputs = [new_output("error", ename="Timeout", evalue="", traceback=[""])]
    explain_timeout(cell, 0, {"content": {"status": "error"}, "header": {}})  # the learner's own error
    assert cell.outputs[0].evalue == ""
    explain_timeout(cell, 0, {"content": {"status": "error"}})
    assert cell.outputs[0].evalue.startswith(stopped) and cell.outputs[0].traceback[0].startswith(f"✗ {stopped}")


@pytest.mark.parametrize("path", SPEAKING, ids=lambda path: path.stem)
def test_all_that_a_module_says_is_in_the_catalogues(path):
    assert unsayable(path) == [] and misnamed(path) == []
    assert path.read_text("utf-8").count("Likely cause") == (path.stem == "checking")


def test_what_is_not_in_the_catalogues_is_found_by_file_and_line(tmp_path):
    path = tmp_path / "module.py"
    lines = [
        '"""A docstring of some length."""',
        'say("This can be said: {x}.", x=1)',
        'TABLE = [("part of PyTorch\'s message", mark("What it means here."))]',
        'said = "This can\'t be said"',
        'said = f"{x} is put {y} in"',
        'found = "in their own words" in text or re.search("in their own words", text)',
        'said = x or ("This is glued to " + "something of more words")',
        'say("{x} and {y}", x=1)',
        'say("{x.shape}", x=1)',
        'say("half of" + " it")',
        "x = f\"{say('Said in one of these.')} {x}\"",
    ]
    path.write_text("\n".join(lines), "utf-8")
    assert sorted({found.split(":")[1] for found in unsayable(path)}) == ["4", "5", "7"]
    assert [found.split(":")[1] for found in misnamed(path)] == ["8", "9", "10", "11"]
