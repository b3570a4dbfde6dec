"""What starts a workflow's runs by itself: schedules in plain terms, and webhooks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from api.public.pages.typed import typed, whole
from api.public.pages.visitor import OwnForm, Visitor, VisitorDep, text_of
from api.public.pages.workflow import as_it_is, workflow_page
from api.public.webhooks import secrets_of
from coco.errors import CocoError, InvalidInput
from coco.schedules import parse
from store import schedules
from store.owned import own
from store.tables import Hook, ScheduleRow

router = APIRouter(include_in_schema=False)

MAX_SENTENCE = 200
MAX_NOTE = 500


@router.post("/workflows/{workflow_id}/schedules")
async def add(request: Request, workflow_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Has the workflow run by itself at these times."""
    try:
        values = _values(form)
        async with visitor.parts.writing(visitor.user_id) as session:
            await schedules.create(session, visitor.user_id, workflow_id, **values)
    except CocoError as error:
        return await as_it_is(request, visitor, workflow_id, error, typed("schedule", form, error.message))
    return RedirectResponse(f"/workflows/{workflow_id}#schedules", status_code=303)


@router.post("/schedules/{schedule_id}")
async def change(request: Request, schedule_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Other times for a schedule."""
    workflow_id = await _workflow_of(visitor, ScheduleRow, schedule_id, "schedule")
    try:
        values = _values(form)
        values["plan"] = values["plan"].model_dump(mode="json")
        async with visitor.parts.writing(visitor.user_id) as session:
            await schedules.change(session, visitor.user_id, schedule_id, "changed", **values)
    except CocoError as error:
        kept = typed(f"schedule-{schedule_id}", form, error.message)
        return await as_it_is(request, visitor, workflow_id, error, kept)
    return RedirectResponse(f"/workflows/{workflow_id}#schedules", status_code=303)


@router.post("/schedules/{schedule_id}/pause")
async def pause(request: Request, schedule_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Nothing starts until it is resumed; the note says why."""
    workflow_id = await _workflow_of(visitor, ScheduleRow, schedule_id, "schedule")
    note = text_of(form, "note").strip()
    try:
        if len(note) > MAX_NOTE:
            raise InvalidInput(f"The note has at most {MAX_NOTE} characters.")
        async with visitor.parts.writing(visitor.user_id) as session:
            await schedules.change(session, visitor.user_id, schedule_id, "paused", state="paused", note=note)
    except CocoError as error:
        kept = typed(f"pause-{schedule_id}", form, error.message)
        return await as_it_is(request, visitor, workflow_id, error, kept)
    return RedirectResponse(f"/workflows/{workflow_id}#schedules", status_code=303)


@router.post("/schedules/{schedule_id}/resume")
async def resume(request: Request, schedule_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Starts runs again."""
    return await _set(request, visitor, schedule_id, "resumed", state="active", note="")


@router.post("/schedules/{schedule_id}/delete")
async def delete(request: Request, schedule_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """It starts nothing any more."""
    return await _set(request, visitor, schedule_id, "deleted", state="deleted")


async def _set(request: Request, visitor: Visitor, schedule_id: UUID, what: str, **values: str) -> Response:
    workflow_id = await _workflow_of(visitor, ScheduleRow, schedule_id, "schedule")
    try:
        async with visitor.parts.writing(visitor.user_id) as session:
            await schedules.change(session, visitor.user_id, schedule_id, what, **values)
    except CocoError as error:
        return await as_it_is(request, visitor, workflow_id, error)
    return RedirectResponse(f"/workflows/{workflow_id}#schedules", status_code=303)


@router.post("/workflows/{workflow_id}/hooks")
async def add_hook(request: Request, workflow_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """A webhook that starts runs. The answer shows its secret, this once."""
    async with visitor.parts.writing(visitor.user_id) as session:
        row = await schedules.create_hook(session, visitor.user_id, workflow_id)
    return await _with_secret(request, visitor, row)


@router.post("/workflow-hooks/{hook_id}/rotate")
async def rotate(request: Request, hook_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Another secret, shown this once; the one before opens nothing any more."""
    workflow_id = await _workflow_of(visitor, Hook, hook_id, "webhook")
    try:
        async with visitor.parts.writing(visitor.user_id) as session:
            row = await schedules.change_hook(session, visitor.user_id, hook_id, disable=False)
    except CocoError as error:
        return await as_it_is(request, visitor, workflow_id, error)
    return await _with_secret(request, visitor, row)


@router.post("/workflow-hooks/{hook_id}/disable")
async def disable(request: Request, hook_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """It starts nothing any more."""
    workflow_id = await _workflow_of(visitor, Hook, hook_id, "webhook")
    try:
        async with visitor.parts.writing(visitor.user_id) as session:
            await schedules.change_hook(session, visitor.user_id, hook_id, disable=True)
    except CocoError as error:
        return await as_it_is(request, visitor, workflow_id, error)
    return RedirectResponse(f"/workflows/{workflow_id}#hooks", status_code=303)


async def _with_secret(request: Request, visitor: Visitor, row: Hook) -> Response:
    base = (visitor.parts.settings.public_url or str(request.base_url)).rstrip("/")
    secret = {
        "id": str(row.id),
        "address": f"{base}/hooks/{row.id}",
        "secret": secrets_of(visitor.parts, row)[0],
    }
    response = await workflow_page(request, visitor, row.workflow_id, secret=secret)
    response.headers["cache-control"] = "no-store"
    return response


async def _workflow_of(visitor: Visitor, table: type[ScheduleRow] | type[Hook], row_id: UUID, what: str) -> UUID:
    async with visitor.parts.reading(visitor.user_id) as session:
        return (await own(session, table, row_id, visitor.user_id, what)).workflow_id


def _values(form: FormData) -> dict[str, Any]:
    """A schedule's sentence, plan and windows. Raises InvalidInput."""
    sentence = text_of(form, "sentence").strip()
    if len(sentence) > MAX_SENTENCE:
        raise InvalidInput(f"A schedule has at most {MAX_SENTENCE} characters.")
    return {
        "sentence": sentence,
        "plan": parse(sentence),
        "catch_up_seconds": 60 * whole(form, "catch_up", "Minutes late, at most"),
        "jitter_seconds": whole(form, "jitter", "Seconds spread over"),
    }
