"""Examples from the owner's own records on each side of a rule's line, those nearest to the line first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from heapq import nsmallest

from .catalogue import Catalogue
from .evaluate import FRAME_FACTS, SECOND, Verdict, evaluate
from .form import Age, Ahead, Form, Moment, Number, atoms, full_predicate
from .records import Record, Value, microseconds


@dataclass(frozen=True)
class Example:
    """`failed`: how many conditions kept it out. `distance`: how far its nearest number or time is from the rule's
    own, as a share of it (0 is on the line)."""

    record: Record
    verdict: Verdict
    failed: int
    distance: float


def boundary_examples(
    form: Form, records: Iterable[Record], catalogue: Catalogue, *, each: int = 3
) -> tuple[list[Example], list[Example]]:
    """Covered and held examples, `each` of them, nearest to the line first. Records held for missing or malformed
    facts are no examples of the line and are left out. One pass over the records."""
    covered: list[Example] = []
    held: list[Example] = []
    for record in records:
        verdict = evaluate(form, record, catalogue, assumed=frozenset(FRAME_FACTS))
        if not verdict.clauses and not verdict.covered:
            continue
        failed = sum(clause.held is False for clause in verdict.clauses)
        found = Example(record, verdict, failed, _distance(form, record.facts))
        side = covered if verdict.covered else held
        side.append(found)
        if len(side) > 50 * each:  # bounded memory: keep the best so far
            side[:] = _nearest(side, each)
    return _nearest(covered, each), _nearest(held, each)


def _nearest(found: list[Example], each: int) -> list[Example]:
    return nsmallest(each, found, key=lambda one: (one.failed, one.distance, one.record.id))


def _distance(form: Form, facts: Mapping[str, Value]) -> float:
    shares = [1.0]
    now = facts.get("now")
    for atom in atoms(full_predicate(form)):
        value = facts.get(atom.fact)
        if isinstance(atom, Number) and isinstance(value, float):
            shares.append(abs(value - atom.value) / max(abs(atom.value), 1))
        elif isinstance(value, int) and isinstance(now, int):
            if isinstance(atom, Age | Ahead):
                limit = atom.seconds * SECOND
                shares.append(abs(abs(now - value) - limit) / max(limit, 1))
            elif isinstance(atom, Moment):
                at = microseconds(atom.at)
                shares.append(abs(value - at) / max(abs(now - at), 1))
    return min(shares)
