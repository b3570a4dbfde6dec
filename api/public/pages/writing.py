"""How Coco writes for its user: which language model is asked for what."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.errors import status_of
from api.public import proposing
from api.public.pages.render import own_page
from api.public.pages.visitor import OwnForm, Visitor, VisitorDep, text_of
from coco.errors import CocoError, InvalidInput
from coco.model_routes import ModelChoice, Purpose
from coco.tiers import TIERS, Feature
from store import model_routes, tiers

router = APIRouter(include_in_schema=False)

PURPOSES = {
    Purpose.DRAFTING: ("Words of mails", "In workflows that were given a model and one of these connections."),
    Purpose.PROPOSING: ("Rules for refused sentences", "Where you ask for one on the page of a refused guardrail."),
}


async def writing_page(request: Request, visitor: Visitor, *, status: int = 200, problem: str = "") -> HTMLResponse:
    """The page, and what went wrong where something did."""
    user_id = visitor.user_id
    async with visitor.parts.reading(user_id) as session:
        features = TIERS[await tiers.tier_of(session, user_id)].features
        models = await proposing.models(session, user_id)
        routes = await model_routes.listed(session, user_id)
    return await own_page(
        request,
        visitor,
        "writing.html",
        here="account",
        status=status,
        problem=problem,
        purposes=[(purpose, *PURPOSES[purpose], routes.get(purpose)) for purpose in Purpose],
        models=models,
        named={row.id: row.title for row in models},
        may_route=Feature.MODEL_ROUTING in features,
        feed="",
    )


@router.get("/writing")
async def writing(request: Request, visitor: VisitorDep) -> HTMLResponse:
    """The page."""
    return await writing_page(request, visitor)


@router.post("/writing/routes/{purpose}")
async def set_route(request: Request, purpose: Purpose, form: OwnForm, visitor: VisitorDep) -> Response:
    """Sets whom to ask; with nothing in the first model's name, takes the route away."""
    try:
        async with visitor.parts.writing(visitor.user_id) as session:
            first = _choice(form, "")
            if first is None:
                await model_routes.remove(session, visitor.user_id, purpose)
            else:
                await model_routes.set_route(session, visitor.user_id, purpose, first, _choice(form, "fallback_"))
    except CocoError as error:
        return await writing_page(request, visitor, status=status_of(error), problem=error.message)
    return RedirectResponse("/writing#models", status_code=303)


def _choice(form: FormData, prefix: str) -> ModelChoice | None:
    model = text_of(form, f"{prefix}model").strip()
    if not model:
        return None
    try:
        return ModelChoice(connection_id=UUID(text_of(form, f"{prefix}connection_id")), model=model)
    except ValueError as error:
        raise InvalidInput("Choose a connection for each model that you name.") from error
