"""`coco doctor` says what is missing, how to get it, and by its exit code whether Coco can start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cli.running import coco
from tests.ports import free_port


def _checks(*, code: int, **env: str) -> dict[str, dict[str, Any]]:
    done = coco("doctor", "--json", **env)
    assert done.returncode == code, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["ok"] is (code == 0)
    return {check["name"]: check for check in told["checks"]}


def test_a_machine_that_has_it_all(tmp_path: Path, sandboxes: str) -> None:
    checks = _checks(code=0, COCO_STATE_DIR=str(tmp_path / "state"))
    assert checks["Sandboxes"]["found"] == sandboxes
    assert "PostgreSQL" in checks["Postgres (embedded)"]["found"]
    assert "temporal version" in checks["Temporal (embedded)"]["found"]
    assert not (tmp_path / "state").exists(), "it changes nothing"


def test_what_does_not_answer_is_missing(tmp_path: Path) -> None:
    port = free_port()
    checks = _checks(
        code=1,
        COCO_STATE_DIR=str(tmp_path / "state"),
        DATABASE_URL=f"postgresql://coco:hidden-word@127.0.0.1:{port}/coco",
        TEMPORAL_ADDRESS=f"127.0.0.1:{port}",
    )
    for name in ("Postgres (DATABASE_URL)", "Temporal (TEMPORAL_ADDRESS)"):
        assert checks[name]["state"] == "missing"
        assert checks[name]["fix"]
    assert "hidden-word" not in json.dumps(checks)


def test_a_sandbox_kind_that_is_not_there_says_what_to_install(tmp_path: Path) -> None:
    env = {"COCO_SANDBOX": "docker", "DOCKER_HOST": f"tcp://127.0.0.1:{free_port()}"}
    check = _checks(code=1, COCO_STATE_DIR=str(tmp_path / "state"), **env)["Sandboxes"]
    assert check["state"] == "missing"
    assert "apt-get install docker.io" in check["fix"]


def test_a_database_role_that_may_not_make_roles(tmp_path: Path, postgres: Any) -> None:
    with postgres.connect() as owner:
        owner.execute("DROP ROLE IF EXISTS doctor_weak")
        owner.execute("CREATE ROLE doctor_weak LOGIN")
    weak = postgres.owner.replace("//postgres:", "//doctor_weak:")
    check = _checks(code=1, COCO_STATE_DIR=str(tmp_path / "state"), DATABASE_URL=weak)["Postgres (DATABASE_URL)"]
    assert "may not make roles" in check["found"]
    assert "CREATEROLE" in check["fix"]


def test_the_table_is_for_people(tmp_path: Path, sandboxes: str) -> None:
    done = coco("doctor", COCO_STATE_DIR=str(tmp_path / "state"))
    assert done.returncode == 0
    assert "Coco can start: coco up" in done.stdout


def test_a_setting_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    done = coco("doctor", COCO_PUBLIC_PORT="eighty", COCO_STATE_DIR=str(tmp_path / "state"))
    assert done.returncode == 1
    assert done.stderr.startswith("coco: a setting cannot be used: COCO_PUBLIC_PORT: ")
    assert "Traceback" not in done.stderr
