"""A revocation that comes between two steps of something, or in the middle of one: refused, and nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from coco.gateway_protocol import Credential, RefreshToken
from coco.sealing import fingerprint
from store.tables import ReadRow
from tests.gateway.harness import BEARER, Person, Provider, Refused, Stage, answer, contact
from tests.gateway.test_checks import CONTACTS, Sandbox
from tests.gateway.test_reads import planning, reading
from tests.gateway.test_revoking import state_of, take_away
from tests.gateway.test_sending import CTO, approved
from tests.gateway.test_setting_up_and_planning import submit
from tests.gateway.test_signing_in_by_password import GIVEN


@pytest.fixture(scope="module")
async def sandbox(stage: Stage) -> Sandbox:
    """One user with several connections: a user's listener takes a second to stop. Its token ends with each
    revocation."""
    return await Sandbox.of_somebody(stage)


@pytest.fixture
async def person(sandbox: Sandbox) -> Person:
    await sandbox.person.rotate()
    return sandbox.person


class Trickle:
    """A provider that sends half of an answer, and the rest when it is told to."""

    def __init__(self) -> None:
        self.half_sent, self.rest = asyncio.Event(), asyncio.Event()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if b"content-length: " in head.lower():
                await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0]))
            raw = answer(200, contact(city="MARKER-STREAMED"))
            writer.write(raw[:-20])
            await writer.drain()
            self.half_sent.set()
            await self.rest.wait()
            writer.write(raw[-20:])
            await writer.drain()
        writer.close()


@pytest.fixture
async def trickle() -> AsyncIterator[Trickle]:
    made = Trickle()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield made
    made.rest.set()
    server.close()


def traces(person: Person, marker: str) -> list[str]:
    """Tables that hold the marker anywhere in a row of this user's."""
    with person.stage.postgres.connect() as owner:
        rows = owner.execute(
            "SELECT table_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND column_name = 'user_id' ORDER BY table_name"
        ).fetchall()
        query = "SELECT count(*) FROM {} t WHERE t.user_id = %s AND t::text LIKE %s"
        counts = {
            name: owner.execute(query.format(name), (person.user_id, f"%{marker}%")).fetchone()  # type: ignore[arg-type]
            for (name,) in rows
        }
    return [name for name, count in counts.items() if count != (0,)]


# -- reads and plans -------------------------------------------------------------------------------------------------


async def test_while_an_answer_is_streaming(person: Person, trickle: Trickle, provider: Provider) -> None:
    provider.url = trickle.url
    run, connection = await planning(person, provider)
    task = asyncio.create_task(person.ask("Read", reading(run, connection)))
    await trickle.half_sent.wait()
    # It does not wait for the rest.
    await asyncio.wait_for(take_away(person, connection.id), 10)
    trickle.rest.set()
    with pytest.raises(Refused):
        await task
    assert await person.rows(ReadRow) == []
    assert traces(person, "MARKER-STREAMED") == []


async def test_between_an_attested_read_and_the_plan(person: Person, provider: Provider) -> None:
    provider.answers = [answer(200, contact(city="MARKER-READ"))]
    run, connection = await planning(person, provider)
    read = await person.ask("Read", reading(run, connection))
    assert traces(person, "MARKER-READ") == ["reads"]
    draft = {
        "goal": "g",
        "read": [{"text": "MARKER-PLAN", "reads": [read["read_id"]]}],
        "proposals": [{"key": "k", "connection": str(connection.id), "operation": "contacts.update", "arguments": {}}],
    }
    await take_away(person, connection.id)
    # The sandbox that read it is nobody any more; what it knows it can hand in to nobody.
    with pytest.raises(Refused) as caught:
        await submit(person, run.id, draft=draft)
    assert caught.value.status == "UNAUTHENTICATED"
    assert [row for row in await person.rows(ReadRow) if row.run_id == run.id] == []
    assert traces(person, "MARKER-READ") + traces(person, "MARKER-PLAN") == []


# -- sending ---------------------------------------------------------------------------------------------------------


async def test_between_the_mint_of_a_grant_and_its_use(person: Person, provider: Provider) -> None:
    provider.answers = [CTO]
    row, grant = await approved(person, provider, "contacts.create", {"properties": {"email": "a@example.test"}})
    await take_away(person, row.connection_id)
    with pytest.raises(Refused) as caught:
        await person.ask("Send", person.sending(row, grant, BEARER))
    assert caught.value.status == "UNAUTHENTICATED"
    # A sandbox that was started since brings the same grant to no other end.
    await person.rotate()
    with pytest.raises(Refused) as caught:
        await person.ask("Send", person.sending(row, grant, BEARER))
    assert caught.value.code == "connection_unusable"
    assert provider.seen == []
    assert await person.effect(row) is None
    assert not await person.spent(row)


async def test_of_a_bulk_look_up_that_is_under_way(person: Person, provider: Provider) -> None:
    """Twenty-five records in one request: it has left, as a whole, or it has not."""
    arguments = {"contacts": [{"email": f"p{number}@engine.example"} for number in range(25)]}
    own = Credential(scheme="bearer", secret="a-token-of-zoominfo")
    connection = await person.connect("zoominfo", provider.url, credential=own)
    first, second = [
        await person.propose(await person.run(connection, state="working"), connection, "contacts.enrich", arguments)
        for _ in range(2)
    ]
    grants = [await person.grant(row) for row in (first, second)]
    provider.answers = [answer(200, {"success": True, "data": {"result": []}})]
    provider.hold.clear()
    sending = asyncio.create_task(person.ask("Send", person.sending(first, grants[0], own)))
    await provider.arrived.wait()
    await asyncio.wait_for(take_away(person, connection.id), 10)
    provider.hold.set()
    # What had left is seen through and recorded; the next one does not leave.
    assert (await sending)["state"] == "done"
    await person.rotate()
    with pytest.raises(Refused):
        await person.ask("Send", person.sending(second, grants[1], own))
    assert len(provider.writes()) == 1
    assert await person.effect(second) is None


# -- keys ------------------------------------------------------------------------------------------------------------


def kept(person: Person, connection_id: UUID) -> int:
    """How much of a connection's keys there is, in use or waiting."""
    with person.stage.postgres.connect() as owner:
        row = owner.execute(
            "SELECT (SELECT count(*) FROM sealed_credentials WHERE connection_id = %(c)s) + "
            "(SELECT count(*) FROM credential_attempts WHERE connection_id = %(c)s AND sealed IS NOT NULL)",
            {"c": connection_id},
        ).fetchone()
    assert row is not None
    return int(row[0])


async def held_up(provider: Provider, person: Person, connection_id: UUID, task: asyncio.Task[object]) -> None:
    """Revokes while the provider has a question and has not answered, lets it answer, and sees the call refused."""
    await provider.arrived.wait()
    revoking = asyncio.create_task(take_away(person, connection_id))
    await asyncio.wait({revoking}, timeout=0.5)
    provider.hold.set()
    await asyncio.wait_for(revoking, 15)
    with pytest.raises(Refused):
        await task


async def test_while_tokens_are_renewed(sandbox: Sandbox, person: Person, provider: Provider) -> None:
    """New ones that come after it are kept nowhere, whoever they were got from."""
    master = person.stage.postgres.master
    provider.answers = [answer(200, {"jwt": "MARKER-NEW-TOKEN"})]
    connection_id, attempt = await sandbox.give(provider.url, GIVEN, connector="zoominfo")
    page = answer(200, {"totalResults": 0, "currentPage": 1, "data": []})
    provider.answers = [answer(200, {"jwt": "token-one"}), page]
    assert await sandbox.check(attempt, GIVEN) == "works"
    renewing = RefreshToken(refresh_token=f"{GIVEN.username}\n{GIVEN.secret}")
    with person.stage.postgres.connect() as owner:
        owner.execute(
            "UPDATE sealed_credentials SET created_at = now() - interval '1 hour', refresh_fingerprint = %s "
            "WHERE connection_id = %s",
            (fingerprint(renewing, master), connection_id),
        )
    provider.answers = [answer(200, {"jwt": "MARKER-NEW-TOKEN"})]
    provider.arrived.clear()
    provider.hold.clear()
    message = {"connection_id": str(connection_id), "refresh": renewing.model_dump(mode="json")}
    await held_up(provider, person, connection_id, asyncio.create_task(person.ask("Refresh", message)))
    assert await state_of(person, connection_id) == "revoked"
    assert kept(person, connection_id) == 0


async def test_while_a_connection_is_connected_again(sandbox: Sandbox, person: Person, provider: Provider) -> None:
    provider.answers = [CONTACTS]
    connection_id, attempt = await sandbox.give(provider.url)
    assert await sandbox.check(attempt) == "works"
    with person.stage.postgres.connect() as owner:
        owner.execute("UPDATE connections SET state = 'needs_reconnection' WHERE id = %s", (connection_id,))
    _, again = await sandbox.give(provider.url, connection_id=connection_id)
    provider.arrived.clear()
    provider.hold.clear()
    await held_up(provider, person, connection_id, asyncio.create_task(sandbox.check(again)))
    assert await state_of(person, connection_id) == "revoked"
    assert kept(person, connection_id) == 0
    # A key that is given after it is another matter.
    await person.rotate()
    with person.stage.postgres.connect() as owner:
        owner.execute("UPDATE connections SET purge_owed_at = NULL WHERE id = %s", (connection_id,))
    _, later = await sandbox.give(provider.url, connection_id=connection_id)
    assert await sandbox.check(later) == "works"
    assert await state_of(person, connection_id) == "active"


async def test_while_a_sign_in_by_password_is_under_way(sandbox: Sandbox, person: Person, provider: Provider) -> None:
    provider.answers = [answer(200, {"jwt": "MARKER-FIRST-TOKEN"}), answer(200, {"data": []})]
    connection_id, attempt = await sandbox.give(provider.url, GIVEN, connector="zoominfo")
    provider.hold.clear()
    await held_up(provider, person, connection_id, asyncio.create_task(sandbox.check(attempt, GIVEN)))
    assert kept(person, connection_id) == 0
    # The token that came after it was not even tried out.
    assert [json.loads(seen.body)["username"] for seen in provider.seen] == [GIVEN.username]
