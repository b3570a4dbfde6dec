"""Credits by double entry, on a real database: nothing is made, lost or taken twice, and no role can cook the books."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from coco.credits import SIGN_UP_CREDITS, Period, started
from coco.errors import Code, InvalidInput, NotFound, Refused
from store import budgets, credits
from store.database import Database
from store.tables import ActionRow, Workflow
from tests.conftest import Cluster, Postgres, fresh
from tests.store.test_who_may_write_what import Person, action_for, person


async def more_actions(postgres: Postgres, who: Person, count: int, workflow: UUID | None = None) -> list[UUID]:
    ids = []
    async with postgres.control.user(who.id) as session:
        for number in range(count):
            body = action_for(who.connection, f"T{number}")
            row = ActionRow(
                user_id=who.id, run_id=who.run, workflow_id=workflow or who.workflow, connection_id=who.connection,
                key=f"k{uuid4()}", operation="contacts.update", arguments={}, body=body.as_json(), digest=body.digest(),
            )  # fmt: skip
            session.add(row)
            await session.flush()
            ids.append(row.id)
    return ids


def books(postgres: Postgres, user: UUID) -> tuple[int, int, int, int]:
    """(balance, reserved) as kept, and (available + reserved, reserved) as the postings say."""
    with postgres.connect() as owner:
        kept = owner.execute("SELECT balance, reserved FROM credit_accounts WHERE user_id = %s", (user,)).fetchone()
        sums = dict(
            owner.execute(
                "SELECT account, sum(amount) FROM ledger_postings WHERE user_id = %s GROUP BY account", (user,)
            ).fetchall()
        )
    assert sum(sums.values()) == 0
    reserved = int(sums.get("reserved", 0))
    assert kept is not None
    return kept[0], kept[1], int(sums.get("available", 0)) + reserved, reserved


async def quietly(work: Awaitable[object]) -> bool:
    """Whether it went through; what a short balance refuses is no error here."""
    try:
        await work
    except Refused as error:
        if error.code is not Code.CREDITS:
            raise
        return False
    return True


STEPS = st.lists(
    st.tuples(st.sampled_from(["reserve", "settle", "release", "part"]), st.integers(0, 5), st.integers(0, 400)),
    min_size=1,
    max_size=24,
)


@pytest.fixture(scope="module")
async def crowd(cluster: Cluster):  # type: ignore[no-untyped-def]
    async with fresh(cluster) as postgres:
        yield postgres


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_happens_at_once_the_balance_is_what_the_ledger_says(
    crowd: Postgres, steps: list[tuple[str, int, int]]
) -> None:
    async def scenario() -> None:
        own = Postgres(crowd.owner, crowd.master)
        try:
            who = await person(own, f"{uuid4().hex}@example.com")
            ids = await more_actions(own, who, 6)

            async def step(kind: str, which: int, amount: int) -> None:
                async with own.control.user(who.id) as session:
                    if kind == "reserve":
                        await credits.reserve(session, who.id, ids[which], amount)
                    elif kind == "settle":
                        await credits.settle(session, who.id, ids[which], [])
                    elif kind == "part":
                        await credits.settle(session, who.id, ids[which], [], amount)
                    else:
                        await credits.release(session, who.id, ids[which])

            # Twice each and all at once: as retries and races would.
            await asyncio.gather(*(quietly(step(*item)) for item in steps + steps))
            balance, reserved, counted, held = books(own, who.id)
            assert (balance, reserved) == (counted, held)
            assert 0 <= reserved <= balance <= SIGN_UP_CREDITS
        finally:
            await own.close()

    asyncio.run(scenario())


async def test_no_two_debits_spend_the_same_credits(postgres: Postgres) -> None:
    who = await person(postgres, "ada@example.com")
    ids = await more_actions(postgres, who, 12)

    async def reserve(action: UUID) -> None:
        async with postgres.control.user(who.id) as session:
            await credits.reserve(session, who.id, action, 300)

    went = await asyncio.gather(*(quietly(reserve(item)) for item in ids))
    assert sum(went) == 3
    assert books(postgres, who.id) == (1000, 900, 1000, 900)


async def test_a_cost_below_the_estimate_gives_the_rest_back_and_one_above_is_refused(postgres: Postgres) -> None:
    who = await person(postgres, "ada@example.com")
    async with postgres.control.user(who.id) as session:
        await credits.reserve(session, who.id, who.action, 100)
    with pytest.raises(Refused, match="allowed 100"):
        async with postgres.control.user(who.id) as session:
            await credits.settle(session, who.id, who.action, [], 101)
    async with postgres.control.user(who.id) as session:
        assert await credits.settle(session, who.id, who.action, [{"item": "x", "credits": 40}], 40) == 40
        assert await credits.settle(session, who.id, who.action, [], 40) == 0
        await credits.release(session, who.id, who.action)
    assert books(postgres, who.id) == (960, 0, 960, 0)


async def test_a_top_up_counts_once_and_is_the_owners_alone(postgres: Postgres) -> None:
    who = await person(postgres, "ada@example.com")
    database = Database(postgres.owner)
    try:
        async with database.user(who.id) as session:
            assert await credits.top_up(session, who.id, 500, "invoice 1")
        async with database.user(who.id) as session:
            assert not await credits.top_up(session, who.id, 500, "invoice 1")
            with pytest.raises(InvalidInput):
                await credits.top_up(session, who.id, 0, "invoice 2")
            with pytest.raises(InvalidInput):
                await credits.top_up(session, who.id, 5, " ")
    finally:
        await database.close()
    assert books(postgres, who.id) == (1500, 0, 1500, 0)
    for role in (postgres.api, postgres.control):
        with pytest.raises(DBAPIError, match="row-level security"):
            async with role.user(who.id) as session:
                await credits.top_up(session, who.id, 500, "mine")


async def _sum_is_not_zero(postgres: Postgres, who: Person) -> None:
    async with postgres.control.user(who.id) as session:
        await _insert(session, who, "reserve", str(who.action), {"available": -1, "reserved": 2})


async def _negative_reserve(postgres: Postgres, who: Person) -> None:
    async with postgres.control.user(who.id) as session:
        await _insert(session, who, "reserve", str(who.action), {"available": 1000, "reserved": -1000})


async def _settle_of_nothing(postgres: Postgres, who: Person) -> None:
    async with postgres.control.user(who.id) as session:
        await _insert(session, who, "settle", str(who.action), {})


async def _credits_back_twice(postgres: Postgres, who: Person) -> None:
    async with postgres.control.user(who.id) as session:
        await credits.reserve(session, who.id, who.action, 10)
        await credits.release(session, who.id, who.action)
        await _insert(session, who, "settle", str(who.action), {"reserved": -10, "available": 10})


async def _used_becomes_available(postgres: Postgres, who: Person) -> None:
    async with postgres.control.user(who.id) as session:
        await credits.reserve(session, who.id, who.action, 10)
        await _insert(session, who, "settle", str(who.action), {"reserved": -10, "used": -10, "available": 20})


async def _a_posting_afterwards(postgres: Postgres, who: Person) -> None:
    async with postgres.control.user(who.id) as session:
        await credits.reserve(session, who.id, who.action, 10)
    async with postgres.control.user(who.id) as session:
        await session.execute(
            text(
                "INSERT INTO ledger_postings (transaction_id, account, user_id, amount) "
                "SELECT id, 'issued', user_id, -5 FROM ledger_transactions WHERE kind = 'reserve'"
            )
        )


async def _second_sign_up(postgres: Postgres, who: Person) -> None:
    async with postgres.api.user(who.id) as session:
        await credits.open_account(session, who.id)


async def _rich_sign_up(postgres: Postgres, who: Person) -> None:
    user = uuid4()
    async with postgres.api.user(user) as session:
        await session.execute(
            text("INSERT INTO users (id, email, password_hash, name, is_operator, created_at) "
                 "VALUES (:u, 'rich@example.com', 'x', '', false, now())"), {"u": user},
        )  # fmt: skip
        await _insert(session, Person(user, *(uuid4() for _ in range(4)), ""), "sign_up", "sign_up",
                      {"issued": -5000, "available": 5000})  # fmt: skip


async def _edit(postgres: Postgres, who: Person) -> None:
    async with postgres.control.user(who.id) as session:
        await session.execute(text("UPDATE credit_accounts SET balance = 5000"))


async def _reserve_by_the_api(postgres: Postgres, who: Person) -> None:
    async with postgres.api.user(who.id) as session:
        await _insert(session, who, "reserve", str(who.action), {"available": -1, "reserved": 1})


async def _insert(session, who: Person, kind: str, ref: str, postings: dict[str, int]) -> None:  # type: ignore[no-untyped-def]
    """What a process that wants to cheat would write."""
    key = uuid4()
    await session.execute(
        text("INSERT INTO ledger_transactions (id, user_id, kind, ref, items, at) VALUES (:i, :u, :k, :r, '[]', :at)"),
        {"i": key, "u": who.id, "k": kind, "r": ref, "at": datetime.now(UTC)},
    )
    for account, amount in postings.items():
        await session.execute(
            text("INSERT INTO ledger_postings (transaction_id, account, user_id, amount) VALUES (:i, :a, :u, :n)"),
            {"i": key, "a": account, "u": who.id, "n": amount},
        )


CHEATS = [
    _sum_is_not_zero, _negative_reserve, _settle_of_nothing, _credits_back_twice, _used_becomes_available,
    _a_posting_afterwards, _second_sign_up, _rich_sign_up, _edit, _reserve_by_the_api,
]  # fmt: skip


@pytest.mark.parametrize("cheat", CHEATS, ids=lambda item: item.__name__.strip("_"))
async def test_the_database_refuses_to_cook_the_books(
    postgres: Postgres, cheat: Callable[[Postgres, Person], Awaitable[None]]
) -> None:
    who = await person(postgres, "ada@example.com")
    with pytest.raises(DBAPIError):
        await cheat(postgres, who)
    balance, reserved, counted, held = books(postgres, who.id)
    assert (balance, reserved) == (counted, held)
    assert balance == SIGN_UP_CREDITS


async def test_a_budget_holds_for_its_workflow_and_one_for_everything_holds_for_all(postgres: Postgres) -> None:
    who = await person(postgres, "ada@example.com")
    async with postgres.api.user(who.id) as session:
        other = Workflow(user_id=who.id, title="other", playbook="p", connections=[])
        session.add(other)
        await session.flush()
        await budgets.put(session, who.id, who.workflow, Period.DAY, 100)
        whole = await budgets.put(session, who.id, None, Period.EVER, 150)
    mine = await more_actions(postgres, who, 3)
    others = await more_actions(postgres, who, 2, other.id)

    async def reserve(action: UUID, amount: int) -> None:
        async with postgres.control.user(who.id) as session:
            await credits.reserve(session, who.id, action, amount)

    await reserve(mine[0], 60)
    with pytest.raises(Refused, match="This workflow may use 100 credits a day; 60 are used or set aside"):
        await reserve(mine[1], 41)
    await reserve(others[0], 90)
    with pytest.raises(Refused, match="All workflows together may use 150 credits in all"):
        await reserve(others[1], 1)
    # What comes back may be used again; what was used below its estimate counts at its cost.
    async with postgres.control.user(who.id) as session:
        await credits.settle(session, who.id, mine[0], [], 10)
        await credits.release(session, who.id, others[0])
    await reserve(mine[1], 90)
    async with postgres.api.user(who.id) as session:
        assert (await budgets.put(session, who.id, None, Period.EVER, 200)).id == whole.id
        assert [row.credits for row in await budgets.listed(session, who.id)] == [200, 100]
    await reserve(others[1], 100)


async def test_budgets_under_concurrency(postgres: Postgres) -> None:
    who = await person(postgres, "ada@example.com")
    async with postgres.api.user(who.id) as session:
        await budgets.put(session, who.id, who.workflow, Period.DAY, 100)
    ids = await more_actions(postgres, who, 8)

    async def reserve(action: UUID) -> None:
        async with postgres.control.user(who.id) as session:
            await credits.reserve(session, who.id, action, 30)

    assert sum(await asyncio.gather(*(quietly(reserve(item)) for item in ids))) == 3


async def test_nobody_sets_or_removes_a_budget_of_anothers(postgres: Postgres) -> None:
    ada, eve = await person(postgres, "ada@example.com"), await person(postgres, "eve@example.com")
    async with postgres.api.user(ada.id) as session:
        budget = await budgets.put(session, ada.id, ada.workflow, Period.DAY, 100)
    async with postgres.api.user(eve.id) as session:
        assert await budgets.listed(session, eve.id) == []
        with pytest.raises(NotFound):
            await budgets.put(session, eve.id, ada.workflow, Period.DAY, 1)
        with pytest.raises(NotFound):
            await budgets.remove(session, eve.id, budget.id)
    async with postgres.api.user(ada.id) as session:
        await budgets.remove(session, ada.id, budget.id)
        assert await budgets.listed(session, ada.id) == []


def test_days_and_months_begin_at_midnight_in_utc() -> None:
    now = datetime(2026, 3, 15, 13, 30, tzinfo=UTC)
    assert started(Period.DAY, now) == datetime(2026, 3, 15, tzinfo=UTC)
    assert started(Period.MONTH, now) == datetime(2026, 3, 1, tzinfo=UTC)
    assert started(Period.EVER, now) is None
