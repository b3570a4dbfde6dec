"""Model routes: which connection and model an account has asked for which purpose, and which where the first fails.

A route counts only while the account's tier has the feature; what the tier lost stays written down and is not followed.
"""

from __future__ import annotations

import re
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.audit import AuditKind
from coco.connections import ConnectionState
from coco.errors import InvalidInput, NotFound
from coco.model_calls import COMPLETION_PATHS
from coco.model_routes import ModelChoice, Purpose
from coco.tiers import TIERS, Feature
from store import audit, tiers
from store.owned import own
from store.tables import Connection, utc_now
from store.tables_asking import ModelRoute

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,119}")
"""As in activities.connectors.model_api."""


async def listed(session: AsyncSession, user_id: UUID) -> dict[Purpose, ModelRoute]:
    """The routes that are written down, whether they count now or not."""
    rows = await session.execute(select(ModelRoute).where(col(ModelRoute.user_id) == user_id))
    return {Purpose(row.purpose): row for row in rows.scalars()}


async def in_force(session: AsyncSession, user_id: UUID, purpose: Purpose) -> tuple[ModelChoice, ...]:
    """Whom to ask, in order; empty where there is no route, or the tier has none."""
    row = await session.get(ModelRoute, (user_id, purpose.value))
    if row is None or row.user_id != user_id:
        return ()
    if Feature.MODEL_ROUTING not in TIERS[await tiers.tier_of(session, user_id)].features:
        return ()
    first = ModelChoice(connection_id=row.connection_id, model=row.model)
    if row.fallback_connection_id is None or row.fallback_model is None:
        return (first,)
    return (first, ModelChoice(connection_id=row.fallback_connection_id, model=row.fallback_model))


async def set_route(
    session: AsyncSession, user_id: UUID, purpose: Purpose, first: ModelChoice, fallback: ModelChoice | None = None
) -> ModelRoute:
    """Replaces the route of a purpose. Needs the API's role.

    Raises Refused (TIER), NotFound, InvalidInput for a connection to no model, or a name that is none.
    """
    await tiers.check_feature(session, user_id, Feature.MODEL_ROUTING)
    for choice in (first, fallback):
        if choice is not None:
            await _check(session, user_id, choice)
    if fallback == first:
        raise InvalidInput("fallback: another model than the first")
    values = {
        "connection_id": first.connection_id,
        "model": first.model,
        "fallback_connection_id": fallback.connection_id if fallback else None,
        "fallback_model": fallback.model if fallback else None,
        "updated_at": utc_now(),
    }
    row = insert(ModelRoute).values(user_id=user_id, purpose=purpose.value, **values)
    await session.execute(row.on_conflict_do_update(index_elements=["user_id", "purpose"], set_=values))
    told = {
        "purpose": purpose.value,
        "first": first.model_dump(mode="json"),
        "fallback": fallback.model_dump(mode="json") if fallback else None,
    }
    await audit.append(session, user_id, AuditKind.MODEL_ROUTE_CHANGED, actor=f"user:{user_id}", body=told)
    return await session.get_one(ModelRoute, (user_id, purpose.value), populate_existing=True)


async def remove(session: AsyncSession, user_id: UUID, purpose: Purpose) -> None:
    """Takes a route away; any tier may. Needs the API's role. Raises NotFound."""
    gone = await session.execute(
        delete(ModelRoute)
        .where(col(ModelRoute.user_id) == user_id, col(ModelRoute.purpose) == purpose.value)
        .returning(col(ModelRoute.purpose))
    )
    if gone.first() is None:
        raise NotFound("There is no such route.")
    told = {"purpose": purpose.value, "first": None, "fallback": None}
    await audit.append(session, user_id, AuditKind.MODEL_ROUTE_CHANGED, actor=f"user:{user_id}", body=told)


async def _check(session: AsyncSession, user_id: UUID, choice: ModelChoice) -> None:
    row = await own(session, Connection, choice.connection_id, user_id, "connection")
    if row.connector not in COMPLETION_PATHS or row.state == ConnectionState.REVOKED:
        raise InvalidInput("connection_id: this is no connection to a language model that is connected")
    if not _NAME.fullmatch(choice.model):
        raise InvalidInput("model: its name as the provider calls it: letters, digits and . _ : / @ -")
