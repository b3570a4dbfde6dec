"""How Coco writes for its user: in what voice, and which language model is asked for what."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.errors import status_of
from api.public import proposing, voicing
from api.public.pages.render import own_page
from api.public.pages.visitor import OwnForm, Visitor, VisitorDep, text_of
from coco.errors import CocoError, InvalidInput, NotFound
from coco.model_routes import ModelChoice, Purpose
from coco.tiers import TIERS, Feature
from coco.voice import MAX_MESSAGES, Voice
from store import model_routes, tiers, voices

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
        learned = await voices.listed(session, user_id)
        mailboxes = await voicing.mailboxes(session, user_id)
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
        voices=[(row, Voice.model_validate(row.voice) if row.voice else None) for row in learned],
        mailboxes=mailboxes,
        most=MAX_MESSAGES,
        may_learn=Feature.CUSTOM_VOICE in features,
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


@router.post("/writing/voices")
async def learn(request: Request, form: OwnForm, visitor: VisitorDep) -> Response:
    """Reads the visitor's newest sent messages, and shows how they are written."""
    try:
        connection_id = UUID(text_of(form, "connection_id"))
    except ValueError as error:
        raise InvalidInput("Choose a mailbox.") from error
    try:
        await voicing.learn(visitor.parts, visitor.user_id, connection_id)
    except CocoError as error:
        return await writing_page(request, visitor, status=status_of(error), problem=error.message)
    return RedirectResponse("/writing#voice", status_code=303)


@router.post("/writing/voices/{voice_id}/look")
async def look(voice_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Goes on where the messages have been read by now."""
    await voicing.awaited(visitor.parts, visitor.user_id, voice_id)
    return RedirectResponse("/writing#voice", status_code=303)


@router.post("/writing/voices/{voice_id}/keep")
async def keep(request: Request, voice_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Approves it, with the samples that are ticked."""
    places = [int(one) for one in map(str, form.getlist("excerpt")) if one.isascii() and one.isdigit() and len(one) < 3]
    try:
        async with visitor.parts.writing(visitor.user_id) as session:
            await voices.keep(session, visitor.user_id, voice_id, places)
    except CocoError as error:
        if isinstance(error, NotFound):
            raise
        return await writing_page(request, visitor, status=status_of(error), problem=error.message)
    return RedirectResponse("/writing#voice", status_code=303)


@router.post("/writing/voices/{voice_id}/delete")
async def delete(voice_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Deletes it, kept or not."""
    async with visitor.parts.writing(visitor.user_id) as session:
        await voices.remove(session, visitor.user_id, voice_id)
    return RedirectResponse("/writing#voice", status_code=303)


def _choice(form: FormData, prefix: str) -> ModelChoice | None:
    model = text_of(form, f"{prefix}model").strip()
    if not model:
        return None
    try:
        return ModelChoice(connection_id=UUID(text_of(form, f"{prefix}connection_id")), model=model)
    except ValueError as error:
        raise InvalidInput("Choose a connection for each model that you name.") from error
