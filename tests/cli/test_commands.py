"""The small commands, and the shape of their errors."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from cli.places import deployment_of, places
from cli.up.specs import without_password
from coco.grants import public_key
from coco.keys import MasterKey
from coco.settings import Settings
from store.roles import Role, role_dsn
from tests.cli.running import coco
from tests.conftest import Postgres
from tests.ports import free_port


def test_version() -> None:
    done = coco("version")
    assert done.returncode == 0
    assert done.stdout.strip()[0].isdigit()


def test_a_new_master_key_is_one() -> None:
    text = coco("keys", "new").stdout.strip()
    assert MasterKey(text).unwrap(MasterKey(text).wrap(b"x")) == b"x"


def test_a_deployments_secrets_are_private_and_never_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    assert coco("keys", "new", "--directory", str(folder)).returncode == 0
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert public_key((folder / "grant.pem").read_text()) == (folder / "grant.pub").read_text()
    before = (folder / "master.key").read_text()
    again = coco("keys", "new", "--directory", str(folder))
    assert again.returncode == 1
    assert "never replaced" in again.stderr
    assert (folder / "master.key").read_text() == before


def test_migrate_with_the_password_in_a_file(tmp_path: Path, postgres: Postgres) -> None:
    (tmp_path / "password").write_text("not asked for by this server\n")
    env = {"DATABASE_URL": postgres.owner, "COCO_MASTER_KEY": postgres.master.text}
    done = coco("migrate", "--password-file", str(tmp_path / "password"), **env)
    assert done.returncode == 0, done.stderr
    assert "is up to date" in done.stdout
    assert "not asked for" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "env", "message"),
    [
        (["migrate"], {"DATABASE_URL": "mysql://x", "COCO_MASTER_KEY": "KEY"}, "must look like postgresql://"),
        (["migrate"], {"DATABASE_URL": "postgresql://x/y", "COCO_MASTER_KEY": "no key"}, "COCO_MASTER_KEY must be"),
        (["up"], {"COCO_PUBLIC_HOST": "192.0.2.1"}, "192.0.2.1 is no address of this machine"),
        (["up"], {"COCO_STATE_DIR": "/proc/nowhere"}, "name another"),
    ],
)
def test_mistakes_are_one_line_that_says_what_to_do(
    tmp_path: Path, arguments: list[str], env: dict[str, str], message: str
) -> None:
    if env.get("COCO_MASTER_KEY") == "KEY":
        env = {**env, "COCO_MASTER_KEY": MasterKey.generate()}
    done = coco(*arguments, **{"COCO_STATE_DIR": str(tmp_path / "state"), **env})
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.startswith("coco: ")
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_start_that_fails_leaves_nothing_outside_its_state_directory(tmp_path: Path) -> None:
    state = tmp_path / ("d" * 100)
    here = places(Settings(state_dir=state))
    assert not here.run.is_relative_to(state)
    assert coco("up", COCO_STATE_DIR=str(state), COCO_PUBLIC_HOST="192.0.2.1").returncode == 1
    assert not here.short.exists()


def test_two_checkouts_never_share_sandboxes(tmp_path: Path) -> None:
    one, two = (deployment_of(Settings(state_dir=tmp_path / name)) for name in ("one", "two"))
    assert one != two
    assert deployment_of(Settings(state_dir=tmp_path, deployment="acme")) == "acme"


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://coco:secret@db.example:5432/coco?sslmode=require",
        "postgresql://coco:secret@/coco?host=%2Ftmp%2Fa%20b",
        "postgresql://coco@/coco?host=%2Ftmp%2Fx&password=secret",
    ],
)
def test_processes_get_the_database_without_the_owners_password(address: str) -> None:
    before, after = conninfo_to_dict(address), conninfo_to_dict(without_password(address))
    assert before.pop("password") == "secret"
    assert after == before


def test_a_folder_with_a_space_is_found_by_every_role() -> None:
    owner = "postgresql://coco:secret@/coco?host=%2Ftmp%2Fmy%20projects"
    for role in Role:
        assert conninfo_to_dict(role_dsn(owner, role, "key"))["host"] == "/tmp/my projects"


def test_up_without_a_way_to_make_sandboxes_starts_nothing(tmp_path: Path) -> None:
    env = {"COCO_SANDBOX": "docker", "DOCKER_HOST": f"tcp://127.0.0.1:{free_port()}"}
    done = coco("up", COCO_STATE_DIR=str(tmp_path / "state"), **env)
    assert done.returncode == 1
    assert "no way to make sandboxes on this host" in done.stderr
    assert "Debian: apt-get install docker.io" in done.stderr
    assert not (tmp_path / "state" / "postgres").exists()
