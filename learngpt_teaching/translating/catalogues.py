"""Catalogues: what there is to translate, and what is translated of it.

Lines are as long as their sentences and nothing is dated, so that a changed sentence is a changed line and nothing else.
"""

import io
import re
from collections.abc import Iterable
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, PoFileParser, denormalize, write_po

from learngpt_teaching.course import CourseError
from learngpt_teaching.translating.notebooks import pieces, read

FOLDER, PROGRAM = "translations", "program"
PACKAGES = ("learngpt", "learngpt_teaching", "lab")
KEYWORDS = {"say": None, "counted": (1, 2), "mark": None}


class Sentences(Catalog):
    """A catalogue of Babel's, whose header has neither dates nor versions."""

    def __init__(self, language: str | None = None):
        try:
            super().__init__(locale=Locale.parse(language) if language else None, fuzzy=False)
        except (UnknownLocaleError, ValueError):
            raise CourseError(f"{FOLDER}/{language} is no language: name the folder by an ISO 639 code.") from None
        self.header_comment = "# learnGPT. How to translate it: translations/README.md"

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        headers = [("Project-Id-Version", "learnGPT")]
        if self.locale:
            headers += [("Language", str(self.locale)), ("Plural-Forms", self.plural_forms)]
        return [*headers, ("MIME-Version", "1.0"), ("Content-Type", "text/plain; charset=utf-8"),
                ("Content-Transfer-Encoding", "8bit\n")]

    @mime_headers.setter
    def mime_headers(self, headers: Iterable[tuple[str, str]]) -> None:
        """A file's own header says nothing that its folder doesn't."""


def said(message: Message) -> bool:
    """Whether an entry is translated, and needs no second look."""
    strings = [message.string] if isinstance(message.string, str) else message.string
    return bool(strings) and all(strings) and not message.fuzzy


def entries(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


def languages(root: Path) -> list[str]:
    """The languages that have a folder in translations/."""
    return sorted(path.name for path in (root / FOLDER).glob("*") if path.is_dir())


def of_program(root: Path) -> Catalog:
    """The sentences of the program: what is given to `say`, `counted` and `mark`."""
    found = Sentences()
    for package in PACKAGES:
        for path, _line, words, *_ in extract_from_dir(root / package, [("**.py", "python")], keywords=KEYWORDS):
            found.add(words, locations=[(f"{package}/{path}", None)])
    return found


def of_notebooks(root: Path, assignment: str) -> Catalog:
    """The pieces of the notebooks of an assignment; source/ASSIGNMENT/NOTEBOOK.ipynb#CELL is where each is."""
    found = Sentences()
    for path in sorted((root / "source" / assignment).glob("*.ipynb")):
        for cell, words, kind in pieces(path, read(path)):
            place = f"source/{assignment}/{path.name}#{cell.id}"
            found.add(words, locations=[(place, None)], auto_comments=[kind])
    return found


def load(path: Path, language: str | None = None) -> Catalog:
    """The catalogue in a file, of the language that its folder is named by, or of another one.

    Raises:
        CourseError: it can't be read. The message names file and line.
    """
    found = Sentences(language or path.parent.name)
    try:
        with path.open("rb") as file:
            PoFileParser(found, ignore_obsolete=True, abort_invalid=True).parse(file)
    except (PoFileError, UnicodeDecodeError) as error:
        raise CourseError(f"{path} can't be read: {error}. Mend it.") from None
    for message in entries(found):
        # Babel takes the sentence that a fuzzy entry was translated from for a comment of the translator's.
        before = " ".join(line[1:].strip() for line in message.user_comments if line.startswith("|"))
        message.user_comments = [line for line in message.user_comments if not line.startswith("|")]
        if message.fuzzy and (old := re.fullmatch(r'msgid ((?:"(?:\\.|[^"\\])*" ?)+)(?:msgid_plural (.*))?', before)):
            message.previous_id = [denormalize(text.strip()) for text in old.groups() if text]
    return found


def save(catalogue: Catalog, path: Path) -> None:
    """Write a catalogue into a file, if it isn't what is in there already."""
    for message in entries(catalogue):
        message.flags &= {"fuzzy"}  # Babel takes "90 % of" for a format
        if not said(message) and not (message.string and any(message.string)):
            message.flags -= {"fuzzy"}
    text = io.BytesIO()
    write_po(text, catalogue, width=0, ignore_obsolete=True, include_previous=True)
    _write(path, text.getvalue().rstrip() + b"\n")


def update(path: Path, template: Catalog) -> Catalog:
    """Bring a file up to date with what there is to translate; a changed English sentence makes a fuzzy entry."""
    known = load(path) if path.exists() else Sentences(path.parent.name)
    before = {message.id: message.previous_id for message in entries(known)}
    known.update(template, update_header_comment=False, update_creation_date=False)
    for message in entries(known):
        message.previous_id = message.previous_id or (before.get(message.id, []) if message.fuzzy else [])
    save(known, path)
    return known


def bring_up_to_date(root: Path) -> list[str]:
    """Update all catalogues of all languages. Returns a line about each of them."""
    assignments = sorted(path.name for path in (root / "source").glob("*") if path.is_dir())
    templates = {PROGRAM: of_program(root)} | {name: of_notebooks(root, name) for name in assignments}
    lines = []
    for language in languages(root):
        for name, template in templates.items():
            path = root / FOLDER / language / f"{name}.po"
            whole = entries(update(path, template))
            fuzzy, done = sum(message.fuzzy for message in whole), sum(map(said, whole))
            lines.append(
                f"{path.relative_to(root)}: {done} of {len(whole)} entries are translated, {fuzzy} are fuzzy, "
                f"{len(whole) - done - fuzzy} are missing."
            )
    return lines


def compile_program(root: Path, language: str, catalogues: Iterable[Catalog]) -> None:
    """Write what is translated into the file that the program reads."""
    whole = Sentences(language)
    for catalogue in catalogues:
        for message in filter(said, entries(catalogue)):
            whole.add(message.id, message.string)
    data = io.BytesIO()
    write_mo(data, whole)
    _write(root / "learngpt" / "languages" / f"{language}.mo", data.getvalue())


def split(path: Path, parts: int, folder: Path) -> dict[Path, int]:
    """Divide a catalogue into files that several people can work on, and tell how many entries each has.

    What comes from one file stays together, and is listed under the first of the files that it comes from.
    """
    whole = load(path)
    files: dict[str, list[Message]] = {}
    for message in entries(whole):
        files.setdefault(message.locations[0][0].partition("#")[0], []).append(message)
    groups: list[list[Message]] = [[] for _ in range(parts)]
    for messages in files.values() if len(files) == parts else sorted(files.values(), key=len, reverse=True):
        min(groups, key=_length).extend(messages)
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for number, group in enumerate(groups, 1):
        part = Sentences(path.parent.name)
        for message in group:
            part[message.id] = message
        target = folder / f"{path.stem}-{number}.po"
        save(part, target)
        made[target] = len(group)
    return made


def _length(messages):
    return sum(len(message.id if isinstance(message.id, str) else message.id[1]) for message in messages)


def merge(path: Path, parts: Iterable[Path]) -> int:
    """Take the translations of such files into their catalogue. Returns how many entries were translated anew."""
    whole, taken = load(path), 0
    for part in parts:
        for message in entries(load(part, path.parent.name)):
            if message.id not in whole:
                raise CourseError(f"{part} has an entry that {path} hasn't: {message.id!r}.")
            if any(message.string) and whole[message.id].string != message.string:
                whole[message.id].string = message.string
                whole[message.id].flags = message.flags
                taken += 1
    save(whole, path)
    return taken


def _write(path: Path, data: bytes) -> None:
    if not path.exists() or path.read_bytes() != data:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
