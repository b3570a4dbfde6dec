"""Facts as they arrive (JSON) turned into typed values, or into a problem that names what is wrong.

Nothing is coerced: text is not a number, a number is not a flag, a time without an offset is not a moment. A record
with any malformed value, an unknown fact or a contradiction is never covered, whatever the rule looks at.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any

from .catalogue import Catalogue, Fact, FactType
from .countries import country_code

Value = str | int | float | bool | tuple[str, ...] | tuple[bool, ...] | None
MAX_LINE_CHARACTERS = 1_000_000
MAX_LIST_ENTRIES = 10_000
MAX_NUMBER = 1e15  # beyond it a double no longer holds every whole number

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DOMAIN = re.compile(r"^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$")
_EMAIL_LOCAL = re.compile(r"^[^\s@\"<>,;]{1,64}$")
_TIMESTAMP = re.compile(r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d)$")
_ORDINARY = re.compile(r"^[ -~]*$")


class Malformed(ValueError):
    """A value that is not of its fact's type. The message says what it is and what it should be."""


def fold(text: str) -> str:
    """The spelling under which names are compared: NFC, case-folded, spacing collapsed.

    Raises Malformed for characters nobody can see (they make two names look the same and compare different).
    """
    if _ORDINARY.match(text):
        return " ".join(text.lower().split())
    for character in text:
        if unicodedata.category(character) in {"Cf", "Cc", "Co", "Cs", "Cn"} and character not in "\t\n\r":
            raise Malformed(f"has an invisible character (U+{ord(character):04X}); remove it")
    return " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).split())


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970-01-01 UTC of an aware datetime."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(value: int) -> datetime:
    """The UTC datetime of `microseconds`."""
    return _EPOCH + timedelta(microseconds=value)


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true/false"
    if isinstance(value, int | float):
        return "a number"
    names: dict[type, str] = {str: "text", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise Malformed(f"is {_kind(value)} ({_shown(value)}); it must be {what}")
    return value


def _name(value: object, fact: Fact) -> Value:
    return fold(_text(value, "text")) or None


def _country(value: object, fact: Fact) -> Value:
    text = _text(value, "a country's ISO code or English name").strip()
    if not text:
        return None
    code = country_code(text)
    if code is None:
        raise Malformed(f"{_shown(value)} is no country that is known; write its ISO code (DE) or English name")
    return code


def _currency(value: object, fact: Fact) -> Value:
    text = _text(value, "a currency's ISO code").strip().upper()
    if not text:
        return None
    if not re.fullmatch(r"[A-Z]{3}", text):
        raise Malformed(f"{_shown(value)} is no ISO 4217 currency code such as USD")
    return text


def _email(value: object, fact: Fact) -> Value:
    text = _text(value, "an e-mail address").strip().lower()
    if not text:
        return None
    local, at, domain = text.rpartition("@")
    if not at or not _EMAIL_LOCAL.match(local) or not _DOMAIN.match(domain):
        raise Malformed(f"{_shown(value)} is no e-mail address")
    return text


def _domain(value: object, fact: Fact) -> Value:
    text = _text(value, "a domain").strip().lower()
    if not text:
        return None
    if not _DOMAIN.match(text):
        raise Malformed(f"{_shown(value)} is no domain such as acme.com")
    return text


def _number(value: object, fact: Fact) -> Value:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Malformed(f"is {_kind(value)} ({_shown(value)}); it must be a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise Malformed("is not a finite number")
    if abs(value) > MAX_NUMBER:
        raise Malformed(f"is too large ({_shown(value)}); at most {MAX_NUMBER:.0e}")
    if fact.minimum is not None and value < fact.minimum:
        raise Malformed(f"is {_shown(value)}; it cannot be below {fact.minimum:g}")
    return float(value)


def _integer(value: object, fact: Fact) -> Value:
    number = _number(value, fact)
    if not isinstance(number, float) or not number.is_integer():
        raise Malformed(f"is {_shown(value)}; it must be a whole number")
    return number


def _fraction(value: object, fact: Fact) -> Value:
    number = _number(value, fact)
    if not isinstance(number, float) or not 0 <= number <= 1:
        raise Malformed(f"is {_shown(value)}; it must be between 0 and 1 (0.6 for 60%)")
    return number


def _boolean(value: object, fact: Fact) -> Value:
    if not isinstance(value, bool):
        raise Malformed(f"is {_kind(value)} ({_shown(value)}); it must be true or false")
    return value


def _timestamp(value: object, fact: Fact) -> Value:
    text = _text(value, "a time such as 2026-11-24T10:00:00Z")
    if not _TIMESTAMP.match(text):
        naive = re.match(r"^\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?)?$", text)
        if naive:
            raise Malformed(f"{_shown(value)} has no time zone; write it with an offset, such as 2026-11-24T10:00:00Z")
        raise Malformed(f"{_shown(value)} is no time such as 2026-11-24T10:00:00Z")
    try:
        moment = datetime.fromisoformat(text.replace("z", "Z")).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed(f"{_shown(value)} is no date that exists") from None
    if moment.year < 1900:  # what some systems write for "no date"
        raise Malformed(f"{_shown(value)} lies before 1900, so it cannot be right; write null where there is none")
    return microseconds(moment)


_Read = Callable[[object, Fact], Value]


def _list(read: _Read) -> _Read:
    def each(value: object, fact: Fact) -> Value:
        if not isinstance(value, list | tuple):
            raise Malformed(f"is {_kind(value)} ({_shown(value)}); it must be a list")
        if len(value) > MAX_LIST_ENTRIES:
            raise Malformed(f"has {len(value)} entries; at most {MAX_LIST_ENTRIES}")
        found = []
        for index, entry in enumerate(value):
            try:
                one = read(entry, fact)
            except Malformed as problem:
                raise Malformed(f"entry {index + 1} {problem}") from None
            if one is None:
                raise Malformed(f"entry {index + 1} is empty")
            found.append(one)
        return tuple(found)  # type: ignore[return-value]

    return each


_READERS: dict[FactType, _Read] = {
    FactType.NAME: _name,
    FactType.COUNTRY: _country,
    FactType.CURRENCY: _currency,
    FactType.EMAIL: _email,
    FactType.DOMAIN: _domain,
    FactType.NUMBER: _number,
    FactType.INTEGER: _integer,
    FactType.FRACTION: _fraction,
    FactType.BOOLEAN: _boolean,
    FactType.TIMESTAMP: _timestamp,
    FactType.NAMES: _list(_name),
    FactType.EMAILS: _list(_email),
    FactType.DOMAINS: _list(_domain),
    FactType.BOOLEANS: _list(_boolean),
}


def read_value(value: object, fact: Fact) -> Value:
    """The typed value; None for null. Raises Malformed."""
    return None if value is None else _READERS[fact.type](value, fact)


@dataclass(frozen=True)
class Record:
    """One record's facts by catalogue name. A fact absent from `facts` is unknown; one that is None is known empty.

    Timestamps are microseconds since 1970 UTC; all numbers are floats; names are folded.
    """

    id: str
    facts: Mapping[str, Value]
    problems: tuple[str, ...] = ()
    line: int | None = None


class _Repeated(ValueError):
    pass


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Repeated(f'"{key}" is written twice')
        found[key] = value
    return found


def _refuse_constant(text: str) -> float:
    raise _Repeated(f"{text} is no number")


def _flat(data: Mapping[str, Any], catalogue: Catalogue) -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, dict) and "." not in key:
            for inner, inner_value in value.items():
                yield f"{key}.{inner}", inner_value
        else:
            yield key, value


def read_record(data: Mapping[str, Any], catalogue: Catalogue, *, line: int | None = None) -> Record:
    """A record from a JSON object: flat dotted keys, nested objects, or both. Never raises: problems are listed."""
    raw_id = data.get("id")
    name = str(raw_id) if isinstance(raw_id, str | int) and not isinstance(raw_id, bool) else f"line {line or 1}"
    facts: dict[str, Value] = {}
    problems: list[str] = []
    origin: dict[str, str] = {}
    for key, value in _flat(data, catalogue):
        if key == "id":
            continue
        known = catalogue.resolve(key)
        if known is None:
            if "." not in key:
                continue  # a label of the file, not a fact
            problems.append(_unknown(key, catalogue))
            continue
        if known in origin:
            problems.append(f"{known} is given twice (as {origin[known]} and {key})")
            continue
        origin[known] = key
        try:
            facts[known] = read_value(value, catalogue.facts[known])
        except Malformed as problem:
            problems.append(f"{key} {problem}")
    fields = facts.get("action.fields")
    if isinstance(fields, tuple):
        entity = str(facts.get("action.operation") or "").partition(".")[0]
        facts["action.fields"] = tuple(catalogue.field_name(str(field), entity) for field in fields)
    channel = facts.get("action.channel")
    if isinstance(channel, str) and channel.startswith("#"):
        facts["action.channel"] = channel.removeprefix("#").strip() or None
    _derive(facts, problems)
    return Record(id=name, facts=facts, problems=tuple(problems), line=line)


def _unknown(key: str, catalogue: Catalogue) -> str:
    near = get_close_matches(key, [*catalogue.facts, *catalogue.aliases], n=1, cutoff=0.75)
    hint = f"; did you mean {catalogue.resolve(near[0])}?" if near else "; `coco guardrail facts` lists the facts"
    return f"{key} is not a fact of the catalogue{hint}"


def _derive(facts: dict[str, Value], problems: list[str]) -> None:
    def settle(name: str, value: Value) -> None:
        if name not in facts:
            facts[name] = value
        elif facts[name] != value:
            problems.append(f"{name} contradicts the facts it derives from")

    if "contact.email" in facts:
        email = facts["contact.email"]
        settle("contact.email_domain", email.rpartition("@")[2] if isinstance(email, str) else None)
    for people, domain_fact, count_fact in (
        ("action.recipients", "action.recipient_domains", "action.recipient_count"),
        ("action.attendees", "action.attendee_domains", "action.attendee_count"),
    ):
        listed = facts.get(people)
        if isinstance(listed, tuple):
            addresses = sorted({str(address) for address in listed})
            domains = tuple(sorted({address.rpartition("@")[2] for address in addresses}))
            given = facts.get(domain_fact)
            if isinstance(given, tuple):
                facts[domain_fact] = tuple(sorted({str(domain) for domain in given}))
            settle(domain_fact, domains)
            settle(count_fact, float(len(addresses)))


def read_line(text: str, catalogue: Catalogue, line: int) -> Record:
    """One line of a facts file. A line that is no JSON object gives a record with that problem and no facts."""

    def broken(why: str) -> Record:
        return Record(id=f"line {line}", facts={}, problems=(f"line {line}: {why}",), line=line)

    if any("\ud800" <= character <= "\udfff" for character in text):
        return broken("not valid UTF-8")
    if len(text) > MAX_LINE_CHARACTERS:
        return broken(f"longer than {MAX_LINE_CHARACTERS} characters")
    try:
        data = json.loads(text, object_pairs_hook=_no_repeats, parse_constant=_refuse_constant)
    except json.JSONDecodeError as problem:
        return broken(f"not JSON: {problem.msg} at column {problem.colno}")
    except (_Repeated, ValueError) as problem:
        return broken(str(problem))
    except RecursionError:
        return broken("nested too deeply")
    if not isinstance(data, dict):
        return broken(f'{_kind(data)}, not a JSON object such as {{"id": "c1", "contact.tags": ["vip"]}}')
    return read_record(data, catalogue, line=line)


def read_lines(lines: Iterable[str], catalogue: Catalogue) -> Iterator[Record]:
    """Every record of a facts file, in order; blank lines are passed over, line numbers count from 1."""
    for number, text in enumerate(lines, 1):
        stripped = text.strip("\ufeff \t\r\n")
        if stripped:
            yield read_line(stripped, catalogue, number)
