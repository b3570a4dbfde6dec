"""Who calls: the socket says which user, the bearer token proves that it is that user's current sandbox."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from coco.errors import CocoError, Code, Refused
from store import sandboxes
from store.database import Database

_PREFIX = "Bearer "
MAX_TOKEN = 256


class TokenCheck:
    """Compares with Postgres at every call, so that a rotated token stops at once; nothing is cached."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def check(self, user_id: UUID, metadata: Iterable[tuple[str, str | bytes]]) -> str:
        """The token's digest, for `check_digest` later in a long call.

        Raises Refused (UNAUTHENTICATED), or CocoError (UNAVAILABLE) where Postgres does not answer.
        """
        given = [value for name, value in metadata if name == "authorization"]
        if len(given) != 1 or not isinstance(given[0], str) or len(given[0]) > MAX_TOKEN:
            raise Refused("no bearer token", code=Code.UNAUTHENTICATED)
        if not given[0].startswith(_PREFIX):
            raise Refused("no bearer token", code=Code.UNAUTHENTICATED)
        digest = sandboxes.token_digest(given[0].removeprefix(_PREFIX))
        await self.check_digest(user_id, digest)
        return digest

    async def check_digest(self, user_id: UUID, digest: str) -> None:
        """Raises as `check` does, where the token of that digest is not the current one (any more)."""
        try:
            async with self._db.user(user_id) as session:
                current = await sandboxes.current_token_digest(session, user_id)
        except (SQLAlchemyError, OSError) as error:
            raise CocoError("the database does not answer", code=Code.UNAVAILABLE) from error
        if current is None or not hmac.compare_digest(current, digest):
            raise Refused("the token is not the current one", code=Code.UNAUTHENTICATED)
