"""Literals of a sentence: numbers, money, lengths of time, dates, hours, zones, addresses and channels."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lark import Token

from .dates import date_at, date_range_at
from .problems import Refused
from .zones import zone_at

if TYPE_CHECKING:
    from .vocabulary import Vocabulary

WORD = re.compile(r"/?[^\W\d_]+(?:['][^\W\d_]+)?'?|u\.s\.a?\.|&|@|>=|<=|≥|≤|==|[<>=+]", re.IGNORECASE)
SAME_LENGTH = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "–": "-", "‑": "-", "‐": "-", "—": "—", "\u00a0": " ", "`": "'"}
)
NUMBER_WORDS = {
    w: n
    for n, w in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
} | {
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
    "once": 1,
    "twice": 2,
    "single": 1,
    "dozen": 12,
}
_UNITS = {
    "minute": 60,
    "min": 60,
    "hour": 3600,
    "hr": 3600,
    "h": 3600,
    "day": 86_400,
    "d": 86_400,
    "week": 604_800,
    "wk": 604_800,
    "w": 604_800,
    "fortnight": 1_209_600,
    "month": 0,
    "mo": 0,
    "quarter": 0,
    "year": 0,
    "yr": 0,
    "y": 0,
}
_MONTHS_IN = {"month": 1, "mo": 1, "quarter": 3, "year": 12, "yr": 12, "y": 12}
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3}){2,}(?:,\d\d)?|\d{1,3}\.\d{3},\d\d|\d+(?:\.\d+)?)"
_SCALE = r"(?:\s?(?:k|m|mm|mn|million|millions|thousand|grand|mio|bn|billion)\b)?"
SCALES = {
    "k": 1e3, "thousand": 1e3, "grand": 1e3, "m": 1e6, "mm": 1e6, "mn": 1e6, "mio": 1e6, "million": 1e6,
    "millions": 1e6,
    "bn": 1e9, "billion": 1e9,
}  # fmt: skip
_UNIT = r"(minutes?|mins?|hours?|hrs?|h|days?|d|weeks?|wks?|w|fortnights?|months?|mo|quarters?|years?|yrs?|y)"
_WORD_NUMBER = "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))
_DURATION = re.compile(
    rf"({_NUMBER}|(?:{_WORD_NUMBER})\b|an?\b|half an\b|half(?=[ -]hour\b))(\+?)(?:\s*-?\s*full)?\s*-?\s*{_UNIT}\b"
    r"(?:'s?(?!\w))?(?!\s+(?:per|a)\s+(?:day|week)\b)",
    re.I,
)
_AND_A_HALF = re.compile(
    rf"(?:(an?|one)\s+{_UNIT}\s+and\s+a\s+half|({_NUMBER}|{_WORD_NUMBER})\s+and\s+a\s+half\s+{_UNIT})\b", re.I
)
_OR_MORE_OF = re.compile(rf"({_NUMBER}|{_WORD_NUMBER})\s+(or\s+more|or\s+fewer|or\s+less|plus)\s+{_UNIT}\b", re.I)
_IN_OTHER_WORDS = re.compile(rf"\s*\(\s*(?:i\.?e\.?,?\s+|=\s*)?({_NUMBER})\s*-?\s*{_UNIT}\s*\)", re.I)
_RANGE_OF_TIME = re.compile(rf"(\d+)\s?-\s?(\d+)\s+{_UNIT}\b", re.I)
_BUSINESS = re.compile(rf"({_NUMBER}|{_WORD_NUMBER})\s+(business|working|work|calendar week)[\s-]days?\b", re.I)
# "EUR 1,5 million": a comma that is no separator of thousands
_COMMA_DECIMAL = re.compile(
    r"((?:US\$|[$€£¥]|(?:USD|EUR|GBP|CHF)\b)\s?)?(\d{1,3}),(\d{1,2})(?!\d)(\s?(?:k|m|mn|mio|million|thousand|bn|billion|€|eur"
    r"|euros?|usd|gbp|chf)\b)",
    re.I,
)
_MONEY_BEFORE = re.compile(
    rf"(US\$|[$€£¥]|(?:USD|EUR|GBP|CHF|JPY|CAD|AUD|SEK|NOK|DKK|PLN|INR|BRL|NZD|SGD)\b)\s?({_NUMBER})({_SCALE})", re.I
)
_MONEY_AFTER = re.compile(
    rf"({_NUMBER})({_SCALE})\s?(USD|EUR|GBP|CHF|JPY|CAD|AUD|SEK|NOK|DKK|PLN|INR|BRL|NZD|SGD|US dollars|dollars|"
    r"euros?|pounds|swiss francs|yen|bucks|€|£|\$)(?!\w)",
    re.I,
)
_SIGN = r"(US\$|[$€£¥]|(?:USD|EUR|GBP|CHF|JPY|CAD|AUD|SEK|NOK|DKK|PLN|INR|BRL|NZD|SGD)\b)"
_RANGE_OF_MONEY = re.compile(
    rf"{_SIGN}?\s?({_NUMBER})({_SCALE})\s?-\s?{_SIGN}?\s?({_NUMBER})({_SCALE})\s?"
    r"((?:USD|EUR|GBP|CHF|JPY|CAD|AUD|SEK|NOK|DKK|PLN|INR|BRL|NZD|SGD|dollars|euros?|pounds)\b|[€£$](?!\w))?(?![\w.]*\d)",
    re.I,
)
_CURRENCY = {
    "us$": "USD",
    "$": "USD",
    "€": "EUR",
    "£": "GBP",
    "¥": "JPY",
    "us dollars": "USD",
    "dollars": "USD",
    "euro": "EUR",
    "euros": "EUR",
    "pounds": "GBP",
    "swiss francs": "CHF",
    "yen": "JPY",
    "bucks": "USD",
}
_DECIMAL_COMMA = re.compile(
    r"(?:[$€£]\s?)\d+,\d{1,2}(?!\d)|\d+,\d{1,2}(?!\d)(?=\s?(?:%|[€$£]|k\b|m\b|million|mio|EUR\b|USD\b|GBP\b|CHF\b|percent))",
    re.I,
)
_RANGE_OF_PERCENT = re.compile(
    rf"({_NUMBER})(\s+and\s+|\s+to\s+|\s?-\s?)({_NUMBER})\s?(?:%|percent\b|per cent\b)", re.I
)
_PERCENT = re.compile(rf"({_NUMBER})\s?(?:%|percent\b|per cent\b)", re.I)
_PLAIN = re.compile(rf"({_NUMBER})({_SCALE})(?![\w.]*\w@)", re.I)
_A_HUNDRED = re.compile(r"(?:an?|one)\s+(hundred|thousand|dozen|million)\b", re.I)
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_AT_DOMAIN = re.compile(r"@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,})")
_URL = re.compile(r"https?://([^\s/:?#]+)[^\s]*?(?=[.,;!)]*(?:\s|$))", re.I)
_CHANNEL = re.compile(r"#([^\W_][\w-]*)")
_COUNTED = re.compile(
    rf"({_NUMBER})\s?-\s?({_NUMBER})(?=\s+(?:employees|people|staff|attendees|guests|points|recipients)\b)", re.I
)
_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[a-z]{2,}\b")
_UNIT_NAMES = r"(?:calendar\s+)?(week|month|quarter|year)"
_CALENDAR = re.compile(
    rf"(?:(so far|earlier|later)\s+)?(?:(today|yesterday|tomorrow)|"
    rf"(this|the current|the present|last|the previous|previous|next|the coming)\s+{_UNIT_NAMES})\b(?!'|-)",
    re.I,
)
_CALENDAR_EDGE = re.compile(
    r"(?:the\s+)?(end|start|beginning)\s+of\s+(?:(the|this|the current|last|next)\s+)?"
    rf"(?:(day)|{_UNIT_NAMES})\b(?!'|-)",
    re.I,
)
_OFFSETS = {"yesterday": -1, "last": -1, "the previous": -1, "previous": -1, "tomorrow": 1, "next": 1, "the coming": 1}
_HALF_SAID = r"am|pm|a\.m\.|p\.m\.|in the morning|in the afternoon|in the evening"
_CLOCK = rf"(\d{{1,2}})(?::(\d\d))?\s?({_HALF_SAID}|h\b)?"
_TIME_RANGE = re.compile(rf"{_CLOCK}\s?(?:-to)?-\s?{_CLOCK}(?![\w%])", re.I)
_TIME = re.compile(
    rf"(\d{{1,2}}):(\d\d)\s?({_HALF_SAID}|h\b)?(?!\w)|(\d{{1,2}})\s?({_HALF_SAID})(?!\w)|(noon|midday|midnight)\b",
    re.I,
)


@dataclass(frozen=True)
class Length:
    """A length of time. Months have no fixed length: `shortest` and `longest` are what they can be."""

    shortest: int
    longest: int
    said: str


def length(number: float, unit: str, said: str, span: tuple[int, int]) -> Length:
    """Raises Refused for fractions of a month and for lengths of zero or over a century."""
    unit = unit.lower()
    unit = unit.rstrip("s") if unit.rstrip("s") in _UNITS else unit
    months = _MONTHS_IN.get(unit)
    if months is None:
        seconds = round(number * _UNITS[unit])
        if seconds <= 0 or seconds > 100 * 366 * 86_400:
            raise Refused(
                span, f'"{said}" is not a usable length of time; use between 1 minute and 100 years', "30 days"
            )
        return Length(seconds, seconds, said)
    if number * months != int(number * months) or not 1 <= number * months <= 1200:
        raise Refused(span, f'"{said}" has no exact length; write it in days', "90 days")
    count = int(number * months)
    years, rest = divmod(count, 12)
    short = {0: 0, 1: 28, 2: 59, 3: 89, 4: 120, 5: 150, 6: 181, 7: 212, 8: 242, 9: 273, 10: 303, 11: 334}
    long = {0: 0, 1: 31, 2: 62, 3: 92, 4: 123, 5: 153, 6: 184, 7: 215, 8: 245, 9: 276, 10: 306, 11: 337}
    leaps = (years + 3) // 4 if years else 0
    return Length(
        (years * 365 + short[rest]) * 86_400,
        (years * 365 + leaps + long[rest] + (1 if years and rest else 0)) * 86_400,
        said,
    )


def words_of(phrase: str) -> tuple[str, ...]:
    """The lexer's words of a phrase, lower case."""
    if phrase.isascii() and phrase.replace(" ", "").isalpha():  # as most of the tens of thousands of phrases are
        return tuple(phrase.lower().split())
    return tuple(word.lower() for word in WORD.findall(phrase.translate(SAME_LENGTH)))


def clock(hour: str, minute: str | None, half: str | None, span: tuple[int, int]) -> int:
    """Minutes of the day. Raises Refused for a time that no clock shows."""
    hours, minutes = int(hour), int(minute or 0)
    if half and half.lower() != "h":
        if not 1 <= hours <= 12:
            raise Refused(span, f"{hours} {half} is no time of day", "9:00")
        hours = hours % 12 + (12 if half.lower().startswith(("p", "in the a", "in the e")) else 0)
    if minutes > 59 or hours * 60 + minutes > 24 * 60:
        raise Refused(span, "this is no time of day; write times from 0:00 to 24:00", "9:00")
    return hours * 60 + minutes


def same_half(start: int, end: int, start_said: bool, end_said: bool) -> tuple[int, int]:
    """Both ends where one of them says its half of the day: "2-4pm" is in the afternoon, "9am-5" ends in it. Of two
    readings, the shorter stretch."""
    if start_said == end_said or not ((start <= 720 and end <= 720) or start_said or end_said):
        return start, end
    if end_said and start < 720:
        start = min((start, start + 720), key=lambda one: (end - one) % 1440 or 1440)
    elif start_said and end <= 720:
        end = min((end, (end + 720) % 1440), key=lambda one: (one - start) % 1440 or 1440)
    return start, end


def made(kind: str, value: Any, start: int, end: int) -> Token:
    token = Token(kind, str(value), start_pos=start, end_pos=end)
    token.value = value
    return token


def _plus(text: str, at: int) -> list[Token]:
    return [made("POSTGE", "+", at, at + 1)] if text[at : at + 1] == "+" else []


def _amount(number: str, scale: str, span: tuple[int, int], said: str = "") -> float:
    """The number that is written; `said` is what it stands in where that is an amount of money."""
    if re.fullmatch(r"\d{1,3}\.\d{3}", number) and not scale.strip() and not said:
        raise Refused(
            span,
            f"is {number} a thousand or a fraction? Write thousands with a comma or without separator",
            number.replace(".", ","),
        )
    if re.fullmatch(r"\d{1,3}(\.\d{3})+(,\d\d)?", number) and not scale.strip():  # no money has three decimals
        number = number.replace(".", "").replace(",", ".")
    value = float(number.replace(",", "")) * SCALES.get(scale.strip().lower(), 1)
    if value > 1e15:
        raise Refused(span, "this number is too large", "1,000,000")
    return value


class LiteralReader:
    """What reads a literal at a place of the sentence: tokens, or none where there is no such literal."""

    _vocabulary: Vocabulary

    def _literal(self, text: str, at: int) -> list[Token]:
        if text.startswith("24/7", at) and not text[at + 4 : at + 5].isalnum():
            return [made("AUTO", "24/7", at, at + 4)]
        readers: tuple[Callable[[str, int], list[Token]], ...] = (
            self._channel,
            self._counted,
            self._address,
            self._zone,
            self._date,
            self._calendar,
            self._business_days,
            self._money_range,
            self._money,
            self._duration_range,
            self._duration,
            self._percent_range,
            self._percent,
            self._time,
            self._plain,
        )
        if at and (text[at - 1].isalnum() or text[at - 1] == "_") and text[at].isalnum():
            return []
        if match := _DECIMAL_COMMA.match(text, at):
            raise Refused(match.span(), "write decimals with a point", match.group().replace(",", "."))
        for reader in readers:
            found = reader(text, at)
            if found:
                return found
        return []

    def _address(self, text: str, at: int) -> list[Token]:
        if match := _URL.match(text, at):
            raise Refused(
                (at, match.end()),
                "a rule names the host only: what is behind it is not looked at",
                match.group(1).lower(),
            )
        if match := _EMAIL.match(text, at):
            return [made("EMAILADDR", match.group().lower(), at, match.end())]
        if match := _AT_DOMAIN.match(text, at):
            return [made("DOMAIN", match.group(1).lower(), at, match.end())]
        if (match := _DOMAIN.match(text, at)) and not match.group().lower().startswith(
            ("u.s", "e.g", "i.e", "a.m", "p.m")
        ):
            tail = match.group().rpartition(".")[2]
            head = words_of(match.group().partition(".")[0])
            # a missing space after a full stop makes "stage.archive" look like a domain
            if (path := re.compile(r"(?::\d+)?/[^\s]*[^\s.,;!)]").match(text, match.end())) is not None:
                raise Refused(
                    (at, path.end()),
                    "a rule names the host only: what is behind it is not looked at",
                    match.group().lower(),
                )
            if (tail,) not in self._vocabulary.phrases or (head and head not in self._vocabulary.phrases):
                return [made("DOMAIN", match.group().lower(), at, match.end())]
        return []

    def _zone(self, text: str, at: int) -> list[Token]:
        found = zone_at(text, at)
        return [made("ZONE", found[0], at, found[1])] if found is not None else []

    def _date(self, text: str, at: int) -> list[Token]:
        if (pair := date_range_at(text, at)) is not None:
            first, last, second, end = pair
            return [
                made("BETWEEN", "between", at, at),
                made("DATE", first, at, second[0]),
                made("AND", "and", second[0], second[0]),
                made("DATE", last, second[0], end),
            ]
        found = date_at(text, at)
        if found is None:
            return []
        return [made("INSTANT" if isinstance(found[0], datetime) else "DATE", found[0], at, found[1])]

    def _calendar(self, text: str, at: int) -> list[Token]:
        """ "today", "last month", "the end of the quarter": (unit, offset from the present one, part)."""
        if match := _CALENDAR.match(text, at):
            part, day, which, unit = (group.lower() if group else "" for group in match.groups())
            which = " ".join(which.split())
            value = (unit or "day", _OFFSETS.get(day or which, 0), "" if part == "so far" else part)
            return [made("CAL", value, *match.span())]
        if match := _CALENDAR_EDGE.match(text, at):
            edge, which, day, unit = (group.lower() if group else "" for group in match.groups())
            value = (unit or day, _OFFSETS.get(" ".join(which.split()), 0), "end" if edge == "end" else "start")
            return [made("CALEDGE", value, *match.span())]
        return []

    def _business_days(self, text: str, at: int) -> list[Token]:
        if match := _BUSINESS.match(text, at):
            raise Refused(
                (at, match.end()),
                "working days depend on a calendar of holidays that the rule does not have; count plain days, of which "
                "five working days take seven",
                "",
            )
        return []

    def _money_range(self, text: str, at: int) -> list[Token]:
        """ "$5,000-$10,000", "5-10k EUR": between the two."""
        match = _RANGE_OF_MONEY.match(text, at)
        if match is None:
            return []
        before, low, low_scale, again, high, high_scale, after = match.groups()
        if not (before or after) or (again and not before) or (before and after):
            return []
        code = _CURRENCY.get((before or after).lower(), (before or after).upper())
        if again and _CURRENCY.get(again.lower(), again.upper()) != code:
            return []
        least = _amount(low, low_scale or high_scale, match.span(), match.group())  # the narrower of "$5-10k"
        most = _amount(high, high_scale, match.span(), match.group())
        at_high = match.start(5)
        return [
            made("BETWEEN", "between", at, at),
            made("MONEY", (least, code), at, match.end(2)),
            made("AND", "and", match.end(2), at_high),
            made("MONEY", (most, code), at_high, match.end()),
        ]

    def _money(self, text: str, at: int) -> list[Token]:
        if (comma := _COMMA_DECIMAL.match(text, at)) is not None:
            said, whole, part = comma.group(0), comma.group(2), comma.group(3)
            raise Refused(
                comma.span(),
                f'"{said}": write decimals with a point',
                said.replace(f"{whole},{part}", f"{whole}.{part}"),
            )
        if match := _MONEY_BEFORE.match(text, at):
            currency, number, scale = match.group(1), match.group(2), match.group(3)
        elif match := _MONEY_AFTER.match(text, at):
            number, scale, currency = match.group(1), match.group(2), match.group(3)
        else:
            return []
        code = _CURRENCY.get(currency.lower(), currency.upper())
        return [
            made("MONEY", (_amount(number, scale, match.span(), match.group()), code), at, match.end()),
            *_plus(text, match.end()),
        ]

    def _duration_range(self, text: str, at: int) -> list[Token]:
        """ "2-3 weeks": between the two."""
        match = _RANGE_OF_TIME.match(text, at)
        if match is None:
            return []
        low, high, unit = match.groups()
        span = match.span()
        ends = [length(float(one), unit, f"{one} {unit}", span) for one in (low, high)]
        return [
            made("BETWEEN", "between", at, at),
            made("DUR", ends[0], *match.span(1)),
            made("AND", "and", match.end(1), match.start(2)),
            made("DUR", ends[1], match.start(2), match.end()),
        ]

    def _duration(self, text: str, at: int) -> list[Token]:
        if match := re.compile(r"half a year\b|half[ -]year\b", re.I).match(text, at):
            return [made("DUR", length(6, "month", match.group(), match.span()), *match.span())]
        if match := _AND_A_HALF.match(text, at):
            number, unit = ("1", match.group(2)) if match.group(1) else (match.group(3), match.group(4))
            count = float(NUMBER_WORDS.get(number.lower(), 0)) or float(number.replace(",", ""))
            return [made("DUR", length(count + 0.5, unit, match.group(), match.span()), *match.span())]
        if match := _OR_MORE_OF.match(text, at):
            number, word, unit = match.groups()
            count = float(NUMBER_WORDS.get(number.lower(), 0)) or float(number.replace(",", ""))
            value = length(count, unit, f"{number} {unit}", match.span())
            kind = "POSTGE" if word.lower().endswith(("more", "plus")) else "POSTLE"
            return [made("DUR", value, at, match.end()), made(kind, word, match.end(), match.end())]
        match = _DURATION.match(text, at)
        if match is None:
            return []
        number, plus, unit = match.groups()
        lowered = number.lower()
        if lowered in {"a", "an"} and not plus:
            if unit.lower() in {"h", "d", "w", "mo", "min", "y"}:
                return []
            kind = {"hour": "AHOUR", "day": "ADAY", "week": "AWEEK", "month": "AMONTH"}.get(unit.lower(), "DUR")
            count = 1.0
        else:
            kind = "DUR"
            count = (
                0.5
                if lowered.startswith("half")
                else float(NUMBER_WORDS.get(lowered, 0)) or float(number.replace(",", ""))
            )
        span = (at, match.end())
        if text[match.end() : match.end() + 4].lower() == " old" and kind != "DUR":
            kind = "DUR"
        value = length(count, unit, re.sub(r"'s?$", "", match.group()), span)
        end = match.end()
        if not plus and (again := _IN_OTHER_WORDS.match(text, end)) is not None:  # "three weeks (21 days)"
            other = length(
                float(again.group(1).replace(",", "")), again.group(2), again.group().strip(" ()"), again.span()
            )
            if not value.shortest <= other.shortest <= other.longest <= value.longest:
                raise Refused((at, again.end()), "these are two different lengths of time; give one", value.said)
            kind, value, end = "DUR", other, again.end()
        more = [made("POSTGE", "+", end, end)] if plus else []
        return [made(kind, value, at, end), *more]

    def _percent_range(self, text: str, at: int) -> list[Token]:
        """ "50 and 75 percent", "50-75%": the sign stands once for both."""
        match = _RANGE_OF_PERCENT.match(text, at)
        if match is None:
            return []
        ends = [self._percent(f"{match.group(group)}%", 0)[0].value for group in (1, 3)]
        joint = match.group(2).strip().lower()
        between = [] if joint in {"and", "to"} else [made("BETWEEN", "between", at, at)]
        kind = "TO" if joint == "to" else "AND"
        return [
            *between,
            made("PCT", ends[0], *match.span(1)),
            made(kind, kind.lower(), *match.span(2)),
            made("PCT", ends[1], match.start(3), match.end()),
        ]

    def _percent(self, text: str, at: int) -> list[Token]:
        if match := _PERCENT.match(text, at):
            share = round(float(match.group(1).replace(",", "")) * 100, 6)
            if share != int(share) or not 0 <= share <= 10_000:
                raise Refused(
                    (at, match.end()), "a percentage here is between 0% and 100%, with at most two decimals", "80%"
                )
            return [made("PCT", int(share), at, match.end()), *_plus(text, match.end())]
        if match := re.compile(r"half\b(?! an)", re.I).match(text, at):
            return [made("PCT", 5000, at, match.end())]
        return []

    def _time(self, text: str, at: int) -> list[Token]:
        if match := _TIME_RANGE.match(text, at):
            span = (at, match.end())
            h1, m1, p1, h2, m2, p2 = match.groups()
            if not (m1 or p1 or m2 or p2) and max(int(h1), int(h2)) > 24:
                return []
            start, end = clock(h1, m1, p1, span), clock(h2, m2, p2, span)
            halves = [half is not None and half.lower() != "h" for half in (p1, p2)]
            start, end = same_half(start, end, halves[0], halves[1])
            return [made("TIMERANGE", (start, end, bool(p1 or p2 or m1)), at, match.end())]
        if match := _TIME.match(text, at):
            span = (at, match.end())
            if match.group(6):
                return [made("TIME", 0 if match.group(6).lower() == "midnight" else 720, at, match.end())]
            minutes = clock(match.group(1) or match.group(4), match.group(2), match.group(3) or match.group(5), span)
            return [made("TIME", minutes, at, match.end())]
        return []

    def _channel(self, text: str, at: int) -> list[Token]:
        match = _CHANNEL.match(text, at)
        return [made("CHANNEL", match.group(), at, match.end())] if match else []

    def _counted(self, text: str, at: int) -> list[Token]:
        if match := _COUNTED.match(text, at):
            low, high = (_amount(match.group(i), "", match.span(i)) for i in (1, 2))
            return [
                made("NUM", low, *match.span(1)),
                made("TO", "to", match.end(1), match.start(2)),
                made("NUM", high, *match.span(2)),
            ]
        return []

    def _plain(self, text: str, at: int) -> list[Token]:
        if match := _A_HUNDRED.match(text, at):
            value = {"hundred": 100.0, "thousand": 1000.0, "dozen": 12.0, "million": 1e6}[match.group(1).lower()]
            return [made("NUM", value, at, match.end())]
        if match := _PLAIN.match(text, at):
            return [
                made("NUM", _amount(match.group(1), match.group(2), (at, match.end())), at, match.end()),
                *_plus(text, match.end()),
            ]
        return []
