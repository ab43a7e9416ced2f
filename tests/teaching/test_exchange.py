"""nbgrader's exchange, from the release to the feedback that a student fetches, with its own commands."""

import contextlib
import shutil
import sys

import pytest
from jupyter_core.application import NoStart
from nbgrader.apps import NbGraderApp

from tests.support import ROOT
from tests.support.classroom import make_course, mark

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="nbgrader's exchange needs Unix")


@pytest.fixture
def nbgrader(monkeypatch, capfd):
    """Run one of nbgrader's commands in a folder; in this process, because each start takes seconds."""

    def run(folder, *arguments):
        monkeypatch.chdir(folder)
        capfd.readouterr()
        application = NbGraderApp.instance()
        try:
            with contextlib.suppress(NoStart):  # which jupyter raises when the command has run
                application.initialize(list(arguments))
                application.start()
        finally:
            if application.subapp:
                application.subapp.clear_instance()
            NbGraderApp.clear_instance()
        return "".join(capfd.readouterr())

    return run


def test_a_student_fetches_submits_and_gets_feedback(tmp_path, nbgrader):
    course, student = make_course(tmp_path / "course"), tmp_path / "student"
    student.mkdir()
    for folder in (course, student):  # as the instructor of a shared machine writes it into nbgrader_config.py, once
        with (folder / "nbgrader_config.py").open("a") as config:
            config.write(f"\nc = get_config()\nc.Exchange.root = {str(tmp_path / 'exchange')!r}\n")
            config.write(f"c.Exchange.cache = {str(tmp_path / 'cache')!r}\nc.CourseDirectory.course_id = 'learngpt'\n")

    nbgrader(course, "release_assignment", "week1")
    assert "learngpt week1" in nbgrader(student, "list")

    nbgrader(student, "fetch_assignment", "week1")
    fetched = student / "week1"
    released = {path.name: path.read_bytes() for path in (ROOT / "release" / "week1").iterdir()}
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
