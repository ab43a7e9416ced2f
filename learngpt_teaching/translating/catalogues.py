"""Catalogues: what there is to translate, and what is translated of it.

Lines are as long as their sentences, and nothing is dated: a changed sentence is a changed line and nothing else.
"""

import csv
import io
import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, PoFileParser, denormalize, write_po

from learngpt_teaching.course import CourseError
from learngpt_teaching.translating import rules
from learngpt_teaching.translating.notebooks import pieces
from learngpt_teaching.translating.spans import of_markdown, words_of

FOLDER, PROGRAM = "translations", "program"
PLACES = ("learngpt", "learngpt_teaching", "lab", "img")
WELCOME = "lab/welcome.md"
READERS = [("**.py", "python"), ("**.j2", "jinja2")]
OPTIONS = {"**.j2": {"silent": "false"}}
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
        return [
            *headers,
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit\n"),
        ]

    @mime_headers.setter
    def mime_headers(self, headers: Iterable[tuple[str, str]]) -> None:
        """A file's own header says nothing that its folder doesn't."""


def said(message: Message) -> bool:
    """Whether an entry is translated, and needs no second look."""
    return all(rules.strings(message)) and not message.fuzzy


def entries(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


def languages(root: Path) -> list[str]:
    """The languages that have a folder in translations/."""
    return sorted(path.name for path in (root / FOLDER).glob("*") if path.is_dir())


def of_program(root: Path) -> Catalog:
    """The sentences of the program: what is given to `say`, `counted` and `mark`, and the welcome page."""
    found = Sentences()
    for place in PLACES:
        for path, _line, words, *_ in extract_from_dir(root / place, READERS, OPTIONS, KEYWORDS):
            found.add(words, locations=[(f"{place}/{path}", 0)])
    for page in filter(Path.exists, [root / WELCOME]):
        text = page.read_text(encoding="utf-8")
        for span in of_markdown(text):
            found.add(words_of(text, span), locations=[(WELCOME, 0)], auto_comments=[span.kind])
    return found


def of_notebooks(root: Path, assignment: str) -> Catalog:
    """The pieces of the notebooks of an assignment; source/ASSIGNMENT/NOTEBOOK.ipynb#CELL is where each is."""
    found = Sentences()
    for path in sorted((root / "source" / assignment).glob("*.ipynb")):
        for cell, words, kind in pieces(path):
            place = f"source/{assignment}/{path.name}#{cell}"
            found.add(words, locations=[(place, 0)], auto_comments=[kind])
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
        if not all(rules.strings(message)):
            message.flags.clear()
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
    """Update the catalogues of all languages, and compile what the program says.

    Returns:
        a line about each catalogue: what is translated, fuzzy, missing.

    Raises:
        CourseError: a translation doesn't keep what it must. The message names file, entry and place.
    """
    if not languages(root):
        return []
    assignments = sorted(path.name for path in (root / "source").glob("*") if path.is_dir())
    templates = {PROGRAM: of_program(root)} | {name: of_notebooks(root, name) for name in assignments}
    lines = []
    for language in languages(root):
        for name, template in templates.items():
            path = root / FOLDER / language / f"{name}.po"
            whole = entries(update(path, template))
            for fault in faults(root, language, name):
                raise CourseError(fault)
            fuzzy, done = sum(message.fuzzy for message in whole), sum(map(said, whole))
            lines.append(
                f"{path.relative_to(root)}: {done} of {len(whole)} entries are translated, {fuzzy} are fuzzy, "
                f"{len(whole) - done - fuzzy} are missing."
            )
            if name == PROGRAM:
                _compile(filter(said, whole), language, root / "learngpt" / "languages" / f"{language}.mo")
    return lines


def faults(root: Path, language: str, name: str) -> Iterator[str]:
    """What is wrong in a catalogue, a line for each: file, entry, place, and what it is."""
    path = root / FOLDER / language / f"{name}.po"
    for message in entries(load(path)):
        # A fuzzy one may keep what the sentence before had; nobody reads it until it is looked at.
        for fault in [] if message.fuzzy else rules.faults(message, language):
            yield f"{path.relative_to(root)}: {described(message)}: {fault}."


def unlike_the_glossary(root: Path, language: str, name: str) -> Iterator[str]:
    """What in a catalogue isn't called as the glossary has it, a line for each."""
    with (root / FOLDER / language / "glossary.csv").open(encoding="utf-8", newline="") as file:
        terms = [(row["english"].split("/"), row["translation"].split("/")) for row in csv.DictReader(file)]
    for message in entries(load(root / FOLDER / language / f"{name}.po")):
        for fault in rules.unlike_the_glossary(message, terms):
            yield f"{FOLDER}/{language}/{name}.po: {described(message)}: {fault}."


def described(message: Message) -> str:
    """An entry by its first words and its first place, in one line."""
    words = rules.sentences(message)[0]
    return f"the entry {textwrap.shorten(words, 60, placeholder=' ...')!r} of {message.locations[0][0]}"


def translations(root: Path, language: str, name: str) -> dict[str, str]:
    """{English: translated} of the entries of a catalogue that are translated; empty where there is no catalogue."""
    path = root / FOLDER / language / f"{name}.po"
    if not path.is_file():
        return {}
    return {rules.sentences(each)[0]: rules.strings(each)[0] for each in entries(load(path)) if said(each)}


def _compile(messages: Iterable[Message], language: str, path: Path) -> None:
    whole = Sentences(language)
    for message in messages:
        whole.add(message.id, message.string)
    data = io.BytesIO()
    write_mo(data, whole)
    _write(path, data.getvalue())


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
    return sum(len(rules.sentences(message)[-1]) for message in messages)


def merge(path: Path, parts: Iterable[Path]) -> tuple[int, list[str]]:
    """Take the translations of such files into their catalogue.

    Returns:
        how many entries have a new translation, and a line about each that the catalogue no longer has.
    """
    whole, taken, gone = load(path), 0, []
    for part in parts:
        for message in entries(load(part, path.parent.name)):
            if message.id not in whole:
                gone.append(f"{part}: {described(message)} is not in {path}.")
            elif all(rules.strings(message)) and whole[message.id].string != message.string:
                whole[message.id].string, whole[message.id].flags = message.string, message.flags
                taken += 1
    save(whole, path)
    return taken, gone


def _write(path: Path, data: bytes) -> None:
    if not path.exists() or path.read_bytes() != data:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
