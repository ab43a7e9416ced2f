"""A language in which each sentence of the catalogues stands in «», to see which were said in it."""

import gettext

from learngpt import language

FOREIGN = "xx"


class _Catalogue(gettext.NullTranslations):
    def gettext(self, sentence):
        return f"«{sentence}»"

    def ngettext(self, one, many, n):
        return f"«{one if n == 1 else many}»"


def teach(monkeypatch):
    """Let this process know the language FOREIGN."""
    known = language._catalogue
    monkeypatch.setattr(language, "known", lambda: [language.ENGLISH, FOREIGN])
    monkeypatch.setattr(language, "_catalogue", lambda name: _Catalogue() if name == FOREIGN else known(name))
