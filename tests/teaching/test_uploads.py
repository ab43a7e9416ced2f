"""`nbgrader zip_collect`: names of Canvas, Moodle and plain ones; broken and hostile archives cost themselves only."""

import csv
import io
import struct
import zipfile

import pytest

from tests.support.classroom import make_course, nbgrader, notebook_bytes, open_gradebook

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
    "slip.zip": zipped([("../../../gradebook.ipynb", b"{}"), ("ok-1/1-bigram.ipynb", notebook_bytes())]),
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
    "deep.zip": zipped([("ok-2/1-bigram.ipynb", notebook_bytes()), ("deep.zip", deep(4))]),
    "names.zip": zipped(
        [("\x1b[31mred/1-bigram.ipynb", b"{}"), ("=1+1/1-bigram.ipynb", b"{}"), ("*/1-bigram.ipynb", b"")]
    ),
    "weird.zip": unmarked_utf8("mañana/1-bigram.ipynb", notebook_bytes()),
}


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """A course with everything above in archive/, collected, and what the command said."""
    course = make_course(tmp_path_factory.mktemp("collecting") / "course")
    with open_gradebook(course) as gradebook:
        gradebook.add_student("ada", lms_user_id="101")
        gradebook.add_student("kim")
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
    return course, nbgrader(course, "zip_collect", "week1")


def submitted(course):
    return {
        str(path.relative_to(course / "submitted")).replace("/week1/", "/").removesuffix(".ipynb"): path.read_text()
        for path in (course / "submitted").rglob("*.ipynb")
    }


def test_canvas_moodle_and_plain_names_are_recognised(collected):
    expected = {"ada/1-bigram", "ada/2-averaging", "103/1-bigram", "104/my answer", "201/1-bigram", "202/1-bigram"}
    expected |= {"203/1-bigram", "kim/1-bigram", "lee/1-bigram", "park/6-positions", "twice/1-bigram", "jung/1-bigram"}
    expected |= {f"{student}/{name}" for student in ("102", "choi") for name in NAMES}
    expected |= {"ok-1/1-bigram", "ok-2/1-bigram", "mañana/1-bigram"}  # beside what is broken in the same archive
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
        "slip.zip/../../../gradebook.ipynb": "leads out of its archive",
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
    nbgrader(course, "zip_collect", "week1", "--force")
    found = submitted(course)
    assert "third" in found["ada/1-bigram"] and "ada/2-averaging" in found
