"""The account of what a run did alone: one for each run, with counts and links, however many actions it had. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from coco.actions import ActionState
from coco.requests import Frozen

MOST_ITEMS = 50
"""Actions that are named one by one; the rest is counted."""


class Part(StrEnum):
    """What a digest says of an action. Persisted; never renamed."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    TOLD = "told"
    """Its owner was told, and it will run when its time is up."""
    WAITING = "waiting"
    """Outside the rules: it waits for approval."""


ALONE = {
    ActionState.DONE: Part.DONE,
    ActionState.FAILED: Part.FAILED,
    ActionState.OUTCOME_UNKNOWN: Part.UNKNOWN,
}
"""By the state of an action that nobody decided on."""


class Item(Frozen):
    """One action, with where to look at it."""

    action_id: UUID
    part: Part
    summary: str
    record: str
    credits: int = 0
    guardrail: str = ""
    """The reading of the rule that covered it, and its version."""
    not_before: datetime | None = None
    link: str


class Digest(Frozen):
    """What the owner is told of one run."""

    run_id: UUID
    workflow_id: UUID
    title: str
    started_by: str
    """schedule | hook | user"""
    counts: dict[Part, int]
    credits: int
    items: tuple[Item, ...]
    more: int = 0
    """Actions that are counted and not named."""
    headline: str
    link: str

    @property
    def alone(self) -> tuple[object, ...]:
        """What makes it news: more that waits, or less of it, is in the inbox anyway."""
        return (
            *(self.counts[part] for part in (Part.DONE, Part.FAILED, Part.UNKNOWN, Part.TOLD)),
            *sorted((item.action_id, item.part) for item in self.items if item.part is not Part.WAITING),
        )


def digest_of(run_id: UUID, workflow_id: UUID, title: str, started_by: str, items: Sequence[Item]) -> Digest:
    """The digest of a run's items; what went wrong is named first, then what ran, then what is left to its owner."""
    counts = {part: sum(item.part is part for item in items) for part in Part}
    order = [Part.UNKNOWN, Part.FAILED, Part.TOLD, Part.DONE, Part.WAITING]
    named = sorted(items, key=lambda item: order.index(item.part))[:MOST_ITEMS]
    return Digest(
        run_id=run_id,
        workflow_id=workflow_id,
        title=title,
        started_by=started_by,
        counts=counts,
        credits=sum(item.credits for item in items if item.part is Part.DONE),
        items=tuple(named),
        more=len(items) - len(named),
        headline=_headline(counts),
        link=f"/runs/{run_id}",
    )


def _headline(counts: dict[Part, int]) -> str:
    said = {
        Part.DONE: "done inside its guardrails",
        Part.FAILED: "failed",
        Part.UNKNOWN: "of which it is not known whether they took place",
        Part.TOLD: "will run unless you stop them",
        Part.WAITING: "wait for your approval",
    }
    parts = [f"{counts[part]} {words}" for part, words in said.items() if counts[part]]
    return "; ".join(parts) if parts else "nothing to do"
