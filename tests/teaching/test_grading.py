"""nbgrader's own commands on the course: full marks, no marks, some marks, broken submissions, feedback and export."""

import csv
import json
import os
import re
import shutil
import threading
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook

from learngpt_teaching import own_work
from learngpt_teaching.own_work import Pages, grade
from learngpt_teaching.results import GRADED
from tests.support import ROOT
from tests.support.programs import run

pytestmark = pytest.mark.slow

SOLVED = ROOT / "notebooks" / "week1"
RELEASE = ROOT / "release" / "week1"


def nbgrader(course, *arguments):
    done = run("nbgrader", *arguments, cwd=course)
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def submit(course, student, *folders):
    """A student's submission: the notebooks of the folders, later ones over earlier ones."""
    target = course / "submitted" / student / "week1"
    for folder in folders:
        shutil.copytree(folder, target, dirs_exist_ok=True)
    return target


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course folder with three submissions, autograded."""
    course = tmp_path_factory.mktemp("course")
    shutil.copy(ROOT / "nbgrader_config.py", course)
    shutil.copytree(ROOT / "source", course / "source")
    shutil.copytree(ROOT / "translations", course / "translations")
    solved = submit(course, "solved", SOLVED)
    (solved / "ko").mkdir()
    for name in ("4-masking", "5-self-attention", "6-positions"):  # three notebooks in each language
        (solved / f"{name}.ipynb").unlink()
        shutil.copy(SOLVED.parent / "ko" / "week1" / f"{name}.ipynb", solved / "ko")
    submit(course, "untouched", RELEASE.parent / "ko" / "week1")
    partly = submit(course, "partly", RELEASE)
    for name in ("1-bigram", "3-vectorizing", "5-self-attention"):
        shutil.copy(SOLVED / f"{name}.ipynb", partly)
    path = partly / "5-self-attention.ipynb"
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        cell.source = cell.source.replace(" / C**0.5", "")  # forgets to divide: loses variance and weights
    nbformat.write(notebook, path)
    # As Windows in Korea names a copy, and as somebody does who wants to be read in a terminal.
    (partly / os.fsdecode(b"2-averaging \xba\xb9\xbb\xe7\xba\xbb.ipynb")).write_text("no notebook")
    (partly / "4-masking \x1b[2J\n[AutogradeApp | ERROR] lost.ipynb").write_text("no notebook")
    (partly / "notes \x1b[2J.txt").write_text("mine")
    for name in ("index.HTML", "page.xhtml", "drawing.Svg"):
        (partly / name).write_text("<script>alert(1)</script>")
    messy = submit(course, "messy", SOLVED)
    (messy / "3-vectorizing.ipynb").rename(messy / "My third notebook.ipynb")
    (messy / "1-bigram.ipynb").write_text("no notebook")
    (messy / "2-averaging.ipynb").unlink()
    (messy / "data").symlink_to("/dev/zero")
    nothing = course / "submitted" / "nothing" / "week1"
    nothing.mkdir(parents=True)
    (nothing / "week1.pdf").write_bytes(b"%PDF")
    path = submit(course, "trickster", RELEASE) / "4-masking.ipynb"
    notebook = nbformat.read(path, 4)
    trick = (
        "from learngpt.week1 import checks\nfor name in checks.__all__:\n    setattr(checks, name, lambda *a, **k: 4)"
    )
    notebook.cells.insert(3, new_code_cell(trick))
    nbformat.write(notebook, path)
    nbgrader(course, "generate_assignment", "week1")
    (course / "autograde.log").write_text(nbgrader(course, "autograde", "week1").stderr)
    for student in ("partly", "messy", "nothing", "untouched"):
        nbgrader(course, "generate_feedback", "week1", "--student", student)
    nbgrader(course, "export")
    return course


def test_marks(course):
    with (course / "grades.csv").open() as file:
        scores = {row["student_id"]: row["score"] and float(row["score"]) for row in csv.DictReader(file)}
    waits = ""  # for somebody to look at it: its checks pass and its exam doesn't
    right = {"solved": 100, "untouched": 0, "partly": 15 + 10 + 20 - 8, "messy": 100 - 15 - 20, "trickster": waits}
    right["nothing"] = 0
    assert scores == right


def test_the_log_names_who_was_not_graded_to_the_last_notebook(course):
    said = (course / "autograde.log").read_text()
    assert "nothing, 6-positions: unreadable: There is no file 6-positions.ipynb" in said
    assert "trickster, 4-masking: differs: The check says yes and the exam no" in said
    assert "untouched/week1/6-positions.ipynb" in said
    assert "4-masking [2J [AutogradeApp | ERROR] lost.ipynb was taken." in said
    assert "SAWarning" not in said and "\x1b" not in said


def test_no_page_of_a_students_lies_among_ours(course):
    for folder in ("autograded", "feedback"):
        found = {path.suffix for path in (course / folder / "partly").rglob("*") if path.is_file()}
        assert found <= {".ipynb", ".txt", ".html"}
    names = {path.name for path in (course / "feedback" / "partly" / "week1").glob("*.html")}
    assert names == {"index.html", *(f"{path.stem}.html" for path in SOLVED.glob("*.ipynb"))}


def autograded(course, student, name):
    """What is said in an autograded notebook's graded cells."""
    notebook = nbformat.read(course / "autograded" / student / "week1" / f"{name}.ipynb", 4)
    return {
        output.evalue
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error" and cell.metadata.nbgrader.grade
    }


def test_what_cannot_be_read_is_said(course):
    assert autograded(course, "messy", "1-bigram") == {
        "The file is no notebook: it isn't JSON. Open the notebook in JupyterLab, save it, and hand that file in."
    }
    assert autograded(course, "messy", "2-averaging") == {"There is no file 2-averaging.ipynb in the submission."}
    assert autograded(course, "messy", "3-vectorizing") == set()
    assert not (course / "submitted" / "messy" / "week1" / "data").is_symlink()
    said = (course / "submitted" / "messy" / "set aside" / "week1" / "what was set aside.txt").read_text()
    assert said == "data: a link to /dev/zero\n"


def test_who_keeps_checks_from_working_earns_nothing_and_is_listed(course):
    [said] = autograded(course, "trickster", "4-masking")
    assert said.startswith("The check passes in your notebook, and the same question with other numbers doesn't.")
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        submission = gradebook.find_submission("week1", "trickster")
        assert {each.name for each in submission.notebooks if each.needs_manual_grade} == {"4-masking"}


def test_feedback_tells_why(course):
    page = (course / "feedback" / "partly" / "week1" / "5-self-attention.html").read_text()
    assert "The variance of the scores is " in page
    assert "the scores were not divided by sqrt(C)" in page
    # The picture of expected and yours, which the check has drawn, with its words.
    assert re.search(r'<img[^>]+alt="[^"]*Expected and yours', page)
    assert "data:image/png;base64," in page


def test_feedback_is_in_the_language_of_the_notebook(course):
    said = autograded(course, "untouched", "4-masking")
    assert said and all(re.search("[가-힣]", each) and "isn't written" not in each for each in said)
    page = (course / "feedback" / "untouched" / "week1" / "4-masking.html").read_text()
    assert '<html lang="ko">' in page and said & {line for line in said if line.split("\n")[0][:20] in page}
    assert '<html lang="ko">' in (course / "feedback" / "untouched" / "week1" / "index.html").read_text()
    graded = nbformat.read(course / "autograded" / "solved" / "week1" / "4-masking.ipynb", 4)
    assert any('speak("ko")' in cell.source for cell in graded.cells)  # the course's own cells, too
    page = (course / "feedback" / "untouched" / "week1" / "index.html").read_text()
    assert "✗ 0 of" not in page and "○ 0 /" in page
    assert graded.metadata.learngpt.language == "ko" and graded.metadata.learngpt.file == "ko/4-masking.ipynb"


def test_who_hands_in_no_notebook_gets_no_points_and_feedback_and_that_once(course):
    page = (course / "feedback" / "nothing" / "week1" / "index.html").read_text()
    assert "0 of 100" in page and "There is no file 4-masking.ipynb in the submission." in page
    command = ["learngpt_teaching.grade", "week1", "--student", "nothing"]
    said = [run(*command, cwd=course).stdout for _ in range(2)]
    assert "1 submission, 1 of them new or changed." in said[0] and "Graded 1 submission" in said[0]
    assert not (course / "feedback" / "nothing" / "week1").exists(), "of the marks before"
    assert said[1] == "1 submission, 0 of them new or changed.\n"
    assert "  nothing: no notebook of the course is in it, only week1.pdf.\n" in said[0]
    assert "nothing, " not in said[0]
    said = run(*command[:-1], "trickster", cwd=course).stdout
    assert said.count("Points by hand are wanted for trickster.\n") == 1


def by_hand(course, student, notebook):
    """Of each check of a notebook: the points that a person gave, and whether they are asked for."""
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        found = gradebook.find_submission_notebook(notebook, "week1", student)
        comments = {comment.comment for comment in found.comments}
        return {grade.name: (grade.manual_score, grade.needs_manual_grade) for grade in found.grades}, comments


def test_points_and_a_comment_given_by_hand_stay_and_are_asked_for_again_when_the_notebook_changed(course):
    where = "5-self-attention", "week1", "partly"
    lost = "head_v4_variance_is_1_after_scaling"
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        grade = gradebook.find_grade(lost, *where)
        grade.manual_score = 1.5
        gradebook.find_submission_notebook(*where).comments[0].manual_comment = "Nearly."
        gradebook.db.commit()
    for _ in range(2):
        nbgrader(course, "autograde", "week1", "--student", "partly", "--force")
        marks, comments = by_hand(course, "partly", "5-self-attention")
        assert marks[lost] == (1.5, False) and "Nearly." in comments
        assert not any(waits for _, waits in marks.values())
    path = course / "submitted" / "partly" / "week1" / "5-self-attention.ipynb"
    path.write_text(path.read_text().replace("class HeadVer4", "# once more\\nclass HeadVer4", 1))
    nbgrader(course, "autograde", "week1", "--student", "partly", "--force")
    # What came in this way `make grade` looks at again; and nobody has looked at the points yet.
    said = run("learngpt_teaching.grade", "week1", "--student", "partly", cwd=course).stdout
    assert "1 submission, 1 of them new or changed." in said
    assert "  partly, 5-self-attention: points by hand were given for an earlier version: look again.\n" in said
    assert "\x1b" not in said
    marks, comments = by_hand(course, "partly", "5-self-attention")
    assert marks.pop(lost) == (1.5, True) and "Nearly." in comments
    assert not any(waits for _, waits in marks.values())


def test_the_copy_that_is_left_out_is_in_the_report(course):
    folder = course / "submitted" / "solved" / "week1"
    shutil.copy(RELEASE / "1-bigram.ipynb", folder / "1-bigram (1).ipynb")
    shutil.copy(RELEASE / "4-masking.ipynb", folder)  # of the other language than the one that was worked in
    left_out = "1-bigram (1).ipynb is the notebook as it was released; 1-bigram.ipynb was taken."
    said = run("learngpt_teaching.grade", "week1", "--student", "solved", "--force", cwd=course).stdout
    look = said.split("To look at:")[1]
    assert f"  solved: {left_out}" in look and "4-masking" not in look
    assert left_out in (course / "report" / "week1" / "index.html").read_text()


def test_validate_accepts_the_solved_and_names_what_is_missing():
    solved = nbgrader(SOLVED, "validate", "4-masking.ipynb")
    assert "Success! Your notebook passes all the tests." in solved.stdout
    untouched = nbgrader(RELEASE, "validate", "3-vectorizing.ipynb")
    assert "VALIDATION FAILED ON 2 CELL(S)!" in untouched.stdout
    assert "This part of the TODO isn't written yet" in untouched.stdout


def test_make_check_says_once_what_keeps_several_checks_from_running(tmp_path):
    (tmp_path / "week1").mkdir()
    shutil.copy(RELEASE / "6-positions.ipynb", tmp_path / "week1")
    said = run("learngpt_teaching.own_work", tmp_path / "week1", "--notebook", "6", cwd=tmp_path).stdout
    assert said.startswith("Grading notebook 6 of ")
    assert said.count("○  0 / ") == 6
    [page] = (tmp_path / "week1-feedback").iterdir()  # the one about all six, if there is one, stays as it is
    assert str(page) in said and page.name == "6-positions.html"
    assert [said.count(f"in GPTVer3.{name} in the cell") for name in ("logits", "pos_encodings")] == [1, 1]


def test_make_check_grades_and_changes_nothing(tmp_path):
    feedback = tmp_path / "feedback"
    tmp_path = tmp_path / "week1"
    shutil.copytree(RELEASE, tmp_path, dirs_exist_ok=True)
    for name in ("2-averaging", "4-masking"):
        shutil.copy(SOLVED / f"{name}.ipynb", tmp_path)
    (tmp_path / "6-positions.ipynb").unlink()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    results = list(grade(tmp_path))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert {each.job.name: each.points for each in results} == {
        "1-bigram": 0, "2-averaging": 20, "3-vectorizing": 0, "4-masking": 15, "5-self-attention": 0, "6-positions": 0
    }  # fmt: skip
    assert sum(each.possible for each in results) == 100
    signs = {each.job.name: {sign for sign, _, _ in each.rows} for each in results}
    assert (signs["1-bigram"], signs["2-averaging"], signs["6-positions"]) == ({"○"}, {"✓"}, {"✗"})
    first, *_, missing = results
    assert own_work._next(results).startswith("Next: 1-bigram. Its TODO isn't written yet")
    tried = replace(missing, result=replace(missing.result, verdict=GRADED))
    assert own_work._next([first, tried]).startswith("Next: 6-positions, “")  # what was tried comes first
    pages = Pages(feedback)
    for each in results:
        pages.write(each)
    page = pages.write_first(results).read_text()
    assert "<h1>35 of 100 points</h1>" in page
    for name in signs:
        assert f'<a href="{name}.html">' in page and (feedback / f"{name}.html").is_file()
    assert "HeadVer2()(x): This part of the TODO isn&#39;t written yet" in page
    assert "There is no file 6-positions.ipynb in the submission." in page


def test_make_check_takes_one_notebook_and_names_the_copy_it_leaves_out(tmp_path, capsys):
    folder = tmp_path / "week1"
    folder.mkdir()
    shutil.copy(RELEASE / "4-masking.ipynb", folder)
    shutil.copy(SOLVED / "4-masking.ipynb", folder / "4-masking (1).ipynb")
    [graded] = grade(folder, "4")
    assert (graded.job.file, graded.points) == ("4-masking (1).ipynb", 15)
    assert graded.job.left_out == (
        "4-masking.ipynb is the notebook as it was released; 4-masking (1).ipynb was taken.",
    )
    with pytest.raises(FileNotFoundError, match="There is no notebook 9. There are 1-bigram, 2-averaging"):
        list(grade(folder, "9"))


def test_make_check_of_an_empty_folder_says_what_to_do(tmp_path):
    tmp_path = tmp_path / "week1"
    tmp_path.mkdir()
    with pytest.raises(FileNotFoundError, match="There is no notebook in .* `make lab`"):
        list(grade(tmp_path))


def test_a_kernel_at_work_after_the_last_save_is_told(tmp_path, monkeypatch):
    shutil.copy(RELEASE / "1-bigram.ipynb", tmp_path)
    shutil.copy(RELEASE / "2-averaging.ipynb", tmp_path)
    saved = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
    for path in tmp_path.glob("*.ipynb"):
        os.utime(path, (saved.timestamp(), saved.timestamp()))

    class Server(BaseHTTPRequestHandler):
        def do_GET(self):
            ran = {"1-bigram": "2026-03-04T09:00:05.123456Z", "2-averaging": "2026-03-04T08:59:00.000000Z"}
            sessions = [{"path": f"{name}.ipynb", "kernel": {"last_activity": time}} for name, time in ran.items()]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(sessions).encode())

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("localhost", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    known = {"url": f"http://localhost:{server.server_port}/", "token": "", "root_dir": str(tmp_path)}
    gone = known | {"url": "http://localhost:9/"}
    monkeypatch.setattr(own_work, "list_running_servers", lambda: [gone, known])
    [(notebook, when, ran)] = own_work.unsaved(tmp_path)
    server.shutdown()
    assert notebook == "1-bigram"
    assert when == saved
    assert (ran - when).total_seconds() == pytest.approx(5.123456)
