"""A user's account at some provider, used through the gateway as a sandbox does it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from activities.connectors.base import ConnectionInfo
from activities.connectors.registry import connector
from coco.gateway_protocol import Credential
from coco.requests import PreparedRequest, ProviderResponse
from store.tables import ActionRow, Connection, Run
from tests.gateway.harness import Person

SECRET = "provider-key/1234567890"
"""With a character that JSON and URLs may spell otherwise."""


@dataclass
class Account:
    """A user whose run is being planned, with one connection."""

    person: Person
    info: ConnectionInfo
    run: Run
    credential: Credential

    @classmethod
    async def at(cls, person: Person, name: str, url: str) -> Account:
        """With a credential of the kind that the provider takes."""
        credential = Credential(scheme=connector(name).auth.scheme, secret=SECRET)
        info = await person.connect(name, url, credential=credential)
        return cls(person, info, await person.run(info), credential)

    def reading(self, request: PreparedRequest | dict[str, Any]) -> dict[str, Any]:
        """The message that reads."""
        return {
            "run_id": str(self.run.id),
            "connection_id": str(self.info.id),
            "request": request.as_json() if isinstance(request, PreparedRequest) else request,
            "credential": self.credential.model_dump(mode="json"),
        }

    async def read(self, operation: str, arguments: dict[str, Any], *, patient: bool = False) -> Any:
        """The facts of a read that the gateway carried."""
        found = connector(self.info.connector).read(operation)
        parsed = found.parse(arguments)
        ask = self.person.patiently if patient else self.person.ask
        reply = await ask("Read", self.reading(found.request(self.info, parsed)))
        return found.facts(parsed, ProviderResponse.model_validate(reply["response"]))

    async def approved(
        self, operation: str, arguments: dict[str, Any], prior: Any = None
    ) -> tuple[ActionRow, dict[str, Any]]:
        """An approved action and the message that sends it."""
        before = None if prior is None else ProviderResponse.of(200, [], json.dumps(prior).encode())
        row = await self.person.propose(self.run, self.info, operation, arguments, before)
        await self.person.set_run(self.run.id, state="working")
        return row, self.person.sending(row, await self.person.grant(row), self.credential)

    async def state(self) -> str:
        [state] = [row.state for row in await self.person.rows(Connection) if row.id == self.info.id]
        return str(state)
