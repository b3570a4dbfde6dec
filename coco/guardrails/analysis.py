"""Checks on whole rules, by an SMT solver (z3): can a rule ever apply, does it always, do two overlap, and is a new
version stricter or looser than the old one. Every answer comes with a concrete record that the evaluator confirms.

The translation has one variable for each fact: a name is one of the names that the rules mention, or another; a list
is which of the mentioned entries it has, and whether it has others; a timestamp is its distance from `now`. A time
window is the minute of the week in its zone. Caps are compared by number, modes by how much they leave to the owner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any, Literal
from zoneinfo import ZoneInfo

from .calendar_bounds import Bounds, candidates
from .catalogue import Catalogue, FactType
from .evaluate import SECOND, evaluate
from .form import (
    Age,
    Ahead,
    And,
    AtLeast,
    Calendar,
    Clock,
    Count,
    Empty,
    Form,
    Has,
    Is,
    Moment,
    Not,
    Number,
    Only,
    Or,
    Order,
    Predicate,
    Share,
    Truth,
    Weekly,
    atoms,
    full_predicate,
)
from .records import microseconds, moment_of, read_record
from .requirements import Requirement, form_requirements

z3: Any = import_module("z3")  # the package is only partly typed

Relation = Literal["stricter", "looser", "equivalent", "incomparable", "unknown"]
MOMENT = datetime(2026, 11, 24, 10, tzinfo=UTC)
TIMEOUT_MS = 5_000
MAX_MAIL = 40
_YEARS = (microseconds(datetime(2020, 1, 1, tzinfo=UTC)), microseconds(datetime(2100, 1, 1, tzinfo=UTC)))


@dataclass(frozen=True)
class Witness:
    """A record (facts as in a facts file) that shows a difference, confirmed by the evaluator."""

    facts: dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """How a new rule relates to an old one. `only_new` is covered by the new rule alone, `only_old` by the old alone.
    `reasons` name what else differs: caps, mode."""

    relation: Relation
    only_new: Witness | None
    only_old: Witness | None
    reasons: tuple[str, ...] = ()


class Unconfirmed(Exception):
    """The solver's record is not what the evaluator says: the analysis gives no answer rather than a wrong one."""


class _World:
    """The z3 variables of some rules, and the way back from a model to a record."""

    def __init__(self, forms: list[Form], catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.now = z3.Int("now")
        self.names: dict[str, list[str]] = {}
        self.zones: dict[str, Any] = {}
        self.facts: set[str] = set()
        for form in forms:
            for atom in atoms(full_predicate(form)):
                self._mention(atom.fact, getattr(atom, "values", ()))
            for need in form_requirements(form, catalogue):
                if need.kind == "equals":
                    self._mention(need.fact, (need.value,))
            for covered in form.operations:
                self._mention("action.operation", (covered.operation,))
                for fact, value in covered.arguments:
                    self._mention(fact, (value,))
            if form.connector is not None:
                self._mention("action.connector", (form.connector,))
            if form.window.weekly is not None:
                zone = form.window.weekly.zone
                self.zones.setdefault(zone, z3.Int(f"week:{zone}"))
        mentioned = [atom for form in forms for atom in atoms(full_predicate(form))]
        self.calendar = Bounds(atom for atom in mentioned if isinstance(atom, Calendar))
        # Dates, days of the calendar and hours come out differently at another moment, so none is taken for all.
        self.dates = sorted({atom.at for atom in mentioned if isinstance(atom, Moment)})
        self.tried = bool(self.calendar) or bool(self.dates and self.zones)
        self.free = bool(self.dates) and not self.tried
        self.axioms = [self.now >= _YEARS[0], self.now <= _YEARS[1]] if self.free or self.tried else []
        self.axioms += self.calendar.always()
        self.axioms += [z3.And(minute >= 0, minute < 7 * 1440) for minute in self.zones.values()]
        for fact in self.facts:
            self.axioms += self._axioms(fact)
        self.record_of: dict[str, Any] = {form.target: z3.Bool(f"record:{form.target}") for form in forms}
        for entity, there in self.record_of.items():
            for fact in self.facts:
                if fact.startswith(f"{entity}."):
                    self.axioms.append(z3.Implies(self.known(fact), there))

    def _mention(self, fact: str, values: tuple[str, ...]) -> None:
        self.facts.add(fact)
        listed = self.names.setdefault(fact, [])
        listed.extend(value for value in values if value not in listed)

    # variables
    def present(self, fact: str) -> Any:
        return z3.Bool(f"present:{fact}")

    def null(self, fact: str) -> Any:
        return z3.Bool(f"null:{fact}")

    def known(self, fact: str) -> Any:
        if fact == "now":
            return z3.BoolVal(True)
        return z3.And(self.present(fact), z3.Not(self.null(fact)))

    def choice(self, fact: str) -> Any:
        return z3.Int(f"name:{fact}")

    def number(self, fact: str) -> Any:
        return z3.Real(f"number:{fact}")

    def age(self, fact: str) -> Any:
        return z3.Int(f"age:{fact}")

    def entry(self, fact: str, value: str) -> Any:
        return z3.Bool(f"entry:{fact}:{value}")

    def other(self, fact: str) -> Any:
        return z3.Bool(f"other:{fact}")

    def trues(self, fact: str) -> Any:
        return z3.Int(f"true:{fact}")

    def size(self, fact: str) -> Any:
        return z3.Int(f"size:{fact}")

    def truth(self, fact: str) -> Any:
        return z3.Bool(f"truth:{fact}")

    def nonempty(self, fact: str) -> Any:
        if self.catalogue.fact(fact).type is FactType.BOOLEANS:
            return self.size(fact) > 0
        return z3.Or(self.other(fact), *[self.entry(fact, value) for value in self.names[fact]])

    def _axioms(self, fact: str) -> list[Any]:
        declared = self.catalogue.fact(fact)
        match declared.type:
            case FactType.BOOLEANS:
                return [self.trues(fact) >= 0, self.trues(fact) <= self.size(fact), self.size(fact) <= MAX_MAIL]
            case FactType.FRACTION:
                return [self.number(fact) >= 0, self.number(fact) <= 1]
            case FactType.INTEGER:
                return [z3.IsInt(self.number(fact)), self.number(fact) >= 0, self.number(fact) <= 10**9]
            case FactType.NUMBER:
                low = -(10**12) if declared.minimum is None else declared.minimum
                return [self.number(fact) >= low, self.number(fact) <= 10**12]
            case FactType.TIMESTAMP if fact == "now":
                return [self.age(fact) == 0]
            case FactType.TIMESTAMP:
                century = 30 * 366 * 86_400 * SECOND
                return [self.age(fact) >= -century, self.age(fact) <= century]
            case FactType.NAME | FactType.COUNTRY | FactType.CURRENCY | FactType.EMAIL | FactType.DOMAIN:
                return [self.choice(fact) >= -1, self.choice(fact) < len(self.names[fact])]
        return []

    # formulas
    def covers(self, form: Form) -> Any:
        """The rule covers the action (caps aside)."""
        parts = [self._need(need) for need in form_requirements(form, self.catalogue)]
        parts.append(self._predicate(full_predicate(form)))
        if form.window.weekly is not None:
            parts.append(self._weekly(form.window.weekly))
        if form.connector is not None:
            parts.append(self._is("action.connector", (form.connector,)))
        parts.append(
            z3.Or(
                *[
                    z3.And(
                        self._is("action.operation", (covered.operation,)),
                        *[self._is(fact, (value,)) for fact, value in covered.arguments],
                    )
                    for covered in form.operations
                ]
            )
        )
        return z3.And(*parts)

    def _is(self, fact: str, values: tuple[str, ...]) -> Any:
        return z3.And(self.known(fact), z3.Or(*[self.choice(fact) == self.names[fact].index(v) for v in values]))

    def _weekly(self, weekly: Weekly) -> Any:
        minute = self.zones[weekly.zone]
        start, end = weekly.start, weekly.end
        stretches = [(start, end)] if start < end else [(start, 1440), (0, end)]
        return z3.Or(
            *[
                z3.And(minute >= day * 1440 + begins, minute < day * 1440 + ends)
                for day in weekly.days
                for begins, ends in stretches
            ]
        )

    def _need(self, need: Requirement) -> Any:
        match need.kind:
            case "record":
                return self.record_of[need.fact]
            case "present":
                return self.present(need.fact)
            case "known":
                return self.known(need.fact)
            case "past":
                return self.age(need.fact) >= 0
            case "some":
                return self.nonempty(need.fact)
            case "equals":
                return self._is(need.fact, (need.value,))
            case "alone" if need.fact in self.facts:
                return z3.Or(z3.Not(self.known(need.fact)), self.number(need.fact) <= 1)
            case "theirs" if need.fact in self.facts and need.value in self.facts:
                return self._theirs(need.fact, need.value)
            case "alone" | "theirs":  # no rule speaks of it, so no witness has it
                return z3.BoolVal(True)

    def _theirs(self, people: str, own: str) -> Any:
        """Everyone in the list is the one address, where both are known."""
        same = [
            z3.Implies(
                self.entry(people, address),
                self.choice(own) == self.names[own].index(address) if address in self.names[own] else z3.BoolVal(False),
            )
            for address in self.names[people]
        ]
        same.append(z3.Implies(self.other(people), self.choice(own) == -1))
        nobody = z3.Not(self.nonempty(people))
        return z3.Or(
            z3.Not(self.known(people)),
            nobody,
            z3.Not(self.present(own)),
            z3.And(z3.Not(self.null(own)), *same),
        )

    def _predicate(self, predicate: Predicate) -> Any:
        match predicate:
            case And(items=items):
                return z3.And(*[self._predicate(item) for item in items])
            case Or(items=items):
                return z3.Or(*[self._predicate(item) for item in items])
            case Not(item=item):
                return z3.Not(self._predicate(item))
            case AtLeast(least=least, items=items):
                return z3.Sum([z3.If(self._predicate(item), 1, 0) for item in items]) >= least
            case Is(fact=fact, values=values):
                return z3.Or(*[self.choice(fact) == self.names[fact].index(value) for value in values])
            case Has(fact=fact, values=values, least=least):
                return z3.Sum([z3.If(self.entry(fact, value), 1, 0) for value in values]) >= least
            case Only(fact=fact, values=values):
                strangers = [self.entry(fact, value) for value in self.names[fact] if value not in values]
                return z3.And(self.nonempty(fact), z3.Not(z3.Or(self.other(fact), *strangers)))
            case Number(fact=fact, order=order, value=value):
                return _ordered(self.number(fact), order, z3.RealVal(repr(value)))
            case Age(fact=fact, order=order, seconds=seconds):
                return _ordered(self.age(fact), order, seconds * SECOND)
            case Ahead(fact=fact, order=order, seconds=seconds):
                return z3.And(self.age(fact) <= 0, _ordered(-self.age(fact), order, seconds * SECOND))
            case Moment(fact=fact, order=order, at=at):
                return _ordered(self.now - self.age(fact), order, microseconds(at))
            case Calendar(fact=fact):
                return self.calendar.holds(predicate, -self.age(fact))
            case Clock(fact=fact, days=days, start=start, end=end, zone=zone):
                # left free: a witness that the evaluator does not confirm is not reported
                return z3.Bool(f"clock:{fact}:{days}:{start}:{end}:{zone}")
            case Truth(fact=fact):
                return self.truth(fact)
            case Empty(fact=fact):
                if self.catalogue.fact(fact).type.is_list:
                    return z3.Or(self.null(fact), z3.Not(self.nonempty(fact)))
                return self.null(fact)
            case Count(fact=fact, order=order, number=number):
                return _ordered(self.trues(fact), order, number)
            case Share(fact=fact, order=order, per_myriad=share):
                return _ordered(self.trues(fact) * 10_000, order, self.size(fact) * share)
        raise TypeError(f"not a predicate: {predicate!r}")

    # back to a record
    def at(self, now: datetime) -> list[Any]:
        """What is true when this is `now`."""
        found = [self.now == microseconds(now), *self.calendar.at(now)]
        for zone, minute in self.zones.items() if self.tried else ():
            local = now.astimezone(ZoneInfo(zone))
            found.append(minute == local.weekday() * 1440 + local.hour * 60 + local.minute)
        return found

    def facts_of(self, model: Any) -> dict[str, Any]:
        def value(term: Any) -> Any:
            return model.eval(term, model_completion=True)

        now = moment_of(value(self.now).as_long())
        for zone, minute in self.zones.items() if not self.tried else ():
            now = _moment_at(zone, value(minute).as_long())
        facts: dict[str, Any] = {"now": now.isoformat()}
        for entity, there in self.record_of.items():
            if entity != "action" and z3.is_true(value(there)):
                facts[f"{entity}.id"] = "w"
        for fact in sorted(self.facts):
            if fact == "now" or not z3.is_true(value(self.present(fact))):
                continue
            facts[fact] = None if z3.is_true(value(self.null(fact))) else self._value(fact, value, now)
        return facts

    def _value(self, fact: str, value: Callable[[Any], Any], now: datetime) -> Any:
        declared = self.catalogue.fact(fact)
        match declared.type:
            case FactType.TIMESTAMP:
                return moment_of(microseconds(now) - value(self.age(fact)).as_long()).isoformat()
            case FactType.BOOLEAN:
                return z3.is_true(value(self.truth(fact)))
            case FactType.BOOLEANS:
                trues, size = value(self.trues(fact)).as_long(), value(self.size(fact)).as_long()
                return [True] * trues + [False] * (size - trues)
            case FactType.NUMBER | FactType.INTEGER | FactType.FRACTION:
                found = value(self.number(fact)).as_fraction()
                return int(found) if found.denominator == 1 else float(found)
            case FactType.NAMES | FactType.EMAILS | FactType.DOMAINS:
                entries = [name for name in self.names[fact] if z3.is_true(value(self.entry(fact, name)))]
                others = {FactType.NAMES: "something else", FactType.EMAILS: "else@elsewhere.example"}
                if z3.is_true(value(self.other(fact))):
                    entries.append(others.get(declared.type, "elsewhere.example"))
                return entries
        index = value(self.choice(fact)).as_long()
        if index >= 0:
            return self.names[fact][index]
        return self._another(fact, declared.type)

    def _another(self, fact: str, kind: FactType) -> str:
        options = {
            FactType.COUNTRY: ["IS", "MN", "UY", "MT", "NP"], FactType.CURRENCY: ["XXX", "XTS"],
            FactType.EMAIL: ["else@elsewhere.example"], FactType.DOMAIN: ["elsewhere.example"],
        }.get(kind, ["something else"])  # fmt: skip
        return next(option for option in [*options, "another thing"] if option not in self.names[fact])


def _ordered(left: Any, order: Order, right: Any) -> Any:
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


def _moment_at(zone: str, minute: int) -> datetime:
    local = datetime(2026, 11, 23, tzinfo=ZoneInfo(zone)) + timedelta(days=minute // 1440)  # a Monday
    return local.replace(hour=minute % 1440 // 60, minute=minute % 60).astimezone(UTC)


def _witness(world: _World, formula: Any, covered: list[tuple[Form, bool]]) -> Witness | None:
    """A record for which the formula holds, None where there is none. Raises Unconfirmed."""
    solver = z3.Solver()
    solver.set("timeout", TIMEOUT_MS)
    solver.add(*world.axioms, formula)
    if not world.tried:
        if not world.free:
            solver.add(*world.at(MOMENT))
        return _found(world, solver, covered)
    if solver.check() == z3.unsat:
        return None
    problem = Unconfirmed("no record was found at the moments that were tried")
    for now in candidates(world.dates):
        solver.push()
        solver.add(*world.at(now))
        try:
            witness = _found(world, solver, covered)
        except Unconfirmed as found:
            problem, witness = found, None
        if witness is not None:
            return witness
        solver.pop()
    raise problem


def _found(world: _World, solver: Any, covered: list[tuple[Form, bool]]) -> Witness | None:
    outcome = solver.check()
    if outcome == z3.unsat:
        return None
    if outcome == z3.unknown:
        raise Unconfirmed(solver.reason_unknown())
    facts = world.facts_of(solver.model())
    record = read_record(facts, world.catalogue)
    for form, expected in covered:
        if evaluate(form, record, world.catalogue).covered is not expected:
            raise Unconfirmed(f"{facts} was expected to be {'covered' if expected else 'held'}")
    return Witness(facts)


def example(form: Form, catalogue: Catalogue) -> Witness | None:
    """A record that the rule covers; None when no record can be (a contradiction). Raises Unconfirmed."""
    world = _World([form], catalogue)
    return _witness(world, world.covers(form), [(form, True)])


def counterexample(form: Form, catalogue: Catalogue) -> Witness | None:
    """A record with all the facts the rule needs, of its operation, that it holds; None when it covers every such
    record. Raises Unconfirmed."""
    world = _World([form], catalogue)
    complete = [world.known(fact) for fact in world.facts if fact not in _emptiable(form)]
    complete += [world.present(fact) for fact in _emptiable(form)]
    frame = form.model_copy(update={"predicate": And(items=()), "window": type(form.window)()})
    needs = [world._need(need) for need in form_requirements(form, catalogue)]
    formula = z3.And(world.covers(frame), *complete, *needs, z3.Not(world.covers(form)))
    return _witness(world, formula, [(form, False)])


def _emptiable(form: Form) -> set[str]:
    found = {atom.fact for atom in atoms(full_predicate(form)) if isinstance(atom, Empty)}
    return found - {atom.fact for atom in atoms(full_predicate(form)) if not isinstance(atom, Empty)}


def overlap(one: Form, other: Form, catalogue: Catalogue) -> Witness | None:
    """A record that both rules cover; None when there is none. Raises Unconfirmed."""
    world = _World([one, other], catalogue)
    return _witness(world, z3.And(world.covers(one), world.covers(other)), [(one, True), (other, True)])


def compare_forms(old: Form, new: Form, catalogue: Catalogue) -> Comparison:
    """How the new rule relates to the old: `looser` covers all the old did and more, and so on."""
    world = _World([old, new], catalogue)
    was, becomes = world.covers(old), world.covers(new)
    try:
        only_new = _witness(world, z3.And(becomes, z3.Not(was)), [(new, True), (old, False)])
        only_old = _witness(world, z3.And(was, z3.Not(becomes)), [(old, True), (new, False)])
    except Unconfirmed as problem:
        return Comparison("unknown", None, None, (str(problem),))
    frame = [*_caps(old, new), _mode(old, new)]
    reasons = tuple(text for _, text in frame if text)
    looser = only_new is not None or any(sign > 0 for sign, _ in frame)
    stricter = only_old is not None or any(sign < 0 for sign, _ in frame)
    relation: Relation = (
        "incomparable" if looser and stricter else "looser" if looser else "stricter" if stricter else "equivalent"
    )
    return Comparison(relation, only_new, only_old, reasons)


def _sign(old: float, new: float) -> int:
    return (new > old) - (new < old)


def _caps(old: Form, new: Form) -> list[tuple[int, str]]:
    found = []
    none = float("inf")
    before: dict[str, float] = {f"actions per {per}": number for per, number in old.limits.actions}
    before |= {f"credits per {per}": number for per, number in old.limits.credits}
    after: dict[str, float] = {f"actions per {per}": number for per, number in new.limits.actions}
    after |= {f"credits per {per}": number for per, number in new.limits.credits}
    for limits, caps in ((old.limits, before), (new.limits, after)):
        if limits.credits_per_action is not None:
            caps["credits per action"] = limits.credits_per_action
    for name in sorted({*before, *after}):
        left, right = before.get(name, none), after.get(name, none)
        if left != right:
            shown = [("no cap" if number == none else f"{number:g}") for number in (left, right)]
            found.append((_sign(left, right), f"{name}: {shown[0]} before, {shown[1]} now"))
    return found


def _mode(old: Form, new: Form) -> tuple[int, str]:
    def freedom(form: Form) -> tuple[float, ...]:
        rank = {"draft_only": 0, "notify_first": 1, "run": 2}[form.mode]
        return (rank, -(form.wait_hours or 0), float(form.run_when_offline))

    left, right = freedom(old), freedom(new)
    if left == right:
        return (0, "")
    sign = (right > left) - (right < left)
    return (sign, f"mode: {_mode_text(old)} before, {_mode_text(new)} now")


def _mode_text(form: Form) -> str:
    wait = (
        f" (wait {form.wait_hours:g} hours{', also offline' if form.run_when_offline else ''})"
        if form.wait_hours
        else ""
    )
    return form.mode + wait
