"""What forms and calls say about being away, as the domain takes it: the same for REST and the pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError

from coco.errors import InvalidInput
from coco.reminders import ReminderTerms


def checked_terms(given: Mapping[str, Any]) -> ReminderTerms:
    """Terms of reminders. Raises InvalidInput, which names the field."""
    try:
        return ReminderTerms.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "quiet_from"
        raise InvalidInput(f"{where}: {first['msg'].removeprefix('Value error, ')}") from error


def span(first: str, last: str, zone: str, now: datetime) -> tuple[datetime, datetime]:
    """From the beginning of a day, or now, to the end of another, in a time zone. Empty or past `first` is now.

    Raises InvalidInput.
    """
    try:
        here = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput("zone: an IANA time zone, such as Europe/Berlin") from error
    try:
        begins = date.fromisoformat(first) if first.strip() else None
        ends = date.fromisoformat(last)
        after = ends + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise InvalidInput("until: a day, such as 2026-08-31") from error
    end = datetime(after.year, after.month, after.day, tzinfo=here)
    start = datetime(begins.year, begins.month, begins.day, tzinfo=here) if begins else now
    return max(start, now), end
