"""Two faithful fast executions of the same form: closures for one action, columns for many records.

Both answer exactly what `evaluate` answers (limits aside); a property test holds all of them, and the CEL evaluation,
against each other. Columns hold one byte per record in a big integer, so that and, or and not are single operations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import nan
from typing import Any

from .calendars import falls, ordinal, reaches
from .catalogue import Catalogue
from .evaluate import SECOND, compare, frame_problem, weekly_open
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
    Order,
    Predicate,
    Share,
    Truth,
    full_predicate,
)
from .records import Record, Value, microseconds
from .requirements import Requirement, form_requirements

Facts = Mapping[str, Any]
Test = Callable[[Facts], bool]
_ABSENT: Any = object()
MAX_INDEXED_VALUES = 200

_COMPARE: dict[Order, Callable[[Any], Callable[[Any], bool]]] = {
    "<": lambda limit: lambda value: value < limit,
    "<=": lambda limit: lambda value: value <= limit,
    ">": lambda limit: lambda value: value > limit,
    ">=": lambda limit: lambda value: value >= limit,
    "==": lambda limit: lambda value: value == limit,
}


def compile_rule(form: Form, catalogue: Catalogue) -> Callable[[Record], bool]:
    """A function from a record to "covered", limits aside. Nothing about the action is assumed."""
    predicate = full_predicate(form)
    needs = [_requirement(need) for need in form_requirements(form, catalogue)]
    test = _test(predicate)
    weekly = form.window.weekly

    def covered(record: Record) -> bool:
        if record.problems or frame_problem(form, record, catalogue, frozenset()) is not None:
            return False
        facts = record.facts
        for need in needs:
            if not need(facts):
                return False
        if weekly is not None:
            now = facts.get("now")
            if not isinstance(now, int) or not weekly_open(weekly, now):
                return False
        return test(facts)

    return covered


def _requirement(need: Requirement) -> Test:
    fact, wanted = need.fact, need.value
    match need.kind:
        case "record":
            prefix = f"{fact}."
            return lambda facts: any(value is not None and name.startswith(prefix) for name, value in facts.items())
        case "present":
            return lambda facts: fact in facts
        case "known":
            return lambda facts: facts.get(fact) is not None
        case "past":
            return lambda facts: bool(facts[fact] <= facts["now"])
        case "some":
            return lambda facts: bool(facts[fact])
        case "equals":
            return lambda facts: bool(facts[fact] == wanted)
        case "alone":
            return lambda facts: not (facts.get(fact) or 0) > 1
        case "theirs":
            return lambda facts: (
                not facts.get(fact) or wanted not in facts or all(one == facts[wanted] for one in facts[fact])
            )


def _test(predicate: Predicate) -> Test:
    match predicate:
        case And(items=items):
            tests = tuple(_test(item) for item in items)
            return lambda facts: all(test(facts) for test in tests)
        case Or(items=items):
            tests = tuple(_test(item) for item in items)
            return lambda facts: any(test(facts) for test in tests)
        case AtLeast(least=least, items=items):
            tests = tuple(_test(item) for item in items)
            return lambda facts: sum(test(facts) for test in tests) >= least
        case Not(item=item):
            inner = _test(item)
            return lambda facts: not inner(facts)
    fact = predicate.fact
    match predicate:
        case Is(values=values):
            allowed = frozenset(values)
            return lambda facts: facts[fact] in allowed
        case Has(values=(value,)):
            return lambda facts: value in facts[fact]
        case Has(values=values, least=1):
            wanted = frozenset(values)
            return lambda facts: not wanted.isdisjoint(facts[fact])
        case Has(values=values, least=least):
            wanted = frozenset(values)
            return lambda facts: len(wanted.intersection(facts[fact])) >= least
        case Only(values=values):
            wanted = frozenset(values)
            return lambda facts: bool(facts[fact]) and wanted.issuperset(facts[fact])
        case Number(order=order, value=limit):
            check = _COMPARE[order](limit)
            return lambda facts: check(facts[fact])
        case Age(order=order, seconds=seconds):
            check = _COMPARE[order](seconds * SECOND)
            return lambda facts: check(facts["now"] - facts[fact])
        case Ahead(order=order, seconds=seconds):
            check = _COMPARE[order](seconds * SECOND)
            return lambda facts: facts[fact] >= facts["now"] and check(facts[fact] - facts["now"])
        case Moment(order=order, at=at):
            check = _COMPARE[order](microseconds(at))
            return lambda facts: check(facts[fact])
        case Clock():
            clock = predicate
            return lambda facts: weekly_open(clock, facts[fact])
        case Calendar():
            calendar = predicate
            return lambda facts: falls(calendar, facts[fact], facts["now"])
        case Truth():
            return lambda facts: facts[fact] is True
        case Empty():
            return lambda facts: facts[fact] is None or facts[fact] == ()
        case Count(order=order, number=number):
            check = _COMPARE[order](number)
            return lambda facts: check(facts[fact].count(True))
        case Share(order=order, per_myriad=share):
            return lambda facts: compare(facts[fact].count(True) * 10_000, order, share * len(facts[fact]))
    raise TypeError(f"not a predicate: {predicate!r}")


class Columns:
    """Many records, column by column. Build once, then ask for any number of rules.

    `covered(form)` returns one byte per record: 1 covered, 0 held (limits aside). Work on a condition is done once and
    kept, so rules that share conditions share the work.
    """

    def __init__(self, records: Sequence[Record], catalogue: Catalogue) -> None:
        self._records = records
        self._catalogue = catalogue
        self._count = len(records)
        self._all = int.from_bytes(b"\x01" * self._count, "little")
        self._columns: dict[str, list[Any]] = {}
        self._ages: dict[str, list[Any]] = {}
        self._indexes: dict[str, dict[Any, int]] = {}
        self._few: dict[str, bool] = {}
        self._masks: dict[object, int] = {}
        self._groups: dict[tuple[str, ...], dict[tuple[Any, ...], int]] = {}
        self._sound = self._mask(not record.problems for record in records)

    def covered(self, form: Form, *, assumed: frozenset[str] = frozenset()) -> bytes:
        """The verdicts on every record, in order."""
        mask = self._sound & self._frame(form, assumed)
        predicate = full_predicate(form)
        for need in form_requirements(form, self._catalogue):
            mask &= self._kept(need, lambda need=need: self._requirement(need))  # type: ignore[misc]
        weekly = form.window.weekly
        if weekly is not None:
            opened: dict[Any, bool] = {None: False}
            for now in self._column("now"):
                if now not in opened:
                    opened[now] = weekly_open(weekly, now)
            mask &= self._mask(opened[now] for now in self._column("now"))
        if mask:
            mask &= self._predicate(predicate)
        return mask.to_bytes(self._count, "little")

    def _mask(self, flags: Iterable[bool]) -> int:
        return int.from_bytes(bytes(flags), "little")

    def _kept(self, key: object, make: Callable[[], int]) -> int:
        found = self._masks.get(key)
        if found is None:
            found = self._masks[key] = make()
        return found

    def _column(self, fact: str) -> list[Any]:
        column = self._columns.get(fact)
        if column is None:
            column = self._columns[fact] = [record.facts.get(fact) for record in self._records]
        return column

    def _age(self, fact: str) -> list[Any]:
        """`now - fact` in microseconds; NaN where either is unknown, so that no comparison holds."""
        found = self._ages.get(fact)
        if found is None:
            pairs = zip(self._column("now"), self._column(fact), strict=True)
            found = self._ages[fact] = [nan if now is None or at is None else now - at for now, at in pairs]
        return found

    def _few_values(self, fact: str) -> bool:
        """An index keeps a mask for every value, which only pays where values repeat."""
        few = self._few.get(fact)
        if few is None:
            values: set[Any] = set()
            for value in self._column(fact):
                values.update(value if isinstance(value, tuple) else (value,))
                if len(values) > MAX_INDEXED_VALUES:
                    break
            few = self._few[fact] = len(values) <= MAX_INDEXED_VALUES
        return few

    def _index(self, fact: str) -> dict[Any, int]:
        """The mask of every value that occurs (of every entry, for a list)."""
        found = self._indexes.get(fact)
        if found is None:
            rows: dict[Any, bytearray] = {}
            for row, value in enumerate(self._column(fact)):
                for entry in value if isinstance(value, tuple) else (value,):
                    at = rows.get(entry)
                    if at is None:
                        at = rows[entry] = bytearray(self._count)
                    at[row] = 1
            found = self._indexes[fact] = {value: int.from_bytes(at, "little") for value, at in rows.items()}
        return found

    def _frame(self, form: Form, assumed: frozenset[str]) -> int:
        """The frame depends on a few facts with few values: decide each combination that occurs once."""
        arguments = [fact for covered in form.operations for fact, _ in covered.arguments]
        names = ("action.operation", "action.connector", *dict.fromkeys(arguments))
        mask = 0
        for key, rows in self._combinations(names).items():
            facts: dict[str, Value] = {
                name: value for name, value in zip(names, key, strict=True) if value is not _ABSENT
            }
            if frame_problem(form, Record("", facts), self._catalogue, assumed) is None:
                mask |= rows
        return mask

    def _combinations(self, names: tuple[str, ...]) -> dict[tuple[Any, ...], int]:
        """The mask of every combination of values of these facts."""
        found = self._groups.get(names)
        if found is None:
            rows: dict[tuple[Any, ...], bytearray] = {}
            columns = [[record.facts.get(name, _ABSENT) for record in self._records] for name in names]
            for row, key in enumerate(zip(*columns, strict=True)):
                at = rows.get(key)
                if at is None:
                    at = rows[key] = bytearray(self._count)
                at[row] = 1
            found = self._groups[names] = {key: int.from_bytes(at, "little") for key, at in rows.items()}
        return found

    def _requirement(self, need: Requirement) -> int:
        fact = need.fact
        match need.kind:
            case "record" | "theirs":
                test = _requirement(need)
                return self._mask([test(record.facts) for record in self._records])
            case "present":
                return self._mask(fact in record.facts for record in self._records)
            case "known":
                return self._mask([value is not None for value in self._column(fact)])
            case "past":
                return self._mask([age >= 0 for age in self._age(fact)])
            case "some":
                return self._mask([bool(value) for value in self._column(fact)])
            case "equals":
                return self._mask([value == need.value for value in self._column(fact)])
            case "alone":
                return self._mask([not (value or 0) > 1 for value in self._column(fact)])

    def _predicate(self, predicate: Predicate) -> int:
        match predicate:
            case And(items=items):
                mask = self._all
                for item in items:
                    mask &= self._predicate(item)
                return mask
            case Or(items=items):
                mask = 0
                for item in items:
                    mask |= self._predicate(item)
                return mask
            case Not(item=item):
                return self._all ^ self._predicate(item)
            case AtLeast(least=least, items=items):
                masks = [self._predicate(item).to_bytes(self._count, "little") for item in items]
                return self._mask(sum(row) >= least for row in zip(*masks, strict=True))
        return self._kept(predicate, lambda: self._atom(predicate))

    def _atom(self, atom: Predicate) -> int:
        match atom:
            case Is(fact=fact, values=values) | Has(fact=fact, values=values, least=1) if self._few_values(fact):
                index, mask = self._index(fact), 0
                for value in values:
                    mask |= index.get(value, 0)
                return mask
            case Number(fact=fact, order=order, value=limit):
                return self._compared([nan if value is None else value for value in self._column(fact)], order, limit)
            case Age(fact=fact, order=order, seconds=seconds):
                return self._compared(self._age(fact), order, seconds * SECOND)
            case Ahead(fact=fact, order=order, seconds=seconds):
                ahead = [-age for age in self._age(fact)]
                return self._compared(ahead, ">=", 0) & self._compared(ahead, order, seconds * SECOND)
            case Moment(fact=fact, order=order, at=at):
                return self._compared(
                    [nan if value is None else value for value in self._column(fact)], order, microseconds(at)
                )
            case Calendar():
                return self._calendar(atom)
        test = _test(atom)
        empty = isinstance(atom, Empty)
        name = getattr(atom, "fact", "")
        return self._mask([(value is not None or empty) and test({name: value}) for value in self._column(name)])

    def _calendar(self, atom: Calendar) -> int:
        """Which unit a moment falls in is worked out once for each moment that occurs."""
        seen: dict[int, int] = {}

        def number(at: int) -> int:
            found = seen.get(at)
            if found is None:
                found = seen[at] = ordinal(atom.unit, at, atom.zone)
            return found

        flags = bytearray(self._count)
        for row, (now, at) in enumerate(zip(self._column("now"), self._column(atom.fact), strict=True)):
            if now is not None and at is not None:
                flags[row] = reaches(atom, number(at) - number(now))
        return int.from_bytes(flags, "little")

    @staticmethod
    def _compared(values: list[Any], order: Order, limit: float) -> int:
        match order:
            case "<":
                flags = bytes([value < limit for value in values])
            case "<=":
                flags = bytes([value <= limit for value in values])
            case ">":
                flags = bytes([value > limit for value in values])
            case ">=":
                flags = bytes([value >= limit for value in values])
            case "==":
                flags = bytes([value == limit for value in values])
        return int.from_bytes(flags, "little")
