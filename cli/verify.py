"""Walks the audit chains of every account, over the owner's address: no account's rows are hidden from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from pydantic import ValidationError

from cli.errors import Fix
from coco.audit import AuditEntry, ChainBreak, verify_chain

_COLUMNS = ", ".join((*AuditEntry.model_fields, "hash"))


@dataclass
class Account:
    """What was found on one account's chain."""

    email: str
    entries: int
    problem: ChainBreak | None


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
                yield entry, stored

    problem = verify_chain(entries())
    return Account(email, count, problem or malformed)
