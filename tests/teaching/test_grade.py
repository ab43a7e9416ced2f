"""A whole class: two Dask workers of which one is killed, runs that are broken off, SQLite and PostgreSQL."""

import contextlib
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace

import nbformat
import psutil
import pytest
from distributed import LocalCluster, Security
from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook
from nbgrader.converters import NbGraderException
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import OperationalError

from learngpt_teaching.grade import AHEAD, GradeClass, Report, _UnderWay
from learngpt_teaching.settings import StudentCode
from tests.support import ROOT, needs_program
from tests.support.classroom import make_course as make_class
from tests.support.classroom import mark, open_gradebook
from tests.support.programs import run

GRADE = "learngpt_teaching.grade", "week1"
NAMES = ("1-bigram", "2-averaging")  # enough of the course to see what a class does
EDITS = {
    "forgets-to-divide": ("2-averaging", ".mean(dim=0)", ".sum(dim=0)", 30),
    "takes-the-best": ("1-bigram", "torch.multinomial(probabilities, num_samples=1)", "probabilities.topk(1)[1]", 31),
    "ends-the-kernel": ("2-averaging", "out = torch.zeros(B, T, C)", "import os; os._exit(1)", 25),
}  # fmt: skip
MARKS = {"right": 35, "right-too": 35, "right-as-well": 35} | {student: edit[3] for student, edit in EDITS.items()}

pytestmark = [needs_program("bwrap", "bubblewrap"), pytest.mark.slow]


def make_course(folder, students=tuple(MARKS)):
    """A course of two notebooks with submissions, no two of them alike."""
    (folder / "source" / "week1").mkdir(parents=True)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    for student in students:
        submitted = folder / "submitted" / student / "week1"
        submitted.mkdir(parents=True)
        for name in NAMES:
            notebook = nbformat.read(ROOT / "notebooks" / "week1" / f"{name}.ipynb", 4)
            notebook.cells.insert(1, new_code_cell(f"# by {student}"))
            which, old, new, _ = EDITS.get(student, (None,) * 4)
            if which == name:
                [solution] = [cell for cell in notebook.cells if old in cell.source and "class " in cell.source]
                solution.source = solution.source.replace(old, new)
            nbformat.write(notebook, submitted / f"{name}.ipynb")
    for name in NAMES:
        shutil.copy(ROOT / "source" / "week1" / f"{name}.ipynb", folder / "source" / "week1")
    return folder


def all_marks(students):
    return {student: MARKS[student] for student in students}


def command(*options):
    return [sys.executable, "-m", *GRADE, *options]


def grade(course, *options):
    done = run(*GRADE, *options, cwd=course)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def generate(course, *options):
    run("nbgrader", "generate_assignment", "week1", *options, cwd=course).check_returncode()


def marks(db_url):
    with Gradebook(db_url) as gradebook:
        return {each.student.id: each.score for each in gradebook.assignment_submissions("week1")}


def sqlite(course):
    return f"sqlite:///{course}/gradebook.db"


def results(course):
    return {path: path.stat().st_mtime_ns for path in (course / "autograded" / ".results").glob("*.json")}


def wait_for_results(course, count, process):
    while len(results(course)) < count:
        assert process.poll() is None, "the run ended before it could be broken off"
        time.sleep(0.05)


def test_an_interrupted_run_goes_on_where_it_was(tmp_path):
    students = "right", "forgets-to-divide", "takes-the-best"
    course = make_course(tmp_path, students)
    generate(course)
    # Once by Ctrl-C, once as if the power went.
    for signum, count in ((signal.SIGINT, 1), (signal.SIGKILL, 3)):
        process = subprocess.Popen(
            command("--workers", "1", "--force"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            cwd=course, start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
        )  # fmt: skip
        wait_for_results(course, count, process)
        os.killpg(process.pid, signum)  # a terminal's Ctrl-C reaches the workers, too
        said, _ = process.communicate(timeout=60)
        if signum == signal.SIGINT:
            assert "Stopped. What was graded is kept" in said
            assert "Traceback" not in said
    before = results(course)
    said = grade(course, "--force")
    assert {path: results(course)[path] for path in before} == before
    assert marks(sqlite(course)) == all_marks(students)
    assert "3 submissions" in said
    # What is graded is not graded again; what is changed is, and that alone.
    assert "0 of them new or changed" in grade(course)
    path = course / "submitted" / "right" / "week1" / "1-bigram.ipynb"
    path.write_text(path.read_text().replace("num_samples=1)", "num_samples=1).clone()"))
    assert "1 of them new or changed" in grade(course)
    assert marks(sqlite(course)) == all_marks(students)
    # Marks that came into the gradebook in another way, from a backup perhaps, are those of no submission.
    with contextlib.closing(sqlite3.connect(course / "gradebook.db")) as database, database:
        [[grade_id]] = database.execute("SELECT id FROM grade WHERE auto_score > 0 LIMIT 1").fetchall()
        database.execute("UPDATE grade SET auto_score = 0 WHERE id = ?", [grade_id])
    assert "1 of them new or changed" in grade(course)
    assert marks(sqlite(course)) == all_marks(students)


def test_nbgraders_own_command_stops_at_once_and_without_a_traceback(tmp_path):
    course = make_course(tmp_path, ["right"])
    generate(course)
    path = course / "submitted" / "right" / "week1" / "1-bigram.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells.insert(1, new_code_cell("import time\ntime.sleep(1e9)"))
    nbformat.write(notebook, path)
    process = subprocess.Popen(
        [sys.executable, "-m", "nbgrader", "autograde", "week1"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, cwd=course, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    said = ""
    while "Converting notebook" not in said:  # then it waits for the result
        assert (line := process.stdout.readline()), said
        said += line
    process.send_signal(signal.SIGINT)
    said += process.communicate(timeout=20)[0]
    assert said.endswith("\nStopped. What was graded is kept; the same command goes on from here.\n")
    assert process.returncode == 130 and "Traceback" not in said
    assert not (course / "autograded" / "right" / "week1").exists()


def test_a_killed_worker_costs_nothing(tmp_path):
    course = make_course(tmp_path)
    generate(course)
    security, certificates = Security.temporary(), tmp_path / "certificates"
    certificates.mkdir()
    for name, text in (
        ("ca", security.tls_ca_file), ("cert", security.tls_client_cert), ("key", security.tls_client_key)
    ):  # fmt: skip
        (certificates / f"{name}.pem").write_text(text)
    workers = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**workers, protocol="tls", security=security) as cluster:
        address = cluster.scheduler_address
        process = subprocess.Popen(
            command("--scheduler", address, "--tls", str(certificates)), stdout=subprocess.PIPE, text=True,
            cwd=course,
        )  # fmt: skip
        wait_for_results(course, 3, process)
        victim = next(iter(cluster.workers.values())).process.pid
        kernels = psutil.Process(victim).children(recursive=True)
        os.kill(victim, signal.SIGKILL)
        said, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    assert "Graded 6 submissions" in said
    assert marks(sqlite(course)) == MARKS
    _, alive = psutil.wait_procs(kernels, timeout=10)
    assert not alive, "what the killed worker had started goes on"


def test_a_cluster_that_can_not_be_used_is_named(tmp_path):
    course = make_course(tmp_path, ["right"])
    generate(course)

    def fails(*options):
        done = run(*GRADE, *options, cwd=course)
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        return done.stderr

    assert "is not encrypted: whoever reaches such a scheduler can run code as you" in fails("--scheduler", "tcp://x:1")
    assert "There is no ca.pem in" in fails("--scheduler", "tls://localhost:9")


def test_grading_here_opens_no_port(tmp_path):
    course = make_course(tmp_path, ["right", "right-too"])
    generate(course)
    process = subprocess.Popen(command(), stdout=subprocess.DEVNULL, cwd=course)
    wait_for_results(course, 1, process)
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    ports = []
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):  # a kernel may have ended meanwhile
            ports += one.net_connections("inet")
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    assert ports == []


@pytest.fixture
def postgres():
    """The address of a PostgreSQL server of its own, which listens on no network."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # not below pytest's own, which are closed to other users
    user = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        owner = pwd.getpwnam("postgres")
        user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        os.chown(folder, owner.pw_uid, owner.pw_gid)

    def call(program, *arguments):
        subprocess.run([programs[-1] / program, *arguments], check=True, cwd="/", stdout=subprocess.DEVNULL, **user)

    data = folder / "data"
    call("initdb", "-D", data, "-A", "trust", "-U", "postgres")
    call("pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", f"-k {folder} -c listen_addresses=", "start")
    try:
        call("createdb", "-h", folder, "-U", "postgres", "gradebook")
        yield f"postgresql+psycopg://postgres@/gradebook?host={folder}"
    finally:
        call("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)


@needs_program("/usr/lib/postgresql/*/bin/postgres", "postgresql")
def test_marks_go_to_postgresql(tmp_path, postgres):
    students = "right", "forgets-to-divide"
    course = make_course(tmp_path / "course", students)
    generate(course, "--db", postgres)
    grade(course, "--db", postgres)
    assert marks(postgres) == all_marks(students)
    assert not (course / "gradebook.db").exists()


def test_what_is_missing_is_said_at_once(tmp_path):
    def fails(*options):
        done = run(*GRADE, *options, cwd=tmp_path)
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        return done.stderr

    assert "Each submission is graded whole, so leave --notebook out." in fails("--notebook", "1-bigram")
    assert "There are no notebooks in" in fails()
    course = make_course(tmp_path, ["right"])
    assert "The gradebook does not know week1. Run `nbgrader generate_assignment week1` first." in fails()
    generate(course)
    shutil.rmtree(course / "submitted")
    assert "Collect submissions first." in fails()


def locked():
    try:
        raise OperationalError("insert", {}, sqlite3.OperationalError("database is locked"))
    except OperationalError:  # as nbgrader does
        raise NbGraderException("This may occur if you recently upgraded nbgrader.") from None


def full():
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("write", "why"), [(full, "[Errno 28] No space left on device"), (locked, "Another program holds the gradebook.")]
)
def test_what_keeps_marks_from_being_written_is_said_of_that_student(monkeypatch, write, why):
    monkeypatch.setattr(GradeClass, "_write", lambda *_: write())
    report = Report(SimpleNamespace(notebooks=["1-bigram"]))
    GradeClass()._finish("ada", _UnderWay({}, None, {}), None, report)
    assert report.failed["ada"].startswith(why)


def test_a_penalty_and_points_by_hand_are_seen_to_change(tmp_path):
    course = make_class(tmp_path / "course")
    mark(course, "ada")
    app = GradeClass(coursedir=CourseDirectory(assignment_id="week1"))

    def seen():
        with open_gradebook(course) as gradebook:
            return app._marks(gradebook, "ada")

    states = [seen()]
    with open_gradebook(course) as gradebook:
        [first, *_] = gradebook.find_submission("week1", "ada").notebooks
        first.late_submission_penalty = 3
        gradebook.db.commit()
    states.append(seen())
    with open_gradebook(course) as gradebook:
        gradebook.find_submission("week1", "ada").notebooks[0].grades[0].manual_score = 1
        gradebook.db.commit()
    states.append(seen())
    with open_gradebook(course) as gradebook:
        gradebook.find_submission("week1", "ada").notebooks[0].grades[0].extra_credit = 2
        gradebook.db.commit()
    states.append(seen())
    with open_gradebook(course) as gradebook:
        gradebook.update_or_create_submission("week1", "ada", timestamp="2024-03-05 14:22:33")
    states.append(seen())
    assert len({str(state) for state in states}) == 5 and seen() == states[-1] != []


def test_a_large_class_is_never_in_memory_at_once(monkeypatch):
    """1,000 submissions, of which every third is new: no more of them are read than can soon be graded."""
    reads, at_once, most = [], set(), 0

    def new(app, student, report):
        nonlocal most
        reads.append(student)
        if student == "500":
            raise RuntimeError("something in it that nobody thought of")
        if int(student) % 3:
            return {}
        report.new += 1
        at_once.add(student)
        most = max(most, len(at_once))
        return {"1-bigram": student}

    class Grades:
        at_once = 3

        def budget(self):
            return None

        def begin(self, job, budget):
            done = Future()
            done.set_result(job)
            return done

    students = [f"{number}" for number in range(1000)]
    monkeypatch.setattr(GradeClass, "_new", new)
    monkeypatch.setattr(GradeClass, "_grader", lambda app: contextlib.nullcontext(Grades()))
    monkeypatch.setattr(GradeClass, "_finish", lambda app, student, *rest: at_once.remove(student))
    app = GradeClass()
    app.course, app.settings = SimpleNamespace(notebooks=["1-bigram"]), StudentCode()
    report = Report(app.course)
    app._grade(students, report)
    assert reads == students and report.new == 335 and not at_once
    assert list(report.failed) == ["500"] and "nobody thought of" in report.failed["500"]
    assert most <= AHEAD + Grades.at_once
