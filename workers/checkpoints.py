"""Signs audit chains: at once where an export waits, else when enough entries have come or the oldest has waited."""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

import psycopg

from coco.audit_checkpoints import SigningKey
from store import audit_checkpoints
from store.audit_checkpoints import EVERY_ENTRIES, EVERY_SECONDS, BrokenChain
from store.database import Database, plain_dsn

log = logging.getLogger(__name__)

POLL_SECONDS = 15.0


class CheckpointKeeper:
    """Runs beside the worker. Several may run: a chain's wait is over for the one that deletes its row."""

    def __init__(
        self,
        database: Database,
        key: SigningKey,
        deployment: str,
        *,
        entries: int = EVERY_ENTRIES,
        seconds: float = EVERY_SECONDS,
    ) -> None:
        """`database` is connected as the control role."""
        self._db = database
        self._key = key
        self._deployment = deployment
        self._entries = entries
        self._seconds = seconds

    async def run(self) -> None:
        """Until cancelled. A failure of Postgres is logged and tried again."""
        while True:
            try:
                await self._listen()
            except Exception:
                log.exception("audit chains could not be signed; trying again")
            await asyncio.sleep(1)

    async def _listen(self) -> None:
        async with await psycopg.AsyncConnection.connect(plain_dsn(self._db.dsn), autocommit=True) as connection:
            await connection.execute("LISTEN coco_checkpoints")
            while True:
                while await self.sign_due():
                    pass
                async for _ in connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                    pass

    async def sign_due(self) -> int:
        """Signs what is due now; how many chains were looked at."""
        async with self._db.system() as session:
            users = await audit_checkpoints.due(session, entries=self._entries, seconds=self._seconds)
        for user_id in users:
            await self._sign(user_id)
        return len(users)

    async def _sign(self, user_id: UUID) -> None:
        try:
            async with self._db.user(user_id) as session:
                await audit_checkpoints.sign(session, user_id, self._key, self._deployment)
        except BrokenChain as error:
            # Not signed, so every export says so too; whoever runs this must look.
            log.critical("the audit chain of user %s does not hold at %s; it is not signed", user_id, error)
            async with self._db.user(user_id) as session:
                await audit_checkpoints.not_signed(session, user_id, str(error))
