"""What the cards say of actions that a guardrail let run, or will let run unless they are stopped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from coco.actions import ActionState
from coco.audit import AuditKind
from coco.trust import TrustLevel
from store import guardrails, trust, views, workflows
from store.owned import own
from store.tables import ActionRow

_MAY_HAVE_RUN = {ActionState.APPROVED, ActionState.DONE, ActionState.FAILED, ActionState.OUTCOME_UNKNOWN}
ENTRIES = 200
"""Entries of a run's log in which its notices are looked for."""


@dataclass(frozen=True)
class Alone:
    """The guardrail behind an action: its version, what it found, and, where it waits for its time, until when."""

    guardrail_id: UUID
    version: int
    reading: str
    why: dict[str, Any]
    """As an evaluation keeps it: {"text", "clauses": [{"text", "held", "facts"}]}"""
    not_before: datetime | None = None
    """Notify first: when its time is up."""
    run_when_offline: bool = False
    is_up: bool = False


async def alone(
    session: AsyncSession, user_id: UUID, workflow_id: UUID, actions: Iterable[views.ActionView]
) -> dict[UUID, Alone]:
    """By action, for those that nobody decided on and a guardrail covered. Raises NotFound."""
    if not await guardrails.listed(session, user_id, workflow_id):
        return {}
    workflow = await workflows.get(session, user_id, workflow_id)
    found: dict[UUID, Alone] = {}
    waiting: dict[UUID, set[UUID]] = {}
    for action in actions:
        if action.decision is not None:
            continue
        if action.state in _MAY_HAVE_RUN:
            row = await own(session, ActionRow, action.id, user_id, "action")
            if proof := await trust.proof_of(session, row):
                rule, evaluation = proof
                found[action.id] = Alone(rule.id, rule.version, rule.reading, evaluation.why)
        elif action.state is ActionState.PENDING and workflow.trust_level == TrustLevel.AUTONOMOUS:
            waiting.setdefault(action.run_id, set()).add(action.id)
    for run_id, ids in waiting.items():
        found |= await _noticed(session, user_id, run_id, ids)
    return found


async def _noticed(session: AsyncSession, user_id: UUID, run_id: UUID, ids: set[UUID]) -> dict[UUID, Alone]:
    """Those of the pending actions whose owner was told that they will run, as long as that rule is in force."""
    found: dict[UUID, Alone] = {}
    entries = await views.activity(session, user_id, run_id=run_id, limit=ENTRIES)
    for entry in entries.items:
        if entry.kind != AuditKind.ACTION_NOTIFIED or entry.action_id not in ids or entry.action_id in found:
            continue
        told = entry.body["guardrail"]
        rule = await guardrails.get(session, user_id, UUID(told["id"]), told["version"])
        if rule.state != "confirmed":
            continue
        not_before = datetime.fromisoformat(entry.body["not_before"])
        found[entry.action_id] = Alone(
            guardrail_id=rule.id,
            version=rule.version,
            reading=rule.reading,
            why=told["evaluation"]["why"],
            not_before=not_before,
            run_when_offline=bool(entry.body["run_when_offline"]),
            is_up=datetime.now(UTC) >= not_before,
        )
    return found
