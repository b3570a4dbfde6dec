"""The words and phrases of guardrail English (`phrases.toml`), and the token each becomes. Longest phrase wins.

A few words are listed with the reason why no rule may contain them (`refused.toml`): these are reported with
that reason rather than as unknown.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from ..catalogue import Catalogue
from ..countries import DISPLAY
from . import caps, modes
from .literals import words_of
from .permissions import by_itself, forbidding, permitting, permitting_doing

Entry = tuple[str, object]


def _data(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath(name).read_text("utf-8"))


_FILE = _data("phrases.toml")
MOMENTS: dict[str, list[str]] = _FILE.pop("moments")  # English of a moment, by field of the target record
OBJECTS: dict[str, list[str]] = _FILE.pop("objects")  # what can be made, by the object of Operation.objects
PHRASES: dict[str, list[str]] = _FILE

_DAYS = (
    "monday|mondays|mon", "tuesday|tuesdays|tue|tues", "wednesday|wednesdays|wed", "thursday|thursdays|thu|thurs",
    "friday|fridays|fri", "saturday|saturdays", "sunday|sundays",
)  # fmt: skip
DAYS = {name: index for index, names in enumerate(_DAYS) for name in names.split("|")}
ENTITIES: dict[str, str] = {
    "contact": "contact|contacts|people|persons|folks|individuals|contact record|contact records",
    "deal": "deal|deals|opportunity|opportunities|deal record|deal records",
    "company": "company|companies|company record|company records|account record|account records|"
    "account|accounts|organization|organizations|organisation|organisations",
}
LIFECYCLE_ENTITIES = {
    "lead": "lead|leads|lead record|lead records",
    "customer": "customer|customers|customer record|customer records",
    "subscriber": "subscriber|subscribers",
    "marketing qualified lead": "mql|mqls|marketing qualified leads",
    "sales qualified lead": "sql|sqls|sales qualified leads",
}

COUNTS = {
    "company.employees": "employees|staff|employee",
    "contact.score": "points|lead points",
    "action.attendee_count": "attendees|attendee|guests|participants|invitees|participant|guest",
}

# a deal that is won or lost, beside "won" and "lost" themselves
CLOSINGS = (
    "closes {}", "closes as {}", "closed as {}", "is closed as {}", "was closed as {}", "has closed {}",
    "were closed as {}", "are closed as {}", "have closed {}", "close as {}",
)  # fmt: skip

_REFUSED = _data("refused.toml")
# word -> (why no rule may contain it, what to write instead)
VAGUE: dict[str, tuple[str, str]] = {
    word: (reason["why"], reason["instead"]) for reason in _REFUSED["reason"] for word in reason["words"]
}
UNKNOWN_OPERATIONS = frozenset(_REFUSED["operations"]["unknown"])


# lifecycle stages that are kinds of contact in the grammar ("leads", "a customer")
_NOT_VALUES = frozenset({"lead", "customer", "opportunity", "subscriber", "mql", "sql"})


@dataclass(frozen=True)
class Vocabulary:
    """Phrases (as tuples of lower-case words) to tokens, for one catalogue."""

    phrases: dict[tuple[str, ...], Entry]
    longest: int
    words: frozenset[str]


def build_vocabulary(catalogue: Catalogue) -> Vocabulary:
    """The vocabulary of a catalogue: the fixed phrases, its nouns, values, operations and connectors."""
    phrases: dict[tuple[str, ...], Entry] = {}

    def put(text: str, kind: str, value: object = None, *, override: bool = False) -> None:
        key = words_of(text)
        if key and (override or key not in phrases):
            phrases[key] = (kind, value)

    def put_all(texts: Iterable[str], kind: str, value: object = None) -> None:
        for text in texts:
            put(text, kind, value)

    for entity, names in ENTITIES.items():
        put_all(names.split("|"), "ENT", entity)
        for name in names.split("|"):
            put(name + "'s", "ENTPOSS", entity)
            put(name + "'", "ENTPOSS", entity)
    for stage, names in LIFECYCLE_ENTITIES.items():
        put_all(names.split("|"), "ENTLC", stage)
    for how in ("won", "lost"):
        put_all((text.format(how) for text in CLOSINGS), "CLOSEDAS", how)
    put("the action", "THEACTION")
    put("the action's", "ACTIONPOSS")
    for field, moments in MOMENTS.items():
        put_all(moments, "TV", field)
    for noun, texts in OBJECTS.items():
        put_all(texts, "OBJ", noun)
    for kind, texts in PHRASES.items():
        put_all(texts, kind, None)
    for kind, made in (
        ("NEVERDO", forbidding()),
        ("PERM", permitting()),
        ("PERMGER", permitting_doing()),
        ("AUTO", by_itself()),
        ("QUEUE", modes.queue_phrases()),
        ("NOSEND", modes.no_send_phrases()),
        ("NOTIFY", modes.notify_phrases()),
        ("NOTIFYBARE", modes.told_phrases()),
        ("GIVEME", modes.notice_phrases()),
        ("LIMITTO", caps.cap_phrases()),
        ("LIMITPER", caps.period_phrases()),
        ("FREEW", caps.free_phrases()),
        ("ASKFIRST", modes.approval_phrases()),
        ("OFNOTICE", modes.since_told_phrases()),
    ):
        put_all(made, kind)
    _facts(catalogue, put)
    for fact, names in COUNTS.items():
        put_all(names.split("|"), "COUNTN", fact)
    for kind in ("verbs", "gerunds", "participles"):
        forms: dict[str, list[str]] = {}
        for operation in catalogue.operations.values():
            for form in getattr(operation, kind):
                if form:
                    forms.setdefault(form, []).append(operation.name)
        for form, operations in forms.items():
            put(form, {"verbs": "OPV", "gerunds": "OPG", "participles": "OPP"}[kind], tuple(dict.fromkeys(operations)))
    _nominals(catalogue, put)
    for connector, spellings in catalogue.connectors.items():
        put_all(spellings, "CONNECTOR", connector)
    put_all(DAYS, "DAY")
    for name, index in DAYS.items():
        put(name, "DAY", index, override=True)
    words = frozenset(word for key in phrases for word in key if word.isalpha() and len(word) > 2)
    return Vocabulary(phrases, max(len(key) for key in phrases), words)


# what is done, as a noun: "run enrichment on …", "archival of … is fine"
_NOMINALS = {"enrich": "enrichment", "archive": "archival", "delete": "deletion"}
_DOING = (
    "run", "running", "do", "doing", "start", "starting", "trigger", "triggering", "perform", "performing",
    "carry out", "carrying out", "execute", "launch", "kick off",
)  # fmt: skip


def _nominals(catalogue: Catalogue, put: Callable[[str, str, object], None]) -> None:
    for verb, noun in _NOMINALS.items():
        names = tuple(o.name for o in catalogue.operations.values() if verb in o.verbs)
        if not names:
            continue
        put(noun, "OPG", names)
        put(f"the {noun}", "OPG", names)
        for doing in _DOING:
            for article in ("", "an ", "the "):
                for one in (noun, f"{noun}s"):
                    for preposition in ("on", "for", "of"):
                        put(f"{doing} {article}{one} {preposition}", "OPV", names)


def _plural(noun: str) -> str:
    """ "phone numbers", "cities" """
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"


def _facts(catalogue: Catalogue, put: object) -> None:
    assert callable(put)
    nouns: dict[str, list[str]] = {}
    values: dict[str, dict[str, str]] = {}
    for fact in catalogue.facts.values():
        for noun in fact.nouns:
            nouns.setdefault(noun, []).append(fact.name)
        for word, value in fact.values.items():
            values.setdefault(word, {})[fact.name] = value
    for noun, names in nouns.items():
        if noun in {"email", "e-mail", "company"}:
            continue  # these are also a message and a record: the grammar places them
        put(noun, "FACT", tuple(names))
        if noun != "lead score":  # "a lead scores above 80"
            put(_plural(noun), "FACT", tuple(names))
    for word, meaning in values.items():
        if word not in _NOT_VALUES:
            put(word, "VAL", tuple(sorted(meaning.items())))


# two capital letters that are also a word, or a shout, are no country
COUNTRY_CODES = frozenset(DISPLAY) - frozenset("IN IT IS NO AT BE AM AS DO ME MY SO TO BY US".split())  # noqa: SIM905
