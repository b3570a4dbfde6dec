"""Schedules and webhooks of workflows: what starts runs without a person."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.audit import AuditKind
from coco.errors import CocoError, Code, Conflict, InvalidInput
from coco.schedules import Plan
from coco.tiers import Limit
from store import audit, runs, tiers
from store.database import Database
from store.owned import own
from store.tables import Hook, HookCall, ScheduleRow, Workflow, utc_now

MAX_PER_WORKFLOW = 20
MAX_CALLS_PER_HOUR = 60
MAX_CATCH_UP = 7 * 86_400
MAX_JITTER = 3600


def _checked(catch_up_seconds: int, jitter_seconds: int) -> None:
    if not 10 <= catch_up_seconds <= MAX_CATCH_UP:
        raise InvalidInput(f"catch_up_seconds: between 10 and {MAX_CATCH_UP}")
    if not 0 <= jitter_seconds <= MAX_JITTER:
        raise InvalidInput(f"jitter_seconds: between 0 and {MAX_JITTER}")


async def create(
    session: AsyncSession,
    user_id: UUID,
    workflow_id: UUID,
    sentence: str,
    plan: Plan,
    *,
    catch_up_seconds: int,
    jitter_seconds: int,
) -> ScheduleRow:
    """A new schedule; the control worker brings it to Temporal. Raises NotFound, Conflict, InvalidInput."""
    _checked(catch_up_seconds, jitter_seconds)
    workflow = await own(session, Workflow, workflow_id, user_id, "workflow", lock=True)
    if workflow.archived_at is not None:
        raise Conflict("Nothing was changed: this workflow is archived.")
    if len(await listed(session, user_id, workflow_id)) >= MAX_PER_WORKFLOW:
        raise Conflict(f"Nothing was changed: a workflow has at most {MAX_PER_WORKFLOW} schedules.")
    await tiers.check_room(session, user_id, Limit.SCHEDULES)
    row = ScheduleRow(
        user_id=user_id,
        workflow_id=workflow_id,
        sentence=sentence,
        plan=plan.model_dump(mode="json"),
        catch_up_seconds=catch_up_seconds,
        jitter_seconds=jitter_seconds,
    )
    session.add(row)
    await session.flush()
    await _tell(session, row, "made")
    return row


async def listed(session: AsyncSession, user_id: UUID, workflow_id: UUID) -> list[ScheduleRow]:
    """A workflow's schedules, without the deleted. Raises NotFound."""
    await own(session, Workflow, workflow_id, user_id, "workflow")
    rows = await session.execute(
        select(ScheduleRow)
        .where(col(ScheduleRow.workflow_id) == workflow_id, col(ScheduleRow.user_id) == user_id)
        .where(col(ScheduleRow.state) != "deleted")
        .order_by(col(ScheduleRow.created_at), col(ScheduleRow.id))
    )
    return list(rows.scalars())


async def change(session: AsyncSession, user_id: UUID, schedule_id: UUID, what: str, **values: Any) -> ScheduleRow:
    """Changes a schedule: `sentence` and `plan`, the windows, or `state` with its `note`. `what` is for the audit.

    Raises NotFound, InvalidInput, Conflict for a deleted one.
    """
    row = await own(session, ScheduleRow, schedule_id, user_id, "schedule", lock=True)
    if row.state == "deleted":
        raise Conflict("Nothing was changed: this schedule was deleted.")
    _checked(values.get("catch_up_seconds", row.catch_up_seconds), values.get("jitter_seconds", row.jitter_seconds))
    await session.execute(
        update(ScheduleRow)
        .where(col(ScheduleRow.id) == schedule_id)
        .values(**values, revision=row.revision + 1, updated_at=utc_now())
    )
    await session.refresh(row)
    await _tell(session, row, what)
    return row


async def _tell(session: AsyncSession, row: ScheduleRow, what: str) -> None:
    await audit.append(
        session,
        row.user_id,
        AuditKind.SCHEDULE_CHANGED,
        actor=f"user:{row.user_id}",
        body={
            "schedule": str(row.id),
            "workflow": str(row.workflow_id),
            "change": what,
            "sentence": row.sentence,
            "state": row.state,
            "note": row.note,
        },
    )


# -- webhooks ----------------------------------------------------------------------------------------------------------


async def create_hook(session: AsyncSession, user_id: UUID, workflow_id: UUID) -> Hook:
    """A new webhook. Raises NotFound."""
    await own(session, Workflow, workflow_id, user_id, "workflow")
    row = Hook(user_id=user_id, workflow_id=workflow_id)
    session.add(row)
    await session.flush()
    await _tell_hook(session, row, "made")
    return row


async def change_hook(session: AsyncSession, user_id: UUID, hook_id: UUID, *, disable: bool) -> Hook:
    """Disables a webhook for good, or gives it another secret; the one before opens nothing any more.

    Raises NotFound, Conflict for a disabled one.
    """
    row = await own(session, Hook, hook_id, user_id, "webhook", lock=True)
    if row.state != "active":
        raise Conflict("Nothing was changed: this webhook is disabled.")
    values: dict[str, Any] = {"state": "disabled"} if disable else {"generation": row.generation + 1}
    await session.execute(update(Hook).where(col(Hook.id) == hook_id).values(**values))
    await session.refresh(row)
    await _tell_hook(session, row, "disabled" if disable else "given another secret")
    return row


async def hook_of(database: Database, hook_id: UUID) -> Hook | None:
    """An active webhook by its id alone: its deliveries come without a sign-in."""
    async with database.system() as session:
        owner = (await session.execute(text("SELECT user_id FROM coco_hook_owner(:h)"), {"h": hook_id})).scalar()
    if owner is None:
        return None
    async with database.user(owner) as session:
        return await session.get(Hook, hook_id)


async def start_by_hook(database: Database, hook: Hook, delivery: str) -> tuple[UUID, bool]:
    """(the run, whether it is new): a delivery that came before gets the run that it started.

    Call it for a delivery whose signature holds. Raises Conflict for an archived workflow, CocoError (UNAVAILABLE)
    where the webhook started too many runs.
    """
    told = hashlib.sha256(delivery.encode()).hexdigest()
    run_id = UUID(bytes=hashlib.sha256(b"coco hook " + hook.id.bytes + told.encode()).digest()[:16], version=5)
    try:
        async with database.user(hook.user_id) as session:
            if await session.get(HookCall, (hook.id, told)) is not None:
                return run_id, False
            await own(session, Hook, hook.id, hook.user_id, "webhook", lock=True)
            recent = await session.execute(
                select(func.count())
                .select_from(HookCall)
                .where(col(HookCall.hook_id) == hook.id, col(HookCall.at) > utc_now() - timedelta(hours=1))
            )
            if recent.scalar_one() >= MAX_CALLS_PER_HOUR:
                raise CocoError(
                    f"This webhook started {MAX_CALLS_PER_HOUR} runs in the last hour.", code=Code.UNAVAILABLE
                )
            await runs.create_run(session, hook.user_id, hook.workflow_id, run_id=run_id, actor=f"hook:{hook.id}")
            session.add(HookCall(hook_id=hook.id, delivery=told, user_id=hook.user_id, run_id=run_id))
            await session.flush()
    except IntegrityError:
        return run_id, False  # the same delivery came twice at once
    return run_id, True


async def _tell_hook(session: AsyncSession, row: Hook, what: str) -> None:
    await audit.append(
        session,
        row.user_id,
        AuditKind.HOOK_CHANGED,
        actor=f"user:{row.user_id}",
        body={"hook": str(row.id), "workflow": str(row.workflow_id), "change": what},
    )
