"""What the database itself demands of an erasure, and what is left after it; no process but these statements."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from coco.audit import AuditKind, verify_chain
from store import accounts, audit, connections, erasing, revoking
from store.migrations.privileges_erasing import KEPT
from store.tables import Session
from tests.conftest import Postgres
from tests.store.test_who_may_write_what import Person, approve, person


@dataclass
class Two:
    postgres: Postgres
    ada: Person
    eve: Person


@pytest.fixture
async def two(postgres: Postgres) -> Two:
    ada, eve = await person(postgres, "ada@example.com"), await person(postgres, "eve@example.com")
    for who in (ada, eve):
        await approve(postgres, who)
        async with postgres.api.user(who.id) as session:
            for number in range(3):
                body = {"detail": {"connection": str(who.connection)}, "n": number}
                await audit.append(session, who.id, AuditKind.REQUEST_REFUSED, actor="system", body=body)
    return Two(postgres, ada, eve)


async def ask(two: Two) -> None:
    async with two.postgres.api.user(two.ada.id) as session:
        await erasing.ask(session, two.ada.id, uuid4())


async def erase(two: Two, batch: int = erasing.BATCH) -> None:
    async with two.postgres.control.user(two.ada.id) as session:
        for run_id in await erasing.open_runs(session, two.ada.id):
            await erasing.end_run(session, two.ada.id, run_id)
        await erasing.destroy_keys(session)
        await erasing.remove_rows(session)
    more = 1
    while more:
        async with two.postgres.control.user(two.ada.id) as session:
            more = await erasing.blank_entries(session, two.ada.id, batch)


def rows_of(postgres: Postgres, user_id: UUID) -> dict[str, list[str]]:
    with postgres.connect() as owner:
        names = [row[0] for row in owner.execute("SELECT coco_owned_tables()").fetchall()]
        return {
            name: sorted(
                str(row[0])
                for row in owner.execute(f"SELECT row_to_json(t) FROM {name} t WHERE user_id = %s", (user_id,))
            )
            for name in names
        }


async def test_nothing_but_what_is_kept_is_left_and_others_are_untouched(two: Two) -> None:
    eve = rows_of(two.postgres, two.eve.id)
    await ask(two)
    await erase(two)
    async with two.postgres.control.user(two.ada.id) as session:
        assert await erasing.finish(session)
    left = {name for name, rows in rows_of(two.postgres, two.ada.id).items() if rows}
    assert left <= set(KEPT)
    assert {"audit", "erasures"} <= left
    assert rows_of(two.postgres, two.eve.id) == eve
    with two.postgres.connect() as owner:
        found = owner.execute("SELECT email, name, password_hash FROM users WHERE id = %s", (two.ada.id,)).fetchone()
    assert found == (f"erased:{two.ada.id}", "", "")


@pytest.mark.parametrize("batch", [1, 2, 1000])
async def test_the_chain_holds_after_each_batch(two: Two, batch: int) -> None:
    await ask(two)
    async with two.postgres.control.user(two.ada.id) as session:
        await erasing.destroy_keys(session)
        await erasing.remove_rows(session)
    blanked = more = await _batch(two, batch)
    while more:
        async with two.postgres.control.user(two.ada.id) as session:
            entries = [pair async for pair in audit.chain(session, two.ada.id)]
        assert verify_chain(entries) is None
        more = await _batch(two, batch)
        blanked += more
    contents = [entry for entry, _ in entries if set(entry.body) != {"erased"}]
    assert [entry.kind for entry in contents] == [AuditKind.ACCOUNT_DELETION]
    assert blanked > 2


@pytest.mark.parametrize("batch", [1, 1000])
async def test_what_a_revocation_had_blanked_is_named_again(two: Two, batch: int) -> None:
    async with two.postgres.api.user(two.ada.id) as session:
        await connections.set_state(session, two.ada.id, two.ada.connection, "revoked")
        assert await revoking.purge(session, two.ada.id, two.ada.connection) == 3
    await ask(two)
    more = await _batch(two, batch)
    while more:
        async with two.postgres.control.user(two.ada.id) as session:
            entries = [pair async for pair in audit.chain(session, two.ada.id)]
        assert verify_chain(entries) is None
        more = await _batch(two, batch)
    assert not [entry for entry, _ in entries if "title" in entry.body]


async def _batch(two: Two, batch: int) -> int:
    async with two.postgres.control.user(two.ada.id) as session:
        return await erasing.blank_entries(session, two.ada.id, batch)


async def test_a_blanked_entry_that_nothing_names_breaks_the_chain(two: Two) -> None:
    await ask(two)
    async with two.postgres.control.user(two.ada.id) as session:
        await session.execute(text("SELECT coco_blank_audit('{1}', 'account')"))
        found = verify_chain([pair async for pair in audit.chain(session, two.ada.id)])
    assert found is not None
    assert found.seq == 1


async def test_doing_it_again_changes_nothing(two: Two) -> None:
    await ask(two)
    await erase(two)
    before = rows_of(two.postgres, two.ada.id)
    await erase(two)
    assert rows_of(two.postgres, two.ada.id) == before


CALLS = (
    "SELECT coco_erase_keys()",
    "SELECT coco_erase_rows()",
    "SELECT coco_finish_erasure()",
    "SELECT coco_blank_audit('{1}', 'account')",
)


@pytest.mark.parametrize("call", CALLS)
async def test_nobody_is_erased_who_did_not_ask(two: Two, call: str) -> None:
    """Ada asked; the same calls for Eve, and by the API, are refused."""
    await ask(two)
    with pytest.raises(DBAPIError, match="nobody asked"):
        async with two.postgres.control.user(two.eve.id) as session:
            await session.execute(text(call))
    for database in (two.postgres.api, two.postgres.gateway):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with database.user(two.ada.id) as session:
                await session.execute(text(call))


@pytest.mark.parametrize("role", ["control", "gateway"])
async def test_only_the_api_asks(two: Two, role: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with getattr(two.postgres, role).user(two.ada.id) as session:
            await session.execute(text("SELECT coco_begin_erasure('user')"))


async def test_one_users_erasure_is_hidden_from_another(two: Two) -> None:
    await ask(two)
    async with two.postgres.api.user(two.eve.id) as session:
        assert (await session.execute(text("SELECT count(*) FROM erasures"))).scalar_one() == 0
    with pytest.raises(DBAPIError, match="permission denied"):
        async with two.postgres.api.user(two.eve.id) as session:
            await session.execute(text("DELETE FROM erasures"))


async def test_every_table_of_accounts_takes_nothing_new(two: Two) -> None:
    """Also those of later migrations: each table with a `user_id` has the guard, or is one of those that stay."""
    with two.postgres.connect() as owner:
        names = {row[0] for row in owner.execute("SELECT coco_owned_tables()").fetchall()}
        guarded = {
            row[0]
            for row in owner.execute(
                "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'a_not_erased'"
            ).fetchall()
        }
    assert names - guarded == set(KEPT) - {"users", "audit"}


async def test_nothing_new_is_kept(two: Two) -> None:
    await ask(two)
    with pytest.raises(DBAPIError, match="being deleted"):
        async with two.postgres.api.user(two.ada.id) as session:
            session.add(Session(user_id=two.ada.id, refresh_sha256="x", expires_at=accounts.utc_now()))
    with pytest.raises(DBAPIError, match="being deleted"):
        async with two.postgres.control.user(two.ada.id) as session:
            await session.execute(text("UPDATE sandboxes SET state = 'running', token_sha256 = 'x'"))
    with pytest.raises(DBAPIError, match="being deleted"):
        async with two.postgres.api.user(two.ada.id) as session:
            await audit.append(session, two.ada.id, AuditKind.SIGN_IN, actor="system", body={"address": "1.2.3.4"})


async def test_it_is_not_done_while_something_is_left(two: Two) -> None:
    await ask(two)
    async with two.postgres.control.user(two.ada.id) as session:
        assert not await erasing.finish(session)
    async with two.postgres.control.system() as session:
        assert await erasing.owed(session) == [two.ada.id]
    await erase(two)
    async with two.postgres.control.user(two.ada.id) as session:
        assert await erasing.finish(session)
    async with two.postgres.control.system() as session:
        assert await erasing.owed(session) == []


async def test_the_ledger_balances(two: Two) -> None:
    with two.postgres.connect() as owner:
        before = owner.execute(
            "SELECT balance, reserved FROM credit_accounts WHERE user_id = %s", (two.ada.id,)
        ).fetchone()
    await ask(two)
    await erase(two)
    with two.postgres.connect() as owner:
        after = owner.execute(
            "SELECT balance, reserved FROM credit_accounts WHERE user_id = %s", (two.ada.id,)
        ).fetchone()
        sums = owner.execute(
            "SELECT coalesce(sum(amount), 0), coalesce(sum(amount) FILTER (WHERE account IN ('available', 'reserved')),"
            " 0) FROM ledger_postings WHERE user_id = %s",
            (two.ada.id,),
        ).fetchone()
    assert after == before
    assert before is not None
    assert sums == (0, before[0])
