"""Walks the audit chains of every account, over the owner's address: no account's rows are hidden from it.

Checkpoints are checked with the keys that stand beside them. Whoever may rewrite the database may put other keys there:
what proves the most is an export, a kept checkpoint and a key id from elsewhere (cli.audit_offline).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from pydantic import ValidationError

from cli.errors import Fix
from coco.audit import AuditEntry, ChainBreak, verify_chain
from coco.audit_checkpoints import signed_by
from store.audit_checkpoints import to_checkpoint
from store.tables import AuditCheckpoint

_COLUMNS = ", ".join((*AuditEntry.model_fields, "hash"))


@dataclass
class Account:
    """What was found on one account's chain."""

    email: str
    entries: int
    problem: ChainBreak | None
    signed: int = 0
    """The last entry that a checkpoint covers."""


def walk(owner: str, email: str | None = None) -> Iterator[Account]:
    """Each account's chain in turn, or that of `email` alone. Raises Fix where there is no such account.

    One snapshot for all, so that entries written meanwhile are no gap. Entries of accounts that are gone count too.
    """
    with psycopg.connect(owner) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        found = connection.execute(
            "SELECT DISTINCT a.user_id, coalesce(u.email, 'no account ' || a.user_id) FROM audit a "
            "LEFT JOIN users u ON u.id = a.user_id UNION SELECT id, email FROM users ORDER BY 2"
        ).fetchall()
        chosen = [row for row in found if email is None or row[1] == email.strip().lower()]
        if email is not None and not chosen:
            raise Fix(f"there is no account for {email}")
        for user_id, address in chosen:
            yield _check(connection, user_id, address)


def _check(connection: psycopg.Connection, user_id: UUID, email: str) -> Account:
    count = 0
    malformed: ChainBreak | None = None
    checkpoints = _checkpoints(connection, user_id)
    hashes: dict[int, str] = {}

    def entries() -> Iterator[tuple[AuditEntry, str]]:
        nonlocal count, malformed
        with connection.cursor(name="chain", row_factory=dict_row) as rows:
            rows.execute(f"SELECT {_COLUMNS} FROM audit WHERE user_id = %s ORDER BY seq", [user_id])  # noqa: S608
            for row in rows:
                stored = row.pop("hash")
                try:
                    entry = AuditEntry(**row)
                except ValidationError:
                    malformed = ChainBreak(seq=row["seq"], problem="its content was changed to what no entry can be")
                    return
                count += 1
                if entry.seq in checkpoints:
                    hashes[entry.seq] = stored
                yield entry, stored

    problem = verify_chain(entries()) or malformed
    if problem is None:
        problem = _against(checkpoints, hashes, count)
    return Account(email, count, problem, max(checkpoints, default=0))


def _checkpoints(connection: psycopg.Connection, user_id: UUID) -> dict[int, list[AuditCheckpoint]]:
    """The account's checkpoints by the entry that they cover."""
    found: dict[int, list[AuditCheckpoint]] = {}
    with connection.cursor(row_factory=dict_row) as rows:
        for row in rows.execute("SELECT * FROM audit_checkpoints WHERE user_id = %s ORDER BY number", [user_id]):
            found.setdefault(row["seq"], []).append(AuditCheckpoint(**row))
    return found


def _against(checkpoints: dict[int, list[AuditCheckpoint]], hashes: dict[int, str], entries: int) -> ChainBreak | None:
    """The first thing that the checkpoints say and the chain does not."""
    before = 0
    for seq, rows in sorted(checkpoints.items()):
        for row in rows:
            name = f"checkpoint {row.number}"
            if not signed_by(to_checkpoint(row), row.signature, row.public_key):
                return ChainBreak(seq=seq, problem=f"{name} was changed: its signature does not hold")
            if seq > entries:
                return ChainBreak(seq=entries + 1, problem=f"the chain was cut off: {name} covers entry {seq}")
            if hashes.get(seq) != row.hash:
                where = f"entries {before + 1} to {seq} are not those that {name} signed"
                return ChainBreak(seq=before + 1, problem=where)
        before = seq
    return None
