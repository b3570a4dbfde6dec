"""Guardrails in Postgres: versions that never change, and which of them is in force."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.audit import AuditKind
from coco.errors import Conflict, InvalidInput, NotFound
from coco.guardrails.catalogue import Catalogue
from coco.guardrails.cel import cel_text
from coco.guardrails.english.compiler import Compiled
from store import audit, events, trust
from store.owned import own
from store.tables import GuardrailRow, Workflow, utc_now

MAX_SENTENCE = 2000
MAX_PER_WORKFLOW = 50


async def listed(session: AsyncSession, user_id: UUID, workflow_id: UUID) -> list[GuardrailRow]:
    """Every version of every guardrail of a workflow, oldest rule first, newest version first. Raises NotFound."""
    await own(session, Workflow, workflow_id, user_id, "workflow")
    rows = await session.execute(
        select(GuardrailRow)
        .where(col(GuardrailRow.workflow_id) == workflow_id, col(GuardrailRow.user_id) == user_id)
        .order_by(col(GuardrailRow.id), col(GuardrailRow.version).desc())
    )
    return list(rows.scalars())


async def get(
    session: AsyncSession, user_id: UUID, guardrail_id: UUID, version: int | None = None, *, lock: bool = False
) -> GuardrailRow:
    """One version, or the newest. Raises NotFound."""
    query = select(GuardrailRow).where(col(GuardrailRow.id) == guardrail_id, col(GuardrailRow.user_id) == user_id)
    if version is not None:
        query = query.where(col(GuardrailRow.version) == version)
    query = query.order_by(col(GuardrailRow.version).desc()).limit(1)
    if lock:
        query = query.with_for_update()
    row = (await session.execute(query.execution_options(populate_existing=True))).scalar_one_or_none()
    if row is None:
        raise NotFound("There is no such guardrail.")
    return row


async def propose(
    session: AsyncSession,
    user_id: UUID,
    workflow_id: UUID,
    compiled: Compiled,
    shown: dict[str, Any],
    catalogue: Catalogue,
    *,
    guardrail_id: UUID | None = None,
    calls: list[dict[str, Any]] | None = None,
) -> GuardrailRow:
    """Stores a compiled sentence as a new guardrail, or as the next version of one; it covers nothing until confirmed.

    `shown` is what the owner is shown with it; `calls` are those to the model that proposed it, for the audit.
    Raises NotFound, InvalidInput for a refused sentence, Conflict where a workflow has too many.
    """
    if compiled.form is None:
        told = "; ".join(problem.message for problem in compiled.problems)
        raise InvalidInput(f"The sentence was refused: {told}")
    if len(compiled.sentence) > MAX_SENTENCE:
        raise InvalidInput(f"A guardrail has at most {MAX_SENTENCE} characters.")
    await own(session, Workflow, workflow_id, user_id, "workflow", lock=True)
    version = 1
    if guardrail_id is not None:
        newest = await get(session, user_id, guardrail_id)
        if newest.workflow_id != workflow_id:
            raise NotFound("There is no such guardrail.")
        version = newest.version + 1
    elif len({row.id for row in await listed(session, user_id, workflow_id)}) >= MAX_PER_WORKFLOW:
        raise Conflict(f"Nothing was changed: a workflow has at most {MAX_PER_WORKFLOW} guardrails.")
    row = GuardrailRow(
        id=guardrail_id or uuid4(),
        version=version,
        user_id=user_id,
        workflow_id=workflow_id,
        sentence=compiled.sentence,
        form=compiled.form.model_dump(mode="json"),
        reading=compiled.reading,
        predicate=cel_text(compiled.form, catalogue),
        shown=shown,
        proposed_by=compiled.form.proposed_by,
    )
    session.add(row)
    await session.flush()
    tells: dict[str, Any] = {"sentence": row.sentence, "proposed_by": row.proposed_by}
    if row.proposed_by is not None:
        tells |= {"reading": row.reading, "model_calls": calls or []}
    await _tell(session, row, AuditKind.GUARDRAIL_PROPOSED, tells)
    return row


async def confirm(
    session: AsyncSession,
    user_id: UUID,
    guardrail_id: UUID,
    version: int,
    reading: str,
    *,
    widens: bool,
    compared: bool = False,
) -> GuardrailRow:
    """The owner confirms the reading as shown: this version is in force, the one before it no more.

    `widens` says that it may cover what was not covered before (coco.findings). Then a graduated workflow is taken
    back: it was graduated on narrower rules. Either way, what the rules before had covered and has not begun goes back
    to the inbox. `compared` says that they compared what a model proposed with what they wrote. Raises NotFound,
    Conflict for another reading, a version that was decided on or passed over, or a proposal that was not compared.
    """
    first = await get(session, user_id, guardrail_id, version)
    if first.proposed_by is not None and not compared:
        raise Conflict(
            "Nothing was confirmed: a model proposed this rule. Say that you compared it with what you wrote."
        )
    if widens:
        why = f"The guardrail “{first.reading}” was confirmed, which may cover more than before."
        await trust.take_back(session, user_id, first.workflow_id, why, actor=f"user:{user_id}")
    await trust.return_covered(session, user_id, first.workflow_id)
    newest = await get(session, user_id, guardrail_id)
    row = await get(session, user_id, guardrail_id, version, lock=True)
    if row.state != "proposed":
        raise Conflict(f"Nothing was changed: this version is already {row.state}.")
    if newest.version != version:
        raise Conflict(f"Nothing was changed: version {newest.version} has taken its place.")
    if reading != row.reading:
        raise Conflict("Nothing was confirmed: the reading is not the one you were shown. Reload the page.")
    now = utc_now()
    await session.execute(
        update(GuardrailRow)
        .where(col(GuardrailRow.id) == guardrail_id, col(GuardrailRow.user_id) == user_id)
        .where(col(GuardrailRow.version) < version, col(GuardrailRow.state).in_(["proposed", "confirmed"]))
        .values(state="retired", retired_at=now)
    )
    await _set(session, row, state="confirmed", confirmed_at=now)
    await _tell(session, row, AuditKind.GUARDRAIL_CONFIRMED, {"reading": row.reading, "form": row.form})
    return row


async def retire(session: AsyncSession, user_id: UUID, guardrail_id: UUID) -> list[GuardrailRow]:
    """No version of it is in force any more; what it had covered and has not begun goes back to the inbox.

    Where it was the workflow's last, the workflow is taken back. Repeating it changes nothing. Raises NotFound.
    """
    newest = await get(session, user_id, guardrail_id)
    others = [row for row in await trust.confirmed(session, user_id, newest.workflow_id) if row.id != guardrail_id]
    if not others:
        why = "Its last guardrail was retired."
        await trust.take_back(session, user_id, newest.workflow_id, why, actor=f"user:{user_id}")
    await trust.return_covered(session, user_id, newest.workflow_id)
    rows = (
        (
            await session.execute(
                select(GuardrailRow)
                .where(col(GuardrailRow.id) == guardrail_id, col(GuardrailRow.user_id) == user_id)
                .where(col(GuardrailRow.state) != "retired")
                .with_for_update()
            )
        )
        .scalars()
        .all()
    )
    for row in rows:
        await _set(session, row, state="retired", retired_at=utc_now())
        await _tell(session, row, AuditKind.GUARDRAIL_RETIRED, {"reading": row.reading})
    return list(rows)


async def _set(session: AsyncSession, row: GuardrailRow, **values: Any) -> None:
    await session.execute(
        update(GuardrailRow)
        .where(col(GuardrailRow.id) == row.id, col(GuardrailRow.version) == row.version)
        .values(**values)
    )
    await session.refresh(row)


async def _tell(session: AsyncSession, row: GuardrailRow, kind: AuditKind, body: dict[str, Any]) -> None:
    named = {"guardrail": str(row.id), "version": row.version, "workflow": str(row.workflow_id)}
    await audit.append(session, row.user_id, kind, actor=f"user:{row.user_id}", body=named | body)
    await events.tell(
        session, row.user_id, "guardrail", body={"id": str(row.id), "version": row.version, "state": row.state}
    )
