"""Names without quotation marks in places that a noun marks off: "the Legal Review stage", "title is VP of Sales".

Between "the" and "stage", or right after "job title is", nothing but a name can stand, so its words may be words of the
rule language too ("On Hold", "New Business"). A name that is known as a whole ("Proposal Sent") is left to the
vocabulary. The reading shows each name in quotation marks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lark import Token

from .literals import words_of
from .vocabulary import Vocabulary

_WORD = r"[A-Z][^\W_]*(?:['&-][^\W_]+)*"
_NAME = rf"{_WORD}(?: (?:& )?{_WORD})*"
_RUN = re.compile(_NAME)
_NUMBERED = re.compile(rf"{_NAME}(?: \d+(?![\w%]| (?:min|hour|day|week|month|year|per|a|times|contacts|of)))?")
_TITLE = re.compile(rf"{_WORD}(?: (?:of |for |& )?(?:the )?{_WORD})*")
_NOUNS = {"stage": "stages?", "pipeline": "pipelines?", "list": "lists?|segment", "sequence": "sequences?|cadence"}
_AHEAD = {
    kind: re.compile(
        rf"{_NAME}(?:(?:,| or|, or| and|,? and) (?:the )?{_NAME})* "
        rf"(?:deal |sales |contact |email )?(?:{noun})\b(?! is| are)"
    )
    for kind, noun in _NOUNS.items()
}  # fmt: skip
# words that are no part of a name, however they are written
_NEVER = frozenset(
    [
        "a",
        "an",
        "the",
        "any",
        "all",
        "each",
        "every",
        "no",
        "not",
        "none",
        "nobody",
        "me",
        "my",
        "i",
        "we",
        "us",
        "our",
        "you",
        "your",
        "it",
        "they",
        "this",
        "that",
        "if",
        "when",
        "unless",
        "except",
        "and",
        "or",
        "but",
        "nor",
        "other",
        "same",
        "next",
        "new",
        "old",
        "first",
        "last",
        "least",
        "only",
        "only",
        "both",
        "either",
        "neither",
        "hubspot",
        "salesforce",
        "pipedrive",
        "gmail",
        "outlook",
        "slack",
        "apollo",
        "outreach",
        "zoominfo",
        "notify",
        "tell",
        "ask",
        "draft",
        "queue",
        "at",
        "most",
        "unknown",
        "empty",
        "missing",
        "null",
        "blank",
        "something",
    ]
)
# a part that may stand in a name though it is such a word
_INSIDE = frozenset({"new", "old", "first", "last", "next", "draft", "no", "at", "outreach", "ask", "all", "not"})


def named_place(text: str, at: int, found: Sequence[Token], unquoted: set[int], vocabulary: Vocabulary) -> int | None:
    """The end of the name that begins at `at`, where only the name of a stage, pipeline, list, sequence or job title
    can stand; None anywhere else, and `at` itself for a name that the vocabulary knows as a whole."""
    before = re.search(r"(\S+)\s+$", text[:at])
    statement = _statement(found)
    if before is None or not statement or not text[at].isupper():
        return None
    kind = _kind(text, at, statement, unquoted)
    if kind is None or (before.group(1)[0].isupper() and not before.group(1).endswith(",") and kind != "title"):
        return None  # a heading, where capitals mean nothing
    match = (_TITLE if kind == "title" else _NUMBERED if kind in {"list", "sequence"} else _RUN).match(text, at)
    if match is None:
        return None
    words = [word.lower() for word in re.split(r"[ -]", match.group())]
    if words[0] in _NEVER - (_INSIDE if len(words) > 1 else frozenset()):
        return None
    if any(word in _NEVER - _INSIDE for word in words[1:]) or words[-1] in {"at", "all", "not"}:
        return None
    known = vocabulary.phrases.get(words_of(match.group()))
    if known is not None and known[0] in {"VAL", "CLOSED", "CONNECTOR", "ENTLC"} and kind not in {"title", "name"}:
        # "in the stages Contract and Won": a stage too, though it is known as something else
        other = kind in {"stage", "pipeline"} and known[0] == "VAL" and not _has_value(known[1], kind)
        return match.end() if other and not _moving(statement) else at
    if re.match(r"'|[\w@/_-]|\.\w", text[match.end() :]):
        return None
    plural = statement[-1].type == "EXC" or any(
        token.type == "FACT" and text[(token.end_pos or 1) - 1] == "s" for token in statement
    )
    if (
        kind != "title"
        and not plural
        and re.match(r"(?:,? and|,) [A-Z]", text[match.end() :])
        and not _AHEAD.get(kind, _RUN).match(text, at)
    ):
        return None  # one name, or two?
    if kind == "title" and re.search(r" (?:of|for) ", match.group()):
        beside = re.match(rf",? (?:or|and) (?P<next>{_TITLE.pattern})", text[match.end() :])
        if beside is not None and not re.search(r" (?:of|for) ", beside.group("next")):
            return None  # "VP of Sales or Marketing": one title more, or of both?
    return match.end()


def _kind(text: str, at: int, statement: list[Token], unquoted: set[int]) -> str | None:
    last = statement[-1]
    said = text[last.start_pos or 0 : last.end_pos or 0].lower()
    if last.type == "NAMED":
        return "name"
    noun = statement[-2] if last.type in {"BE", "NBE"} and len(statement) > 1 else last
    if noun.type == "FACT":
        fields = {name.partition(".")[2] for name in noun.value}
        if fields == {"jobtitle"}:
            return "title"
        if fields in ({"stage"}, {"pipeline"}):
            return str(next(iter(fields)))
    if last.type == "EXC" and len(statement) > 1 and statement[-2].type == "FACT":
        fields = {name.partition(".")[2] for name in statement[-2].value}
        return str(next(iter(fields))) if fields in ({"stage"}, {"pipeline"}) else None
    if (
        last.type in {"OR", "COMMA", "AND", "NOR"}
        and len(statement) > 1
        and (statement[-2].start_pos in unquoted or statement[-2].type in {"VAL", "QUOTED"})
    ):
        begun = _list_of(statement)
        if begun is not None and (last.type != "AND" or begun != "title"):
            return begun
    if noun is last and last.type in {"LISTW", "SEQW"} and len(statement) > 1 and statement[-2].type in {
        "DET", "TO", "PREP", "OFW", "OFTHE", "ON", "MOVETO",
    }:  # fmt: skip
        return "list" if last.type == "LISTW" else "sequence"
    if last.type in {
        "DET",
        "PREP",
        "NPREP",
        "OR",
        "COMMA",
        "AND",
        "TO",
        "ON",
        "AT",
        "MOVETO",
        "OFTHE",
        "OFFW",
        "FOR",
    } and (last.type != "DET" or said == "the"):
        for kind, pattern in _AHEAD.items():
            if pattern.match(text, at):
                return kind
    if _moving(statement) and (last.type in {"TO", "MOVETO"} or (last.type == "PREP" and said == "from")):
        return "stage"
    return None


def _moving(statement: list[Token]) -> bool:
    return any(_moves(token) for token in statement)


def _has_value(meanings: object, kind: str) -> bool:
    return isinstance(meanings, tuple) and any(name.endswith(f".{kind}") for name, _ in meanings)


def _list_of(statement: list[Token]) -> str | None:
    """What a list of names that ends with these tokens is of."""
    rest = list(statement)
    while rest and rest[-1].type in {"COMMA", "OR", "NOR", "AND", "BE", "NBE", "EXC", "VAL", "QUOTED"}:
        rest.pop()
    if not rest or rest[-1].type != "FACT":
        return None
    fields = {name.partition(".")[2] for name in rest[-1].value}
    return (
        {"jobtitle": "title", "stage": "stage", "pipeline": "pipeline"}.get(next(iter(fields)))
        if len(fields) == 1
        else None
    )


def _moves(token: Token) -> bool:
    """Is it a verb that moves deals to a stage?"""
    if token.type == "MOVE":
        return True
    names = token.value
    return (
        token.type in {"OPV", "OPP", "OPG"}
        and isinstance(names, tuple)
        and all(str(name) == "deal.move_stage" for name in names)
    )


def _statement(found: Sequence[Token]) -> list[Token]:
    last = max((i for i, token in enumerate(found) if token.type == "STOP"), default=-1)
    return list(found[last + 1 :])
