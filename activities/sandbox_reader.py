"""How a playbook reads: connector operations become requests, the gateway carries them and attests the answers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar
from uuid import UUID

from activities.connectors.base import ConnectionInfo
from activities.connectors.paging import followed
from activities.connectors.registry import connector
from activities.playbooks.base import ReadResult
from activities.unfinished import Unfinished
from coco.errors import CocoError, Code, Later, Refused
from coco.gateway_protocol import Credential, ReadReply
from coco.requests import PreparedRequest

PATIENCE = 20.0
"""Seconds of waiting in one call; beyond that the run's workflow waits, and the sandbox may be stopped meanwhile."""
MAX_FAILURES = 4
"""Answers in a row that were none, in one call."""

T = TypeVar("T")


class Reading(Protocol):
    """The part of the gateway's client that reads."""

    async def read(
        self, run_id: UUID, connection_id: UUID, request: PreparedRequest, credential: Credential
    ) -> ReadReply: ...


class Credentials(Protocol):
    """The key store: plaintext for one call."""

    async def credential(self, connection_id: UUID) -> Credential:
        """The connection's own, renewed where its time is nearly over. Raises CocoError where there is none."""

    async def another(self, connection_id: UUID, used: Credential) -> Credential | None:
        """After `used` was turned down: the one that has taken its place, or None."""


class GatewayReader:
    """Reads for one run."""

    def __init__(
        self, gateway: Reading, credentials: Credentials, run_id: UUID, unfinished: Unfinished | None = None
    ) -> None:
        self._unfinished = unfinished
        self._gateway = gateway
        self._credentials = credentials
        self._run_id = run_id

    async def read(self, connection: ConnectionInfo, operation: str, arguments: Mapping[str, Any]) -> ReadResult:
        """Performs a read operation. Raises CocoError where it is refused or its answer cannot be understood."""
        found = connector(connection.connector).read(operation)
        parsed = found.parse(arguments)
        reply = await self.carry(connection.id, connection.title, found.request(connection, parsed))
        facts = found.facts(parsed, reply.response)
        return ReadResult(str(reply.read_id), reply.response, followed(found, parsed, facts))

    async def prior(
        self, connection: ConnectionInfo, operation: str, arguments: Mapping[str, Any]
    ) -> ReadResult | None:
        """Performs the read that precedes a gated operation; None where nothing precedes it."""
        found = connector(connection.connector).gated(operation)
        parsed = found.parse(arguments)
        request = found.prior_request(connection, parsed)
        if request is None:
            return None
        reply = await self.carry(connection.id, connection.title, request)
        return ReadResult(str(reply.read_id), reply.response, found.prior(parsed, reply.response))

    async def carry(self, connection_id: UUID, title: str, request: PreparedRequest) -> ReadReply:
        """Has the gateway carry one read, again where that may help.

        Raises CocoError where it is refused, Later where the provider wants to be asked after more than a moment.
        """
        before = self._unfinished.of(self._run_id).get((connection_id, request.digest())) if self._unfinished else None
        if before is not None:
            return before

        async def ask(credential: Credential) -> ReadReply:
            return await self._gateway.read(self._run_id, connection_id, request, credential)

        reply = await patiently(lambda: with_its_key(self._credentials, connection_id, ask))
        if reply.response.status in {401, 403}:
            raise Refused(
                f"{title} did not accept its key. Connect the account again.",
                code=Code.CONNECTION_UNUSABLE,
            )
        if self._unfinished is not None:
            self._unfinished.keep(self._run_id, connection_id, request, reply)
        return reply


async def with_its_key(credentials: Credentials, connection_id: UUID, call: Callable[[Credential], Awaitable[T]]) -> T:
    """Makes a call with a connection's credential; once more where it was replaced meanwhile, or its time was over.

    Raises what the calls raise, and CocoError where there is no credential. What was turned down for its credential had
    no effect.
    """
    credential = await credentials.credential(connection_id)
    try:
        return await call(credential)
    except CocoError as error:
        if error.code is not Code.CONNECTION_UNUSABLE:
            raise
        following = await credentials.another(connection_id, credential)
        if following is None:
            raise
    return await call(following)


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Makes a call again while the gateway says "later" and means a moment; how long is the provider's to say.

    Raises what the call raises; Later where the waits come to more than PATIENCE seconds, or it keeps failing.
    """
    waited, failures = 0.0, 0
    while True:
        try:
            return await call()
        except Later as later:
            # One that names no time to wait is counted: waits of nothing would add up to nothing, for ever.
            failures += later.code is Code.UNAVAILABLE or later.seconds <= 0
            waited += later.seconds
            if waited > PATIENCE or failures >= MAX_FAILURES:
                raise
            # A little more than asked for, so that several do not come back in the same moment.
            await asyncio.sleep(later.seconds + random.uniform(0.01, 0.2))  # noqa: S311
