"""Taking a connection's rights away holds at once, at whatever moment it comes; and a key that the provider refuses."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from coco.gateway_protocol import Credential
from coco.sealing import fingerprint
from store import connections, revoking
from store.tables import CallRow, Connection, ReadRow
from tests.gateway.harness import BEARER, Person, Provider, Refused, Stage, answer, contact
from tests.gateway.test_reads import planning, reading
from tests.gateway.test_sending import CTO, ENGINEER, approved


async def take_away(person: Person, connection_id: UUID, state: Any = "revoked") -> None:
    """As the public app does it; returns when it does."""
    async with person.stage.postgres.api.user(person.user_id) as session:
        await connections.set_state(session, person.user_id, connection_id, state)
    async with person.stage.postgres.api.user(person.user_id) as session:
        await revoking.has_left(session, connection_id, 20)
        if state == "revoked":
            await revoking.purge(session, person.user_id, connection_id)


async def state_of(person: Person, connection_id: UUID) -> str:
    return {row.id: row.state for row in await person.rows(Connection)}[connection_id]


def outcomes(rows: list[CallRow]) -> list[tuple[str, int | None, str]]:
    return [(row.kind, row.status, row.outcome) for row in sorted(rows, key=lambda row: row.id or 0)]


async def refused(person: Person, method: str, message: dict[str, Any], code: str = "connection_unusable") -> None:
    with pytest.raises(Refused) as caught:
        await person.ask(method, message)
    assert caught.value.code == code


@pytest.mark.parametrize("state", ["revoked", "read_only"])
async def test_between_the_prior_read_and_the_sending(stage: Stage, provider: Provider, state: str) -> None:
    person = await stage.person()
    provider.answers = [ENGINEER, CTO]
    row, grant = await approved(person, provider)
    provider.hold.clear()
    task = asyncio.create_task(person.ask("Send", person.sending(row, grant, BEARER)))
    await provider.arrived.wait()
    # The provider has the question and has not answered: the revocation does not wait for the answer.
    await asyncio.wait_for(take_away(person, row.connection_id, state), 15)
    provider.hold.set()
    with pytest.raises(Refused):
        await task
    assert provider.writes() == []
    assert await person.effect(row) is None
    assert not await person.spent(row)


async def test_an_answer_that_comes_after_it_is_neither_kept_nor_handed_on(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    run, connection = await planning(person, provider)
    page = answer(200, {"results": [contact("1", city="MARKER-PAGE")], "paging": {"next": {"after": "2"}}})
    provider.answers = [page]
    await person.ask("Read", reading(run, connection))
    provider.hold.clear()
    provider.arrived.clear()
    task = asyncio.create_task(person.ask("Read", reading(run, connection)))
    await provider.arrived.wait()
    await asyncio.wait_for(take_away(person, connection.id), 15)
    provider.hold.set()
    with pytest.raises(Refused) as caught:
        await task
    assert caught.value.code == "connection_unusable"
    assert await person.rows(ReadRow) == []
    assert outcomes(await person.rows(CallRow)) == [("read", 200, "answered"), ("read", 200, "dropped")]
    # And the sandbox is nobody any more.
    with pytest.raises(Refused) as caught:
        await person.ask("Context", {"run_id": str(run.id)})
    assert caught.value.status == "UNAUTHENTICATED"


async def test_the_next_request_of_a_run_in_flight_fails_and_reaches_nobody(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    provider.answers = [answer(200, contact())]
    run, connection = await planning(person, provider)
    await person.ask("Read", reading(run, connection))
    await take_away(person, connection.id)
    await person.rotate()
    provider.seen.clear()
    before = provider.connections
    await refused(person, "Read", reading(run, connection))
    assert (provider.seen, provider.connections) == ([], before)


async def test_what_had_left_before_it_is_seen_through(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    provider.answers = [CTO]
    row, grant = await approved(person, provider, "contacts.create", {"properties": {"email": "a@example.test"}})
    provider.hold.clear()
    sending = asyncio.create_task(person.ask("Send", person.sending(row, grant, BEARER)))
    await provider.arrived.wait()
    await asyncio.wait_for(take_away(person, row.connection_id), 15)
    provider.hold.set()
    assert (await sending)["state"] == "done"
    effect = await person.effect(row)
    assert effect is not None
    assert effect.state == "done"
    assert len(provider.writes()) == 1


async def test_of_many_sendings_none_leaves_after_it_has_returned(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    provider.answers = [answer(200, {"id": "5"})]
    connection = await person.connect("hubspot", provider.url)
    messages = []
    for number in range(12):
        run = await person.run(connection, state="working")
        arguments = {"properties": {"email": f"p{number}@example.test"}}
        row = await person.propose(run, connection, "contacts.create", arguments)
        messages.append(person.sending(row, await person.grant(row), BEARER))

    async def send(message: dict[str, Any]) -> str:
        try:
            return str((await person.ask("Send", message))["state"])
        except Refused as error:
            return error.code or error.status

    tasks = [asyncio.create_task(send(message)) for message in messages]
    await provider.arrived.wait()
    await take_away(person, connection.id)
    await asyncio.sleep(0.2)  # what had left is on its way to the provider's own hands
    left = len(provider.writes())
    ended = await asyncio.gather(*tasks)
    await asyncio.sleep(0.2)
    assert len(provider.writes()) == left == ended.count("done")
    assert left < len(messages)


async def test_a_gateway_elsewhere_is_waited_for_as_well(stage: Stage, provider: Provider) -> None:
    """The lock is Postgres': another gateway's request holds a revocation up just the same."""
    from sandbox.gateway.leaving import Leaving

    person = await stage.person()
    connection = await person.connect("hubspot", provider.url)
    elsewhere = Leaving(stage.postgres.gateway.dsn)
    async with elsewhere.through(connection.id) as left:
        revoked = asyncio.create_task(take_away(person, connection.id))
        while await state_of(person, connection.id) != "revoked":
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert not revoked.done()
        await left()
        await revoked
    await elsewhere.close()


async def test_a_refused_key_needs_reconnection_and_says_so_once(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    run, connection = await planning(person, provider)
    provider.answers = [answer(401, {"message": "expired"})]
    await refused(person, "Read", reading(run, connection))
    assert await state_of(person, connection.id) == "needs_reconnection"
    assert await person.rows(ReadRow) == []
    assert outcomes(await person.rows(CallRow)) == [("read", 401, "refused")]
    seen = len(provider.seen)
    await refused(person, "Read", reading(run, connection))
    assert len(provider.seen) == seen
    with stage.postgres.connect() as owner:
        entries = owner.execute(
            "SELECT actor, body FROM audit WHERE user_id = %s AND kind = 'connection_changed'", (person.user_id,)
        ).fetchall()
        owed = owner.execute("SELECT count(*) FROM wakeups WHERE run_id = %s AND kind = 'wake'", (run.id,)).fetchone()
    assert [(actor, body["state"]["to"], body["status"]) for actor, body in entries] == [
        ("system", "needs_reconnection", 401)
    ]
    assert owed == (1,)


async def test_a_key_that_was_replaced_meanwhile_is_not_the_one_that_was_refused(
    stage: Stage, provider: Provider
) -> None:
    person = await stage.person()
    run, connection = await planning(person, provider)
    provider.answers = [answer(401, {"message": "expired"})]
    provider.hold.clear()
    task = asyncio.create_task(person.ask("Read", reading(run, connection)))
    await provider.arrived.wait()
    newer = fingerprint(Credential(scheme="bearer", secret="another-key-0987654321"), stage.postgres.master)
    with stage.postgres.connect() as owner:
        owner.execute("UPDATE sealed_credentials SET fingerprint = %s WHERE connection_id = %s", (newer, connection.id))
    provider.hold.set()
    with pytest.raises(Refused):
        await task
    assert await state_of(person, connection.id) == "active"


async def test_an_action_that_a_refused_key_turned_away_is_sent_once_with_the_next_key(
    stage: Stage, provider: Provider
) -> None:
    person = await stage.person()
    provider.answers = [answer(401, {"message": "expired"})]
    row, grant = await approved(person, provider, "contacts.create", {"properties": {"email": "a@example.test"}})
    message = person.sending(row, grant, BEARER)
    await refused(person, "Send", message)
    effect = await person.effect(row)
    assert effect is not None
    assert effect.state == "turned_away"
    await refused(person, "Send", message)
    assert len(provider.writes()) == 1
    with stage.postgres.connect() as owner:
        owner.execute("ALTER TABLE connections DISABLE TRIGGER check_connection")
        owner.execute("UPDATE connections SET state = 'active' WHERE id = %s", (row.connection_id,))
        owner.execute("ALTER TABLE connections ENABLE TRIGGER check_connection")
    provider.answers = [answer(201, {"id": "9"})]
    # The control side hands the same grant out again, and many calls at once still send one request.
    assert (await person.mint(row)).jti == effect.jti
    replies = await asyncio.gather(*(person.ask("Send", message) for _ in range(5)))
    assert {reply["state"] for reply in replies} == {"done"}
    assert len(provider.writes()) == 2
    assert (await person.ask("Send", message))["state"] == "done"
    assert len(provider.writes()) == 2


async def test_a_paused_run_sends_nothing_more(stage: Stage, provider: Provider) -> None:
    from store import runs

    person = await stage.person()
    provider.answers = [ENGINEER, CTO]
    row, grant = await approved(person, provider)
    provider.hold.clear()
    task = asyncio.create_task(person.ask("Send", person.sending(row, grant, BEARER)))
    await provider.arrived.wait()
    async with stage.postgres.api.user(person.user_id) as session:
        await runs.pause(session, person.user_id, row.run_id)
    provider.hold.set()
    with pytest.raises(Refused) as caught:
        await task
    assert caught.value.code == "run_paused"
    assert provider.writes() == []
    assert await person.effect(row) is None
    async with stage.postgres.api.user(person.user_id) as session:
        await runs.resume(session, person.user_id, row.run_id)
    provider.answers = [ENGINEER, CTO]
    assert (await person.ask("Send", person.sending(row, grant, BEARER)))["state"] == "done"


async def test_another_user_revokes_and_purges_nothing(stage: Stage, provider: Provider) -> None:
    from sqlalchemy.exc import DBAPIError

    from coco.errors import NotFound

    ada, eve = await stage.person(), await stage.person()
    provider.answers = [answer(200, contact())]
    run, connection = await planning(ada, provider)
    await ada.ask("Read", reading(run, connection))
    async with stage.postgres.api.user(eve.user_id) as session:
        with pytest.raises(NotFound):
            await connections.set_state(session, eve.user_id, connection.id, "revoked")
        with pytest.raises(NotFound):
            await revoking.purge(session, eve.user_id, connection.id)
    with pytest.raises(DBAPIError, match="only a revoked connection"):
        async with stage.postgres.api.user(eve.user_id) as session:
            await session.execute(text("SELECT coco_purge(:c)"), {"c": connection.id})
    assert len(await ada.rows(ReadRow)) == 1
    # Nor does its owner purge one that is not revoked.
    with pytest.raises(DBAPIError, match="only a revoked connection"):
        async with stage.postgres.api.user(ada.user_id) as session:
            await session.execute(text("SELECT coco_purge(:c)"), {"c": connection.id})
    assert len(await ada.rows(ReadRow)) == 1
