"""Can a rule ever apply, and does it leave anything out? A solver only where looking is not enough.

The usual rule is a conjunction of single conditions: then looking at the conditions on one fact at a time decides.
Where a fact stands in alternatives too, z3 decides (`analysis`), which is loaded only then.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Literal

from .catalogue import Catalogue
from .form import (
    Age,
    Ahead,
    And,
    Atom,
    Count,
    Empty,
    Form,
    Has,
    Is,
    Moment,
    Not,
    Number,
    Predicate,
    Share,
    Truth,
    atoms,
    full_predicate,
    within_atom,
)

Finding = Literal["never", "everything", "ordinary"]


def finding(form: Form, catalogue: Catalogue) -> tuple[Finding, str]:
    """`never` with the fact that no value can satisfy, `everything`, or `ordinary`."""
    predicate = full_predicate(form)
    if predicate == And(items=()):
        return "everything", ""
    items = list(predicate.items) if isinstance(predicate, And) else [predicate]
    if form.window.within is not None and within_atom(form.window.within) not in items:
        items.append(within_atom(form.window.within))
    by_fact: dict[str, list[Predicate]] = defaultdict(list)
    nested: list[str] = []
    for item in items:
        facts = {atom.fact for atom in atoms(item)}
        if isinstance(item, Atom) or (isinstance(item, Not) and isinstance(item.item, Atom)):
            by_fact[facts.pop()].append(item)
        else:
            nested.extend(atom.fact for atom in atoms(item))
    for fact, conditions in by_fact.items():
        if _contradicts(conditions):
            return "never", fact
    tangled = [fact for fact in nested if nested.count(fact) > 1 or fact in by_fact]
    tangled = [fact for fact in tangled if not _independent([atom for atom in atoms(predicate) if atom.fact == fact])]
    if not tangled:
        return "ordinary", ""
    return _solved(form, catalogue, tangled[0])


def _independent(conditions: list[Atom]) -> bool:
    """Are these about different tags each, so that none decides another?"""
    named = [value for one in conditions if isinstance(one, Has) for value in one.values]
    return all(isinstance(one, Has) for one in conditions) and len(named) == len(set(named))


def _solved(form: Form, catalogue: Catalogue, fact: str) -> tuple[Finding, str]:
    from .analysis import Unconfirmed, counterexample, example

    try:
        if example(form, catalogue) is None:
            return "never", fact
        if counterexample(form, catalogue) is None:
            return "everything", ""
    except Unconfirmed:
        return "ordinary", ""
    return "ordinary", ""


def _contradicts(conditions: list[Predicate]) -> bool:
    """Can no value of one fact satisfy all of these?"""
    if len(conditions) < 2:
        return False
    values: set[str] | None = None
    excluded: set[str] = set()
    low: tuple[float, bool] = (float("-inf"), False)
    high: tuple[float, bool] = (float("inf"), False)
    ordered: set[type] = set()
    for item in conditions:
        if isinstance(item, Is):
            values = set(item.values) if values is None else values & set(item.values)
        elif isinstance(item, Not) and isinstance(item.item, Is):
            excluded |= set(item.item.values)
        elif isinstance(item, Number | Age | Count | Share | Moment | Ahead):
            ordered.add(type(item))
            limit, order = _limit(item), item.order
            if order in {">", ">=", "=="}:
                low = max(low, (limit, order == ">"))
            if order in {"<", "<=", "=="}:
                high = min(high, (limit, order != "<"))
        elif _denied(item, conditions):
            return True
    if values is not None and not values - excluded:
        return True
    if len(ordered) == 1:
        return low[0] > high[0] or (low[0] == high[0] and (low[1] or not high[1]))
    return ordered == {Age, Ahead} and any(isinstance(one, Age) and one.order == ">" for one in conditions)


def _denied(item: Predicate, conditions: list[Predicate]) -> bool:
    """Do the others say the opposite of this condition?"""
    if isinstance(item, Truth | Has | Empty):
        return Not(item=item) in conditions
    return isinstance(item, Not) and isinstance(item.item, Has) and _requires(conditions, item.item)


def _requires(conditions: list[Predicate], banned: Has) -> bool:
    """Does some condition need names of which the negated one allows too few?"""
    return any(
        isinstance(item, Has)
        and item.least == len(item.values)
        and len(set(item.values) & set(banned.values)) >= banned.least
        for item in conditions
    )


def _limit(item: Number | Age | Count | Share | Moment | Ahead) -> float:
    if isinstance(item, Number):
        return item.value
    if isinstance(item, Count):
        return item.number
    if isinstance(item, Share):
        return item.per_myriad
    if isinstance(item, Moment):
        return item.at.timestamp()
    return item.seconds
