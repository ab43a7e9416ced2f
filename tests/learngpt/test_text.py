"""The corpus, and texts of one's own, good and bad."""

import hashlib
import math
import unicodedata
from pathlib import Path

import pytest
import torch

from learngpt import Text, load_text
from learngpt.text import KOREAN
from tests.support import ROOT


def test_the_corpus_is_the_one_that_its_readme_describes(text):
    page = (ROOT / "data" / "README.md").read_text()
    raw = (ROOT / "data" / "shakespeare.txt").read_bytes()
    assert hashlib.sha256(raw).hexdigest() in page
    assert f"{len(raw):,} characters, {text.vocab_size} different" in page
    assert text.content.startswith("First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\n")
    assert raw.isascii()
    assert 60 <= text.vocab_size <= 90


@pytest.mark.parametrize("name", KOREAN)
def test_a_korean_text_is_the_one_that_its_readme_describes(name):
    page = (ROOT / "data" / "README.md").read_text()
    raw = (ROOT / "data" / name).read_bytes()
    korean = load_text(name)
    assert hashlib.sha256(raw).hexdigest() in page
    assert f"{len(korean.content):,} characters, {korean.vocab_size:,} different, {len(raw):,} bytes" in page
    assert unicodedata.is_normalized("NFC", korean.content)
    assert len(korean.validation) > 4 * 32
    letters = [char for char in korean.content if char.isalpha()]
    assert sum("가" <= char <= "힣" for char in letters) > 0.99 * len(letters)


def test_a_file_of_ones_own_goes_before_the_course_s(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("yujeong.txt").write_text("mine")
    assert load_text("yujeong.txt").content == "mine"
    assert load_text("korean.txt").vocab_size > 100


def test_encode_and_decode_are_inverse(text):
    line = "To-morrow, and to-morrow,\n"
    assert text.decode(text.encode(line)) == line


def test_any_utf8_text_works(tmp_path):
    path = tmp_path / "own.txt"
    path.write_bytes("\ufeff나는 차를 좋아한다.\r\nnaïve ☃".encode())
    own = load_text(path)
    assert own.content == "나는 차를 좋아한다.\nnaïve ☃"
    assert own.decode(own.encode("차 ☃")) == "차 ☃"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "bad.txt is empty"),
        (b"good\xff\xfe", "isn't UTF-8 text: byte 0xff at offset 4"),
        (b"PK\x00\x03", "isn't text: it has a zero byte at offset 2"),
    ],
)
def test_what_is_not_text_is_named(tmp_path, content, said):
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=said):
        load_text(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file .*nowhere.txt"):
        load_text(tmp_path / "nowhere.txt")
    with pytest.raises(ValueError, match="is a folder"):
        load_text(tmp_path)


def test_a_text_shorter_than_a_block_is_named():
    with pytest.raises(ValueError, match=r"a block of 32 .* need 33, and this part has 18"):
        Text("abcdefghijklmnopqrst").batch(4, 32)


def test_a_character_outside_the_vocabulary_is_named(text):
    with pytest.raises(ValueError, match=r"'☃' \(U\+2603\) at position 5 isn't in the vocabulary of shakespeare.txt"):
        text.encode("snow ☃")


def test_targets_are_the_characters_after(text):
    inputs, targets = text.batch(5, 7, torch.Generator().manual_seed(0))
    assert inputs.shape == targets.shape == (5, 7)
    assert torch.equal(inputs[:, 1:], targets[:, :-1])


def test_floors_are_entropies():
    fair = Text("ab" * 500).floors()
    assert fair["ln V"] == pytest.approx(math.log(2))
    assert fair["unigram"] == pytest.approx(math.log(2), abs=1e-3)
    assert fair["bigram"] == pytest.approx(0, abs=1e-3)
