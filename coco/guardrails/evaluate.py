"""The verdict: does this rule cover this record's action, and why. Pure, deterministic, and linear in the rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from .calendars import falls
from .catalogue import Catalogue
from .form import (
    Age,
    Ahead,
    And,
    AtLeast,
    Atom,
    Calendar,
    Clock,
    Count,
    Empty,
    Form,
    Has,
    Is,
    Limits,
    Moment,
    Not,
    Number,
    Only,
    Or,
    Order,
    Per,
    Predicate,
    Share,
    Truth,
    Weekly,
    atoms,
    full_predicate,
)
from .reading import clause_text
from .records import Record, Value, fold, microseconds, moment_of
from .requirements import Requirement, form_requirements

SECOND = 1_000_000
FRAME_FACTS = (
    "action.operation", "action.connector", "action.stage", "action.tag", "action.owner", "action.list",
    "action.sequence", "action.channel", "action.object", "action.host",
)  # fmt: skip


@dataclass(frozen=True)
class Clause:
    """One condition of the rule: its English, whether it held (None where it could not be looked at), the facts."""

    text: str
    held: bool | None
    facts: Mapping[str, object]


@dataclass(frozen=True)
class Verdict:
    covered: bool
    why: str
    clauses: tuple[Clause, ...] = ()


def compare(left: float, order: Order, right: float) -> bool:
    """`left ORDER right`."""
    match order:
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case ">=":
            return left >= right
        case "==":
            return left == right


def holds(predicate: Predicate, facts: Mapping[str, Value]) -> bool:
    """The predicate's value. Call only when all its requirements are met; raises KeyError or TypeError otherwise."""
    match predicate:
        case And(items=items):
            return all(holds(item, facts) for item in items)
        case Or(items=items):
            return any(holds(item, facts) for item in items)
        case Not(item=item):
            return not holds(item, facts)
        case AtLeast(least=least, items=items):
            return sum(holds(item, facts) for item in items) >= least
    return _atom_holds(predicate, facts[predicate.fact], facts)


def _atom_holds(atom: Atom, value: Value, facts: Mapping[str, Value]) -> bool:
    match atom, value:
        case Empty(), None | ():
            return True
        case Empty(), _:
            return False
        case Is(values=values), str():
            return value in values
        case Has(values=values, least=least), tuple():
            return sum(wanted in value for wanted in values) >= least
        case Only(values=values), tuple():
            return bool(value) and all(entry in values for entry in value)
        case Number(order=order, value=wanted), float():
            return compare(value, order, wanted)
        case Truth(), bool():
            return value
        case Count(order=order, number=number), tuple():
            return compare(sum(entry is True for entry in value), order, number)
        case Share(order=order, per_myriad=share), tuple():
            return compare(sum(entry is True for entry in value) * 10_000, order, share * len(value))
        case Moment(order=order, at=at), int():
            return compare(value, order, microseconds(at))
        case Clock(), int():
            return weekly_open(atom, value)
        case ((Age() | Ahead() | Calendar()), int()):
            now = facts["now"]
            if isinstance(now, int):
                if isinstance(atom, Calendar):
                    return falls(atom, value, now)
                if isinstance(atom, Age):
                    return compare(now - value, atom.order, atom.seconds * SECOND)
                return value >= now and compare(value - now, atom.order, atom.seconds * SECOND)
    raise TypeError(f"{atom.fact} holds {value!r}, which {atom.kind} cannot compare")


def weekly_open(weekly: Weekly | Clock, now: int) -> bool:
    """Is this instant inside the weekly window?"""
    moment, zone = moment_of(now), ZoneInfo(weekly.zone)
    local = (moment if moment.year < 9999 else moment - timedelta(days=7)).astimezone(zone)  # 9999-12-31 has no morrow
    minute = local.hour * 60 + local.minute
    if weekly.start < weekly.end:
        return local.weekday() in weekly.days and weekly.start <= minute < weekly.end
    return local.weekday() in weekly.days and (minute >= weekly.start or minute < weekly.end)


def unmet(requirement: Requirement, facts: Mapping[str, Value]) -> str | None:
    """Why a requirement is not met, or None when it is."""
    fact = requirement.fact
    if requirement.kind == "record":
        prefix = f"{fact}."
        known = any(value is not None and name.startswith(prefix) for name, value in facts.items())
        return None if known else f"the record has no facts of a {fact}"
    if requirement.kind in {"alone", "theirs"}:
        return _not_theirs(requirement, facts)
    if fact not in facts:
        return f"{fact} is missing"
    value = facts[fact]
    match requirement.kind:
        case "known" if value is None:
            return f"{fact} is null (unknown)"
        case "past":
            now = facts.get("now")
            if value is None:
                return f"{fact} is null (unknown)"
            if now is None:
                return "now is missing" if "now" not in facts else "now is null (unknown)"
            if not isinstance(value, int) or not isinstance(now, int) or value > now:
                return f"{fact} lies after now, so it cannot be right"
        case "some" if value == ():
            return f"{fact} is an empty list, which shows nothing"
        case "equals" if value is None:
            return f"{fact} is null (unknown)"
        case "equals" if value != requirement.value:
            return f"{fact} is {value}, not {requirement.value}"
    return None


def _not_theirs(requirement: Requirement, facts: Mapping[str, Value]) -> str | None:
    """Why what is sent does not go to the record's contact alone, or None."""
    given, people = facts.get(requirement.fact), "invited" if "attendee" in requirement.fact else "written to"
    if requirement.kind == "alone":
        if isinstance(given, float) and given > 1:
            return f"{requirement.fact} is {given:g}: the record says nothing of the others that are {people}"
        return None
    if not given or requirement.value not in facts:
        return None
    own = facts[requirement.value]
    strangers = [str(one) for one in given if one != own] if isinstance(given, tuple) else []
    if not strangers:
        return None
    return f"{strangers[0]} is {people}, and is not {requirement.value}, so the record says nothing of them"


def _shown(value: Value, fact: str, catalogue: Catalogue) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return moment_of(value).isoformat().replace("+00:00", "Z")
    return list(value) if isinstance(value, tuple) else value


def _top_clauses(predicate: Predicate) -> tuple[Predicate, ...]:
    return predicate.items if isinstance(predicate, And) else (predicate,)


def _facts_of(predicate: Predicate, facts: Mapping[str, Value], catalogue: Catalogue) -> dict[str, object]:
    found: dict[str, object] = {}
    for atom in atoms(predicate):
        if atom.fact in facts:
            found[atom.fact] = _shown(facts[atom.fact], atom.fact, catalogue)
    return found


def frame_problem(form: Form, record: Record, catalogue: Catalogue, assumed: frozenset[str]) -> str | None:
    """Why the action is not one that the rule is about, or None.

    `assumed` names frame facts that are taken to be as the rule says when the record has none: for asking "what if the
    rule's own operation were proposed for this record". Nothing is assumed where a grant is at stake.
    """
    facts = record.facts
    candidates = list(form.operations)
    if "action.operation" in facts:
        given = facts["action.operation"]
        named = catalogue.operations_named(given) if isinstance(given, str) else ()
        if not named:
            return f"action.operation {given!r} is no operation of the catalogue"
        candidates = [covered for covered in candidates if covered.operation in named]
        if not candidates:
            ours = ", ".join(covered.operation for covered in form.operations)
            return f"the action is {named[0] if len(named) == 1 else given}, the rule covers only {ours}"
    elif "action.operation" not in assumed:
        return "action.operation is missing"
    if form.connector is not None:
        if "action.connector" in facts:
            if facts["action.connector"] != form.connector:
                return f"action.connector is {facts['action.connector']}, the rule is for {form.connector}"
        elif "action.connector" not in assumed:
            return "action.connector is missing"
    reasons = [_argument_problem(covered.arguments, facts, assumed) for covered in candidates]
    return None if None in reasons else reasons[0]


def _argument_problem(
    arguments: tuple[tuple[str, str], ...], facts: Mapping[str, Value], assumed: frozenset[str]
) -> str | None:
    for fact, wanted in arguments:
        if fact in facts:
            if facts[fact] != fold(wanted):
                return f'{fact} is {facts[fact]!r}, the rule covers only "{wanted}"'
        elif fact not in assumed:
            return f"{fact} is missing"
    return None


def evaluate(form: Form, record: Record, catalogue: Catalogue, *, assumed: frozenset[str] = frozenset()) -> Verdict:
    """The verdict on one record, limits aside (see `limits`), explained clause by clause."""
    if record.problems:
        return Verdict(False, "held: the record is malformed: " + "; ".join(record.problems))
    frame = frame_problem(form, record, catalogue, assumed)
    if frame is not None:
        return Verdict(False, f"held: {frame}")
    predicate = full_predicate(form)
    facts = record.facts
    missing = list(
        dict.fromkeys(
            reason for need in form_requirements(form, catalogue) if (reason := unmet(need, facts)) is not None
        )
    )
    now = facts.get("now")
    weekly = form.window.weekly
    if weekly is not None and not isinstance(now, int) and "now is missing" not in missing:
        missing.append("now is missing")
    if missing:
        return Verdict(False, "held: " + "; ".join(missing))
    clauses = [
        Clause(
            clause_text(part, catalogue, dict(form.spellings)), holds(part, facts), _facts_of(part, facts, catalogue)
        )
        for part in _top_clauses(predicate)
    ]
    if weekly is not None and isinstance(now, int):
        from .reading import weekly_text

        clauses.append(
            Clause(f"now is {weekly_text(weekly)}", weekly_open(weekly, now), {"now": _shown(now, "now", catalogue)})
        )
    failed = [clause for clause in clauses if not clause.held]
    if failed:
        return Verdict(
            False, "held: " + "; ".join(_said(clause, "not true that ") for clause in failed), tuple(clauses)
        )
    return Verdict(True, "covered: " + "; ".join(_said(clause, "") for clause in clauses), tuple(clauses))


def _said(clause: Clause, prefix: str) -> str:
    facts = ", ".join(f"{name} is {_short(value)}" for name, value in clause.facts.items())
    return f"{prefix}{clause.text}" + (f" ({facts})" if facts else "")


def _short(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, list):
        text = "[" + ", ".join(_short(entry) for entry in value[:8]) + (", …" if len(value) > 8 else "") + "]"
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, float):
        text = f"{value:g}" if abs(value) < 1e6 else f"{value:.2f}"
    else:
        text = str(value)
    return text if len(text) <= 120 else text[:117] + "…"


class Tally:
    """What has run under a rule so far, to hold its limits against.

    Facts `usage.*` of a record, where present, are the truth from the store; the tally adds what it has itself seen.
    """

    def __init__(self) -> None:
        self._seen: list[tuple[int | None, float]] = []

    def problem(self, limits: Limits, record: Record) -> str | None:
        """Why one more action would pass a limit, or None."""
        facts = record.facts
        cost = facts.get("action.credits")
        if (limits.credits or limits.credits_per_action is not None) and not isinstance(cost, float):
            return (
                "action.credits is missing"
                if cost is None and "action.credits" not in facts
                else "action.credits is null"
            )
        if limits.credits_per_action is not None and isinstance(cost, float) and cost > limits.credits_per_action:
            return f"action.credits is {cost:g}, the rule allows {limits.credits_per_action:g} an action"
        for per, most in limits.actions:
            used = self._used(facts, per, "actions")
            if isinstance(used, str):
                return used
            if used + 1 > most:
                return f"the limit of {most} per {per} is reached"
        for per, budget in limits.credits:
            used = self._used(facts, per, "credits")
            if isinstance(used, str):
                return used
            if isinstance(cost, float) and used + cost > budget:
                return f"the limit of {budget:g} credits per {per} would be passed ({used:g} used, {cost:g} more)"
        return None

    def add(self, record: Record) -> None:
        """Count a covered record."""
        now, cost = record.facts.get("now"), record.facts.get("action.credits")
        self._seen.append((now if isinstance(now, int) else None, cost if isinstance(cost, float) else 0.0))

    def _used(self, facts: Mapping[str, Value], per: Per, what: str) -> float | str:
        name = f"usage.{per}_{what}"
        given = facts.get(name, 0.0)
        if not isinstance(given, float):
            return f"{name} is null"
        now = facts.get("now")
        span = PERIOD_SECONDS[per]
        seen = [
            cost if what == "credits" else 1.0
            for at, cost in self._seen
            if span is None or at is None or not isinstance(now, int) or abs(now - at) < span * SECOND
        ]
        return max(given, sum(seen))


PERIOD_SECONDS: dict[Per, int | None] = {
    "run": None,
    "hour": 3600,
    "day": 86_400,
    "week": 7 * 86_400,
    "month": 31 * 86_400,
}
