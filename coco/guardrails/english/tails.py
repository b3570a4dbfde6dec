"""What adds nothing to a rule: "regardless of who owns them", "whether or not they have an owner", "in any stage".

Such a part names facts that the rule does not look at. Where it does look at one of them, the two contradict each
other, and the sentence is refused.
"""

from __future__ import annotations

import re

from lark import Token

from ..catalogue import Catalogue
from ..form import Predicate, atoms
from .literals import made
from .problems import Refused

_FIELDS = {
    "owner": "owner", "owners": "owner", "ownership": "owner", "activity": "last_activity_at", "stage": "stage",
    "stages": "stage", "deal stage": "stage", "amount": "amount", "size": "amount employees", "value": "amount",
    "deal size": "amount", "country": "country", "countries": "country", "city": "city", "location": "city country",
    "company": "company", "job title": "jobtitle", "title": "jobtitle", "score": "score", "lead score": "score",
    "age": "created_at", "tags": "tags", "tag": "tags", "lifecycle stage": "lifecycle_stage", "pipeline": "pipeline",
    "probability": "probability", "close date": "close_date", "industry": "industry", "phone number": "phone",
    "email": "email", "email address": "email",
}  # fmt: skip
_FIELD = "|".join(sorted((re.escape(one) for one in _FIELDS), key=len, reverse=True))
_ONE = rf"(?:(?:the|their|its|an?|any) )?(?:{_FIELD})"
_LIST = rf"{_ONE}(?:(?:,| or| and|, or|, and) {_ONE})*"
_THEM = r"(?:them|it|the (?:deal|contact|company|account|lead|record)s?)"
_THEY = r"(?:they(?:'re| are)?|it(?:'s| is)?|the (?:deal|contact|company|account|lead|record)s? (?:is|are))"
_NO_MATTER = r"(?:regardless of|irrespective of|no matter)"
_TAIL = re.compile(
    rf"(?:{_NO_MATTER} (?P<list>{_LIST})|{_NO_MATTER} (?P<who>who(?:ever)? (?:owns {_THEM}|the owner is))"
    rf"|(?P<whoever>whoever (?:owns {_THEM}|the owner is|they belong to|it belongs to))"
    rf"|{_NO_MATTER} (?:what|which) (?P<which>{_FIELD}) (?:{_THEY} in|they have|it has|{_THEY})"
    rf"|whatever (?:the|their|its) (?P<whatever>{_FIELD})(?: is| may be)?"
    rf"|whether or not (?:they|it|the (?:deal|contact|company|account|lead)s?) (?:have|has) (?P<have>{_LIST})"
    rf"|whether (?:they|it) (?:have|has) (?P<whether>{_LIST}) or not"
    rf"|(?P<owned>(?:whether (?:or not )?(?:they're|they are|it's|it is) (?:owned|assigned)(?: or not)?|"
    rf"(?:owned|assigned) or not)(?=\s*(?:[.,;)]|$)))"
    rf"|with or without (?P<without>{_LIST})"
    rf"|(?:in|at) any (?P<any>stage|pipeline)"
    rf"(?! (?:other|except|but|apart|excluding|named|called|that|which|of|whose)\b)"
    rf"|of any (?P<sized>size|amount|value)(?! (?:over|above|under|below|more|less|from|between|up)\b))(?![\w'])",
    re.I,
)
_FOR_GOOD = re.compile(
    r"(?:permanently|for good|irreversibly)(?=\s*(?:[.,;]|$|(?:contacts|deals|companies|accounts|people)\b))", re.I
)


def tail_at(text: str, at: int) -> Token | None:
    """The part that begins here and adds nothing, with the fields it speaks of; None where none begins."""
    if at and text[at - 1].isalnum():
        return None
    if (good := _FOR_GOOD.match(text, at)) is not None and re.search(r"\bdelet(e|ing|ed)\b", text[:at], re.I):
        return _token((), at, good.end())
    match = _TAIL.match(text, at)
    if match is None:
        return None
    if any(match.group(one) for one in ("who", "whoever", "owned")):
        return _token(("owner",), at, match.end())
    said = next(
        match.group(one)
        for one in ("list", "which", "whatever", "have", "whether", "without", "any", "sized")
        if match.group(one)
    )
    fields = [field for one in re.findall(_FIELD, said, re.I) for field in _FIELDS[one.lower()].split()]
    return _token(tuple(fields), at, match.end())


def _token(fields: tuple[str, ...], start: int, end: int) -> Token:
    return made("NOMATTER", fields, start, end)


def without_tails(tokens: list[Token]) -> tuple[list[Token], list[Token]]:
    """The tokens without these parts and the commas that set them off, and the parts."""
    kept: list[Token] = []
    tails = [token for token in tokens if token.type == "NOMATTER"]
    if not tails:
        return tokens, tails
    for index, token in enumerate(tokens):
        after = tokens[index + 1].type if index + 1 < len(tokens) else "STOP"
        before = tokens[index - 1].type if index else "STOP"
        if token.type == "NOMATTER":
            continue
        if (
            token.type == "COMMA"
            and before == "NOMATTER"
            and (index < 2 or tokens[index - 2].type in {"STOP", "COMMA"})
        ):
            continue  # the one after it, where another stands before it or nothing does
        if token.type == "COMMA" and after == "NOMATTER":
            last = tokens[index + 2].type if index + 2 < len(tokens) else "STOP"
            if last != "COMMA":
                continue
        kept.append(token)
    return kept, tails


def check_tails(tails: list[Token], predicate: Predicate, sentence: str, catalogue: Catalogue) -> None:
    """Raises Refused where the rule looks at what is said not to matter."""
    for tail in tails:
        for atom in atoms(predicate):
            fact = catalogue.fact(atom.fact)
            if fact.field in tail.value and fact.entity != "action":
                start, end = tail.start_pos or 0, tail.end_pos or 0
                raise Refused(
                    (start, end),
                    f'"{sentence[start:end]}", and yet the rule looks at {fact.name}. Leave out one of the two',
                    "",
                )
