"""The predicate as CEL, the Common Expression Language: the text that is stored, shown and can be run anywhere.

The text carries its own guards (`has(...)`, not in the future, not an empty list, the right currency) in
front, so that it is as careful alone as it is inside Coco. Names in it are in the folded spelling of `records.fold`,
to which the facts are brought before evaluation. A fact that is null is left out, so that `has` is false, and its name
is in the list `empty`; so is that of a list without entries. Where `now` is not known the expression is an error, which
covers nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC
from functools import lru_cache
from typing import Any

from .catalogue import Catalogue, FactType
from .form import (
    Age,
    Ahead,
    And,
    AtLeast,
    Calendar,
    Clock,
    Count,
    Empty,
    Form,
    Has,
    Is,
    Moment,
    Not,
    Number,
    Only,
    Or,
    Predicate,
    Share,
    Truth,
    Unit,
    Weekly,
    full_predicate,
)
from .records import Record, Value, moment_of
from .requirements import Requirement, form_requirements


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _texts(values: tuple[str, ...]) -> str:
    return "[" + ", ".join(_text(value) for value in values) + "]"


def _duration(seconds: int) -> str:
    return f'duration("{seconds}s")'


def cel_body(predicate: Predicate) -> str:
    """CEL for the predicate alone, without guards. Deterministic; compound parts are always parenthesised."""
    match predicate:
        case Is(fact=fact, values=(value,)):
            return f"{fact} == {_text(value)}"
        case Is(fact=fact, values=values):
            return f"{fact} in {_texts(values)}"
        case Has(fact=fact, values=(value,)):
            return f"{_text(value)} in {fact}"
        case Has(fact=fact, values=values, least=1):
            return f"{fact}.exists(v, v in {_texts(values)})"
        case Has(fact=fact, values=values, least=least):
            return f"size({_texts(values)}.filter(v, v in {fact})) >= {least}"
        case Only(fact=fact, values=values):
            return f"(size({fact}) > 0 && {fact}.all(v, v in {_texts(values)}))"
        case Number(fact=fact, order=order, value=value):
            return f"{fact} {order} {value!r}"
        case Age(fact=fact, order=order, seconds=seconds):
            return f"now - {fact} {order} {_duration(seconds)}"
        case Ahead(fact=fact, order=order, seconds=seconds):
            return f"({fact} >= now && {fact} - now {order} {_duration(seconds)})"
        case Moment(fact=fact, order=order, at=at):
            return f'{fact} {order} timestamp("{at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}")'
        case Clock(fact=fact):
            return f"({_clock(predicate, fact)})"
        case Calendar(fact=fact, unit=unit, first=first, last=last, zone=zone):
            distance = f"{_ordinal(unit, fact, zone)} - {_ordinal(unit, 'now', zone)}"
            sides = [f"{distance} {order} {end}" for order, end in ((">=", first), ("<=", last)) if end is not None]
            return f"({' && '.join(sides)})" if sides else "true"
        case Truth(fact=fact):
            return f"{fact} == true"
        case Empty(fact=fact):
            return f"{_text(fact)} in empty"
        case Count(fact=fact, order=order, number=number):
            return f"size({fact}.filter(v, v)) {order} {number}"
        case Share(fact=fact, order=order, per_myriad=share):
            return f"size({fact}.filter(v, v)) * 10000 {order} size({fact}) * {share}"
        case And(items=()):
            return "true"
        case Or(items=()):
            return "false"
        case And(items=items):
            return "(" + " && ".join(cel_body(item) for item in items) + ")"
        case Or(items=items):
            return "(" + " || ".join(cel_body(item) for item in items) + ")"
        case Not(item=item):
            return f"!({cel_body(item)})"
        case AtLeast(least=least, items=items):
            ones = " + ".join(f"({cel_body(item)} ? 1 : 0)" for item in items)
            return f"({ones} >= {least})"
    raise TypeError(f"not a predicate: {predicate!r}")


def cel_guard(requirement: Requirement) -> str:
    """CEL for one requirement."""
    fact = requirement.fact
    match requirement.kind:
        case "record":
            return f"size({fact}) > 0"
        case "present":
            return f"(has({fact}) || {_text(fact)} in empty)"
        case "known":
            # `has` cannot ask for a variable; where it is unknown, a comparison is an error that no "||" absorbs
            return f"has({fact})" if "." in fact else f'{fact} >= timestamp("1970-01-01T00:00:00Z")'
        case "past":
            return f"{fact} <= now"
        case "some":
            return f"size({fact}) > 0"
        case "equals":
            return f"{fact} == {_text(requirement.value)}"
        case "alone":
            return f"(!has({fact}) || {fact} <= 1.0)"
        case "theirs":
            own = requirement.value
            same = f"(has({own}) ? {fact}.all(v, v == {own}) : !({_text(own)} in empty))"
            return f"(!has({fact}) || size({fact}) == 0 || {same})"


def cel_weekly(weekly: Weekly) -> str:
    """CEL for the weekly window."""
    return _clock(weekly, "now")


def _clock(weekly: Weekly | Clock, at: str) -> str:
    """CEL for days and hours in a zone. CEL counts Sunday as day 0."""
    zone = _text(weekly.zone)
    days = ", ".join(str((day + 1) % 7) for day in weekly.days)
    minute = f"{at}.getHours({zone}) * 60 + {at}.getMinutes({zone})"
    hours = f"{minute} >= {weekly.start} && {minute} < {weekly.end}"
    if weekly.start >= weekly.end:
        hours = f"({minute} >= {weekly.start} || {minute} < {weekly.end})"
    return f"{at}.getDayOfWeek({zone}) in [{days}] && {hours}"


def _ordinal(unit: Unit, at: str, zone: str) -> str:
    """CEL for the number of the day, week, month, quarter or year of an instant; `calendars.ordinal` in Python."""
    where = _text(zone)
    year, month = f"{at}.getFullYear({where})", f"{at}.getMonth({where})"
    days = (
        f"({year} - 1) * 365 + ({year} - 1) / 4 - ({year} - 1) / 100 + ({year} - 1) / 400 + {at}.getDayOfYear({where})"
    )
    match unit:
        case "day":
            return f"({days})"
        case "week":
            return f"(({days}) / 7)"
        case "month":
            return f"({year} * 12 + {month})"
        case "quarter":
            return f"(({year} * 12 + {month}) / 3)"
        case "year":
            return year


def cel_text(form: Form, catalogue: Catalogue) -> str:
    """The whole condition of a form as one CEL expression: guards, window, predicate.

    `operations`, `mode` and `limits` are not in it: they frame the action, not the facts.
    """
    predicate = full_predicate(form)
    parts = [cel_guard(need) for need in form_requirements(form, catalogue)]
    if form.window.weekly is not None:
        parts.append(cel_weekly(form.window.weekly))
    body = cel_body(predicate)
    if isinstance(predicate, And) and predicate.items:
        body = body[1:-1]
    if body != "true" or not parts:
        parts.append(body)
    return " && ".join(parts)


@lru_cache(maxsize=256)
def _program(text: str) -> Any:
    import celpy

    environment = celpy.Environment()
    return environment.program(environment.compile(text))


def _cel_value(value: Value, fact_type: FactType) -> Any:
    from celpy import celtypes

    if value is None:
        return None
    if fact_type is FactType.TIMESTAMP and isinstance(value, int):
        return celtypes.TimestampType(moment_of(value))
    if isinstance(value, bool):
        return celtypes.BoolType(value)
    if isinstance(value, int | float):
        return celtypes.DoubleType(value)
    if isinstance(value, tuple):
        return celtypes.ListType(
            [celtypes.BoolType(v) if isinstance(v, bool) else celtypes.StringType(v) for v in value]
        )
    return celtypes.StringType(value)


def cel_activation(facts: Mapping[str, Value], catalogue: Catalogue) -> dict[str, Any]:
    """The facts as celpy values, one map per entity, and the names of those known to be empty. Entities without facts
    are empty maps, so that `has` is false."""
    from celpy import celtypes

    maps: dict[str, Any] = {name.partition(".")[0]: celtypes.MapType({}) for name in catalogue.facts if "." in name}
    activation: dict[str, Any] = {**maps}
    activation["empty"] = celtypes.ListType(
        [celtypes.StringType(name) for name, value in facts.items() if value is None or value == ()]
    )
    for name, value in facts.items():
        if value is None:
            continue
        converted = _cel_value(value, catalogue.fact(name).type)
        entity, dot, inner = name.partition(".")
        if dot:
            maps[entity][celtypes.StringType(inner)] = converted
        else:
            activation[name] = converted
    return activation


def cel_holds(form: Form, record: Record, catalogue: Catalogue) -> bool:
    """Evaluate the CEL text with cel-python. An evaluation error is "does not hold"; it never covers."""
    from celpy import CELEvalError  # type: ignore[attr-defined]

    if record.problems:
        return False
    program = _program(cel_text(form, catalogue))
    try:
        result = program.evaluate(cel_activation(record.facts, catalogue))
    except CELEvalError:
        return False
    return bool(result) is True
