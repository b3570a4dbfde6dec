"""A provider that is a process of its own: it speaks HTTP, does what a test tells it, and remembers what it saw.

`async with ProviderProcess.running() as provider:` in a test; `provider.url` is where it listens.
`provider.on("GET", "/path", reply, ...)` says what a path answers: the replies in turn, the last one again and again.
Run as a module, it is the process: commands come in as lines of JSON, answers go out as such.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socketserver
import sys
import threading
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Reply:
    """What a path answers."""

    status: int = 200
    body: Any = None
    """JSON; or text, sent as it is."""
    headers: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    """"hang": no answer at all. "drop": the connection is closed instead. "cut": closed in the middle of the body."""


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: str

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    def json(self) -> Any:
        return json.loads(self.body)


class ProviderProcess:
    """The test's side."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.url = f"http://127.0.0.1:{port}"

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls) -> AsyncIterator[ProviderProcess]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.gateway.provider_process"),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield cls(process, json.loads(await process.stdout.readline())["port"])
        finally:
            # It ends with its input.
            process.stdin.close()
            await process.wait()

    async def on(self, method: str, path: str, *replies: Reply) -> None:
        await self._ask({"on": [method, path], "replies": [asdict(reply) for reply in replies]})

    async def seen(self) -> list[Seen]:
        """All requests so far."""
        return [Seen(**entry) for entry in await self._ask({"seen": True})]

    async def writes(self) -> list[Seen]:
        return [entry for entry in await self.seen() if entry.method != "GET"]

    async def forget(self) -> None:
        """As if it had just started; whoever hangs is let go."""
        await self._ask({"forget": True})

    async def _ask(self, command: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        await self._process.stdin.drain()
        return json.loads(await self._process.stdout.readline())


# -- the process -----------------------------------------------------------------------------------------------------


class _State:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rules: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.seen: list[dict[str, Any]] = []
        self.let_go = threading.Event()

    def next_reply(self, method: str, path: str) -> dict[str, Any]:
        with self.lock:
            replies = self.rules.get((method, path))
            if not replies:
                return asdict(Reply(404, {"error": f"the test says nothing of {method} {path}"}))
            return replies.pop(0) if len(replies) > 1 else replies[0]

    def obey(self, command: dict[str, Any]) -> Any:
        with self.lock:
            if "on" in command:
                method, path = command["on"]
                self.rules[method, path] = command["replies"]
                return True
            if "seen" in command:
                return list(self.seen)
            self.rules, self.seen = {}, []
            self.let_go.set()
            self.let_go = threading.Event()
            return True


class _Handler(socketserver.StreamRequestHandler):
    state: _State

    def handle(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._handle()

    def _handle(self) -> None:
        line = self.rfile.readline(65_536).decode("latin-1").split()
        if len(line) != 3:
            return  # a connection that only looked whether somebody is there
        headers: dict[str, str] = {}
        while (raw := self.rfile.readline(65_536).strip()) != b"":
            name, _, value = raw.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", 0)))
        state = self.state
        with state.lock:
            let_go = state.let_go
            entry = {"method": line[0], "target": line[1], "headers": headers, "body": body.decode("utf-8", "replace")}
            state.seen.append(entry)
        reply = state.next_reply(line[0], line[1].partition("?")[0])
        if reply["fault"] == "hang":
            let_go.wait(60)
        if reply["fault"] in {"hang", "drop"}:
            return
        told = reply["body"]
        raw = b"" if told is None else told.encode() if isinstance(told, str) else json.dumps(told).encode()
        head = {"content-type": "application/json", **reply["headers"], "content-length": str(len(raw))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        self.wfile.write(f"HTTP/1.1 {reply['status']} X\r\n{lines}\r\n".encode())
        self.wfile.write(raw[: len(raw) // 2] if reply["fault"] == "cut" else raw)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def main() -> None:
    """Serves until its input ends."""
    state = _State()
    handler = type("Handler", (_Handler,), {"state": state})
    with _Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(json.dumps({"port": server.server_address[1]}), flush=True)
        for line in sys.stdin:
            print(json.dumps(state.obey(json.loads(line))), flush=True)
        server.shutdown()


if __name__ == "__main__":
    main()
