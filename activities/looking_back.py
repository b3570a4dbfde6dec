"""Backtests: a workflow's rules over its recorded actions, next to what its owner decided. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from activities.attested import Attested
from activities.facts import action_facts, readable, recorded_facts
from coco.actions import Action
from coco.guardrails.backtest import Backtest, Decision, Disagreement, backtest
from coco.guardrails.catalogue import Catalogue
from coco.guardrails.english.compiler import Compiled
from coco.guardrails.form import Form
from coco.guardrails.records import Record, read_record
from coco.requests import PreparedRequest, ProviderResponse
from coco.trust import Profile, profile_of
from store.tables import ActionRow, Connection, DecisionRow, ReadRow, UndoRow

MOST = 500
"""Decisions looked back at, newest first."""
_DECIDED: dict[str, Decision] = {"approve": "approved", "reject": "rejected", "edit": "edited"}


@dataclass(frozen=True)
class Past:
    """One decided action as it was proposed. `named` holds its facts under each name that fits it."""

    id: str
    run_id: UUID
    summary: str
    state: str
    decision: Decision
    named: tuple[dict[str, Any], ...]

    def record(self, form: Form, catalogue: Catalogue) -> Record:
        """Under the name that the rule speaks of, where it has that one."""
        ours = {one.operation for one in form.operations}
        best = min(self.named, key=lambda facts: facts["action.operation"] not in ours)
        return read_record({"id": self.id, **best}, catalogue)


async def past(session: AsyncSession, user_id: UUID, workflow_id: UUID, catalogue: Catalogue) -> list[Past]:
    """The workflow's decided actions, oldest first, with what their runs had read of their records by then."""
    rows = (
        await session.execute(
            select(ActionRow, DecisionRow)
            .join(DecisionRow, col(DecisionRow.action_id) == col(ActionRow.id))
            .where(col(ActionRow.workflow_id) == workflow_id, col(ActionRow.user_id) == user_id)
            .where(col(DecisionRow.stage) == "gate")
            .where(col(ActionRow.run_id).not_in(select(col(UndoRow.run_id)).where(col(UndoRow.user_id) == user_id)))
            .order_by(col(DecisionRow.at).desc())
            .limit(MOST)
        )
    ).all()
    found: list[Past] = []
    known = await session.execute(
        select(col(Connection.id), col(Connection.base_url)).where(col(Connection.user_id) == user_id)
    )
    base_urls = {str(connection_id): base_url for connection_id, base_url in known.all()}
    reads: dict[UUID, list[Attested]] = {}
    for action, decision in reversed(rows):
        if action.run_id not in reads:
            reads[action.run_id] = await _reads(session, user_id, action.run_id)
        body = Action.model_validate(action.body)
        earlier = [read for read in reads[action.run_id] if read.at <= decision.at]
        about = readable(recorded_facts(body, action.arguments, earlier), catalogue)
        about["now"] = action.created_at.isoformat().replace("+00:00", "Z")
        # A name that no rule has, so that an action without one is held, and never taken for the rule's own.
        told = action_facts(body, action.arguments, base_urls.get(body.connection, ""))
        named = told or ({"action.operation": f"unnamed:{body.operation}"},)
        found.append(
            Past(
                id=str(action.id),
                run_id=action.run_id,
                summary=body.preview.summary,
                state=action.state,
                decision=_DECIDED[decision.verdict],
                named=tuple(readable(facts, catalogue) | about for facts in named),
            )
        )
    return found


async def _reads(session: AsyncSession, user_id: UUID, run_id: UUID) -> list[Attested]:
    rows = await session.execute(
        select(ReadRow).where(col(ReadRow.run_id) == run_id, col(ReadRow.user_id) == user_id).order_by(col(ReadRow.at))
    )
    return [
        Attested(
            connection=str(row.connection_id),
            request=PreparedRequest.model_validate(row.request),
            response=ProviderResponse.model_validate(row.response),
            at=row.at,
        )
        for row in rows.scalars()
    ]


def look_back(history: Sequence[Past], rules: Sequence[tuple[str, Form]], catalogue: Catalogue) -> Backtest:
    """All rules together: an action would have run where one of them covers it, and none that only drafts counts."""
    covering: dict[str, str] = {}
    for reading, form in rules:
        if form.mode == "draft_only":
            continue
        # Against "rejected" throughout, what the rule covers is exactly what disagrees.
        records: list[tuple[Record, Decision | None]] = [(one.record(form, catalogue), "rejected") for one in history]
        for found in backtest(Compiled(reading, form, reading), records, catalogue).disagreements:
            covering.setdefault(found.id, found.why)
    disagreements = [
        Disagreement(one.id, one.decision, one.id in covering, covering.get(one.id, "no guardrail covers it"))
        for one in history
        if (one.id in covering) != (one.decision == "approved")
    ]
    disagreements.sort(key=lambda one: not one.ran_alone)
    return Backtest(
        decided=len(history),
        agreed=len(history) - len(disagreements),
        covered=len(covering),
        held=len(history) - len(covering),
        disagreements=tuple(disagreements),
    )


def profile(history: Sequence[Past], catalogue: Catalogue) -> Profile:
    """What the workflow is graduated on: the actions that were approved and took effect, under all their names."""
    return profile_of(
        read_record({"id": one.id, **facts}, catalogue).facts
        for one in history
        if one.decision == "approved" and one.state == "done"
        for facts in one.named
    )
