"""Sentence to tokens. Every character ends up in a token, in white space, or in a problem: nothing is dropped."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from lark import Token

from ..countries import DISPLAY
from ..regions import STATE_CODES, area_of
from .dates import date_at, date_range_at
from .filler import filler_end
from .problems import Refused
from .tails import tail_at
from .unquoted import UnquotedNames
from .vocabulary import COUNTRY_CODES, UNKNOWN_OPERATIONS, VAGUE, Vocabulary
from .zones import zone_at

MAX_CHARACTERS = 2_000

_WORD = re.compile(r"/?[^\W\d_]+(?:['][^\W\d_]+)?'?|u\.s\.a?\.|&|@|>=|<=|≥|≤|==|[<>=+]", re.IGNORECASE)
_SAME_LENGTH = str.maketrans(
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
_SCALES = {
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
_WITH_COMMA = frozenset({"OFFLINEOK", "ASKELSE"})  # phrases in which a comma may stand
_REPLIES = re.compile(
    r"(who|that|which|contact|lead|customer|deal|person|someone|somebody|anyone|they|it|he|she)\s+"
    r"(?:reply|replies|respond|responds|writes? back)\b(?:\s+to\s+(?:us|our (?:e-?mails?|messages?)|an? e-?mails?|"
    r"any e-?mails?))?",
    re.I,
)
_PLEASE = re.compile(r",?\s*please\s*(?=[.!]?\s*$)", re.I)
_NOW = re.compile(
    r"(?:(?:already|currently|presently)\s+(?=[a-z])|(?:existing|current)\s+(?=(?:contacts|customers?|leads?|deals?|compan(?:y|ies)|"
    r"accounts|people|subscribers)\b))",
    re.I,
)
_TO_COME = re.compile(r"\b(closing|closes?|due|starting|starts)\s*$", re.I)
_AT_ONCE = re.compile(r"(?:right away|straight away|immediately|asap)(?=\s*(?:[.;]|$))", re.I)
# "has no owner yet", "no tags at all": they add nothing to a negation before them
_YET = re.compile(
    r"(?:as )?yet(?=\s*(?:[.,;)]|$|and are\b|can be\b|may be\b))|"
    r"ever(?=\s*(?:[.,;)]|$|(?:may|can|should) be\b))|"
    r"(?:what)?so ?ever\b|whatsoever\b|at all(?!\s+times)\b",
    re.I,
)
_DENIES = re.compile(
    r"(n't|\b(?:not?|never|without|nobody|missing|lack(?:s|ing)?|neither|none|zero|un\w+))\b[^.;]*\Z", re.I
)
# "whose email ends in @acme.com": what follows the @ is the domain
_ENDS_IN = re.compile(r"(does not |doesn't |do not |don't )?(ends?|ending) (?:in|with)\s+(?=@[\w-]+\.)", re.I)
# "the EU countries Germany and France": those that are named
_COUNTRIES_OF = re.compile(
    r"(?:EU|European|Nordic|Baltic|Benelux|DACH|Balkan) (?:countries|country|member states)(?=:? [A-Z])"
)
# people by their job title
_TITLED = {f"c{one}os": f"C{one.upper()}O" for one in "efotimrp"} | {"cisos": "CISO", "founders": "Founder"}
# a name that looks like a company's
_COMPANY = re.compile(r"^[A-Z]{3,}$|\b(?:Inc|Ltd|LLC|GmbH|AG|Corp|PLC|SE|SA|BV)$")
_ORDINALS = frozenset(
    {
        "final",
        "first",
        "second",
        "third",
        "last",
        "next",
        "initial",
        "latest",
        "previous",
        "same",
        "other",
        "wrong",
        "middle",
    }
)
_HAS_BEEN = re.compile(r"(contact|deal|company|lead|customer|account|opportunity)'s(?= been\b)", re.I)
_ONCE_A = re.compile(
    r"once (?:an? (?:contact|deal|company|lead|customer|account|opportunity)|their|its|his|her|there|all|no)\b", re.I
)
_SHORT = re.compile(r"(they|we|who|it|he|she|that|there|you|i)('ve|'re|'s)$", re.I)
_SHORT_TAIL = re.compile(r"'(ve|re|s)(?![^\W_])", re.I)
_HAS = re.compile(r"\s+(had|been|gone|never|replied|bounced|unsubscribed|opted|got|not had)\b", re.I)
_CAPITALISED = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?(?: [A-Z][^\W\d_]*)*")
_CALLED = re.compile(r"([A-Z][^\W_]*(?: [A-Z][^\W_]*)*)(?= (?:pipeline|sequence|channel|list)\b)")
_ASSIGNS = re.compile(
    r"\b(?:(?:re)?assign(?:s|ed|ing)?|hand(?:ed|ing)? (?:over|off)|transfer(?:s|red|ring)?|"
    r"giv(?:e|es|en|ing)(?! (?:me|us|notice|that)\b)|reroute|"
    r"go(?:es)? to|set the owner|change the owner)\b",
    re.I,
)
_OWNERS = re.compile(
    r"([A-Z][^\W\d_]+(?: [A-Z][^\W\d_]+)*)'s? (?:(?:open|won|lost|new|unsubscribed|closed|inactive|untagged) )?"
    r"(contacts|deals|companies|leads|customers|accounts|opportunities)\b"
)
# what may follow the name of a tag that stands without quotation marks
_TAG_ENDS = (
    r"\s*(?:[.,;:)]|$)|\s+(?:that|who|who've|which|whose|where|if|when|unless|except|created|at most|within|may|can|"
    r"should|must|"
    r"in|at|from|off|with|without|owned|and|or|but|not|to|for|on|after|only|whenever|whom|based|automatically|every)\b"
)
# words of rules that may be the name of a tag where nothing else can stand
_TAG_KINDS = frozenset(
    {"VAL", "ENTLC", "CLOSED", "SILENT", "NEW", "OLD", "UNSUB", "SUBBED", "EMAILOBJ", "CONTENTN", "OBJ", "BOUNCED"}
)
_QUALITY = re.compile(r"(ed|ing|ive|able|ful|less|ly)$|^(un|in|dis)", re.I)
_NO_TAG = frozenset("something somehow such so here there now then yourself together manually twice once again".split())  # noqa: SIM905
_BEFORE_TAG = frozenset({"DET", "WITH", "HAVE", "NHAVE", "ADD", "REMOVE", "TRUEW", "AS"})
_TAG_REASONS = ('tagged "key', 'tagged "old', "contacts tagged", 'tagged "VIP', "with an amount over")
_ENROLS = re.compile(r"\b(?:enroll?(?:s|ed|ing)?|sequences?|cadence)\b", re.I)
_QUOTES = {'"': '"', "«": "»", "'": "'"}


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
    return tuple(match.group().lower() for match in _WORD.finditer(phrase.translate(_SAME_LENGTH)))


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


class Lexer:
    """Holds a vocabulary; `tokens` returns the tokens of a sentence and every problem found on the way."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._vague = {words_of(phrase): entry for phrase, entry in VAGUE.items()}
        self._unquoted = UnquotedNames(vocabulary, frozenset(self._vague))

    def meaning(self, phrase: str) -> tuple[str, object] | None:
        """The token that a phrase is, and its value."""
        return self._vocabulary.phrases.get(words_of(phrase))

    def tokens(self, sentence: str) -> tuple[list[Token], list[Refused]]:
        if len(sentence) > MAX_CHARACTERS:
            return [], [
                Refused(
                    (0, len(sentence)),
                    f"the sentence is longer than {MAX_CHARACTERS} characters; a rule should be short",
                )
            ]
        found: list[Token] = []
        problems: list[Refused] = []
        text = sentence.translate(_SAME_LENGTH)
        position = 0
        unquoted: set[int] = set()
        while position < len(text):
            if text[position] in " \t\r":
                position += 1
                continue
            if text[position].isalpha() and (tail := tail_at(text, position)) is not None:
                found.append(tail)
                position = tail.end_pos or position + 1
                continue
            if (now := self._says_now(text, position)) is not None:
                position = now
                continue
            try:
                end = self._unquoted.end(text, position, found, unquoted) if text[position].isupper() else None
                if end is not None:
                    unquoted.add(position)
                    found.append(_token("QUOTED", text[position:end], position, end))
                    position = end
                    continue
                new = (
                    self._unit_alone(text, position, found)
                    or self._called(text, position, found)
                    or self._at(text, position, found)
                )
            except Refused as problem:
                problems.append(problem)
                position = max(problem.span[1], position + 1)
                # a stand-in, so that what follows keeps its place
                found.append(Token("PROBLEM", "", start_pos=problem.span[0], end_pos=problem.span[1]))
                continue
            found.extend(new)
            position = max(token.end_pos or 0 for token in new)
        return found, problems

    def _at(self, text: str, position: int, before: list[Token]) -> list[Token]:
        for reader in (self._punctuation, self._quoted, self._literal):
            found = reader(text, position)
            if found:
                return found
        return self._word(text, position, before)

    def _says_now(self, text: str, at: int) -> int | None:
        """ "Already tagged", "currently in": a rule looks at how things stand, so the word adds nothing."""
        if (please := _PLEASE.match(text, at)) is not None and at:
            return please.end()
        if at and (yet := _YET.match(text, at)) is not None and _DENIES.search(text, 0, at):
            return yet.end()
        if (filler := filler_end(text, at)) is not None:
            return filler
        match = _NOW.match(text, at)
        if match is None or (at and text[at - 1].isalnum()):
            return None
        words = tuple(word.lower() for word, _, _ in self._words_from(text, at))
        if any(words[:n] in self._vocabulary.phrases or words[:n] in self._vague for n in range(2, len(words) + 1)):
            return None
        return match.end()

    @staticmethod
    def _unit_alone(text: str, at: int, found: list[Token]) -> list[Token]:
        """ "in the last year": a unit without a number is one of it."""
        match = re.compile(r"(hour|day|week|month|quarter|year)\b(?!')", re.I).match(text, at)
        if match is None or not found or found[-1].type not in {"INLAST", "INNEXT"}:
            return []
        said = f"a {match.group()}"
        return [_token("DUR", length(1, match.group(), said, (at, match.end())), at, match.end())]

    def _called(self, text: str, at: int, found: list[Token]) -> list[Token]:
        """ "The Enterprise pipeline": capitals between "the" and what they name, none a word of rules."""
        if not found or found[-1].type != "DET" or text[found[-1].start_pos or 0 : at].strip().lower() != "the":
            return []
        match = _CALLED.match(text, at)
        if match is None:
            return []
        words = match.group(1).split(" ")
        known = any((one.lower(),) in self._vocabulary.phrases for one in words)
        return [] if known else [_token("QUOTED", match.group(1), at, match.end(1))]

    def _punctuation(self, text: str, at: int) -> list[Token]:
        character = text[at]
        kind = {
            ",": "COMMA",
            ";": "STOP",
            "\n": "STOP",
            "(": "LPAR",
            ")": "RPAR",
            "!": "STOP",
            ":": "COLON",
            "—": "COMMA",
        }.get(character)
        if kind:
            return [_token(kind, character, at, at + 1)]
        if character == "." and not re.match(r"\.\d", text[at:]):
            return [_token("STOP", ".", at, at + 1)]
        if character == "-" and at > 0 and not text[at - 1].isspace() and text[at + 1 : at + 2].isalpha():
            return self._at(text, at + 1, [])  # a hyphen inside a compound joins two words
        if character == "-" and text[at - 1 : at] == " " and text[at + 1 : at + 2] == " ":
            return [_token("COMMA", "-", at, at + 1)]
        if character == "?":
            raise Refused((at, at + 1), "a guardrail is a statement, not a question", "end with a full stop")
        if unicodedata.category(character) in {"Cf", "Cc", "Co", "Cs", "Cn"}:
            raise Refused((at, at + 1), f"invisible character U+{ord(character):04X}; delete it")
        return []

    def _quoted(self, text: str, at: int) -> list[Token]:
        opening = text[at]
        closing = _QUOTES.get(opening)
        if closing is None or (opening == "'" and at and text[at - 1].isalnum()):
            return []
        end = text.find(closing, at + 1)
        while opening == "'" and end != -1 and end + 1 < len(text) and text[end + 1].isalnum():
            end = text.find(closing, end + 1)
        if end == -1:
            raise Refused((at, len(text)), "this quotation mark is never closed", f"{text[at:].strip()}{closing}"[:80])
        name = " ".join(text[at + 1 : end].split())
        if not name:
            raise Refused((at, end + 1), "there is no name between these quotation marks", '"VIP"')
        for offset, character in enumerate(name):
            if unicodedata.category(character) in {"Cf", "Cc", "Co", "Cs", "Cn"}:
                raise Refused(
                    (at + 1 + offset, at + 2 + offset),
                    f"invisible character U+{ord(character):04X} in this name; delete it",
                )
        if len(name) > 1 and name[-1] in ".,;" and opening == '"':
            # American punctuation inside the quotes: whether it belongs to the name is not ours to decide
            raise Refused(
                (at, end + 1),
                f'does the name end with "{name[-1]}"? Put the punctuation after the quotation mark',
                f'"{name[:-1]}"{name[-1]}',
            )
        return [_token("QUOTED", name, at, end + 1)]

    def _literal(self, text: str, at: int) -> list[Token]:
        if text.startswith("24/7", at) and not text[at + 4 : at + 5].isalnum():
            return [_token("AUTO", "24/7", at, at + 4)]
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
            return [_token("EMAILADDR", match.group().lower(), at, match.end())]
        if match := _AT_DOMAIN.match(text, at):
            return [_token("DOMAIN", match.group(1).lower(), at, match.end())]
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
                return [_token("DOMAIN", match.group().lower(), at, match.end())]
        return []

    def _zone(self, text: str, at: int) -> list[Token]:
        found = zone_at(text, at)
        return [_token("ZONE", found[0], at, found[1])] if found is not None else []

    def _date(self, text: str, at: int) -> list[Token]:
        if (pair := date_range_at(text, at)) is not None:
            first, last, second, end = pair
            return [
                _token("BETWEEN", "between", at, at),
                _token("DATE", first, at, second[0]),
                _token("AND", "and", second[0], second[0]),
                _token("DATE", last, second[0], end),
            ]
        found = date_at(text, at)
        if found is None:
            return []
        return [_token("INSTANT" if isinstance(found[0], datetime) else "DATE", found[0], at, found[1])]

    def _calendar(self, text: str, at: int) -> list[Token]:
        """ "today", "last month", "the end of the quarter": (unit, offset from the present one, part)."""
        if match := _CALENDAR.match(text, at):
            part, day, which, unit = (group.lower() if group else "" for group in match.groups())
            which = " ".join(which.split())
            value = (unit or "day", _OFFSETS.get(day or which, 0), "" if part == "so far" else part)
            return [_token("CAL", value, *match.span())]
        if match := _CALENDAR_EDGE.match(text, at):
            edge, which, day, unit = (group.lower() if group else "" for group in match.groups())
            value = (unit or day, _OFFSETS.get(" ".join(which.split()), 0), "end" if edge == "end" else "start")
            return [_token("CALEDGE", value, *match.span())]
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
            _token("BETWEEN", "between", at, at),
            _token("MONEY", (least, code), at, match.end(2)),
            _token("AND", "and", match.end(2), at_high),
            _token("MONEY", (most, code), at_high, match.end()),
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
            _token("MONEY", (_amount(number, scale, match.span(), match.group()), code), at, match.end()),
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
            _token("BETWEEN", "between", at, at),
            _token("DUR", ends[0], *match.span(1)),
            _token("AND", "and", match.end(1), match.start(2)),
            _token("DUR", ends[1], match.start(2), match.end()),
        ]

    def _duration(self, text: str, at: int) -> list[Token]:
        if match := re.compile(r"half a year\b|half[ -]year\b", re.I).match(text, at):
            return [_token("DUR", length(6, "month", match.group(), match.span()), *match.span())]
        if match := _AND_A_HALF.match(text, at):
            number, unit = ("1", match.group(2)) if match.group(1) else (match.group(3), match.group(4))
            count = float(NUMBER_WORDS.get(number.lower(), 0)) or float(number.replace(",", ""))
            return [_token("DUR", length(count + 0.5, unit, match.group(), match.span()), *match.span())]
        if match := _OR_MORE_OF.match(text, at):
            number, word, unit = match.groups()
            count = float(NUMBER_WORDS.get(number.lower(), 0)) or float(number.replace(",", ""))
            value = length(count, unit, f"{number} {unit}", match.span())
            kind = "POSTGE" if word.lower().endswith(("more", "plus")) else "POSTLE"
            return [_token("DUR", value, at, match.end()), _token(kind, word, match.end(), match.end())]
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
        more = [_token("POSTGE", "+", end, end)] if plus else []
        return [_token(kind, value, at, end), *more]

    def _percent(self, text: str, at: int) -> list[Token]:
        if match := _PERCENT.match(text, at):
            share = round(float(match.group(1).replace(",", "")) * 100, 6)
            if share != int(share) or not 0 <= share <= 10_000:
                raise Refused(
                    (at, match.end()), "a percentage here is between 0% and 100%, with at most two decimals", "80%"
                )
            return [_token("PCT", int(share), at, match.end()), *_plus(text, match.end())]
        if match := re.compile(r"half\b(?! an)", re.I).match(text, at):
            return [_token("PCT", 5000, at, match.end())]
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
            return [_token("TIMERANGE", (start, end, bool(p1 or p2 or m1)), at, match.end())]
        if match := _TIME.match(text, at):
            span = (at, match.end())
            if match.group(6):
                return [_token("TIME", 0 if match.group(6).lower() == "midnight" else 720, at, match.end())]
            minutes = clock(match.group(1) or match.group(4), match.group(2), match.group(3) or match.group(5), span)
            return [_token("TIME", minutes, at, match.end())]
        return []

    def _channel(self, text: str, at: int) -> list[Token]:
        match = _CHANNEL.match(text, at)
        return [_token("CHANNEL", match.group(), at, match.end())] if match else []

    def _counted(self, text: str, at: int) -> list[Token]:
        if match := _COUNTED.match(text, at):
            low, high = (_amount(match.group(i), "", match.span(i)) for i in (1, 2))
            return [
                _token("NUM", low, *match.span(1)),
                _token("TO", "to", match.end(1), match.start(2)),
                _token("NUM", high, *match.span(2)),
            ]
        return []

    def _plain(self, text: str, at: int) -> list[Token]:
        if match := _A_HUNDRED.match(text, at):
            value = {"hundred": 100.0, "thousand": 1000.0, "dozen": 12.0, "million": 1e6}[match.group(1).lower()]
            return [_token("NUM", value, at, match.end())]
        if match := _PLAIN.match(text, at):
            return [
                _token("NUM", _amount(match.group(1), match.group(2), (at, match.end())), at, match.end()),
                *_plus(text, match.end()),
            ]
        return []

    def _words_from(self, text: str, at: int) -> list[tuple[str, int, int]]:
        """Up to `longest` words from here, joined by spaces or inner hyphens only."""
        words: list[tuple[str, int, int]] = []
        position = at
        limit = self._vocabulary.longest
        if (tail := _SHORT_TAIL.match(text, at)) is not None and at and text[at - 1].isalnum():
            words.append((_long_form(text, tail), at, tail.end()))  # what follows "once they" in "once they're"
            position = tail.end()
            while text[position : position + 1] == " ":
                position += 1
        while len(words) < limit:
            match = _WORD.match(text, position)
            if match is None:
                # "if I don't answer, go ahead": one comma may stand inside a fixed phrase
                if text[position : position + 1] == "," and words:
                    position += 1
                    while text[position : position + 1] == " ":
                        position += 1
                    words.append((",", position, position))
                    continue
                break
            words.append((match.group(), match.start(), match.end()))
            position = match.end()
            while position < len(text) and text[position] in " \t":
                position += 1
            if (
                position < len(text)
                and text[position] == "-"
                and position
                and not text[position - 1].isspace()
                and text[position + 1 : position + 2].isalpha()
            ):
                position += 1
        return words

    def _word(self, text: str, at: int, found: list[Token]) -> list[Token]:
        words = self._words_from(text, at)
        if not words:
            raise Refused((at, at + 1), f'"{text[at]}" has no meaning in a rule', "")
        lowered = tuple(word.lower() for word, _, _ in words)
        if lowered[0] in {"once", "after"} and _begins(found) and re.match(r"\w+\s+(a|an|the)\s", text[at:].lower()):
            return [_token("IF", lowered[0], at, words[0][2])]
        if _ONCE_A.match(text, at) is not None:
            return [_token("IF", lowered[0], at, words[0][2])]
        if found and found[-1].type in {"QUOTED", "ENT", "ENTLC", "PRON"} and (soon := _AT_ONCE.match(text, at)):
            return [_token("AUTO", soon.group().lower(), at, soon.end())]  # a rule says what may run at any time
        if (
            lowered[0] == "slack"
            and re.match(r"slack\s+#", text[at:], re.I)
            and (_begins(found) or found[-1].type in {"PERM", "AUTO", "COMMA", "NEVERDO", "THEN"})
        ):
            return [_token("EMAILOBJ", "message", at, words[0][2])]  # "Slack #deals about …"
        if (been := _HAS_BEEN.match(text, at)) is not None:  # "a deal's been sitting in …"
            kind, value = self._vocabulary.phrases[(been.group(1).lower(),)]
            return [_token(kind, value, at, been.end())]
        if (stage := _stage_name(text, at, found)) is not None and (
            (stage,) not in self._vocabulary.phrases and (stage,) not in self._vague
        ):
            return [_token("QUOTED", stage, at, at + len(stage))]
        if (ends := _ENDS_IN.match(text, at)) is not None:
            kind = "NBE" if ends.group(1) else "PREP" if ends.group(2).lower() == "ending" else "BE"
            return [_token(kind, {"NBE": "is not", "PREP": "at", "BE": "is"}[kind], at, ends.end())]
        if (area := _COUNTRIES_OF.match(text, at)) is not None:
            return [_token("FACT", ("contact.country", "company.country"), at, area.end())]
        if lowered[0] in _TITLED and not (found and found[-1].type in {"TAGGED", "TAGN", "FACT", "BE", "NBE"}):
            return [_token("ENTTITLE", _TITLED[lowered[0]], at, words[0][2])]
        if lowered[0] == "opportunity" and _names_a_lifecycle(found):
            return [_token("QUOTED", lowered[0], at, words[0][2])]
        if (match := _REPLIES.match(text, at)) is not None:
            raise Refused(
                match.span(),
                f'"{match.group()}" is a moment, and a rule looks at how things stand when it runs. Say how long '
                "ago it may have happened",
                f"{match.group(1)} replied in the last 24 hours",
            )
        if lowered[0] in {"prospect", "prospects"} and (
            _in_outreach(text, words[0][2], found) or _ENROLS.search(text) is not None
        ):
            return [_token("ENT", "contact", at, words[0][2])]
        if (name := _tag_name(text, at, found)) is not None and not self._is_known(text, at, words, name, found):
            return [_token("QUOTED", name, at, at + len(name))]
        if (token := self._phrase(text, at, words)) is not None:
            return [token]
        if (owner := _OWNERS.match(text, at)) is not None and (owner.group(1).lower(),) not in self._vocabulary.phrases:
            if _ASSIGNS.search(text) is not None:  # whose they are now, as whose they become is said too
                return [
                    _token(
                        "OWNERNAME",
                        owner.group(1),
                        at,
                        text.index("'", at) + (2 if text[owner.end(1) :].startswith("'s") else 1),
                    )
                ]
            raise Refused(
                (at, owner.end()),
                f'"{owner.group(1)}\'s": owned by them, or at that company? Say it after the records, in quotation '
                "marks",
                f'{owner.group(2)} owned by "{owner.group(1)}"',
            )
        full = _in_full(words, text)
        if full != words and (token := self._phrase(text, at, full)) is not None:
            return [token]
        word, start, end = words[0]
        if (
            word in STATE_CODES
            and word in COUNTRY_CODES
            and found
            and found[-1].type in {"PREP", "NPREP", "OR", "COMMA"}
        ):
            country, state = DISPLAY[word], STATE_CODES[word]
            raise Refused(
                (start, end), f'"{word}" is {country} to some and {state} to others; write the country in full', country
            )
        if word in {"US", *COUNTRY_CODES} and len(word) == 2:
            return [_token("VAL", (("company.country", word), ("contact.country", word)), start, end)]
        if word.lower() in NUMBER_WORDS:
            return [_token("NUM", float(NUMBER_WORDS[word.lower()]), start, end)]
        raise self._unknown(text, word, start, end)

    def _is_known(self, text: str, at: int, words: list[tuple[str, int, int]], name: str, found: list[Token]) -> bool:
        """Is the word, by itself or with those after it, a word of rules, a number or a country?"""
        one = (name.lower(),)
        kind = self._vocabulary.phrases.get(one, ("", None))[0]
        listed = found[-1].type in {"OR", "NOR", "COMMA", "AND"}  # there it could be another condition
        if listed and kind in {"UNSUB", "SUBBED", "CLOSED", "VAL", "ENTLC", "NEW"}:
            raise Refused(
                (at, at + len(name)),
                f'"{name}": one more tag, or another condition? Put each tag in quotation marks, or write '
                f'"that are {name}"',
                f'"{name}"',
            )
        if name.lower().endswith("ly") or name.lower() in _NO_TAG:
            return True
        if listed and _QUALITY.search(name) is not None:
            return True  # "tagged old or unused": one more tag, or what they are?
        if found[-1].type == "TAGN" and (len(found) == 1 or found[-2].type not in _BEFORE_TAG):
            listed = True  # "Tag customers": the verb
        if not listed and (
            kind in _TAG_KINDS or (not kind and self._vague.get(one, ("", ""))[1].startswith(_TAG_REASONS))
        ):
            return False
        try:
            known = self._phrase(text, at, words) is not None
        except Refused:
            return True
        return known or name.lower() in NUMBER_WORDS or name.upper() in COUNTRY_CODES

    def _phrase(self, text: str, at: int, words: list[tuple[str, int, int]]) -> Token | None:
        """The longest phrase that these words begin with. Raises Refused for one that no rule may contain."""
        lowered = tuple(word.lower() for word, _, _ in words)
        for count in range(len(words), 0, -1):
            if "," in lowered[:count]:
                if lowered[count - 1] == ",":
                    continue
                key = tuple(w for w in lowered[:count] if w != ",")
                if key not in self._vocabulary.phrases or self._vocabulary.phrases[key][0] not in _WITH_COMMA:
                    continue
            else:
                key = lowered[:count]
            span = (at, words[count - 1][2])
            said = text[at : span[1]]
            if key in self._vague and key not in self._vocabulary.phrases:
                why, suggestion = self._vague[key]
                if suggestion == 'contacts tagged "partner"':
                    suggestion = f'contacts tagged "{said.lower().removesuffix("s")}"'
                if said.lower() == "me" and re.search(r"\b(tasks?|to-?dos?|reminders?)\b[^.;]* for $", text[:at], re.I):
                    why, suggestion = (
                        "cannot stand here: whom a task is for is not looked at. Leave it out",
                        f"{text[:at].rstrip().removesuffix('for').rstrip()}{text[span[1] :]}",
                    )
                if suggestion == "in the last 7 days" and re.match(r"(for|in) ", said, re.I):
                    suggestion = "for more than 30 days" if said[:3].lower() == "for" else "in 30 days"
                if suggestion == 'tagged "old"':
                    suggestion = f'tagged "{said.lower()}"'
                if suggestion.startswith("in the last ") and _TO_COME.search(text[:at]) is not None:
                    suggestion = suggestion.replace("in the last ", "in the next ")
                if re.search(r"(tagged|tags?|labell?ed|labels?)$", text[:at].rstrip().lower()):
                    why, suggestion = (
                        "is not in quotation marks. A name must be, so that no word of it is taken for anything else",
                        f'"{said}"',
                    )
                raise Refused(span, f'"{said}" {why}', suggestion)
            if key in self._vocabulary.phrases:
                if key == ("us",) and said != "US":
                    break
                kind, value = self._vocabulary.phrases[key]
                if kind == "CONNECTOR" and value == "outreach" and said.islower():
                    kind, value = "EMAILOBJ", None
                if key[0] == "outreach" and count > 1 and said.startswith("Outreach"):
                    continue  # "the Outreach sequence …": the system
                if kind in {"POSTGE", "POSTLE"} and count > 1 and re.match(r"\s*([$€£\d]|than\b)", text[span[1] :]):
                    continue  # "over $10k or over €9k": the comparison of what follows
                plain = " ".join(lowered[:count]) if "'" in said else said.lower()
                return _token(kind, plain if value is None else value, *span)
        return None

    def _unknown(self, text: str, word: str, start: int, end: int) -> Refused:
        bare = word.strip("'").lower()
        before = text[:start].rstrip().lower()
        if bare in UNKNOWN_OPERATIONS and (
            not before
            or before[-1] in ".;,-"
            or before.endswith(("auto", "automatically", "and", "please", " to", "may", "can"))
        ):
            known = "enrich, archive, update, tag, assign, move (deals), draft, send, delete"
            return Refused(
                (start, end),
                f'"{word}" is no operation that a rule can cover; the operations are: {known}',
                "Archive contacts …",
            )
        near = get_close_matches(bare, self._vocabulary.words, n=1, cutoff=0.84)
        if near and re.fullmatch(rf"(?:un|dis|de|non){re.escape(near[0])}", bare):
            near = []  # the opposite
        if near and near[0] != bare and (near[0],) in self._vague and (near[0],) not in self._vocabulary.phrases:
            near = []  # what it is close to is no word of rules either
        after = re.match(
            r"\s+(contacts?|deals?|companies|company|leads?|people|customers?|accounts?)\b", text[end:], re.I
        )
        if after is not None and not near and not re.search(r"(tagged|named|by|is|stage|from|in|at)$", before):
            return Refused(
                (start, end),
                f'"{word}" {after.group(1).lower()} are not known as such. If it is a tag, say so',
                "" if word.endswith("ly") else f'{after.group(1)} tagged "{word}"',
            )
        names = re.search(
            r"(tagged|tags?|stage|owned by|owner is|pipeline|assigned to|company is|labell?ed|or|and|to|in|is|at|the)$",
            before,
        )
        if near and near[0] == bare:
            return Refused(
                (start, end),
                f'"{word}" cannot stand here by itself; no phrase of the rule language goes on like this',
                "",
            )
        starts = not before or before[-1] in ".;"
        if near and (word.islower() or starts):
            return Refused(
                (start, end),
                f'"{word}" is not known; did you mean "{near[0]}"? A name goes in quotation marks',
                near[0],
            )
        if word[:1].isupper() and re.search(r"\bat$", before):
            name = _run(text, word, start)
            return Refused(
                (start, start + len(name)),
                f'"{name}" is at which fact? For a company, say that they work there; a name goes in quotation marks',
                f'who work at "{name}"',
            )
        if (
            word[:1].isupper()
            and re.search(r"\b(in|from|or|and)$", before)
            and (re.search(r"\b(in|from)$", before) or area_of(_run(text, word, start)))
        ):
            name = _run(text, word, start)
            if (area := area_of(name)) is not None:
                return Refused(
                    (start, start + len(name)),
                    f'"{name}" is {area}, and what is recorded is the country and the city. Name the countries or the '
                    "cities, or say that it is a tag",
                    f'tagged "{name}"',
                )
            company = re.match(
                r"\s+(?:GmbH|AG|SE|Inc|Ltd|LLC|PLC|Corp|Co|SA|BV|Oy|AB|KG)\b\.?", text[start + len(name) :]
            )
            full = name + (company.group() if company is not None else "")
            if re.search(r"\s(?:GmbH|AG|SE|Inc|Ltd|LLC|PLC|Corp|Co|SA|BV|Oy|AB|KG)\.?$", full):
                return Refused(
                    (start, start + len(full)),
                    f'"{full}" is a company? Say that they work there, with the name in quotation marks',
                    f'who work at "{full}"',
                )
            if name in {"England", "Scotland", "Wales", "Northern Ireland", "Great Britain"}:
                return Refused(
                    (start, start + len(name)),
                    f'"{name}" is a part of the United Kingdom, and what is recorded is the country and the city. Name '
                    "the cities, or say that it is a tag",
                    f'tagged "{name}"',
                )
            return Refused(
                (start, start + len(name)),
                f'"{name}" is no country that is known. For a city, a stage or another name, say which it is and '
                "put it in quotation marks",
                (f'who work at "{name}"' if _COMPANY.search(name) else "")
                if re.search(r"\bfrom$", before)
                else f'whose city is "{name}"',
            )
        owner = re.fullmatch(r"([A-Z]\w+)'s", word)
        if owner is not None and re.search(r"\b(?:except|but not|unless|excluding|other than)$", before):
            return Refused(
                (start, end),
                f'"{word}": owned by them? Say so, with the name as the CRM shows it in quotation marks',
                f'those owned by "{owner.group(1)}"',
            )
        if names or word[:1].isupper():
            name = _run(text, word, start) if word[:1].isupper() else word
            return Refused(
                (start, start + len(name)),
                f'"{name}" is not a word of the rule language; if it is a name, put it in quotation marks',
                f'"{name}"',
            )
        hint = near[0] if near else ""
        return Refused(
            (start, end),
            f'"{word}" is not known, so nothing can be made of it. Rules speak of facts and operations (`coco '
            "guardrail facts` lists them); a name goes in quotation marks",
            hint,
        )


def _token(kind: str, value: Any, start: int, end: int) -> Token:
    token = Token(kind, str(value), start_pos=start, end_pos=end)
    token.value = value
    return token


def _run(text: str, word: str, start: int) -> str:
    """The word at `start` with the capitalised words after it: "New York"."""
    match = _CAPITALISED.match(text, start)
    return match.group() if match is not None else word


def _long_form(text: str, short: re.Match[str]) -> str:
    """ "'s" in full: "has" before what only "has" can stand before, else "is"."""
    said = short.group(short.lastindex or 0).strip("'").lower()
    return {"ve": "have", "re": "are"}.get(said) or ("has" if _HAS.match(text, short.end()) else "is")


def _in_full(words: list[tuple[str, int, int]], text: str) -> list[tuple[str, int, int]]:
    """The words with "they've", "who's" and their like written as two."""
    full: list[tuple[str, int, int]] = []
    for word, start, end in words:
        short = _SHORT.match(text, start, end)
        if short is None:
            full.append((word, start, end))
            continue
        middle = short.end(1)
        full += [(short.group(1), start, middle), (_long_form(text, short), middle, end)]
    return full


def _names_a_lifecycle(found: list[Token]) -> bool:
    """Does "whose lifecycle stage is" stand right before?"""
    return (
        len(found) > 1
        and found[-1].type in {"BE", "NBE", "OR"}
        and any(token.type == "FACT" and "contact.lifecycle_stage" in token.value for token in found[-4:])
    )


def _in_outreach(text: str, end: int, found: list[Token]) -> bool:
    """Is a "prospect" the record that Outreach calls so?"""
    named = bool(found) and found[-1].type == "CONNECTOR" and found[-1].value == "outreach"
    return named or re.match(r"\s+(?:in|from|via) Outreach\b", text[end:]) is not None


def _tag_name(text: str, at: int, found: list[Token]) -> str | None:
    """One word where only the name of a tag can stand: "with the beta tag", "with tag beta". None elsewhere."""
    if not found:
        return None
    said = text[found[-1].start_pos or 0 : found[-1].end_pos or 0].lower()
    determined = found[-1].type == "DET" and said in {"the", "a"} and len(found) > 1
    if (determined and found[-2].type in {"WITH", "HAVE", "NHAVE"}) or (
        found[-1].type == "NHAVE" and re.search(r"\b(no|any|a|the)$", said)
    ):
        match = re.compile(r"([^\W\d_][^\W_]*)(?=\s+(?:tag|label)\b)").match(text, at)
    elif found[-1].type in {"TAGGED", "TAGN"} and re.search(
        r"\b(tag|label|tagged|label?led|tagged as|tagged with)$", said
    ):
        match = re.compile(rf"([^\W\d_][^\W_]*(?:-[^\W_]+)*)(?={_TAG_ENDS})", re.I).match(text, at)
    elif found[-1].type in {"OR", "NOR", "COMMA"} and _bare_tag(text, found[:-1]):
        match = re.compile(rf"([^\W\d_][^\W_]*(?:-[^\W_]+)*)(?={_TAG_ENDS})").match(text, at)
    else:
        return None
    return match.group(1) if match is not None else None


def _stage_name(text: str, at: int, found: list[Token]) -> str | None:
    """One word in small letters between "the" and "stage" or "pipeline": "at the offer stage"."""
    if not found or found[-1].type != "DET" or str(found[-1].value) != "the":
        return None
    match = re.compile(r"([a-z][a-z]+)(?= (?:stage|pipeline)\b)").match(text, at)
    return match.group(1) if match is not None and match.group(1) not in _ORDINALS else None


def _bare_tag(text: str, found: list[Token]) -> bool:
    """Do these tokens end with a list of tags without quotation marks?"""
    while found and found[-1].type == "QUOTED" and text[found[-1].start_pos or 0] not in _QUOTES:
        found = found[:-1]
        if found and found[-1].type in {"TAGGED", "TAGN"}:
            return True
        if not found or found[-1].type not in {"OR", "COMMA", "AND"}:
            return False
        found = found[:-1]
    return False


def _begins(found: list[Token]) -> bool:
    """Does a statement begin after these tokens?"""
    return not found or found[-1].type == "STOP"


def _plus(text: str, at: int) -> list[Token]:
    return [_token("POSTGE", "+", at, at + 1)] if text[at : at + 1] == "+" else []


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
    value = float(number.replace(",", "")) * _SCALES.get(scale.strip().lower(), 1)
    if value > 1e15:
        raise Refused(span, "this number is too large", "1,000,000")
    return value
