"""`nbgrader zip_collect`: names of Canvas, Moodle and plain ones; broken and hostile archives cost themselves only."""

import atexit
import csv
import io
import json
import os
import shutil
import stat
import struct
import zipfile
from datetime import datetime

import pytest
from nbgrader.apps import ZipCollectApp

from tests.support import RELEASE
from tests.support.classroom import make_course, notebook_bytes, open_gradebook
from tests.support.programs import run

NAMES = ["1-bigram", "2-averaging", "3-vectorizing", "4-masking", "5-self-attention", "6-positions"]


def zipped(files, compression=zipfile.ZIP_DEFLATED):
    """A zip file in memory, from (name or ZipInfo, content) pairs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files:
            archive.writestr(name, content, compression)
    return buffer.getvalue()


def dated(name, year):
    return zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0))


def link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


def encrypted(name):
    """An archive whose entry says that it is encrypted."""
    data = bytearray(zipped([(name, b"{}")]))
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.index(signature) + offset
        data[at : at + 2] = struct.pack("<H", 1)
    return bytes(data)


def lying_bomb(name):
    """40 MB of zeros that its headers call 1 KB."""
    data = bytearray(zipped([(name, b"0" * 40_000_000)]))
    for signature, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        at = data.index(signature) + offset
        data[at : at + 4] = struct.pack("<I", 1000)
    return bytes(data)


def unmarked_utf8(name, content):
    """A zip whose name is UTF-8 without the mark that says so."""
    placeholder = "x" * len(name.encode())
    return zipped([(placeholder, content)]).replace(placeholder.encode(), name.encode())


def deep(levels):
    inner = zipped([("1-bigram.ipynb", notebook_bytes())])
    for _ in range(levels):
        inner = zipped([("again.zip", inner)])
    return inner


CANVAS = [
    ("lovelaceada_101_5001_1-bigram.ipynb", notebook_bytes(said="first")),
    ("lovelaceada_101_5007_1-bigram-1.ipynb", notebook_bytes(said="second")),
    ("lovelaceada_LATE_101_5002_2-averaging.ipynb", notebook_bytes("2-averaging")),
    ("hopper-grace_102_5003_week1.zip", zipped([(f"week1/{name}.ipynb", notebook_bytes(name)) for name in NAMES])),
    ("bøhm_103_5004_1-bigram.ipynb.txt", notebook_bytes(said="browser")),
    ("noether_104_5005_my answer.ipynb", notebook_bytes(said="renamed")),
    ("noether_104_5006_notes.pdf", b"%PDF"),
]
MOODLE = [
    ("Alan Turing_201_assignsubmission_file_/1-bigram.ipynb", notebook_bytes(said="folder")),
    ("Emmy O'Neil_202_assignsubmission_file_1-bigram.ipynb", notebook_bytes(said="flat")),
    ("김 하나_203_assignsubmission_file_/week1.zip", zipped([("1-bigram (1).ipynb", notebook_bytes(said="zip"))])),
]
PLAIN = [
    ("kim/1-bigram.ipynb", notebook_bytes(said="folder")),
    ("kim/.ipynb_checkpoints/1-bigram-checkpoint.ipynb", notebook_bytes(said="checkpoint")),
    ("__MACOSX/kim/._1-bigram.ipynb", b"junk"),
    ("lee_1-bigram.ipynb", notebook_bytes(said="prefix")),
    ("week1/park/6-Positions.ipynb", notebook_bytes("6-positions")),
    (dated("twice/1-bigram.ipynb", 2001), notebook_bytes(said="old")),
    (dated("twice/1-bigram.ipynb", 2002), notebook_bytes(said="new")),
]
HOSTILE = {
    "ok-1.zip": zipped([("../../../gradebook.ipynb", b"{}"), ("any folder/1-bigram.ipynb", notebook_bytes())]),
    "absolute.zip": zipped([("/tmp/absolute/1-bigram.ipynb", b"{}"), ("C:\\x\\1-bigram.ipynb", b"{}")]),
    "link.zip": zipped([(link("link/1-bigram.ipynb"), "/etc/passwd")]),
    "encrypted.zip": encrypted("secret/1-bigram.ipynb"),
    "corrupt.zip": zipped([("corrupt/1-bigram.ipynb", notebook_bytes())])[:3000],
    "text.zip": b"this is no zip file",
    "empty.zip": b"",
    "flipped.zip": zipped([("flipped/1-bigram.ipynb", b"a" * 1000)], zipfile.ZIP_STORED).replace(b"aaaa", b"aaab", 9),
    "bomb.zip": zipped([(f"bomb{n}/1-bigram.ipynb", b"0" * 19_000_000) for n in range(3)]),
    "large.zip": zipped([("large/1-bigram.ipynb", b"0" * 21_000_000)]),
    "lying.zip": lying_bomb("lying/1-bigram.ipynb"),
    "many.zip": zipped([("many.zip", zipped([(f"{n}.ipynb", b"{}") for n in range(2_001)]))]),
    "deep.zip": zipped([("ok-2/1-bigram.ipynb", notebook_bytes()), ("deeper.zip", deep(4))]),
    "names.zip": zipped(
        [("\x1b[31mred/1-bigram.ipynb", b"{}"), ("=1+1/1-bigram.ipynb", b"{}"), ("*/1-bigram.ipynb", b"")]
    ),
    "unmarked.zip": unmarked_utf8("mañana_1-bigram.ipynb", notebook_bytes()),
}


def collect(course, *options):
    """Run the command in a process of its own, because it says at the end of its process what it set aside."""
    done = run("nbgrader", "zip_collect", "week1", *options, cwd=course)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """A course with everything above in archive/, collected, and what the command said."""
    course = make_course(tmp_path_factory.mktemp("collecting") / "course")
    with open_gradebook(course) as gradebook:
        gradebook.add_student("ada", lms_user_id="101")
        gradebook.add_student("kim")
        gradebook.add_student("mañana")
    archive = course / "downloaded" / "week1" / "archive"
    archive.mkdir(parents=True)
    (archive / "submissions.zip").write_bytes(zipped(CANVAS))
    (archive / "Week1-moodle.zip").write_bytes(zipped(MOODLE))
    (archive / "mail.zip").write_bytes(zipped(PLAIN))
    (archive / "choi.zip").write_bytes(zipped([(f"{name}.ipynb", notebook_bytes(name)) for name in NAMES]))
    (archive / "1-bigram.ipynb").write_bytes(notebook_bytes())
    (archive / "jung_1-bigram.ipynb").write_bytes(notebook_bytes())
    (archive / "linked_1-bigram.ipynb").symlink_to("/etc/passwd")
    for name, content in HOSTILE.items():
        (archive / name).write_bytes(content)
    return course, collect(course)


def submitted(course):
    return {
        str(path.relative_to(course / "submitted")).replace("/week1/", "/").removesuffix(".ipynb"): path.read_text()
        for path in (course / "submitted").rglob("*.ipynb")
    }


def test_canvas_moodle_and_plain_names_are_recognised(collected):
    expected = {"ada/1-bigram", "ada/2-averaging", "103/1-bigram", "104/my answer", "201/1-bigram", "202/1-bigram"}
    expected |= {"203/1-bigram", "kim/1-bigram", "lee/1-bigram", "park/6-positions", "twice/1-bigram", "jung/1-bigram"}
    expected |= {f"{student}/{name}" for student in ("102", "choi") for name in NAMES}
    expected |= {"ok-1/1-bigram", "deep/1-bigram", "mañana/1-bigram"}  # beside what is broken in the same archive
    bombs = {f"bomb{number}/1-bigram" for number in range(3)}
    found = submitted(collected[0])
    assert set(found) - bombs == expected
    assert len(bombs & set(found)) == 0
    assert "second" in found["ada/1-bigram"] and "new" in found["twice/1-bigram"] and "folder" in found["kim/1-bigram"]


def test_what_was_set_aside_is_listed_at_the_end_with_a_reason_each(collected):
    course, said = collected
    with (course / "downloaded" / "week1" / "set_aside.csv").open(newline="") as file:
        reasons = {row["file"]: row["reason"] for row in csv.DictReader(file)}
    for part, reason in {
        "ok-1.zip/../../../gradebook.ipynb": "leads out of its archive",
        "absolute.zip//": "leads out of its archive",
        "absolute.zip/C:": "leads out of its archive",
        "link.zip/link": "is a link",
        "encrypted.zip/": "is encrypted",
        "corrupt.zip": "can't be read",
        "text.zip": "not a zip file",
        "empty.zip": "not a zip file",
        "flipped.zip/": "Bad CRC-32",
        "bomb.zip/bomb1": "unpacks to far more than its size",
        "large.zip/": "than",
        "lying.zip/": "can't be read",
        "many.zip/many.zip": "2,001 files",
        "deep.zip/": "archives deep",
        "names.zip/?[31mred": "names '?[31mred' as its student",
        "names.zip/=1+1": "names '=1+1'",
        "names.zip/*": "names '*'",
        "submissions.zip/noether_104_5006_notes.pdf": "neither a notebook nor a zip file",
        "submissions.zip/lovelaceada_101_5001": "is older than submissions.zip/lovelaceada_101_5007",
        "mail.zip/twice": "is older than",
        "1-bigram.ipynb": "tells by no name whose it is",
        "linked_1-bigram.ipynb": "is a link",
    }.items():
        assert any(shown.startswith(part) and reason in why for shown, why in reasons.items()), (part, reasons)
    end = said[said.index("notebooks of") :]
    assert all(f"  {shown} {why}" in end for shown, why in reasons.items())
    assert "Late, says Canvas: ada." in end
    assert "Not in the gradebook so far: 102" in end
    assert "\x1b[31m" not in end
    assert not any("checkpoint" in shown or "MACOSX" in shown for shown in reasons)


def test_nothing_is_written_outside(collected):
    course, _ = collected
    assert sorted(path.name for path in course.iterdir()) == [
        "downloaded", "gradebook.db", "nbgrader_config.py", "release", "submitted"
    ]  # fmt: skip


def test_a_second_download_is_collected_with_force(collected):
    course, _ = collected
    again = [("lovelaceada_101_5099_1-bigram-2.ipynb", notebook_bytes(said="third"))]
    (course / "downloaded" / "week1" / "archive" / "later.zip").write_bytes(zipped(again))
    collect(course, "--force")
    found = submitted(course)
    assert "third" in found["ada/1-bigram"] and "ada/2-averaging" in found


@pytest.fixture(scope="module")
def empty_course(tmp_path_factory):
    return make_course(tmp_path_factory.mktemp("uploads") / "course")


@pytest.fixture
def zip_collect(empty_course, tmp_path, monkeypatch, capfd):
    """Put files into archive/, and run the command on them; what was submitted, and what was said."""
    course = tmp_path / "course"
    shutil.copytree(empty_course, course)
    archive = course / "downloaded" / "week1" / "archive"
    said_last = []
    monkeypatch.setattr(atexit, "register", lambda function, *arguments: said_last.append((function, arguments)))
    monkeypatch.chdir(course)

    def run(files, *arguments, students=None, duedate=None):
        with open_gradebook(course) as gradebook:
            for student, number in (students or {}).items():
                gradebook.update_or_create_student(student, lms_user_id=number)
            if duedate:
                gradebook.find_assignment("week1").duedate = duedate
                gradebook.db.commit()
        for name, content in files.items():
            path = archive / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        capfd.readouterr()
        application, mask = ZipCollectApp(), os.umask(0o022)
        stopped = ""
        try:
            application.initialize(["week1", "--log-level=ERROR", *arguments])
            application.start()
        except SystemExit as reason:
            stopped = str(reason)
        finally:
            os.umask(mask)
            for function, more in said_last:
                function(*more)
            said_last.clear()
        folder = course / "submitted"
        found = {
            f"{path.relative_to(folder).parts[0]}/{path.stem}": path.read_text() for path in folder.rglob("*.ipynb")
        }
        return found, stopped + capfd.readouterr().out

    run.course = course
    return run


def solved(said=""):
    """1-bigram with something in the place of the TODO."""
    notebook = json.loads((RELEASE / "1-bigram.ipynb").read_text())
    for cell in notebook["cells"]:
        cell["source"] = [
            line.replace("raise NotImplementedError()", f"return idx  # {said}") for line in cell["source"]
        ]
    return json.dumps(notebook).encode()


BOTH = {"ada": "12345", "jdoe": None}
STAMP = "2024-03-05-14-22-33"


@pytest.mark.parametrize(
    "files, expected",
    [
        (
            {"ada/Copy of 1-bigram.ipynb": solved("a"), "bob/Copy of 1-bigram.ipynb": solved("b")},
            {"ada/1-bigram": "# a", "bob/1-bigram": "# b"},
        ),
        (
            {
                f"{name}.zip": zipped(
                    [("work/week1/1-bigram.ipynb", solved(name)), ("work/week1/2-averaging.ipynb", b"{}")]
                )
                for name in ("ada", "bob")
            },
            {"ada/1-bigram": "# ada", "ada/2-averaging": "", "bob/1-bigram": "# bob", "bob/2-averaging": ""},
        ),
        (
            {
                "ada/1-bigram.zip": zipped([("1-bigram.ipynb", solved("zip"))]),
                "ada/final_1-bigram.ipynb": solved("final"),
                "bob/1-bigram.zip": zipped([("1-bigram.ipynb", solved("bob"))]),
            },
            {"ada/1-bigram": "# ", "bob/1-bigram": "# bob"},
        ),
        (
            {
                "anon_AbC12_67891_1-bigram.ipynb": solved(),
                "anon_AbC12_67892_2-averaging.ipynb": notebook_bytes("2-averaging"),
            },
            {"anon_AbC12/1-bigram": "", "anon_AbC12/2-averaging": ""},
        ),
        (
            {f"{name}/1-bigram.ipynb": solved(name) for name in ("किरण", "สุดา", "O’Neil")},
            {"किरण/1-bigram": "", "สุดา/1-bigram": "", "O’Neil/1-bigram": ""},
        ),
    ],
)
def test_while_the_gradebook_is_empty_no_two_students_become_one(zip_collect, files, expected):
    found, said = zip_collect(files, "--force")
    assert found.keys() == expected.keys()
    for name, content in expected.items():
        assert content in found[name]
    names = sorted({name.split("/")[0] for name in expected})
    assert f"these {len(names)} were read off the uploads: {', '.join(names)}." in said


def test_names_are_asked_for_before_anything_is_written(zip_collect):
    found, said = zip_collect({"ada/1-bigram.ipynb": solved()})
    assert found == {}
    assert "these 1 were read off the uploads: ada.\nNothing was written." in said
    assert "nbgrader db student import students.csv" in said and "zip_collect week1 --force" in said
    found, said = zip_collect({}, students={"ada": None})  # a list is as good as --force
    assert found.keys() == {"ada/1-bigram"}


def test_a_file_is_never_older_than_one_below_another_top_folder(zip_collect):
    mails = {
        f"mail {number}.zip": zipped([(f"{name}/1-bigram.ipynb", solved(f"{number}")) for name in ("kim", "lee")])
        for number in (1, 2)
    }
    found, said = zip_collect(mails, "--force")
    assert found == {} and "is older" not in said
    assert "mail 1.zip/kim/1-bigram.ipynb may be another kim's than what lies beside it" in said
    found, said = zip_collect({}, "--force", students={"kim": None, "lee": None})
    assert found.keys() == {"kim/1-bigram", "lee/1-bigram"}  # who the gradebook knows is one person


def test_bobs_archive_does_not_replace_adas_own(zip_collect):
    later = zipfile.ZipInfo("ada_1-bigram.ipynb", (2107, 1, 1, 0, 0, 0))
    files = {"ada/1-bigram.ipynb": solved("her own"), "bob.zip": zipped([(later, solved("forged"))])}
    for students in ({}, {"ada": None}, {"ada": None, "bob": None}):
        found, said = zip_collect(files, "--force", students=students)
        assert "her own" in found["ada/1-bigram"]
        why = "names ada, whose own notebook lies elsewhere" if len(students) == 1 else "names bob and ada. Ask"
        assert f"bob.zip/ada_1-bigram.ipynb {why}" in said
        assert "is older" not in said


def test_canvas_names_with_underscores_and_its_late_mark(zip_collect):
    found, said = zip_collect(
        {
            "team_blue_12345_67891_1-bigram.ipynb": solved("first"),
            "team_blue_late_12345_67899_1-bigram-1.ipynb": solved("second"),
        },
        students=BOTH,
        duedate=datetime(2024, 3, 5, 12),
    )
    assert found.keys() == {"ada/1-bigram"} and "second" in found["ada/1-bigram"]
    assert "67891_1-bigram.ipynb is older than team_blue_late_12345_67899" in said
    assert "Late, says Canvas, but not by how much: ada." in said
    stamp = zip_collect.course / "submitted" / "ada" / "week1" / "timestamp.txt"
    assert stamp.read_text() == "2024-03-05 12:00:01 UTC"


def test_blackboard_attempts_are_one_students_and_have_times(zip_collect):
    found, said = zip_collect(
        {
            f"Week 1_jdoe_attempt_{STAMP}_1-bigram.ipynb": solved("first"),
            "Week 1_jdoe_attempt_2024-03-06-01-02-03_1-bigram.ipynb": solved("second"),
            f"Week 1_jdoe_attempt_{STAMP}.txt": b"Name: J. Doe",
        },
        "--UploadsExtractor.timezone=Asia/Seoul",
        students=BOTH,
    )
    assert found.keys() == {"jdoe/1-bigram"} and "second" in found["jdoe/1-bigram"]
    assert "1 set aside" in said and "is older than Week 1_jdoe_attempt_2024-03-06" in said
    stamp = zip_collect.course / "submitted" / "jdoe" / "week1" / "timestamp.txt"
    assert stamp.read_text() == "2024-03-05 16:02:03 UTC"


def test_brightspace_folders_are_understood(zip_collect):
    folder = "12345-67890 - Grace Hopper - {} March, 2024 222 PM"
    files = {f"{folder.format(day)}/1-bigram.ipynb": solved(f"day {day}") for day in (5, 6)}
    found, said = zip_collect(files, "--UploadsExtractor.timezone=UTC", students=BOTH)
    assert found.keys() == {"ada/1-bigram"} and "day 6" in found["ada/1-bigram"]
    stamp = zip_collect.course / "submitted" / "ada" / "week1" / "timestamp.txt"
    assert stamp.read_text() == "2024-03-06 14:22:00 UTC"


def test_moodles_worksheet_gives_times(zip_collect):
    worksheet = (
        "\ufeffIdentifier,Full name,Status,Last modified (submission)\n"
        'Participant 12345,Ada,Submitted,"Tuesday, 5 March 2024, 2:22 PM"\nParticipant 7,Kim,No submission,-\n'
    )
    files = {
        "Ada Lovelace_12345_assignsubmission_file_/1-bigram.ipynb": solved(),
        "Grades-week1.csv": worksheet.encode(),
    }
    _, said = zip_collect(files, "--UploadsExtractor.timezone=UTC", students=BOTH)
    stamp = zip_collect.course / "submitted" / "ada" / "week1" / "timestamp.txt"
    assert stamp.read_text() == "2024-03-05 14:22:00 UTC" and "set aside" not in said
    german = {"Grades-week1.csv": worksheet.replace("Tuesday, 5 March", "Dienstag, 5. März").encode()}
    found, said = zip_collect(german, "--force")
    assert "Grades-week1.csv has times that can't be read, such as 'Dienstag" in said
    assert "ada/1-bigram" in found and not stamp.exists()


@pytest.mark.parametrize("other", ["1-bigram-Copy1", "1-bigram - Copy", "1-bigram copy", "1-bigram (1)"])
def test_of_two_copies_the_one_that_counts_is_named(zip_collect, other):
    def dated_zip(first, second):
        entries = [("1-bigram.ipynb", first), (f"{other}.ipynb", second)]
        return zipped([(dated(name, year), content) for name, (content, year) in entries])

    for best, worse, why in (
        ((solved("best"), 2002), (solved("old"), 2001), "is older than"),
        ((solved("best"), 2001), (notebook_bytes(), 2002), "is the notebook as it was released"),
    ):
        for first, second, loser in ((best, worse, other), (worse, best, "1-bigram")):
            found, said = zip_collect({"ada.zip": dated_zip(first, second)}, "--force", students=BOTH)
            assert "best" in found["ada/1-bigram"]
            assert "1 set aside" in said and f"ada.zip/{loser}.ipynb {why}" in said


MERGED = b'{"cells": [\n<<<<<<< HEAD\n {}\n=======\n []\n>>>>>>> b\n]}'


@pytest.mark.parametrize(
    "content, what, remedy",
    [
        (MERGED, "marks of a merge conflict of git, the first in line 2", "git checkout --ours"),
        (b"\n<!DOCTYPE html><html><body>notebook</body></html>", "is a web page", "Download raw file"),
        (b"", "is empty", "Save the notebook again"),
        (solved()[:3000], "breaks off", "Revert Notebook to Checkpoint"),
        (b"import torch\nprint(1)\n", "is Python code", "Paste it into the cells"),
        (b"PK\x03\x04rest", "is an archive that was renamed", "Unpack it"),
    ],
    ids=["merge conflict", "web page", "empty", "cut", "code", "archive"],
)
def test_what_is_called_a_notebook_and_is_not_one_is_named_with_a_remedy(zip_collect, content, what, remedy):
    found, said = zip_collect({"ada/1-bigram.ipynb": content}, "--force", students=BOTH)
    assert found.keys() == {"ada/1-bigram"}  # graded: no points, and the same sentence in the feedback
    [line] = [line for line in said.split("\n") if line.startswith("ada, ada/1-bigram.ipynb: The file ")]
    assert what in line and remedy in line


def test_what_is_collected_is_for_nobody_else(zip_collect):
    zip_collect({"ada/1-bigram.ipynb": solved()}, "--force")
    for path in (zip_collect.course / "submitted").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
