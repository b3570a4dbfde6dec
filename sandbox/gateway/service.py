"""The gateway as a whole: what its users share, and the listeners it keeps."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

from coco.keys import MasterKey
from coco.settings import Settings
from sandbox.gateway.admin import AdminServer
from sandbox.gateway.auth import TokenCheck
from sandbox.gateway.door import Door
from sandbox.gateway.egress_front import Egress
from sandbox.gateway.folders import make_run_dir, only_gateway
from sandbox.gateway.limits import UserLimits
from sandbox.gateway.listener import Listener
from sandbox.gateway.refusal_log import RefusalLog
from sandbox.gateway.task_tokens import TaskTokens
from sandbox.gateway.temporal_calls import Pins
from sandbox.gateway.temporal_front import TemporalFront
from sandbox.gateway.temporal_upstream import Upstream
from store import sandboxes
from store.database import Database

log = logging.getLogger(__name__)

SWEEP_SECONDS = 60.0


class Gateway:
    """Use `serving`."""

    def __init__(
        self, settings: Settings, database: Database, master: MasterKey, grant_public_key: str, run_dir: Path
    ) -> None:
        self._settings = settings
        self._db = database
        self._run_dir = run_dir
        self._upstream = Upstream(settings)
        self._task_tokens = TaskTokens(master)
        self._token_check = TokenCheck(database)
        self._refusals = RefusalLog(database)
        self._egress = Egress(settings, database, master, grant_public_key)
        self._listeners: dict[UUID, Listener] = {}
        self._limits: dict[UUID, UserLimits] = {}
        self._changing: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._sweeper: asyncio.Task[None] | None = None
        self._admin = AdminServer(self._admin_listen, self._admin_close)

    @classmethod
    @contextlib.asynccontextmanager
    async def serving(
        cls, settings: Settings, database: Database, master: MasterKey, grant_public_key: str
    ) -> AsyncIterator[Gateway]:
        """Serves inside the block: every running sandbox's user, and whoever the control worker asks for.

        Raises GatewayRunning where another gateway serves the same run directory.
        """
        run_dir = make_run_dir(settings.run_dir)
        with only_gateway(run_dir):
            gateway = cls(settings, database, master, grant_public_key, run_dir)
            try:
                await gateway._start()
                yield gateway
            finally:
                await gateway._stop()

    async def listen(self, user_id: UUID) -> Path:
        """The user's folder, with a socket in it that this gateway answers on."""
        async with self._changing[user_id]:
            if user_id not in self._listeners:
                self._listeners[user_id] = await Listener.start(self._run_dir, user_id, self._door(user_id))
            return self._listeners[user_id].folder

    async def close(self, user_id: UUID) -> None:
        """No longer answers for a user. What it is sending to a provider is seen through."""
        async with self._changing[user_id]:
            listener = self._listeners.pop(user_id, None)
            if listener is not None:
                await listener.stop()
                log.info("stopped listening for user=%s", user_id)

    def _door(self, user_id: UUID) -> Door:
        pins = Pins(user_id, self._settings.temporal_namespace, self._task_tokens)
        limits = self._limits.setdefault(user_id, UserLimits())
        return Door(
            user_id,
            self._db,
            self._token_check,
            self._refusals,
            TemporalFront(pins, self._upstream, limits),
            self._egress.for_user(user_id, limits),
            limits,
        )

    async def _admin_listen(self, user_id: UUID) -> bytes:
        return str(await self.listen(user_id)).encode()

    async def _admin_close(self, user_id: UUID) -> bytes:
        await self.close(user_id)
        return b""

    async def _start(self) -> None:
        async with self._db.system() as session:
            users = await sandboxes.running(session)
        for user_id in users:
            await self.listen(user_id)
        self._egress.start()
        await self._admin.start(self._run_dir)
        self._sweeper = asyncio.create_task(self._sweep())
        log.info("the gateway is ready; %d users", len(users))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for user_id in list(self._listeners):
                try:
                    await self._egress.sweep(user_id)
                except Exception as error:
                    log.error("sweeping for user=%s failed: %s", user_id, type(error).__name__)

    async def _stop(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        await self._admin.stop()
        await self._egress.stop_watching()
        await asyncio.gather(*(self.close(user_id) for user_id in list(self._listeners)))
        await self._egress.close()
        await self._upstream.close()
