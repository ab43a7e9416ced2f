"""What is set aside is never written through what lies there."""

import os
import socket

import pytest

from learngpt_teaching.quarantine import RECORD, quarantine


@pytest.fixture
def submission(tmp_path):
    folder = tmp_path / "submitted" / "mallory" / "week1"
    folder.mkdir(parents=True)
    (folder / "1-bigram.ipynb").write_text("{}")
    return folder


@pytest.fixture
def victim(tmp_path):
    """A folder of the instructor's that a link leads to."""
    folder = tmp_path / "instructor"
    folder.mkdir()
    (folder / "authorized_keys").write_text("the instructor's")
    return folder


def record(folder, name="week1"):
    return (folder.parent / "set aside" / name / RECORD).read_text()


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_an_ordinary_submission_stays_as_it_is(submission):
    (submission / "data").mkdir()
    (submission / "data" / "corpus.txt").write_text("text")
    assert quarantine(submission) == []
    assert names(submission) == ["1-bigram.ipynb", "data", "data/corpus.txt"]
    assert not (submission.parent / "set aside").exists()


def test_of_a_link_a_line_of_text_is_kept(submission, victim):
    (submission / "4-masking.ipynb").symlink_to(victim / "authorized_keys")
    (submission / "a").symlink_to(victim)
    assert quarantine(submission) == [
        ("4-masking.ipynb", f"a link to {victim}/authorized_keys"),
        ("a", f"a link to {victim}"),
    ]
    assert names(submission) == ["1-bigram.ipynb"]
    assert f"a: a link to {victim}\n" in record(submission)
    assert not any(path.is_symlink() for path in submission.parent.rglob("*"))


def test_of_too_many_bytes_the_largest_files_go_and_the_notebooks_stay(submission):
    (submission / "0-old.ipynb").write_bytes(b"x" * 900)
    (submission / "2-averaging.ipynb").write_bytes(b"x" * 80)
    (submission / "corpus.txt").write_bytes(b"x" * 90)
    (submission / "1-bigram.ipynb").write_bytes(b"x" * 80)
    assert quarantine(submission, most_bytes=1000) == [("0-old.ipynb", "a file beyond 1,000 bytes in all")]
    assert quarantine(submission, most_bytes=240) == [("corpus.txt", "a file beyond 240 bytes in all")]
    assert names(submission) == ["1-bigram.ipynb", "2-averaging.ipynb"]


def test_a_later_submission_does_not_write_through_an_earlier_link(submission, victim):
    (submission / "a").symlink_to(victim)
    quarantine(submission)
    (submission / "a").mkdir()
    (submission / "a" / "authorized_keys").write_text("mallory's")
    quarantine(submission, most_bytes=5)
    assert (victim / "authorized_keys").read_text() == "the instructor's"
    moved = submission.parent / "set aside" / "week1 2" / "a" / "authorized_keys"
    assert moved.read_text() == "mallory's"


@pytest.mark.parametrize("place", ["set aside", "set aside/week1"])
def test_a_link_where_things_are_set_aside_is_not_followed(submission, victim, place):
    link = submission.parent / place
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(victim)
    (submission / "authorized_keys").write_text("mallory's")
    quarantine(submission, most_bytes=5)
    assert names(victim) == ["authorized_keys"]
    assert (victim / "authorized_keys").read_text() == "the instructor's"


def test_pipes_and_sockets_are_deleted_and_named(submission, monkeypatch):
    os.mkfifo(submission / "pipe")
    monkeypatch.chdir(submission)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        assert quarantine(submission) == [("pipe", "a pipe"), ("socket", "a socket")]
    assert names(submission) == ["1-bigram.ipynb"]


def test_what_stands_in_the_name_of_a_link_does_not_reach_the_terminal(submission):
    (submission / "x\x1b[2J\nada: 100 points").symlink_to("/\x1b]0;t\x07")
    [(name, what)] = quarantine(submission)
    assert name == "x?[2J?ada: 100 points" and what == "a link to /?]0;t?"
    assert len(record(submission).splitlines()) == 1
