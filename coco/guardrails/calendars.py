"""Days, weeks, months, quarters and years: which one an instant falls in, and when each begins."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from .form import Calendar, Unit
from .records import microseconds, moment_of


def ordinal(unit: Unit, at: int, zone: str) -> int:
    """The number of the unit that an instant (microseconds since 1970) falls in; the next unit has the next number.

    Days count from 0001-01-01, which was a Monday, so that weeks of seven begin on Mondays (ISO 8601)."""
    moment = moment_of(at)
    local = moment.astimezone(ZoneInfo(zone)) if moment.year < 9999 else moment  # 9999-12-31 has no morrow
    match unit:
        case "day":
            return local.toordinal() - 1
        case "week":
            return (local.toordinal() - 1) // 7
        case "month":
            return local.year * 12 + local.month - 1
        case "quarter":
            return (local.year * 12 + local.month - 1) // 3
        case "year":
            return local.year


def falls(calendar: Calendar, at: int, now: int) -> bool:
    """Is the instant in the units that the condition asks for, seen from `now`?"""
    return reaches(calendar, ordinal(calendar.unit, at, calendar.zone) - ordinal(calendar.unit, now, calendar.zone))


def reaches(calendar: Calendar, distance: int) -> bool:
    """Are so many units after the present one among those that the condition asks for?"""
    return (calendar.first is None or distance >= calendar.first) and (
        calendar.last is None or distance <= calendar.last
    )


def begins(unit: Unit, number: int, zone: str) -> int:
    """When the unit of this number begins (microseconds since 1970)."""
    match unit:
        case "day":
            day = date.min + timedelta(days=number)
        case "week":
            day = date.min + timedelta(days=7 * number)
        case "month":
            day = date(number // 12, number % 12 + 1, 1)
        case "quarter":
            day = date(number // 4, number % 4 * 3 + 1, 1)
        case "year":
            day = date(number, 1, 1)
    return microseconds(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC))
