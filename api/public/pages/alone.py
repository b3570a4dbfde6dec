"""What the pages say of work without asking: the guardrail behind an action, notices, and the inbox's own parts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.public import guarding
from coco.actions import ActionState
from coco.digests import Part
from coco.trust import Eligibility, TrustLevel
from store import alone as worked_alone
from store import digests, guardrails, trust, views, workflows
from store.alone import Digest, Fallen
from store.digests import DigestView
from store.owned import own
from store.tables import ActionRow, GuardrailRow, Notice, TrustSettings, Workflow

DIGEST_OF = timedelta(days=1)
"""The time that a digest is about."""
FALLEN_FOR = timedelta(days=7)
"""How long the inbox says that a workflow fell back by itself."""
REVIEWS_IN_INBOX = 5
RUNS_IN_INBOX = 5
OFFERS = 3
"""Workflows whose past the inbox looks back at, at most."""

_MAY_HAVE_RUN = {ActionState.APPROVED, ActionState.DONE, ActionState.FAILED, ActionState.OUTCOME_UNKNOWN}


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
    seen_at: datetime | None = None
    """When its owner let it stand."""
    is_up: bool = False


@dataclass(frozen=True)
class Offer:
    """A workflow that is ready to run alone, with what its guardrails would have done so far."""

    workflow: Workflow
    standing: Eligibility
    rules: list[GuardrailRow]
    looked: guarding.Looked
    settings: TrustSettings


@dataclass(frozen=True)
class Work:
    """What the inbox says of work without asking."""

    digests: list[Digest] = field(default_factory=list)
    runs: list[DigestView] = field(default_factory=list)
    """Of single runs, not yet seen, in which something ran alone or will."""
    fallen: list[Fallen] = field(default_factory=list)
    reviews: list[views.ActionView] = field(default_factory=list)
    to_review: int = 0
    workflows: dict[UUID, Workflow] = field(default_factory=dict)
    """By action to review."""
    offers: list[Offer] = field(default_factory=list)


async def alone(
    session: AsyncSession, user_id: UUID, workflow_id: UUID, actions: Iterable[views.ActionView]
) -> dict[UUID, Alone]:
    """By action, for those that nobody decided on and a guardrail covered. Raises NotFound."""
    if not await guardrails.listed(session, user_id, workflow_id):
        return {}
    workflow = await workflows.get(session, user_id, workflow_id)
    found: dict[UUID, Alone] = {}
    for action in actions:
        if action.decision is not None:
            continue
        noticed = action.state is ActionState.PENDING and workflow.trust_level == TrustLevel.AUTONOMOUS
        if not noticed and action.state not in _MAY_HAVE_RUN:
            continue
        row = await own(session, ActionRow, action.id, user_id, "action")
        if noticed:
            told = await _noticed(session, row)
        else:
            told = await _ran(session, row)
        if told is not None:
            found[action.id] = told
    return found


async def _ran(session: AsyncSession, row: ActionRow) -> Alone | None:
    proof = await trust.proof_of(session, row)
    if proof is None:
        return None
    rule, evaluation = proof
    return Alone(rule.id, rule.version, rule.reading, evaluation.why)


async def _noticed(session: AsyncSession, row: ActionRow) -> Alone | None:
    """Of a pending action whose owner was told that it will run, as long as that rule is in force."""
    notice = await session.get(Notice, row.id)
    if notice is None:
        return None
    rule = await guardrails.get(session, row.user_id, notice.guardrail_id, notice.guardrail_version)
    if rule.state != "confirmed":
        return None
    proof = await trust.proof_of(session, row)
    return Alone(
        guardrail_id=rule.id,
        version=rule.version,
        reading=rule.reading,
        why=proof[1].why if proof is not None and proof[0].id == rule.id else {},
        not_before=notice.not_before,
        run_when_offline=notice.run_when_offline,
        seen_at=notice.seen_at,
        is_up=datetime.now(UTC) >= notice.not_before,
    )


async def work(session: AsyncSession, user_id: UUID) -> Work:
    """The inbox's digests, workflows that fell back, reviews and offers."""
    now = datetime.now(UTC)
    to_review = await trust.to_review(session, user_id)
    shown = to_review[:REVIEWS_IN_INBOX]
    unseen = await digests.listed(session, user_id, unseen=True)
    return Work(
        digests=await worked_alone.digests(session, user_id, now - DIGEST_OF),
        runs=[one for one in unseen if any(one.digest.counts[part] for part in Part if part is not Part.WAITING)][
            :RUNS_IN_INBOX
        ],
        fallen=await worked_alone.fallen(session, user_id, now - FALLEN_FOR),
        reviews=[await views.action(session, user_id, one.id) for one in shown],
        to_review=len(to_review),
        workflows={one.id: await workflows.get(session, user_id, one.workflow_id) for one in shown},
        offers=await _offers(session, user_id),
    )


async def _offers(session: AsyncSession, user_id: UUID) -> list[Offer]:
    found: list[Offer] = []
    for workflow in await worked_alone.candidates(session, user_id):
        standing = await trust.standing(session, user_id, workflow.id)
        if not standing.eligible:
            continue
        rules = await trust.confirmed(session, user_id, workflow.id)
        found.append(
            Offer(
                workflow=workflow,
                standing=standing,
                rules=rules,
                looked=await guarding.looked(session, user_id, workflow.id, rules),
                settings=await trust.settings_of(session, user_id, workflow.id),
            )
        )
        if len(found) == OFFERS:
            break
    return found
