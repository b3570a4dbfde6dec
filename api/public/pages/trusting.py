"""How far a workflow is trusted: graduate, take back, settings, reviews, notices."""

from __future__ import annotations

from datetime import UTC
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from api.errors import status_of
from api.public import guarding
from api.public.pages.inbox import card_page, inbox_page
from api.public.pages.typed import typed, whole
from api.public.pages.visitor import OwnForm, VisitorDep, text_of
from api.public.pages.workflow import as_it_is
from api.public.reviewing import reviewed
from coco.errors import CocoError, InvalidInput
from coco.trust import LeaseTerms, ReviewVerdict
from store import digests, trust, views, workflows
from store.owned import own
from store.tables import ActionRow

router = APIRouter(include_in_schema=False)


@router.post("/workflows/{workflow_id}/graduate")
async def graduate(request: Request, workflow_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Lets it run inside the guardrails that the page showed, for the time and the budgets given."""
    try:
        shown = frozenset(_version(str(item)) for item in form.getlist("rule"))
        await guarding.graduated(visitor.parts, visitor.user_id, workflow_id, _terms(form), shown)
    except CocoError as error:
        return await as_it_is(request, visitor, workflow_id, error, typed("graduate", form, error.message))
    return RedirectResponse(f"/workflows/{workflow_id}#trust", status_code=303)


@router.post("/workflows/{workflow_id}/take-back")
async def take_back(workflow_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Back to asking for each action, at once. Repeating it changes nothing."""
    user_id = visitor.user_id
    async with visitor.parts.writing(user_id) as session:
        await workflows.get(session, user_id, workflow_id)
        await trust.take_back(session, user_id, workflow_id, "Its owner took it back.", actor=f"user:{user_id}")
    back = "/" if text_of(form, "back") == "inbox" else f"/workflows/{workflow_id}#trust"
    return RedirectResponse(back, status_code=303)


@router.post("/workflows/{workflow_id}/trust/settings")
async def change_settings(request: Request, workflow_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Replaces how it may be trusted."""
    try:
        async with visitor.parts.writing(visitor.user_id) as session:
            chosen = sorted({str(item) for item in form.getlist("reserved")})
            reserved = await guarding.reservable(session, visitor.user_id, workflow_id, chosen)
            await trust.change_settings(
                session,
                visitor.user_id,
                workflow_id,
                runs_needed=whole(form, "runs_needed", "Approved runs needed"),
                review_percent=whole(form, "review_percent", "The share to review"),
                reserved_operations=reserved,
                model_text_alone=text_of(form, "model_text_alone") == "yes",
            )
    except CocoError as error:
        return await as_it_is(request, visitor, workflow_id, error, typed("settings", form, error.message))
    return RedirectResponse(f"/workflows/{workflow_id}#trust", status_code=303)


@router.post("/actions/{action_id}/review")
async def review(request: Request, action_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """What the owner says afterwards of an action that ran alone."""
    async with visitor.parts.reading(visitor.user_id) as session:
        workflow_id = (await own(session, ActionRow, action_id, visitor.user_id, "action")).workflow_id
        title = (await workflows.get(session, visitor.user_id, workflow_id)).title
    in_inbox = text_of(form, "back") == "inbox"
    try:
        verdict = ReviewVerdict(text_of(form, "verdict"))
    except ValueError as error:
        raise InvalidInput("verdict: ok, reject or undo") from error
    try:
        done = await reviewed(visitor.parts, visitor.user_id, action_id, verdict, text_of(form, "reason"))
    except CocoError as error:
        kept = typed(f"review-{action_id}", form, error.message)
        if in_inbox:
            status = status_of(error)
            return await inbox_page(request, visitor, status=status, problem=error.message, typed=kept)
        return await as_it_is(request, visitor, workflow_id, error, kept)
    if in_inbox and (done.taken_back or done.undo_run_id):
        told = f"“{title}” asks for each action again: you said that what it did alone was wrong."
        if done.undo_run_id:
            told += " What takes it back waits here for your approval."
        return await inbox_page(request, visitor, problem=told)
    if in_inbox:
        return RedirectResponse("/", status_code=303)
    if done.undo_run_id:
        return RedirectResponse(f"/runs/{done.undo_run_id}", status_code=303)
    return RedirectResponse(f"/workflows/{workflow_id}#{'trust' if done.taken_back else 'reviews'}", status_code=303)


@router.post("/digests/{run_id}/seen")
async def digest_seen(run_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """The owner has seen a run's digest as it is now."""
    async with visitor.parts.writing(visitor.user_id) as session:
        await digests.seen(session, visitor.user_id, run_id)
    return RedirectResponse("/", status_code=303)


@router.post("/actions/{action_id}/notice/seen")
async def seen(request: Request, action_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """The owner saw that the action will run, and lets it stand. Says so on the card; repeating it changes nothing."""
    async with visitor.parts.reading(visitor.user_id) as session:
        run_id = (await views.action(session, visitor.user_id, action_id)).run_id
    try:
        async with visitor.parts.writing(visitor.user_id) as session:
            notice = await trust.seen(session, visitor.user_id, action_id)
    except CocoError as error:
        status = status_of(error)
        return await card_page(request, visitor, run_id, status=status, problem=error.message)
    at = notice.not_before.astimezone(UTC)
    told = f"You let it stand. It runs at {at:%H:%M} UTC on {at.day} {at:%B} if the rule still covers it then."
    return await card_page(request, visitor, run_id, problem=told)


def _version(text: str) -> tuple[UUID, int]:
    guardrail_id, _, version = text.partition("@")
    try:
        return UUID(guardrail_id), int(version)
    except ValueError as error:
        raise InvalidInput("rule: a guardrail and its version") from error


def _terms(form: FormData) -> LeaseTerms:
    """The lease's terms. Raises InvalidInput, saying which of them cannot be granted."""
    given = {name: whole(form, name, name.capitalize()) for name in ("days", "actions", "credits")}
    try:
        return LeaseTerms.model_validate(given)
    except ValidationError as error:
        told = "; ".join(f"{one['loc'][0]}: {one['msg'].lower()}" for one in error.errors())
        raise InvalidInput(f"Nothing was changed. {told}") from error
