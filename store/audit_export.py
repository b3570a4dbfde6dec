"""The whole chain of an account as a file that anybody can check without Coco: JSON Lines, one statement per line.

A header, then every entry in order, each checkpoint right behind the entry that it covers, and a checkpoint made for
the export at the end. The text of `entry` and `checkpoint` is canonical JSON, so its bytes are those that were hashed
or signed: a verifier takes them as they stand (docs/audit.md). This module and `cli.audit_offline` share no code.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.audit import AuditKind, entry_bytes
from coco.canonical import canonical
from store import audit, audit_checkpoints
from store.tables import AuditCheckpoint, AuditRow

FORMAT = "coco.audit.export.v1"
CHUNK = 500

Reading = Callable[[], AbstractAsyncContextManager[AsyncSession]]
"""Opens one transaction of the user whose chain it is."""


async def note(session: AsyncSession, user_id: UUID, body: dict[str, object]) -> int:
    """Records that entries leave Coco, in the caller's transaction; the entry's sequence number.

    The database then asks the control worker for a checkpoint, which the file of a whole chain waits for.
    """
    await audit.append(session, user_id, AuditKind.AUDIT_EXPORTED, actor=f"user:{user_id}", body=body)
    found = await session.execute(
        select(col(AuditRow.seq)).where(col(AuditRow.user_id) == user_id).order_by(col(AuditRow.seq).desc()).limit(1)
    )
    return int(found.scalar_one())


async def lines(reading: Reading, user_id: UUID, closing: AuditCheckpoint) -> AsyncIterator[bytes]:
    """The file, line by line, up to the entry that `closing` covers. Never holds more than a few hundred entries."""
    async with reading() as session:
        keys = await audit_checkpoints.keys(session, user_id)
    header = {
        "account": str(user_id),
        "deployment": closing.deployment,
        "entries": closing.seq,
        "format": FORMAT,
        "keys": [{"id": key, "pem": pem} for key, pem in keys.items()],
        "type": "header",
    }
    yield canonical(header) + b"\n"
    signed: list[AuditCheckpoint] = []
    at, number = 0, 0
    while at < closing.seq:
        async with reading() as session:
            rows = (
                (
                    await session.execute(
                        select(AuditRow)
                        .where(
                            col(AuditRow.user_id) == user_id, col(AuditRow.seq) > at, col(AuditRow.seq) <= closing.seq
                        )
                        .order_by(col(AuditRow.seq))
                        .limit(CHUNK)
                    )
                )
                .scalars()
                .all()
            )
            if not rows:
                break  # what is missing in the middle of a chain is for the verifier to say
            while not signed or signed[-1].seq < rows[-1].seq:
                more = await audit_checkpoints.listed(session, user_id, after=number, up_to=closing.number)
                if not more:
                    break
                signed += more
                number = more[-1].number
        for row in rows:
            yield entry_line(row)
            while signed and signed[0].seq <= row.seq:
                yield checkpoint_line(signed.pop(0))
        at = rows[-1].seq


def entry_line(row: AuditRow) -> bytes:
    """One entry, with the bytes that were hashed."""
    return b'{"entry":' + entry_bytes(audit.to_entry(row)) + b',"hash":"' + row.hash.encode() + b'","type":"entry"}\n'


def checkpoint_line(row: AuditCheckpoint) -> bytes:
    """One checkpoint, with the bytes that were signed."""
    signed = audit_checkpoints.to_checkpoint(row).as_bytes()
    return b'{"checkpoint":' + signed + b',"signature":"' + row.signature.encode() + b'","type":"checkpoint"}\n'
