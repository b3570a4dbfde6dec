"""Token types in words, for problem messages."""

from __future__ import annotations

from collections.abc import Iterable

_WORDS = {
    "QUOTED": 'a name in quotation marks ("…")',
    "ENT": "contacts, deals or companies",
    "NUM": "a number",
    "DUR": "a length of time (14 days)",
    "TAGGED": 'tagged "…"',
    "WHERE": "where …",
    "IF": "if …",
    "ONLYIF": "only if …",
    "EXC": "except / unless …",
    "AND": "and",
    "OR": "or",
    "BE": "is / are",
    "HAVE": "has / have",
    "WITH": "with",
    "PREP": "in / at",
    "SILENT": "silent for …",
    "OPV": "an operation (enrich, archive, …)",
    "FACT": "a fact (stage, owner, amount, …)",
    "MONEY": "an amount ($10,000)",
    "WITHIN": "within …",
    "NOTIFY": "notify me first",
    "QUEUE": "queue drafts for review",
    "DATE": "a date (2026-03-01)",
    "ZONE": "a time zone (Europe/Berlin)",
    "PERDAY": "per day",
    "PERRUN": "per run",
    "TO": "to",
    "FOR": "for",
    "GT": "more than",
    "LE": "at most",
    "GE": "at least",
    "CREDITS": "credits",
    "WHOSE": "whose …",
    "TV": "created / updated / …",
    "AGO": "ago",
    "EMAILOBJ": "follow-ups / messages",
    "BOUNCED": "bounced",
    "RPAR": "a closing parenthesis",
    "EMAILN": "emails",
    "EMPTYW": "empty",
    "DOMAIN": "a domain (acme.com)",
    "TIMERANGE": "hours (9:00-17:00)",
    "WEEKDAYS": "weekdays",
    "DET": "the / a / any",
    "VAL": "a known value (qualified, Germany, …)",
    "POSTGE": "or more",
    "PCT": "a percentage",
    "TAGN": 'the tag "…"',
    "AHOUR": "an hour",
    "ENTPOSS": "the contact's …",
    "THAT": "that …",
    "COUNTN": "employees",
    "COMMA": "a comma",
    "OF": "of",
    "BEFORE": "before",
    "NOTIFYBARE": "notify me …",
    "AUTO": "automatically",
}


def describe(expected: Iterable[str], most: int = 7) -> str:
    """What could stand here, most useful first."""
    names = set(expected)
    found = [words for token, words in _WORDS.items() if token in names]
    if not found:
        return "the end of the statement"
    return ", ".join(found[:most]) + (", …" if len(found) > most else "")
