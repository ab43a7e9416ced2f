"""`nbgrader zip_collect` for what Canvas, Moodle or a mailbox hand over, whatever is wrong with some of it.

Uploads lie in downloaded/ASSIGNMENT/archive as they came: zip files, zip files of zip files, folders, single notebooks.
Whose a notebook is, and which one, is read off the names around it; no name in an archive decides where a file is
written. What can't be taken is set aside with one sentence each, printed when the command ends and kept in
downloaded/ASSIGNMENT/set_aside.csv.
"""

import atexit
import csv
import errno
import re
import stat
import tempfile
import time
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nbgrader.api import Gradebook
from nbgrader.plugins import ExtractorPlugin
from traitlets import Integer

# Canvas: lovelaceada_12345_67890_1-bigram.ipynb, lovelaceada_LATE_12345_67891_1-bigram-1.ipynb (her second upload)
CANVAS = re.compile(r"[^_]+(?P<late>_LATE)?_(?P<id>\d+)_(?P<upload>\d+)_(?P<file>.+)")
# Moodle: "Ada Lovelace_12345_assignsubmission_file_" is a folder, or the beginning of a file's name.
MOODLE = re.compile(r".+_(?P<id>\d+)_assignsubmission_file_?(?P<file>.*)")
NOTEBOOK = re.compile(r"(?P<stem>.+?)\.ipynb(\.txt|\.json)?", re.I)  # some browsers add an ending
NUMBERED = re.compile(r"(?P<stem>.+?)(-| ?\()(?P<number>\d{1,9})\)?")  # as Canvas, and as browsers count copies
NAME = re.compile(r"[^\W_][\w .@'()-]{0,99}")  # of a student or a notebook; nbgrader has its own use for + and *
NOISE = re.compile(r"__MACOSX|Thumbs\.db|desktop\.ini|\..+", re.I)

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
    """A notebook among the uploads. A later one of the same student has a greater `order`."""

    student: str
    notebook: str
    order: tuple
    late: bool
    shown: str = ""


class UploadsExtractor(ExtractorPlugin):
    """Writes extracted/STUDENT/NOTEBOOK.ipynb for each notebook that tells whose it is."""

    max_file = Integer(20, help="Megabytes of a notebook; an archive in an archive may have five times as much.").tag(
        config=True
    )
    max_ratio = Integer(100, help="Times its own size that an archive may unpack to; 10 MB are always allowed.").tag(
        config=True
    )
    max_files = Integer(2_000, help="Files in an archive that lies in another one.").tag(config=True)
    max_depth = Integer(3, help="How many archives may lie in one another.").tag(config=True)

    def extract(self, archive_path, extracted_path):
        coursedir = self.parent.coursedir
        self.folder = Path(extracted_path)
        self.set_aside, self.taken = [], {}
        release = Path(coursedir.format_path(coursedir.release_directory, ".", coursedir.assignment_id))
        self.notebooks = {_fold(path.stem): path.stem for path in release.glob("*.ipynb")}
        with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
            self.known = {student.id for student in gradebook.students}
            self.lms = {student.lms_user_id: student.id for student in gradebook.students if student.lms_user_id}
        # nbgrader gives a plugin no last word, and names each copied file after this step.
        atexit.register(self._report, Path(archive_path).parent / "set_aside.csv")
        for path in sorted(Path(archive_path).rglob("*")):
            if path.is_symlink() or not path.is_dir():
                self._guarded(path.relative_to(archive_path).parts, self._take_path, path)

    def _guarded(self, parts, take, *arguments):
        """Whatever is wrong with one file or archive, the others are still to come."""
        try:
            take(parts, *arguments)
        except SetAside as reason:
            self.set_aside.append((_shown(parts), str(reason)))
        except BROKEN as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise
            self.set_aside.append((_shown(parts), f"can't be read: {_printable(str(error)) or type(error).__name__}."))

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
                self._take_notebook(parts, file, (*when, 0), Budget(float("inf")))

    def _take_archive(self, parts, file, size, outer=None, depth=1):
        if depth > self.max_depth:
            raise SetAside(f"lies more than {self.max_depth} archives deep.")
        budget = Budget(max(size * self.max_ratio, 10_000_000), outer)
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if depth > 1 and len(entries) > self.max_files:
                raise SetAside(f"has {len(entries):,} files; {self.max_files:,} are allowed.")
            for number, entry in enumerate(entries):
                if not entry.is_dir():
                    inner = (*parts, *PurePosixPath(_name(entry).replace("\\", "/")).parts)
                    self._guarded(inner, self._take_entry, archive, entry, number, budget, depth)

    def _take_entry(self, parts, archive, entry, number, budget, depth):
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
                return self._take_notebook(parts, file, (*entry.date_time, number), budget)
            with tempfile.TemporaryFile() as copy:
                for block in _blocks(file, 5 * self.max_file, budget):
                    copy.write(block)
                self._take_archive(parts, copy, copy.tell(), budget, depth + 1)

    def _take_notebook(self, parts, file, when, budget):
        upload = self._recognise(parts)
        upload.order += when
        upload.shown = _shown(parts)
        self._keep(upload, b"".join(_blocks(file, self.max_file, budget)))

    def _recognise(self, parts):
        """Whose notebook this is and which one, from its own name and those of the folders and archives around it."""
        name, lms, number, late = parts[-1], None, 0, False
        for part in parts:
            match = CANVAS.fullmatch(part) or MOODLE.fullmatch(part)
            if match:
                found = match.groupdict()
                lms, number, late = found["id"], int(found.get("upload") or 0), bool(found.get("late"))
                name = found["file"] if part is name else name
                break
        file = NOTEBOOK.fullmatch(name)
        if not file:
            raise SetAside("is neither a notebook nor a zip file.")
        stem, copy = file["stem"], 0
        numbered = NUMBERED.fullmatch(stem)
        if numbered and not self._released(stem) and self._released(numbered["stem"]):
            stem, copy = numbered["stem"], int(numbered["number"])
        notebook = self._released(stem)
        prefix = stem[: -len(notebook)].rstrip("_- ") if notebook else ""
        student = self.lms.get(lms, lms) if lms else self._student(prefix, parts[:-1])
        if not NAME.fullmatch(student):
            raise SetAside(
                f"names {_printable(student)!r} as its student; an id has letters, digits and . _ @ ' - only."
            )
        if not NAME.fullmatch(notebook or stem):
            raise SetAside("has a name that no notebook of this course has.")
        return Upload(student, notebook or stem, (number, copy), late)

    def _released(self, stem):
        """The released notebook of this name, or whose name this ends with: ada_1-bigram."""
        folded = _fold(stem)
        for known, name in self.notebooks.items():
            if folded == known or (folded.endswith(known) and folded[-len(known) - 1] in "_- "):
                return name
        return None

    def _student(self, prefix, parts):
        """The student named by the file or by what it lies in: one that the gradebook knows, or the nearest."""
        around = [re.sub(r"\.zip$", "", part, flags=re.I) for part in reversed(parts)]
        assignment = _fold(self.parent.coursedir.assignment_id)
        names = [unicodedata.normalize("NFC", name).strip() for name in (prefix, *around) if _fold(name) != assignment]
        names = [self.lms.get(name, name) for name in names if name]
        if not names:
            raise SetAside("tells by no name whose it is. Put it into a folder that is named after its student.")
        return next((name for name in names if name in self.known), names[0])

    def _keep(self, upload, content):
        """Write a notebook unless a later upload of the same is there already."""
        key = (upload.student, upload.notebook)
        before, same = self.taken.get(key, (None, None))
        if before and same != hash(content):
            old, new = sorted([before, upload], key=lambda one: one.order)
            self.set_aside.append((old.shown, f"is older than {new.shown}, which was taken."))
        if before and before.order > upload.order:
            return
        self.taken[key] = (upload, hash(content))
        path = self.folder / upload.student / f"{upload.notebook}.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)

    def _report(self, path):
        students = {student for student, _ in self.taken}
        late = sorted({upload.student for upload, _ in self.taken.values() if upload.late})
        print(f"\n{len(self.taken)} notebooks of {len(students)} students were read.")
        if late:
            print(f"Late, says Canvas: {', '.join(late)}.")
        if self.known and students - self.known:
            print(f"Not in the gradebook so far: {', '.join(sorted(students - self.known))}.")
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("file", "reason"), *self.set_aside])
        if self.set_aside:
            print(f"{len(self.set_aside)} set aside; the list is in {path}:")
            print("\n".join(f"  {shown} {reason}" for shown, reason in self.set_aside))


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


def _fold(name):
    return unicodedata.normalize("NFC", name).casefold()


def _printable(text):
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:200]


def _shown(parts):
    return _printable("/".join(parts))
