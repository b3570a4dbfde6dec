"""Days and hours: when a rule may run, and when a meeting takes place.

The hours of a sentence are kept as the set of minutes of the day that it allows. Put together they must be one
stretch, which may run past midnight: a form holds no more.
"""

from __future__ import annotations

import re

from ..catalogue import Fact
from ..form import Clock, Predicate, Weekly
from .conditions import ConditionReader
from .literals import same_half
from .parts import Node, Parts, child, children, span_of, tokens_of
from .problems import Refused
from .vocabulary import VAGUE

DAY = 1440
Minutes = frozenset[int]

# which half of the day is said
_HALF = re.compile(r"\b0|\d\s*([:.h]|[ap]\.?m|o'clock)|\b(noon|midday|midnight|morning|afternoon|evening)\b", re.I)
_HALF_SAID = re.compile(r"[ap]\.?m\b|\bnoon\b|\bmidnight\b|\bmidday\b|in the (morning|afternoon|evening)", re.I)
_NIGHT = re.compile(r"night", re.I)
_RANGES = ("timerange", "time_until", "time_from", "time_both")
_DAYTIME = frozenset(range(9 * 60, 17 * 60))
_EVERY_DAY = tuple(range(7))


def _starting(said: str, zoned: bool) -> str:
    """Days and hours said of the start of a meeting: "weekdays only" -> "starting on weekdays Europe/Berlin"."""
    plain = re.sub(r"\s*\bonly\b\s*", " ", said, flags=re.I).strip(" ,")
    on = "" if re.match(r"(on|at|between|from|before|after)\b", plain, re.I) or plain[:1].isdigit() else "on "
    return f"starting {on}{plain}{'' if zoned else ' Europe/Berlin'}"


def minutes_of(start: int, end: int) -> Minutes:
    """The minutes from `start` (inclusive) to `end` (exclusive), past midnight where `end` is not later."""
    return frozenset(range(start, end)) if start < end else frozenset((*range(start, DAY), *range(end)))


def stretch(minutes: Minutes) -> tuple[int, int] | None:
    """The one stretch that these minutes are, as start and end; None where they are several, or none."""
    if len(minutes) == DAY:
        return 0, DAY
    starts = [minute for minute in sorted(minutes) if (minute - 1) % DAY not in minutes]
    if len(starts) != 1:
        return None
    end = (starts[0] + len(minutes)) % DAY
    return starts[0], end or DAY


def _clock(minute: int) -> str:
    return f"{minute // 60}:{minute % 60:02}"


_WHICH_ZONE = (
    "in which time zone? Days and hours differ from place to place; Europe/Berlin stands for yours in what is suggested"
)


class WindowReader(ConditionReader):
    """Days and hours."""

    def _falls(self, fact: Fact, node: Node) -> Predicate:
        """ "Starting on weekdays between 9:00 and 17:00 Europe/Berlin": the days and hours of the meeting itself."""
        span = span_of(node)
        if fact.name != "action.starts_at":
            raise Refused(span, f"on which days {fact.name} falls is not looked at", "", weak=True)
        hours = child(node, "weekhours")
        said = child(hours, "days", "day_span")
        days = tuple(sorted(set(self._days(said)))) if said is not None else _EVERY_DAY
        between = child(hours, *_RANGES)
        start, end = self._time_range(between, said is not None) if between is not None else (0, DAY)
        zones = {token.value for token in tokens_of(hours) if token.type == "ZONE"}
        if len(zones) != 1:
            text = self._text(span_of(hours))
            raise Refused(
                span_of(hours),
                _WHICH_ZONE if not zones else "give one time zone",
                f"{text} Europe/Berlin",
            )
        return Clock(fact=fact.name, days=days, start=start, end=end, zone=zones.pop())

    def _weekly(self, node: Node) -> None:
        self._set_weekly(node, False)

    def _weekly_not(self, node: Node) -> None:
        self._set_weekly(node, True)

    def _of_the_meeting(self, node: Node) -> None:
        """Days and hours beside a meeting could be its own."""
        events = [c.operation for c in self.parts.operations if c.operation.startswith("event.")]
        if events and child(node, "RUNONLY") is None:
            said = self._text(span_of(node)).strip(" ,")
            zoned = [token for token in tokens_of(node) if token.type == "ZONE"] or self.parts.weekly_zones
            raise Refused(
                span_of(node),
                f'does "{said}" say when the rule may run, or when the meeting takes place? A rule can say when it '
                "runs, and when the meeting starts",
                _starting(said, bool(zoned)),
            )

    def _set_weekly(self, node: Node, negated: bool) -> None:
        """Collect days, hours and zone; `weekly` puts them together when all statements are read."""
        self._of_the_meeting(node)
        det = child(node, "DET")
        if det is not None and det.value not in {"every", "any", "each"}:
            raise Refused(span_of(node), "every one of these days?", "on Mondays Europe/Berlin", weak=True)
        days: tuple[int, ...] = ()
        for one in children(node, "days", "day_span"):
            if days:
                raise Refused(span_of(node), "the days are given twice", "")
            days = self._days(one)
        if negated:
            days = tuple(day for day in range(7) if day not in days)
        if days:
            self.parts.weekly_days = tuple(day for day in self.parts.weekly_days if day in days)
        if negated:
            self.parts.not_days = span_of(node)
        elif not days and self.parts.not_days is not None:
            between = self.sentence[self.parts.not_days[1] : span_of(node)[0]]
            if not between.strip(" ") or re.fullmatch(r"\s*(between|from|after|before|at)\s*", between):
                raise Refused(
                    (self.parts.not_days[0], span_of(node)[1]),
                    "not on those days at all, or not in these hours of them? Put each in a sentence of its own",
                    "",
                    fatal=True,
                )
        self._hours(node, bool(days) and not negated)
        self._zoned(node)

    def _hours(self, node: Node, days_said: bool) -> None:
        """Several stretches beside each other are allowed together; a vague word beside them says nothing more."""
        vague = child(node, "VAGUEHOURS")
        found: set[int] = set()
        ranges = children(node, *_RANGES)
        if len(ranges) > 1 and any(one.data in {"time_until", "time_from"} for one in ranges):
            raise Refused(span_of(node), "write each as a window of its own", "", weak=2)  # "after 9 and before 17"
        for one in ranges:
            start, end = self._time_range(one, days_said)
            if start >= end:
                self.parts.overnight = span_of(one)
            found |= minutes_of(start, end)
        if not found:
            return
        if vague is not None:
            self._beside_vague(self._text(span_of(vague)), frozenset(found), vague, days_said)
        self.parts.weekly_minutes &= found

    def _beside_vague(self, said: str, minutes: Minutes, vague: Node, days_said: bool) -> None:
        """ "During business hours, 9 to 6": the hours count. Business hours are those of weekdays."""
        if _NIGHT.search(said) and minutes & _DAYTIME:
            raise Refused(
                span_of(vague),
                f'"{said}" is not when these hours are. Say which half of the day is meant',
                "between 22:00 and 6:00",
                fatal=True,
            )
        if not _NIGHT.search(said) and re.search(r"hours", said) and not days_said:
            self.parts.business = True

    def _zoned(self, node: Node) -> None:
        self.parts.weekly_zones.update(token.value for token in tokens_of(node) if token.type == "ZONE")
        start, end = self.parts.weekly_span or span_of(node)
        self.parts.weekly_span = (min(start, span_of(node)[0]), max(end, span_of(node)[1]))

    def _weekly_vague(self, node: Node) -> None:
        """ "During business hours", by itself."""
        said = self._text(span_of(child(node, "VAGUEHOURS", "OUTSIDEHOURS"))).strip()
        why, instead = VAGUE.get(said.lower(), VAGUE["business hours"])
        raise Refused(span_of(node), f'"{said}" {why}', instead, weak=True)

    def _outside(self, node: Node) -> None:
        """ "Outside 9-17", "not between 12 and 13": all other hours; "nothing outside 9-17": those."""
        self._of_the_meeting(node)
        span, between = span_of(node), child(node, *_RANGES)
        out = child(node, "NPREP", "OUTSIDEHOURS")
        if out is not None and not self._text(span_of(out)).lower().startswith("outside"):
            raise Refused(span, "outside which hours?", "", weak=True)
        minutes = minutes_of(*self._time_range(between, False))
        refused = child(node, "NOT", "NEVERDO", "EXC", "NOTHINGW")
        if (out is not None) == (refused is None):  # outside, or not in them
            minutes = frozenset(range(DAY)) - minutes
        days = child(node, "days", "day_span")
        if days is not None:
            if out is not None:
                raise Refused(
                    span, "at any hour on the other days, or not on them at all?", "not between 9:00 and 17:00"
                )
            kept = self._days(days)
            self.parts.weekly_days = tuple(day for day in self.parts.weekly_days if day in kept)
        self.parts.weekly_minutes &= minutes
        self._zoned(node)

    @staticmethod
    def weekly(parts: Parts, sentence: str) -> Weekly | None:
        """The weekly window of a whole sentence, None where it has none."""
        span = parts.weekly_span
        if span is None:
            if parts.zone_span is not None:
                raise Refused(
                    parts.zone_span,
                    "a time zone of what? Give the days or hours it is for",
                    "Only on weekdays between 9:00 and 17:00 Europe/Berlin.",
                )
            return None
        said = sentence[slice(*span)]
        if not parts.weekly_zones:
            raise Refused(span, _WHICH_ZONE, f"{said} Europe/Berlin")
        if len(parts.weekly_zones) > 1:
            raise Refused(span, "two time zones; give one", "")
        (zone,) = parts.weekly_zones
        days = tuple(sorted(set(parts.weekly_days)))
        if parts.business and len(days) == 7:
            days = (0, 1, 2, 3, 4)
            parts.notes.append("Business hours are read as those of weekdays.")
        if parts.overnight is not None and len(days) < 7:
            begins = (stretch(frozenset(parts.weekly_minutes)) or (1320, 0))[0]
            raise Refused(parts.overnight, *_still_the_day(begins))
        if not days or not parts.weekly_minutes:
            raise Refused(span, "the time windows never meet, so the rule would never apply", "", weak=True)
        hours = stretch(frozenset(parts.weekly_minutes))
        if hours is None:
            first = min(minute for minute in parts.weekly_minutes if minute - 1 not in parts.weekly_minutes)
            last = next(minute for minute in range(first, DAY + 1) if minute not in parts.weekly_minutes)
            raise Refused(
                span,
                "these are several stretches of a day, and a rule has one. Write one guardrail for each of them, the "
                "first with",
                f"between {_clock(first)} and {_clock(last)} {zone}",
            )
        return Weekly(days=days, start=hours[0], end=hours[1], zone=zone)

    def _days(self, node: Node) -> tuple[int, ...]:
        if node.data == "day_span":
            first, last = (one.children[0].value for one in children(node, "dayname"))
            return tuple((first + step) % 7 for step in range((last - first) % 7 + 1))
        if child(node, "WEEKDAYS") is not None:
            return (0, 1, 2, 3, 4)
        if child(node, "WEEKENDS") is not None:
            return (5, 6)
        return tuple(one.children[0].value for one in children(node, "dayname"))

    def _clock_time(self, one: Node) -> int:
        value = one.children[0]
        if value.type == "TIME":
            return int(value.value)
        said = self._text(span_of(one))
        if value.type == "DUR":
            match = re.fullmatch(r"(\d{1,2})\s?h", said, re.I)
            hours = int(match.group(1)) if match is not None else 99
        else:
            hours = self._whole(value)
        word = child(one, "HOURSW")
        if hours > 24 or (word is not None and "clock" not in self._text(span_of(word)).lower()):
            raise Refused(span_of(one), "this is no time of day", "9:00", weak=True)
        return hours * 60

    def _time_range(self, node: Node, days_said: bool = False) -> tuple[int, int]:
        """Start and end in minutes; an end that is not later is on the next day."""
        span = span_of(node)
        token = child(node, "TIMERANGE")
        if node.data in {"time_until", "time_from"}:
            moment = child(node, "TIME").value
            start, end = (0, moment) if node.data == "time_until" else (moment, DAY)
        elif node.data == "time_both":
            start, end = (one.value for one in children(node, "TIME"))
        elif token is not None:
            start, end, _ = token.value
        else:
            ends = children(node, "clock")
            halves = [_HALF_SAID.search(self._text(span_of(one))) is not None for one in ends]
            start, end = (self._clock_time(one) for one in ends)
            start, end = same_half(start, end, halves[0], halves[1])
        end = end or DAY
        start %= DAY
        said = self._text(span)
        plain = _HALF.search(said) is None
        if 60 <= start < 480 and start < end <= 720 and plain:
            raise Refused(
                span,
                "in the morning, or in the afternoon?",
                f"{start // 60 + 12}:00-{end // 60 + 12}:00",
                fatal=True,
            )
        if start < end:
            return start, end
        if plain and _is_office(start, end):  # "9 to 5"
            note = f'"{said.strip()}" is read as {_clock(start)} to {_clock(end + 720)}.'
            if note not in self.parts.notes:
                self.parts.notes.append(note)
            return start, end + 720
        if plain or start == end or node.data == "time_until":
            later = f"{_clock(start)}-{_clock(end + 720)}" if end <= 720 and end + 720 > start else "9:00-17:00"
            raise Refused(span, "this window ends before it begins. Say which half of the day is meant", later)
        if days_said:
            raise Refused(span, *_still_the_day(start))
        return start, end


def _still_the_day(start: int) -> tuple[str, str]:
    """Why a window past midnight takes no days, and what to say."""
    why = "past midnight, is it still the same day? Give the window of the evening, or leave the days out"
    return why, f"between {_clock(start)} and 24:00"


def _is_office(start: int, end: int) -> bool:
    """Hours of the clock without the half of the day, which can only be of one working day."""
    hours = start / 60, end / 60
    return (7 <= hours[0] <= 9 and 1 <= hours[1] <= 7) or (10 <= hours[0] <= 12 and 1 <= hours[1] <= 5)
