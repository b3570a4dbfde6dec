"""The public API, called as the owner of a scripted world."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest

from api.public.parts import Parts
from store.tables import Session
from tests.api.conftest import app, client, parts
from tests.api.people import Person
from tests.workflows.harness import World

__all__ = ["app", "client", "owner_of", "parts"]


@pytest.fixture
def owner_of(client: httpx.AsyncClient, parts: Parts) -> Callable[[World], Awaitable[Person]]:
    """Signs the world's user in."""

    async def sign_in(world: World) -> Person:
        session_id = uuid4()
        async with world.postgres.api.user(world.user_id) as session:
            session.add(
                Session(
                    id=session_id,
                    user_id=world.user_id,
                    refresh_sha256=uuid4().hex,
                    expires_at=datetime.now(UTC) + timedelta(hours=1),
                )
            )
        token = parts.tokens.access(world.user_id, session_id)
        return Person(client, f"{world.user_id}@example.com", world.user_id, session_id, token, "")

    return sign_in
