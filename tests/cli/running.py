"""`coco up` as a process of its own, as a person starts it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from cli.places import deployment_of
from coco.settings import Settings

COCO = Path(sys.executable).parent / "coco"
PATIENCE = 180.0
"""Seconds; a bound for a hung test, not an expectation."""
_OWN = re.compile(r"^(COCO_|DATABASE_URL|TEMPORAL_|PG)")


def clean_env(**more: str) -> dict[str, str]:
    """The environment without settings of Coco's, plus those given."""
    kept = {"COCO_SANDBOX_BASE_IMAGE", "COCO_REQUIRE_SANDBOXES", "COCO_SPECS_DIR"}
    return {name: value for name, value in os.environ.items() if name in kept or not _OWN.match(name)} | more


def coco(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """One command, to its end."""
    return subprocess.run(
        [str(COCO), *arguments], env=clean_env(**env), capture_output=True, text=True, timeout=PATIENCE, cwd="/"
    )


def until(condition: Callable[[], Any], what: str) -> Any:
    """What `condition` gives once it gives something true."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, f"it never came about: {what}"
        time.sleep(0.1)
    return found


@dataclass
class Up:
    """A state directory, and the `coco up` that runs on it (or not)."""

    state: Path
    env: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    _client: httpx.Client | None = None

    @property
    def output(self) -> str:
        return (self.state.parent / "output").read_text()

    def start(self, *options: str, ready: str = "Coco is up") -> Up:
        """Starts it and waits for the table."""
        self._client = None
        with (self.state.parent / "output").open("wb") as out:
            self.process = subprocess.Popen(
                [str(COCO), "up", "--state-dir", str(self.state), *options],
                env=clean_env(**self.env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd="/",
                start_new_session=True,
            )
        self.until_printed(ready)
        return self

    def until_printed(self, text: str) -> None:
        def there() -> bool:
            assert self.process is not None
            if text in self.output:
                return True
            assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.output}"
            return False

        until(there, text)

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Sends a signal and waits; the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self.process = None
        return code

    def children(self) -> dict[str, psutil.Process]:
        """What it started and runs, by name."""
        found = {}
        for item in json.loads((self.state / "children.json").read_text()):
            with contextlib.suppress(psutil.NoSuchProcess):
                found[item["name"]] = psutil.Process(item["pid"])
        return found

    def family(self) -> list[psutil.Process]:
        """The children with all their descendants."""
        found = list(self.children().values())
        return [*found, *(one for child in found for one in child.children(recursive=True))]

    def port(self, name: str) -> int:
        return int(json.loads((self.state / "ports.json").read_text())[name])

    @property
    def deployment(self) -> str:
        """What its sandboxes are labelled with."""
        return deployment_of(Settings(state_dir=self.state))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port('public')}"

    def rest(self) -> httpx.Client:
        """The REST API as the demo's user, once that has its account."""
        if self._client is None:
            until((self.state / "demo" / "set-up.json").exists, "the demo's account")
            client = httpx.Client(base_url=f"{self.url}/api/v1", trust_env=False, timeout=60)
            secret = (self.state / "keys" / "demo-password").read_text()
            answer = client.post("/auth/login", json={"email": "demo@example.com", "password": secret})
            assert answer.status_code == 200, answer.text
            client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
            self._client = client
        return self._client

    def waiting_runs(self) -> dict[str, dict[str, Any]]:
        """The demo's runs once both cards wait for an approval: the card by the run's goal."""

        def cards() -> dict[str, dict[str, Any]]:
            runs = self.rest().get("/runs").json()["items"]
            if len(runs) < 2 or any(run["state"] != "waiting" for run in runs):
                return {}
            return {run["goal"]: self.rest().get(f"/runs/{run['id']}").json() for run in runs}

        return until(cards, "two cards that wait")


@contextmanager
def state_dir(**env: str) -> Iterator[Up]:
    """A fresh state directory; whatever runs on it is stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="coco-t-"))
    up = Up(folder / "state", env)
    try:
        yield up
    finally:
        if up.process is not None and up.process.poll() is None:
            up.end(signal.SIGTERM)
        if (folder / "output").exists():
            print(up.output)  # shown where the test failed
        shutil.rmtree(folder, ignore_errors=True)


def still_running(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run after a while (a psutil.Process knows its start time, so a pid that was given away is not
    mistaken). One that has ended and that nobody has collected yet does not run."""
    end = time.monotonic() + 15
    while alive := [process for process in processes if _runs(process)]:
        if time.monotonic() > end:
            return alive
        time.sleep(0.05)
    return []


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
