"""`nbgrader export` into a table, and into Canvas's and Moodle's own files."""

import csv
import zipfile

import pytest

from learngpt_teaching.marks import CanvasExporter, MoodleExporter
from tests.support.classroom import make_course, mark, nbgrader, open_gradebook

CANVAS = (
    "\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,essay (11),week1 (4711),Final Score\r\n"
    ",,,,,Manual Posting,,(read only)\r\n"
    "    Points Possible,,,,,10,100,(read only)\r\n"
    '"Lovelace, Ada",101,s101,ada@uni.example,A,9.5,,41\r\n'
    '"O""Neil, Bjørn ""Bo""",102,s102,bo,"A, B",,,\r\n'
    "=SUM(1),103,s103,+evil,A,,,\r\n"
    "김 하나,104,s104,hana,A,1,3,\r\n"
    "Nobody,105,,,A,,,\r\n"
    '"Student, Test",,,abc,,,,\r\n'
)
MOODLE = (
    "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Last modified (grade),Feedback comments\n"
    'Participant 201,"Turing, Alan ""Al""",alan@uni.example,Submitted for grading,,100.00,-,\n'
    'Participant 202,Ñandú,nandu@uni.example,No submission,,100.00,-,"two\nlines, and more"\n'
    "Participant 203,@SUM(1),hana@uni.example,Submitted for grading,,100.00,-,\n"
)
LOST = "generate_never_shows_more_than_block_size"  # 4 points


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = make_course(tmp_path_factory.mktemp("exporting") / "course")
    mark(course, "ada@uni.example", last_name="Lovelace")
    mark(course, "bjorn", lost=[LOST], lms_user_id="102")
    mark(course, "103", lost=[LOST])
    mark(course, "s104", email="hana@uni.example")
    mark(course, "201", lost=[LOST])
    mark(course, "-elsewhere")
    with open_gradebook(course) as gradebook:
        gradebook.add_student("105")
        grade = gradebook.find_submission("week1", "s104").notebooks[0].grades[0]
        grade.extra_credit = 0.5
        gradebook.db.commit()
    return course


def export(course, platform, text, *arguments):
    (course / "in.csv").write_text(text, newline="")
    exporter = f"{platform}Exporter"
    options = [
        f"--exporter=learngpt_teaching.marks.{exporter}",
        f"--{exporter}.file=in.csv",
        "--to=out.csv",
        *arguments,
    ]
    return nbgrader(course, "export", *options)


def test_canvas_gets_its_own_file_back_with_the_marks(course):
    said = export(course, "Canvas", CANVAS)
    expected = CANVAS.replace(",9.5,,41", ",9.5,100,41").replace('"A, B",,,', '"A, B",,96,')
    expected = expected.replace("+evil,A,,,", "+evil,A,,96,").replace("A,1,3,", "A,1,100.5,")
    assert (course / "out.csv").read_bytes().decode() == expected
    assert "has 4 marks" in said
    assert "With a mark, but not in Canvas's file, 2: -elsewhere, 201." in said
    assert "Without a submission, 1: Nobody." in said


def test_moodle_gets_its_own_file_back_with_the_marks(course):
    said = export(course, "Moodle", MOODLE)
    with (course / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["Grade"] for row in rows] == ["96", "", "100.5"]
    assert [row["Full name"] for row in rows] == ['Turing, Alan "Al"', "Ñandú", "@SUM(1)"]
    assert rows[1]["Feedback comments"] == "two\nlines, and more"
    assert "Without a submission, 1: Ñandú." in said


@pytest.mark.parametrize(
    "platform, text, reason",
    [
        ("Canvas", CANVAS.replace("week1 (4711)", "week2 (4711)"), "0 columns for 'week1'"),
        ("Canvas", CANVAS.replace("essay (11)", "week1 (11)"), "2 columns for 'week1'"),
        ("Canvas", CANVAS.replace(",10,100,", ",10,20,"), "Canvas has 20 points for week1, the gradebook 100"),
        ("Canvas", CANVAS.replace(",102,", ",103,"), "103 of the gradebook is in 2 rows"),
        ("Canvas", CANVAS.replace("Student,ID", "Student,Number"), "has 0 columns 'ID'"),
        ("Canvas", "\r\n".join(CANVAS.split("\r\n")[:3]), "no student of in.csv has a mark"),
        ("Canvas", "", "is empty"),
        ("Moodle", MOODLE.replace("100.00", "10,00").replace(",10,00,", ',"10,00",'), "Moodle has 10 points"),
        ("Moodle", MOODLE.replace(",Grade,", ",Bewertung,"), "has 0 columns 'Grade'"),
    ],
)
def test_what_does_not_match_is_refused_and_named(course, platform, text, reason, monkeypatch):
    monkeypatch.chdir(course)
    (course / "in.csv").write_text(text, newline="")
    (course / "refused.csv").unlink(missing_ok=True)
    exporter = {"Canvas": CanvasExporter, "Moodle": MoodleExporter}[platform](file="in.csv", to="refused.csv")
    with open_gradebook(course) as gradebook, pytest.raises(SystemExit, match=f"Nothing was exported: .*{reason}"):
        exporter.export(gradebook)
    assert not (course / "refused.csv").exists()


def test_the_file_itself_is_not_overwritten(course, monkeypatch):
    monkeypatch.chdir(course)
    (course / "in.csv").write_text(CANVAS, newline="")
    with open_gradebook(course) as gradebook, pytest.raises(SystemExit, match="Say another one to write"):
        CanvasExporter(file="in.csv", to="in.csv").export(gradebook)
    assert (course / "in.csv").read_bytes().decode() == CANVAS


def test_marks_that_wait_for_a_hand_are_left_out(course):
    with open_gradebook(course) as gradebook:
        grade = gradebook.find_submission("week1", "103").notebooks[0].grades[0]
        grade.needs_manual_grade = True
        gradebook.db.commit()
    said = export(course, "Canvas", CANVAS, "--student=['103', 'bjorn']")
    assert "has 1 mark." in said
    assert "waits to be graded by hand, 1: 103." in said
    assert "+evil,A,,," in (course / "out.csv").read_text()


@pytest.fixture
def moodle_course(tmp_path):
    course = make_course(tmp_path / "course")
    mark(course, "201", lost=[LOST])
    mark(course, "s_202")
    with open_gradebook(course) as gradebook:
        gradebook.update_or_create_student("s_202", lms_user_id="202")
        gradebook.find_comment("gpt_v1", "1-bigram", "week1", "201").manual_comment = "x < 3 & so on\nSee me"
        gradebook.find_comment("head_v1", "2-averaging", "week1", "201").auto_comment = "No response."
        gradebook.db.commit()
    for student in ("201", "s_202"):
        folder = course / "feedback" / student / "week1"
        folder.mkdir(parents=True)
        (folder / "timestamp.txt").write_text("")
        for page in ("index", "1-bigram"):
            (folder / f"{page}.html").write_text(f"{page} of {student}")
    return course


def test_moodle_gets_comments_given_by_hand_and_pages_of_feedback(moodle_course):
    worksheet = MOODLE.replace("Ñandú", "Ñan_dú/x").replace("Participant 203", "Participant 999")
    said = export(moodle_course, "Moodle", worksheet, "--MoodleExporter.feedback=feedback.zip")
    with (moodle_course / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["Feedback comments"] == "1-bigram: x &lt; 3 &amp; so on<br>See me"
    assert rows[1]["Feedback comments"] == "two\nlines, and more"  # nobody gave her one here
    with zipfile.ZipFile(moodle_course / "feedback.zip") as archive:
        pages = {name: archive.read(name).decode() for name in archive.namelist()}
    assert pages == {
        "Turing, Alan  Al _201_assignfeedback_file_/1-bigram.html": "1-bigram of 201",
        "Turing, Alan  Al _201_assignfeedback_file_/index.html": "index of 201",
        "Ñan dú x_202_assignfeedback_file_/1-bigram.html": "1-bigram of s_202",
        "Ñan dú x_202_assignfeedback_file_/index.html": "index of s_202",
    }
    for name in pages:  # as Moodle takes it apart: at "_", into no more than five pieces
        assert name.split("_", 4)[1:4] in (["201", "assignfeedback", "file"], ["202", "assignfeedback", "file"])
    assert "feedback.zip has 4 pages" in said


def test_moodle_without_a_column_for_comments_and_without_pages(moodle_course):
    (moodle_course / "feedback" / "s_202" / "week1" / "index.html").unlink()
    (moodle_course / "feedback" / "s_202" / "week1" / "1-bigram.html").unlink()
    worksheet = MOODLE.replace("Feedback comments", "Feedback")
    said = export(moodle_course, "Moodle", worksheet, "--MoodleExporter.feedback=feedback.zip")
    assert "1 with a comment, which are left out: the file has no column 'Feedback comments'" in said
    assert "Without a page of feedback, 1: s_202. Run `nbgrader generate_feedback` first." in said


def test_the_table_quotes_names_and_leaves_out_what_waits(tmp_path):
    course = make_course(tmp_path / "course")
    mark(course, "ada", lost=[LOST], last_name="O'Neil, Jr.", first_name='Ada "A"')
    mark(course, "mallory")
    mark(course, "late")
    with open_gradebook(course) as gradebook:
        gradebook.add_student("never")
        gradebook.find_submission("week1", "mallory").notebooks[0].grades[0].needs_manual_grade = True
        gradebook.find_submission("week1", "late").notebooks[0].late_submission_penalty = 12.5
        gradebook.db.commit()
    said = nbgrader(course, "export")
    with (course / "grades.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert rows["ada"]["last_name"] == "O'Neil, Jr." and rows["ada"]["first_name"] == 'Ada "A"'
    assert {name: (row["score"], row["status"]) for name, row in rows.items()} == {
        "ada": ("96", "marked"),
        "mallory": ("", "waits"),
        "late": ("87.5", "marked"),
        "never": ("", "no submission"),
    }
    assert rows["late"]["raw_score"] == "100" and rows["late"]["late_submission_penalty"] == "12.5"
    assert "waits to be graded by hand: mallory (week1)." in said
    nbgrader(course, "export", "--to=one.csv", "--student=['ada']", "--assignment=['week1']")
    assert len((course / "one.csv").read_text().splitlines()) == 2
