"""How long what is kept of a user is kept: what can be limited, within which bounds, and what applies."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from coco.errors import InvalidInput
from coco.requests import Frozen

FOREVER = 0
"""The number of days that means: until the account is deleted."""
MOST_DAYS = 3650


class Kept(StrEnum):
    """What has a time of its own. Persisted as column names; never renamed."""

    READS = "reads"
    """What providers answered, in runs that have ended."""
    RUNS = "runs"
    """The contents of runs that have ended: cards, proposals, questions, reasons."""
    EVENTS = "events"
    """What watching pages were told."""
    AUDIT = "audit"
    """The content of audit entries; the chain itself stays."""


LEAST_DAYS: Mapping[Kept, int] = MappingProxyType({Kept.READS: 1, Kept.RUNS: 7, Kept.EVENTS: 1, Kept.AUDIT: 90})
"""The database keeps to these too (store.migrations.privileges_retention)."""


class Term(Frozen):
    """What applies to one of them."""

    days: int
    """0 keeps it until the account is deleted."""
    own: bool
    """Set by the user; otherwise the installation's default."""
    default: int
    least: int


def checked(kept: Kept, days: int) -> int:
    """The days, where they may be set. Raises InvalidInput."""
    least = LEAST_DAYS[kept]
    if days != FOREVER and not least <= days <= MOST_DAYS:
        raise InvalidInput(
            f"{kept.value}_days: between {least} and {MOST_DAYS} days, or {FOREVER} to keep it; nothing was changed."
        )
    return days
