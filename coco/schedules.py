"""When a workflow runs by itself, in plain terms: "every weekday at 8:00 Europe/Berlin".

Small on purpose, and never guessing: what it does not understand is refused with what it could be.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import Field

from coco.errors import InvalidInput
from coco.requests import Frozen

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SETS = {"day": (0, 1, 2, 3, 4, 5, 6), "weekday": (0, 1, 2, 3, 4), "weekend": (5, 6)}
_UNITS = {"minute": 60, "hour": 3600}
SHORTEST = 300
"""Seconds between two starts, at least."""
EXAMPLES = (
    '"every weekday at 8:00 Europe/Berlin", "every Monday and Thursday at 17:30 UTC", '
    '"on the 1st of every month at 9:00 Europe/London", "every 2 hours"'
)

_AT = re.compile(r"(?:every |each |on )?(.+?),? at (\S+(?: ?[ap]\.?m\.?)?)(?: (?:in )?(\S+))?", re.IGNORECASE)
_OF_THE_MONTH = re.compile(
    r"(?:the )?(\d{1,2})(?:st|nd|rd|th)? (?:of (?:every|each|the) month|day of (?:every|each) month)", re.IGNORECASE
)


class Plan(Frozen):
    """The parsed form. `times`: on these days (0 is Monday) or this day of the month, at this minute of the day, in
    this zone. `interval`: every so many seconds."""

    kind: Literal["times", "interval"]
    days: tuple[Annotated[int, Field(ge=0, le=6)], ...] = ()
    day_of_month: Annotated[int, Field(ge=1, le=28)] | None = None
    hour: Annotated[int, Field(ge=0, le=23)] = 0
    minute: Annotated[int, Field(ge=0, le=59)] = 0
    zone: str = "UTC"
    seconds: Annotated[int, Field(ge=SHORTEST)] | None = None


def parse(sentence: str) -> Plan:
    """The plan that a sentence says. Raises InvalidInput that names the part it cannot place."""
    text = " ".join(sentence.strip().rstrip(".").split())
    if not text:
        raise InvalidInput(f"Say when it should run: {EXAMPLES}.")
    interval = re.fullmatch(r"(?:every|each) (?:(\d{1,5}) )?(minute|hour)s?", text, re.IGNORECASE)
    if interval:
        seconds = int(interval[1] or 1) * _UNITS[interval[2].lower()]
        if not SHORTEST <= seconds <= 31 * 86_400:
            raise InvalidInput(f"“{text}”: between every {SHORTEST // 60} minutes and every 744 hours.")
        return Plan(kind="interval", seconds=seconds)
    found = re.fullmatch(
        r"(?:every |each |on )?(.+?),? at (\S+(?: ?[ap]\.?m\.?)?)(?: (?:in )?(\S+))?", text, re.IGNORECASE
    )
    if not found:
        raise InvalidInput(f"“{text}” cannot be placed. Say it like {EXAMPLES}.")
    when, clock, zone = found.groups()
    hour, minute = _clock(clock)
    month = _OF_THE_MONTH.fullmatch(when)
    if month:
        day = int(month[1])
        if not 1 <= day <= 28:
            raise InvalidInput(f"“{when}”: not every month has that day; choose one from the 1st to the 28th.")
        return Plan(kind="times", day_of_month=day, hour=hour, minute=minute, zone=_zone(zone))
    return Plan(kind="times", days=_days(when), hour=hour, minute=minute, zone=_zone(zone))


def reading(plan: Plan) -> str:
    """The plan in canonical English, which parses back to it."""
    if plan.kind == "interval":
        assert plan.seconds is not None
        unit, length = ("hour", 3600) if plan.seconds % 3600 == 0 else ("minute", 60)
        count = plan.seconds // length
        return f"every {unit}" if count == 1 else f"every {count} {unit}s"
    at = f"at {plan.hour}:{plan.minute:02} {plan.zone}"
    if plan.day_of_month is not None:
        day = plan.day_of_month
        suffix = "th" if 11 <= day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
        return f"on the {day}{suffix} of every month {at}"
    for name, days in _SETS.items():
        if plan.days == days:
            return f"every {name} {at}"
    names = [DAYS[day] for day in plan.days]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"every {listed} {at}"


def _days(text: str) -> tuple[int, ...]:
    found: set[int] = set()
    for word in re.split(r",\s*(?:and\s+)?|\s+and\s+", text):
        name = word.strip().lower()
        single = name.removesuffix("s")
        if single in _SETS:
            found.update(_SETS[single])
            continue
        matching = [index for index, day in enumerate(DAYS) if len(single) >= 3 and day.lower().startswith(single)]
        if len(matching) != 1:
            near = get_close_matches(single, [*_SETS, *(day.lower() for day in DAYS)], n=1)
            hint = f"; did you mean {near[0] if near[0] in _SETS else near[0].capitalize()}?" if near else "."
            raise InvalidInput(f"“{word.strip()}” is no day{hint} Say it like {EXAMPLES}.")
        found.add(matching[0])
    return tuple(sorted(found))


def _clock(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,2})(?:[:.](\d\d))? ?([ap])?\.?(?:m\.?)?", text, re.IGNORECASE)
    hour, minute = (int(found[1]), int(found[2] or 0)) if found else (99, 0)
    if found and found[3]:
        if not 1 <= hour <= 12:
            hour = 99
        hour = hour % 12 + (12 if found[3].lower() == "p" else 0) if hour != 99 else 99
    elif found and found[2] is None:
        raise InvalidInput(f"“{text}”: write the time as {text}:00 or {text} am.")
    if hour > 23 or minute > 59:
        raise InvalidInput(f"“{text}” is no time of the day; write it as 8:00, 17:30 or 8 am.")
    return hour, minute


def _zone(text: str | None) -> str:
    if text is None:
        raise InvalidInput("Say in which time zone, such as Europe/Berlin or UTC, after the time.")
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = get_close_matches(text, available_timezones(), n=1)
        raise InvalidInput(
            f"“{text}” is no time zone" + (f"; did you mean {near[0]}?" if near else "; write it like Europe/Berlin.")
        ) from None
