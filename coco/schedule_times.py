"""When a schedule's plan comes due, the way Temporal reckons it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from coco.schedules import Plan

_DAYS_LOOKED_AT = 400
"""Enough for a yearly change of the clock, and for any day of the month."""


def upcoming(plan: Plan, after: datetime, count: int) -> list[datetime]:
    """The next `count` moments after `after`, in UTC, jitter left out.

    As Temporal does it: intervals count from 1970; a clock time that a day does not have is left out, one that a day
    has twice comes twice (temporal.api.schedule.v1.ScheduleSpec).
    """
    return list(islice(_moments(plan, after.astimezone(UTC)), count))


def _moments(plan: Plan, after: datetime) -> Iterator[datetime]:
    if plan.kind == "interval":
        assert plan.seconds is not None
        number = int(after.timestamp()) // plan.seconds
        while True:
            number += 1
            yield datetime.fromtimestamp(number * plan.seconds, UTC)
    zone = ZoneInfo(plan.zone)
    today = after.astimezone(zone).date()
    for offset in range(_DAYS_LOOKED_AT):
        day = today + timedelta(days=offset)
        if plan.day_of_month is not None and day.day != plan.day_of_month:
            continue
        if plan.day_of_month is None and day.weekday() not in plan.days:
            continue
        told = datetime(day.year, day.month, day.day, plan.hour, plan.minute)
        both = sorted({told.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)})
        for moment in both:
            if moment.astimezone(zone).replace(tzinfo=None) == told and moment > after:
                yield moment
