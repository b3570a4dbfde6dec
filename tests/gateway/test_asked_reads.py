"""Reads that an owner asked for: the request is the control side's, and the sandbox adds the key and hears nothing."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from activities.connectors.registry import connector
from coco.errors import Refused as NotAllowed
from store import asked_reads, revoking
from store.tables_asking import AskedRead
from tests.gateway.accounts import Account
from tests.gateway.at_a_provider import person, process, provider, stage
from tests.gateway.harness import Person, Refused, Stage
from tests.gateway.provider_process import ProviderProcess, Reply

__all__ = ["person", "process", "provider", "stage"]

MODELS = Reply(body={"data": [{"id": "m-1"}]})


async def asked(one: Account) -> tuple[UUID, AskedRead]:
    operation = connector("openai").read("models.list")
    batch = uuid4()
    async with one.person.stage.postgres.api.user(one.person.user_id) as session:
        request = operation.request(one.info, operation.parse({}))
        await asked_reads.ask(session, one.person.user_id, one.info.id, [request], "proposing", batch)
        [row] = await asked_reads.of_batch(session, one.person.user_id, batch)
    return batch, row


async def now(one: Account, batch: UUID) -> list[AskedRead]:
    async with one.person.stage.postgres.api.user(one.person.user_id) as session:
        return await asked_reads.of_batch(session, one.person.user_id, batch)


def bring(one: Account, row: AskedRead) -> dict[str, object]:
    return {"asked_id": str(row.id), "credential": one.credential.model_dump(mode="json")}


async def test_the_answer_is_kept_for_the_owner_and_the_sandbox_does_not_hear_it(
    person: Person, provider: ProviderProcess
) -> None:
    one = await Account.at(person, "openai", provider.url)
    await provider.on("GET", "/models", MODELS)
    batch, row = await asked(one)
    told = await person.ask("Sealed")
    assert {"id": str(row.id), "connection_id": str(one.info.id)} in told["asked"]
    assert await person.ask("Fetch", bring(one, row)) == {"state": "answered"}
    [kept] = await now(one, batch)
    assert kept.response is not None
    assert "m-1" in kept.response["body"]
    assert kept.response_digest
    assert str(row.id) not in str((await person.ask("Sealed"))["asked"])
    with pytest.raises(Refused) as caught:
        await person.ask("Fetch", bring(one, row))
    assert caught.value.code == "not_found"


async def test_the_sandbox_says_nothing_of_the_request_and_brings_its_own_key_alone(
    stage: Stage, person: Person, provider: ProviderProcess
) -> None:
    one = await Account.at(person, "openai", provider.url)
    await provider.on("GET", "/models", MODELS)
    _, row = await asked(one)
    with pytest.raises(Refused) as caught:
        await person.ask("Fetch", bring(one, row) | {"request": row.request})
    assert caught.value.code == "invalid"
    foreign = {"scheme": "bearer", "secret": "another-account's-key", "username": ""}
    with pytest.raises(Refused) as caught:
        await person.ask("Fetch", bring(one, row) | {"credential": foreign})
    assert caught.value.code == "connection_unusable"
    eve = await stage.person()
    with pytest.raises(Refused) as caught:
        await eve.ask("Fetch", bring(one, row))
    assert caught.value.code == "not_found"
    assert (await eve.ask("Sealed"))["asked"] == []
    assert await provider.seen() == []


async def test_what_cannot_be_read_is_said(person: Person, provider: ProviderProcess) -> None:
    one = await Account.at(person, "openai", provider.url)
    await provider.on("GET", "/models", Reply(429, {}, {"retry-after": "600"}))
    batch, row = await asked(one)
    assert await person.ask("Fetch", bring(one, row)) == {"state": "failed"}
    [kept] = await now(one, batch)
    assert (kept.state, kept.response) == ("failed", None)
    assert "asked later" in kept.reason


async def test_a_refused_key_ends_it_and_a_revocation_removes_it(person: Person, provider: ProviderProcess) -> None:
    one = await Account.at(person, "openai", provider.url)
    await provider.on("GET", "/models", MODELS, Reply(401, {}))
    batch, row = await asked(one)
    await person.ask("Fetch", bring(one, row))
    second, row = await asked(one)
    assert await person.ask("Fetch", bring(one, row)) == {"state": "failed"}
    assert await one.state() == "needs_reconnection"
    assert [one.state for one in await now(one, batch)] == ["answered"]
    with pytest.raises(NotAllowed):
        await asked(one)
    async with person.stage.postgres.api.user(person.user_id) as session:
        await session.execute(
            text("UPDATE connections SET state = 'revoked', broken_at = now(), purge_owed_at = now() WHERE id = :c"),
            {"c": one.info.id},
        )
    async with person.stage.postgres.api.user(person.user_id) as session:
        await revoking.purge(session, person.user_id, one.info.id)
    assert await now(one, batch) == await now(one, second) == []
    # The purge takes the sandbox's token with it.
    await person.rotate()


async def test_what_nobody_brings_a_key_for_ends(person: Person, provider: ProviderProcess) -> None:
    one = await Account.at(person, "openai", provider.url)
    batch, row = await asked(one)
    with person.stage.postgres.connect() as owner:
        owner.execute("UPDATE asked_reads SET created_at = now() - interval '6 minutes' WHERE id = %s", (row.id,))
    async with person.stage.postgres.gateway.user(person.user_id) as session:
        await asked_reads.expire(session, person.user_id)
    [kept] = await now(one, batch)
    assert (kept.state, kept.reason) == ("failed", asked_reads.TOO_LATE)


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("api", "UPDATE asked_reads SET response = '{}', state = 'answered' WHERE id = :a"),
        ("gateway", "UPDATE asked_reads SET request = '{}' WHERE id = :a"),
        ("gateway", "INSERT INTO asked_reads SELECT * FROM asked_reads WHERE id = :a"),
        ("gateway", "DELETE FROM asked_reads WHERE id = :a"),
        ("control", "SELECT * FROM asked_reads WHERE id = :a"),
        ("gateway", "SELECT * FROM guardrail_proposals WHERE id = :a"),
        ("control", "SELECT * FROM guardrail_proposals WHERE id = :a"),
    ],
)
async def test_what_a_role_may_not_do(person: Person, provider: ProviderProcess, role: str, statement: str) -> None:
    one = await Account.at(person, "openai", provider.url)
    _, row = await asked(one)
    with pytest.raises(ProgrammingError, match="permission denied"):
        async with getattr(person.stage.postgres, role).user(person.user_id) as session:
            await session.execute(text(statement), {"a": row.id})


async def test_an_answer_is_given_once_and_never_by_the_one_who_asks(person: Person, provider: ProviderProcess) -> None:
    one = await Account.at(person, "openai", provider.url)
    _, row = await asked(one)
    async with person.stage.postgres.gateway.user(person.user_id) as session:
        await asked_reads.failed(session, row, "no")
    with pytest.raises(DBAPIError, match="this read has ended"):
        async with person.stage.postgres.gateway.user(person.user_id) as session:
            await session.execute(
                text("UPDATE asked_reads SET state = 'answered', response = '{}' WHERE id = :a"), {"a": row.id}
            )
    values = row.model_dump(exclude={"created_at", "finished_at"}) | {"id": uuid4(), "state": "answered"}
    with pytest.raises(DBAPIError, match="asked for as pending"):
        async with person.stage.postgres.api.user(person.user_id) as session:
            session.add(AskedRead(**values))
