"""Everything that is kept of a user, as rows: what an export of their data is made of.

Walks every table of the schema, so that a new one is in the export without anybody thinking of it. What opens
something is left out: passwords, tokens and keys, sealed or not. Row-level security keeps the rows to one user.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Table, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

import store.tables
import store.tables_asking
import store.tables_teams  # noqa: F401  (all fill the metadata)

SECRET_COLUMNS = frozenset(
    {
        "users.password_hash",
        "sessions.refresh_sha256",
        "sessions.previous_sha256",
        "sandboxes.token_sha256",
        "sandboxes.hosts",
        "team_invitations.token_sha256",
    }
)
"""Never exported: who has them can act as the user; and where sandboxes run is the installation's to know."""
SECRET_TABLES = frozenset({"user_keys", "sealed_credentials", "credential_attempts", "oauth_flows", "wakeups"})
"""Keys, credentials, and the outbox of wake-ups, which holds nothing about anybody."""
PAGE = 500
_WHOSE = {"users": "id", "teams": "created_by", "team_invitations": "invited_by", "team_budgets": "set_by"}
"""Where a row says whose it is by another name than `user_id`."""
_ALSO = {"approvals": "person_id", "delegations": "to_id"}
"""Where a row is also about somebody else, who may read it: what they approved of others' actions, and for whom they
may decide."""


def tables() -> list[Table]:
    """The tables of the export, in an order in which rows follow what they refer to."""
    return [table for table in SQLModel.metadata.sorted_tables if table.name not in SECRET_TABLES]


def whose(table: Table) -> Column[Any] | None:
    """The column that says whose a row is; None for a table that is nobody's."""
    found: Column[Any] | None = table.c.get(_WHOSE.get(table.name, "user_id"))
    return found


async def rows(session: AsyncSession, user_id: UUID) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """(table, row) of everything that is the user's and that this role may read; values as JSON has them."""
    for table in tables():
        owner = whose(table)
        if owner is None:
            continue
        names = [column.name for column in table.columns if f"{table.name}.{column.name}" not in SECRET_COLUMNS]
        allowed = await session.execute(
            select(*(func.has_column_privilege(table.name, name, "SELECT").label(name) for name in names))
        )
        may = dict(allowed.mappings().one())
        columns = [table.c[name] for name in names if may[name]]
        if not columns:
            continue
        about = owner == user_id
        if (other := _ALSO.get(table.name)) is not None:
            about = or_(about, table.c[other] == user_id)
        found = await session.stream(
            select(*columns)
            .where(about)
            .order_by(*(column for column in table.primary_key.columns if may[column.name]))
            .execution_options(yield_per=PAGE)
        )
        async for row in found.mappings():
            yield table.name, {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(bytes(value)).decode()
    return value
