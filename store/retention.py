"""How long what is kept of a user is kept: their settings, and the removal of what is past its time.

The database reckons the time (store.migrations.privileges_retention). Of a run what stays is that it took place, with
what was decided and by which digest; of an audit entry, everything but its content, as `coco.audit` describes.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.audit import ERASED, EXPIRED, AuditKind
from coco.retention import LEAST_DAYS, Kept, Term, checked
from store import audit, audit_blanking
from store.tables import AuditRow, RetentionSettings, utc_now

Defaults = Mapping[Kept, int]
"""The installation's days for each; 0 keeps it."""


async def terms(session: AsyncSession, user_id: UUID, defaults: Defaults) -> dict[Kept, Term]:
    """What applies to a user."""
    row = await session.get(RetentionSettings, user_id)
    found = {}
    for kept in Kept:
        own: int | None = getattr(row, f"{kept.value}_days") if row is not None else None
        default = in_effect(kept, defaults[kept])
        days = default if own is None else own
        found[kept] = Term(days=days, own=own is not None, default=default, least=LEAST_DAYS[kept])
    return found


def in_effect(kept: Kept, default: int) -> int:
    """An installation's default as the database takes it: never below the floor."""
    return max(default, LEAST_DAYS[kept]) if default > 0 else 0


async def set_terms(session: AsyncSession, user_id: UUID, wanted: Mapping[Kept, int | None]) -> None:
    """Sets days for what is named; None goes back to the installation's default. Needs the API's role.

    Raises InvalidInput. What is past its time by the new days is removed within an hour, and does not come back.
    """
    values = {kept: None if days is None else checked(kept, days) for kept, days in wanted.items()}
    row = await session.get(RetentionSettings, user_id, populate_existing=True)
    before = {kept: getattr(row, f"{kept.value}_days") if row is not None else None for kept in values}
    changed = {kept: days for kept, days in values.items() if days != before[kept]}
    if not changed:
        return
    columns = {f"{kept.value}_days": days for kept, days in changed.items()} | {"updated_at": utc_now()}
    statement = insert(RetentionSettings).values(user_id=user_id, **columns)
    await session.execute(
        statement.on_conflict_do_update(index_elements=[col(RetentionSettings.user_id)], set_=columns)
    )
    await audit.append(
        session,
        user_id,
        AuditKind.RETENTION_CHANGED,
        actor=f"user:{user_id}",
        body={"days": {kept.value: {"from": before[kept], "to": days} for kept, days in sorted(changed.items())}},
    )


async def due(session: AsyncSession, defaults: Defaults) -> list[UUID]:
    """Who has something past its time. Needs the control role, and no user."""
    found = await session.execute(
        text("SELECT user_id FROM coco_retention_due(:reads, :runs, :events, :audit)"), _days(defaults)
    )
    return list(found.scalars())


async def trim(session: AsyncSession, defaults: Defaults) -> None:
    """Removes what is past its time of the session's user, the audit excepted. Needs the control role."""
    days = _days(defaults)
    await session.execute(
        text("SELECT coco_trim(:reads, :runs, :events)"), {name: days[name] for name in ("reads", "runs", "events")}
    )


async def expire_entries(session: AsyncSession, user_id: UUID, defaults: Defaults, batch: int = 1000) -> int:
    """Takes the content out of the oldest entries that are past their time, and says so in the chain; how many."""
    since = await session.execute(
        text("SELECT coco_kept_since(:user, 'audit', :days) > '-infinity'"),
        {"user": user_id, "days": defaults[Kept.AUDIT]},
    )
    if not since.scalar_one():
        return 0
    cutoff = text("audit.at < coco_kept_since(:user, 'audit', :days)").bindparams(
        user=user_id, days=defaults[Kept.AUDIT]
    )
    which = select(col(AuditRow.seq)).where(cutoff, col(AuditRow.body) != EXPIRED)
    told = await audit_blanking.blank_oldest(session, user_id, which, why="retention", batch=batch)
    if told:
        body = {ERASED: told}
        await audit.append(session, user_id, AuditKind.CONTENT_EXPIRED, actor="system", body=body)
    return len(told)


def _days(defaults: Defaults) -> dict[str, int]:
    return {kept.value: days for kept, days in defaults.items()}
