"""`coco up` with everything: comes up, keeps what runs running, stops what it started, resumes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest

from tests.cli.running import PATIENCE, Up, coco, state_dir, still_running, until

pytestmark = pytest.mark.usefixtures("sandboxes")

PARTS = {"postgres", "temporal", "demo", "gateway", "control", "api", "internal"}


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    """One that has both of the demo's cards waiting."""
    with state_dir() as up:
        up.start()
        up.waiting_runs()
        yield up


def test_it_says_what_listens_where(up: Up) -> None:
    table = up.output[up.output.index("Coco is up") :]
    assert f"Inbox: http://127.0.0.1:{up.port('public')}" in table
    for what in ("Temporal UI", "Internal app", "Codec server", "Demo workspace", "Postgres"):
        assert f"{what}: " in table
    assert httpx.get(f"{up.url}/login", trust_env=False).status_code == 200
    assert httpx.get(f"http://127.0.0.1:{up.port('internal')}/health", trust_env=False).status_code == 200
    assert httpx.get(f"http://127.0.0.1:{up.port('temporal-ui')}/", trust_env=False).status_code == 200


def test_every_part_runs_and_has_a_log(up: Up) -> None:
    assert set(up.children()) == PARTS
    assert {path.stem for path in (up.state / "logs").glob("*.log")} == PARTS


def test_the_first_cards_wait_in_the_inbox(up: Up) -> None:
    assert all(pending(up).values())


def test_no_secret_is_in_any_command_line_or_shown(up: Up) -> None:
    keys = [path.read_text().strip() for path in (up.state / "keys").iterdir()]
    assert len(keys) >= 5
    for process in up.family():
        shown = " ".join(process.cmdline())
        assert not any(key in shown for key in keys), process.name()
    logs = "".join(path.read_text() for path in (up.state / "logs").iterdir())
    assert not any(key in up.output + logs for key in keys)


def test_no_process_but_the_worker_knows_of_more_than_it_needs(up: Up) -> None:
    owner = (up.state / "keys" / "postgres-owner").read_text()
    for name, process in up.children().items():
        if name == "postgres" and process.username() != psutil.Process().username():
            continue
        assert owner not in " ".join(process.environ().values()), name
    for name in ("demo", "temporal"):
        assert not any(key.startswith(("COCO_", "DATABASE_URL")) for key in up.children()[name].environ())


def test_keys_and_data_are_closed_to_others(up: Up) -> None:
    for name in ("keys", "logs", "temporal", "demo", "postgres/data", "postgres/socket"):
        assert (up.state / name).stat().st_mode & 0o077 == 0, name
    assert up.state.stat().st_mode & 0o066 == 0


def test_a_second_one_on_the_same_directory_is_refused(up: Up) -> None:
    second = coco("up", "--state-dir", str(up.state))
    assert second.returncode == 1
    assert "is in use by `coco up (pid" in second.stderr
    assert "Traceback" not in second.stderr
    assert httpx.get(f"{up.url}/login", trust_env=False).status_code == 200


def test_audit_is_verified_while_it_runs(up: Up) -> None:
    done = coco("audit", "verify", "--user", "demo@example.com", COCO_STATE_DIR=str(up.state))
    assert done.returncode == 0, done.stderr
    assert "the chain holds" in done.stdout


def test_a_part_that_dies_is_started_again(up: Up) -> None:
    before = up.children()["api"].pid
    os.kill(before, signal.SIGKILL)
    up.until_printed("api is up again")
    assert up.children()["api"].pid != before
    assert up.waiting_runs()


def test_ctrl_c_stops_all_it_started_and_only_that_and_the_next_start_resumes(up: Up) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        before = pending(up)
        family = up.family()
        assert len(family) > len(PARTS)
        assert up.end(signal.SIGINT) == 0
        assert still_running(family) == []
        assert "stopped 1 sandbox" in up.output
        assert bystander.poll() is None

        up.start()
        assert pending(up) == before
        _approve_one_and_see_it_done(up)
    finally:
        bystander.kill()
        bystander.wait()


def test_after_a_kill_nothing_stays_and_the_next_start_resumes(up: Up) -> None:
    before = pending(up)
    family = list(up.children().values())
    up.end(signal.SIGKILL)
    # At once: what the kill left may still be ending.
    up.start()
    assert still_running(family) == []
    assert pending(up) == before
    _approve_one_and_see_it_done(up)


def pending(up: Up) -> dict[str, list[str]]:
    """The ids of the actions that wait, by the goal of their run."""
    cards = up.waiting_runs()
    return {goal: [a["id"] for a in card["actions"] if a["state"] == "pending"] for goal, card in cards.items()}


def _approve_one_and_see_it_done(up: Up) -> None:
    """The run that waited over the restart goes on from where it was."""
    before = len(_writes(up))
    card = up.waiting_runs()["Complete design partner candidates"]
    action = next(item for item in card["actions"] if item["state"] == "pending")
    answer = up.rest().post(f"/actions/{action['id']}/approve", json={"digest": action["digest"]})
    assert answer.status_code == 200, answer.text

    def state() -> str:
        shown = up.rest().get(f"/runs/{card['run']['id']}").json()
        return next(item["state"] for item in shown["actions"] if item["id"] == action["id"])

    until(lambda: state() == "done", "the approved action, done")
    assert len(_writes(up)) == before + 1


def _writes(up: Up) -> list[Any]:
    """What the demo workspace was asked to change."""
    url = f"http://127.0.0.1:{up.port('demo')}/_demo/requests"
    seen = httpx.get(url, trust_env=False, timeout=PATIENCE).json()
    return [request for request in seen if request["method"] == "PATCH"]
