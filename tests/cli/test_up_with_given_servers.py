"""`coco up` on a Postgres and a Temporal that are already there: it starts neither, and prepares both."""

from __future__ import annotations

import json
from uuid import uuid4

import httpx
import psutil
import psycopg
import pytest

from coco.names import SEARCH_STATE, SEARCH_USER, SEARCH_WORKFLOW
from tests.cli.running import state_dir, still_running, until
from tests.conftest import Cluster
from tests.temporal_server import TemporalServer

pytestmark = pytest.mark.usefixtures("sandboxes")


def test_it_uses_and_prepares_them_and_leaves_them_running(cluster: Cluster, temporal: TemporalServer) -> None:
    namespace = f"given-{uuid4().hex[:8]}"
    assert temporal.cli("operator", "namespace", "create", "--namespace", namespace).returncode == 0
    owner = cluster.create()
    env = {"DATABASE_URL": owner, "TEMPORAL_ADDRESS": temporal.address, "TEMPORAL_NAMESPACE": namespace}

    with state_dir(**env) as up:
        # A namespace is usable some seconds after it was made.
        until(lambda: temporal.cli("workflow", "count", "--namespace", namespace).returncode == 0, "the namespace")
        up.start("--no-demo")
        assert set(up.children()) == {"gateway", "control", "api", "internal"}
        assert not (up.state / "postgres").exists()

        listed = temporal.cli("operator", "search-attribute", "list", "--namespace", namespace, "-o", "json").stdout
        for name in (SEARCH_USER, SEARCH_WORKFLOW, SEARCH_STATE):
            assert name in listed

        account = {"email": "ada@example.com", "password": "a long enough password", "name": "Ada"}
        answer = httpx.post(f"{up.url}/api/v1/auth/sign-up", json=account, trust_env=False, timeout=60)
        assert answer.status_code == 201, answer.text

        family = up.family()
        assert up.end() == 0
        assert still_running(family) == []

    assert psutil.pid_exists(temporal.process.pid)
    with psycopg.connect(owner) as connection:
        assert connection.execute("SELECT email FROM users").fetchall() == [("ada@example.com",)]


def test_one_that_does_not_answer_ends_the_start_with_one_line(cluster: Cluster) -> None:
    with state_dir(DATABASE_URL=cluster.create(), TEMPORAL_ADDRESS="127.0.0.1:1") as up:
        up.state.parent.mkdir(exist_ok=True)
        with pytest.raises(AssertionError, match="it ended with 1"):
            up.start("--no-demo")
        assert "coco: Temporal at 127.0.0.1:1 does not answer" in up.output
        assert "Traceback" not in up.output
        assert (
            json.loads((up.state / "children.json").read_text() if (up.state / "children.json").exists() else "[]")
            == []
        )
        up.process = None
