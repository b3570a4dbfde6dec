"""A credential is kept once its provider has accepted it. What the provider says decides, never the sandbox."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from nacl.public import PrivateKey

from coco.gateway_protocol import Credential
from coco.requests import Frozen
from coco.sealing import fingerprint, open_sealed, seal
from store import connections, credentials
from store.tables import AuditRow, CallRow, Connection
from tests.conftest import Postgres
from tests.connecting import every_scope
from tests.gateway.harness import BEARER, PASSWORD, Person, Provider, Refused, Stage, a_stage, answer, contact
from tests.gateway.test_revoking import take_away

OTHER = Credential(scheme="bearer", secret="another-key-0987654321")
CONTACTS = answer(200, {"results": [contact()]})


@pytest.fixture(scope="module")
async def stage(module_postgres: Postgres, short_dir: Path) -> AsyncIterator[Stage]:
    async with a_stage(module_postgres, short_dir / uuid4().hex[:8], request_timeout_seconds=5) as made:
        yield made


class Sandbox:
    """A person's sandbox, as far as keys go."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.private = PrivateKey.generate()

    @classmethod
    async def of_somebody(cls, stage: Stage) -> Sandbox:
        """A new person's."""
        made = cls(await stage.person())
        await made.publish()
        return made

    async def publish(self) -> None:
        await self.person.ask("PublishKey", {"public_key": bytes(self.private.public_key).hex()})

    async def give(
        self,
        url: str,
        secret: Frozen | None = BEARER,
        *,
        kind: Any = "key",
        connector: str = "hubspot",
        read_only: bool = False,
        scopes: list[str] | None = None,
        connection_id: UUID | None = None,
        **more: Any,
    ) -> tuple[UUID, UUID]:
        """What the API does with a new credential; the connection and the attempt."""
        user_id, postgres = self.person.user_id, self.person.stage.postgres
        wanted = every_scope(connector) if scopes is None else scopes
        async with postgres.api.user(user_id) as session:
            if connection_id is None:
                method: Any = {"key": "key", "code": "oauth", "team": "team"}[kind]
                row = await connections.add(
                    session,
                    user_id,
                    connector=connector,
                    title="A",
                    base_url=url,
                    settings={"from_address": "ada@example.com"} if connector == "smtp" else {},
                    scopes=wanted,
                    method=method,
                    **more,
                )
                connection_id = row.id
            public = bytes(self.private.public_key).hex()
            attempt = await credentials.give(
                session,
                user_id,
                connection_id,
                kind=kind,
                sealed=None if secret is None else seal(public, secret),
                fingerprint=None if secret is None else fingerprint(secret, postgres.master),
                scopes=wanted,
                read_only=read_only,
            )
        return connection_id, attempt

    async def check(self, attempt: UUID, credential: Credential = BEARER) -> str:
        reply = await self.person.ask(
            "Check", {"attempt_id": str(attempt), "credential": credential.model_dump(mode="json")}
        )
        return str(reply["state"])

    async def connection(self, connection_id: UUID) -> Connection:
        async with self.person.stage.postgres.api.user(self.person.user_id) as session:
            return await connections.get(session, self.person.user_id, connection_id)

    async def reason(self, connection_id: UUID) -> str:
        async with self.person.stage.postgres.api.user(self.person.user_id) as session:
            return (await credentials.latest(session, self.person.user_id))[connection_id].reason

    async def kept(self) -> list[Credential]:
        """What is sealed to this sandbox for good."""
        told = await self.person.ask("Sealed")
        return [open_sealed(self.private, base64.b64decode(item["sealed"])) for item in told["items"]]

    def holds(self, secret: str) -> bool:
        """Whether anything that waits or is kept is the secret, for whoever has the sandbox's key."""
        with self.person.stage.postgres.connect() as owner:
            rows = owner.execute(
                "SELECT sealed FROM credential_attempts WHERE sealed IS NOT NULL AND user_id = %(u)s "
                "UNION ALL SELECT sealed FROM sealed_credentials WHERE user_id = %(u)s",
                {"u": self.person.user_id},
            ).fetchall()
        return any(secret in open_sealed(self.private, row[0]).model_dump_json() for row in rows)


@pytest.fixture
async def sandbox(stage: Stage) -> Sandbox:
    return await Sandbox.of_somebody(stage)


async def test_a_key_that_works_is_kept_and_makes_the_connection_usable(sandbox: Sandbox, provider: Provider) -> None:
    provider.answers = [CONTACTS]
    connection_id, attempt = await sandbox.give(provider.url)
    assert (await sandbox.connection(connection_id)).state == "checking"
    assert await sandbox.kept() == []
    [waiting] = (await sandbox.person.ask("Sealed"))["pending"]
    assert (waiting["id"], waiting["kind"]) == (str(attempt), "key")
    assert await sandbox.check(attempt) == "works"
    row = await sandbox.connection(connection_id)
    assert (row.state, row.reason, row.scopes) == ("active", "", every_scope("hubspot"))
    assert row.credential_set_at is not None
    assert await sandbox.kept() == [BEARER]
    assert (await sandbox.person.ask("Sealed"))["pending"] == []
    # One safe call, with the key.
    [seen] = provider.seen
    assert seen.line.startswith("GET /crm/v3/objects/contacts?")
    assert seen.headers["authorization"] == f"Bearer {BEARER.secret}"
    kinds = [entry.kind for entry in await sandbox.person.rows(AuditRow)]
    [call] = await sandbox.person.rows(CallRow)
    assert (call.kind, call.operation, call.status, call.outcome) == ("check", "contacts.list", 200, "answered")
    assert call.connection_id == connection_id
    assert kinds[-2:] == ["connection_changed", "credential_set"] or "credential_set" in kinds


async def test_a_read_only_connection_becomes_so_and_stays_so(sandbox: Sandbox, provider: Provider) -> None:
    provider.answers = [CONTACTS]
    connection_id, attempt = await sandbox.give(provider.url, read_only=True)
    await sandbox.check(attempt)
    assert (await sandbox.connection(connection_id)).state == "read_only"


@pytest.mark.parametrize(
    ("said", "outcome", "why"),
    [
        (answer(401, {"status": "error"}), "refused", "did not accept"),
        (answer(403, {"category": "MISSING_SCOPES"}), "scopes_missing", "read your contacts"),
        (answer(404, {}), "refused", "address"),
        (answer(200, b"<html>hello</html>"), "refused", "not as HubSpot does"),
        (answer(200, {"unexpected": True}), "refused", "not as HubSpot does"),
        (answer(302, {}, "location: https://elsewhere.example/\r\n"), "refused", "302"),
        (answer(429, {}), "unreachable", "not available"),
        (answer(503, {}), "unreachable", "not available"),
        (b"", "unreachable", "no answer"),
        (b"nonsense\r\n\r\n", "unreachable", "no answer"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
async def test_a_key_that_does_not_work_is_gone_and_its_owner_learns_why(
    sandbox: Sandbox, provider: Provider, said: bytes, outcome: str, why: str
) -> None:
    provider.answers = [said]
    connection_id, attempt = await sandbox.give(provider.url)
    assert await sandbox.check(attempt) == outcome
    row = await sandbox.connection(connection_id)
    assert row.state == "needs_reconnection"
    assert why in row.reason
    assert await sandbox.kept() == []
    assert not sandbox.holds(BEARER.secret)
    assert BEARER.secret not in row.reason
    # The call is in the connection's log, whatever came of it.
    [call] = await sandbox.person.rows(CallRow)
    head = said.split(b" ")
    status = int(head[1]) if head[0] == b"HTTP/1.1" else None
    logged = {401: "refused", 429: "throttled", None: "no_answer"}.get(status, "answered")
    assert (call.kind, call.status, call.outcome) == ("check", status, logged)


async def test_nobody_there_is_not_a_refusal(sandbox: Sandbox) -> None:
    connection_id, attempt = await sandbox.give("http://127.0.0.1:9")
    assert await sandbox.check(attempt) == "unreachable"
    assert "could not be reached" in (await sandbox.connection(connection_id)).reason
    assert [(call.status, call.outcome) for call in await sandbox.person.rows(CallRow)] == [(None, "no_answer")]


async def test_a_sandbox_brings_only_what_was_given(sandbox: Sandbox, provider: Provider) -> None:
    provider.answers = [CONTACTS]
    connection_id, attempt = await sandbox.give(provider.url)
    for brought in (OTHER, Credential(scheme="none"), Credential(scheme="bearer", secret=BEARER.secret, username="x")):
        with pytest.raises(Refused) as caught:
            await sandbox.check(attempt, brought)
        assert caught.value.code == "forbidden"
    assert provider.seen == []
    assert (await sandbox.connection(connection_id)).state == "checking"


async def test_another_users_credential_is_not_there_to_check(
    stage: Stage, sandbox: Sandbox, provider: Provider
) -> None:
    _, attempt = await sandbox.give(provider.url)
    stranger = await Sandbox.of_somebody(stage)
    with pytest.raises(Refused) as caught:
        await stranger.check(attempt)
    assert caught.value.code == "not_found"
    assert provider.seen == []
    assert (await stranger.person.ask("Sealed"))["pending"] == []


async def test_a_check_happens_once_whoever_asks_how_often(sandbox: Sandbox, provider: Provider) -> None:
    provider.answers = [CONTACTS]
    _, attempt = await sandbox.give(provider.url)
    told = await asyncio.gather(*(sandbox.check(attempt) for _ in range(3)), return_exceptions=True)
    assert [item for item in told if item == "works"] == ["works"]
    assert {item.code for item in told if isinstance(item, Refused)} == {"not_found"}
    assert len(provider.seen) == 1


async def test_another_key_takes_the_old_ones_place_only_where_it_works(sandbox: Sandbox, provider: Provider) -> None:
    provider.answers = [CONTACTS]
    connection_id, attempt = await sandbox.give(provider.url)
    await sandbox.check(attempt)
    first = (await sandbox.connection(connection_id)).credential_set_at

    provider.answers = [answer(401, {})]
    _, bad = await sandbox.give(provider.url, OTHER, connection_id=connection_id)
    assert await sandbox.kept() == [BEARER]
    assert await sandbox.check(bad, OTHER) == "refused"
    row = await sandbox.connection(connection_id)
    assert (row.state, row.credential_set_at) == ("active", first)
    assert await sandbox.kept() == [BEARER]
    assert not sandbox.holds(OTHER.secret)
    assert "did not accept" in await sandbox.reason(connection_id)

    provider.answers = [CONTACTS]
    _, good = await sandbox.give(provider.url, OTHER, connection_id=connection_id)
    assert await sandbox.check(good, OTHER) == "works"
    assert await sandbox.kept() == [OTHER]
    assert not sandbox.holds(BEARER.secret)
    after = (await sandbox.connection(connection_id)).credential_set_at
    assert after is not None
    assert first is not None
    assert after > first


async def test_a_newer_key_withdraws_the_one_that_waits(sandbox: Sandbox, provider: Provider) -> None:
    connection_id, first = await sandbox.give(provider.url)
    await sandbox.give(provider.url, OTHER, connection_id=connection_id)
    assert not sandbox.holds(BEARER.secret)
    with pytest.raises(Refused) as caught:
        await sandbox.check(first)
    assert caught.value.code == "not_found"


async def test_a_password_is_checked_by_signing_in_and_nothing_is_sent(sandbox: Sandbox, tmp_path: Path) -> None:
    from tests.demo_fixture import start_demo

    with start_demo(tmp_path) as demo:
        url = f"smtp://{demo.smtp_host}:{demo.smtp_port}"
        right = Credential(scheme="password", username=demo.smtp_user, secret=demo.smtp_password)
        connection_id, attempt = await sandbox.give(url, PASSWORD, connector="smtp")
        assert await sandbox.check(attempt, PASSWORD) == "refused"
        assert (await sandbox.connection(connection_id)).state == "needs_reconnection"
        _, attempt = await sandbox.give(url, right, connector="smtp", connection_id=connection_id)
        assert await sandbox.check(attempt, right) == "works"
        assert (await sandbox.connection(connection_id)).state == "active"
        assert demo.outbox() == []


async def test_a_sandbox_hears_at_once_of_a_key_to_try_out(sandbox: Sandbox, provider: Provider) -> None:
    watching = asyncio.create_task(sandbox.person.ask("Watch", seconds=60))
    await asyncio.sleep(0.5)
    assert not watching.done()
    await sandbox.give(provider.url)
    await asyncio.wait_for(watching, 15)  # a watch of its own accord ends after 20


async def test_what_waits_for_too_long_ends(sandbox: Sandbox, stage: Stage, provider: Provider) -> None:
    connection_id, attempt = await sandbox.give(provider.url)
    with stage.postgres.connect() as owner:
        owner.execute("UPDATE credential_attempts SET created_at = now() - interval '1 hour' WHERE id = %s", (attempt,))
    async with stage.postgres.gateway.user(sandbox.person.user_id) as session:
        await credentials.expire(session, sandbox.person.user_id)
    assert (await sandbox.connection(connection_id)).state == "needs_reconnection"
    assert not sandbox.holds(BEARER.secret)


# -- scopes --------------------------------------------------------------------------------------------------------


async def test_a_read_that_needs_more_than_was_granted_is_refused(sandbox: Sandbox, provider: Provider) -> None:
    from activities.connectors.base import ConnectionInfo
    from activities.connectors.registry import connector

    provider.answers = [answer(200, {"results": [], "total": 0})]
    made = await sandbox.person.connect("hubspot", provider.url, scopes=["crm.objects.contacts.read"])
    run = await sandbox.person.run(made)

    async def read(operation: str) -> dict[str, Any]:
        found = connector("hubspot").read(operation)
        info = ConnectionInfo(id=made.id, connector="hubspot", title="A")
        request = found.request(info, found.parse({"limit": 1}))
        message = {
            "run_id": str(run.id),
            "connection_id": str(made.id),
            "request": request.as_json(),
            "credential": BEARER.model_dump(mode="json"),
        }
        return await sandbox.person.ask("Read", message)

    assert (await read("contacts.list"))["response"]["status"] == 200
    before = len(provider.seen)
    with pytest.raises(Refused) as caught:
        await read("deals.list")
    assert caught.value.code == "forbidden"
    assert len(provider.seen) == before


async def test_a_write_that_needs_more_than_was_granted_is_refused_with_a_grant_in_hand(
    sandbox: Sandbox, provider: Provider, stage: Stage
) -> None:
    person = sandbox.person
    made = await person.connect("hubspot", provider.url)
    run = await person.run(made)
    row = await person.propose(run, made, "contacts.create", {"properties": {"email": "n@example.com"}})
    grant = await person.grant(row)
    with stage.postgres.connect() as owner:
        owner.execute("UPDATE connections SET scopes = %s WHERE id = %s", ('["crm.objects.contacts.read"]', made.id))
    with pytest.raises(Refused) as caught:
        await person.ask("Send", person.sending(row, grant, BEARER))
    assert caught.value.code == "forbidden"
    assert provider.seen == []
    assert not await person.spent(row)


# -- revoking while it is tried out --------------------------------------------------------------------------------


async def test_a_password_does_not_leave_after_its_connection_was_revoked(sandbox: Sandbox) -> None:
    """A server that is slow to say hello: what it gets to hear after a revocation is nothing."""
    heard: list[bytes] = []
    arrived, greet = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await greet.wait()
        writer.write(b"220 slow.example ESMTP\r\n")
        while line := await reader.readline():
            heard.append(line)
            writer.write(
                b"250-slow.example\r\n250 AUTH PLAIN LOGIN\r\n" if line[:4].upper() == b"EHLO" else b"235 2.7.0 yes\r\n"
            )
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        connection_id, attempt = await sandbox.give(url, PASSWORD, connector="smtp")
        checking = asyncio.create_task(sandbox.check(attempt, PASSWORD))
        await arrived.wait()
        revoking = asyncio.create_task(take_away(sandbox.person, connection_id))
        # Either it waits until the check is over, or nothing is said after it.
        await asyncio.wait({revoking}, timeout=1)
        before = revoking.done()
        greet.set()
        with pytest.raises(Refused):
            await checking
        await revoking
    assert not (before and any(line[:4].upper() == b"AUTH" for line in heard))


async def test_what_was_withdrawn_by_a_revocation_is_not_tried_out(sandbox: Sandbox, provider: Provider) -> None:
    connection_id, attempt = await sandbox.give(provider.url)
    await take_away(sandbox.person, connection_id)
    await sandbox.person.rotate()
    with pytest.raises(Refused):
        await sandbox.check(attempt)
    assert provider.seen == []
