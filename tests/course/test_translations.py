"""The course in other languages: catalogues that are whole and keep what they must, and notebooks that are the same."""

import ast
import base64
import importlib.util
import shutil

import nbformat
import pytest
from PIL import Image

from learngpt.language import UnknownLanguage, known, speaking, use
from learngpt_teaching.course import CourseError
from learngpt_teaching.translating import catalogues
from learngpt_teaching.translating.notebooks import spans, translated
from learngpt_teaching.translating.spans import has_words, of_code, of_markdown, replaced, words_of
from tests.support import NAMES, ROOT, SOURCE

LANGUAGES = catalogues.languages(ROOT)
NAMES_OF_CATALOGUES = ["program", "week1"]
MARKDOWN = """\
# A heading

A paragraph with `code`
of two lines.

- one item
  that goes on
2. another

![A picture.](attachment:1.png)

| a word | 1 |
| --- | --- |
| 1 | 2 |

$$x = \\text{formula}$$
<details><summary>A hint</summary>

```python
x = 1    # a comment, (B, T)
y = 2    # (B, T)
```

</details>
"""
CODE = '''\
# x = load_text("my.txt")    # a file
class Head:
    """What it does.

        It does more.
    """

    def run(self, text):
        ### BEGIN SOLUTION
        print("a sum", f"about {text:.2f} words", text.excerpt("Speak"), "x_y", "V =", "HeadVer1", "True")
        plots.curves({"loss": [1]}, "one two".split(), marker="circle", title="été, a word")
        ### END SOLUTION
'''


def test_the_pieces_of_markdown_are_those_with_words():
    found = [(words_of(MARKDOWN, span), span.kind) for span in of_markdown(MARKDOWN)]
    assert found == [
        ("A heading", "heading"),
        ("A paragraph with `code`\nof two lines.", "paragraph"),
        ("one item\n  that goes on", "item"),
        ("another", "item"),
        ("A picture.", "alt text"),
        ("| a word | 1 |", "row of a table"),
        ("A hint", "what opens a hint or an answer"),
        ("a comment, (B, T)", "comment"),
    ]


def test_the_pieces_of_code_are_comments_docstrings_and_strings_that_are_no_data():
    found = sorted((span.start, words_of(CODE, span), span.kind) for span in of_code(CODE))
    assert [(words, kind) for _, words, kind in found] == [
        ("a file", "comment"),
        ("What it does.\n\n    It does more.", "docstring"),
        ("a sum", "string in code"),
        ("about {text:.2f} words", "string in code"),
        ("loss", "string in code"),
        ("été, a word", "string in code"),
    ]


@pytest.mark.parametrize(
    "text, there",
    [
        *(("(B, T) -> x_y", False), ("True", False), ("{words} 1", False), ("a b", False), ("-inf", False)),
        *(("sum", True), ("1 times", True), ("doesn't", True), ("lower-triangular.", True)),
    ],
)
def test_words(text, there):
    assert has_words(text) == there


@pytest.mark.parametrize("code", ['print("a word" " and another")', "print(f\"a word {x['key']}\")"])
def test_a_string_that_no_catalogue_can_hold_is_named(code):
    with pytest.raises(ValueError, match="can't be translated"):
        list(of_code(code))


def shape(source):
    """The syntax tree of a cell without what its strings say, and all that they say."""
    said = []

    class Hide(ast.NodeTransformer):
        def visit_Constant(self, node):
            if isinstance(node.value, str):
                said.append(node.value)
                return ast.Constant("")
            return node

        def visit_JoinedStr(self, node):
            values = sorted(ast.dump(part) for part in node.values if isinstance(part, ast.FormattedValue))
            said.append("".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values))
            return ast.Constant(str(values))

    return ast.dump(Hide().visit(ast.parse(source))), said


@pytest.mark.parametrize("name", NAMES)
def test_only_words_differ_in_another_language(name):
    path = SOURCE / f"{name}.ipynb"
    english, other = nbformat.read(path, 4), translated(path, "xx", lambda words: f"«{words}»", ROOT)
    assert len(english.cells) == len(other.cells)
    for cell, made in zip(english.cells, other.cells):
        assert (made.id, made.cell_type) == (cell.id, cell.cell_type)
        assert made.source.replace("«", "").replace("»", "").replace('speak("xx")', 'speak("en")') == cell.source
        if "title" in cell.metadata.get("learngpt", {}):
            assert made.metadata.learngpt.title == f"«{cell.metadata.learngpt.title}»"
            made.metadata.learngpt.title = cell.metadata.learngpt.title
        assert made.metadata == cell.metadata
        if cell.cell_type == "code":
            assert shape(made.source)[0] == shape(cell.source)[0]
    assert other.metadata.learngpt == english.metadata.learngpt | {"language": "xx"}


def begun(language):
    """Whether anything is translated: before, there are no notebooks, and nothing to see in a catalogue."""
    return bool(catalogues.translations(ROOT, language, "week1"))


languages = pytest.mark.parametrize(
    "language",
    [
        pytest.param(language, marks=pytest.mark.skipif(not begun(language), reason="nothing is translated yet"))
        for language in LANGUAGES
    ],
)
of_catalogues = pytest.mark.parametrize("name", NAMES_OF_CATALOGUES)


@languages
@of_catalogues
def test_every_entry_is_translated(language, name):
    entries = catalogues.entries(catalogues.load(ROOT / "translations" / language / f"{name}.po"))
    missing = [catalogues.described(entry) for entry in entries if not catalogues.said(entry)]
    assert not missing, "missing or fuzzy"


@languages
@of_catalogues
def test_every_entry_keeps_what_it_must(language, name):
    assert list(catalogues.faults(ROOT, language, name)) == []


@languages
@of_catalogues
def test_the_catalogues_call_things_as_the_glossary_does(language, name):
    assert list(catalogues.unlike_the_glossary(ROOT, language, name)) == []


def test_the_catalogues_are_up_to_date(tmp_path):
    for name in (*catalogues.PLACES, "source", "translations"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    catalogues.bring_up_to_date(tmp_path)
    for language in LANGUAGES:
        made = [f"translations/{language}/{name}.po" for name in NAMES_OF_CATALOGUES]
        for path in (*made, f"learngpt/languages/{language}.mo"):
            assert (tmp_path / path).read_bytes() == (ROOT / path).read_bytes(), f"{path} is old: run `make build`"


@languages
@pytest.mark.parametrize("name", NAMES)
def test_notebooks_of_a_language_are_made_from_the_english_ones(language, name):
    words = catalogues.translations(ROOT, language, "week1")
    for step in ("release", "notebooks"):
        english, other = (
            nbformat.read(ROOT / step / place / "week1" / f"{name}.ipynb", 4) for place in (".", language)
        )
        assert other.metadata == english.metadata | {"learngpt": english.metadata.learngpt | {"language": language}}
        for cell, made in zip(english.cells, other.cells, strict=True):
            about = f"cell {cell.id} of {step}/{language}/week1/{name}.ipynb: run `make build`"
            said = replaced(cell.source, spans(name, cell), lambda text: words.get(text, text))
            assert made.source == said.replace('speak("en")', f'speak("{language}")'), about
            assert made.id == cell.id
            marks, mine = cell.metadata.get("nbgrader", {}), made.metadata.get("nbgrader", {})
            assert {**marks, "checksum": 0} == {**mine, "checksum": 0}, about
            for file, kinds in made.get("attachments", {}).items():
                assert base64.b64decode(kinds["image/png"]) == (ROOT / "img" / language / file).read_bytes(), about
            if cell.cell_type == "code":
                tree, strings = shape(cell.source)
                other_tree, other_strings = shape(made.source)
                assert tree == other_tree, about
                differing = [text for text, other in zip(strings, other_strings, strict=True) if text != other]
                assert all(has_words(text) for text in differing), about
            for output in made.get("outputs", []):
                assert output.output_type != "error" and output.get("name") != "stderr", about


@languages
def test_the_words_in_the_pictures_are_those_of_the_catalogue(language, monkeypatch):
    spec = importlib.util.spec_from_file_location("draw_pictures", ROOT / "img" / "draw_pictures.py")
    drawing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(drawing)
    drawn = {}
    monkeypatch.setattr(drawing, "save", lambda fig, name: drawn.update({name: drawing.words_of(fig)}))
    with speaking(language):
        drawing.draw_all()
    assert len(drawn) == 7
    for name, words in drawn.items():
        with Image.open(ROOT / "img" / language / f"{name}.png") as picture:
            assert picture.text["Description"] == words, f"img/{language}/{name}.png is old: run img/draw_pictures.py"


def test_the_welcome_page_speaks_the_language(monkeypatch):
    spec = importlib.util.spec_from_file_location("start", ROOT / "lab" / "start.py")
    start = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(start)
    monkeypatch.setattr(start, "say", lambda words, **values: f"«{words.format(**values)}»")
    page = start.welcome("week1", [])
    assert "\n\n«Start with **[1-bigram](1-bigram.ipynb)**. Run a cell" in page and "folder `work/week1`." in page
    assert "«Work through these notebooks in this order:»\n\n| notebook |" in page


@pytest.fixture
def course(tmp_path):
    """A course with one notebook, one module, and the catalogues of its Korean."""
    cells = [
        nbformat.v4.new_markdown_cell(
            "# A token\n\nThe **loss** of `x` is $-\\ln p$, see [here](a.html).\n\n"
            "- Draw *one* character.\n\n| a row | 1 |\n\n<details><summary>A hint</summary></details>",
            id="words",
        ),
        nbformat.v4.new_code_cell('speak("en")\nprint(f"after {n} merges")    # a comment', id="code"),
    ]
    (tmp_path / "source" / "week1").mkdir(parents=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "source" / "week1" / "one.ipynb")
    (tmp_path / "learngpt").mkdir()
    (tmp_path / "learngpt" / "module.py").write_text(
        'say("The value {value:.1f} of `{name}` is wrong.", value=1, name="x")\ncounted("{n} line", "{n} lines", 2)\n'
    )
    (tmp_path / "learngpt" / "page.html.j2").write_text("<h1>{{ say('{points} points', points=points) }}</h1>")
    (tmp_path / "translations" / "ko").mkdir(parents=True)
    catalogues.bring_up_to_date(tmp_path)
    return tmp_path


def translate(course, catalogue, english, other):
    path = course / "translations" / "ko" / f"{catalogue}.po"
    whole = catalogues.load(path)
    whole[english].string = other
    catalogues.save(whole, path)


PARAGRAPH = "The **loss** of `x` is $-\\ln p$, see [here](a.html)."
FALSE = {
    "a changed placeholder": ("week1", "after {n} merges", "{k}번 합친 뒤", "code", "the placeholder '{n}' is gone"),
    "a missing format": ("program", "The value {value:.1f} of `{name}` is wrong.", "`{name}` 값 {value}", "module.py",
                         "the placeholder '{value:.1f}' is gone"),
    "another placeholder": ("week1", "a comment", "설명 {n}", "code", "the placeholder '{n}' is not in the English"),
    "code that is gone": ("week1", PARAGRAPH, "**손실** $-\\ln p$, [여기](a.html).", "words", "'`x`' is gone"),
    "another formula": ("week1", PARAGRAPH, "`x` 값의 **손실** $\\ln p$, [여기](a.html).", "words", "the formula"),
    "another link": ("week1", PARAGRAPH, "`x` 값의 **손실** $-\\ln p$, [여기](b.html).", "words", "the link"),
    "a tag": ("week1", "A hint", "<b>힌트</b>", "words", "the HTML tag '<b>' is not in the English"),
    "a fence": ("week1", "A token", "```토큰", "words", "the fence of code"),
    "a line break": ("week1", "A token", "토\n큰", "words", "the line break"),
    "a mark of a list": ("week1", "Draw *one* character.", "- 글자 *하나*", "words", "it begins with the mark '-'"),
    "a column": ("week1", "| a row | 1 |", "| 행 1 |", "words", "another number of columns"),
    "a quotation mark": ("week1", "after {n} merges", '{n}번 "합친" 뒤', "code", "a quotation mark"),
    "an open emphasis": ("week1", "Draw *one* character.", "글자 *하나", "words", "* isn't closed"),
    "an emphasis not shown": ("week1", "Draw *one* character.", "글자 *(하나)*를", "words", "doesn't close"),
    "a space": ("week1", "A token", "토큰 ", "words", "a space"),
    "a particle": ("week1", "after {n} merges", "{n}을 합친 뒤", "code", "a particle"),
    "a particle after code": ("week1", PARAGRAPH, "**손실** $-\\ln p$, [여기](a.html), `x`가.", "words", "a particle"),
    "a plural": ("program", ("{n} line", "{n} lines"), ("줄",), "module.py", "the placeholder '{n}' is gone"),
}  # fmt: skip


@pytest.mark.parametrize("catalogue, english, other, place, what", FALSE.values(), ids=FALSE)
def test_a_broken_entry_stops_the_build_in_one_line(course, catalogue, english, other, place, what):
    translate(course, catalogue, english, other)
    with pytest.raises(CourseError) as stopped:
        catalogues.bring_up_to_date(course)
    said = str(stopped.value)
    assert said.startswith(f"translations/ko/{catalogue}.po: the entry '")
    assert place in said and what in said and "\n" not in said


def test_a_right_entry_passes(course):
    translate(course, "week1", "after {n} merges", "{n}번 합친 뒤")
    translate(course, "week1", PARAGRAPH, "`x` 값의 **손실**(loss)은 $-\\ln p$, [여기](a.html)를 보세요.")
    translate(course, "week1", "Draw *one* character.", "*하나*를 뽑습니다.")
    translate(course, "program", "The value {value:.1f} of `{name}` is wrong.", "`{name}`의 값 {value:.1f} 값은 틀림.")
    translate(course, "program", ("{n} line", "{n} lines"), ("{n}줄",))
    translate(course, "program", "{points} points", "{points}점")
    assert catalogues.bring_up_to_date(course) == [
        "translations/ko/program.po: 3 of 3 entries are translated, 0 are fuzzy, 0 are missing.",
        "translations/ko/week1.po: 3 of 7 entries are translated, 0 are fuzzy, 4 are missing.",
    ]


def test_what_the_glossary_calls_otherwise_is_named(course):
    (course / "translations" / "ko" / "glossary.csv").write_text("english,translation,note\ntoken/piece,토큰/조각,\n")
    translate(course, "week1", "A token", "토끼")
    assert list(catalogues.unlike_the_glossary(course, "ko", "week1")) == [
        "translations/ko/week1.po: the entry 'A token' of source/week1/one.ipynb#words: "
        "token is 토큰 or 조각 in the glossary."
    ]
    translate(course, "week1", "A token", "조각")
    assert not list(catalogues.unlike_the_glossary(course, "ko", "week1"))


def test_a_changed_sentence_is_a_fuzzy_entry_that_shows_what_it_was(course):
    translate(course, "week1", "Draw *one* character.", "글자 *하나*.")
    path = course / "source" / "week1" / "one.ipynb"
    path.write_text(path.read_text().replace("Draw *one* character.", "Draw *two* characters."))
    said = catalogues.bring_up_to_date(course)[1]
    assert said == "translations/ko/week1.po: 0 of 7 entries are translated, 1 are fuzzy, 6 are missing."
    text = (course / "translations" / "ko" / "week1.po").read_text()
    assert '#, fuzzy\n#| msgid "Draw *one* character."\nmsgid "Draw *two* characters."\nmsgstr "글자 *하나*."' in text
    assert catalogues.bring_up_to_date(course)[1] == said
    assert (course / "translations" / "ko" / "week1.po").read_text() == text
    assert catalogues.translations(course, "ko", "week1") == {}
    path.write_text(path.read_text().replace("Draw *two* characters.", "Draw *two* `characters`."))
    assert catalogues.bring_up_to_date(course)[1] == said  # what a new sentence must keep, an old translation need not


def test_catalogues_have_no_dates(course):
    for path in (*course.glob("translations/ko/*.po"), course / "learngpt" / "languages" / "ko.mo"):
        assert b"Date" not in path.read_bytes() and b"Babel" not in path.read_bytes()


def test_parts_of_a_catalogue_come_together_again(course):
    path = course / "translations" / "ko" / "week1.po"
    before = path.read_text()
    parts = catalogues.split(path, 2, course / "parts")
    assert sum(parts.values()) == 7
    for part in parts:
        part.write_text(part.read_text().replace('msgid "A token"\nmsgstr ""', 'msgid "A token"\nmsgstr "토큰"'))
    assert catalogues.merge(path, parts) == (1, [])
    assert path.read_text() == before.replace('msgid "A token"\nmsgstr ""', 'msgid "A token"\nmsgstr "토큰"')
    path.write_text(before.replace('msgid "A token"', 'msgid "Tokens"'))
    assert len(catalogues.merge(path, parts)[1]) == 1


@pytest.mark.parametrize("text", ['msgid "a"\nmsgtxt "b"\n', "\udcff"])
def test_a_file_that_is_no_catalogue_is_named(course, text):
    path = course / "translations" / "ko" / "week1.po"
    path.write_text(text, errors="surrogateescape")
    with pytest.raises(CourseError, match="can't be read") as stopped:
        catalogues.bring_up_to_date(course)
    assert str(path) in str(stopped.value) and "\n" not in str(stopped.value)


def test_a_folder_that_is_no_language_is_named(course):
    (course / "translations" / "korean").mkdir()
    with pytest.raises(CourseError, match="translations/korean is no language"):
        catalogues.bring_up_to_date(course)


def test_a_notebook_that_does_not_say_its_language_is_named(course):
    path = course / "source" / "week1" / "one.ipynb"
    path.write_text(path.read_text().replace("speak(", "talk("))
    with pytest.raises(CourseError, match="one.ipynb doesn't say its language"):
        translated(path, "ko", str, course)


def test_a_language_that_is_not_there_says_which_are():
    with pytest.raises(UnknownLanguage, match=r"There is no language 'xx' here. There are: en, ") as stopped:
        use("xx")
    assert set(LANGUAGES) <= set(known()) and "\n" not in str(stopped.value)
