"""nbgrader's exchange, from the release to the feedback that a student fetches, with its own commands; hostile ones."""

import logging
import os
import pwd
import shutil
import stat
import sys

import pytest
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import notebook_hash

from learngpt_teaching.exchange import Collect, ReleaseFeedback, open_to_others
from tests.support import ROOT
from tests.support.classroom import make_course, mark, nbgrader, open_gradebook

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="nbgrader's exchange needs Unix")


def test_a_student_fetches_submits_and_gets_feedback(tmp_path):
    course, student = make_course(tmp_path / "course"), tmp_path / "student"
    student.mkdir()
    for folder in (course, student):  # as the instructor of a shared machine writes it into nbgrader_config.py, once
        with (folder / "nbgrader_config.py").open("a") as config:
            config.write(f"\nc = get_config()\nc.Exchange.root = {str(tmp_path / 'exchange')!r}\n")
            config.write("c.ExchangeCollect.check_owner = False\n")  # one user plays all of them here
            config.write(f"c.Exchange.cache = {str(tmp_path / 'cache')!r}\nc.CourseDirectory.course_id = 'learngpt'\n")

    nbgrader(course, "release_assignment", "week1")
    assert "learngpt week1" in nbgrader(student, "list")

    nbgrader(student, "fetch_assignment", "week1")
    fetched = student / "week1"
    released = {path.name: path.read_bytes() for path in (ROOT / "release" / "week1").glob("*.ipynb")}
    assert {path.name: path.read_bytes() for path in fetched.iterdir()} == released

    shutil.copy(ROOT / "notebooks" / "week1" / "1-bigram.ipynb", fetched)
    assert "Submitted as: learngpt week1" in nbgrader(student, "submit", "week1", "--student=ada")
    assert "learngpt ada week1" in nbgrader(course, "list", "--inbound")

    nbgrader(course, "collect", "week1")
    submitted = course / "submitted" / "ada" / "week1"
    assert (submitted / "1-bigram.ipynb").read_bytes() == (fetched / "1-bigram.ipynb").read_bytes()
    assert (submitted / "timestamp.txt").exists()

    # Grading has its own tests; what it hands on is the notebooks, the time and the secret of the submission.
    shutil.copytree(submitted, course / "autograded" / "ada" / "week1")
    mark(course, "ada")
    nbgrader(course, "generate_feedback", "week1")
    nbgrader(course, "release_feedback", "week1")
    nbgrader(student, "fetch_feedback", "week1", "--student=ada")
    assert stat.S_IMODE(submitted.stat().st_mode) == 0o700
    pages = sorted((fetched / "feedback").rglob("*.html"))
    assert [page.name for page in pages] == [name.replace("ipynb", "html") for name in sorted(released)]
    assert "1-bigram: 15 of 15 points" in pages[0].read_text()

    # A second submission is fetched on demand, and only then replaces the first.
    (fetched / "2-averaging.ipynb").unlink()
    assert "2-averaging.ipynb: MISSING" in nbgrader(student, "submit", "week1", "--student=ada")
    nbgrader(course, "collect", "week1")
    assert (submitted / "2-averaging.ipynb").exists()
    nbgrader(course, "collect", "week1", "--update")
    assert not (submitted / "2-averaging.ipynb").exists()


ME = pwd.getpwuid(os.getuid()).pw_name
NIGHT, MORNING = "2024-03-05 01:00:00.000000 UTC", "2024-03-05 09:00:00.000000 UTC"


@pytest.fixture
def inbound(tmp_path):
    folder = tmp_path / "exchange" / "learngpt" / "inbound"
    folder.mkdir(parents=True)
    (tmp_path / "exchange").chmod(0o777)
    return folder


@pytest.fixture
def hand_in(inbound):
    def hand_in(student, files, time=NIGHT):
        folder = inbound / f"{student}+week1+{time}+abc"
        folder.mkdir()
        for name, content in {"timestamp.txt": time, **files}.items():
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        folder.chmod(0o777)  # as `nbgrader submit` leaves it
        return folder

    return hand_in


@pytest.fixture(scope="module")
def known_course(tmp_path_factory):
    return make_course(tmp_path_factory.mktemp("exchange") / "course")


@pytest.fixture
def course(tmp_path, known_course):
    shutil.copytree(known_course, tmp_path / "course")
    return tmp_path / "course"


def directory(course, student="*"):
    return CourseDirectory(root=str(course), course_id="learngpt", assignment_id="week1", student_id=student)


@pytest.fixture
def collect(course, inbound, caplog):
    def collect(check_owner=False, **options):
        caplog.clear()
        with caplog.at_level(logging.INFO):
            step = Collect(coursedir=directory(course), root=str(inbound.parent.parent), check_owner=check_owner)
            step.log = logging.getLogger("collect")
            for name, value in options.items():
                setattr(step, name, value)
            step.start()
        return caplog.text

    return collect


def submitted(course):
    folder = course / "submitted"
    return {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.name != "timestamp.txt"}


def files(course):
    return [name for name, path in submitted(course).items() if not path.is_dir()]


def test_a_link_to_the_solution_is_not_collected(course, collect, hand_in):
    folder = hand_in("mallory", {"1-bigram.ipynb": "{}"})
    (folder / "4-masking.ipynb").symlink_to(ROOT / "source" / "week1" / "4-masking.ipynb")
    (folder / "all").symlink_to(ROOT / "source" / "week1")
    hand_in("bob", {"1-bigram.ipynb": "{}"})
    said = collect()
    assert files(course) == ["bob/week1/1-bigram.ipynb", "mallory/week1/1-bigram.ipynb"]
    assert "4-masking.ipynb: a link" in said and "all: a link" in said


def test_a_submission_that_is_a_link_is_not_collected(course, collect, inbound, hand_in):
    hand_in("bob", {"1-bigram.ipynb": "{}"})
    (inbound / f"mallory+week1+{NIGHT}+abc").symlink_to(ROOT / "source" / "week1")
    assert "is a link, or no folder" in collect()
    assert files(course) == ["bob/week1/1-bigram.ipynb"]


def test_a_pipe_does_not_stop_the_collector(course, collect, hand_in):
    os.mkfifo(hand_in("mallory", {"1-bigram.ipynb": "{}"}) / "2-averaging.ipynb")
    assert "is no ordinary file" in collect()
    assert files(course) == ["mallory/week1/1-bigram.ipynb"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can play another user")
def test_another_name_of_somebody_elses_file_is_not_collected(course, collect, inbound, hand_in):
    folder = hand_in("mallory", {"1-bigram.ipynb": "{}"})
    for path in (folder, folder / "1-bigram.ipynb"):
        os.chown(path, 65534, 65534)
    secret = inbound / "the instructor's"
    secret.write_text("secret")
    os.link(secret, folder / "2-averaging.ipynb")
    assert "2-averaging.ipynb belongs to somebody else" in collect()
    assert files(course) == ["mallory/week1/1-bigram.ipynb"]


def test_nobody_hands_in_for_another(course, collect, hand_in):
    hand_in(ME, {"1-bigram.ipynb": "{}"})
    hand_in("ada", {"1-bigram.ipynb": "forged"}, "2107-01-01 00:00:00.000000 UTC")
    said = collect(check_owner=True)
    assert files(course) == [f"{ME}/week1/1-bigram.ipynb"]
    assert f"belongs to {ME}, not to ada" in said and "check_owner = False" in said


@pytest.mark.parametrize(
    "name", ["ada+week1+garbage+abc", "..+week1+{}+abc", "+week1+{}+abc", "ada+week1+", "ada+week1+9999999999999999+a"]
)
def test_an_odd_name_stops_nobody(course, collect, inbound, hand_in, name):
    hand_in("bob", {"1-bigram.ipynb": "{}"})
    (inbound / name.format(NIGHT)).mkdir()
    assert "has a name that `nbgrader submit` doesn't give" in collect()
    assert files(course) == ["bob/week1/1-bigram.ipynb"]


def test_what_is_collected_is_private(course, collect, hand_in):
    (hand_in("bob", {"1-bigram.ipynb": "{}"}) / "data").mkdir(mode=0o777)
    collect()
    modes = {name: stat.S_IMODE(path.stat().st_mode) for name, path in submitted(course).items()}
    assert modes == {"bob": 0o700, "bob/week1": 0o700, "bob/week1/1-bigram.ipynb": 0o600, "bob/week1/data": 0o700}


def test_times_of_files_are_kept(course, collect, hand_in):
    os.utime(hand_in("bob", {"1-bigram.ipynb": "{}"}) / "1-bigram.ipynb", (1e9, 1e9))
    collect()
    assert (course / "submitted" / "bob" / "week1" / "1-bigram.ipynb").stat().st_mtime == 1e9


@pytest.mark.parametrize("bad", [b"garbage :(", b"\xff\xfe", b"", b"1" * 500])
def test_a_bad_timestamp_is_replaced_by_the_time_of_the_submission(course, collect, hand_in, bad):
    hand_in("bob", {"1-bigram.ipynb": "first", "timestamp.txt": bad})
    hand_in("kim", {"1-bigram.ipynb": "{}"})
    collect()
    folder = course / "submitted" / "bob" / "week1"
    assert (folder / "timestamp.txt").read_text() == "2024-03-05 01:00:00 UTC"
    hand_in("bob", {"1-bigram.ipynb": "second", "timestamp.txt": bad}, MORNING)
    (folder / "timestamp.txt").write_bytes(bad)
    collect(update=True)
    assert (folder / "1-bigram.ipynb").read_text() == "second"


def test_the_newest_is_collected_or_the_last_before_the_due_date(course, collect, hand_in):
    for hour in ("03", "09", "05"):
        hand_in("bob", {"1-bigram.ipynb": hour}, f"2024-03-05 {hour}:00:00 UTC")
    collect()
    notebook = course / "submitted" / "bob" / "week1" / "1-bigram.ipynb"
    assert notebook.read_text() == "09"
    with_duedate(course, "2024-03-05 06:00:00")
    collect(before_duedate=True)
    assert notebook.read_text() == "05"
    assert "Already collected" in collect()


def with_duedate(course, when):
    with open_gradebook(course) as gradebook:
        gradebook.update_or_create_assignment("week1", duedate=when)


def test_a_submission_that_is_too_large_does_not_cost_the_earlier_one(course, collect, hand_in):
    hand_in("bob", {"1-bigram.ipynb": "first"})
    hand_in("kim", {"1-bigram.ipynb": "first"})
    collect()
    large = hand_in("bob", {"1-bigram.ipynb": "second"}, MORNING)
    with (large / "z.bin").open("wb") as file:
        file.truncate(90_000_000)
    shutil.copyfile(large / "1-bigram.ipynb", large / "a.bin")
    os.truncate(large / "a.bin", 90_000_000)
    hand_in("kim", {"1-bigram.ipynb": "second"}, MORNING)
    assert "Not collected: bob: has more than 100,000 kB" in collect(update=True)
    contents = {name: submitted(course)[f"{name}/week1/1-bigram.ipynb"].read_text() for name in ("bob", "kim")}
    assert contents == {"bob": "first", "kim": "second"}
    assert files(course) == ["bob/week1/1-bigram.ipynb", "kim/week1/1-bigram.ipynb"]


def test_feedback_is_released_for_the_others(course, inbound, caplog):
    """nina's submission was put into submitted/ by hand: she has no secret, and bob still gets his pages."""
    for student, more in {"nina": {}, "bob": {"submission_secret.txt": "s3cret", "own.html": "<script>"}}.items():
        folder = course / "feedback" / student / "week1"
        folder.mkdir(parents=True)
        for name, content in {"1-bigram.html": "page", **more}.items():
            (folder / name).write_text(content)
    step = ReleaseFeedback(coursedir=directory(course), root=str(inbound.parent.parent))
    step.log = logging.getLogger("release")
    with caplog.at_level(logging.INFO):
        step.start()
    released = [path.name for path in (inbound.parent / "feedback").iterdir()]
    assert released == [f"{notebook_hash(secret='s3cret', notebook_id='1-bigram')}.html"]
    assert "hand out feedback/STUDENT/week1 yourself: nina" in caplog.text


def test_a_course_is_released_in_the_languages_that_are_asked_for(course, tmp_path):
    english, korean = ({path.name: path.read_bytes() for path in (ROOT / "release" / place).glob("*.ipynb")}
                       for place in ("week1", "ko/week1"))  # fmt: skip

    def release(*languages):
        options = [f"--ReleaseAssignment.languages={language}" for language in languages]
        options += [f"--Exchange.root={tmp_path / 'exchange'}", "--force"]
        nbgrader(course, "release_assignment", "week1", *options)
        there = tmp_path / "exchange" / "learngpt" / "outbound" / "week1"
        return {str(path.relative_to(there)): path.read_bytes() for path in there.rglob("*.ipynb")}

    (tmp_path / "exchange").mkdir()
    assert release() == english != korean
    assert release("ko") == korean
    assert release("en", "ko") == english | {f"ko/{name}": content for name, content in korean.items()}
    with pytest.raises(AssertionError, match="week1 is not there in 'de'. There are: en, ko."):
        release("de")


def test_it_is_said_what_everybody_can_read(course, monkeypatch):
    (course / "source" / "week1").mkdir(parents=True)
    (course / "submitted").mkdir(mode=0o755)
    monkeypatch.setattr("learngpt_teaching.exchange._all_enter", lambda folder: folder.stat().st_mode & 0o001)
    course.chmod(0o755)
    (course / "source").chmod(0o755)
    (course / "gradebook.db").chmod(0o644)
    [said] = open_to_others(directory(course))
    assert "can read the hidden tests, the gradebook and what was submitted." in said
    assert f"chmod 700 {course}" in said
    (course / "source").chmod(0o750)
    (course / "gradebook.db").chmod(0o600)
    assert "can read what was submitted." in open_to_others(directory(course))[0]
    course.chmod(0o700)
    assert open_to_others(directory(course)) == []
