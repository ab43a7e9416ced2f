"""The report on a class: what its page and its tables say, and that nothing in it runs or loads."""

import csv
import re
import sqlite3

import nbformat
import pytest
from markupsafe import escape
from nbformat.v4 import new_output
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory

from learngpt_teaching.autograding import tidy
from learngpt_teaching.report import (
    Check,
    Class,
    Student,
    _submissions,
    histogram,
    likely_causes,
    mistakes,
    unlikely,
    write_report,
)
from tests.support import ROOT, SOURCE
from tests.support.classroom import make_course, mark, open_gradebook
from tests.support.pages import Dangers
from tests.support.programs import run

NAMES = ("1-bigram", "4-masking")
EQUAL, ROWS = "head_v3_equals_the_loops", "head_v3_rows_sum_to_one"
CAUSE = "the softmax runs down the columns. <b>Rows</b>, please."
MESSAGE = f"The weights of row 3 sum to 0.25, expected 1.\nLikely cause: {CAUSE}"
ODD = '<script>document.title = "ran"</script>'
OWN = {"one": "copied", "two": "copied", "three": "usual", "four": "usual", "five": "usual", "six": "other"}
NOTES = {
    ("five", "4-masking"): ["A cell uses checks.__all__, which is a part of the checks."],
    ("six", "4-masking"): [f"4-masking (1).ipynb is older than 4-masking.ipynb, which was taken. {ODD}"],
}
BODIES = {
    "usual": "scores = torch.zeros(T, T)\nself.wei = scores.masked_fill(mask, minus).softmax(-1)\nreturn self.wei @ x",
    "copied": "\n".join(f"a{number} = torch.{name}(x, {number})" for number, name in enumerate("abcdefghijklmnop")),
    "other": "return [torch.stack(rows).mean(0) for rows in x]",
}


FILES = {("two", "1-bigram"): ""}  # which file a notebook was graded from, where it has another name


def write(course, student, verdicts):
    """Autograded notebooks of a student: who isn't right in 4-masking has its message."""
    lost = [] if student in ("three", "four") else [EQUAL] if student == "six" else [EQUAL, ROWS]
    for name in NAMES:
        notebook = nbformat.read(SOURCE / f"{name}.ipynb", 4)
        for cell in notebook.cells:
            grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
            if grade_id == "head_v3":
                body = BODIES[OWN[student]].replace("\n", "\n        ")
                cell.source = re.sub(r"### BEGIN SOLUTION.*### END SOLUTION", body, cell.source, flags=re.S)
            elif grade_id in lost:
                text = MESSAGE if student != "six" else f"HeadVer3 stops with {ODD} after 17 steps."
                lines = [f"{'✗' if number == 0 else ' '} {line}" for number, line in enumerate(text.split("\n"))]
                cell.outputs = [new_output("error", ename="CheckFailed", evalue=text, traceback=lines)]
        verdict, reason = verdicts.get((student, name), ("graded", ""))
        notes = NOTES.get((student, name), [])
        about = {
            "verdict": verdict,
            "reason": reason,
            "notes": notes,
            "file": FILES.get((student, name), f"{name}.ipynb"),
        }
        notebook.metadata["learngpt"] = about | ({"language": "ko"} if student == "five" else {})
        folder = course / "autograded" / student / "week1"
        folder.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, folder / f"{name}.ipynb")
    mark(course, student, lost=lost)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = make_course(tmp_path_factory.mktemp("report") / "course")
    (course / "source").symlink_to(SOURCE.parent)
    verdicts = {
        ("one", "1-bigram"): ("set aside", f"The checks were changed. {ODD}"),
        ("two", "1-bigram"): ("unreadable", "There is no file 1-bigram.ipynb in the submission."),
        ("three", "1-bigram"): ("unreadable", "The file is a web page."),
        ("four", "1-bigram"): ("differs", "The exam says no, the check yes."),
    }
    for student in OWN:
        write(course, student, verdicts)
    submitted = course / "submitted" / "six" / "week1"
    submitted.mkdir(parents=True)
    (submitted / "data").symlink_to("/usr/share")
    (submitted / "timestamp.txt").write_text("yesterday")
    assert len(tidy(submitted)) == 2
    with open_gradebook(course) as gradebook:
        gradebook.update_or_create_assignment("week1", duedate="2024-03-01 12:00:00")
        gradebook.update_or_create_student("never", first_name="=Never", last_name="Came")
        for hour, student in enumerate(OWN):
            submission = gradebook.update_or_create_submission("week1", student, timestamp=f"2024-03-01 1{hour}:00:00")
            for notebook in submission.notebooks:
                notebook.flagged = student == "five" and notebook.name == "1-bigram"
                if student == "one" and notebook.name == "1-bigram":
                    for grade in notebook.grades:
                        grade.needs_manual_grade = True
                if student == "four" and notebook.name == "1-bigram":
                    notebook.grades[0].manual_score = notebook.grades[0].max_score
        gradebook.db.commit()
    return course


@pytest.fixture(scope="module")
def report(course):
    done = run("learngpt_teaching.report", "week1", "--course-dir", course, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    folder = course / "report" / "week1"
    assert f"The report is in {folder / 'index.html'}" in done.stdout
    return folder


def rows(report, name):
    with (report / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_of_each_check_it_is_told_how_many_passed_and_what_was_named_and_who(report):
    checks = {row["check"]: (row["passed"], row["tried"], row["share"]) for row in rows(report, "checks")}
    assert checks[EQUAL] == ("2", "6", "0.333") and checks[ROWS] == ("3", "6", "0.5")
    causes = [row for row in rows(report, "causes") if row["check"] == EQUAL]
    assert [(row["cause"], row["count"], row["students"]) for row in causes] == [
        (CAUSE, "3", "five one two"),
        (f"HeadVer3 stops with {ODD} after … steps.", "1", "six"),
    ]
    html = (report / "index.html").read_text()
    assert "3 × the softmax runs down the columns. &lt;b&gt;Rows&lt;/b&gt;, please." in html
    assert '<span class="who">five, one, two</span>' in html
    assert "4 of 6 missed it." in html
    talk = html.split("<h2>What to talk about</h2>")[1].split("</table>")[0]
    assert '3 ×</td><td class="name">4-masking</td><td>the softmax runs down' in talk and talk.count("<tr>") == 1


def test_notebooks_that_could_not_be_graded_count_for_no_check(report):
    checks = {row["check"]: row["tried"] for row in rows(report, "checks") if row["notebook"] == "1-bigram"}
    assert set(checks.values()) == {"3"}  # four, five and six


def test_what_is_missing_unreadable_set_aside_differing_or_flagged_is_listed(report):
    html = (report / "index.html").read_text()
    look = html.split("<h2>To look at</h2>")[1].split("</table>")[0]
    look = look.replace(' class="name"', "")
    assert "one</td><td>1-bigram</td><td>set aside" in look and "The checks were changed." in look
    assert "four</td><td>1-bigram</td><td>differs</td><td>Points were given by hand. The exam says no" in look
    assert "five</td><td>1-bigram</td><td>flagged in formgrader" in look
    gone = html.split("<h2>Missing, or not to be read</h2>")[1].split("</table>")[0].replace(' class="name"', "")
    # The course of this test has two of the six notebooks, and "two" one of these.
    assert "three</td><td>1-bigram</td><td>unreadable" in gone and "two</td><td>1-bigram, 2-averaging, 3-" in gone
    assert "6 of 7 students handed in." in html
    assert "Nothing came from never." in html
    assert "Points by hand are wanted for one; they aren't counted here yet." in html


def test_what_was_left_out_set_aside_or_noted_is_listed_after_what_waits(report):
    look = (report / "index.html").read_text().split("<h2>To look at</h2>")[1].split("</table>")[0]
    notes = re.findall(r"<td>(.*?)</td><td[^>]*>(.*?)</td><td>note</td><td>(.*?)</td>", look)
    assert notes == [
        ("five", "4-masking", "A cell uses checks.__all__, which is a part of the checks."),
        ("six", "", "data is a link to /usr/share, and was set aside."),
        ("six", "", "It was graded without a time: timestamp.txt was none. Correct “not a time.txt”."),
        ("six", "4-masking", f"4-masking (1).ipynb is older than 4-masking.ipynb, which was taken. {escape(ODD)}"),
    ]
    assert look.index("set aside</td>") < look.index("note</td>")


def test_points_are_a_histogram_with_its_numbers_as_text(report):
    html = (report / "index.html").read_text()
    assert 'alt="Bars: 5 have 90 to 100."' in html
    assert '<tr><td>90 to 100 points</td><td class="number">5</td></tr>' in html  # one waits
    students = {row["student"]: (row["status"], row["points"]) for row in rows(report, "students")}
    assert students["one"] == ("waits", "") and students["three"] == ("marked", "100")
    assert students["six"] == ("marked", "96") and students["never"] == ("no submission", "")
    assert next(row["name"] for row in rows(report, "students") if row["student"] == "never") == "'=Never Came"


def test_the_usual_answer_is_no_copy_and_the_unusual_one_is_shown(course, report):
    assert rows(report, "alike") == []  # in a class of six nothing is that unlikely
    html = (report / "index.html").read_text()
    assert "No pair is alike in a way that fewer than one class in 20 would have by chance." in html


def test_what_one_pair_in_many_does_is_nothing_special_in_a_large_class():
    students = [Student(str(number), "", submitted=True) for number in range(40)]  # 780 pairs
    alike = [(bits, "0", str(number), {"cell": (1.0, 1, 39)}) for number, bits in enumerate((20.0, 10.0), start=1)]
    [(classes, one, other, cells)] = unlikely(Class("week1", 100, [], students, alike))
    assert (one, other) == ("0", "1") and round(classes) == 1344
    assert cells == ["cell: the same; 1 of 39 others write so"]


def test_times_and_late_students_are_one_line_each(report):
    times = (report / "index.html").read_text().split("<h2>Times</h2>")[1]
    assert "The first handed in at 2024-03-01 10:00:00" in times and "the last at 2024-03-01 15:00:00" in times
    lines = re.findall("<li>(.*?)</li>", times)
    assert lines == [
        "five: 2:00:00 late, no penalty",
        "four: 1:00:00 late, no penalty",
        "six: 3:00:00 late, no penalty",
    ]


def test_nothing_in_it_runs_or_loads(report):
    html = (report / "index.html").read_text()
    assert Dangers(re.sub(r'href="\w+\.csv"', 'href="#"', html)).found == []
    assert ODD not in html and html.count("<img ") == 2 and html.count(' alt="Bars: ') == 2
    assert report.stat().st_mode & 0o077 == 0


def test_a_class_of_nobody_has_a_report_too(tmp_path):
    course = make_course(tmp_path / "course")
    page = write_report(CourseDirectory(root=str(course), course_id="learngpt"), "week1", tmp_path / "report")
    html = page.read_text()
    assert "0 of 0 students handed in." in html and "No times are known." in html


def test_while_a_class_is_read_marks_can_be_written(tmp_path):
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as gradebook:
        gradebook.add_assignment("week1")
        for number in range(120):
            gradebook.add_student(f"s{number}")
            gradebook.add_submission("week1", f"s{number}")
        found = _submissions(gradebook, gradebook.find_assignment("week1"))
        names = [next(found).student_id]
        with sqlite3.connect(tmp_path / "gradebook.db", timeout=0.1) as other:
            other.execute("update student set last_name = 'Kim'")
        names += [one.student_id for one in found]
    assert names == sorted(f"s{number}" for number in range(120))


def test_an_unknown_assignment_is_named(course):
    done = run("learngpt_teaching.report", "week9", "--course-dir", course, cwd=ROOT)
    assert done.returncode == 1 and "The gradebook does not know week9." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "message, causes",
    [
        ("x\nLikely cause: a.\nLikely cause: b.", ["a.", "b."]),
        ("HeadVer3 says 0.25, not 1.", ["HeadVer3 says …, not …."]),
        ("", [""]),
    ],
)
def test_a_message_is_grouped_by_its_causes_or_by_its_words(message, causes):
    assert likely_causes(message) == causes


def test_what_to_talk_about_is_a_mistake_and_not_an_empty_cell():
    empty, them = dict.fromkeys("abc", "It isn't written yet."), set("abc")
    one = Check("4-masking", "one", "title", 4, [], empty | dict.fromkeys("de", "x\nLikely cause: dim=0."), them)
    other = Check("4-masking", "two", "title", 4, [], empty | {"e": "x\nLikely cause: dim=0.", "f": "It is nan."}, them)
    assert one.causes()[0] == ("The TODO isn't written yet.", ["a", "b", "c"])
    assert mistakes([one, other]) == [("dim=0.", "4-masking", ["d", "e"])]  # "e" lost two checks by one mistake


def test_who_handed_in_in_which_language_is_told(report):
    assert {row["student"]: row["languages"] for row in rows(report, "students")}["five"] == "ko"
    assert "Notebooks in ko: five." in (report / "index.html").read_text()


def test_full_marks_are_in_the_last_step_of_the_histogram():
    bins = histogram([0, 9.9, 10, 99, 100], 100)
    assert bins[0] == ("0 to 10", 2) and bins[1] == ("10 to 20", 1) and bins[9] == ("90 to 100", 2)
    assert sum(count for _, count in bins) == 5
