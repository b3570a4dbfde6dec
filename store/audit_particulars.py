"""What an entry on a sent action says beside the action itself: who, by which grant, to whom it went, where to look."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.actions import Action
from coco.names import temporal_workflow_id
from store import approvals, model_calls
from store.tables import ActionRow, Connection, DecisionRow, GrantRow, QuestionRow, User


async def particulars(
    session: AsyncSession, action: ActionRow, body: Action, grant: GrantRow | None, outcome: dict[str, Any]
) -> dict[str, Any]:
    """`granted`, `third_party`, `questions`, `model_calls` and `links`, as JSON.

    Needs the control role, or the API's.
    """
    connection = await session.get_one(Connection, action.connection_id)
    return {
        "granted": await _granted(session, grant),
        "third_party": {
            "connector": body.connector,
            "account": connection.title,
            "host": urlsplit(connection.base_url).hostname or "",
        },
        "questions": await questions(session, action.user_id, action.run_id),
        "model_calls": await model_calls.on_entry(session, action.user_id, action.run_id, body),
        "links": links(action, body, connection.base_url, outcome),
    }


async def _granted(session: AsyncSession, grant: GrantRow | None) -> dict[str, Any] | None:
    """The spent grant, and whose yes it was minted from: the person behind the decision with everybody else who
    approved, or a guardrail's version."""
    if grant is None:
        return None
    told: dict[str, Any] = {
        "id": str(grant.jti),
        "digest": grant.digest,
        "issued_at": grant.issued_at.isoformat(),
        "spent_at": grant.spent_at.isoformat() if grant.spent_at else None,
        "cap": grant.credits,
    }
    if grant.decision_id is None:
        return told | {"guardrail": f"{grant.guardrail_id}@{grant.guardrail_version}"}
    found = await session.execute(
        select(col(DecisionRow.user_id), col(DecisionRow.by_id), col(DecisionRow.at), col(User.email), col(User.name))
        .join(User, col(User.id) == col(DecisionRow.user_id))
        .where(col(DecisionRow.id) == grant.decision_id, col(DecisionRow.user_id) == grant.user_id)
    )
    person = found.one()
    told |= {"decision": str(grant.decision_id), "decided_at": person.at.isoformat()}
    people = await approvals.by_whom(session, grant.action_id)
    if person.by_id is None:
        told["by"] = {"user": str(person.user_id), "email": person.email, "name": person.name}
    else:
        told["by"] = {"user": str(person.by_id)}
    return told | ({"approvals": people} if people else {})


async def questions(session: AsyncSession, user_id: UUID, run_id: UUID) -> list[dict[str, Any]]:
    """The clarifying questions of a run with their answers, oldest first."""
    rows = await session.execute(
        select(QuestionRow)
        .where(col(QuestionRow.run_id) == run_id, col(QuestionRow.user_id) == user_id)
        .order_by(col(QuestionRow.asked_at), col(QuestionRow.key))
    )
    return [
        {
            "text": row.text,
            "answer": row.answer,
            "answered_at": row.answered_at.isoformat() if row.answered_at else None,
        }
        for row in rows.scalars()
    ]


def links(action: ActionRow, body: Action, base_url: str, outcome: dict[str, Any]) -> dict[str, Any]:
    """Where to look: the record's page and the message's id as the provider told them, the address that was called,
    and the run in Temporal."""
    path = body.request.target.partition("?")[0]
    result = outcome.get("result")
    told = outcome | (result if isinstance(result, dict) else {})
    return {
        "record": told.get("url"),
        "message": told.get("message_id"),
        "request": f"{body.request.method} {base_url.rstrip('/')}{path}" if body.request.protocol == "http" else None,
        "temporal": temporal_workflow_id(action.user_id, action.run_id),
    }
