"""A person with an account, their sandbox's own process, the gateway, and a provider that is a process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from api.passwords import Passwords
from api.public.app import create_app, make_parts
from api.public.parts import Parts
from api.shell import Shell
from coco.settings import Settings
from sandbox.gateway.token import write_token
from store.tables import Workflow
from tests.api.people import BASE, sign_up
from tests.api.people import Person as Owner
from tests.api.serving import QUICK
from tests.conftest import Postgres
from tests.gateway.harness import Person, Stage, a_stage
from tests.gateway.provider_process import ProviderProcess
from tests.hermes.test_hermes import Hermes
from tests.temporal_server import TemporalServer


@dataclass
class Desk:
    stage: Stage
    app: FastAPI
    parts: Parts
    owner: Owner
    person: Person
    hermes: Hermes
    provider: ProviderProcess

    async def connect(self, connector: str, **more: Any) -> UUID:
        """A connection that the provider's process has accepted."""
        body = {"connector": connector, "base_url": self.provider.url, "credential": {"secret": f"key-{uuid4().hex}"}}
        made = await self.owner.post("/connections", body | more, status=201)
        assert made["state"] == "active", made
        return UUID(made["id"])

    async def workflow(self, *connections: UUID, **params: Any) -> UUID:
        row = Workflow(
            user_id=self.owner.user_id,
            title="Follow up",
            playbook="follow_up_silent_deals",
            params=params,
            connections=[str(one) for one in connections],
        )
        async with self.stage.postgres.api.user(self.owner.user_id) as session:
            session.add(row)
            await session.flush()
            return row.id


@asynccontextmanager
async def a_desk(postgres: Postgres, temporal: TemporalServer, folder: Path) -> AsyncIterator[Desk]:
    parts = make_parts(Settings(public_url=BASE), postgres.api, postgres.master, Passwords(QUICK))
    parts.check_wait_seconds = 40.0
    app = create_app(parts)
    transport = httpx.ASGITransport(Shell(app, parts.origins), raise_app_exceptions=False)
    async with (
        httpx.AsyncClient(transport=transport, base_url=BASE, timeout=60) as client,
        a_stage(postgres, folder / uuid4().hex[:8], temporal.address, request_timeout_seconds=10) as stage,
        ProviderProcess.running() as provider,
    ):
        owner = await sign_up(client, "ada@example.com", "Ada")
        person = Person(stage, owner.user_id, stage.run_dir / str(owner.user_id), "")
        await person.rotate()
        assert stage.gateway is not None
        person.folder = await stage.gateway.listen(owner.user_id)
        write_token(person.folder, person.token)
        stage.people.append(person)
        hermes = Hermes(person, folder / f"data-{uuid4().hex[:6]}")
        try:
            await hermes.ready()
            yield Desk(stage, app, parts, owner, person, hermes, provider)
        finally:
            await hermes.stop()
