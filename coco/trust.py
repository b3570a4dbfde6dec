"""The trust ladder's rules: when a workflow may be graduated, what is reviewed afterwards, what counts as unlike.

Pure. Who may change what is held by the database (`store.migrations.privileges_0002`).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from coco.errors import InvalidInput
from coco.guardrails.records import Value
from coco.requests import Frozen

DEFAULT_RUNS_NEEDED = 3
DEFAULT_REVIEW_PERCENT = 20
MAX_LEASE = timedelta(days=365)
SPAN = 0.5
"""A number further outside the range seen than this share of the range's end is unlike it."""


class TrustLevel(StrEnum):
    """Persisted; never renamed."""

    APPROVE_EACH = "approve_each"
    AUTONOMOUS = "autonomous"


class ReviewVerdict(StrEnum):
    """What the owner says afterwards of an action that ran alone. Persisted; never renamed."""

    OK = "ok"
    REJECT = "reject"
    """It should not have run."""
    UNDO = "undo"
    """It should not have run, and is being taken back."""

    @property
    def ends_trust(self) -> bool:
        return self is not ReviewVerdict.OK


class RunRecord(Frozen):
    """What counts of one run towards graduation."""

    state: str
    approved_done: int
    """Actions that a person approved and that took effect."""
    rejected: int
    """Actions that a person rejected, in the run or in a review afterwards."""


class Eligibility(Frozen):
    """Whether a workflow may be graduated, and the count that says so."""

    eligible: bool
    approved_runs: int
    needed: int
    why: str


def eligibility(newest_first: Sequence[RunRecord], needed: int = DEFAULT_RUNS_NEEDED) -> Eligibility:
    """`needed` approved runs, done, with no rejection in any run since the first of them.

    A run counts when it is done and a person approved at least one action that took effect; one without any neither
    counts nor breaks the row; a rejection breaks it.
    """
    counted = 0
    for run in newest_first:
        if run.rejected:
            break
        if run.state == "done" and run.approved_done:
            counted += 1
            if counted >= needed:
                break
    if counted >= needed:
        many = f"{counted} approved runs in a row, none with a rejected action"
        why = many if counted > 1 else "1 approved run, without a rejected action"
    else:
        why = f"{counted} of the {needed} approved runs without a rejected action that are needed"
    return Eligibility(eligible=counted >= needed, approved_runs=counted, needed=needed, why=why)


class LeaseTerms(Frozen):
    """What the owner grants: for how long, how many actions, how many credits."""

    days: Annotated[float, Field(gt=0, le=365)] = 30.0
    actions: Annotated[int, Field(ge=1, le=100_000)] = 100
    credits: Annotated[int, Field(ge=0, le=10_000_000)] = 500


def sampled(action_id: UUID, lease_id: UUID, percent: int) -> bool:
    """Whether an action that ran alone is put before its owner: a share of all, and asking twice tells the same.

    Fixed by two ids that the control side made. The lease's is never told to a sandbox: by the digest, which follows
    from the arguments, it could pick arguments that nobody looks at afterwards. Raises InvalidInput outside 0 to 100.
    """
    if not 0 <= percent <= 100:
        raise InvalidInput("The share to review is between 0 and 100 percent.")
    drawn = hashlib.sha256(b"coco review " + lease_id.bytes + action_id.bytes).digest()
    return int.from_bytes(drawn[:8], "big") % 10_000 < percent * 100


WATCHED_CATEGORIES = (
    "action.connector",
    "action.stage",
    "action.recipient_domains",
    "contact.lifecycle_stage",
    "contact.country",
    "contact.unsubscribed",
    "deal.stage",
    "deal.status",
    "deal.currency",
    "company.industry",
    "company.country",
)
"""Facts with few values, where a new one says that the data are of another kind. Names, addresses and the like are new
in every record and are not watched; what decides about a record is the rule, which is checked anyway."""

OPEN_CATEGORIES = frozenset({"action.recipient_domains"})
"""Watched only where they repeat, so that a new one says something: a workflow that writes to one house is not let
write to another, and one that writes to a new house each time is not taken back for it."""

WATCHED_NUMBERS = (
    "action.credits",
    "action.recipient_count",
    "contact.score",
    "deal.amount",
    "deal.probability",
    "company.employees",
)


class Profile(Frozen):
    """What a rule was graduated on: the operations, values and ranges of the actions approved until then."""

    operations: tuple[str, ...] = ()
    categories: dict[str, tuple[str, ...]] = {}
    numbers: dict[str, tuple[float, float]] = {}


def profile_of(records: Iterable[Mapping[str, Value]]) -> Profile:
    """The profile of records (facts by name, as coco.guardrails.records reads them)."""
    operations: set[str] = set()
    categories: dict[str, set[str]] = {}
    seen: Counter[str] = Counter()
    numbers: dict[str, tuple[float, float]] = {}
    for facts in records:
        operations.update(_values(facts.get("action.operation")))
        for name in WATCHED_CATEGORIES:
            if found := _values(facts.get(name)):
                categories.setdefault(name, set()).update(found)
                seen[name] += 1
        for name in WATCHED_NUMBERS:
            value = facts.get(name)
            if isinstance(value, float):
                low, high = numbers.get(name, (value, value))
                numbers[name] = (min(low, value), max(high, value))
    for name in OPEN_CATEGORIES & categories.keys():
        if 2 * len(categories[name]) > seen[name]:
            del categories[name]
    return Profile(
        operations=tuple(sorted(operations)),
        categories={name: tuple(sorted(values)) for name, values in sorted(categories.items())},
        numbers=dict(sorted(numbers.items())),
    )


def unlike(profile: Profile, facts: Mapping[str, Value]) -> str | None:
    """In plain words how a record is unlike what the rule was graduated on, or None.

    An operation or a watched value never seen; a watched number more than half beyond the range seen. A fact of which
    nothing was ever seen is no ground.
    """
    for operation in _values(facts.get("action.operation")):
        if operation not in profile.operations:
            return f"the operation {operation} was not among the approved ones ({_shown(profile.operations)})"
    for name, seen in profile.categories.items():
        for value in _values(facts.get(name)):
            if value not in seen:
                return f"{name} is {value}; so far it was {_shown(seen)}"
    for name, (low, high) in profile.numbers.items():
        number = facts.get(name)
        if isinstance(number, float) and not low - SPAN * abs(low) <= number <= high + SPAN * abs(high):
            return f"{name} is {number:g}; so far it was between {low:g} and {high:g}"
    return None


def _values(value: Value) -> tuple[str, ...]:
    if isinstance(value, bool):
        return ("true" if value else "false",)
    if isinstance(value, str):
        return (value,)
    return tuple(entry for entry in value if isinstance(entry, str)) if isinstance(value, tuple) else ()


def _shown(values: Sequence[str]) -> str:
    return ", ".join(values[:6]) + (", …" if len(values) > 6 else "") if values else "none"
