"""What starts runs by itself: schedules in plain terms, and webhooks with signed deliveries."""

from __future__ import annotations

import hashlib
import hmac
import time
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Request
from pydantic import Field

from api.public.identity import BearerUser
from api.public.parts import Parts, PartsDep
from api.public.rest.models import Given, Told
from api.public.webhooks import secrets_of
from coco.errors import CocoError, Code, Refused
from coco.schedules import Plan, parse, reading
from store import schedules
from store.tables import Hook, ScheduleRow

router = APIRouter(tags=["schedules"])
hooks = APIRouter(tags=["webhooks"])
"""Outside /api/v1: deliveries come from other systems, without a sign-in."""

MAX_DELIVERY_BYTES = 64_000
MAX_CLOCK_DIFFERENCE = 300
"""Seconds between a delivery's timestamp and now."""

Sentence = Annotated[str, Field(min_length=1, max_length=200)]
CatchUp = Annotated[int, Field(ge=10, le=schedules.MAX_CATCH_UP)]
Jitter = Annotated[int, Field(ge=0, le=schedules.MAX_JITTER)]


class ScheduleIn(Given):
    sentence: Sentence
    """Such as "every weekday at 8:00 Europe/Berlin"."""
    catch_up_seconds: CatchUp = 3600
    """How late a start that was missed is still made up for."""
    jitter_seconds: Jitter = 0


class ScheduleChange(Given):
    sentence: Sentence | None = None
    catch_up_seconds: CatchUp | None = None
    jitter_seconds: Jitter | None = None


class PauseIn(Given):
    note: Annotated[str, Field(max_length=500)] = ""


class ScheduleOut(Told):
    id: UUID
    workflow_id: UUID
    sentence: str
    reading: str
    """What the sentence was understood as."""
    catch_up_seconds: int
    jitter_seconds: int
    state: str
    note: str
    in_force: bool
    """Whether Temporal has the schedule as it is shown here."""


class HookOut(Told):
    id: UUID
    workflow_id: UUID
    state: str
    created_at: datetime
    path: str
    secret: str | None = None
    """Shown when it is made, or replaced."""


class DeliveryOut(Told):
    run_id: UUID
    new: bool
    """False for a delivery that came before: it started nothing again."""


def _out(row: ScheduleRow) -> ScheduleOut:
    told = row.model_dump(
        include={"id", "workflow_id", "sentence", "catch_up_seconds", "jitter_seconds", "state", "note"}
    )
    plan = Plan.model_validate(row.plan)
    return ScheduleOut(**told, reading=reading(plan), in_force=row.applied_revision == row.revision)


@router.get("/workflows/{workflow_id}/schedules")
async def list_schedules(workflow_id: UUID, user: BearerUser, parts: PartsDep) -> list[ScheduleOut]:
    """When the workflow runs by itself."""
    async with parts.reading(user.user_id) as session:
        return [_out(row) for row in await schedules.listed(session, user.user_id, workflow_id)]


@router.post("/workflows/{workflow_id}/schedules", status_code=201)
async def create_schedule(workflow_id: UUID, body: ScheduleIn, user: BearerUser, parts: PartsDep) -> ScheduleOut:
    """Has the workflow run by itself at these times; it is in force once the control worker has brought it about."""
    plan = parse(body.sentence)
    async with parts.writing(user.user_id) as session:
        row = await schedules.create(
            session,
            user.user_id,
            workflow_id,
            body.sentence,
            plan,
            catch_up_seconds=body.catch_up_seconds,
            jitter_seconds=body.jitter_seconds,
        )
        return _out(row)


@router.post("/schedules/{schedule_id}")
async def change_schedule(schedule_id: UUID, body: ScheduleChange, user: BearerUser, parts: PartsDep) -> ScheduleOut:
    """Changes what is given, and nothing else."""
    values: dict[str, Any] = body.model_dump(exclude_none=True)
    if body.sentence is not None:
        values["plan"] = parse(body.sentence).model_dump(mode="json")
    async with parts.writing(user.user_id) as session:
        return _out(await schedules.change(session, user.user_id, schedule_id, "changed", **values))


@router.post("/schedules/{schedule_id}/pause")
async def pause_schedule(schedule_id: UUID, body: PauseIn, user: BearerUser, parts: PartsDep) -> ScheduleOut:
    """Nothing starts until it is resumed; what is missed meanwhile is not made up for."""
    async with parts.writing(user.user_id) as session:
        row = await schedules.change(session, user.user_id, schedule_id, "paused", state="paused", note=body.note)
        return _out(row)


@router.post("/schedules/{schedule_id}/resume")
async def resume_schedule(schedule_id: UUID, user: BearerUser, parts: PartsDep) -> ScheduleOut:
    """Starts runs again."""
    async with parts.writing(user.user_id) as session:
        return _out(await schedules.change(session, user.user_id, schedule_id, "resumed", state="active", note=""))


@router.post("/schedules/{schedule_id}/delete")
async def delete_schedule(schedule_id: UUID, user: BearerUser, parts: PartsDep) -> ScheduleOut:
    """It starts nothing any more, and cannot be brought back."""
    async with parts.writing(user.user_id) as session:
        return _out(await schedules.change(session, user.user_id, schedule_id, "deleted", state="deleted"))


@router.post("/workflows/{workflow_id}/hooks", status_code=201)
async def create_hook(workflow_id: UUID, user: BearerUser, parts: PartsDep) -> HookOut:
    """A webhook that starts runs of the workflow. Its secret is shown now, and not again."""
    async with parts.writing(user.user_id) as session:
        row = await schedules.create_hook(session, user.user_id, workflow_id)
        return _hook_out(row, secrets_of(parts, row)[0])


@router.post("/workflow-hooks/{hook_id}/rotate")
async def rotate_hook(hook_id: UUID, user: BearerUser, parts: PartsDep) -> HookOut:
    """Another secret; deliveries signed with the one before are refused from now on."""
    async with parts.writing(user.user_id) as session:
        row = await schedules.change_hook(session, user.user_id, hook_id, disable=False)
        return _hook_out(row, secrets_of(parts, row)[0])


@router.post("/workflow-hooks/{hook_id}/disable")
async def disable_hook(hook_id: UUID, user: BearerUser, parts: PartsDep) -> HookOut:
    """It starts nothing any more."""
    async with parts.writing(user.user_id) as session:
        return _hook_out(await schedules.change_hook(session, user.user_id, hook_id, disable=True), None)


@hooks.post("/hooks/{hook_id}", status_code=202)
async def deliver(
    hook_id: UUID,
    request: Request,
    parts: PartsDep,
    coco_timestamp: Annotated[str, Header(max_length=20)] = "",
    coco_delivery: Annotated[str, Header(max_length=200)] = "",
    coco_signature: Annotated[str, Header(max_length=200)] = "",
) -> DeliveryOut:
    """Starts a run. `coco-signature` is `sha256=` and the hex HMAC-SHA256, by the webhook's secret, of
    `coco-timestamp`, a dot, `coco-delivery`, a dot, and the body. The timestamp (seconds since 1970) is at most five
    minutes off; a `coco-delivery` has no dot, and one that came before gets the run that it started. Nothing in the
    body is looked at."""
    body = await request.body()
    if len(body) > MAX_DELIVERY_BYTES:
        raise CocoError(f"A delivery has at most {MAX_DELIVERY_BYTES} bytes.", code=Code.TOO_LARGE)
    hook = await schedules.hook_of(parts.database, hook_id)
    if hook is None or not _genuine(parts, hook, coco_timestamp, coco_delivery, coco_signature, body):
        # The same for a webhook that is not there: nobody learns which there are.
        raise Refused(
            "This is no delivery of a webhook here: check secret, signature and clock.", code=Code.UNAUTHENTICATED
        )
    run_id, new = await schedules.start_by_hook(parts.database, hook, coco_delivery)
    return DeliveryOut(run_id=run_id, new=new)


def _genuine(parts: Parts, hook: Hook, timestamp: str, delivery: str, signature: str, body: bytes) -> bool:
    # Without dots: else a part of the body could pass as a part of the id, and a copied delivery as another one.
    if not delivery or "." in delivery or not timestamp.isascii() or not timestamp.isdigit() or not signature.isascii():
        return False
    if abs(time.time() - int(timestamp)) > MAX_CLOCK_DIFFERENCE:
        return False
    signed = f"{timestamp}.{delivery}.".encode() + body
    expected = [
        "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets_of(parts, hook)
    ]
    return any(hmac.compare_digest(signature, one) for one in expected)


def _hook_out(row: Hook, secret: str | None) -> HookOut:
    told = row.model_dump(include={"id", "workflow_id", "state", "created_at"})
    return HookOut(**told, path=f"/hooks/{row.id}", secret=secret)
