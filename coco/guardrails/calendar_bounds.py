"""Calendar conditions for the solver: when the days, weeks, months, quarters and years around `now` begin.

Where they begin, seen from `now`, depends on what `now` is. The solver is first asked with nothing but what is true at
any time: that answer is sound when it is "no record". A record is then looked for at moments spread over the calendar.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import pairwise
from typing import Any

from .calendars import begins, ordinal
from .evaluate import SECOND
from .form import Calendar, Unit
from .records import microseconds

z3: Any = import_module("z3")  # the package is only partly typed

HOUR = 3600 * SECOND
# the shortest and longest that a unit can be, clocks going forward and back included
_LENGTHS: dict[Unit, tuple[int, int]] = {
    "day": (22 * HOUR, 26 * HOUR),
    "week": (166 * HOUR, 170 * HOUR),
    "month": (28 * 24 * HOUR - 2 * HOUR, 31 * 24 * HOUR + 2 * HOUR),
    "quarter": (90 * 24 * HOUR - 2 * HOUR, 92 * 24 * HOUR + 2 * HOUR),
    "year": (365 * 24 * HOUR - 2 * HOUR, 366 * 24 * HOUR + 2 * HOUR),
}
_INSIDE: tuple[tuple[Unit, Unit], ...] = (
    ("day", "week"), ("day", "month"), ("month", "quarter"), ("quarter", "year"), ("day", "quarter"),
    ("day", "year"), ("month", "year"),
)  # fmt: skip
_CANDIDATES = (
    "2026-11-24T10:00", "2026-11-23T00:20", "2026-11-29T23:40", "2026-11-25T12:00", "2026-11-27T17:30",
    "2026-11-01T00:20", "2026-11-30T23:40", "2026-10-01T00:20", "2026-12-31T23:40", "2027-01-01T00:20",
    "2026-02-28T23:40", "2026-03-16T09:00", "2026-05-15T12:00", "2026-06-30T12:00", "2026-08-01T12:00",
)  # fmt: skip


def candidates(dates: Iterable[datetime] = ()) -> Iterator[datetime]:
    """Moments at the start, middle and end of units, and around the dates that a rule names."""
    for text in _CANDIDATES:
        yield datetime.fromisoformat(text).replace(tzinfo=UTC)
    for one in dates:
        for days in (-8, -3, -2, -1, 0, 1, 2, 3, 8):
            for hours in (0, 6, 12, 18):
                yield one + timedelta(days=days, hours=hours)


class Bounds:
    """When the units begin that some conditions speak of, in microseconds from `now`."""

    def __init__(self, conditions: Iterable[Calendar]) -> None:
        self._offsets: dict[tuple[Unit, str], set[int]] = {}
        for one in conditions:
            offsets = self._offsets.setdefault((one.unit, one.zone), {0, 1})
            offsets.update([one.first] if one.first is not None else [])
            offsets.update([one.last + 1] if one.last is not None else [])

    def __bool__(self) -> bool:
        return bool(self._offsets)

    @staticmethod
    def edge(unit: Unit, zone: str, offset: int) -> Any:
        """Start of the unit that is `offset` units after the present one."""
        return z3.Int(f"begins:{unit}:{zone}:{offset}")

    def holds(self, condition: Calendar, ahead: Any) -> Any:
        """The condition, for a moment that lies `ahead` of now."""
        sides = []
        if condition.first is not None:
            sides.append(ahead >= self.edge(condition.unit, condition.zone, condition.first))
        if condition.last is not None:
            sides.append(ahead < self.edge(condition.unit, condition.zone, condition.last + 1))
        return z3.And(*sides)

    def always(self) -> list[Any]:
        """What is true whenever `now` is."""
        found = []
        for (unit, zone), offsets in self._offsets.items():
            shortest, longest = _LENGTHS[unit]
            found += [self.edge(unit, zone, 0) <= 0, self.edge(unit, zone, 1) > 0]
            ordered = sorted(offsets)
            for one, other in pairwise(ordered):
                gap = self.edge(unit, zone, other) - self.edge(unit, zone, one)
                found += [gap >= shortest * (other - one), gap <= longest * (other - one)]
            for fine, coarse in _INSIDE:
                if fine == unit and (coarse, zone) in self._offsets:
                    found.append(self.edge(coarse, zone, 0) <= self.edge(fine, zone, 0))
                    found.append(self.edge(fine, zone, 1) <= self.edge(coarse, zone, 1))
        return found

    def at(self, now: datetime) -> list[Any]:
        """Where the units begin when this is `now`."""
        instant = microseconds(now)
        return [
            self.edge(unit, zone, offset) == begins(unit, ordinal(unit, instant, zone) + offset, zone) - instant
            for (unit, zone), offsets in self._offsets.items()
            for offset in offsets
        ]
