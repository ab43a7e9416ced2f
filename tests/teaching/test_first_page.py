"""What feedback says of points given by hand, of those that wait, and on the first page of a student."""

import re
from html import unescape

import nbformat
import pytest
from nbconvert.exporters import HTMLExporter
from nbgrader.coursedir import CourseDirectory
from traitlets.config import PyFileConfigLoader

from learngpt_teaching.feedback import NBGRADERS, check_title, write_first_page
from tests.support import ROOT, SOURCE
from tests.support.classroom import make_course, mark, nbgrader, open_gradebook
from tests.support.pages import CHECK, LOST, Dangers, autograded

PASSED = "generate_keeps_context_and_appends_max_new_tokens"
SET_ASIDE = "This notebook was set aside. Your instructor looks at it."


def set_aside():
    """1-bigram as the grader leaves it where something kept the checks from working."""
    notebook = autograded(harmless=True)
    notebook.metadata["learngpt"] = {"verdict": "set aside", "reason": "<b>The checks</b> were changed."}
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            error = nbformat.v4.new_output("error", ename="CheckFailed", evalue=SET_ASIDE, traceback=[SET_ASIDE])
            cell.outputs = [error]
    return notebook


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = make_course(tmp_path_factory.mktemp("first_page") / "course")
    with open_gradebook(course) as gradebook:
        gradebook.update_or_create_assignment("week1", duedate="2024-03-01")
    notebooks = {"kim": autograded(harmless=True), "mallory": set_aside(), "waiting": set_aside()}
    for student, notebook in notebooks.items():
        for cell in notebook.cells:
            if cell.metadata.get("nbgrader", {}).get("grade_id") == PASSED:
                cell.metadata["learngpt"] = {"title": "The context stays, and <new> characters follow"}
        folder = course / "autograded" / student / "week1"
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / "1-bigram.ipynb")
        (folder / "index.html").write_text("<script>the student's own</script>")
        (folder / "index.html").chmod(0o444)
        mark(course, student, lost=[CHECK, LOST])
    with open_gradebook(course) as gradebook:
        by_hand(gradebook, "kim", {PASSED: 1, CHECK: 2})
        by_hand(gradebook, "mallory", dict.fromkeys([PASSED, CHECK, LOST], 2))
        for grade in gradebook.find_submission_notebook("1-bigram", "week1", "waiting").grades:
            grade.auto_score, grade.needs_manual_grade = 0, True
        kim = gradebook.find_submission("week1", "kim")
        kim.notebooks[0].late_submission_penalty = 1.5
        gradebook.find_comment("gpt_v1", "1-bigram", "week1", "kim").manual_comment = "<i>Nice</i> & short"
        gradebook.db.commit()
    nbgrader(course, "generate_feedback", "week1")
    return course


def by_hand(gradebook, student, scores):
    for name, score in scores.items():
        grade = gradebook.find_grade(name, "1-bigram", "week1", student)
        grade.manual_score, grade.needs_manual_grade = score, False


def rows(course, student, page):
    """{title: (points, words)} of the table of checks of a page."""
    html = (course / "feedback" / student / "week1" / page).read_text()
    text = {}
    for row in re.findall(r"<tr>(.*?)</tr>", html, re.S):
        points, *rest = re.findall(r"<td.*?>(.*?)</td>", row, re.S) or [""]
        title, _, words = "<".join(rest).partition("<pre>")
        text[unescape(re.sub("<[^>]*>?", "", title)).strip()] = (
            points,
            unescape(re.sub("<[^>]*>", "", words)).strip("<").strip(),
        )
    return text


def title(grade_id):
    cells = nbformat.read(SOURCE / "1-bigram.ipynb", 4).cells
    return next(check_title(cell) for cell in cells if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


PAGES = ["1-bigram.html", "index.html"]
TITLE = "The context stays, and <new> characters follow"


@pytest.mark.parametrize("page", PAGES)
def test_points_given_by_hand_are_called_so(course, page):
    kim = rows(course, "kim", page)
    assert kim[TITLE] == ("✗ 1 of 4", "Your instructor gave these points.")
    assert kim[title(CHECK)] == (
        "✗ 2 of 4",
        "Your instructor gave these points.\nThe check said: The samples follow <argmax>, not softmax.\n"
        "Did you forget to sample?",
    )
    assert kim[title(LOST)] == ("✗ 0 of 4", "TypeError: no")
    mallory = rows(course, "mallory", page)
    assert mallory[TITLE] == ("✗ 2 of 4", "Your instructor gave these points.")


@pytest.mark.parametrize("page", PAGES)
def test_what_waits_for_a_hand_says_so(course, page):
    waiting = rows(course, "waiting", page)
    assert waiting[TITLE] == ("… of 4", "Your instructor looks at this and gives the points.")
    assert "so far" in (course / "feedback" / "waiting" / "week1" / page).read_text()
    assert "did not run to its end" not in str(waiting) and "set aside" not in str(waiting)


def test_the_first_page_has_the_sum_the_penalty_and_the_comments(course):
    html = (course / "feedback" / "kim" / "week1" / "index.html").read_text()
    assert "week1, kim: 89.5 of 100 points" in html
    assert "1.5 points are taken off because it came in late." in html
    assert "&lt;i&gt;Nice&lt;/i&gt; &amp; short" in html
    assert '<a href="1-bigram.html">1-bigram</a>: 4.5 of 15' in html
    assert "6-positions</a>: 20 of 20" in html
    assert Dangers(html.replace("href=", "title=")).found == []  # its links lead to the pages beside it
    assert re.findall('href="([^"]*)"', html)[0] == "1-bigram.html"
    assert "the student's own" not in html
    page = (course / "feedback" / "kim" / "week1" / "1-bigram.html").read_text()
    assert "week1, all notebooks: 89.5 of 100 points." in page


def test_a_regrade_that_waits_again_says_what_the_points_are_for(course, tmp_path):
    coursedir = CourseDirectory(root=str(course), course_id="learngpt")
    with open_gradebook(course) as gradebook:
        gradebook.find_grade(PASSED, "1-bigram", "week1", "mallory").needs_manual_grade = True
        gradebook.db.commit()
    (tmp_path / "index.html").write_text("a page of before")
    write_first_page(coursedir, "week1", "mallory", tmp_path)
    assert "They are for what you handed in before" in (tmp_path / "index.html").read_text()


@pytest.mark.parametrize(
    "metadata, title",
    [
        ({"title": "A sentence."}, "A sentence."),
        ({}, "a grade id"),
        ({"title": ""}, "a grade id"),
        ({"title": ["x"]}, "a grade id"),
        ("own", "a grade id"),
    ],
)
def test_a_check_is_called_by_its_sentence_else_by_its_id(metadata, title):
    metadata = {"nbgrader": {"grade_id": "a_grade_id"}, "learngpt": metadata}
    assert check_title(nbformat.v4.new_code_cell(metadata=metadata)) == title


def test_formgrader_shows_why_a_notebook_was_set_aside_and_students_do_not_see_it(course):
    config = PyFileConfigLoader("nbgrader_config.py", str(ROOT)).load_config()
    config.HTMLExporter.template_name = "formgrade"
    config.HTMLExporter.extra_template_basedirs = [str(NBGRADERS)]
    resources = {"nbgrader": {"notebook": "1-bigram"}, "base_url": "", "total": 1, "index": 0}
    path = course / "autograded" / "waiting" / "week1" / "1-bigram.ipynb"
    html, _ = HTMLExporter(config=config).from_filename(str(path), resources)
    assert "This notebook is set aside." in html
    assert "&lt;b&gt;The checks&lt;/b&gt; were changed." in html
    assert "were changed" not in (course / "feedback" / "waiting" / "week1" / "1-bigram.html").read_text()
