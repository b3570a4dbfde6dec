"""Which language model is asked for what, and which where that one fails."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from api.public.identity import BearerUser
from api.public.parts import PartsDep
from api.public.rest.models import Given, Told
from coco.model_routes import ModelChoice, Purpose
from coco.tiers import TIERS, Feature
from store import model_routes, tiers
from store.tables_asking import ModelRoute

router = APIRouter(tags=["models"])

Name = Annotated[str, Field(min_length=1, max_length=120)]


class ChoiceIn(Given):
    connection_id: UUID
    model: Name


class RouteIn(ChoiceIn):
    fallback: ChoiceIn | None = None
    """Asked where the first cannot be, or gives no usable answer."""


class ChoiceOut(Told):
    connection_id: UUID
    model: str


class RouteOut(ChoiceOut):
    purpose: str
    fallback: ChoiceOut | None
    updated_at: datetime
    counts: bool
    """False where the account's tier has no routes any more: it is not followed."""


@router.get("/model-routes")
async def list_model_routes(user: BearerUser, parts: PartsDep) -> list[RouteOut]:
    """The routes that are written down."""
    async with parts.reading(user.user_id) as session:
        counts = Feature.MODEL_ROUTING in TIERS[await tiers.tier_of(session, user.user_id)].features
        return [_out(row, counts) for row in (await model_routes.listed(session, user.user_id)).values()]


@router.put("/model-routes/{purpose}")
async def set_model_route(purpose: Purpose, body: RouteIn, user: BearerUser, parts: PartsDep) -> RouteOut:
    """Sets whom to ask for `drafting` (the words of mails) or `proposing` (guardrails). Comes with the Team tier."""
    first = ModelChoice(connection_id=body.connection_id, model=body.model)
    fallback = None if body.fallback is None else ModelChoice(**body.fallback.model_dump())
    async with parts.writing(user.user_id) as session:
        return _out(await model_routes.set_route(session, user.user_id, purpose, first, fallback), True)


@router.delete("/model-routes/{purpose}", status_code=204)
async def remove_model_route(purpose: Purpose, user: BearerUser, parts: PartsDep) -> None:
    """Takes a route away: the rule without one counts again."""
    async with parts.writing(user.user_id) as session:
        await model_routes.remove(session, user.user_id, purpose)


def _out(row: ModelRoute, counts: bool) -> RouteOut:
    fallback = None
    if row.fallback_connection_id is not None and row.fallback_model is not None:
        fallback = ChoiceOut(connection_id=row.fallback_connection_id, model=row.fallback_model)
    return RouteOut(
        purpose=row.purpose,
        connection_id=row.connection_id,
        model=row.model,
        fallback=fallback,
        updated_at=row.updated_at,
        counts=counts,
    )
