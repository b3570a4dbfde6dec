"""The whole of Coco as separate processes, each of which a test may kill: gateway, control worker, public app, demo
workspace, with a real sandbox per user. Postgres and Temporal are the session's.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from coco import deployment
from coco.settings import Settings
from tests.connecting import every_scope
from tests.demo_fixture import ROOT, Demo, start_demo
from tests.ports import free_port
from tests.temporal_server import TemporalServer
from workflows.run import RunInput

TUNING = RunInput(pickup_seconds=10, plan_seconds=60, perform_seconds=30, heartbeat_seconds=4)


def wait_for(what: str, check: Callable[[], Any], seconds: float = 60) -> Any:
    """The first truthy answer of `check`."""
    until = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > until:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.1)


@dataclass
class Person:
    """A signed-up user with both demo connections, speaking REST."""

    stack: Stack
    email: str
    password: str
    http: httpx.Client
    user_id: str = ""
    hubspot: str = ""
    smtp: str = ""

    def call(self, method: str, path: str, body: Any = None, *, expect: int | None = None) -> Any:
        response = self.http.request(method, f"/api/v1{path}", json=body)
        if expect is not None:
            assert response.status_code == expect, response.text
            return response.json()
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def connect(self) -> None:
        demo = self.stack.demo
        self.hubspot = self._connected(
            {
                "connector": "hubspot",
                "title": "CRM",
                "base_url": demo.http,
                "credential": {"secret": demo.api_key},
                "scopes": every_scope("hubspot"),
            },
        )
        self.smtp = self._connected(
            {
                "connector": "smtp",
                "title": "Mail",
                "base_url": f"smtp://{demo.smtp_host}:{demo.smtp_port}",
                "settings": {"from_address": "demo@coco.example"},
                "credential": {"secret": demo.smtp_password, "username": demo.smtp_user},
                "scopes": every_scope("smtp"),
            },
        )
        for connection in (self.hubspot, self.smtp):
            self.until_connected(connection)

    def _connected(self, body: dict[str, Any]) -> str:
        """A new connection's id; asked for again while the first sandbox still starts."""

        def tried() -> str | None:
            response = self.http.post("/api/v1/connections", json=body)
            if response.status_code == 503:
                return None
            assert response.status_code == 201, response.text
            return str(response.json()["id"])

        return str(wait_for("a sandbox to seal the key to", tried, 180))

    def until_connected(self, connection_id: str) -> Any:
        """Its key was tried out, and accepted."""
        path = f"/connections/{connection_id}"
        wait_for("a checked connection", lambda: self.call("GET", path)["state"] != "checking", 90)
        told = self.call("GET", path)
        assert told["state"] in {"active", "read_only"}, told
        return told

    def workflow(self, playbook: str, **params: Any) -> str:
        made = self.call(
            "POST",
            "/workflows",
            {"playbook": playbook, "title": playbook, "params": params, "connections": [self.hubspot, self.smtp]},
        )
        return str(made["id"])

    def start(self, workflow_id: str) -> str:
        return str(self.call("POST", "/runs", {"workflow_id": workflow_id})["id"])

    def run(self, run_id: str) -> Any:
        return self.call("GET", f"/runs/{run_id}")

    def state(self, run_id: str) -> str:
        card = self.run(run_id)
        return str(card["run"]["state"] if "run" in card else card["state"])

    def until(self, run_id: str, *states: str, seconds: float = 90) -> Any:
        wait_for(f"run in {states}", lambda: self.state(run_id) in states, seconds)
        return self.run(run_id)

    def action(self, action_id: str) -> Any:
        return self.call("GET", f"/actions/{action_id}")

    def until_action(self, action_id: str, *states: str, seconds: float = 90) -> Any:
        wait_for(f"action in {states}", lambda: self.action(action_id)["state"] in states, seconds)
        return self.action(action_id)

    def approve(self, action: Any) -> Any:
        return self.call("POST", f"/actions/{action['id']}/approve", {"digest": action["digest"]})

    def reject(self, action: Any, reason: str = "not this one") -> Any:
        return self.call("POST", f"/actions/{action['id']}/reject", {"digest": action["digest"], "reason": reason})


@dataclass
class Stack:
    """Started processes by name. Ends with the `with` block of `a_stack`."""

    folder: Path
    settings: Settings
    environment: dict[str, str]
    demo: Demo
    public_url: str
    sandbox_kind: str
    temporal: TemporalServer
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    COMMANDS = {
        "gateway": ("-m", "sandbox.gateway"),
        "control": ("-m", "workers.control"),
        "public": ("-m", "api.public"),
    }

    def start(self, name: str, *command: str, **environment: str) -> None:
        """Starts one part (again)."""
        log = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            [sys.executable, *(command or self.COMMANDS[name])],
            cwd=ROOT,
            env=self.environment | environment,
            stdout=log,
            stderr=log,
        )
        log.close()

    def kill(self, name: str) -> None:
        """SIGKILL, and gone."""
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait()

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def ready(self) -> None:
        """Waits until every part answers."""
        wait_for("gateway", lambda: self._alive("gateway") and (self.settings.run_dir / "admin.sock").exists())
        wait_for("control worker", lambda: self._alive("control") and "is ready" in self.log("control"), 180)
        wait_for("public app", lambda: self._alive("public") and _answers(self.public_url))

    def _alive(self, name: str) -> bool:
        if self.processes[name].poll() is not None:
            raise AssertionError(f"{name} ended: {self.log(name)[-3000:]}")
        return True

    def sign_up(self, *, connect: bool = True) -> Person:
        email, password = f"{uuid4().hex[:10]}@example.com", f"pass-{uuid4()}"
        http = httpx.Client(base_url=self.public_url, timeout=60, trust_env=False)
        person = Person(self, email, password, http)
        tokens = person.call("POST", "/auth/sign-up", {"email": email, "password": password, "name": "Test"})
        http.headers["authorization"] = f"Bearer {tokens['access_token']}"
        person.user_id = tokens["user_id"]
        if connect:
            person.connect()
        return person

    def stop(self) -> None:
        for process in reversed(self.processes.values()):
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.demo.stop()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/login", timeout=2, trust_env=False).status_code < 500
    except httpx.HTTPError:
        return False


@contextmanager
def a_stack(folder: Path, owner_dsn: str, master: str, *, sandbox: str, **settings: Any) -> Iterator[Stack]:
    """The whole thing, ready for work, with a Temporal of its own. `folder` needs a short path: sockets live there."""
    (folder / "temporal").mkdir(parents=True)
    with TemporalServer.start(folder / "temporal", ui=True) as temporal:
        yield from on(temporal, folder, owner_dsn, master, sandbox, settings)


def on(
    temporal: TemporalServer, folder: Path, owner_dsn: str, master: str, sandbox: str, settings: dict[str, Any]
) -> Iterator[Stack]:
    """As `a_stack`, with a Temporal that is there."""
    port = settings.get("public_port") or free_port()
    public_url = f"http://127.0.0.1:{port}"
    variables = {
        "DATABASE_URL": owner_dsn,
        "COCO_MASTER_KEY": master,
        "COCO_STATE_DIR": str(folder),
        "TEMPORAL_ADDRESS": temporal.address,
        "COCO_TEMPORAL_UI_URL": temporal.ui_url,
        "COCO_PUBLIC_PORT": str(port),
        "COCO_PUBLIC_URL": public_url,
        "COCO_SANDBOX": sandbox,
        "COCO_DEPLOYMENT": f"t-{uuid4().hex[:8]}",
        "COCO_RUN_TUNING": TUNING.model_dump_json(),
        "COCO_REQUEST_TIMEOUT_SECONDS": "10",
    } | {f"COCO_{key.upper()}": str(value) for key, value in settings.items()}
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("COCO_", "TEMPORAL_"))}
    environment |= variables
    before = {key: os.environ.get(key) for key in variables}
    os.environ.update(variables)
    try:
        configured = Settings()
    finally:
        for key, value in before.items():
            os.environ.pop(key) if value is None else os.environ.__setitem__(key, value)
    deployment.make_missing(configured)
    demo = start_demo(folder)
    stack = Stack(folder, configured, environment, demo, public_url, sandbox, temporal)
    try:
        for name in Stack.COMMANDS:
            stack.start(name)
        stack.ready()
        yield stack
    finally:
        stack.stop()
        _remove_sandboxes(configured)
        shutil.rmtree(folder, ignore_errors=True)


def _remove_sandboxes(settings: Settings) -> None:
    import asyncio

    from sandbox.container import detect

    async def remove() -> None:
        kind = await detect(
            settings.sandbox, deployment=settings.deployment, state_dir=settings.state_dir / "sandboxes"
        )
        await asyncio.gather(*(kind.stop(running.user_id, kill=True) for running in await kind.list()))

    asyncio.run(remove())
