"""The typed form of a guardrail: what a sentence compiles to, and all that evaluation ever looks at.

A predicate is a tree of the atoms below, joined by And, Or, Not and AtLeast. Its value is two-valued, because every
fact it mentions must be known before it is looked at: `requirements` lists what must hold of the facts first, and an
unmet requirement makes the whole rule not cover, whatever stands around it (a negation included).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

FORM_VERSION = 1

Order = Literal["<", "<=", ">", ">=", "=="]
Unit = Literal["day", "week", "month", "quarter", "year"]
Per = Literal["run", "hour", "day", "week", "month"]
Mode = Literal["run", "draft_only", "notify_first"]

DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class _Node(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Is(_Node):
    """A single-valued fact equals one of `values` (normalised spellings)."""

    kind: Literal["is"] = "is"
    fact: str
    values: tuple[str, ...] = Field(min_length=1)


class Has(_Node):
    """A list fact contains at least `least` of `values`."""

    kind: Literal["has"] = "has"
    fact: str
    values: tuple[str, ...] = Field(min_length=1)
    least: int = Field(ge=1)


class Only(_Node):
    """A list fact is not empty and contains nothing but `values`."""

    kind: Literal["only"] = "only"
    fact: str
    values: tuple[str, ...] = Field(min_length=1)


class Number(_Node):
    """A number fact compared with a constant. With `currency`, the fact's currency must be that one."""

    kind: Literal["number"] = "number"
    fact: str
    order: Order
    value: float
    currency: str | None = None


class Age(_Node):
    """Time elapsed since a timestamp fact, compared with a length in seconds: `now - fact ORDER seconds`."""

    kind: Literal["age"] = "age"
    fact: str
    order: Order
    seconds: int = Field(ge=0)


class Ahead(_Node):
    """Time until a timestamp fact that has not passed: `0 <= fact - now` and `fact - now ORDER seconds`."""

    kind: Literal["ahead"] = "ahead"
    fact: str
    order: Order
    seconds: int = Field(ge=0)


class Moment(_Node):
    """A timestamp fact compared with a fixed instant (UTC)."""

    kind: Literal["moment"] = "moment"
    fact: str
    order: Order
    at: datetime


class Clock(_Node):
    """A timestamp fact falls on these days (0 is Monday), from `start` (inclusive) to `end` (exclusive), minutes of the
    day in `zone`. Where `start` is not before `end`: at or after `start`, or before `end`."""

    kind: Literal["clock"] = "clock"
    fact: str
    days: tuple[int, ...] = Field(min_length=1)
    start: int = Field(ge=0, lt=1440)
    end: int = Field(gt=0, le=1440)
    zone: str


class Calendar(_Node):
    """A timestamp fact falls in the day, week (from Monday), month, quarter or year of `now`, counted in `zone`, moved
    by `first` to `last` of them: 0 is this one, -1 the one before, 1 the next. None is no limit on that side."""

    kind: Literal["calendar"] = "calendar"
    fact: str
    unit: Unit
    first: int | None
    last: int | None
    zone: str


class Truth(_Node):
    """A boolean fact is true."""

    kind: Literal["truth"] = "truth"
    fact: str


class Empty(_Node):
    """A fact is known to be empty: null, or a list with nothing in it. An absent fact is unknown, not empty."""

    kind: Literal["empty"] = "empty"
    fact: str


class Count(_Node):
    """How many entries of a list of booleans are true."""

    kind: Literal["count"] = "count"
    fact: str
    order: Order
    number: int = Field(ge=0)


class Share(_Node):
    """Which share of a list of booleans is true, in hundredths of a percent; the list must not be empty.
    `>= 10000` is "every". Whole numbers, so that a boundary is exact."""

    kind: Literal["share"] = "share"
    fact: str
    order: Order
    per_myriad: int = Field(ge=0, le=10_000)


class And(_Node):
    kind: Literal["and"] = "and"
    items: tuple[Predicate, ...]


class Or(_Node):
    kind: Literal["or"] = "or"
    items: tuple[Predicate, ...]


class Not(_Node):
    kind: Literal["not"] = "not"
    item: Predicate


class AtLeast(_Node):
    """At least `least` of the items are true."""

    kind: Literal["at_least"] = "at_least"
    least: int = Field(ge=1)
    items: tuple[Predicate, ...]


Atom = Is | Has | Only | Number | Age | Ahead | Moment | Clock | Calendar | Truth | Empty | Count | Share
Predicate = Annotated[Atom | And | Or | Not | AtLeast, Field(discriminator="kind")]
for _model in (And, Or, Not, AtLeast):
    _model.model_rebuild()


class Within(_Node):
    """Only until `seconds` after the moment that `fact` names (inclusive)."""

    fact: str
    seconds: int = Field(gt=0)


class Weekly(_Node):
    """Only on these days (0 is Monday), from `start` (inclusive) to `end` (exclusive), minutes of the day in `zone`.
    Where `start` is not before `end`: at or after `start`, or before `end`, of the same days."""

    days: tuple[int, ...] = Field(min_length=1)
    start: int = Field(ge=0, lt=1440)
    end: int = Field(gt=0, le=1440)
    zone: str


class Window(_Node):
    within: Within | None = None
    weekly: Weekly | None = None


class Limits(_Node):
    """Caps, each None where the rule sets none. Hour, day, week and month are rolling: 60 minutes, 24 hours, 7 and
    31 days back from the action."""

    actions: tuple[tuple[Per, int], ...] = ()
    credits: tuple[tuple[Per, float], ...] = ()
    credits_per_action: float | None = None


class Covered(_Node):
    """One operation, with the arguments that the sentence pins (action fact, value)."""

    operation: str
    arguments: tuple[tuple[str, str], ...] = ()


class Form(_Node):
    """A whole guardrail. Equality of forms is equality of meaning as far as the compiler can tell."""

    version: int = FORM_VERSION
    target: Literal["contact", "deal", "company", "action"]  # "action": the rule names no record
    operations: tuple[Covered, ...] = Field(min_length=1)
    excluded: tuple[str, ...] = ()  # operations the sentence says never to do
    connector: str | None = None
    predicate: Predicate
    mode: Mode = "run"
    wait_hours: float | None = None
    run_when_offline: bool = False
    window: Window = Window()
    limits: Limits = Limits()
    spellings: tuple[tuple[str, str], ...] = ()  # folded name, as the sentence wrote it: for display only
    proposed_by: str | None = None


TRUE = And(items=())


def conjunction(items: list[Predicate]) -> Predicate:
    """And of the items, flattened, without repeats."""
    return _joined(And, items)


def disjunction(items: list[Predicate]) -> Predicate:
    """Or of the items, flattened, without repeats."""
    return _joined(Or, items)


def _joined(node: type[And] | type[Or], items: list[Predicate]) -> Predicate:
    flat: list[Predicate] = []
    for item in items:
        for part in item.items if isinstance(item, node) else (item,):
            if part not in flat:
                flat.append(part)
    return flat[0] if len(flat) == 1 else node(items=tuple(flat))


_OPPOSITE: dict[Order, Order] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def negation(item: Predicate) -> Predicate:
    """Not item; a double negation cancels, and an ordered comparison turns around (every value it needs is known)."""
    if isinstance(item, Not):
        return item.item
    if isinstance(item, Calendar) and item.last is None and item.first is not None:
        return item.model_copy(update={"first": None, "last": item.first - 1})
    if isinstance(item, Calendar) and item.first is None and item.last is not None:
        return item.model_copy(update={"first": item.last + 1, "last": None})
    if isinstance(item, Number | Age | Moment | Count | Share) and item.order in _OPPOSITE:
        return item.model_copy(update={"order": _OPPOSITE[item.order]})
    return Not(item=item)


def walk(predicate: Predicate) -> Iterator[Predicate]:
    """Every node, parents first."""
    yield predicate
    if isinstance(predicate, And | Or | AtLeast):
        for item in predicate.items:
            yield from walk(item)
    elif isinstance(predicate, Not):
        yield from walk(predicate.item)


def atoms(predicate: Predicate) -> Iterator[Atom]:
    """Every leaf, in order."""
    for node in walk(predicate):
        if not isinstance(node, And | Or | Not | AtLeast):
            yield node


def within_atom(within: Within) -> Age:
    """The window as a condition on the facts."""
    return Age(fact=within.fact, order="<=", seconds=within.seconds)


def full_predicate(form: Form) -> Predicate:
    """The predicate together with the window's "within" part: all that depends on facts other than the frame's."""
    if form.window.within is None:
        return form.predicate
    return conjunction([form.predicate, within_atom(form.window.within)])
