"""`nbgrader zip_collect` for what Canvas, Moodle, Blackboard, Brightspace, Google Classroom or a mailbox hand over.

Uploads lie in downloaded/ASSIGNMENT/archive as they came: zip files, zip files of zip files, folders, single notebooks.
Whose a notebook is, and which one, is read off the names around it (`upload_names`); which of several copies counts is
one rule for all of the course (`copies`); no name in an archive decides where a file is written. What can't be taken is
set aside with one sentence each, printed when the command ends and kept in downloaded/ASSIGNMENT/set_aside.csv.
"""

import atexit
import contextlib
import csv
import errno
import io
import os
import re
import shutil
import stat
import tempfile
import time
import zipfile
import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from hashlib import sha256
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo

import dateutil.parser
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.plugins import ExtractorPlugin
from traitlets import Integer, Unicode

from learngpt_teaching.copies import LEFT_OUT, Copy, Name, choose, parse, released, state
from learngpt_teaching.damage import Unreadable, load
from learngpt_teaching.upload_names import Owners, Place, Students, Unclear, given, is_name

# Some browsers add an ending, and Google Drive what it calls a copy in its language.
NOTEBOOK = re.compile(r"(?P<stem>.+?)\.ipynb(\.txt|\.json)?(?P<copy>[^.]{0,30})", re.I)
NOISE = re.compile(r"__MACOSX|Thumbs\.db|desktop\.ini|\..+", re.I)
LATE_BY = timedelta(seconds=1)  # what the gradebook is told where Canvas says that an upload is late, but not how much

BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError)


class SetAside(Exception):
    """Why a file, or an archive with all that is in it, is not taken."""


class Budget:
    """The bytes that an archive may unpack to, counted as they are read, because headers can lie."""

    def __init__(self, left, outer=None):
        self.left, self.outer = left, outer

    def spend(self, number):
        self.left -= number
        if self.left < 0:
            raise SetAside("is in an archive that unpacks to far more than its size.")
        if self.outer:
            self.outer.spend(number)


@dataclass
class Upload:
    """A notebook among the uploads, its content in a file of ours."""

    place: Place
    name: Name
    when: tuple  # of a later one of the same student, greater
    path: Path
    digest: str
    shown: str
    student: str = ""


@dataclass
class Report:
    """What is said at the end."""

    taken: list = field(default_factory=list)
    set_aside: list = field(default_factory=list)  # (file, sentence)
    notes: list = field(default_factory=list)


class UploadsExtractor(ExtractorPlugin):
    """Writes extracted/STUDENT/NOTEBOOK.ipynb for each notebook that tells whose it is, and timestamp.txt for times."""

    max_file = Integer(20, help="Megabytes of a notebook; an archive in an archive may have five times as much.").tag(
        config=True
    )
    max_ratio = Integer(100, help="Times its own size that an archive may unpack to; 10 MB are always allowed.").tag(
        config=True
    )
    max_files = Integer(2_000, help="Files in an archive that lies in another one.").tag(config=True)
    max_depth = Integer(3, help="How many archives may lie in one another.").tag(config=True)
    timezone = Unicode("", help="Of the platform's times, such as Europe/Berlin; without it, this machine's.").tag(
        config=True
    )
    moodle_number = Unicode("Identifier", help="The heading of the numbers in Moodle's grading worksheet.").tag(
        config=True
    )
    moodle_time = Unicode("Last modified (submission)", help="The heading of its times.").tag(config=True)

    def extract(self, archive_path, extracted_path):
        # What the command writes from here on, submitted/ too, is for nobody else on this machine.
        if not self.parent.coursedir.groupshared:
            os.umask(0o077)
        self._read_course()
        self.report, self.uploads, self.times = Report(), [], {}
        # nbgrader gives a plugin no last word, and names each copied file after this step.
        atexit.register(self._say, Path(archive_path).parent / "set_aside.csv")
        with tempfile.TemporaryDirectory() as self._spool:
            for path in sorted(Path(archive_path).rglob("*")):
                if path.is_symlink() or not path.is_dir():
                    self._guarded(path.relative_to(archive_path).parts, self._take_path, path)
            self._find_owners()
            self._must_know_students()
            self._write(Path(extracted_path))

    def _read_course(self):
        coursedir = self.parent.coursedir
        self.assignment = coursedir.assignment_id
        self.release = Path(coursedir.format_path(coursedir.release_directory, ".", self.assignment))
        self.notebooks = [path.stem for path in self.release.glob("*.ipynb")]
        with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
            self.students = Students(gradebook.students)
            self.duedate = None
            with contextlib.suppress(MissingEntry):
                self.duedate = gradebook.find_assignment(self.assignment).duedate

    def _aside(self, shown, sentence):
        self.report.set_aside.append((shown, sentence))

    def _guarded(self, parts, take, *arguments):
        """Whatever is wrong with one file or archive, the others are still to come."""
        try:
            take(parts, *arguments)
        except SetAside as reason:
            self._aside(_shown(parts), str(reason))
        except BROKEN as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise
            self._aside(_shown(parts), f"can't be read: {_printable(str(error)) or type(error).__name__}.")

    def _take_path(self, parts, path):
        if any(NOISE.fullmatch(part) for part in parts):
            return
        if path.is_symlink() or not path.is_file():
            raise SetAside("is a link, or no regular file.")
        with path.open("rb") as file:
            if path.suffix.lower() == ".zip":
                self._take_archive(parts, file, path.stat().st_size)
            else:
                when = time.localtime(path.stat().st_mtime)[:6]
                self._take_file(parts, file, when, Budget(float("inf")))

    def _take_archive(self, parts, file, size, outer=None, depth=1):
        if depth > self.max_depth:
            raise SetAside(f"lies more than {self.max_depth} archives deep.")
        budget = Budget(max(size * self.max_ratio, 10_000_000), outer)
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if depth > 1 and len(entries) > self.max_files:
                raise SetAside(f"has {len(entries):,} files; {self.max_files:,} are allowed.")
            for entry in entries:
                if not entry.is_dir():
                    inner = (*parts, *PurePosixPath(_name(entry).replace("\\", "/")).parts)
                    self._guarded(inner, self._take_entry, archive, entry, budget, depth)

    def _take_entry(self, parts, archive, entry, budget, depth):
        if any(part in ("..", "/", "//") or part.endswith(":") for part in parts):
            raise SetAside("has a path that leads out of its archive.")
        if any(NOISE.fullmatch(part) for part in parts):
            return
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise SetAside("is a link.")
        if entry.flag_bits & 1:
            raise SetAside("is encrypted. Ask for it without a password.")
        with archive.open(entry) as file:
            if not parts[-1].lower().endswith(".zip"):
                return self._take_file(parts, file, entry.date_time, budget)
            with tempfile.TemporaryFile() as copy:
                for block in _blocks(file, 5 * self.max_file, budget):
                    copy.write(block)
                self._take_archive(parts, copy, copy.tell(), budget, depth + 1)

    def _take_file(self, parts, file, when, budget):
        platform = next((found for part in parts if (found := given(part))), None)
        own = given(parts[-1])
        name = own.file if own and own == platform else parts[-1]
        if platform and own and not name:
            return  # Blackboard's note on an attempt
        if name.lower().endswith(".csv"):
            return self._take_worksheet(b"".join(_blocks(file, self.max_file, budget)))
        match = NOTEBOOK.fullmatch(name)
        if not match:
            raise SetAside("is neither a notebook nor a zip file.")
        read = parse(match["stem"] + match["copy"], self.notebooks) or Name(match["stem"])
        if not is_name(read.notebook):
            raise SetAside("has a name that no notebook of this course has.")
        content = b"".join(_blocks(file, self.max_file, budget))
        path = Path(self._spool) / str(len(self.uploads))
        path.write_bytes(content)
        # Zip files tell times in steps of two seconds.
        order = (platform.attempt if platform else 0, *when[:5], when[5] // 2)
        place = Place(parts, read.notebook, read.extra, platform)
        self.uploads.append(Upload(place, read, order, path, sha256(content).hexdigest(), _shown(parts)))

    def _take_worksheet(self, content):
        """Moodle's grading worksheet knows when each participant handed in."""
        text = content.decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        if not rows or self.moodle_number not in rows[0] or self.moodle_time not in rows[0]:
            raise SetAside(
                f"is no grading worksheet of Moodle with {self.moodle_number!r} and {self.moodle_time!r}."
                " If yours has other headings, set UploadsExtractor.moodle_number and moodle_time."
            )
        for row in rows:
            number, said = re.search(r"\d+$", row[self.moodle_number].strip()), (row[self.moodle_time] or "").strip()
            if not number or said in ("", "-"):
                continue
            try:
                self.times[number[0]] = dateutil.parser.parse(said)
            except (ValueError, OverflowError):
                raise SetAside(
                    f"has times that can't be read, such as {_printable(said)!r}; none was taken from it."
                    " Download it with Moodle set to English."
                ) from None

    def _find_owners(self):
        """Give each upload its student, now that all are known; set aside those that are unclear."""
        generic = [self.assignment, self.parent.coursedir.course_id, *self.notebooks]
        owners = Owners(self.students, [one.place for one in self.uploads], [name for name in generic if name])
        guesses, certain_ones = defaultdict(list), defaultdict(list)
        for upload in self.uploads:
            try:
                upload.student, certain = owners.owner(upload.place)
            except Unclear as reason:
                self._aside(upload.shown, str(reason))
                continue
            if is_name(upload.student):
                (certain_ones if certain else guesses)[upload.student, upload.name.notebook].append(upload)
                continue
            self._aside(
                upload.shown,
                f"names {_printable(upload.student)!r} as its student; an id begins with a letter or a digit, and has"
                " letters, digits and . _ @ ' - only.",
            )
            upload.student = ""
        for (student, _), uploads in guesses.items():
            if _compete(uploads):
                why = f"may be another {student}'s than what lies beside it: the gradebook knows none."
                self._refuse(uploads, f"{why} Import a student list, or rename one of the two folders.")
        for (student, _), uploads in certain_ones.items():
            strange = [one for one in uploads if owners.lies_with_another(one.place, student)]
            if _compete(uploads) and len(strange) < len(uploads):
                why = f"names {student}, whose own notebook lies elsewhere."
                self._refuse(strange, f"{why} If it is theirs and newer, move it into a folder {student}.")

    def _refuse(self, uploads, reason):
        for one in uploads:
            one.student = ""
            self._aside(one.shown, reason)

    def _must_know_students(self):
        """Stop before anything is written where all students are guesses, unless that is wanted."""
        names = sorted({one.student for one in self.uploads if one.student})
        if self.students.ids or not names:
            return
        said = f"The gradebook has no students; these {len(names)} were read off the uploads: {', '.join(names)}."
        if not self.parent.force:
            raise SystemExit(
                f"{said}\nNothing was written. Import your list with `nbgrader db student import students.csv`, or, if"
                f" the names are right, run `nbgrader zip_collect {self.assignment} --force`."
            )
        self.report.notes.append(said)

    def _write(self, folder):
        """Write of each notebook the copy that counts, and the times that are known."""
        copies, late, times = defaultdict(list), defaultdict(list), defaultdict(list)
        for upload in self.uploads:
            if upload.student:
                copies[upload.student, upload.name.notebook].append(upload)
        for (student, notebook), uploads in copies.items():
            upload = self._choose(notebook, uploads)
            path = folder / student / f"{notebook}.ipynb"
            path.parent.mkdir(exist_ok=True)
            shutil.copyfile(upload.path, path)
            self.report.taken.append((student, notebook))
            try:
                load(path.read_bytes())
            except Unreadable as error:
                self.report.notes.append(f"{student}, {upload.shown}: {error}")
            late[student].append(bool(upload.place.given and upload.place.given.late))
            times[student].append(self._time(upload))
        for student, known in times.items():
            if any(known):
                # nbgrader's own way to say when a submission came in: as UTC.
                said = max(one for one in known if one).strftime("%Y-%m-%d %H:%M:%S UTC")
                (folder / student / "timestamp.txt").write_text(said, encoding="utf-8")
        self._note_late(sorted(student for student, known in late.items() if any(known)))

    def _choose(self, notebook, uploads):
        """The upload that counts among all of one notebook of one student; the others are set aside."""
        different = list({one.digest: one for one in sorted(uploads, key=lambda one: one.when)}.values())
        if len(different) == 1:
            return different[0]
        handed_out = released(self.release.parent, self.assignment, notebook)
        made = {Copy(one.shown, one.name, state(one.path.read_bytes(), handed_out), one.when): one for one in different}
        chosen, left_out = choose(list(made))
        for copy, why in left_out:
            self._aside(copy.shown, LEFT_OUT[why].format(file="", taken=chosen.shown).strip())
        return made[chosen]

    def _time(self, upload):
        """When an upload came in, in UTC without saying so, as the gradebook has it; None where nobody knows."""
        platform = upload.place.given
        if platform is None:
            return None
        said = platform.when or next((self.times[user] for user in platform.users if user in self.times), None)
        if said:
            return self._utc(said)
        return self.duedate + LATE_BY if platform.late and self.duedate else None

    def _utc(self, when):
        if when.tzinfo is None and self.timezone:
            when = when.replace(tzinfo=ZoneInfo(self.timezone))
        return when.astimezone(UTC).replace(tzinfo=None)  # without a zone, of this machine

    def _note_late(self, students):
        if students and self.duedate:
            self.report.notes.append(
                f"Late, says Canvas, but not by how much: {', '.join(students)}. Their time is set to a second after"
                " the due date."
            )
        elif students:
            self.report.notes.append(
                f"Late, says Canvas: {', '.join(students)}. The gradebook has no due date for {self.assignment}, so"
                " no time was set."
            )

    def _say(self, path):
        report = self.report
        students = {student for student, _ in report.taken}
        print(f"\n{len(report.taken)} notebooks of {len(students)} students were taken.")
        unknown = students - self.students.ids
        if self.students.ids and unknown:
            print(f"Not in the gradebook so far: {', '.join(sorted(unknown))}.")
        print(*report.notes, sep="\n", end="\n" * bool(report.notes))
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("file", "reason"), *report.set_aside])
        if report.set_aside:
            print(f"{len(report.set_aside)} set aside; the list is in {path}:")
            print("\n".join(f"  {shown} {reason}" for shown, reason in report.set_aside))


def _compete(uploads):
    """Whether different notebooks lie below different folders or archives: nothing there tells which one is later."""
    tops = {one.place.parts[0] if len(one.place.parts) > 1 else "" for one in uploads}
    return len(tops) > 1 and len({one.digest for one in uploads}) > 1


def _blocks(file, megabytes, budget):
    left = megabytes * 1_000_000
    while block := file.read(65_536):
        left -= len(block)
        if left < 0:
            raise SetAside(f"has more than {megabytes} MB.")
        budget.spend(len(block))
        yield block


def _name(entry):
    """The name of an entry. Names in UTF-8 often lack the mark that says so, and come out as those of an old PC."""
    try:
        return entry.filename if entry.flag_bits & 0x800 else entry.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return entry.filename


def _printable(text):
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:200]


def _shown(parts):
    return _printable("/".join(parts))
