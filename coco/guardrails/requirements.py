"""What must hold of the facts before a predicate may be looked at.

This is where "missing means not covered" lives: each requirement stands in front of the whole predicate, never inside
it, so no negation, alternative or empty list can turn an unknown into a cover.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .catalogue import Catalogue
from .form import Age, Ahead, Calendar, Empty, Form, Moment, Number, Only, Predicate, Share, atoms, full_predicate


@dataclass(frozen=True)
class Requirement:
    """`record`: some fact of the entity `fact` is known, so that the record is about one. `present`: the fact is in the
    record. `known`: and is not null. `past`: not after now. `some`: the list has
    entries. `equals`: the fact is `value`. `alone`: where the fact is known, it is at most 1. `theirs`: where the list
    and the fact `value` are known, each of its entries is that value."""

    kind: Literal["record", "present", "known", "past", "some", "equals", "alone", "theirs"]
    fact: str
    value: str = ""


def form_requirements(form: Form, catalogue: Catalogue) -> tuple[Requirement, ...]:
    """The requirements of a whole rule: those of its conditions, and that the record is of the rule's kind at all."""
    found = (*requirements(full_predicate(form), catalogue), *_addressees(form))
    if form.target == "action" or any(
        need.kind in {"known", "present"} and need.fact.startswith(_OF_RECORD[form.target]) for need in found
    ):
        return found
    return (Requirement("record", form.target), *found)


# What tells that there is such a record: its own facts, and for a contact those of the mail to it.
_OF_RECORD = {"contact": ("contact.", "email."), "deal": ("deal.",), "company": ("company.",)}

_PEOPLE = {"email.send": "recipient", "event.create": "attendee", "event.update": "attendee"}

_NAMED = frozenset(f"action.{one}{what}" for one in ("recipient", "attendee") for what in ("s", "_domains"))


def _addressees(form: Form) -> tuple[Requirement, ...]:
    """What is sent because of a record goes to nobody but its contact: a record says nothing of other people. A rule
    on deals or companies that says by address to whom ("email ops@acme.com when a deal is won") speaks of these."""
    named = (
        {atom.fact for atom in atoms(form.predicate) if isinstance(atom, Only)} if form.target != "contact" else set()
    )
    if form.target == "action" or not named.isdisjoint(_NAMED):
        return ()
    people = dict.fromkeys(_PEOPLE[one.operation] for one in form.operations if one.operation in _PEOPLE)
    return tuple(
        need
        for one in people
        for need in (
            Requirement("alone", f"action.{one}_count"),
            Requirement("theirs", f"action.{one}s", "contact.email"),
        )
    )


def requirements(predicate: Predicate, catalogue: Catalogue) -> tuple[Requirement, ...]:
    """The requirements of a predicate, in a fixed order, each once."""
    found: dict[Requirement, None] = {}
    for atom in atoms(predicate):
        if isinstance(atom, Empty):
            found[Requirement("present", atom.fact)] = None
            continue
        found[Requirement("known", atom.fact)] = None
        if isinstance(atom, Age | Ahead | Moment | Calendar):
            found[Requirement("known", "now")] = None
            if catalogue.fact(atom.fact).past:
                found[Requirement("past", atom.fact)] = None
        elif isinstance(atom, Share):
            found[Requirement("some", atom.fact)] = None
        elif isinstance(atom, Number) and atom.currency is not None:
            money = catalogue.fact(atom.fact).currency
            if money is None:
                raise ValueError(f"{atom.fact} is no amount of money")
            found[Requirement("known", money)] = None
            found[Requirement("equals", money, atom.currency)] = None
    order = {"record": -1, "present": 0, "known": 1, "past": 2, "some": 3, "equals": 4}
    return tuple(sorted(found, key=lambda r: order[r.kind]))
