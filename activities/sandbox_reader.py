"""How a playbook reads: connector operations become requests, the gateway carries them and attests the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

from activities.connectors.base import ConnectionInfo
from activities.connectors.registry import connector
from activities.playbooks.base import ReadResult
from coco.errors import CocoError, Code, Refused
from coco.gateway_protocol import Credential, ReadReply
from coco.requests import PreparedRequest

MAX_TRIES = 4
MAX_PAUSE = 10.0
"""Seconds to wait at most where a provider says when to come back."""


class Reading(Protocol):
    """The part of the gateway's client that reads."""

    async def read(
        self, run_id: UUID, connection_id: UUID, request: PreparedRequest, credential: Credential
    ) -> ReadReply: ...


class Credentials(Protocol):
    """The key store: plaintext for one call."""

    def credential_for(self, connection_id: UUID) -> Credential: ...


class GatewayReader:
    """Reads for one run."""

    def __init__(self, gateway: Reading, credentials: Credentials, run_id: UUID) -> None:
        self._gateway = gateway
        self._credentials = credentials
        self._run_id = run_id

    async def read(self, connection: ConnectionInfo, operation: str, arguments: Mapping[str, Any]) -> ReadResult:
        """Performs a read operation. Raises CocoError where it is refused or its answer cannot be understood."""
        found = connector(connection.connector).read(operation)
        parsed = found.parse(arguments)
        reply = await self.carry(connection.id, connection.title, found.request(connection, parsed))
        return ReadResult(str(reply.read_id), reply.response, found.facts(parsed, reply.response))

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
        """Has the gateway carry one read, again where that may help. Raises CocoError where it is refused."""
        for attempt in range(1, MAX_TRIES + 1):
            credential = self._credentials.credential_for(connection_id)
            reply = await self._gateway.read(self._run_id, connection_id, request, credential)
            status = reply.response.status
            if status in {401, 403}:
                raise Refused(
                    f"{title} did not accept its key. Connect the account again.",
                    code=Code.CONNECTION_UNUSABLE,
                )
            if status != 429 and status < 500:
                return reply
            if attempt < MAX_TRIES:
                await asyncio.sleep(_pause(reply, attempt))
        raise CocoError(f"{title} is not available right now.", code=Code.UNAVAILABLE)


def _pause(reply: ReadReply, attempt: int) -> float:
    for name, value in reply.response.headers:
        if name == "retry-after" and value.isdigit():
            return min(MAX_PAUSE, float(value))
    return min(MAX_PAUSE, 0.5 * 2.0**attempt)
