"""What is past its time is removed, and nothing else: with old dates in the rows, by the database's clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from coco.audit import GENESIS, AuditEntry, AuditKind, entry_hash, verify_chain
from coco.errors import InvalidInput
from coco.retention import LEAST_DAYS, Kept
from store import audit, retention
from store.tables import AuditRow, User, utc_now
from tests.api.cards import Card, make_card
from tests.conftest import Postgres
from tests.store.test_erasing import rows_of
from tests.store.test_who_may_write_what import Person, person
from workers.retention import sweep

KEEP_ALL = dict.fromkeys(Kept, 0)
MARKER = "saffron-lantern"


@dataclass
class Old:
    """Two accounts, each with a run that ended `days` ago."""

    postgres: Postgres
    ada: UUID
    eve: UUID
    card: Card
    eves: Card


def age(postgres: Postgres, user_id: UUID, days: int, state: str = "done") -> None:
    """Moves what there is of a user into the past."""
    with postgres.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        for statement in (
            "UPDATE runs SET state = %(state)s, finished_at = now() - %(ago)s WHERE user_id = %(user)s",
            "UPDATE reads SET at = now() - %(ago)s WHERE user_id = %(user)s",
            "UPDATE events SET at = now() - %(ago)s WHERE user_id = %(user)s",
            "UPDATE actions SET state = 'cancelled' WHERE user_id = %(user)s AND state = 'pending'",
        ):
            owner.execute(statement, {"state": state, "ago": timedelta(days=days), "user": user_id})


@pytest.fixture
async def old(postgres: Postgres) -> Old:
    users: list[Person] = [await person(postgres, f"{name}@example.com") for name in ("ada", "eve")]
    cards = [await make_card(postgres, who.id, question=True, goal=f"Find the {MARKER}") for who in users]
    for who in users:
        age(postgres, who.id, 100)
    return Old(postgres, users[0].id, users[1].id, *cards)


async def set_days(old: Old, user_id: UUID, **days: int | None) -> None:
    async with old.postgres.api.user(user_id) as session:
        await retention.set_terms(session, user_id, {Kept(name): value for name, value in days.items()})


def held(old: Old, user_id: UUID, marker: str = MARKER) -> set[str]:
    """Tables in which a user's rows hold the marker."""
    return {name for name, rows in rows_of(old.postgres, user_id).items() if any(marker in row for row in rows)}


async def test_nothing_goes_where_everything_is_kept(old: Old) -> None:
    before = rows_of(old.postgres, old.ada)
    assert await sweep(old.postgres.control, KEEP_ALL) == 0
    assert rows_of(old.postgres, old.ada) == before


async def test_the_contents_of_old_runs_go_and_others_keep_theirs(old: Old) -> None:
    eve = rows_of(old.postgres, old.eve)
    assert "runs" in held(old, old.ada)
    await set_days(old, old.ada, runs=30)
    assert await sweep(old.postgres.control, KEEP_ALL) == 1
    assert held(old, old.ada) - {"audit", "workflows"} == set()
    rows = rows_of(old.postgres, old.ada)
    assert rows["plan_drafts"] == rows["questions"] == []
    assert len(rows["runs"]) == 2
    assert all("kept no longer than was set" in row for row in rows["actions"])
    assert rows_of(old.postgres, old.eve) == eve
    # Once is enough: there is nothing more to do.
    assert await sweep(old.postgres.control, KEEP_ALL) == 0


async def test_what_was_read_goes_and_its_row_says_that_it_was_read(old: Old) -> None:
    before = rows_of(old.postgres, old.ada)["reads"]
    assert before
    await set_days(old, old.ada, reads=99)
    await sweep(old.postgres.control, KEEP_ALL)
    after = rows_of(old.postgres, old.ada)["reads"]
    assert len(after) == len(before)
    assert all("'status': 410" in row and "'target': '/'" in row for row in after)
    assert "runs" in held(old, old.ada)


@pytest.mark.parametrize("days", [101, 0])
async def test_what_is_within_its_time_stays(old: Old, days: int) -> None:
    await set_days(old, old.ada, reads=days, runs=days, events=days)
    before = rows_of(old.postgres, old.ada)
    await sweep(old.postgres.control, KEEP_ALL)
    assert rows_of(old.postgres, old.ada) == before


@pytest.mark.parametrize("column", ["finished_at = NULL, state = 'waiting'", None])
async def test_a_run_that_goes_on_keeps_all(old: Old, column: str | None) -> None:
    """Also one whose outcome a person has still to settle."""
    with old.postgres.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        if column is not None:
            owner.execute(f"UPDATE runs SET {column} WHERE user_id = %s", (old.ada,))  # type: ignore[arg-type]
        else:
            owner.execute("UPDATE actions SET state = 'outcome_unknown' WHERE user_id = %s", (old.ada,))
    await set_days(old, old.ada, reads=1, runs=7)
    before = rows_of(old.postgres, old.ada)
    await sweep(old.postgres.control, KEEP_ALL)
    assert rows_of(old.postgres, old.ada) == before


async def test_events_go_by_their_own_time(old: Old) -> None:
    assert rows_of(old.postgres, old.ada)["events"]
    # The installation's default, since the user has set nothing.
    assert await sweep(old.postgres.control, KEEP_ALL | {Kept.EVENTS: 30}) == 2
    assert rows_of(old.postgres, old.ada)["events"] == []
    assert "runs" in held(old, old.ada)


async def test_the_users_own_days_go_before_the_default(old: Old) -> None:
    await set_days(old, old.ada, events=0)
    await sweep(old.postgres.control, KEEP_ALL | {Kept.EVENTS: 30})
    assert rows_of(old.postgres, old.ada)["events"]
    assert rows_of(old.postgres, old.eve)["events"] == []


@pytest.fixture
async def chained(postgres: Postgres) -> Old:
    """An account whose chain has six entries of 200 days ago, and new ones."""
    user_id = UUID(int=7)
    async with postgres.api.user(user_id) as session:
        session.add(User(id=user_id, email="ada@example.com", password_hash="x"))
        await session.flush()
        previous, moment = GENESIS, utc_now() - timedelta(days=200)
        for seq in range(1, 7):
            entry = AuditEntry(
                user_id=user_id,
                seq=seq,
                at=moment + timedelta(minutes=seq),
                kind=AuditKind.SIGN_IN,
                actor=f"user:{user_id}",
                body={"address": f"{MARKER} {seq}"},
                prev_hash=previous,
            )
            previous = entry_hash(entry)
            session.add(AuditRow(**entry.model_dump(exclude={"kind"}), kind=entry.kind.value, hash=previous))
            await session.flush()
        for number in range(3):
            await audit.append(session, user_id, AuditKind.SIGN_IN, actor="system", body={"address": f"new {number}"})
    return Old(postgres, user_id, user_id, None, None)  # type: ignore[arg-type]


async def entries(old: Old) -> list[tuple[AuditEntry, str]]:
    async with old.postgres.control.user(old.ada) as session:
        return [pair async for pair in audit.chain(session, old.ada)]


async def test_old_audit_content_goes_and_the_chain_holds(chained: Old) -> None:
    hashes = [stored for _, stored in await entries(chained)]
    await set_days(chained, chained.ada, audit=150)
    assert await sweep(chained.postgres.control, KEEP_ALL) == 1
    found = await entries(chained)
    assert verify_chain(found) is None
    assert [stored for _, stored in found][: len(hashes)] == hashes
    assert held(chained, chained.ada) == set()
    assert [entry.body["address"] for entry, _ in found if "address" in entry.body] == ["new 0", "new 1", "new 2"]
    assert found[-1][0].kind is AuditKind.CONTENT_EXPIRED
    assert await sweep(chained.postgres.control, KEEP_ALL) == 0


async def test_the_database_blanks_no_entry_before_its_time(chained: Old) -> None:
    """Whatever the control side asks for: nothing younger than the floor, nothing of an account that is not deleted."""
    async with chained.postgres.control.user(chained.ada) as session:
        await session.execute(text("SELECT coco_blank_audit('{1,7,8,9}', 'retention')"))
    blank = [entry.seq for entry, _ in await entries(chained) if set(entry.body) == {"erased"}]
    assert blank == [1]
    assert await sweep(chained.postgres.control, KEEP_ALL | {Kept.AUDIT: 1}) == 1
    blank = [entry.seq for entry, _ in await entries(chained) if set(entry.body) == {"erased"}]
    assert blank == [1, 2, 3, 4, 5, 6, 10]


@pytest.mark.parametrize(("kept", "days"), [(kept, least - 1) for kept, least in LEAST_DAYS.items() if least > 1])
async def test_days_below_the_floor_are_refused(old: Old, kept: Kept, days: int) -> None:
    with pytest.raises(InvalidInput, match=f"{kept.value}_days"):
        await set_days(old, old.ada, **{kept.value: days})
    with pytest.raises(DBAPIError, match="within_bounds"):
        async with old.postgres.api.user(old.ada) as session:
            await session.execute(
                text(f"INSERT INTO retention_settings (user_id, {kept.value}_days, updated_at) VALUES (:u, :d, now())"),
                {"u": old.ada, "d": days},
            )


async def test_a_change_is_on_the_chain_and_an_unchanged_setting_is_not(old: Old) -> None:
    for _ in range(2):
        await set_days(old, old.ada, reads=5, audit=None)
    told = [entry.body for entry, _ in await entries(old) if entry.kind is AuditKind.RETENTION_CHANGED]
    assert told == [{"days": {"reads": {"from": None, "to": 5}}}]


@pytest.mark.parametrize("role", ["api", "gateway"])
async def test_only_the_control_side_removes(old: Old, role: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with getattr(old.postgres, role).user(old.ada) as session:
            await session.execute(text("SELECT coco_trim(1, 7, 1)"))


async def test_nobody_sets_anothers_days(old: Old) -> None:
    with pytest.raises(DBAPIError, match="row-level security"):
        async with old.postgres.api.user(old.eve) as session:
            await session.execute(
                text("INSERT INTO retention_settings (user_id, reads_days, updated_at) VALUES (:u, 1, now())"),
                {"u": old.ada},
            )
