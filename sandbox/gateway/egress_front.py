"""The egress front: what a sandbox may ask of Coco and of providers. Reads pass, writes need a grant."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from coco.gateway_protocol import (
    BootRequest,
    CheckRequest,
    Empty,
    ExchangeRequest,
    FetchActionRequest,
    FetchRequest,
    KeysMovedRequest,
    PublishKeyRequest,
    ReadRequest,
    RefreshRequest,
    RunRequest,
    SendRequest,
    SubmitPlanRequest,
)
from coco.keys import MasterKey
from coco.plans import MAX_DRAFT_BYTES
from coco.requests import Frozen
from coco.settings import Settings
from sandbox.gateway import egress_planning, egress_setup
from sandbox.gateway.carrying import Carrier
from sandbox.gateway.changes import Changes
from sandbox.gateway.delivery.addresses import AddressPolicy
from sandbox.gateway.egress_asked import Asked
from sandbox.gateway.egress_checks import Checks
from sandbox.gateway.egress_messages import Notes, dump, parse
from sandbox.gateway.egress_sending import Sending
from sandbox.gateway.egress_tests import Tests
from sandbox.gateway.leaving import Leaving
from sandbox.gateway.limits import MAX_MESSAGE_BYTES, Slots, UserLimits
from store.database import Database


@dataclass(frozen=True)
class _Method:
    request: type[Frozen]
    handle: Callable[[Any, Notes], Awaitable[Frozen]]
    slots: Slots | None = None
    largest: int = MAX_MESSAGE_BYTES
    is_work: bool = True
    """Whether it shows that the sandbox is at work."""


class Egress:
    """What every user's egress front shares."""

    def __init__(self, settings: Settings, database: Database, master: MasterKey, grant_public_key: str) -> None:
        self.namespace = settings.temporal_namespace
        self.database = database
        self.master = master
        self.seconds = settings.request_timeout_seconds
        self.policy = AddressPolicy(settings.egress_private_addresses, settings.egress_clear_text)
        self.changes = Changes(database.dsn)
        self.leaving = Leaving(database.dsn)
        self.carrier = Carrier(database, master, self.policy, self.seconds, self.leaving)
        tests = Tests(database, master, self.carrier)
        self.checks = Checks(database, master, self.policy, self.seconds, self.leaving, tests)
        self.asked = Asked(database, self.carrier)
        self.sending = Sending(database, grant_public_key, self.carrier, self.seconds)

    def for_user(self, user_id: UUID, limits: UserLimits) -> EgressFront:
        return EgressFront(self, user_id, limits)

    async def sweep(self, user_id: UUID) -> None:
        """Settles what a gateway that died left behind."""
        await self.sending.sweep(user_id)
        await self.checks.sweep(user_id)
        await self.asked.sweep(user_id)

    def start(self) -> None:
        """Listens for what sandboxes are to be told of."""
        self.changes.start()

    async def stop_watching(self) -> None:
        """Answers every watch that is held."""
        await self.changes.stop()

    async def close(self) -> None:
        """Sees through what is being sent."""
        await self.sending.close()
        await self.leaving.close()


class EgressFront:
    """One user's."""

    def __init__(self, egress: Egress, user_id: UUID, limits: UserLimits) -> None:
        self._egress = egress
        self._user_id = user_id
        self._limits = limits
        self.methods: dict[str, _Method] = {
            "Boot": _Method(BootRequest, self._boot, is_work=False),
            "PublishKey": _Method(PublishKeyRequest, self._publish_key, is_work=False),
            "Sealed": _Method(Empty, self._sealed, is_work=False),
            "Watch": _Method(Empty, self._watch, limits.watches, is_work=False),
            "KeysMoved": _Method(KeysMovedRequest, self._keys_moved, is_work=False),
            "Check": _Method(CheckRequest, self._check, limits.checks),
            "Exchange": _Method(ExchangeRequest, self._exchange, limits.checks),
            "Refresh": _Method(RefreshRequest, self._refresh, limits.checks),
            "Fetch": _Method(FetchRequest, self._fetch, limits.reads),
            "Context": _Method(RunRequest, self._context),
            "Read": _Method(ReadRequest, self._read, limits.reads),
            "SubmitPlan": _Method(SubmitPlanRequest, self._submit_plan, largest=MAX_DRAFT_BYTES),
            "FetchAction": _Method(FetchActionRequest, self._fetch_action),
            "Send": _Method(SendRequest, self._send),
        }

    async def handle(self, name: str, raw: bytes, notes: Notes) -> bytes:
        """The reply. Raises CocoError, limits.Busy, and what the database raises."""
        method = self.methods[name]
        egress_planning.check_size(raw, method.largest)
        message = (
            await asyncio.to_thread(parse, method.request, raw) if len(raw) > 65_536 else parse(method.request, raw)
        )
        if method.slots is None:
            return dump(await method.handle(message, notes))
        with method.slots.one():
            return dump(await method.handle(message, notes))

    async def _boot(self, message: BootRequest, notes: Notes) -> Frozen:
        shared = self._egress
        return await egress_setup.boot(shared.database, self._user_id, shared.master, shared.namespace)

    async def _publish_key(self, message: PublishKeyRequest, notes: Notes) -> Frozen:
        return await egress_setup.publish_key(self._egress.database, self._user_id, message)

    async def _sealed(self, message: Empty, notes: Notes) -> Frozen:
        return await egress_setup.sealed(self._egress.database, self._user_id)

    async def _watch(self, message: Empty, notes: Notes) -> Frozen:
        await self._egress.changes.wait(self._user_id)
        return Empty()

    async def _keys_moved(self, message: KeysMovedRequest, notes: Notes) -> Frozen:
        return await egress_setup.keys_moved(self._egress.database, self._user_id, message)

    async def _check(self, message: CheckRequest, notes: Notes) -> Frozen:
        return await self._egress.checks.check(self._user_id, message, notes)

    async def _exchange(self, message: ExchangeRequest, notes: Notes) -> Frozen:
        return await self._egress.checks.exchange(self._user_id, message, notes)

    async def _refresh(self, message: RefreshRequest, notes: Notes) -> Frozen:
        return await self._egress.checks.refresh(self._user_id, message, notes)

    async def _fetch(self, message: FetchRequest, notes: Notes) -> Frozen:
        return await self._egress.asked.fetch(self._user_id, message, notes)

    async def _context(self, message: RunRequest, notes: Notes) -> Frozen:
        notes.run_id = message.run_id
        return await egress_planning.context(self._egress.database, self._user_id, message)

    async def _read(self, message: ReadRequest, notes: Notes) -> Frozen:
        shared = self._egress
        return await egress_planning.read(shared.database, self._user_id, message, notes, shared.carrier)

    async def _submit_plan(self, message: SubmitPlanRequest, notes: Notes) -> Frozen:
        notes.run_id = message.run_id
        return await egress_planning.submit_plan(self._egress.database, self._user_id, message)

    async def _fetch_action(self, message: FetchActionRequest, notes: Notes) -> Frozen:
        return await self._egress.sending.fetch_action(self._user_id, message, notes)

    async def _send(self, message: SendRequest, notes: Notes) -> Frozen:
        return await self._egress.sending.send(self._user_id, message, notes, self._limits.sends)
