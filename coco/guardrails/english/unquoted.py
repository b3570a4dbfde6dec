"""Names without quotation marks: "the owner is Sam", "owned by Kim Lee", "in the city of Munich".

Only right after a phrase that can be followed by nothing but a name, only capitalised words, and only where none of
them could be a word of the rule language. The reading shows the name in quotation marks, which is how its owner
sees what it was taken for. Where a name could end at two places ("Marks and Spencer"), it stays refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from lark import Token

from .places import named_place
from .problems import Refused
from .vocabulary import COUNTRY_CODES, Vocabulary

_RUN = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*(?: [^\W\d_]+(?:['-][^\W\d_]+)*)*")
# after these facts any name may stand; those with known values (stage, country, …) are not among them
_PERSONS = frozenset({"owner"})
_OTHERS = frozenset({"city", "company", "name", "first_name", "last_name"})
# capitalised or not, these stand for somebody or something else
_NO_NAMES = frozenset(
    (
        "i",
        "me",
        "we",
        "us",
        "you",
        "my",
        "mine",
        "our",
        "someone",
        "somebody",
        "something",
        "other",
        "others",
        "none",
        "null",
        "unknown",
        "empty",
        "tbd",
        "na",
        "team",
        "sales",
        "marketing",
        "support",
        "management",
        "admin",
        "nobody",
        "else",
        "whoever",
        "another",
        "himself",
        "herself",
        "themselves",
        "self",
        "new",
        "user",
        "users",
        "customer",
        "customers",
        "lead",
        "leads",
        "owner",
        "rep",
        "reps",
        "same",
        "different",
    )
)


_PARTICLES = frozenset(
    {
        "de",
        "la",
        "del",
        "da",
        "dos",
        "das",
        "di",
        "van",
        "von",
        "der",
        "den",
        "ter",
        "ten",
        "zu",
        "el",
        "al",
        "bin",
        "le",
    }
)
# words of rules that are given or family names too: only in a name of several words
_ALSO_NAMES = frozenset(
    [
        "max",
        "will",
        "mark",
        "grant",
        "chase",
        "drew",
        "bill",
        "rob",
        "sue",
        "faith",
        "hope",
        "joy",
        "grace",
        "may",
        "june",
        "april",
        "august",
        "summer",
        "autumn",
        "dawn",
        "art",
        "gene",
        "frank",
        "guy",
        "earl",
        "duke",
        "dean",
        "miles",
        "penny",
        "ruby",
        "rose",
        "olive",
        "ivy",
        "christian",
        "chad",
        "price",
        "young",
        "long",
        "small",
        "little",
        "black",
        "white",
        "brown",
        "green",
        "gray",
        "grey",
        "king",
        "day",
        "days",
        "banks",
        "case",
        "field",
        "fields",
        "page",
        "rich",
        "sage",
        "mason",
        "cook",
        "baker",
        "hunter",
        "reed",
        "west",
        "north",
        "east",
        "rowe",
        "cross",
        "hall",
        "hill",
        "lake",
        "forest",
        "moss",
        "stone",
        "wood",
        "woods",
        "marsh",
        "parks",
        "star",
        "love",
        "power",
        "powers",
        "sharp",
        "strong",
        "wise",
        "good",
        "best",
        "moore",
        "read",
        "close",
        "cash",
        "lane",
        "church",
        "major",
        "noble",
        "post",
        "bond",
        "bell",
        "mills",
        "hand",
        "head",
        "short",
        "weeks",
    ]
)


class UnquotedNames:
    """Finds the end of a name that may stand without quotation marks; None where none may."""

    def __init__(self, vocabulary: Vocabulary, vague: frozenset[tuple[str, ...]]) -> None:
        self._vocabulary = vocabulary
        phrases = [*vocabulary.phrases, *vague]
        self._known = {key[0] for key in phrases if len(key) == 1}
        self._longer: dict[str, list[str]] = {}
        for key in phrases:
            if len(key) > 1:
                self._longer.setdefault(key[0], []).append(" ".join(key))

    def end(self, text: str, at: int, found: Sequence[Token], unquoted: set[int]) -> int | None:
        """The end of the name that begins at `at`; `unquoted` holds where earlier ones began.

        Raises Refused where a name stands that may end at two places, or hold a word of the rule language."""
        end = named_place(text, at, found, unquoted, self._vocabulary)
        if end is not None:
            return end if end > at else None
        kind = self._place(found, unquoted)
        if kind is None:
            return None
        match = _RUN.match(text, at)
        if match is None or not match.group()[0].isupper():
            return None
        before = re.search(r"(\S+)\s+$", text[:at])
        if before is None or (before.group(1)[0].isupper() and kind not in {"list", "comma"}):
            return None  # a heading, where capitals mean nothing
        words: list[str] = []
        spoken = match.group().split(" ")
        for index, word in enumerate(spoken):
            particle = words and word in _PARTICLES and any(one[0].isupper() for one in spoken[index + 1 : index + 3])
            if not word[0].isupper() and not particle:
                break
            words.append(word)
        person = kind in {"person", "list", "comma"} and (len(words) > 1 or self._is_place(words[0].lower(), ".city"))
        end = at + len(" ".join(words))
        after = text[end:]
        starts = [at + len(" ".join(words[:i])) + (1 if i else 0) for i in range(len(words))]
        begun = any(self._begins_phrase(text, start, word) for start, word in zip(starts, words, strict=True))
        last = len(words) - 1
        if begun or any(not self._is_name(word, person, index == last > 0) for index, word in enumerate(words)):
            if begun or any(word.lower() not in self._known and word.lower() not in _NO_NAMES for word in words):
                said = text[at:end]
                raise Refused(
                    (at, end),
                    f'"{said}" may be a name, but a part of it could be something else; if it is the name, put it in '
                    "quotation marks",
                    f'"{said}"',
                )
            return None
        if kind == "comma" and not re.match(r",\s+[A-Z]|,?\s+(or|and)\s+[A-Z]", after):
            return None
        if re.match(r"\w|['@/_-]|\.\w|\s+&|\s+\d|,?\s+(Inc|Ltd|LLC|Jr|Sr|GmbH|Co|Corp|AG|PLC)\b", after, re.IGNORECASE):
            return None
        if kind == "company" and re.match(r"\s+(stage|pipeline|time)\b", after):
            return None
        # "from company Marks and Spencer": one name, two, or a name and another condition?
        if kind in {"other", "company"} and (more := re.match(r",?\s+(and\s+)?[A-Z][\w'-]*", after)):
            said = text[at : end + more.end()]
            raise Refused(
                (at, end + more.end()), f'is "{said}" one name, or two? Put each in quotation marks', f'"{said}"'
            )
        return end

    def _begins_phrase(self, text: str, at: int, word: str) -> bool:
        """Does a longer phrase of the rule language begin with this word, as it stands here?"""
        here = " ".join(text[at : at + 80].lower().split())
        return any(here.startswith(phrase) for phrase in self._longer.get(word.lower(), ()))

    def _is_name(self, word: str, person: bool = False, last: bool = False) -> bool:
        """`last`: it ends a name of several words, where a place could be a condition ("owned by Kim Germany")."""
        lowered = word.lower()
        if person and (lowered in _ALSO_NAMES or lowered in _PARTICLES or (self._is_place(lowered) and not last)):
            return True
        return (
            lowered not in self._known
            and lowered not in _NO_NAMES
            and not lowered.endswith("'s")
            and word not in COUNTRY_CODES
            and not (len(word) > 3 and word.isupper())
            and all(part not in self._known for part in re.split("['-]", lowered) if len(part) > 1)
        )

    def _is_place(self, word: str, *ends: str) -> bool:
        """A country or a city that people are named after too ("Jordan Blake", "Charlotte Lee")?"""
        kind, value = self._vocabulary.phrases.get((word,), ("", ()))
        return (
            kind == "VAL"
            and isinstance(value, tuple)
            and all(name.endswith(ends or (".country", ".city")) for name, _ in value)
        )

    def _place(self, found: Sequence[Token], unquoted: set[int]) -> str | None:
        """ "person", "other" or "list" where only a name can follow."""
        if not found:
            return None
        statement = _statement(found)
        if not statement:
            return None
        last = statement[-1]
        if last.type in {"OWNEDBY", "NOWNEDBY"}:
            return "person"
        if last.type in {"WORKAT", "NAMED"}:
            return "other"
        if last.type == "TO" and len(statement) > 1 and statement[-2].type == "SETW" and statement[-2].value == "given":
            return "person"
        if last.type == "TO" and any(token.type in {"OPV", "OPP"} and _assigns(token.value) for token in statement):
            return "person"
        if last.type in {"EITHER", "NEITHER", "BOTH"} and len(statement) > 1:
            return "person" if statement[-2].type in {"OWNEDBY", "NOWNEDBY"} else None
        if last.type in {"OR", "NOR"} and len(statement) > 1 and statement[-2].start_pos in unquoted:
            return "list"
        if (
            last.type == "UNTIL"
            and str(last.value) == "by"
            and len(statement) > 2
            and statement[-2].type in {"OR", "NOR"}
        ):
            return "list" if _owner(statement[:-2]) else None
        if last.type in {"OR", "NOR"} and _owner(statement[:-1]):
            return "list"
        if (
            last.type == "TO"
            and len(statement) > 1
            and statement[-2].type == "FACT"
            and _fields(statement[-2]) == {"owner"}
        ):
            return "person"
        if last.type == "PREP" and str(last.value) == "at":
            return "company"
        if (
            last.type == "COMMA"
            and len(statement) > 1
            and statement[-2].start_pos in unquoted
            and _owner(statement[:-2])
        ):
            return "comma"
        if last.type == "AND" and len(statement) > 1 and statement[-2].start_pos in unquoted and _owner(statement[:-2]):
            return "list" if str(last.value) != "&" else None
        if last.type in {"BE", "NBE"} and len(statement) > 1:
            return _fact(statement[-2], statement[-3:-2])
        if last.type == "OF" and len(statement) > 1 and statement[-2].type == "FACT":
            return "other" if _fields(statement[-2]) == {"city"} else None
        if last.type == "FACT" and _fields(last) == {"owner"}:
            return "person"
        if last.type == "ENT" and _one_company(last) and len(statement) > 1:
            before = [token for token in statement[-3:-1] if not (token.type == "DET" and token.value == "the")]
            if before and (before[-1].type == "PREP" or before[-1].value == "from the"):
                return "other"
        return None


def _statement(found: Sequence[Token]) -> list[Token]:
    last = max((i for i, token in enumerate(found) if token.type == "STOP"), default=-1)
    return list(found[last + 1 :])


def _assigns(names: Any) -> bool:
    return isinstance(names, tuple) and all(str(name).endswith(".assign") for name in names)


def _fields(token: Token) -> set[str]:
    return {name.split(".")[1] for name in token.value} if isinstance(token.value, tuple) else set()


def _one_company(token: Token) -> bool:
    return bool(token.value == "company" and (token.end_pos or 0) - (token.start_pos or 0) == len("company"))


def _fact(token: Token, before: Sequence[Token]) -> str | None:
    if token.type == "FACT":
        fields = _fields(token)
        return "person" if fields <= _PERSONS else "other" if fields <= _OTHERS else None
    if token.type == "ENT" and _one_company(token) and before and before[0].type in {"WHOSE", "POSS"}:
        return "other"
    return None


def _owner(statement: Sequence[Token]) -> bool:
    """Does the list that these tokens end with begin after "owned by" or "the owner is"?"""
    rest = list(statement)
    while rest and rest[-1].type in {
        "QUOTED",
        "EMAILADDR",
        "COMMA",
        "OR",
        "NOR",
        "AND",
        "BE",
        "NBE",
        "NEITHER",
        "EITHER",
    }:
        rest.pop()
    return bool(rest) and (
        rest[-1].type in {"OWNEDBY", "NOWNEDBY"} or (rest[-1].type == "FACT" and _fields(rest[-1]) == {"owner"})
    )
