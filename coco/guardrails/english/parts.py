"""The pieces that the builder works with, and how to walk a derivation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from lark import Token, Tree

from ..catalogue import plural as plural
from ..form import (
    Covered,
    Per,
    Predicate,
    Within,
)

Node = Any  # a lark Tree, whose children are trees and tokens

Target = Literal["contact", "deal", "company", "action"]  # "action": no record is named


@dataclass
class Parts:
    """What the statements of a sentence have said so far."""

    target: Target | None = None
    target_span: tuple[int, int] = (0, 0)
    met: bool = False  # the record is named in a condition only: "… when a deal is won"
    operations: list[Covered] = field(default_factory=list)
    operation_span: tuple[int, int] = (0, 0)
    connector: str | None = None
    connector_span: tuple[int, int] = (0, 0)
    universal: bool = False
    each: bool = False  # "each contact": what follows may be meant for each by itself
    universal_act: bool = False  # "any messages", where no record is named
    capped: bool = False  # "up to 20 contacts a day": a cap inside what is named
    new_span: tuple[int, int] | None = None
    start_span: tuple[int, int] | None = None  # where it says when a meeting starts, not in the words of the fact
    owner_span: tuple[int, int] | None = None  # "Tom Becker's contacts": clear only where an owner is given
    internal_span: tuple[int, int] | None = None  # "internal meetings": the domains must be named
    silent_span: tuple[int, int] | None = None
    other_fields_span: tuple[int, int] | None = None  # "leave every other field alone"
    filled_span: tuple[int, int] | None = None  # "with a phone number": what it has, or what it is given?
    conditions: list[Predicate] = field(default_factory=list)
    within: Within | None = None
    weekly_days: tuple[int, ...] = tuple(range(7))
    weekly_minutes: set[int] = field(default_factory=lambda: set(range(1440)))
    not_days: tuple[int, int] | None = None  # "not on Fridays"
    overnight: tuple[int, int] | None = None  # hours that run past midnight
    dated: bool = False  # it says from when or until when the rule runs
    business: bool = False  # "business hours", with the hours that they are
    weekly_zones: set[str] = field(default_factory=set)
    weekly_span: tuple[int, int] | None = None
    zone_span: tuple[int, int] | None = None  # a zone in a place of its own
    actions: dict[Per, int] = field(default_factory=dict)
    credits: dict[Per, float] = field(default_factory=dict)
    credits_per_action: float | None = None
    excluded: list[str] = field(default_factory=list)
    modes: dict[str, tuple[int, int]] = field(default_factory=dict)
    wait_hours: float | None = None
    offline: bool | None = None
    notes: list[str] = field(default_factory=list)
    currency: dict[str, str] = field(default_factory=dict)
    lifecycles: set[str] = field(default_factory=set)  # "leads", "customers": what the records were called
    spellings: dict[str, str] = field(default_factory=dict)


@dataclass
class Names:
    tokens: list[Token]
    joined: Literal["one", "and", "or", "both", "neither"]
    span: tuple[int, int]


@dataclass
class Unit:
    """One condition with what decides how it groups."""

    conn: str  # "", "and", "or", "comma"
    intro: str  # "", "if", "only", "where", "that"
    predicate: Predicate
    negated: bool
    own_aux: bool
    exception: bool
    span: tuple[int, int]
    and_list: bool = False  # it holds a list joined by "and"
    neither: bool = False  # "neither … nor …", whose reach ends before "and" but may not before "or"
    nor: bool = False  # it is "neither … nor …" of whole conditions
    or_list: bool = False  # it names two facts joined by "or"
    happened: bool = False  # it says that something happened, and not when ("replied", "were won")
    dated: bool = False  # it says when something happened ("were contacted in the last 30 days")


def capitalised(text: str) -> str:
    """The text with a capital at its start; the rest, which may hold names, is left as it is."""
    return text[:1].upper() + text[1:]


def tokens_of(node: Any) -> list[Token]:
    if isinstance(node, Token):
        return [node]
    return [token for child in node.children for token in tokens_of(child)]


def span_of(node: Any) -> tuple[int, int]:
    found = [token for token in tokens_of(node) if token.end_pos]
    if not found:
        return (0, 0)
    return (min(token.start_pos or 0 for token in found), max(token.end_pos or 0 for token in found))


def child(node: Node, *names: str) -> Any:
    """The first child that is a token of a type or a tree of a name; None where there is none."""
    for one in node.children:
        if (isinstance(one, Token) and one.type in names) or (isinstance(one, Tree) and one.data in names):
            return one
    return None


def children(node: Node, *names: str) -> list[Any]:
    return [
        one
        for one in node.children
        if (isinstance(one, Token) and one.type in names) or (isinstance(one, Tree) and one.data in names)
    ]


MODE_KINDS = {
    "auto", "q", "ns", "rn", "ask", "off_ok", "off_no", "stop", "note", "note_bare", "note_wait", "note_after",
    "ask_else", "other_fields",
}  # fmt: skip
LENGTHS = (
    "lengthcmp", "len_ge", "len_le", "len_between", "len_between_n", "len_range", "len_range_n", "len_range_u",
    "len_to",
)  # fmt: skip
PERIODS = frozenset({"until_date", "from_date", "from_until", "before_date", "not_before", "not_after"})
PERSONS = {"anyone", "anybody", "everyone", "everybody", "whoever", "whomever", "any person"}
UNIVERSAL = {
    "any",
    "all",
    "every",
    "each",
    "any of the",
    "all of the",
    "all the",
    "each of the",
    "every single",
    "all our",
    "any of our",
    "all of our",
}
