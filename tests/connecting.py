"""Connections for tests, as their owner would have made them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from activities.connectors.registry import connector
from store import credentials
from store.tables import CredentialAttempt
from tests.conftest import Postgres


def every_scope(name: str) -> list[str]:
    """All that a connector can be granted, as for a person who ticks everything."""
    return [scope.name for scope in connector(name).scopes]


async def waiting_attempt(postgres: Postgres, user_id: UUID, connection_id: Any) -> CredentialAttempt:
    """The credential that waits to be tried out, as the gateway sees it."""
    async with postgres.gateway.user(user_id) as session:
        rows = await session.execute(
            select(CredentialAttempt)
            .where(col(CredentialAttempt.connection_id) == UUID(str(connection_id)))
            .where(col(CredentialAttempt.state) == "pending")
        )
        return rows.scalar_one()


async def accept(postgres: Postgres, user_id: UUID, connection_id: Any) -> None:
    """The gateway has asked the provider, and the provider has accepted the credential that waits."""
    attempt = await waiting_attempt(postgres, user_id, connection_id)
    kept = credentials.Kept(attempt.sealed, attempt.fingerprint)
    async with postgres.gateway.user(user_id) as session:
        await credentials.keep(session, user_id, attempt.id, "works", kept, scopes=attempt.scopes)


async def turn_down(postgres: Postgres, user_id: UUID, connection_id: Any, reason: str = "It said no.") -> None:
    """The gateway has asked the provider, which said no."""
    attempt = await waiting_attempt(postgres, user_id, connection_id)
    async with postgres.gateway.user(user_id) as session:
        await credentials.end(session, user_id, attempt.id, "refused", reason)
