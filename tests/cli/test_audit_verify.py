"""`coco audit verify` names the first broken entry; with the embedded database, while nothing runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.types.json import Jsonb

from cli import postgres
from cli.places import places
from coco import deployment
from coco.audit import AuditKind
from coco.settings import Settings
from store import accounts, audit
from store.database import Database
from store.migrate import migrate
from store.roles import Role, role_dsn
from tests.cli.running import coco

EMAIL = "ada@example.com"
Change = Callable[[str], None]


@pytest.fixture(scope="module")
def state(short_dir: Path) -> Path:
    """An embedded database with two accounts; Ada's chain has five entries."""
    settings = Settings(state_dir=short_dir / "audit")
    here = places(settings)
    here.make()
    deployment.make_missing(settings)
    master = deployment.master_key(settings)

    async def fill(owner: str) -> None:
        database = Database(role_dsn(owner, Role.API, master.text))
        user = await accounts.sign_up(database, master, email=EMAIL, name="Ada", password_hash="x")
        await accounts.sign_up(database, master, email="eve@example.com", name="Eve", password_hash="x")
        async with database.user(user) as session:
            for number in range(4):
                await audit.append(session, user, AuditKind.SIGN_IN, actor=f"user:{user}", body={"n": number})
        await database.close()

    with postgres.running(here):
        migrate(postgres.address(here), master.text)
        asyncio.run(fill(postgres.address(here)))
    return here.state


@pytest.fixture
def change(state: Path) -> Iterator[Change]:
    """Does to the audit table what only the database's superuser can, and undoes it afterwards."""
    here = places(Settings(state_dir=state))
    kept = []

    def do(statement: str) -> None:
        with psycopg.connect(postgres.address(here)) as connection:
            connection.execute("ALTER TABLE audit DISABLE TRIGGER USER")
            connection.execute(statement.encode())
            connection.execute("ALTER TABLE audit ENABLE TRIGGER USER")

    with postgres.running(here), psycopg.connect(postgres.address(here)) as connection:
        columns = "user_id, seq, at, kind, actor, run_id, action_id, body, prev_hash, hash, once"
        kept = connection.execute(f"SELECT {columns} FROM audit".encode()).fetchall()

    def changed(statement: str) -> None:
        with postgres.running(here):
            do(statement)

    yield changed
    with postgres.running(here), psycopg.connect(postgres.address(here)) as connection:
        connection.execute("ALTER TABLE audit DISABLE TRIGGER USER")
        connection.execute("DELETE FROM audit")
        for row in kept:
            values = [Jsonb(value) if isinstance(value, dict) else value for value in row]
            marks = ", ".join(["%s"] * len(row))
            connection.execute(f"INSERT INTO audit ({columns}) VALUES ({marks})".encode(), values)
        connection.execute("ALTER TABLE audit ENABLE TRIGGER USER")


def _verify(state: Path, *options: str) -> tuple[int, str]:
    done = coco("audit", "verify", *options, COCO_STATE_DIR=str(state))
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def test_chains_that_hold(state: Path) -> None:
    code, told = _verify(state)
    assert code == 0
    assert f"{EMAIL}: 5 entries, the chain holds" in told
    assert "eve@example.com: 1 entries, the chain holds" in told


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE audit SET body = '{\"n\": 9}' WHERE seq = 3", "broken at entry 3: its content was changed"),
        ("UPDATE audit SET at = at - interval '1 microsecond' WHERE seq = 2", "broken at entry 2"),
        ("UPDATE audit SET kind = 'invented' WHERE seq = 4", "broken at entry 4"),
        ("DELETE FROM audit WHERE seq = 2", "broken at entry 2: entry 2 is missing"),
        ("DELETE FROM audit WHERE seq = 1", "broken at entry 1"),
    ],
)
def test_the_first_broken_entry_is_named(state: Path, change: Change, statement: str, broken: str) -> None:
    change(statement)
    code, told = _verify(state, "--user", EMAIL)
    assert code == 1
    assert f"{EMAIL}: {broken}" in told


def test_another_accounts_chain_is_none_of_it(state: Path, change: Change) -> None:
    change("UPDATE audit SET actor = 'user:somebody' WHERE seq = 3")
    assert _verify(state, "--user", "eve@example.com")[0] == 0


def test_nobody_of_that_address(state: Path) -> None:
    code, told = _verify(state, "--user", "nobody@example.com")
    assert code == 1
    assert "there is no account for nobody@example.com" in told


def test_operators_are_made_from_here(state: Path) -> None:
    assert coco("operator", "add", EMAIL, COCO_STATE_DIR=str(state)).returncode == 0
    assert coco("operator", "list", COCO_STATE_DIR=str(state)).stdout.split() == [EMAIL]
    refused = coco("operator", "add", "nobody@example.com", COCO_STATE_DIR=str(state))
    assert refused.returncode == 1
    assert "There is no account" in refused.stderr


def test_without_a_database_it_says_what_to_do(tmp_path: Path) -> None:
    code, told = _verify(tmp_path)
    assert code == 1
    assert "start `coco up` once" in told
