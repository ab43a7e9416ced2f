"""What a translation must keep of its sentence, so that it means the same and works the same."""

import re
from collections import Counter
from collections.abc import Iterator

from babel.messages.catalog import Message

from learngpt_teaching.translating.spans import CODE, FENCE, PROSE, ROW, marks_of

FORMULA = re.compile(r"\$[^$\n]+\$")
# name -> (what it looks like, whether a translation may have one twice)
KEPT = {
    "placeholder": (re.compile(r"\{[^{}]*\}"), True),
    "piece of code": (re.compile(r"`[^`\n]+`"), True),
    "formula": (FORMULA, False),
    "link": (re.compile(r"\]\([^)]*\)|https?://[^\s)>]+"), False),
    "HTML tag": (re.compile(r"</?[a-zA-Z][^<>]*>"), False),
    "fence of code": (re.compile(rf"^{FENCE}.*$", re.M), False),
    "line break": (re.compile(r"\n"), False),
}
# Particles whose form depends on the sound before them, which isn't known of a value or of a name.
PARTICLES = {"ko": re.compile(r"[}`](?!가지)(?:으로|[은는이가을를과와로라아야])")}


def sentences(message: Message) -> list[str]:
    """The English of an entry: one sentence, or that for one thing and that for several."""
    return [message.id] if isinstance(message.id, str) else list(message.id)


def strings(message: Message) -> list[str]:
    """The translation of an entry: for each number that the language tells apart, an empty one where there is none."""
    return [message.string] if isinstance(message.string, str) else [each or "" for each in message.string or [""]]


def faults(message: Message, language: str) -> Iterator[str]:
    """What is wrong with the translation of an entry; nothing where it has none yet."""
    said = strings(message)
    for number, string in enumerate(said):
        if string:
            sentence = sentences(message)[0 if number == 0 and len(said) > 1 else -1]
            yield from _faults(sentence, string, set(message.auto_comments), language)


def _faults(sentence: str, said: str, kinds: set[str], language: str) -> Iterator[str]:
    for what, (pattern, twice) in KEPT.items():
        if what == "line break" and kinds <= {"docstring"}:
            continue
        english, other = (_found(pattern, text, what) for text in (sentence, said))
        if twice:
            english, other = Counter(set(english)), Counter(set(other))
        yield from (f"the {what} {each!r} is gone" for each in english - other)
        yield from (f"the {what} {each!r} is not in the English" for each in other - english)
    if said != said.strip() and sentence == sentence.strip():
        yield "it begins or ends with a space"
    marks = [marks_of(text).strip() for text in (sentence, said)]
    if marks[0] != marks[1]:
        yield f"it begins with the mark {marks[1]!r} and the English with {marks[0]!r}"
    if ROW in kinds and said.count("|") != sentence.count("|"):
        yield "it has another number of columns"
    if CODE in kinds and set('"\\') & set(said) - set(sentence):
        yield "there is a quotation mark or a backslash in a string of code"
    if kinds & PROSE and (what := _emphasis(said)):
        yield what
    if (pattern := PARTICLES.get(language)) and (found := pattern.search(said)):
        yield f"a particle that depends on the sound before it follows a value or a name: {found.group()}"


def _found(pattern, text, what):
    if what != "formula":
        text = FORMULA.sub("", text)
    if what == "placeholder":
        text = text.replace("{{", "").replace("}}", "")
    return Counter(pattern.findall(text))


def _emphasis(said: str) -> str | None:
    """What is wrong with the asterisks of a Markdown text: where they don't make words *slanted* or **bold**."""
    plain = re.sub(r"`[^`]*`", lambda code: "x" * len(code.group()), FORMULA.sub("x", said))
    opened = None
    for run in re.finditer(r"\*+", plain):
        before, after = plain[: run.start()][-1:] or " ", plain[run.end() :][:1] or " "
        if opened is None:
            if after.isspace() or (_mark(after) and not (before.isspace() or _mark(before))):
                return f"{run.group()}{after} opens nothing"
            opened = run.group()
        elif run.group() == opened:
            if before.isspace() or (_mark(before) and not (after.isspace() or _mark(after))):
                return f"{before}{run.group()}{after} doesn't close the emphasis: no letter may follow it there"
            opened = None
        else:
            return f"{opened} is closed by {run.group()}"
    return f"{opened} isn't closed" if opened else None


def _mark(character: str) -> bool:
    return not (character.isalnum() or character.isspace())


def unlike_the_glossary(message: Message, glossary: list[tuple[list[str], list[str]]]) -> Iterator[str]:
    """The terms of a sentence whose translation isn't in its translation.

    Args:
        glossary: the English forms of each term, and its translations, one of which must be there.
    """
    plain = re.sub(r"`[^`\n]*`|\{[^{}]*\}|\b\w+[_.(]\w*\b", " ", FORMULA.sub(" ", sentences(message)[-1]))
    for english, translations in glossary:
        forms = "|".join(re.escape(form) for form in english)
        if re.search(rf"(?<![\w-])(?:{forms})s?(?![\w-])", plain, re.I):
            for said in strings(message):
                if said and not any(each in said for each in translations):
                    yield f"{english[0]} is {' or '.join(translations)} in the glossary"
