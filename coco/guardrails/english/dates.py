"""Dates as people write them: a day, a month, a quarter, half a year, and two of them that share their year."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, timedelta

from .problems import Refused

Span = tuple[int, int]
Days = tuple[date, date]  # the first day, and the one after the last

_MONTH_NAMES = {name.lower(): i for i, name in enumerate(calendar.month_name) if name} | {
    name.lower(): i for i, name in enumerate(calendar.month_abbr) if name
} | {"sept": 9}  # fmt: skip
_MONTH = "|".join(sorted(_MONTH_NAMES, key=len, reverse=True))
_NTH = r"(?:st|nd|rd|th)?"
_TO = r"(?:and|to|until|till|through|thru|-)"
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d))?\s?(UTC|Z)\b)?(?![\d-])")
_DAY_MONTH = rf"(?:the\s+)?(\d{{1,2}}){_NTH}\s+(?:of\s+)?({_MONTH})\b\.?"
_MONTH_DAY = rf"({_MONTH})\b\.?\s+(?:the\s+)?(\d{{1,2}}){_NTH}\b"
_LONG_DATE = re.compile(
    rf"{_DAY_MONTH},?(?:\s+(\d{{4}}))?(?!\w)|{_MONTH_DAY}(?:,?\s+(\d{{4}}))?(?!\w)",
    re.I,
)
# what follows the first of two dates that share their year, or their month too
_SHARED_YEAR = re.compile(rf"\s*{_TO}\s*(?:{_DAY_MONTH}|{_MONTH_DAY}),?\s+(\d{{4}})\b", re.I)
_DAYS_OF_ONE = re.compile(
    rf"(?:the\s+)?(\d{{1,2}}){_NTH}(?=\s*{_TO}\s*(?:the\s+)?\d{{1,2}}{_NTH}\s+(?:of\s+)?({_MONTH})\b\.?,?\s+(\d{{4}})\b)",
    re.I,
)
_MONTH_TO_DAY = re.compile(rf"\s*{_TO}\s*(?:the\s+)?(\d{{1,2}}){_NTH},?\s+(\d{{4}})\b", re.I)
# the second of two days of one month: the "15, 2026" of "between March 1 and 15, 2026"
_SECOND_DAY = re.compile(rf"(?:the\s+)?(\d{{1,2}}){_NTH},?\s+(\d{{4}})\b", re.I)
_FIRST_DAY = re.compile(rf"{_MONTH_DAY}\s*{_TO}\s*$", re.I)
_DAYS_OF_MONTH = re.compile(
    rf"(\d{{1,2}}){_NTH}\s?-\s?(\d{{1,2}}){_NTH}\s+(?:of\s+)?({_MONTH})\b\.?,?\s+(\d{{4}})\b|"
    rf"({_MONTH})\b\.?\s+(\d{{1,2}}){_NTH}\s?-\s?(\d{{1,2}}){_NTH},?\s+(\d{{4}})\b",
    re.I,
)
_WHEN = re.compile(r"\b(in|during|by|before|after|since|until)\s$", re.I)
_QUARTER_ALONE = re.compile(r"Q([1-4])\b(?!\s*(?:of\s+)?\d)")
_MONTH_YEAR = re.compile(rf"({_MONTH})\b\.?,?\s+(\d{{4}})\b", re.I)
_EDGE = re.compile(rf"(?:the\s+)?(start|beginning|end)\s+of\s+(?:(?:({_MONTH})|Q([1-4]))\s+)?(\d{{4}})\b", re.I)
_ORDINALS = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "last": 4}
_QUARTER = re.compile(
    r"Q([1-4])(?:\s+of)?[\s/-]*(\d{4})\b|"
    r"(?:the\s+)?(first|second|third|fourth|last|1st|2nd|3rd|4th)\s+quarter\s+(?:of\s+|in\s+)?(\d{4})\b",
    re.I,
)
_HALF_YEAR = re.compile(
    r"H([12])(?:\s+of)?[\s/-]*(\d{4})\b|(?:the\s+)?(first|second|1st|2nd)\s+half\s+of\s+(\d{4})\b", re.I
)
_SLASH_DATE = re.compile(r"(\d{1,4})([/.])(\d{1,2})\2(\d{1,4})(?!\d|\.\d)")
_WEEKDAY = re.compile(
    r"(?:(?:last|this|next|this past|this coming)\s+)?(mon|tues|wednes|thurs|fri|satur|sun)day\b(?!s)", re.I
)
_SIDE = re.compile(r"\b(since|before|until|after|by)\s*$", re.I)


def a_date(year: int, month: int, day: int, span: Span) -> date:
    """Raises Refused for what is no date."""
    try:
        found = date(year, month, day)
    except ValueError:
        last = calendar.monthrange(year, month)[1] if 1 <= month <= 12 and year >= 1 else 0
        hint = f"{year:04}-{month:02}-{last:02}" if last else "2026-03-01"
        raise Refused(span, "there is no such date", hint) from None
    if not 1970 <= year <= 2200:
        raise Refused(span, "dates must lie between 1970 and 2200", "2026-03-01")
    return found


def _one(day: date) -> Days:
    return day, day + timedelta(days=1)


def _months(year: int, month: int, count: int, span: Span) -> Days:
    first = a_date(year, month, 1, span)
    after = month - 1 + count
    return first, date(year + after // 12, after % 12 + 1, 1)


def date_at(text: str, at: int) -> tuple[Days | datetime, int] | None:
    """The days (or the instant) that are named here, and where their name ends; None for no date. Raises Refused."""
    readers = (_iso, _edge, _part_of_year, _month_year, _days_of_one_month, _second_day, _long, _slashed, _weekday)
    for reader in readers:
        if (found := reader(text, at)) is not None:
            return found
    return None


def _iso(text: str, at: int) -> tuple[Days | datetime, int] | None:
    if (match := _ISO.match(text, at)) is None:
        return None
    span = match.span()
    year, month, day = (int(match.group(i)) for i in (1, 2, 3))
    start = a_date(year, month, day, span)
    if not match.group(4):
        return _one(start), match.end()
    try:
        moment = datetime(
            year, month, day, int(match.group(4)), int(match.group(5)), int(match.group(6) or 0), tzinfo=UTC
        )
    except ValueError:
        raise Refused(span, "this is no time of day", start.isoformat()) from None
    return moment, match.end()


def _edge(text: str, at: int) -> tuple[Days, int] | None:
    """ "The end of March 2026": its last day."""
    if (match := _EDGE.match(text, at)) is None:
        return None
    edge, name, quarter, year = match.group(1).lower(), match.group(2), match.group(3), int(match.group(4))
    month, count = (_MONTH_NAMES[name.lower()], 1) if name else (int(quarter) * 3 - 2, 3) if quarter else (1, 12)
    first, after = _months(year, month, count, match.span())
    return _one(after - timedelta(days=1) if edge == "end" else first), match.end()


def _part_of_year(text: str, at: int) -> tuple[Days, int] | None:
    """ "Q1 2027", "the second half of 2026"."""
    if match := _QUARTER.match(text, at):
        quarter = int(match.group(1)) if match.group(1) else _ORDINALS[match.group(3).lower()]
        return _months(int(match.group(2) or match.group(4)), quarter * 3 - 2, 3, match.span()), match.end()
    if match := _HALF_YEAR.match(text, at):
        half = int(match.group(1)) if match.group(1) else _ORDINALS[match.group(3).lower()]
        return _months(int(match.group(2) or match.group(4)), half * 6 - 5, 6, match.span()), match.end()
    if (match := _QUARTER_ALONE.match(text, at)) and _WHEN.search(text[:at]):
        raise Refused(match.span(), "which year? A rule outlives the year it was written in", f"{match.group()} 2027")
    return None


def _month_year(text: str, at: int) -> tuple[Days, int] | None:
    if (match := _MONTH_YEAR.match(text, at)) is None:
        return None
    return _months(int(match.group(2)), _MONTH_NAMES[match.group(1).lower()], 1, match.span()), match.end()


def _days_of_one_month(text: str, at: int) -> tuple[Days, int] | None:
    """The "1" of "between 1 and 15 March 2026"."""
    if (match := _DAYS_OF_ONE.match(text, at)) is None or not re.search(r"\b(between|from)\s*$", text[:at], re.I):
        return None
    month, year = _MONTH_NAMES[match.group(2).lower()], int(match.group(3))
    return _one(a_date(year, month, int(match.group(1)), match.span())), match.end(1)


def _second_day(text: str, at: int) -> tuple[Days, int] | None:
    if (match := _SECOND_DAY.match(text, at)) is None or (first := _FIRST_DAY.search(text[:at])) is None:
        return None
    month = _MONTH_NAMES[first.group(1).lower()]
    return _one(a_date(int(match.group(2)), month, int(match.group(1)), match.span())), match.end()


def date_range_at(text: str, at: int) -> tuple[Days, Days, Span, int] | None:
    """ "1-15 March 2026", "March 1-15, 2026": both days, where the second number stands, and the end."""
    if (match := _DAYS_OF_MONTH.match(text, at)) is None:
        return None
    if match.group(1):
        low, high, name, year = (match.group(i) for i in (1, 2, 3, 4))
        second = match.span(2)
    else:
        name, low, high, year = (match.group(i) for i in (5, 6, 7, 8))
        second = match.span(7)
    days = [a_date(int(year), _MONTH_NAMES[name.lower()], int(day), match.span()) for day in (low, high)]
    return _one(days[0]), _one(days[1]), second, match.end()


def _long(text: str, at: int) -> tuple[Days, int] | None:
    if (match := _LONG_DATE.match(text, at)) is None:
        return None
    span = match.span()
    number, name, year_text = (
        (match.group(1), match.group(2), match.group(3))
        if match.group(1)
        else (match.group(5), match.group(4), match.group(6))
    )
    month = _MONTH_NAMES[name.lower()]
    if year_text is None and (shared := _SHARED_YEAR.match(text, match.end())) is not None:
        day, named = (shared.group(1), shared.group(2)) if shared.group(1) else (shared.group(4), shared.group(3))
        year = int(shared.group(5))
        later = (_MONTH_NAMES[named.lower()], int(day)) > (month, int(number))
        return _one(a_date(year if later else year - 1, month, int(number), span)), match.end()
    if year_text is None and (rest := _MONTH_TO_DAY.match(text, match.end())) is not None and match.group(5):
        return _one(a_date(int(rest.group(2)), month, int(number), span)), match.end()
    if int(number) > 31 or (year_text is None and name.lower() in {"may", "mar", "march"}):
        return None  # "80 may be archived": a verb, not a month
    if year_text is None:
        raise Refused(
            span, "which year? A rule outlives the year it was written in", f"{match.group().rstrip(' ,')} 2026"
        )
    return _one(a_date(int(year_text), month, int(number), span)), match.end()


def _slashed(text: str, at: int) -> tuple[Days, int] | None:
    """ "31.03.2026", "03/31/2026": dates where only one order gives one."""
    if (match := _SLASH_DATE.match(text, at)) is None:
        return None
    parts = [int(match.group(i)) for i in (1, 3, 4)]
    readings: list[date] = []
    for year, month, day in (
        (parts[2], parts[1], parts[0]),
        (parts[2], parts[0], parts[1]),
        (parts[0], parts[1], parts[2]),
    ):
        try:
            if year >= 1900:
                readings.append(date(year, month, day))
        except ValueError:
            continue
    if len(set(readings)) == 1:
        return _one(a_date(readings[0].year, readings[0].month, readings[0].day, match.span())), match.end()
    hint = " or ".join(dict.fromkeys(one.isoformat() for one in readings)) or "2026-03-01"
    why = "a date in this order can be read in two ways; write year-month-day"
    if len(readings) > 1:
        why = f"{why}: {hint}? The suggestion takes the former"
    raise Refused(match.span(), why, hint)


def _weekday(text: str, at: int) -> None:
    """ "Since last Monday": another day each week, and of which week is open."""
    if _SIDE.search(text[:at]) is not None and (match := _WEEKDAY.match(text, at)) is not None:
        raise Refused(
            match.span(),
            f'"{match.group()}" may be of this week or of the one before. Weeks begin on Monday: say the start of this '
            "week, a number of days, or a date",
            "the start of this week",
        )
    return
