"""Which language the program speaks, and its sentences in it.

English stands in the code. The other languages are gettext catalogues, made by `make build` from `translations/`.
"""

import contextlib
import functools
import gettext
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

FOLDER = Path(__file__).parent / "languages"
ENGLISH = "en"
CHOICE = ".language"  # a file in a learner's folder of work, which says what language they chose

_own = ENGLISH  # what this process speaks
_lent: ContextVar[str | None] = ContextVar("lent", default=None)  # what it speaks for a while, of someone else's page


class UnknownLanguage(ValueError):
    """There is no catalogue of a language. The message says which languages there are."""


def known() -> list[str]:
    """The languages that there are, by their ISO 639 codes; English first."""
    return [ENGLISH, *sorted(path.stem for path in FOLDER.glob("*.mo"))]


def subfolder(language: str) -> str:
    """The folder of a language in one that has English at its top: "ko", and "" for English."""
    return "" if language == ENGLISH else language


def spoken() -> str:
    """The language that is spoken now."""
    return _lent.get() or _own


def use(language: str) -> None:
    """Speak a language from now on, in all of this process.

    Raises:
        UnknownLanguage: there is no such language.
    """
    global _own
    _own = _checked(language)


def chosen(work: Path) -> str:
    """The language that was chosen for a learner's folder of work; English if none was, or there it no longer is."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        language = (work / CHOICE).read_text("utf-8").strip()
        return language if language in known() else ENGLISH
    return ENGLISH


@contextlib.contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak a language inside of a `with`, in this thread alone.

    Raises:
        UnknownLanguage: there is no such language.
    """
    before = _lent.set(_checked(language))
    try:
        yield
    finally:
        _lent.reset(before)


def _checked(language: str) -> str:
    if language not in known():
        raise UnknownLanguage(f"There is no language {language!r} here. There are: {', '.join(known())}.")
    return language


def say(sentence: str, **values: object) -> str:
    """A sentence in the language that is spoken, with its values put in.

    Args:
        sentence: in English, as it stands in the catalogues: a literal, so that it can be extracted. Values have
            names, `{name}` or `{number:.4g}`, and a brace of its own is doubled.
    """
    return _catalogue(spoken()).gettext(sentence).format(**values)


def counted(one: str, many: str, n: float, **values: object) -> str:
    """As `say`, of one thing or of several: the sentence for the number n, which it may name as `{n}`."""
    return _catalogue(spoken()).ngettext(one, many, 1 if n == 1 else 2).format(n=n, **values)


def together(*sentences: str) -> str:
    """Sentences one after the other, without those that are empty.

    An f-string has no room for `say("...")`: before Python 3.12 the catalogues can't look into one.
    """
    return " ".join(filter(None, sentences))


def mark(sentence: str) -> str:
    """Mark a sentence of a table for the catalogues. It is said later, with `say`."""
    return sentence


@functools.cache
def _catalogue(language: str) -> gettext.NullTranslations:
    if language == ENGLISH:
        return gettext.NullTranslations()
    with (FOLDER / f"{language}.mo").open("rb") as file:
        return gettext.GNUTranslations(file)
