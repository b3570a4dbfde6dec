"""SIGKILL of the gateway at each step: the provider sees one request at most, and a retried call tells the truth."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from coco.requests import ProviderResponse
from sandbox.gateway.admin import AdminClient
from sandbox.gateway.egress_sending import Sending
from store.tables import ActionRow
from tests.conftest import Postgres
from tests.gateway.harness import (
    BEARER,
    PUBLIC_KEY,
    Person,
    Provider,
    Refused,
    Stage,
    a_stage,
    answer,
    contact,
    settings_for,
)
from tests.gateway.killable import POINTS
from tests.gateway.test_mail import MAIL, PASSWORD, MailServer, mailbox

ROOT = Path(__file__).resolve().parents[2]
ENGINEER = answer(200, contact(jobtitle="Engineer"))
CTO = answer(200, contact(jobtitle="CTO"))

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


class GatewayProcess:
    """A gateway as a process of its own."""

    def __init__(self, stage: Stage, point: str) -> None:
        settings = stage.settings
        assert settings.database_url is not None
        assert settings.master_key is not None
        environment = os.environ | {
            "COCO_STATE_DIR": str(settings.state_dir),
            "DATABASE_URL": settings.database_url.get_secret_value(),
            "COCO_MASTER_KEY": settings.master_key.get_secret_value(),
            "COCO_GRANT_PUBLIC_KEY_FILE": str(settings.grant_public_key_file),
            "COCO_REQUEST_TIMEOUT_SECONDS": "3",
            "TEMPORAL_ADDRESS": "127.0.0.1:9",
        }
        self.log = settings.state_dir / f"gateway-{uuid4().hex[:6]}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.gateway.killable", point],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
            )

    async def ready(self, stage: Stage, person: Person) -> None:
        admin = AdminClient(stage.run_dir)
        for _ in range(300):
            if self.process.poll() is not None:
                raise RuntimeError(self.log.read_text()[-3000:])
            try:
                person.folder = await admin.listen(person.user_id)
                await person.ask("Boot", seconds=2)
                return
            except Exception:
                await person.close()
                await asyncio.sleep(0.05)
        raise RuntimeError("the gateway did not come up")

    async def died(self) -> None:
        await asyncio.to_thread(self.process.wait, 30)
        assert self.process.returncode == -9, self.log.read_text()[-3000:]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)


@asynccontextmanager
async def gateway_process(stage: Stage, person: Person, point: str) -> AsyncIterator[GatewayProcess]:
    running = GatewayProcess(stage, point)
    try:
        await running.ready(stage, person)
        yield running
    finally:
        running.stop()
        await person.close()


@pytest.fixture
async def outside(module_postgres: Postgres, short_dir: Path) -> Stage:
    """A stage whose gateways are processes."""
    settings = settings_for(module_postgres, short_dir / uuid4().hex[:8])
    return Stage(module_postgres, settings, settings.run_dir.absolute())


async def field_write(person: Person, provider: Provider) -> tuple[ActionRow, str]:
    connection = await person.connect("hubspot", provider.url)
    run = await person.run(connection)
    prior = ProviderResponse.of(200, [], ENGINEER.split(b"\r\n\r\n", 1)[1])
    arguments = {"id": "1", "properties": {"jobtitle": "CTO"}}
    row = await person.propose(run, connection, "contacts.update", arguments, prior)
    await person.set_run(run.id, state="working")
    return row, await person.grant(row)


AFTERWARDS: list[tuple[str, int, str]] = [
    # point, requests the provider has seen by the kill, what the retried call says where no read shows the change
    ("before the prior read", 0, "done"),
    ("after the prior read", 0, "done"),
    ("in the spending transaction", 0, "done"),
    ("between spending and sending", 0, "unknown"),
    ("after the answer, before it is kept", 1, "unknown"),
    ("in the keeping transaction", 1, "unknown"),
    ("after it is kept", 1, "done"),
]


def test_every_point_is_tried() -> None:
    assert {point for point, _, _ in AFTERWARDS} | {"none"} == set(POINTS)


@pytest.mark.parametrize("seen_to_be_applied", [False, True])
@pytest.mark.parametrize(("point", "sent", "state"), AFTERWARDS)
async def test_killed_there_the_provider_sees_one_request_at_most(
    outside: Stage, provider: Provider, point: str, sent: int, state: str, seen_to_be_applied: bool
) -> None:
    person = await outside.person(listen=False)
    row, grant = await field_write(person, provider)
    message = person.sending(row, grant, BEARER)
    provider.answers = [ENGINEER, CTO]
    async with gateway_process(outside, person, point) as doomed:
        with pytest.raises(Refused):
            await person.ask("Send", message)
        await doomed.died()
    assert len(provider.writes()) == sent
    # What the record looks like to whoever comes back: changed only where the request arrived.
    provider.answers = [CTO] if sent and seen_to_be_applied else [ENGINEER, CTO] if state == "done" else [ENGINEER]
    async with gateway_process(outside, person, "none"):
        reply = await person.ask("Send", message)
        expected = "done" if sent and seen_to_be_applied else state
        assert reply["state"] == expected
        again = await person.ask("Send", message)
        assert again["state"] == expected
    assert len(provider.writes()) == (1 if expected == "done" else sent)
    effect = await person.effect(row)
    assert effect is not None
    assert effect.state == expected


@pytest.mark.parametrize(
    ("point", "sent", "state"),
    [
        ("in the spending transaction", 0, "done"),
        ("between spending and sending", 0, "unknown"),
        ("after the answer, before it is kept", 1, "unknown"),
        ("in the keeping transaction", 1, "unknown"),
        ("after it is kept", 1, "done"),
    ],
)
async def test_a_mail_is_sent_once_at_most_and_never_read_back(
    outside: Stage, point: str, sent: int, state: str
) -> None:
    person = await outside.person(listen=False)
    async with MailServer.serving() as mail:
        connection = await mailbox(person, mail.port)
        run = await person.run(connection)
        row = await person.propose(run, connection, "email.send", MAIL)
        grant = await person.grant(row)
        message = person.sending(row, grant, PASSWORD)
        async with gateway_process(outside, person, point) as doomed:
            with pytest.raises(Refused):
                await person.ask("Send", message)
            await doomed.died()
        assert len(mail.messages) == sent
        async with gateway_process(outside, person, "none"):
            for _ in range(2):
                assert (await person.ask("Send", message))["state"] == state
        assert len(mail.messages) == (1 if state == "done" else sent)


async def test_killed_while_the_provider_is_at_it(outside: Stage, provider: Provider) -> None:
    person = await outside.person(listen=False)
    connection = await person.connect("hubspot", provider.url)
    run = await person.run(connection)
    row = await person.propose(run, connection, "contacts.create", {"properties": {"email": "a@example.com"}})
    grant = await person.grant(row)
    message = person.sending(row, grant, BEARER)
    provider.answers = [answer(201, {"id": "9"})]
    provider.hold.clear()
    async with gateway_process(outside, person, "none") as doomed:
        calling = asyncio.create_task(person.ask("Send", message))
        await provider.arrived.wait()
        doomed.kill()
        with pytest.raises(Refused):
            await calling
    provider.hold.set()
    async with gateway_process(outside, person, "none"):
        for _ in range(2):
            assert (await person.ask("Send", message))["state"] == "unknown"
    assert len(provider.writes()) == 1


async def test_a_second_gateway_waits_for_the_one_that_is_sending(
    outside: Stage, provider: Provider, module_postgres: Postgres, short_dir: Path
) -> None:
    """Two gateways on two hosts, one database: the lock tells a slow sender from a dead one."""
    person = await outside.person(listen=False)
    row, grant = await field_write(person, provider)
    message = person.sending(row, grant, BEARER)
    provider.answers = [ENGINEER, CTO]
    async with (
        gateway_process(outside, person, "none"),
        a_stage(module_postgres, short_dir / uuid4().hex[:8], request_timeout_seconds=3) as other,
    ):
        assert other.gateway is not None
        elsewhere = await other.gateway.listen(person.user_id)
        provider.hold.clear()
        first = asyncio.create_task(person.ask("Send", message))
        await provider.arrived.wait()
        second = asyncio.create_task(person.ask("Send", message, folder=elsewhere))
        await asyncio.sleep(0.5)
        assert not second.done()
        provider.hold.set()
        assert (await first)["state"] == (await second)["state"] == "done"
        await person.close()
    assert len(provider.writes()) == 1


async def test_what_nobody_comes_back_for_becomes_unknown_in_time(
    outside: Stage, provider: Provider, module_postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await outside.person(listen=False)
    row, grant = await field_write(person, provider)
    provider.answers = [ENGINEER, CTO]
    async with gateway_process(outside, person, "between spending and sending") as doomed:
        with pytest.raises(Refused):
            await person.ask("Send", person.sending(row, grant, BEARER))
        await doomed.died()
    from sandbox.gateway.carrying import Carrier
    from sandbox.gateway.delivery.addresses import AddressPolicy
    from sandbox.gateway.leaving import Leaving

    leaving = Leaving(module_postgres.gateway.dsn)
    carrier = Carrier(module_postgres.gateway, module_postgres.master, AddressPolicy(private=True), 3, leaving)
    sending = Sending(module_postgres.gateway, PUBLIC_KEY, carrier, 3)
    await sending.sweep(person.user_id)
    assert await state_of(person, row) == "sending"
    monkeypatch.setattr("sandbox.gateway.egress_sending.STALE_SECONDS", 0.0)
    await sending.sweep(person.user_id)
    assert await state_of(person, row) == "unknown"
    assert provider.writes() == []


async def state_of(person: Person, row: ActionRow) -> Any:
    effect = await person.effect(row)
    return effect.state if effect else None
