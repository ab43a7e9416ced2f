"""Whose file it is: read off the names that learning platforms give to uploads, and off folders and archives.

Nothing here opens a file. A name that a platform gave is certain, because its user logged in there; a name that the
gradebook knows is nearly so; any other one is a guess.
"""

import contextlib
import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

import dateutil.parser

from learngpt_teaching.copies import parse

# Blackboard: "Week 1_jdoe_attempt_2024-03-05-14-22-33_1-bigram.ipynb"; its own note on each attempt has no file's name.
BLACKBOARD = re.compile(r"(?P<users>.+)_attempt_(?P<when>\d{4}(-\d\d){5})(_(?P<file>.+)|\.txt)?", re.I)
# Moodle: "Ada Lovelace_12345_assignsubmission_file_" is a folder, or the beginning of a file's name.
MOODLE = re.compile(r"(?P<name>.+)_(?P<user>\d+)_assignsubmission_file_?(?P<file>.*)")
# Brightspace: "12346-67890 - Grace Hopper - 5 March, 2024 222 PM" is a folder, or the beginning of a file's name.
BRIGHTSPACE = re.compile(
    r"(?P<user>\d+)-\d+ - (?P<name>.+?) - (?P<when>[^-]*\d{4} \d{3,4}( ?[AP]M)?)( - (?P<file>.+))?", re.I
)
# Canvas: lovelaceada_12345_67890_1-bigram.ipynb, lovelaceada_LATE_12345_67891_1-bigram-1.ipynb (her second upload), and
# anon_AbC12_67892_1-bigram.ipynb where an assignment is graded without names.
CANVAS = re.compile(
    r"(?P<anonymous>anon_[a-z0-9]+)(?P<late_anonymous>_late)?_(?P<upload_anonymous>\d+)_(?P<file_anonymous>.+)"
    r"|.+?(?P<late>_late)?_(?P<user>\d+)_(?P<upload>\d+)_(?P<file>.+)",
    re.I,
)

# Folders and prefixes that name no student, with the assignment's and the notebooks' own.
WORDS = {"work", "home", "desktop", "downloads", "documents", "lab", "notebooks", "notebook", "release", "source"}
WORDS |= {"submission", "submissions", "homework", "hw", "assignment", "solution", "solutions", "answers", "src"}
WORDS |= {
    "final",
    "finished",
    "done",
    "fixed",
    "my",
    "new",
    "old",
    "last",
    "latest",
    "draft",
    "copy",
    "copies",
    "backup",
}

# A name may have these besides letters, their marks and digits; Hindi and Persian need the joiners at the end.
MARKS = " ._@'’ʼ‘()-\u200c\u200d"


class Unclear(Exception):
    """Why it can't be said whose a file is."""


@dataclass(frozen=True)
class Given:
    """What a name says that a learning platform gave.

    Attributes:
        users: who it may be, the likeliest first; a number, a user name or a full name.
        called: who it is if the gradebook knows none of `users`.
        file: the student's own name of the file, "" where the platform's is a folder's.
        attempt: a number that grows with each upload of a student.
        when: its time, without a time zone, where the name tells it.
        late: the platform calls it late.
    """

    users: tuple
    called: str
    file: str = ""
    attempt: int = 0
    when: datetime | None = None
    late: bool = False


def given(part):
    """What a platform's name says; None for any other name."""
    if match := BLACKBOARD.fullmatch(part):
        words = match["users"].split("_")  # the assignment and the user, and both may have a "_"
        users = tuple("_".join(words[start:]) for start in range(len(words)))
        when = None
        with contextlib.suppress(ValueError):
            when = datetime.strptime(match["when"], "%Y-%m-%d-%H-%M-%S")
        return Given(users, users[-1], match["file"] or "", int(match["when"].replace("-", "")), when)
    if match := MOODLE.fullmatch(part):
        return Given((match["user"], match["name"]), match["user"], match["file"])
    if match := BRIGHTSPACE.fullmatch(part):
        when = None
        with contextlib.suppress(ValueError, OverflowError):
            when = dateutil.parser.parse(re.sub(r"(\d{1,2})(\d\d)( ?[AP]M)?$", r"\1:\2\3", match["when"], flags=re.I))
        attempt = int(when.strftime("%Y%m%d%H%M%S")) if when else 0
        return Given((match["user"], match["name"]), match["user"], match["file"] or "", attempt, when)
    if match := CANVAS.fullmatch(part):
        if match["anonymous"]:
            late, upload, file = match["late_anonymous"], match["upload_anonymous"], match["file_anonymous"]
            return Given((match["anonymous"],), match["anonymous"], file, int(upload), late=bool(late))
        user = match["user"]
        return Given((user,), user, match["file"], int(match["upload"]), late=bool(match["late"]))
    return None


def is_name(text: str) -> bool:
    """Whether it can name a student or a notebook: letters of any script, digits and a few marks; no path, no glob."""
    letters = all(unicodedata.category(one)[0] in "LMN" or one in MARKS for one in text)
    return bool(text) and unicodedata.category(text[0])[0] in "LN" and letters and len(text.encode()) <= 200


def fold(name):
    return unicodedata.normalize("NFC", name).strip().casefold()


class Students:
    """Those whom the gradebook knows: by their id, the platform's number, their e-mail address or their full name."""

    def __init__(self, students):
        names = defaultdict(set)
        for one in students:
            first, last = one.first_name or "", one.last_name or ""
            called = {f"{first} {last}", f"{last} {first}", f"{last}, {first}"} if first and last else set()
            for name in {one.id, one.lms_user_id, one.email} | called - {None, ""}:
                names[fold(name or "")].add(one.id)
        self.ids = {one.id for one in students}
        self._ids = {name: found.pop() for name, found in names.items() if name and len(found) == 1}

    def find(self, name):
        """The id of a student, None if it is nobody's or more than one's."""
        if name in self.ids:
            return name
        return self._ids.get(fold(name)) or self._ids.get(fold(re.sub(r" ?\(\d+\)$", "", name)))


@dataclass
class Place:
    """A file among the uploads and all that stands around it.

    Attributes:
        parts: the names from the outermost folder or archive to the file.
        notebook: which notebook it is.
        extra: what the file's name says besides, such as "ada".
        given: what the outermost platform's name says, None where there is none.
    """

    parts: tuple
    notebook: str
    extra: str
    given: Given | None


class Owners:
    """Tells for each of many uploads whose it is; all must be known first, because a guess compares them.

    A platform's user and a student of the gradebook are taken at their word, the outermost first. Where there is none,
    the student is the outermost folder or archive that doesn't hold one notebook in several folders of its own, as a
    class does: Ada is who `ada.zip/my week/1-bigram.ipynb` belongs to, and in `mail.zip` it is each of its folders.
    """

    def __init__(self, students, places, generic):
        """
        Args:
            students: Students.
            places: list of Place.
            generic: names that stand for no student: the assignment, its notebooks.
        """
        self.students, self.generic = students, list(generic)
        self._below = defaultdict(lambda: defaultdict(set))  # container -> notebook -> what it lies in there
        for place in places:
            chain = self._chain(place)
            for (container, _), inner in zip(chain, [*(one for one, _ in chain[1:]), None]):
                self._below[container][place.notebook].add(inner)
        guessed = {}
        for place in places:
            with contextlib.suppress(Unclear):
                student, certain = self._owner(place)
                if not certain:
                    guessed[fold(student)] = student
        self._guessed = guessed

    def owner(self, place):
        """Whose a file is.

        Returns:
            (student, whether a platform or the gradebook says so)

        Raises:
            Unclear
        """
        student, certain = self._owner(place)
        if place.given is None or self._named_outside(place):
            others = {self.students.find(name) or self._guessed.get(fold(name)) for name in self._names(place)}
            if others := others - {None, student, self.students.find(student)}:
                raise Unclear(f"names {student} and {', '.join(sorted(others))}. Ask whose it is, and move it.")
        return student, certain

    def lies_with_another(self, place, student):
        """Whether a student of the gradebook is named only inside what looks like one other person's archive."""
        for container, name in self._chain(place):
            if self.students.find(name) == student:
                return False
            if not self._is_class(container):
                return not place.given
        return False

    def _owner(self, place):
        outside = self._named_outside(place)
        if place.given and not outside:
            known = (self.students.find(user) for user in place.given.users)
            return next((one for one in known if one), place.given.called), True
        known = [found for name in self._names(place) if (found := self.students.find(name))]
        if known:
            inner = {self.students.find(user) or place.given.called for user in place.given.users} if outside else set()
            if inner and known[0] not in inner:
                raise Unclear(f"names {known[0]} and, inside, {place.given.called}. Ask whose it is, and move it.")
            return known[0], True
        for container, name in self._chain(place):
            if not self._is_class(container):
                return name, False
        raise Unclear("tells by no name whose it is. Put it into a folder that is named after its student.")

    def _named_outside(self, place):
        """Whether a student of the gradebook stands around the platform's name, which they may have made up then."""
        if not place.given:
            return False
        outer = next(number for number, part in enumerate(place.parts) if given(part))
        return any(self.students.find(_stem(part)) for part in place.parts[:outer])

    def _names(self, place):
        """All that may name a student, the outermost first."""
        names = [_stem(part) for part in place.parts[:-1]]
        # Of ada_week1.zip, "ada".
        read = [parse(name, self.generic) for name in names]
        names = [name.extra if name and name.extra else raw for name, raw in zip(read, names)]
        return [name for name in [*names, place.extra] if name]

    def _chain(self, place):
        """The containers of a file that may name its student, the outermost first: list of (path, name)."""
        chain = []
        for number, part in enumerate(place.parts[:-1], start=1):
            name = re.sub(r" ?\(\d+\)$", "", _stem(part))
            read = parse(name, self.generic)
            name = read.extra if read else name
            if name and not _is_generic(name):
                chain.append((place.parts[:number], name))
        if place.extra and not _is_generic(place.extra):
            chain.append((("", fold(place.extra), *place.parts[:-1]), place.extra))
        return chain

    def _is_class(self, container):
        for inside in self._below[container].values():
            folders = {one for one in inside if one and one[0] != ""}
            if len(folders) > 1 or (
                len(inside) > 1 and not any(None in one for one in self._below[container].values())
            ):
                return True
        return False


def _is_generic(name):
    """Such as "final 2"; a number alone may be a student's."""
    words = set(re.split(r"[\W_]+", fold(name))) - {""}
    return bool(words & WORDS) and all(word in WORDS or re.fullmatch(r"v?\d+", word) for word in words)


def _stem(part):
    return unicodedata.normalize("NFC", re.sub(r"\.zip$", "", part, flags=re.I)).strip()
