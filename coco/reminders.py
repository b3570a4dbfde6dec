"""Reminders of cards that wait: on whose terms, and when the next one is due. Pure. A reminder decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import field_validator, model_validator

from coco.requests import Frozen

LONGEST_HOURS = 720
LEAST_WAIT = timedelta(hours=1)
"""Nobody is reminded of what waits for less."""


class ReminderTerms(Frozen):
    """When somebody wants to be reminded of a card that waits for them."""

    on: bool = True
    first_hours: int = 4
    """After a card has waited for so long."""
    again_hours: int | None = 24
    """And then every so many hours; None for once."""
    quiet_from: str | None = None
    """A time of day, such as 22:00. From then until `quiet_until` no reminder comes; it comes right after."""
    quiet_until: str | None = None
    zone: str = "UTC"
    """The IANA name of the time zone that quiet hours are in."""

    @field_validator("first_hours", "again_hours")
    @classmethod
    def _hours(cls, hours: int | None) -> int | None:
        if hours is not None and not 1 <= hours <= LONGEST_HOURS:
            raise ValueError(f"between 1 and {LONGEST_HOURS} hours")
        return hours

    @field_validator("quiet_from", "quiet_until")
    @classmethod
    def _time_of_day(cls, told: str | None) -> str | None:
        if told is not None:
            _minutes(told)
        return told

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("an IANA time zone, such as Europe/Berlin") from error
        return name

    @model_validator(mode="after")
    def _both_ends(self) -> Self:
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValueError("quiet hours have a beginning and an end")
        return self


def next_at(terms: ReminderTerms, since: datetime, sent: Sequence[datetime]) -> datetime | None:
    """When the next reminder of a card is due that waits since `since`, after those that were sent; None for never.

    Only what was sent since then counts: of a card that waits anew, the first is due anew. Never within quiet hours.
    """
    if not terms.on:
        return None
    last = max((at for at in sent if at >= since), default=None)
    if last is None:
        due = since + timedelta(hours=terms.first_hours)
    elif terms.again_hours is None:
        return None
    else:
        due = last + timedelta(hours=terms.again_hours)
    return after_quiet(terms, due)


def is_due(terms: ReminderTerms, since: datetime, sent: Sequence[datetime], now: datetime) -> bool:
    """Whether one is due now. What came due while nobody looked, and now is quiet, waits for the end of the quiet."""
    due = next_at(terms, since, sent)
    return due is not None and due <= now and after_quiet(terms, now) == now


def after_quiet(terms: ReminderTerms, at: datetime) -> datetime:
    """The moment itself, or the end of the quiet hours that it is in, in UTC."""
    if terms.quiet_from is None or terms.quiet_until is None:
        return at
    local = at.astimezone(ZoneInfo(terms.zone))
    begins, ends = _minutes(terms.quiet_from), _minutes(terms.quiet_until)
    now = local.hour * 60 + local.minute
    overnight = begins > ends
    if begins == ends or not (now >= begins or now < ends if overnight else begins <= now < ends):
        return at
    day = local.date() + timedelta(days=1 if overnight and now >= begins else 0)
    end = datetime(day.year, day.month, day.day, ends // 60, ends % 60, tzinfo=local.tzinfo)
    if end.astimezone(UTC) <= at:
        end = end.replace(fold=1)  # the clock was put back in between: that time of day comes a second time
    return end.astimezone(UTC)


def _minutes(told: str) -> int:
    hours, colon, minutes = told.partition(":")
    if not (colon and len(hours) == len(minutes) == 2 and (hours + minutes).isascii() and (hours + minutes).isdigit()):
        raise ValueError("a time of day, such as 22:00")
    if int(hours) > 23 or int(minutes) > 59:
        raise ValueError("a time of day, such as 22:00")
    return int(hours) * 60 + int(minutes)
