"""The real Temporal dev server, as a process of the test session."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from coco.names import SEARCH_STATE, SEARCH_USER, SEARCH_WORKFLOW
from tests.ports import free_port

BINARY = Path(sys.executable).parent / "temporal"


@dataclass
class TemporalServer:
    address: str
    ui_url: str
    database_file: Path
    process: subprocess.Popen[bytes]

    @staticmethod
    @contextmanager
    def start(folder: Path, *, ui: bool = False, namespace: str = "default") -> Iterator[TemporalServer]:
        port, http_port, ui_port = free_port(), free_port(), free_port()
        file = folder / "temporal.db"
        arguments = [str(BINARY), "server", "start-dev", "--ip", "127.0.0.1", "--port", str(port)]
        arguments += ["--http-port", str(http_port), "--db-filename", str(file), "--log-level", "error"]
        arguments += ["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal"]
        arguments += ["--ui-port", str(ui_port)] if ui else ["--headless"]
        for name in (SEARCH_USER, SEARCH_WORKFLOW, SEARCH_STATE):
            arguments += ["--search-attribute", f"{name}=Keyword"]
        arguments += ["--namespace", namespace] if namespace != "default" else []
        log = (folder / "temporal.log").open("wb")
        process = subprocess.Popen(arguments, stdout=log, stderr=log)
        try:
            _wait(process, f"http://127.0.0.1:{http_port}/api/v1/namespaces/default", folder / "temporal.log")
            yield TemporalServer(f"127.0.0.1:{port}", f"http://127.0.0.1:{ui_port}", file, process)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            log.close()

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The Temporal CLI, as an operator would use it."""
        return subprocess.run(
            [str(BINARY), *arguments, "--address", self.address], capture_output=True, text=True, timeout=60
        )


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the Temporal dev server ended: {log.read_text()[-2000:]}")
        try:
            if httpx.get(url, timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise RuntimeError("the Temporal dev server did not come up")
