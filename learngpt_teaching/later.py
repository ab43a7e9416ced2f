"""A sentence that is known before the language is known that it is to be said in."""

from learngpt.language import say


class Later:
    """A sentence with its values, as `say` takes them. As text it is English, which is what an instructor reads.

    Args:
        sentence: marked for the catalogues.
    """

    def __init__(self, sentence: str, **values: object):
        self._sentence, self._values = sentence, values

    def __str__(self) -> str:
        return self._sentence.format(**self._values)

    def said(self) -> str:
        """The sentence in the language that is spoken."""
        return say(self._sentence, **self._values)
