"""Sees the deletion of accounts through: runs, schedules, sandbox, keys, rows, audit, in this order.

Each step may be done again, and an account that is not finished is begun anew by whichever control worker is there: so
it makes no difference where one was killed. The keys go before the rows: once they are gone, what Temporal still has of
the account is noise.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import psycopg
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from coco.errors import CocoError, Code
from coco.names import run_prefix, schedule_prefix, temporal_workflow_id
from coco.settings import Settings
from store import erasing, locks, revoking
from store.database import Database, plain_dsn
from store.directory import directory_of
from workers.keyring import KeyRing
from workers.sandboxes import Sandboxes

log = logging.getLogger(__name__)

POLL_SECONDS = 10.0
_REASON = "the account was deleted"
_RPC = timedelta(seconds=10)


class Eraser:
    """Runs beside the worker. Several may run: an account is erased by the one that holds its lock."""

    def __init__(
        self, database: Database, client: Client, sandboxes: Sandboxes, keyring: KeyRing, settings: Settings
    ) -> None:
        """`database` is connected as the control role."""
        self._db = database
        self._client = client
        self._sandboxes = sandboxes
        self._keyring = keyring
        self._directory = directory_of(settings)
        self._region = settings.region
        self._leaving_seconds = 2 * settings.request_timeout_seconds + 5

    async def run(self) -> None:
        """Until cancelled. What fails is logged and tried again."""
        while True:
            try:
                await self._listen()
            except Exception:
                log.exception("accounts could not be erased; trying again")
            await asyncio.sleep(1)

    async def _listen(self) -> None:
        async with await psycopg.AsyncConnection.connect(plain_dsn(self._db.dsn), autocommit=True) as connection:
            await connection.execute("LISTEN coco_erasures")
            while True:
                await self.erase_owed()
                async for _ in connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                    pass

    async def erase_owed(self) -> int:
        """Erases every account that is owed it; how many were finished."""
        async with self._db.system() as session:
            owed = await erasing.owed(session)
        finished = 0
        for user_id in owed:
            try:
                async with locks.held(self._db.dsn, f"erasing:{user_id}", 0.1, busy="another worker erases it"):
                    finished += await self._erase(user_id)
            except CocoError as error:
                log.warning("account %s is not erased yet: %s", user_id, error)
            except Exception:
                # One account's trouble holds up nobody else's.
                log.exception("account %s is not erased yet; trying again", user_id)
        return finished

    async def _erase(self, user_id: UUID) -> bool:
        """All steps. False where something of the account came in meanwhile, and it is begun again later."""
        await self._step(user_id, "runs")
        async with self._db.user(user_id) as session:
            await erasing.tell_teams(session, user_id)
        await self._end_runs(user_id)
        await self._step(user_id, "sandbox")
        await self._sandboxes.destroy(user_id)
        await self._step(user_id, "keys")
        async with self._db.user(user_id) as session:
            await erasing.destroy_keys(session)
        self._keyring.forget(user_id)
        await self._step(user_id, "rows")
        await self._leave_directory(user_id)
        async with self._db.user(user_id) as session:
            await erasing.remove_rows(session)
        await self._step(user_id, "audit")
        more = True
        while more:
            async with self._db.user(user_id) as session:
                await erasing.note_operator(session, user_id)
                more = await erasing.blank_entries(session, user_id) > 0
        # Whatever was started between the first look and the removal of the rows.
        await self._terminate_all(user_id)
        async with self._db.user(user_id) as session:
            finished = await erasing.finish(session)
        if finished:
            log.info("account %s is erased", user_id)
        return finished

    async def _leave_directory(self, user_id: UUID) -> None:
        """While the address is still known here."""
        if self._directory is None or self._region is None:
            return
        async with self._db.user(user_id) as session:
            email = await erasing.address(session, user_id)
        if email is not None:
            await self._directory.release(email, self._region)

    async def _step(self, user_id: UUID, step: str) -> None:
        async with self._db.user(user_id) as session:
            await erasing.begin_step(session, user_id, step)

    async def _end_runs(self, user_id: UUID) -> None:
        """Nothing leaves, no run goes on, no schedule starts one; credits that were set aside are given back."""
        async with self._db.user(user_id) as session:
            connections = await erasing.connections(session, user_id)
            open_runs = await erasing.open_runs(session, user_id)
        for connection_id in connections:
            async with self._db.user(user_id) as session:
                await revoking.has_left(session, connection_id, self._leaving_seconds)
        for run_id in open_runs:
            # First its row, so that no wake-up starts it again.
            async with self._db.user(user_id) as session:
                await erasing.end_run(session, user_id, run_id)
            await self._terminate(temporal_workflow_id(user_id, run_id))
        async with self._db.user(user_id) as session:
            await erasing.give_back(session, user_id)
        await self._delete_schedules(user_id)
        await self._terminate_all(user_id)

    async def _delete_schedules(self, user_id: UUID) -> None:
        """By their rows, which go only after this."""
        async with self._db.user(user_id) as session:
            names = await erasing.schedule_names(session, user_id)
        for name in names:
            with _gone():
                await self._client.get_schedule_handle(name).delete(rpc_timeout=_RPC)

    async def _terminate_all(self, user_id: UUID) -> None:
        """Every workflow of the user that Temporal lists as running."""
        prefixes = (run_prefix(user_id), schedule_prefix(user_id))
        named = " OR ".join(f'WorkflowId STARTS_WITH "{prefix}"' for prefix in prefixes)
        async for found in self._client.list_workflows(f'({named}) AND ExecutionStatus = "Running"'):
            await self._terminate(found.id)

    async def _terminate(self, workflow_id: str) -> None:
        with _gone():
            # Without details: they would be encoded with a key that is about to be destroyed.
            await self._client.get_workflow_handle(workflow_id).terminate(reason=_REASON, rpc_timeout=_RPC)


@contextlib.contextmanager
def _gone() -> Iterator[None]:
    """What is not there, or has ended, needs no ending."""
    try:
        yield
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise CocoError(f"Temporal does not end it: {error.status.name}", code=Code.UNAVAILABLE) from error
