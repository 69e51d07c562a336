"""Streamed text, cut into what is spoken in one breath: the first clause early, later ones as sentences. Pure.

What sounds alike whether it comes in one piece or in two is worth waiting for, except in the first clause, for which
the caller waits.
"""

import re
from typing import Final

CLAUSE_CHARACTERS_MAX: Final = 400  # some 25 s of speech; well below what servers take
_FIRST_WORDS: Final = 12  # after so many the first clause does not wait for punctuation: some 4 s of speech
_FIRST_CHARACTERS: Final = 100  # within which punctuation is better than counting words
_FIRST_LETTERS_MIN: Final = 8  # before a comma: "Yes," alone sounds cut off
_LONG: Final = 160  # characters after which a comma will do
# In a boundary, white space proves that the punctuation belongs to no number, address or name; the scripts that write
# without spaces have punctuation of their own.
_SENTENCE: Final = re.compile(r"""[.!?…]+["')\]»”’*_]*(?=\s)|[。！？]+[」』”’]*|\n""")
_COMMA: Final = re.compile(r"""[,;:–—]["')\]»”’*_]*(?=\s)|\s-(?=\s)|[，、；：]""")
# A full stop after these ends no sentence; one after a number of one or two digits may belong to an ordinal or a list.
_SHORT: Final = re.compile(
    r"(?:^|[\s(\"'])(?:mr|mrs|ms|dr|prof|st|vs|etc|approx|dept|ltd|jr|sr|e\.g|i\.e|a\.m|p\.m|u\.s"
    r"|hr|fr|nr|bzw|ca|z\.b|d\.h|usw|m|mme|sra|[a-z]|\d{1,2})\.$",
    re.IGNORECASE,
)


class ClauseCutter:
    """Cuts one answer. The clauses, put together, are the text; `spoken_text` says what is to be said of one."""

    def __init__(self) -> None:
        self._rest = ""
        self._first = True

    def feed(self, text: str) -> list[str]:
        """The clauses that are complete now."""
        self._rest += text
        found = []
        while end := self._end():
            found.append(self._rest[:end])
            self._rest = self._rest[end:]
            self._first = self._first and not spoken_text(found[-1])
        return found

    def finish(self) -> list[str]:
        """The rest: nothing follows."""
        rest, self._rest = self._rest, ""
        return [rest] if rest else []

    def _end(self) -> int:
        """Where the next clause ends; 0: not yet."""
        rest = self._rest[: CLAUSE_CHARACTERS_MAX + 1]
        sentence, comma = _sentence_end(rest), _comma_end(rest, 0 if self._first else _LONG)
        if self._first:
            end = min(filter(None, (sentence, comma)), default=0)
            if 0 < end <= _FIRST_CHARACTERS:
                return end
            words = list(re.finditer(r"\S+(?=\s)", rest))
            if len(words) >= _FIRST_WORDS:
                return words[_FIRST_WORDS - 1].end()
        if sentence or comma:
            return sentence or comma
        if len(rest) > CLAUSE_CHARACTERS_MAX:
            return max(rest.rfind(" ", 0, CLAUSE_CHARACTERS_MAX), 0) or CLAUSE_CHARACTERS_MAX
        return 0


def _sentence_end(text: str) -> int:
    for match in _SENTENCE.finditer(text):
        if text[: match.end()].strip() and not _SHORT.search(text[: match.end()]):
            return match.end()
    return 0


def _comma_end(text: str, beyond: int) -> int:
    for match in _COMMA.finditer(text):
        if match.end() > beyond and sum(map(str.isalnum, text[: match.start()])) >= _FIRST_LETTERS_MIN:
            return match.end()
    return 0


_LINK: Final = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_LINE_MARKS: Final = re.compile(r"^\s*(?:#{1,6}\s+|[*+-]\s+|>\s+)+", re.MULTILINE)
_RULE: Final = re.compile(r"^\s*(?:[-*_=]\s*){3,}$", re.MULTILINE)
_STARS: Final = re.compile(r"(?<!\s)\*+|\*+(?!\s)")  # a star between two spaces is a multiplication
_UNDERSCORES: Final = re.compile(r"(?<!\w)_+(?=\S)|(?<=\S)_+(?!\w)")  # those within a word are part of it
_TICKS: Final = re.compile(r"`+|~~+")
_PICTURES: Final = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u200d]")


def spoken_text(text: str) -> str:
    """What is to be said of a text: without the marks of Markdown and without pictures; empty: nothing."""
    for pattern, instead in (
        (_LINK, r"\1"),
        (_RULE, ""),
        (_LINE_MARKS, ""),
        (_STARS, ""),
        (_UNDERSCORES, ""),
        (_TICKS, ""),
        (_PICTURES, ""),
    ):
        text = pattern.sub(instead, text)
    text = " ".join(text.split())
    return text if any(map(str.isalnum, text)) else ""
