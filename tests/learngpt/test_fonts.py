"""Letters of any script in the pictures, on a machine that has no font for them."""

import hashlib
import unicodedata
import warnings
from pathlib import Path

import pytest
import torch
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from matplotlib import font_manager

from learngpt import plots

FOLDER = Path(plots.__file__).with_name("fonts")
SYLLABLES = [chr(code) for code in range(0xAC00, 0xD7A4)]


@pytest.fixture
def fonts(monkeypatch, request):
    """matplotlib finds DejaVu Sans alone, as on a machine without East Asian fonts; also one with "语", if asked."""
    manager = font_manager.fontManager
    monkeypatch.setattr(manager, "ttflist", [font for font in manager.ttflist if font.name == "DejaVu Sans"])
    if getattr(request, "param", "none") == "chinese":
        manager.addfont(chinese_font(request.getfixturevalue("tmp_path")))
    plots._fonts.cache_clear()
    yield
    plots._fonts.cache_clear()
    manager._findfont_cached.cache_clear()


def chinese_font(folder):
    """A font by the name of a usual one that has the letter "语", drawn as a square, and no other."""
    square = TTGlyphPen(None)
    square.moveTo((0, 0))
    for corner in ((0, 900), (900, 900), (900, 0)):
        square.lineTo(corner)
    square.closePath()
    font = FontBuilder(1000)
    font.setupGlyphOrder([".notdef", "yu"])
    font.setupCharacterMap({ord("语"): "yu"})
    font.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "yu": square.glyph()})
    font.setupHorizontalMetrics({".notdef": (1000, 0), "yu": (1000, 0)})
    font.setupHorizontalHeader(ascent=900, descent=-100)
    font.setupNameTable({"familyName": "Noto Sans CJK SC", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    font.save(folder / "chinese.ttf")
    return folder / "chinese.ttf"


@pytest.fixture
def shown(monkeypatch):
    pictures = []
    monkeypatch.setattr(plots, "display", pictures.append)
    return pictures


@pytest.mark.parametrize(
    ("fonts", "labels"), [("chinese", ["语", "a", "↵"]), ("none", ["U+8BED", "a", "↵"])], indirect=["fonts"]
)
def test_letters_of_any_script_draw_without_a_warning(fonts, labels):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = plots.heatmaps_picture({"": torch.eye(4)}, "Letters", rows="语 \n𓀀", cols="语 \n𓀀")
    assert "'语'" in picture.alt, "alternative text needs no font"
    assert plots.visible("语a\n") == labels


def test_hangul_in_every_kind_of_picture_needs_no_font_of_the_system(fonts, shown):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of a font or a letter that it doesn't find
        plots.heatmap(torch.eye(4), "어디를 보는가", "가뷁힣ㅋ", "가뷁힣ㅋ", "보는 글자", "본 글자")
        plots.heatmaps({"머리": torch.eye(2), "차이": torch.eye(2)}, "두 머리", difference="차이")
        plots.small_heatmaps({"층": {("머리", "또렷함"): torch.eye(2)}}, "머리마다", "보는 글자", "본 글자")
        shown.append(plots.losses_picture({"바이그램": [3.0, 2.5]}, "손실", {"바닥": 2.4}))
        plots.curves([1, 2], {"분산": [1, 2], "가": [2, 1]}, "분산이 커진다", "크기", "분산")
        plots.bars({"확률": [0.2, 0.8]}, "가나", "다음 글자", "확률", "글자")
        plots.ladder({"바이그램": 2.5, "평균": 2.8}, {"바닥": 2.4}, "사다리")
    assert len(shown) == 7


def test_each_syllable_has_a_shape_of_its_own(fonts):
    assert plots.visible(SYLLABLES) == SYLLABLES
    font = TTFont(FOLDER / "hangul.ttf")
    cmap, places, raw = font.getBestCmap(), font["loca"], font.getTableData("glyf")
    numbers = [font.getGlyphID(cmap[ord(syllable)]) for syllable in SYLLABLES]
    shapes = {raw[places[number] : places[number + 1]] for number in numbers}
    assert len(shapes) == len(SYLLABLES) and all(shapes)


def test_a_syllable_in_parts_is_drawn_as_its_jamo(fonts):
    parts = unicodedata.normalize("NFD", "한글")
    cmap = TTFont(FOLDER / "hangul.ttf").getBestCmap()
    assert plots.visible(parts) == list(parts)
    assert [cmap[ord(part)] for part in parts] == [cmap[ord(jamo)] for jamo in "ㅎㅏㄴㄱㅡㄹ"]


def test_a_picture_without_hangul_is_the_same_without_the_font(monkeypatch):
    def picture():
        labels = "ab \né−☃"
        return plots.heatmaps_picture({"x": torch.eye(7)}, "A title", labels, labels, values=True).html

    with_it = picture()
    monkeypatch.setattr(plots, "_fonts", lambda: {"DejaVu Sans": None})
    monkeypatch.setattr(plots, "_drawn", lambda char: char)
    assert picture() == with_it


def test_the_font_is_the_one_that_its_readme_describes():
    page, raw = (FOLDER / "README.md").read_text(), (FOLDER / "hangul.ttf").read_bytes()
    font = TTFont(FOLDER / "hangul.ttf")
    assert hashlib.sha256(raw).hexdigest() in page
    assert f"| {len(raw):,} bytes |" in page and f"| {len(font.getBestCmap()):,}: all 11,172 syllables" in page
    assert "SIL OPEN FONT LICENSE Version 1.1" in (FOLDER / "OFL.txt").read_text()
    named = [str(name) for name in font["name"].names if name.nameID in (1, 3, 4, 6, 16)]
    assert named and not any("nanum" in name.lower() for name in named), "the licence reserves the name"
