"""The language-model calls of a run, made of the reads that the gateway attests. There is no other copy of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.actions import Action
from coco.errors import InvalidInput
from coco.model_calls import COMPLETION_PATHS, ModelCall, completion, described, is_completion, parts_of
from coco.requests import PreparedRequest, ProviderResponse
from store.tables import Connection, ReadRow, Workflow

MOST = 200
"""Calls of one run that are listed, the newest."""
MOST_USED = 5
"""Calls that an audit entry tells in full."""


async def of_run(session: AsyncSession, user_id: UUID, run_id: UUID) -> list[ModelCall]:
    """The calls of one run, oldest first. Those whose content was removed (revoked, past its time) are not told."""
    return [call for call, _ in await _found(session, user_id, run_id)]


async def on_entry(session: AsyncSession, user_id: UUID, run_id: UUID, body: Action) -> list[dict[str, Any]]:
    """The calls of an action's run as its audit entry has them.

    What was sent and returned is told for those whose text stands in the action, and is empty for the others: they
    are about what other actions say, or none.
    """
    told: list[dict[str, Any]] = []
    says = [body.preview.body, *(value for value in body.preview.after.values() if isinstance(value, str))]
    for call, texts in await _found(session, user_id, run_id):
        known = any(text in part for text in texts for part in says)
        used = known and sum(one["used"] for one in told) < MOST_USED
        shown = call if used else call.model_copy(update={"sent": "", "returned": ""})
        told.append({**shown.model_dump(mode="json"), "used": used})
    return told


async def text_waits(session: AsyncSession, user_id: UUID, workflow_id: UUID, run_id: UUID | None = None) -> bool:
    """Whether a model may have written what a workflow, or one run of it, proposes, and its owner did not let that run
    alone. The rule is the database's, which holds it wherever something is let run alone."""
    found = await session.execute(
        text("SELECT coco_model_text_waits(:w, :r, :u)"), {"w": workflow_id, "r": run_id, "u": user_id}
    )
    return bool(found.scalar_one())


async def may_ask(session: AsyncSession, workflow: Workflow) -> bool:
    """Whether a workflow was given a connection to a model, in whatever state that is now."""
    found = await session.execute(
        select(col(Connection.id))
        .where(col(Connection.user_id) == workflow.user_id)
        .where(col(Connection.id).in_([UUID(item) for item in workflow.connections]))
        .where(col(Connection.connector).in_(list(COMPLETION_PATHS)))
        .limit(1)
    )
    return found.first() is not None


async def _found(session: AsyncSession, user_id: UUID, run_id: UUID) -> list[tuple[ModelCall, tuple[str, ...]]]:
    """Each call, with the texts by which it is known in an action."""
    rows = await session.execute(
        select(ReadRow, col(Connection.connector))
        .join(Connection, col(Connection.id) == col(ReadRow.connection_id))
        .where(col(ReadRow.user_id) == user_id, col(ReadRow.run_id) == run_id)
        .where(col(Connection.connector).in_(list(COMPLETION_PATHS)))
        .order_by(col(ReadRow.at).desc(), col(ReadRow.id))
        .limit(MOST)
    )
    found: list[tuple[ModelCall, tuple[str, ...]]] = []
    for row, name in rows:
        try:
            request = PreparedRequest.model_validate(row.request)
        except ValidationError:
            continue  # its content was removed
        if not is_completion(name, request):
            continue
        response = ProviderResponse.model_validate(row.response)
        call = described(
            name, request, response, read=str(row.id), at=row.at.isoformat(), connection=str(row.connection_id)
        )
        found.append((call, _texts(name, response)))
    return found[::-1]


def _texts(name: str, response: ProviderResponse) -> tuple[str, ...]:
    try:
        return parts_of(completion(name, response).text)
    except InvalidInput:
        return ()
