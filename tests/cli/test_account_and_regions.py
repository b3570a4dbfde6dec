"""`coco account`: for the person who runs the installation; and `coco migrate` with a region."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg

from store import accounts, erasing
from tests.cli.running import coco
from tests.conftest import Postgres


async def test_an_operator_deletes_an_account_and_sees_how_far_it_is(postgres: Postgres) -> None:
    sign_up = {"name": "", "password_hash": "x"}
    ada = await accounts.sign_up(postgres.api, postgres.master, email="ada@example.com", **sign_up)
    eve = await accounts.sign_up(postgres.api, postgres.master, email="eve@example.com", **sign_up)
    env = {"DATABASE_URL": postgres.owner, "COCO_MASTER_KEY": postgres.master.text}
    assert "No account" in coco("account", "deletions", **env).stdout
    other = coco("account", "delete", "ada@example.com", "--confirm", "eve@example.com", **env)
    assert (other.returncode, "nothing was deleted" in other.stderr) == (1, True)
    unknown = coco("account", "delete", "no@example.com", "--confirm", "no@example.com", **env)
    assert (unknown.returncode, "no account" in unknown.stderr) == (1, True)
    done = coco("account", "delete", "Ada@example.com", "--confirm", "ada@example.com", **env)
    assert done.returncode == 0, done.stderr
    listed = coco("account", "deletions", **env).stdout
    assert str(ada) in listed
    assert str(eve) not in listed
    assert "by the operator" in listed
    assert await accounts.credentials(postgres.api, "ada@example.com") is None
    assert await accounts.credentials(postgres.api, "eve@example.com") is not None
    # The control side notes it in the chain, once.
    for _ in range(2):
        async with postgres.control.user(ada) as session:
            await erasing.note_operator(session, ada)
    with postgres.connect() as owner:
        told = owner.execute("SELECT user_id, body FROM audit WHERE kind = 'account_deletion'").fetchall()
    assert told == [(ada, {"by": "operator"})]


async def test_migrate_makes_a_database_one_of_its_region_for_good(postgres: Postgres, tmp_path: Path) -> None:
    common = {"temporal_namespace": "coco", "title": "Somewhere"}
    regions = {
        "eu": common | {"url": "https://eu.coco.example", "database_url": postgres.owner, "temporal_address": "eu:1"},
        "us": common
        | {"url": "https://us.coco.example", "database_url": "postgresql://us/c", "temporal_address": "us:1"},
    }
    for name, entry in regions.items():
        entry["state_dir"] = str(tmp_path / name)
    file = tmp_path / "regions.json"
    file.write_text(json.dumps({"regions": regions}))
    env = {
        "COCO_REGIONS_FILE": str(file),
        "COCO_MASTER_KEY": postgres.master.text,
        "COCO_DIRECTORY_URL": postgres.owner,
        "COCO_DIRECTORY_KEY": "k",
    }
    # Temporal is not there: the database is done before.
    coco("migrate", COCO_REGION="eu", **env)
    with psycopg.connect(postgres.owner) as owner:
        assert owner.execute("SELECT region FROM region_stamp").fetchone() == ("eu",)
        assert owner.execute("SELECT count(*) FROM directory").fetchone() == (0,)
    regions["us"]["database_url"], regions["eu"]["database_url"] = postgres.owner, "postgresql://eu/c"
    file.write_text(json.dumps({"regions": regions}))
    wrong = coco("migrate", COCO_REGION="us", **env)
    assert wrong.returncode == 1
    assert "of region eu, and this process of us" in wrong.stderr
    assert "Traceback" not in wrong.stderr
