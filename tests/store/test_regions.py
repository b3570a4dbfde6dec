"""A database is of one region, a process of one, and the directory knows no address."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from coco.errors import CocoError, Code, Conflict, InvalidInput, Refused
from coco.regions import address_mark, check_host, load
from coco.settings import Settings
from store import accounts, connections, region
from store.directory import Directory
from store.tables import User
from tests.conftest import Cluster, Postgres

ENTRY: dict[str, Any] = {
    "title": "Somewhere",
    "url": "https://us.coco.example",
    "database_url": "postgresql://coco@us.internal/coco",
    "temporal_address": "us.internal:7233",
    "temporal_namespace": "coco",
    "state_dir": "/var/lib/coco",
    "hosts": ["us-1"],
}
EU: dict[str, Any] = ENTRY | {
    "url": "https://eu.coco.example",
    "database_url": "postgresql://coco@eu.internal/coco",
    "temporal_address": "eu.internal:7233",
    "hosts": ["eu-1"],
    "residency": True,
}


def a_file(folder: Path, **regions: dict[str, Any]) -> Path:
    path = folder / "regions.json"
    path.write_text(json.dumps({"regions": regions}))
    return path


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in list(os.environ):
        if name.startswith(("COCO_", "TEMPORAL_", "DATABASE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COCO_DIRECTORY_URL", "postgresql://directory.internal/d")
    monkeypatch.setenv("COCO_DIRECTORY_KEY", "k")
    return monkeypatch


@pytest.mark.parametrize(("name", "entry"), [("us", ENTRY), ("eu", EU)])
def test_a_process_takes_from_its_region_where_data_goes(
    tmp_path: Path, nothing_set: pytest.MonkeyPatch, name: str, entry: dict[str, Any]
) -> None:
    nothing_set.setenv("COCO_REGIONS_FILE", str(a_file(tmp_path, us=ENTRY, eu=EU)))
    nothing_set.setenv("COCO_REGION", name)
    settings = Settings()
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == entry["database_url"]
    assert settings.temporal_address == entry["temporal_address"]
    assert settings.temporal_namespace == entry["temporal_namespace"]
    assert settings.public_url == entry["url"]
    assert settings.own_region == settings.all_regions[name]


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, "exactly one region"),
        ({"COCO_REGION": "jp"}, "one of eu, us"),
        ({"COCO_REGION": "eu", "DATABASE_URL": ENTRY["database_url"]}, "database_url"),
        ({"COCO_REGION": "eu", "TEMPORAL_ADDRESS": ENTRY["temporal_address"]}, "temporal_address"),
        ({"COCO_REGION": "eu", "TEMPORAL_NAMESPACE": "another"}, "temporal_namespace"),
        ({"COCO_REGION": "eu", "COCO_STATE_DIR": "/elsewhere"}, "state_dir"),
        ({"COCO_REGION": "eu", "COCO_REGIONS_FILE": ""}, "COCO_REGIONS_FILE"),
    ],
)
def test_what_says_otherwise_is_refused(
    tmp_path: Path, nothing_set: pytest.MonkeyPatch, variables: dict[str, str], told: str
) -> None:
    nothing_set.setenv("COCO_REGIONS_FILE", str(a_file(tmp_path, us=ENTRY, eu=EU)))
    for name, value in variables.items():
        nothing_set.setenv(name, value)
    with pytest.raises(InvalidInput, match=told):
        Settings()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"database_url": ENTRY["database_url"]}, "same database_url"),
        ({"temporal_address": ENTRY["temporal_address"]}, "same Temporal namespace"),
        ({"hosts": ["us-1"]}, "same host"),
        ({"hosts": []}, "same state_dir"),
        ({"url": "https://eu.coco.example/path"}, "without a path"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_no_two_regions_share_a_store(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        load(a_file(tmp_path, us=ENTRY, eu=EU | change))


def test_a_host_of_another_region_is_refused(tmp_path: Path) -> None:
    found = load(a_file(tmp_path, us=ENTRY, eu=EU))
    check_host(found["eu"], "eu-1")
    with pytest.raises(Refused, match="none of the region's") as refused:
        check_host(found["eu"], "us-1")
    assert refused.value.code is Code.WRONG_REGION


async def test_a_database_stays_in_its_region_and_every_process_looks(postgres: Postgres) -> None:
    await region.check(postgres.api, None)
    with pytest.raises(Refused, match="coco migrate"):
        await region.check(postgres.api, "eu")
    region.stamp(postgres.owner, "eu", residency=True)
    region.stamp(postgres.owner, "eu", residency=False)
    for database in (postgres.api, postgres.control, postgres.gateway):
        await region.check(database, "eu")
        for wrong in ("us", None):
            with pytest.raises(Refused, match="of region eu"):
                await region.check(database, wrong)
    with pytest.raises(Refused, match="of region eu"):
        region.stamp(postgres.owner, "us", residency=False)
    with postgres.connect() as owner, pytest.raises(psycopg.errors.CheckViolation, match="stays in its region"):
        owner.execute("DELETE FROM region_stamp")
    for database in (postgres.api, postgres.control, postgres.gateway):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with database.system() as session:
                await session.execute(text("UPDATE region_stamp SET residency = false"))


async def test_a_database_takes_no_tenant_of_another_region(postgres: Postgres) -> None:
    region.stamp(postgres.owner, "eu", residency=False)
    user_id = await accounts.sign_up(postgres.api, postgres.master, email="a@example.com", name="", password_hash="x")
    with postgres.connect() as owner:
        assert owner.execute("SELECT region FROM users WHERE id = %s", (user_id,)).fetchone() == ("eu",)
        with pytest.raises(psycopg.errors.CheckViolation, match="tenants of region eu"):
            owner.execute("UPDATE users SET region = 'us'")
    other = uuid4()
    with pytest.raises(DBAPIError, match="tenants of region eu"):
        async with postgres.api.user(other) as session:
            session.add(User(id=other, email="b@example.com", password_hash="x", region="us"))


@pytest.mark.parametrize("residency", [True, False])
async def test_residency_comes_with_the_tier(postgres: Postgres, residency: bool) -> None:
    region.stamp(postgres.owner, "eu", residency=residency)
    user_id = await accounts.sign_up(postgres.api, postgres.master, email="a@example.com", name="", password_hash="x")

    async def connect() -> None:
        async with postgres.api.user(user_id) as session:
            await connections.add(
                session, user_id, connector="hubspot", title="CRM", base_url="http://127.0.0.1:1", settings={},
                scopes=[], method="key",
            )  # fmt: skip

    if residency:
        with pytest.raises(Refused, match="EU residency comes with the Team tier"):
            await connect()
        with postgres.connect() as owner:
            owner.execute("UPDATE users SET tier = 'team' WHERE id = %s", (user_id,))
    await connect()


@pytest.fixture
def directory(cluster: Cluster) -> Directory:
    made = Directory(cluster.create(), "the regions' key")
    made.make()
    made.make()
    return made


async def test_the_directory_tells_the_region_and_knows_no_address(directory: Directory) -> None:
    await directory.claim("Ada@Example.com ", "eu")
    await directory.claim("ada@example.com", "eu")
    assert await directory.find("ada@example.com") == "eu"
    assert await directory.find("eve@example.com") is None
    with pytest.raises(Conflict, match="has one already"):
        await directory.claim("ada@example.com", "us")
    with psycopg.connect(directory._dsn) as connection:
        rows = connection.execute("SELECT * FROM directory").fetchall()
    assert rows == [(address_mark("the regions' key", "ada@example.com"), "eu")]
    assert "ada" not in rows[0][0]
    assert address_mark("another key", "ada@example.com") != rows[0][0]


async def test_only_its_own_region_lets_an_address_go(directory: Directory) -> None:
    await directory.claim("ada@example.com", "eu")
    await directory.release("ada@example.com", "us")
    assert await directory.find("ada@example.com") == "eu"
    await directory.release("ada@example.com", "eu")
    await directory.release("ada@example.com", "eu")
    assert await directory.find("ada@example.com") is None


async def test_a_directory_that_does_not_answer_is_said_so() -> None:
    with pytest.raises(CocoError, match="does not answer") as failed:
        await Directory("postgresql://127.0.0.1:1/none", "k").claim("ada@example.com", "eu")
    assert failed.value.code is Code.UNAVAILABLE
