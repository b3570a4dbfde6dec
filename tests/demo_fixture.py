"""Starts the demo workspace as a process of its own, for any test that needs a provider to talk to.

with start_demo(tmp_path) as demo:
    demo.control(do="drop", method="PATCH")
    ...
    assert [r["path"] for r in demo.requests()] == [...]
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

# Plain HTTP only; without this each call would load the certificate store first.
_NO_TLS: dict[str, Any] = {"verify": False, "timeout": 30}

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Demo:
    """A running workspace. Ends with `stop()` or at the end of a `with` block; its state directory stays."""

    state: Path
    http: str = ""
    """Base URL of the CRM, such as http://127.0.0.1:40001."""
    smtp_host: str = ""
    smtp_port: int = 0
    api_key: str = field(default="", repr=False)
    smtp_user: str = ""
    smtp_password: str = field(default="", repr=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self, *, port: int = 0, smtp_port: int = 0, seconds: float = 30) -> Demo:
        """Starts the process and waits until it accepts connections."""
        announce = self.state / "announce.json"
        announce.unlink(missing_ok=True)
        command = [sys.executable, "-m", "demo", "--port", str(port), "--smtp-port", str(smtp_port)]
        command += ["--state", str(self.state), "--announce", str(announce)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + seconds
        while not announce.exists():
            if self._process.poll() is not None:
                raise RuntimeError(f"the demo workspace ended at its start with {self._process.returncode}")
            if time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the demo workspace did not start within {seconds} s")
            time.sleep(0.02)
        told = json.loads(announce.read_text())
        self.http, self.api_key = told["http"], told["api_key"]
        self.smtp_host, self.smtp_port = told["smtp"]["host"], told["smtp"]["port"]
        self.smtp_user, self.smtp_password = told["smtp_user"], told["smtp_password"]
        return self

    def stop(self) -> None:
        """Ends the process in an orderly way."""
        self._end("terminate")

    def kill(self) -> None:
        """SIGKILL."""
        self._end("kill")

    def restart(self) -> None:
        """Stops it and starts it again on the same ports."""
        port = httpx.URL(self.http).port or 0
        self.stop()
        self.start(port=port, smtp_port=self.smtp_port)

    def _end(self, how: str) -> None:
        if self._process is not None:
            getattr(self._process, how)()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(20)
            self._process = None

    def __enter__(self) -> Demo:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- what it saw, and what it shall do --------------------------------------------------------------------------

    def requests(self, *, reads: bool = False) -> list[dict[str, Any]]:
        """Every write seen (with `reads`, the reads too), oldest first, noted before it was applied.

        Each: id, at, method (SEND for a message), path, query, body, write, status (None: never answered).
        """
        return _ok(httpx.get(f"{self.http}/_demo/requests", params={"reads": str(reads).lower()}, **_NO_TLS))

    def outbox(self) -> list[dict[str, Any]]:
        """Every message accepted: at, mail_from, rcpt_to, data, from, to, subject, message_id, text."""
        return _ok(httpx.get(f"{self.http}/_demo/outbox", **_NO_TLS))

    def control(self, **command: Any) -> None:
        """A fault or a change behind everybody's back; see docs/demo.md.

        control(do="delay", seconds=2, when="before"), control(do="drop", method="PATCH"),
        control(do="status", status=429, times=1), control(do="change", type="contacts", id="1001", properties={...}),
        control(do="archive", type="deals", id="3001"), control(do="clear").
        """
        _ok(httpx.post(f"{self.http}/_demo/control", json=command, **_NO_TLS))

    def crm(self, method: str, path: str, *, json: Any = None, params: dict[str, Any] | None = None) -> httpx.Response:
        """One call of the CRM with the right key."""
        headers = {"authorization": f"Bearer {self.api_key}"}
        return httpx.request(method, f"{self.http}{path}", json=json, params=params, headers=headers, **_NO_TLS)

    def record(self, kind: str, record_id: str, *properties: str) -> dict[str, Any]:
        """The properties of one record as they are now."""
        params = {"properties": ",".join(properties)} if properties else None
        return dict(_ok(self.crm("GET", f"/crm/v3/objects/{kind}/{record_id}", params=params))["properties"])


def _ok(response: httpx.Response) -> Any:
    response.raise_for_status()
    return response.json()


def start_demo(tmp_path: Path) -> Demo:
    """A seeded workspace whose state lives in `tmp_path / "demo"`."""
    state = tmp_path / "demo"
    state.mkdir(parents=True, exist_ok=True)
    return Demo(state=state).start()
