"""How somebody writes, as they had it learned: shown to them, and used once they kept it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.audit import AuditKind
from coco.errors import Conflict, InvalidInput
from coco.tiers import TIERS, Feature
from coco.voice import Voice
from store import asked_reads, audit, locks, tiers
from store.owned import own
from store.tables import Connection, utc_now
from store.tables_asking import VoiceRow


async def listed(session: AsyncSession, user_id: UUID) -> list[VoiceRow]:
    """The kept one first, then what is being learned or was, newest first."""
    rows = await session.execute(
        select(VoiceRow)
        .where(col(VoiceRow.user_id) == user_id)
        .order_by((col(VoiceRow.state) == "kept").desc(), col(VoiceRow.created_at).desc())
    )
    return list(rows.scalars())


async def in_use(session: AsyncSession, user_id: UUID) -> Voice | None:
    """What mails are worded in: what its owner kept, while their tier has voices."""
    found = await session.execute(
        select(col(VoiceRow.voice)).where(col(VoiceRow.user_id) == user_id, col(VoiceRow.state) == "kept")
    )
    voice = found.scalar_one_or_none()
    if voice is None or Feature.CUSTOM_VOICE not in TIERS[await tiers.tier_of(session, user_id)].features:
        return None
    return Voice.model_validate(voice)


async def begin(session: AsyncSession, user_id: UUID, connection_id: UUID, step: str) -> VoiceRow:
    """A voice to be learned; what was learned before and not kept goes. Needs the API's role.

    Raises Refused (TIER), NotFound.
    """
    await tiers.check_feature(session, user_id, Feature.CUSTOM_VOICE)
    await locks.until_commit(session, f"voice:{user_id}")
    await own(session, Connection, connection_id, user_id, "connection")
    for row in await listed(session, user_id):
        if row.state != "kept":
            await _remove(session, row)
    made = VoiceRow(user_id=user_id, connection_id=connection_id, step=step)
    session.add(made)
    await session.flush()
    return made


async def get(session: AsyncSession, user_id: UUID, voice_id: UUID, *, lock: bool = False) -> VoiceRow:
    """One. Raises NotFound."""
    return await own(session, VoiceRow, voice_id, user_id, "voice", lock=lock)


async def set_step(session: AsyncSession, row: VoiceRow, step: str) -> None:
    """What is read next. What was read before is gone."""
    await _set(session, row, step=step)


async def was_learned(session: AsyncSession, row: VoiceRow, voice: Voice, messages: int) -> None:
    """It is shown to its owner; the messages are gone. The chain says that it was learned, not what."""
    await _set(session, row, state="shown", voice=voice.model_dump(mode="json"), messages=messages)
    await _tell(session, row, AuditKind.VOICE_LEARNED, {"messages": messages})


async def failed(session: AsyncSession, row: VoiceRow, reason: str) -> None:
    """Nothing was learned."""
    await _set(session, row, state="failed", reason=reason[:500])


async def keep(session: AsyncSession, user_id: UUID, voice_id: UUID, excerpts: Sequence[int]) -> VoiceRow:
    """Its owner approved it, with those of its samples (by place, from 0) that they confirmed; the one before goes.

    Raises Refused (TIER), NotFound, Conflict where there is nothing to keep, InvalidInput.
    """
    await tiers.check_feature(session, user_id, Feature.CUSTOM_VOICE)
    await locks.until_commit(session, f"voice:{user_id}")
    row = await get(session, user_id, voice_id, lock=True)
    if row.state not in {"shown", "kept"} or row.voice is None:
        raise Conflict("Nothing was kept: there is nothing learned yet.")
    voice = Voice.model_validate(row.voice)
    if any(not 0 <= place < len(voice.excerpts) for place in excerpts):
        raise InvalidInput("excerpts: the places of samples as they were shown, from 0")
    for other in await listed(session, user_id):
        if other.id != row.id and other.state == "kept":
            await _remove(session, other)
    voice = voice.model_copy(update={"excerpts": tuple(voice.excerpts[place] for place in sorted(set(excerpts)))})
    await _set(session, row, state="kept", voice=voice.model_dump(mode="json"), kept_at=utc_now())
    await _tell(session, row, AuditKind.VOICE_KEPT, {"messages": row.messages, "samples": len(voice.excerpts)})
    return row


async def remove(session: AsyncSession, user_id: UUID, voice_id: UUID) -> None:
    """Deletes it, kept or not; any tier may. Raises NotFound."""
    row = await get(session, user_id, voice_id, lock=True)
    await _remove(session, row)
    await _tell(session, row, AuditKind.VOICE_DELETED, {"was": row.state})


async def _remove(session: AsyncSession, row: VoiceRow) -> None:
    await asked_reads.forget(session, row.user_id, row.id)
    await session.execute(delete(VoiceRow).where(col(VoiceRow.id) == row.id, col(VoiceRow.user_id) == row.user_id))


async def _set(session: AsyncSession, row: VoiceRow, **values: Any) -> None:
    await asked_reads.forget(session, row.user_id, row.id)
    await session.execute(update(VoiceRow).where(col(VoiceRow.id) == row.id).values(**values))
    await session.refresh(row)


async def _tell(session: AsyncSession, row: VoiceRow, kind: AuditKind, body: dict[str, Any]) -> None:
    named = {"voice": str(row.id), "connection": str(row.connection_id)}
    await audit.append(session, row.user_id, kind, actor=f"user:{row.user_id}", body=named | body)
