"""Each hostile or broken submission gets the verdict that tests/hostile says, and touches nothing but itself."""

import contextlib
import importlib
import json
import shutil
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from learngpt_teaching.course import Course
from learngpt_teaching.damage import Unreadable
from learngpt_teaching.engine.rebuilding import grade_id_of, is_own, read, rebuild
from learngpt_teaching.engine.running import control, grade_notebook
from learngpt_teaching.engine.sandbox import LIMITS, Broken, Warmed
from learngpt_teaching.results import Result
from learngpt_teaching.submissions import jobs
from tests.hostile import Submission
from tests.support import ROOT, needs_program

NAME = "4-masking"
SHORT = LIMITS | {"cell_cpu": 2, "idle": 4, "call": 5, "wall": 60, "cpu": 40}  # than in earnest
TABLE = [
    each
    for file in ("damaged", "attacks", "honest")
    for each in vars(importlib.import_module(f"tests.hostile.{file}")).values()
    if isinstance(each, Submission)
]
COURSE = Course(ROOT / "source" / "week1")
PARSED = COURSE.notebooks[NAME].node

pytestmark = [needs_program("bwrap", "bubblewrap"), pytest.mark.slow]


def content(step):
    return (ROOT / step / "week1" / f"{NAME}.ipynb").read_bytes()


def submitted(each, port):
    """The bytes of a submission."""
    if each.raw:
        return each.edit(content(each.start))
    notebook = json.loads(content(each.start))
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    each.edit(notebook)
    return json.dumps(notebook).replace("PORT", str(port)).encode()


@pytest.fixture(scope="module")
def warmed():
    warmed = Warmed()
    warmed.import_ahead(COURSE.modules)
    yield warmed
    warmed.close()


@pytest.fixture
def grade(warmed, tmp_path):
    def grade(raw):
        """The way of a submitted file to its result, through all that lies between."""
        (tmp_path / f"{NAME}.ipynb").write_bytes(raw)
        job = jobs(COURSE, tmp_path, SHORT)[NAME]
        result = grade_notebook(COURSE, NAME, job.cells, job.missing, warmed, SHORT)
        return Result.from_json(result.to_json(), COURSE.notebooks[NAME].possible)

    return grade


@pytest.fixture(scope="module")
def port():
    """A server on this machine that nobody may reach."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def said(result):
    return result.reason + "\n".join(check.message for check in result.checks.values())


def shown(result):
    return json.dumps([cell.get("outputs", []) for cell in result.notebook.cells])


@pytest.mark.parametrize("each", TABLE, ids=lambda each: each.name)
def test_submissions_get_their_verdict(each, grade, port):
    result = grade(submitted(each, port))
    verdicts = {each.verdict} if isinstance(each.verdict, str) else each.verdict
    allowed = {each.points} if isinstance(each.points, int) else each.points
    assert result.verdict in verdicts, said(result)
    assert result.points in allowed, said(result)
    assert each.phrase in said(result)
    # What is kept of any submission is small, and its cells are the course's.
    assert len(shown(result)) < 3_000_000
    result.to_json().encode()
    assert result.reason.isprintable()
    assert said(result).replace("\n", "").isprintable()
    ids = [grade_id_of(cell) for cell in result.notebook.cells if grade_id_of(cell)]
    assert ids == [grade_id_of(cell) for cell in PARSED.cells if grade_id_of(cell)]
    for word in ("WROTE", "REACHED", "SCRIPT", "FOUND ['"):
        assert word not in shown(result), shown(result)


def test_there_are_enough():
    assert len(TABLE) >= 45


def test_nothing_is_left_on_the_machine(grade, port):
    deadline = time.monotonic() + 10
    [daemon] = [each for each in TABLE if each.name == "leaves_a_daemon"]
    grade(submitted(daemon, port).replace(b"LEFTOVER", b"98765"))
    while time.monotonic() < deadline and any("98765" in p.info["cmdline"] for p in processes()):
        time.sleep(0.1)
    assert not any("98765" in p.info["cmdline"] for p in processes())
    [writer] = [each for each in TABLE if each.name == "writes_around"]
    grade(submitted(writer, port))
    for folder in ("/", "/usr", "/etc", "/dev", "/tmp", "/run", str(ROOT), str(ROOT / "learngpt")):
        assert not (Path(folder) / "written-by-a-submission").exists()


def processes():
    return [process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"]]


def test_one_submission_does_not_change_another(grade, port):
    for name in ("checks_do_nothing", "ends_the_process", "isclose_says_yes"):
        [each] = [each for each in TABLE if each.name == name]
        grade(submitted(each, port))
        result = grade(content("notebooks"))
        assert (result.verdict, result.points) == ("graded", 15)


def test_two_kernels_find_no_way_to_each_other(warmed, tmp_path):
    pair = [each for each in TABLE if each.name in ("waits_for_another_kernel", "looks_for_another_kernel")]

    def outputs(each):
        folder = tmp_path / each.name
        folder.mkdir()
        (folder / f"{NAME}.ipynb").write_bytes(submitted(each, 0))
        job = jobs(COURSE, folder, SHORT)[NAME]
        return shown(grade_notebook(COURSE, NAME, job.cells, job.missing, warmed, SHORT))

    with ThreadPoolExecutor(2) as pool:
        for said in pool.map(outputs, pair):
            assert "REACHED" not in said, said


def test_the_courses_own_answers_are_tried_the_same_way(warmed, tmp_path):
    control(COURSE, NAME, warmed, SHORT)
    folder = shutil.copytree(ROOT / "source" / "week1", tmp_path / "source" / "week1")
    path = folder / f"{NAME}.ipynb"
    wrong = path.read_text().replace('float(\\"-inf\\")', "-5.0")
    assert wrong != path.read_text()
    path.write_text(wrong)
    with pytest.raises(Broken, match="own answers fail its exam here, in head_v3_equals_the_loops"):
        control(Course(folder), NAME, warmed, SHORT)


def test_without_bubblewrap_grading_refuses(monkeypatch):
    from learngpt_teaching.engine import sandbox

    monkeypatch.setenv("PATH", "/nowhere")
    sandbox.must_contain.cache_clear()
    with pytest.raises(sandbox.NoContainment, match="apt-get install bubblewrap"):
        sandbox.Warmed()
    sandbox.must_contain.cache_clear()


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def damaged(draw):
    """The file of a solved notebook with random damage to its structure or its bytes."""
    notebook = json.loads(content("notebooks"))
    for cell in notebook["cells"]:
        cell.pop("outputs", None)
    cells = notebook["cells"]
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(cells) - 1)) if cells else 0
        kind = draw(st.sampled_from(["shuffle", "remove", "copy", "metadata", "source", "type", "cell", "key", "top"]))
        if kind == "shuffle":
            cells[:] = draw(st.permutations(cells))
        elif kind == "top":
            notebook[draw(st.sampled_from(["cells", "metadata", "nbformat"]))] = draw(junk)
            if notebook["cells"] is not cells:
                break
        elif kind == "remove" and cells:
            del cells[place]
        elif kind == "copy" and cells:
            cells.insert(draw(st.integers(0, len(cells))), cells[place])
        elif kind == "cell" and cells:
            cells[place] = draw(junk)
        elif cells and isinstance(cells[place], dict):
            key = {"type": "cell_type", "key": draw(st.text(max_size=8))}.get(kind, kind)
            cells[place] = cells[place] | {key: draw(junk)}
    raw = bytearray(json.dumps(notebook).encode())
    for _ in range(draw(st.sampled_from([0, 0, 1, 5]))):
        raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    return bytes(raw)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_what_is_graded_is_the_courses_whatever_happens_to_a_file(raw):
    try:
        cells = read(raw)
    except Unreadable as error:
        assert str(error)
        return
    rebuilt = rebuild(PARSED, cells)
    course = [cell for cell in rebuilt.cells if not is_own(cell)]
    assert len(course) == len(PARSED.cells)
    for cell, right in zip(course, PARSED.cells):
        assert (cell.metadata, cell.cell_type, cell.id) == (right.metadata, right.cell_type, right.id)
        assert cell.source == right.source or right.metadata.get("nbgrader", {}).get("solution")


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.binary(max_size=200)
    | st.fixed_dictionaries(
        {}, optional={"cells": junk, "worksheets": st.lists(st.dictionaries(st.just("cells"), junk))}
    )
)
def test_what_cannot_be_read_is_named(raw):
    with contextlib.suppress(Unreadable):
        rebuild(PARSED, read(raw if isinstance(raw, bytes) else json.dumps(raw).encode()))


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(raw=damaged())
def test_random_damage_never_ends_a_run(grade, raw):
    assert grade(raw).verdict in ("graded", "differs", "unreadable")
    result = grade(content("notebooks"))
    assert (result.verdict, result.points) == ("graded", 15)
