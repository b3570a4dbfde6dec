"""Shorthand of chat and notes, written out before a sentence is read: "w/o" is "without", "->" is ":".

Names in quotation marks stay as they are. Every place in the text that was written out maps back to the sentence.
"""

from __future__ import annotations

import re

_NAMES = r"\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|(?<!\w)['‘][^'’]*['’](?!\w)"
_BEGINS = r"(?:(?<=\s)|(?<=[,;:(])|^)"
_SHORT: tuple[tuple[str, str], ...] = (
    (rf"{_BEGINS}w/(?:o|out)(?=\s)", "without"),
    (rf"{_BEGINS}w/(?!o\b|out\b|in\b)\s*(?=\w|[\"“«])", "with "),
    (r"\s*(?:->|-->|=>|→|⇒)\s*", ": "),
    (r"(?<=\s)\+(?=\s)", "and"),
    (r"(?<=\s)!=(?=\s)", "is not"),
    (r"(?:(?<=[,;.\-] )|(?<=\()|(?<=\b(?:and|but) )|(?<=\bwith )|^)(?:max|min)\.(?=\s*\d)", ""),  # no full stop
)
_ANY = re.compile("|".join([rf"(?P<name>{_NAMES})", *(rf"(?P<s{i}>{one})" for i, (one, _) in enumerate(_SHORT))]), re.I)


class Written:
    """A sentence with its shorthand written out: `text`, and `back` for a span of it."""

    def __init__(self, sentence: str) -> None:
        parts: list[str] = []
        self._starts: list[int] = []  # for each character of the text, where in the sentence it comes from
        self._ends: list[int] = []
        at = 0
        for match in _ANY.finditer(sentence):
            if match.lastgroup is None or match.lastgroup == "name":
                continue
            self._keep(parts, sentence, at, match.start())
            long = _SHORT[int(match.lastgroup[1:])][1] or match.group().rstrip(".")
            parts.append(long)
            self._starts += [match.start()] * len(long)
            self._ends += [match.end()] * len(long)
            at = match.end()
        self._keep(parts, sentence, at, len(sentence))
        self.text = "".join(parts)
        self._length = len(sentence)

    def _keep(self, parts: list[str], sentence: str, start: int, end: int) -> None:
        parts.append(sentence[start:end])
        self._starts += range(start, end)
        self._ends += range(start + 1, end + 1)

    def back(self, span: tuple[int, int]) -> tuple[int, int]:
        """The span of the sentence that a span of the text comes from."""
        start, end = span
        first = self._starts[start] if start < len(self._starts) else self._length
        return first, max(first, self._ends[end - 1]) if end > start else first
