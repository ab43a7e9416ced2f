"""What students get who have no clone: it holds what they need, and no solution that lies there to be read."""

import os
import subprocess
import sys
import zipfile

import pytest

from learngpt_teaching import handout
from tests.support import NAMES, RELEASE, SOLVED
from tests.support.notebooks import delete

SOLUTION = "torch.cat((idx, drawn), dim=1)"


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    """A handout that a student unpacked, and installed beside what this environment has."""
    folder = tmp_path_factory.mktemp("handout")
    archive = handout.make("week1", folder / "made" / "learngpt-week1")
    zipfile.ZipFile(archive).extractall(folder / "home")
    home = folder / "home" / "learngpt-week1"
    [wheel] = home.glob("*.whl")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", home / "site", wheel]
    subprocess.run(install, check=True)
    return home


def run(student, folder, *command):
    environment = os.environ | {"PYTHONPATH": str(student / "site")}
    done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True)
    return done.stdout + done.stderr


@pytest.mark.slow
def test_it_holds_what_a_student_needs(student):
    assert {path.name for path in (student / "week1").iterdir()} == {f"{name}.ipynb" for name in NAMES}
    assert all((student / "week1" / path.name).read_bytes() == path.read_bytes() for path in RELEASE.glob("*.ipynb"))
    assert len((student / "nbgrader_config.py").read_text().splitlines()) == 3
    [wheel] = student.glob("*.whl")
    said = (student / "README.md").read_text()
    assert (
        f"pip install --constraint constraints.txt {wheel.name}\n" in said and (student / "constraints.txt").is_file()
    )
    assert "begin with `1-bigram.ipynb`" in said and handout.STANDS_IN in said


@pytest.mark.slow
def test_a_skipped_todo_is_stood_in_for_and_its_source_is_nowhere(student):
    assert SOLUTION in (SOLVED / "1-bigram.ipynb").read_text()
    for path in student.rglob("*"):
        assert not path.is_file() or SOLUTION.encode() not in path.read_bytes(), path
    code = """
import inspect, torch, learngpt
GPTVer1, HeadVer4 = learngpt.carry("GPTVer1", "HeadVer4")
print(learngpt.__file__, GPTVer1(7, 4).generate(torch.zeros(1, 1, dtype=torch.long), 5).shape)
try:
    inspect.getsource(GPTVer1.generate)
except OSError as error:
    print(error)
try:
    GPTVer1(7, 4).generate(None, 5)
except TypeError:
    import traceback
    traceback.print_exc()
"""
    said = run(student, student / "week1", "-c", code)
    assert "GPTVer1: the course's, because yours in 1-bigram.ipynb isn't finished" in said
    assert str(student / "site") in said and "torch.Size([1, 6])" in said
    assert "could not get source code" in said
    assert "<1-bigram.ipynb, cell " in said and "idx[:, " not in said


@pytest.mark.slow
def test_validate_misses_a_deleted_check(student):
    delete(student / "week1" / "3-vectorizing.ipynb", "head_v2_equals_the_loops")
    said = run(student, student, "-m", "nbgrader", "validate", "week1/3-vectorizing.ipynb")
    assert "VALIDATION FAILED ON 2 CELL(S)!" in said
    assert "The check head_v2_equals_the_loops is missing" in said


def test_without_the_classes_it_says_so(tmp_path, monkeypatch):
    built = []

    def wheel(folder, classes):
        built.append(classes)
        return folder / "learngpt.whl"

    monkeypatch.setattr(handout, "_wheel", wheel)
    handout.make("week1", tmp_path / "with")
    handout.make("week1", tmp_path / "without", stand_in=False)
    assert isinstance(built[0], bytes) and built[1] is None
    handout.make("week1", tmp_path / "both", languages=("ko", "en"))
    korean = {path.name: path.read_bytes() for path in (RELEASE.parent / "ko" / "week1").glob("*.ipynb")}
    assert {path.name: path.read_bytes() for path in (tmp_path / "both" / "week1").glob("*.ipynb")} == korean
    assert {path.name for path in (tmp_path / "both" / "week1" / "en").iterdir()} == korean.keys()
    assert {"README.md", "README.en.md"} <= {path.name for path in (tmp_path / "both").iterdir()}
    said = (tmp_path / "without" / "README.md").read_text()
    assert handout.NOTHING_STANDS_IN in said and handout.STANDS_IN not in said


def test_what_keeps_it_from_being_made_is_named(tmp_path):
    with pytest.raises(handout.HandoutError, match="There is no .*week9 to hand out"):
        handout.make("week9", tmp_path / "out")
    with pytest.raises(handout.HandoutError, match="is there already"):
        handout.make("week1", tmp_path)
    with pytest.raises(handout.HandoutError, match="The languages are en, ko"):
        handout.make("week1", tmp_path / "out", languages=("de",))
    assert list(tmp_path.iterdir()) == []
