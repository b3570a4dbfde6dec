"""Words that could mean two things, told by how they are said. Each function returns a refusal, or None."""

from __future__ import annotations

import re

from .problems import Refused

Span = tuple[int, int]

# facts that keep the last time only: what happened before it is not known
LAST_ONLY = ("last_activity_at", "last_contacted_at", "last_reply_at", "updated_at")
_SAYS_LAST = re.compile(
    r"\b(?:last|latest|most recent(?:ly)?)\s+(?!\d|few|hour|day|week|month|quarter|year)\w+(?:\s+\w+){0,4}\s*$", re.I
)
_BY_US = re.compile(r"\b(?:we|we've|i|i've|our team|the team|my team|us)\b", re.I)
_PASSIVE = re.compile(r"\b(?:been|being|get|got|(?:is|are|was|were)(?: not|n't)?)\s*$", re.I)
_OBJECT = re.compile(r"\b(?:that|who|whom|contacts|people|leads|customers|deals)\s*$", re.I)
_RECORDS = re.compile(r"\b(?:contacts?|people|leads?|customers?|deals?|anyone|those|ones)\s*$", re.I)
_LENGTH = re.compile(
    r"\b\d+\s+(minutes?|hours?|days?|weeks?|months?|quarters?|years?)\b(?:\s+(?:ago|old|from now))?[\s,]*"
    r"(?:but|and|or)?(?:\s+(?:not|never))?\s*$",
    re.I,
)


def earlier_times(fact: str, sentence: str, span: Span, length: str | None) -> Refused | None:
    """ "Never contacted before 2026", "unless they replied in 2025": only the last time is recorded, and what lies
    before it is not. Sound where the sentence speaks of the last time itself."""
    if not fact.endswith(LAST_ONLY) or _SAYS_LAST.search(sentence[: span[0]]):
        return None
    said = sentence[slice(*span)].strip()
    what = {"reply_at": "reply", "contacted_at": "contact", "activity_at": "activity"}
    noun = next((word for end, word in what.items() if fact.endswith(end)), "change")
    return Refused(
        span,
        f'"{said}": only the last {noun} is recorded, so what happened before it is not known. Say since when there '
        f'was none; or, if the last {noun} is meant, put "last" before the verb',
        f"in the last {length}" if length else "",
        fatal=True,
    )


def within_a_time(verb: str, sentence: str, span: Span, length: str) -> Refused | None:
    """ "Did not reply within 24 hours": of being written to, or counted back from now?"""
    said = sentence[slice(*span)]
    if not re.search(r"\bwithin (?!the (?:last|past))", said, re.I):
        return None
    return Refused(
        span,
        f'"{said}": of being written to, or counted back from now? When something came before an answer is not '
        "recorded; counted back from now, say it so",
        re.sub(r"\bwithin\b", "in the last", said, flags=re.I) if length else "",
        fatal=True,
    )


def who_answers(sentence: str, span: Span) -> Refused | None:
    """ "Contacts we haven't answered": a reply is what the contact writes, and what we write is a contact."""
    said = sentence[slice(*span)]
    word = re.search(r"\b(answer|repl|respond)(ed|ied|s|ies|y)?\b", said, re.I)
    if word is None or re.search(r"\blast\s*$", said[: word.start()], re.I):
        return None
    before = said[: word.start()]
    to_them = _PASSIVE.search(before) and word.group(2) in {"ed", "ied"}
    by_nobody = re.match(r"(?:nobody|no one)\b", before, re.I) and _OBJECT.search(sentence[: span[0]])
    answered = re.match(r"(?:not |never )?answered\b", said, re.I) and _RECORDS.search(sentence[: span[0]])
    if not to_them and not _BY_US.search(before) and not by_nobody and not answered:
        return None
    return Refused(
        span,
        f'"{said}": whether they were answered is not recorded. What is known is when they last replied, and when '
        "somebody of the team last contacted them; say which is meant",
        re.sub(r"\b(?:answered|replied|responded|answer|reply|respond)\b( to)?", "contacted", said, count=1),
        fatal=True,
    )


def bare_number(number: str, sentence: str, span: Span, *, caps: bool, ends: bool, entity: str) -> Refused:
    """A number that says not of what: "less than 180" after "more than 60 days", "over 50", "max 5"."""
    said, before = sentence[slice(*span)].strip(), sentence[: span[0]]
    unit = _LENGTH.search(before)
    if unit is not None:
        word = unit.group(1).rstrip("s") + "s"
        return Refused(
            span,
            f'{number} what? If {word} are meant, say so; an amount is written with its currency ("over $10,000")',
            f"{said} {word}",
            weak=1,
        )
    if caps:
        return Refused(
            span,
            f"{number} what? As a cap it needs a period; an amount is written with its currency",
            f"at most {number} per day",
            weak=0 if ends else 1,
        )
    if entity != "deal":
        return Refused(span, f"{number} what? A {entity} has no amount; name the fact that is compared", "", weak=1)
    return Refused(
        span,
        f'{number} what? An amount is written with its currency, or as "an amount over {number}", which is then '
        "compared in each deal's own currency",
        said.replace(number, f"{number} USD"),
        weak=1,
    )
