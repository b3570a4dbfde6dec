"""A reader that asks the demo workspace over HTTP: what the sandbox does through the gateway, without the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx

from activities.connectors.base import ConnectionInfo
from activities.connectors.registry import connector
from activities.playbooks import PlanContext, ReadResult
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse
from tests.demo_fixture import Demo

CRM = ConnectionInfo(id=UUID(int=1), connector="hubspot", title="Demo CRM")
MAILBOX = ConnectionInfo(
    id=UUID(int=2),
    connector="smtp",
    title="Sales mailbox",
    settings={"from_address": "sales@coco.example", "from_name": "Robin Vale"},
)


class HttpReader:
    """Reads the demo workspace; refuses, as the gateway does, whatever the manifest does not call a read."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self.operations: list[str] = []
        self.responses: dict[str, ProviderResponse] = {}

    async def read(self, connection: ConnectionInfo, operation: str, arguments: Mapping[str, Any]) -> ReadResult:
        read = connector(connection.connector).read(operation)
        parsed = read.parse(arguments)
        response = await self._send(connection, read.request(connection, parsed))
        return self._result(operation, response, read.facts(parsed, response))

    async def prior(
        self, connection: ConnectionInfo, operation: str, arguments: Mapping[str, Any]
    ) -> ReadResult | None:
        gated = connector(connection.connector).gated(operation)
        parsed = gated.parse(arguments)
        request = gated.prior_request(connection, parsed)
        if request is None:
            return None
        response = await self._send(connection, request)
        return self._result(operation, response, gated.prior(parsed, response))

    def _result(self, operation: str, response: ProviderResponse, facts: Any) -> ReadResult:
        self.operations.append(operation)
        read_id = f"read-{len(self.operations)}"
        self.responses[read_id] = response
        return ReadResult(read_id, response, facts)

    async def _send(self, connection: ConnectionInfo, request: PreparedRequest) -> ProviderResponse:
        if connector(connection.connector).classify(request).access != "read":
            raise InvalidInput("a planner may only read")
        headers = {**dict(request.headers), "authorization": f"Bearer {self._demo.api_key}"}
        async with httpx.AsyncClient(base_url=self._demo.http, timeout=30, verify=False) as client:
            got = await client.request(request.method, request.target, headers=headers, content=request.body_bytes())
        return ProviderResponse.of(got.status_code, list(got.headers.items()), got.content)


def context(params: Mapping[str, Any], **more: Any) -> PlanContext:
    given: dict[str, Any] = {
        "run_id": "9c0e7f1a-0000-4000-8000-000000000001",
        "params": params,
        "goal": "Keep the pipeline moving",
        "connections": (CRM, MAILBOX),
        "answers": {},
        "now": datetime.now(UTC),
        **more,
    }
    return PlanContext(**given)
