"""nbgrader's exchange on a machine with many users: its three steps of the instructor's, in nbgrader's plugin place.

Everybody can write into inbound/. nbgrader's own collector follows links there with the instructor's rights, believes
the name of a folder whoever it belongs to, and leaves what it collected writable for everybody; one odd name stops it.
"""

import contextlib
import fnmatch
import logging
import os
import shutil
import stat
import sys
from datetime import datetime
from pathlib import Path
from typing import TypedDict

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange.default import ExchangeCollect, ExchangeReleaseAssignment, ExchangeReleaseFeedback
from nbgrader.utils import notebook_hash, parse_utc
from traitlets import List, Unicode

from learngpt.language import ENGLISH, known, subfolder
from learngpt_teaching.times import TIMESTAMP, read_time
from learngpt_teaching.upload_names import is_name

if sys.platform != "win32":
    import pwd

MOST_FILES = 2_000  # of one submission
MOST_DEEP = 10  # folders in one another
SECRET = "submission_secret.txt"


class Record(TypedDict):
    """What the name of a submission's folder says, as nbgrader's collector wants it."""

    username: str
    filename: str
    timestamp: datetime


class Refused(Exception):
    """Why a submission, or a file of it, is not collected."""


class Collect(ExchangeCollect):
    """Collects ordinary files and nothing else, each opened without following a link, for the instructor alone."""

    def _path_to_record(self, path: str) -> Record:
        name = os.path.basename(path)
        parts = name.rsplit("+", 3)
        with contextlib.suppress(ValueError, OverflowError, TypeError):
            if len(parts) >= 3 and parts[1] == self.coursedir.assignment_id and is_name(parts[0]):
                return {"username": parts[0], "filename": name, "timestamp": parse_utc(parts[2])}
        raise Refused("has a name that `nbgrader submit` doesn't give")

    def init_src(self) -> None:
        if not self.coursedir.course_id:
            self.fail("No course id specified. Re-run with --course flag.")
        self.inbound_path = os.path.join(self.root, self.coursedir.course_id, "inbound")
        if not os.path.isdir(self.inbound_path):
            self.fail(f"There is no {self.inbound_path}. Run `nbgrader release_assignment` first.")
        student = self.coursedir.student_id or "*"
        records: dict[str, list[Record]] = {}
        for name in sorted(os.listdir(self.inbound_path)):
            if not fnmatch.fnmatchcase(name, f"{student}+{self.coursedir.assignment_id}+*"):
                continue
            path = os.path.join(self.inbound_path, name)
            try:
                record = self._path_to_record(path)
                self._must_be_own(path, record["username"])
            except (Refused, OSError) as reason:
                self.log.warning("Not collected: %s %s.", _printable(path), reason)
            else:
                records.setdefault(record["username"], []).append(record)
        duedate = self._duedate() if self.before_duedate else None
        self.src_records: list[Record] = []
        for found in records.values():
            in_time = [record for record in found if duedate is None or record["timestamp"] <= duedate]
            self.src_records.append(max(in_time or found, key=lambda record: record["timestamp"]))

    def _duedate(self) -> datetime | None:
        with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
            try:
                duedate: datetime | None = gradebook.find_assignment(self.coursedir.assignment_id).duedate
                return duedate
            except MissingEntry:
                return None

    def _must_be_own(self, path: str, student: str) -> None:
        """The folder of a submission belongs to its student, or the name could be anybody's."""
        about = os.lstat(path)
        if not stat.S_ISDIR(about.st_mode):
            raise Refused("is a link, or no folder")
        if not self.check_owner:
            return
        try:
            owner = pwd.getpwuid(about.st_uid).pw_name
        except KeyError:
            owner = f"user {about.st_uid}"
        if owner != student:
            raise Refused(
                f"belongs to {owner}, not to {student}. If students have other names here than on this machine, set"
                " c.ExchangeCollect.check_owner = False"
            )

    def copy_files(self) -> None:
        if not self.src_records:
            self.log.warning(
                "No submissions of %r for course %r to collect", self.coursedir.assignment_id, self.coursedir.course_id
            )
        for record in self.src_records:
            student = record["username"]
            folder = Path(
                self.coursedir.format_path(self.coursedir.submitted_directory, student, self.coursedir.assignment_id)
            )
            if folder.is_dir() and not self._is_newer(folder, record):
                hint = "No newer submission" if self.update else "Already collected, --update takes a newer one"
                self.log.info("%s: %s", hint, student)
                continue
            try:
                self._collect(os.path.join(self.inbound_path, record["filename"]), folder, record)
            except (Refused, OSError) as reason:
                self.log.error("Not collected: %s: %s. The others are.", student, _printable(str(reason)))
            else:
                self.log.info("Collected: %s %s", student, self.coursedir.assignment_id)

    def _is_newer(self, folder: Path, record: Record) -> bool:
        before, _ = read_time(folder)
        if self.before_duedate:
            return before != record["timestamp"]
        return self.update and (before is None or record["timestamp"] > before)

    def _collect(self, source: str, folder: Path, record: Record) -> None:
        """Copy one submission beside its place, and put it there when it is whole."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        if not self.coursedir.groupshared:
            folder.parent.chmod(0o700)
        new = folder.with_name(f".{folder.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        try:
            self.do_copy(source, new)
            time, _ = read_time(new)
            if time is None:  # nbgrader would stop at a bad one; the name of the folder has it too
                (new / TIMESTAMP).unlink(missing_ok=True)
                (new / TIMESTAMP).write_text(f"{record['timestamp']} UTC", encoding="utf-8")
            if folder.is_dir():
                shutil.rmtree(folder)
            os.rename(new, folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def do_copy(self, src: Path | str, dest: Path | str, log: logging.Logger | None = None) -> None:
        """Copy the ordinary files of a folder, and warn of the others."""
        at = os.open(src, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        left = {"files": MOST_FILES, "bytes": 1000 * self.coursedir.max_dir_size}
        try:
            self._copy_folder(at, Path(dest), os.fstat(at).st_uid, left, "")
        finally:
            os.close(at)

    def _copy_folder(self, at: int, dest: Path, owner: int, left: dict[str, int], inside: str) -> None:
        if inside.count("/") > MOST_DEEP:
            raise Refused(f"has more than {MOST_DEEP} folders in one another")
        dest.mkdir(mode=0o2770 if self.coursedir.groupshared else 0o700)
        if self.coursedir.groupshared:
            dest.chmod(0o2770)
        for name in sorted(os.listdir(at)):
            if any(fnmatch.fnmatch(name, pattern) for pattern in self.coursedir.ignore):
                continue
            left["files"] -= 1
            if left["files"] < 0:
                raise Refused(f"has more than {MOST_FILES:,} files")
            try:
                # A pipe would wait for a writer, without NONBLOCK.
                opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
            except OSError as error:
                self.log.warning("Left out: %s: a link, or %s.", _printable(f"{dest}/{name}"), error.strerror)
                continue
            try:
                self._copy_entry(opened, dest / name, owner, left, f"{inside}{name}")
            finally:
                os.close(opened)

    def _copy_entry(self, opened: int, dest: Path, owner: int, left: dict[str, int], inside: str) -> None:
        about = os.fstat(opened)
        shown = _printable(str(dest))
        if about.st_uid != owner:
            # Another name (a hard link) of somebody else's file.
            self.log.warning("Left out: %s belongs to somebody else than its submission.", shown)
        elif stat.S_ISDIR(about.st_mode):
            self._copy_folder(opened, dest, owner, left, f"{inside}/")
        elif not stat.S_ISREG(about.st_mode):
            self.log.warning("Left out: %s is no ordinary file.", shown)
        elif not any(fnmatch.fnmatch(dest.name, pattern) for pattern in self.coursedir.include):
            pass
        elif about.st_size > 1000 * self.coursedir.max_file_size:
            self.log.warning("Left out: %s has more than %d kB.", shown, self.coursedir.max_file_size)
        else:
            left["bytes"] -= about.st_size
            if left["bytes"] < 0:
                raise Refused(f"has more than {self.coursedir.max_dir_size:,} kB")
            self._copy_file(opened, dest, about)

    def _copy_file(self, opened: int, dest: Path, about: os.stat_result) -> None:
        mode = 0o660 if self.coursedir.groupshared else 0o600
        with open(dest, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as copy:
            remaining = about.st_size  # a file that grows meanwhile is cut
            while remaining and (block := os.read(opened, min(remaining, 1 << 20))):
                copy.write(block)
                remaining -= len(block)
        os.utime(dest, ns=(about.st_atime_ns, about.st_mtime_ns))  # which of two copies is later depends on it


class ReleaseAssignment(ExchangeReleaseAssignment):
    """nbgrader's own, in one language or in several, which also says what everybody on the machine can read."""

    languages = List(
        Unicode(),
        [ENGLISH],
        minlen=1,
        help="Languages to release, such as ko: the first one in the assignment's folder, others in folders in it.",
    ).tag(config=True)

    def start(self) -> None:
        for sentence in open_to_others(self.coursedir):
            self.log.warning(sentence)
        super().start()

    def init_src(self) -> None:
        super().init_src()
        there = [language for language in known() if Path(self._release(language)).is_dir()]
        for language in self.languages:
            if language not in there:
                self.fail(
                    f"{self.coursedir.assignment_id} is not there in {language!r}. There are: "
                    f"{', '.join(there)}. `make build` makes those of each language."
                )
        self.src_path = self._release(self.languages[0])

    def do_copy(self, src: str, dest: str, log: logging.Logger | None = None) -> None:
        super().do_copy(src, dest, log)
        for language in self.languages[1:]:
            super().do_copy(self._release(language), os.path.join(dest, language), log)

    def _release(self, language: str) -> str:
        place = subfolder(language) or "."
        path: str = self.coursedir.format_path(self.coursedir.release_directory, place, self.coursedir.assignment_id)
        return path


class ReleaseFeedback(ExchangeReleaseFeedback):
    """Brings pages to those who handed in through the exchange; the others are named, and stop nobody's."""

    def copy_files(self) -> None:
        exclude = set(self.coursedir.student_id_exclude.split(",")) - {""}
        assignment, hand_out, released = self.coursedir.assignment_id, [], 0
        with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
            notebooks = [notebook.name for notebook in gradebook.find_assignment(assignment).notebooks]
        pattern = self.coursedir.format_path(self.coursedir.feedback_directory, "{}", assignment)
        outer, _, inner = pattern.partition("{}")
        for folder in sorted(path for path in Path(outer).glob("*") if (path / inner.strip(os.sep)).is_dir()):
            student = folder.name
            wanted = self.coursedir.student_id in ("", "*", student) and student not in exclude
            if not wanted:
                continue
            folder = folder / inner.strip(os.sep)
            try:
                secret = (folder / SECRET).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                hand_out.append(student)
                continue
            for notebook in notebooks:  # a page of another name would be the student's own
                page = folder / f"{notebook}.html"
                if page.is_file() and secret:
                    self._release(page, notebook_hash(secret=secret, notebook_id=notebook))
                    released += 1
            self.log.info("Feedback released: %s", student)
        if hand_out:
            self.log.warning(
                "Not handed in through the exchange, so hand out feedback/STUDENT/%s yourself: %s",
                assignment,
                ", ".join(hand_out),
            )
        self.log.info("%d pages released.", released)

    def _release(self, page: Path, checksum: str) -> None:
        part = os.path.join(self.dest_path, f"{checksum}-tmp.html")
        shutil.copyfile(page, part)
        os.chmod(part, 0o644)
        os.replace(part, os.path.join(self.dest_path, f"{checksum}.html"))


def open_to_others(coursedir: CourseDirectory) -> list[str]:
    """What of a course everybody on this machine can read or change.

    Args:
        coursedir: nbgrader's CourseDirectory.

    Returns:
        list of sentences, empty where the course is closed.
    """
    root = Path(coursedir.root)
    if sys.platform == "win32" or not _all_enter(root):
        return []
    database = coursedir.db_url.removeprefix("sqlite:///")
    named = {
        "the hidden tests": root / coursedir.source_directory,
        "the gradebook": root / database if "://" not in database else root / "gradebook.db",
        "what was submitted": root / coursedir.submitted_directory,
    }
    open_ones = [name for name, path in named.items() if path.exists() and path.stat().st_mode & 0o006]
    if not open_ones:
        return []
    what = f"{', '.join(open_ones[:-1])} and {open_ones[-1]}" if len(open_ones) > 1 else open_ones[0]
    return [f"Everybody with an account on this machine can read {what}. Close the course: chmod 700 {root}"]


def _all_enter(folder: Path) -> bool:
    return all(path.stat().st_mode & stat.S_IXOTH for path in (folder, *folder.parents))


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:300]
