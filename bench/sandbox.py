"""How long a sandbox takes to start and stop, and what it holds while idle: `python -m bench.sandbox [KIND] [ROUNDS]`.

Per kind that works here, medians over the rounds: `start` returns; the worker's imports are done (first line in the
log); `stop` returns; and the memory of the idle sandbox. Runs on this machine alone and ends by itself.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path

from sandbox.container import Running, Sandbox, SandboxSpec, SandboxUnavailable, detect

# What the activity worker loads before it can poll.
IDLE = (
    "import temporalio.worker, cryptography.fernet, pydantic_settings, signal; print('up', flush=True); signal.pause()"
)
MIB = 1024 * 1024


async def one_round(sandbox: Sandbox, spec: SandboxSpec) -> dict[str, float]:
    begun = time.perf_counter()
    running = await sandbox.start(spec)
    started = time.perf_counter()
    while "up" not in await sandbox.logs(spec.user_id):
        if not await sandbox.alive(spec.user_id):
            raise RuntimeError(await sandbox.logs(spec.user_id))
        await asyncio.sleep(0.005)
    up = time.perf_counter()
    memory = resident(running)
    stopping = time.perf_counter()
    await sandbox.stop(spec.user_id)
    return {
        "start_ms": (started - begun) * 1000,
        "imported_ms": (up - begun) * 1000,
        "stop_ms": (time.perf_counter() - stopping) * 1000,
        "resident_mib": memory,
    }


def resident(running: Running) -> float:
    """Resident MiB of the sandbox's processes, read on the host from their control group. 0 where there is none."""
    names = {"docker": f"docker/{running.id}", "bubblewrap": f"coco/{running.deployment}-{running.user_id}"}
    total = 0
    for root in ("/sys/fs/cgroup/memory", "/sys/fs/cgroup", "/sys/fs/cgroup/system.slice"):
        name = names[running.kind]
        for folder in (Path(root, name), Path(root, f"docker-{running.id}.scope")):
            if (folder / "cgroup.procs").exists():
                for pid in (folder / "cgroup.procs").read_text().split():
                    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                        if line.startswith("VmRSS:"):
                            total += int(line.split()[1]) * 1024
                return total / MIB
    return 0.0


async def measure(kind: str, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(await asyncio.to_thread(os.path.realpath, scratch))
        (home / "gateway").mkdir()
        sandbox = await detect(kind, deployment="bench", state_dir=home / "state", log=print)
        user = str(uuid.uuid4())
        spec = SandboxSpec(user, "bench", home / "volume", home / "gateway", command=("python", "-c", IDLE))
        await one_round(sandbox, spec)  # builds the image or the tree, fills the page cache
        found = [await one_round(sandbox, spec) for _ in range(rounds)]
        for name in found[0]:
            values = [one[name] for one in found]
            print(f"{kind:11} {name:13} median {statistics.median(values):8.1f}   worst {max(values):8.1f}")


async def main(kinds: list[str], rounds: int) -> None:
    for kind in kinds:
        try:
            await measure(kind, rounds)
        except SandboxUnavailable as error:
            print(f"{kind:11} not here: {error}")


if __name__ == "__main__":
    words = sys.argv[1:]
    chosen = [word for word in words if not word.isdigit()] or ["docker", "bubblewrap"]
    asyncio.run(main(chosen, next((int(word) for word in words if word.isdigit()), 10)))
