"""Checkpoints in Postgres: what waits to be signed, signing it, and what was signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlmodel import col

from coco.audit import GENESIS, AuditEntry, ChainBreak, verify_chain
from coco.audit_checkpoints import Checkpoint, CheckpointReason, SigningKey, public_text, signed_by
from store.audit import to_entry
from store.tables import AuditCheckpoint, AuditRow, AuditUnsigned, utc_now

EVERY_ENTRIES = 200
"""A chain is signed when this many entries wait,"""
EVERY_SECONDS = 600
"""or the oldest of them has waited this long."""
CHUNK = 2000


class BrokenChain(Exception):
    """The chain does not hold, so it is not signed. `found` says where."""

    def __init__(self, found: ChainBreak) -> None:
        super().__init__(f"entry {found.seq}: {found.problem}")
        self.found = found


def to_checkpoint(row: AuditCheckpoint) -> Checkpoint:
    """The row as it was signed."""
    return Checkpoint(
        deployment=row.deployment,
        user_id=row.user_id,
        number=row.number,
        seq=row.seq,
        hash=row.hash,
        at=row.at,
        reason=CheckpointReason(row.reason),
        key_id=row.key_id,
    )


async def due(
    session: AsyncSession, *, entries: int = EVERY_ENTRIES, seconds: float = EVERY_SECONDS, limit: int = 100
) -> Sequence[UUID]:
    """Whose chains are to be signed now, those that somebody waits for first. Needs the control role."""
    found = await session.execute(
        select(col(AuditUnsigned.user_id))
        .where(
            or_(
                col(AuditUnsigned.wanted),
                (col(AuditUnsigned.problem) == "") & (col(AuditUnsigned.entries) >= entries),
                col(AuditUnsigned.since) < utc_now() - timedelta(seconds=seconds),
            )
        )
        .order_by(col(AuditUnsigned.wanted).desc(), col(AuditUnsigned.since))
        .limit(limit)
    )
    return found.scalars().all()


async def sign(session: AsyncSession, user_id: UUID, key: SigningKey, deployment: str) -> AuditCheckpoint | None:
    """Signs a user's chain up to its newest entry, after walking what came since the checkpoint before.

    None where nothing is new. Whoever appends meanwhile waits, so nothing is missed. Raises BrokenChain.
    """
    taken = (
        await session.execute(
            delete(AuditUnsigned).where(col(AuditUnsigned.user_id) == user_id).returning(col(AuditUnsigned.wanted))
        )
    ).first()
    if taken is None:
        return None
    before = await newest(session, user_id)
    if before is not None and not signed_by(to_checkpoint(before), before.signature, before.public_key):
        raise BrokenChain(ChainBreak(seq=before.seq, problem=f"checkpoint {before.number} was changed"))
    seq, head = await _walked(session, user_id, before)
    if before is not None and before.seq == seq and not taken.wanted:
        return None
    checkpoint = Checkpoint(
        deployment=deployment,
        user_id=user_id,
        number=1 if before is None else before.number + 1,
        seq=seq,
        hash=head,
        at=utc_now(),
        reason=CheckpointReason.EXPORT if taken.wanted else CheckpointReason.SCHEDULE,
        key_id=key.id,
    )
    row = AuditCheckpoint(
        **checkpoint.model_dump(exclude={"format", "reason"}),
        reason=checkpoint.reason.value,
        public_key=public_text(key.public),
        signature=key.sign(checkpoint),
    )
    session.add(row)
    await session.flush()
    return row


async def _walked(session: AsyncSession, user_id: UUID, before: AuditCheckpoint | None) -> tuple[int, str]:
    """Sequence number and hash of the newest entry, once all since `before` were found to hold. Raises BrokenChain."""
    seq, head = (before.seq, before.hash) if before is not None else (0, GENESIS)
    if before is not None:
        stored = await session.execute(
            select(col(AuditRow.hash)).where(col(AuditRow.user_id) == user_id, col(AuditRow.seq) == before.seq)
        )
        if stored.scalar_one_or_none() != before.hash:
            raise BrokenChain(
                ChainBreak(seq=before.seq, problem=f"it is not the one that checkpoint {before.number} signed")
            )
    problem, seq, head = await session.run_sync(_walk, user_id, seq, head)
    if problem is not None:
        raise BrokenChain(problem)
    return seq, head


def _walk(session: Session, user_id: UUID, after: int, previous: str) -> tuple[ChainBreak | None, int, str]:
    """The first break after an entry, and the newest entry with its hash; a few rows in memory at a time."""
    newest, head = after, previous
    malformed: ChainBreak | None = None
    rows = session.execute(
        select(AuditRow)
        .where(col(AuditRow.user_id) == user_id, col(AuditRow.seq) > after)
        .order_by(col(AuditRow.seq))
        .execution_options(yield_per=CHUNK)
    ).scalars()

    def entries() -> Iterator[tuple[AuditEntry, str]]:
        nonlocal newest, head, malformed
        for row in rows:
            session.expunge(row)
            try:
                entry = to_entry(row)
            except ValueError:
                malformed = ChainBreak(seq=row.seq, problem="its content was changed to what no entry can be")
                return
            newest, head = row.seq, row.hash
            yield entry, row.hash

    found = verify_chain(entries(), after=after, previous=previous)
    return found or malformed, newest, head


async def not_signed(session: AsyncSession, user_id: UUID, problem: str) -> None:
    """Keeps why a chain was not signed; it is looked at again later."""
    await session.execute(
        update(AuditUnsigned)
        .where(col(AuditUnsigned.user_id) == user_id)
        .values(problem=problem, since=utc_now(), wanted=False)
    )


async def problem_of(session: AsyncSession, user_id: UUID) -> str:
    """Why a user's chain cannot be signed; empty where it can."""
    found = await session.execute(select(col(AuditUnsigned.problem)).where(col(AuditUnsigned.user_id) == user_id))
    return found.scalar_one_or_none() or ""


async def newest(session: AsyncSession, user_id: UUID) -> AuditCheckpoint | None:
    """The latest checkpoint of a user."""
    found = await session.execute(
        select(AuditCheckpoint)
        .where(col(AuditCheckpoint.user_id) == user_id)
        .order_by(col(AuditCheckpoint.number).desc())
        .limit(1)
    )
    return found.scalar_one_or_none()


async def covering(session: AsyncSession, user_id: UUID, seq: int) -> AuditCheckpoint | None:
    """The first checkpoint made for an export that covers entry `seq`."""
    found = await session.execute(
        select(AuditCheckpoint)
        .where(col(AuditCheckpoint.user_id) == user_id, col(AuditCheckpoint.seq) >= seq)
        .where(col(AuditCheckpoint.reason) == CheckpointReason.EXPORT.value)
        .order_by(col(AuditCheckpoint.number))
        .limit(1)
    )
    return found.scalar_one_or_none()


async def listed(
    session: AsyncSession, user_id: UUID, *, after: int = 0, up_to: int | None = None, limit: int = 100
) -> list[AuditCheckpoint]:
    """A user's checkpoints from number `after` + 1 on, in order."""
    query = (
        select(AuditCheckpoint)
        .where(col(AuditCheckpoint.user_id) == user_id, col(AuditCheckpoint.number) > after)
        .order_by(col(AuditCheckpoint.number))
        .limit(limit)
    )
    if up_to is not None:
        query = query.where(col(AuditCheckpoint.number) <= up_to)
    return list((await session.execute(query)).scalars())


async def keys(session: AsyncSession, user_id: UUID) -> dict[str, str]:
    """The public keys (PEM) that this user's checkpoints were signed with, by their ids."""
    rows = await session.execute(
        select(col(AuditCheckpoint.key_id), col(AuditCheckpoint.public_key))
        .where(col(AuditCheckpoint.user_id) == user_id)
        .distinct()
        .order_by(col(AuditCheckpoint.key_id))
    )
    return {row.key_id: row.public_key for row in rows}
