"""Checkpoints over a real Postgres: who may make them, when they are made, and that a broken chain is not signed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from cli.audit_offline import Key, verify
from cli.verify import walk
from coco.audit import AuditKind
from coco.audit_checkpoints import SigningKey, public_text
from coco.grants import new_signing_key
from store import accounts, audit, audit_checkpoints, audit_export
from tests.conftest import Postgres
from workers.checkpoints import CheckpointKeeper

KEY = SigningKey.derived(new_signing_key())


def keeper(postgres: Postgres, **given: Any) -> CheckpointKeeper:
    return CheckpointKeeper(postgres.control, KEY, "local", **given)


async def account(postgres: Postgres, email: str, entries: int) -> UUID:
    user = await accounts.sign_up(postgres.api, postgres.master, email=email, name="", password_hash="x")
    await more(postgres, user, entries)
    return user


async def more(postgres: Postgres, user: UUID, entries: int) -> None:
    async with postgres.api.user(user) as session:
        for number in range(entries):
            await audit.append(session, user, AuditKind.SIGN_IN, actor=f"user:{user}", body={"n": number})


async def checkpoints(postgres: Postgres, user: UUID) -> list[tuple[int, int, str]]:
    async with postgres.api.user(user) as session:
        return [(row.number, row.seq, row.reason) for row in await audit_checkpoints.listed(session, user)]


def superuser(postgres: Postgres, statement: str) -> None:
    """Does to the chain what only somebody with the database's superuser can."""
    with postgres.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(statement.encode())


async def export(postgres: Postgres, user: UUID) -> list[bytes]:
    async with postgres.api.user(user) as session:
        await audit_export.note(session, user, {"form": "chain"})
    await keeper(postgres).sign_due()
    async with postgres.api.user(user) as session:
        closing = await audit_checkpoints.newest(session, user)
    assert closing is not None
    return [line async for line in audit_export.lines(lambda: postgres.api.user(user), user, closing)]


async def test_chains_are_signed_when_enough_has_come_or_when_the_oldest_has_waited(postgres: Postgres) -> None:
    busy, calm = await account(postgres, "busy@example.com", 9), await account(postgres, "calm@example.com", 2)
    eager = keeper(postgres, entries=10)
    assert await eager.sign_due() == 1
    assert await checkpoints(postgres, busy) == [(1, 10, "schedule")]
    assert await checkpoints(postgres, calm) == []
    assert await eager.sign_due() == 0
    assert await keeper(postgres, seconds=0).sign_due() == 1
    assert await checkpoints(postgres, calm) == [(1, 3, "schedule")]
    await more(postgres, busy, 1)
    await keeper(postgres, seconds=0).sign_due()
    assert await checkpoints(postgres, busy) == [(1, 10, "schedule"), (2, 11, "schedule")]


async def test_an_export_is_signed_at_once_and_holds(postgres: Postgres) -> None:
    ada = await account(postgres, "ada@example.com", 5)
    await keeper(postgres, seconds=0).sign_due()
    lines = await export(postgres, ada)
    report = verify(lines, [Key(public_text(KEY.public))], user="ada@example.com")
    assert report.problems == []
    assert (report.entries, report.checkpoints, report.signed_by) == (7, 2, KEY.id)
    assert await checkpoints(postgres, ada) == [(1, 6, "schedule"), (2, 7, "export")]
    later = await export(postgres, ada)
    assert verify(later, [Key(public_text(KEY.public))], kept=lines).problems == []


@pytest.fixture
async def running(postgres: Postgres) -> AsyncIterator[None]:
    task = asyncio.create_task(keeper(postgres, seconds=3600).run())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_keeper_hears_of_an_export(postgres: Postgres, running: None) -> None:
    ada = await account(postgres, "ada@example.com", 1)
    async with postgres.api.user(ada) as session:
        seq = await audit_export.note(session, ada, {"form": "chain"})
    async with asyncio.timeout(60):
        while True:
            async with postgres.api.user(ada) as session:
                if await audit_checkpoints.covering(session, ada, seq):
                    break
            await asyncio.sleep(0.02)


async def test_two_keepers_make_one_checkpoint(postgres: Postgres) -> None:
    ada = await account(postgres, "ada@example.com", 3)
    await asyncio.gather(*(keeper(postgres, seconds=0).sign_due() for _ in range(4)))
    assert await checkpoints(postgres, ada) == [(1, 4, "schedule")]


async def test_appends_meanwhile_are_signed_or_wait(postgres: Postgres) -> None:
    ada = await account(postgres, "ada@example.com", 1)

    async def append_all() -> None:
        for _ in range(30):
            await more(postgres, ada, 1)

    async def sign_all() -> None:
        for _ in range(15):
            await keeper(postgres, seconds=0).sign_due()

    await asyncio.gather(append_all(), sign_all())
    await keeper(postgres, seconds=0).sign_due()
    assert (await checkpoints(postgres, ada))[-1][1] == 32
    report = verify(await export(postgres, ada), [Key(public_text(KEY.public))])
    assert report.problems == []


BREAKS = [
    ("UPDATE audit SET body = '{\"n\": 99}' WHERE seq = 5", "entry 5: its content was changed"),
    ("DELETE FROM audit WHERE seq = 5", "entry 5: entry 5 is missing"),
    (
        "UPDATE audit SET kind = 'no such kind' WHERE seq = 5",
        "entry 5: its content was changed to what no entry can be",
    ),
    ("UPDATE audit SET hash = repeat('1', 64) WHERE seq = 3", "entry 3: it is not the one that checkpoint 1 signed"),
    ("UPDATE audit_checkpoints SET seq = 2", "entry 2: checkpoint 1 was changed"),
]


@pytest.mark.parametrize(("statement", "problem"), BREAKS)
async def test_a_broken_chain_is_not_signed(postgres: Postgres, statement: str, problem: str) -> None:
    ada = await account(postgres, "ada@example.com", 2)
    await keeper(postgres, seconds=0).sign_due()
    await more(postgres, ada, 3)
    superuser(postgres, statement)
    await keeper(postgres, seconds=0).sign_due()
    assert len(await checkpoints(postgres, ada)) == 1
    async with postgres.api.user(ada) as session:
        assert await audit_checkpoints.problem_of(session, ada) == problem
    # It is not tried over and over, but an export asks again, and is told.
    assert await keeper(postgres, entries=1).sign_due() == 0
    async with postgres.api.user(ada) as session:
        await audit_export.note(session, ada, {"form": "chain"})
    assert await keeper(postgres, entries=1000).sign_due() == 1


async def test_the_owners_command_compares_with_the_checkpoints(postgres: Postgres) -> None:
    ada = await account(postgres, "ada@example.com", 3)
    eve = await account(postgres, "eve@example.com", 3)
    await keeper(postgres, seconds=0).sign_due()
    found = {one.email: one for one in walk(postgres.owner)}
    assert (found["ada@example.com"].signed, found["ada@example.com"].problem) == (4, None)
    superuser(postgres, f"DELETE FROM audit WHERE user_id = '{ada}' AND seq > 2")
    superuser(postgres, f"UPDATE audit_checkpoints SET at = now() + interval '1 day' WHERE user_id = '{eve}'")
    found = {one.email: one for one in walk(postgres.owner)}
    cut, forged = found["ada@example.com"].problem, found["eve@example.com"].problem
    assert cut is not None
    assert (cut.seq, cut.problem) == (3, "the chain was cut off: checkpoint 1 covers entry 4")
    assert forged is not None
    assert forged.problem == "checkpoint 1 was changed: its signature does not hold"


FORBIDDEN = [
    ("api", "INSERT INTO audit_checkpoints SELECT * FROM audit_checkpoints"),
    ("gateway", "INSERT INTO audit_checkpoints SELECT * FROM audit_checkpoints"),
    ("api", "UPDATE audit_checkpoints SET seq = 1"),
    ("control", "UPDATE audit_checkpoints SET seq = 1"),
    ("control", "DELETE FROM audit_checkpoints"),
    ("api", "DELETE FROM audit_unsigned"),
    ("api", "UPDATE audit_unsigned SET wanted = true"),
    ("api", "INSERT INTO audit_unsigned VALUES (gen_random_uuid(), now(), 1, true, '')"),
    ("gateway", "SELECT * FROM audit_unsigned"),
    ("control", "UPDATE audit_unsigned SET entries = 0"),
    ("control", "SELECT coco_audit_find(NULL, NULL, 9, NULL, NULL, 0, 9, 9)"),
    ("gateway", "SELECT coco_audit_find(NULL, NULL, 9, NULL, NULL, 0, 9, 9)"),
]


@pytest.mark.parametrize(("role", "statement"), FORBIDDEN)
async def test_what_a_role_may_not_do(module_postgres: Postgres, role: str, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        async with getattr(module_postgres, role).user(UUID(int=1)) as session:
            await session.execute(text(statement))


@pytest.mark.parametrize("role", ["api", "control", "gateway"])
async def test_no_role_appends_what_does_not_follow(postgres: Postgres, role: str) -> None:
    """Not even a process that was taken over can leave a gap, or a second end, or push its entries far ahead."""
    ada = await account(postgres, "ada@example.com", 1)
    insert = (
        "INSERT INTO audit (user_id, seq, at, kind, actor, body, prev_hash, hash, once) "
        "SELECT user_id, {seq}, now(), 'sign_in', 'system', '{{}}', {previous}, {hash}, false FROM audit WHERE seq = 2"
    )
    sound = {"seq": "3", "previous": "hash", "hash": "repeat('2', 64)"}
    for wrong in ({"seq": "4"}, {"seq": "9000000000"}, {"previous": "prev_hash"}, {"hash": "'x'"}):
        with pytest.raises(DBAPIError, match="does not follow the newest one"):
            async with getattr(postgres, role).user(ada) as session:
                await session.execute(text(insert.format(**sound | wrong)))


async def test_a_checkpoint_is_of_an_entry_and_the_next_one(postgres: Postgres) -> None:
    ada = await account(postgres, "ada@example.com", 1)
    await keeper(postgres, seconds=0).sign_due()
    copy = (
        "INSERT INTO audit_checkpoints SELECT user_id, {number}, seq, {hash}, at, reason, deployment, key_id, "
        "public_key, signature FROM audit_checkpoints"
    )
    for wrong in ({"number": "3", "hash": "hash"}, {"number": "2", "hash": "repeat('1', 64)"}):
        with pytest.raises(DBAPIError, match="not of an entry, or not the next one"):
            async with postgres.control.user(ada) as session:
                await session.execute(text(copy.format(**wrong)))


async def test_times_never_go_backwards_within_a_chain(postgres: Postgres) -> None:
    ada = await account(postgres, "ada@example.com", 1)
    superuser(postgres, "UPDATE audit SET at = now() + interval '1 hour' WHERE seq = 2")
    await more(postgres, ada, 1)
    with postgres.connect() as owner:
        [(second,), (third,)] = owner.execute("SELECT at FROM audit WHERE seq > 1 ORDER BY seq").fetchall()
    assert third == second
