"""Wakes a run right after a decision, so that nobody waits for the outbox; the outbox stays the guarantee.

A wake-up that cannot be delivered here is left where it is, and the control worker's dispatcher delivers it.
"""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

from sqlalchemy import select, update
from sqlmodel import col
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError

from coco.names import WAKE_SIGNAL, temporal_workflow_id
from coco.settings import Settings
from store.database import Database
from store.tables import Wakeup, utc_now

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 5.0


class Waker:
    """Delivers in the background; `close()` lets what is under way end."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._client: Client | None = None
        self._connecting = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def wake(self, user_id: UUID, run_id: UUID) -> None:
        """Starts a delivery; never fails and never blocks."""
        if self._settings.temporal_address is None:
            return
        task = asyncio.create_task(self._deliver(user_id, run_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=TIMEOUT_SECONDS)

    async def _deliver(self, user_id: UUID, run_id: UUID) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                async with self._database.user(user_id) as session:
                    owed = await session.execute(
                        select(col(Wakeup.id)).where(
                            col(Wakeup.user_id) == user_id,
                            col(Wakeup.run_id) == run_id,
                            col(Wakeup.kind) == "wake",
                            col(Wakeup.delivered_at).is_(None),
                        )
                    )
                    ids = list(owed.scalars())
                if not ids:
                    return
                client = await self._connected()
                # The signal carries nothing: it says "look again", and what is there is read from Postgres.
                await client.get_workflow_handle(temporal_workflow_id(user_id, run_id)).signal(WAKE_SIGNAL)
                async with self._database.user(user_id) as session:
                    await session.execute(update(Wakeup).where(col(Wakeup.id).in_(ids)).values(delivered_at=utc_now()))
        except (RPCError, RuntimeError, OSError, TimeoutError) as error:
            log.info("a wake-up stays in the outbox: %s", type(error).__name__)
        except Exception:
            log.exception("a wake-up stays in the outbox")

    async def _connected(self) -> Client:
        async with self._connecting:
            if self._client is None:
                profile = ClientConfig.load_client_connect_config()
                self._client = await Client.connect(
                    self._settings.temporal_address or "",
                    namespace=self._settings.temporal_namespace,
                    api_key=profile.get("api_key"),
                    tls=profile.get("tls"),
                    rpc_metadata=profile.get("rpc_metadata") or {},
                )
            return self._client

    async def reachable(self) -> bool:
        """Whether Temporal answers right now."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await (await self._connected()).service_client.check_health()
        except (RPCError, RuntimeError, OSError, TimeoutError):
            return False
