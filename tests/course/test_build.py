"""release/ and notebooks/ are what source/ makes, and all three keep the rules of the course."""

import ast
import base64
import html
import re
import shutil

import nbformat
import pytest
from nbgrader.preprocessors import ClearHiddenTests

from tests.support import NAMES, ROOT
from tests.support.classroom import nbgrader


def read(step, name):
    return nbformat.read(ROOT / step / "week1" / f"{name}.ipynb", as_version=4)


def graded(notebook):
    return [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")]


def test_each_step_has_the_six_notebooks():
    for step in ("source", "release", "notebooks"):
        assert sorted(path.stem for path in (ROOT / step / "week1").iterdir()) == NAMES


def test_release_is_what_generate_assignment_makes_of_source(tmp_path):
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    shutil.copytree(ROOT / "source", tmp_path / "source")
    nbgrader(tmp_path, "generate_assignment", "week1")
    for name in NAMES:
        path = f"release/week1/{name}.ipynb"
        assert (tmp_path / path).read_text() == (ROOT / path).read_text(), f"{path} is old: run `make build`"


@pytest.mark.parametrize("name", NAMES)
def test_solved_notebooks_are_made_from_source(name):
    source, solved = read("source", name), read("notebooks", name)
    assert len(source.cells) == len(solved.cells)
    for cell, made in zip(source.cells, solved.cells):
        expected, _ = ClearHiddenTests().preprocess_cell(cell, {}, 0)
        assert made.source == expected.source, "notebooks/ is old: run `make build`"
        assert made.id == cell.id


@pytest.mark.parametrize("name", NAMES)
def test_release_has_no_solution_no_hidden_test_and_no_output(name):
    for cell in read("release", name).cells:
        assert "BEGIN " not in cell.source and "END " not in cell.source
        assert not cell.get("outputs")
        if cell.metadata.get("nbgrader", {}).get("solution"):
            assert "# YOUR CODE HERE\n" in cell.source
            assert "raise NotImplementedError()" in cell.source


@pytest.mark.parametrize("name", NAMES)
def test_solved_notebooks_are_executed_without_errors_and_with_described_pictures(name):
    pictures = 0
    for cell in read("notebooks", name).cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error", output.get("evalue")
            assert output.get("name") != "stderr", output.get("text")
            data = output.get("data", {})
            assert not any(kind.startswith("application/vnd.jupyter.widget") for kind in data), "no kernel, no controls"
            for alt in re.findall('<img alt="([^"]*)"', data.get("text/html", "")):
                pictures += 1
                assert len(alt) > 60
                assert data["text/plain"].startswith(html.unescape(alt))
    assert pictures >= 3


def test_the_ladder_says_what_the_notebooks_say_of_it():
    ladder = next(
        output.data["text/plain"]
        for cell in read("notebooks", "6-positions").cells
        for output in cell.get("outputs", [])
        if "Six notebooks, six losses" in output.get("data", {}).get("text/plain", "")
    )
    rung = {name: float(value) for name, value in re.findall(r"([\w ,-]+?) (\d\.\d\d)[,.]", ladder.split(": ")[1])}
    rung = {name.strip(" ,"): value for name, value in rung.items()}
    assert rung["ln V"] > rung["unigram"] > rung["2 mean, loops"] > rung["5 self-attention"] > rung["bigram"]
    assert rung["2 mean, loops"] == rung["3 mean, product"] == rung["4 mean, softmax"]
    assert rung["1 bigram"] == pytest.approx(rung["5 self-attention"], abs=0.04)
    assert rung["6 with positions"] == pytest.approx(rung["bigram"], abs=0.02)


def test_the_small_gpt_stands_far_below_the_other_rungs():
    said = "".join(
        output.get("data", {}).get("text/plain", "")
        for cell in read("notebooks", "6-positions").cells
        for output in cell.get("outputs", [])
    )
    ladder = said[said.index("More heads, more layers") :]
    rung = {number: float(value) for number, value in re.findall(r"(\d) [\w ,-]+? (\d\.\d\d)[,.]", ladder)}
    assert rung["7"] <= 1.60
    assert rung["7"] + 0.7 < min(value for number, value in rung.items() if number in "123456")


def test_points_add_up_to_100():
    points = {name: sum(cell.metadata.nbgrader.points for cell in graded(read("source", name))) for name in NAMES}
    assert list(points.values()) == [15, 20, 10, 15, 20, 20]


def test_every_graded_cell_ends_with_evidence_of_its_points():
    for name in NAMES:
        for cell in graded(read("source", name)):
            last = ast.parse(cell.source).body[-1]
            assert ast.unparse(last) == f"checks.passed({cell.metadata.nbgrader.points})"
            assert "### BEGIN HIDDEN TESTS" in cell.source


def test_grade_ids_are_unique():
    ids = [
        cell.metadata.nbgrader.grade_id
        for name in NAMES
        for cell in read("source", name).cells
        if "nbgrader" in cell.metadata
    ]
    assert len(ids) == len(set(ids))


def test_attached_pictures_are_those_of_img():
    for name in NAMES:
        assert f"{name}.png" in read("source", name).cells[0].attachments
        for cell in read("source", name).cells:
            for file, kinds in cell.get("attachments", {}).items():
                assert base64.b64decode(kinds["image/png"]) == (ROOT / "img" / file).read_bytes()


def test_key_query_and_value_are_listed_in_the_order_in_which_they_are_made():
    listed = 0
    for name in NAMES:
        for cell in read("source", name).cells:
            for paragraph in re.split(r"\n\n|\n(?=if|class|def)", cell.source):
                places = [re.search(rf"\b{word}\b", paragraph) for word in ("key", "query", "value")]
                if all(places):
                    listed += 1
                    assert [place.start() for place in places] == sorted(place.start() for place in places), paragraph
    assert listed >= 3
