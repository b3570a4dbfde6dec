"""Keeps users' sandboxes: started when there is work, with a fresh token each time, stopped when idle."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.errors import CocoError, Code
from coco.settings import Settings
from sandbox.container import Limits, Sandbox, SandboxSpec
from sandbox.gateway.admin import AdminClient
from sandbox.gateway.token import write_token
from store import locks, revoking
from store.database import Database
from store.sandboxes import off_host, on_host, rotate_token
from store.tables import SandboxRow, utc_now
from workers.wiping import empty, remove

log = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0
LONGEST_PAUSE = 60.0
"""Seconds between looks at a revocation that cannot be seen through yet: from one second, doubled each time."""


@dataclass(frozen=True)
class Hosts:
    """Where sandboxes may run, by the names in the regions' file; nothing where that names none."""

    own: str | None = None
    every: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: Settings) -> Hosts:
        region = settings.own_region
        return cls(socket.gethostname(), frozenset(region.hosts)) if region is not None and region.hosts else cls()


@dataclass
class _Owed:
    """What stays owed to a user after a look at it."""

    connections: frozenset[UUID]
    pause: float
    again_at: float
    """By time.monotonic()."""


class Sandboxes:
    """The control worker's hand on sandboxes. One sandbox per user, whatever number of runs wants it."""

    def __init__(self, database: Database, kind: Sandbox, settings: Settings, hosts: Hosts | None = None) -> None:
        self._db = database
        self._hosts = Hosts.of(settings) if hosts is None else hosts
        self._kind = kind
        self._settings = settings
        self._admin = AdminClient(settings.run_dir)
        self._locks: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._owed: dict[UUID, _Owed] = {}

    async def ensure(self, user_id: UUID) -> None:
        """Has the user's sandbox running; one that is alive is left alone.

        Raises SandboxUnavailable where it cannot be started.
        """
        async with self._locks[user_id]:
            gateway_dir = await self._admin.listen(user_id)
            async with self._db.user(user_id) as session:
                # Held across replicas until the row says running.
                await locks.until_commit(session, _lock(user_id))
                row = await session.get(SandboxRow, user_id)
                if row is not None and row.state == "running" and await self._kind.alive(str(user_id)):
                    await self._mark(session, user_id, "running")
                    return
                await self._kind.stop(str(user_id))
                # Nothing of a revoked connection's data is there when the sandbox comes back.
                await self._empty(user_id, await revoking.owed_by(session, user_id))
                token = await rotate_token(session, user_id)
                if self._hosts.own is not None:
                    await on_host(session, user_id, self._hosts.own)
                await asyncio.to_thread(write_token, gateway_dir, token)
                # Committed first: the sandbox calls the gateway as soon as it is up.
                await self._mark(session, user_id, "running")
            try:
                await self._kind.start(self._spec(user_id, gateway_dir))
            except BaseException:
                async with self._db.user(user_id) as session:
                    await self._mark(session, user_id, "stopped")
                raise
            log.info("started the sandbox of user %s", user_id)

    async def keep(self) -> None:
        """Until cancelled: starts the sandboxes that are wanted, stops those that are idle, and beside that sees
        revocations through, which may have to wait for a provider."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_again_and_again(self._sweep))
            group.create_task(_again_and_again(self.see_purges_through))

    async def _sweep(self) -> None:
        idle_since = utc_now() - timedelta(seconds=self._settings.sandbox_idle_seconds)
        async with self._db.system() as session:
            wanted = (
                await session.execute(select(col(SandboxRow.user_id)).where(col(SandboxRow.state) == "wanted"))
            ).scalars()
            idle = (
                await session.execute(
                    select(col(SandboxRow.user_id)).where(
                        col(SandboxRow.state) == "running", col(SandboxRow.last_active_at) < idle_since
                    )
                )
            ).scalars()
            to_start, to_stop = list(wanted), list(idle)
        for user_id in to_start:
            try:
                await self.ensure(user_id)
            except Exception:
                log.exception("the sandbox of user %s could not be started", user_id)
        for user_id in to_stop:
            await self._stop_idle(user_id, idle_since)

    async def _stop_idle(self, user_id: UUID, idle_since: datetime) -> None:
        async with self._locks[user_id]:
            async with self._db.user(user_id) as session:
                stopped = await session.execute(
                    update(SandboxRow)
                    .where(col(SandboxRow.user_id) == user_id, col(SandboxRow.state) == "running")
                    .where(col(SandboxRow.last_active_at) < idle_since)
                    .values(state="stopped", token_sha256=None)
                    .returning(col(SandboxRow.user_id))
                )
                if stopped.first() is None:
                    return
            await self._kind.stop(str(user_id))
            await self._admin.close(user_id)
            log.info("stopped the idle sandbox of user %s", user_id)

    async def see_purges_through(self) -> None:
        """Stops and empties the sandboxes of those who revoked a connection, and removes what has come since.

        What stays owed (a sending of theirs is not recorded yet) is looked at again after a pause that grows: emptying
        a stopped sandbox again changes nothing.
        """
        async with self._db.system() as session:
            owed = await revoking.owed(session)
        for user_id in self._owed.keys() - owed.keys():
            del self._owed[user_id]
        for user_id, connections in owed.items():
            before = self._owed.get(user_id)
            if before is not None and before.connections >= set(connections) and time.monotonic() < before.again_at:
                continue
            left = frozenset(connections)
            try:
                await self._purge(user_id, connections)
                async with self._locks[user_id]:
                    left = await self._wipe(user_id, connections)
            except Exception:
                log.exception("what user %s revoked is not removed everywhere yet; trying again", user_id)
            if left:
                same = before is not None and before.connections >= left
                pause = min(LONGEST_PAUSE, 2 * before.pause) if same and before is not None else SWEEP_SECONDS
                self._owed[user_id] = _Owed(left, pause, time.monotonic() + pause)

    async def _purge(self, user_id: UUID, connections: list[UUID]) -> None:
        wait = 2 * self._settings.request_timeout_seconds + 5
        for connection_id in connections:
            # Whoever revoked it may have got no further than the revocation.
            async with self._db.user(user_id) as session:
                await revoking.has_left(session, connection_id, wait)
                await revoking.purge_if_revoked(session, user_id, connection_id)

    async def _wipe(self, user_id: UUID, connections: list[UUID]) -> frozenset[UUID]:
        """The connections whose data stays owed."""
        async with self._db.user(user_id) as session:
            await locks.until_commit(session, _lock(user_id))
            row = await session.get(SandboxRow, user_id)
            # One that runs was started since, and emptied before.
            if row is None or row.state != "running":
                await self._kind.stop(str(user_id))
                await self._empty(user_id, connections)
        left = set(connections)
        for connection_id in connections:
            async with self._db.user(user_id) as session:
                gone = await revoking.see_through(session, user_id, connection_id)
            if gone:
                left.discard(connection_id)
                log.info("removed what user %s had read through connection %s", user_id, connection_id)
        return frozenset(left)

    async def destroy(self, user_id: UUID) -> None:
        """Ends a sandbox for good: with its volume, its socket and its token. Repeating it changes nothing.

        Raises SandboxError, OSError, or CocoError (UNAVAILABLE) where no gateway answers, and where it has a volume on
        another host: the control worker there has to do this as well. A host that the file does not name any more has
        none.
        """
        async with self._locks[user_id], self._db.user(user_id) as session:
            await locks.until_commit(session, _lock(user_id))
            await self._kind.stop(str(user_id), kill=True)
            await self._admin.close(user_id)
            for folder in (self._volume(user_id), (self._settings.run_dir / str(user_id)).resolve()):
                await asyncio.to_thread(remove, folder)
            left = await off_host(session, user_id, self._hosts.own) if self._hosts.own is not None else []
        if waits_for := sorted(self._hosts.every.intersection(left)):
            raise CocoError(f"its volume on {', '.join(waits_for)} is there", code=Code.UNAVAILABLE)

    async def _empty(self, user_id: UUID, connections: list[UUID]) -> None:
        if connections:
            await asyncio.to_thread(empty, self._volume(user_id), connections)

    def _volume(self, user_id: UUID) -> Path:
        return (self._settings.state_dir / "volumes" / str(user_id)).resolve()

    def _spec(self, user_id: UUID, gateway_dir: Path) -> SandboxSpec:
        settings = self._settings
        return SandboxSpec(
            user_id=str(user_id),
            deployment=settings.deployment,
            volume=self._volume(user_id),
            gateway_dir=gateway_dir.resolve(),
            limits=Limits(
                memory_mb=settings.sandbox_memory_mb,
                cpus=settings.sandbox_cpus,
                pids=settings.sandbox_pids,
                tmp_mb=settings.sandbox_tmp_mb,
            ),
        )

    @staticmethod
    async def _mark(session: AsyncSession, user_id: UUID, state: str) -> None:
        await session.execute(
            update(SandboxRow).where(col(SandboxRow.user_id) == user_id).values(state=state, last_active_at=utc_now())
        )


async def _again_and_again(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except Exception:
            log.exception("looking after sandboxes failed; trying again")
        await asyncio.sleep(SWEEP_SECONDS)


def _lock(user_id: UUID) -> str:
    """Its holder alone, of all replicas, starts this user's sandbox or empties its volume."""
    return f"sandbox:{user_id}"
