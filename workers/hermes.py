"""Hermes: the activity worker inside a user's sandbox. `python -m workers.hermes`.

It has no network but a socket to the gateway: through it go its Temporal calls (by a forwarder on its own loopback,
since the SDK speaks TCP only) and everything it asks of Coco and of providers. It believes nothing it is not told by
the gateway, and holds the user's keys in memory only.
"""

from __future__ import annotations

from coco.processes import no_core_dumps

if __name__ == "__main__":
    # Before anybody else's code runs here, and before any key is read: not even a crash at the start shows one.
    no_core_dumps()

import asyncio
import contextlib
import logging
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from temporalio.client import Client
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.worker import Worker

from activities.sandboxed import SandboxedActivities
from coco.errors import CocoError, NotFound
from coco.gateway_protocol import BootReply
from coco.keys import UserKeys
from sandbox.forwarder import forward
from workers.codec import data_converter
from workers.gateway_client import GatewayAway, GatewayClient, TokenRejected
from workers.keychain import KeyChain, user_keys
from workers.keystore import KeyStore, KeyStoreDamaged

log = logging.getLogger("hermes")

BOOT_SECONDS = 60.0
GRACE = timedelta(seconds=8)
MAX_ACTIVITIES = 4


async def main(gateway_dir: Path, data_dir: Path) -> int:
    """Until SIGTERM, SIGINT, or until its token is rotated away; the exit status."""
    stop, rejected = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    socket_path = gateway_dir / "gateway.sock"
    token = (gateway_dir / "token").read_text().strip()
    gateway = GatewayClient(socket_path, token, rejected.set)
    try:
        boot = await _boot(gateway)
        keys = await asyncio.to_thread(KeyStore.open, data_dir, user_keys(boot.keystore_keys))
        await gateway.publish_key(keys.public_key)
        key_chain = KeyChain(keys, gateway)
        await key_chain.refresh()
        async with forward(socket_path) as port:
            await _work(boot, token, port, SandboxedActivities(gateway, key_chain), key_chain, stop, rejected)
    finally:
        await gateway.close()
    if rejected.is_set():
        log.error("this sandbox's token was replaced; another start of the sandbox has taken over")
        return 3
    log.info("stopped")
    return 0


async def _boot(gateway: GatewayClient) -> BootReply:
    """The first call, tried for a while: the gateway may still be starting."""
    until = asyncio.get_running_loop().time() + BOOT_SECONDS
    while True:
        try:
            return await gateway.boot()
        except GatewayAway:
            if asyncio.get_running_loop().time() > until:
                raise
            await asyncio.sleep(0.5)


async def _work(
    boot: BootReply,
    token: str,
    port: int,
    activities: SandboxedActivities,
    key_chain: KeyChain,
    stop: asyncio.Event,
    rejected: asyncio.Event,
) -> None:
    payload_keys = user_keys(boot.payload_keys)

    async def lookup(user_id: UUID) -> UserKeys:
        if user_id != boot.user_id:
            raise NotFound("another user's payload")
        return payload_keys

    client = await Client.connect(
        f"127.0.0.1:{port}",
        namespace=boot.namespace,
        api_key=token,
        tls=False,
        data_converter=data_converter(lookup),
        runtime=Runtime(telemetry=TelemetryConfig(), worker_heartbeat_interval=None),
    )
    worker = Worker(
        client,
        task_queue=boot.task_queue,
        activities=activities.all(),
        max_concurrent_activities=MAX_ACTIVITIES,
        max_concurrent_activity_task_polls=1,
        graceful_shutdown_timeout=GRACE,
    )
    tending = asyncio.create_task(key_chain.tend())
    beside = [asyncio.create_task(stop.wait()), asyncio.create_task(rejected.wait()), tending]
    running = asyncio.create_task(worker.run())
    log.info("ready; user=%s", boot.user_id)
    try:
        done, _ = await asyncio.wait([running, *beside], return_when=asyncio.FIRST_COMPLETED)
        if running in done and not rejected.is_set():
            running.result()
        if tending in done:
            tending.result()
    finally:
        for task in beside:
            task.cancel()
        if not running.done():
            await worker.shutdown()
        with contextlib.suppress(Exception):
            # What ended it, if anything did, has been raised above or is that the token is gone.
            await running


def run() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    gateway_dir = Path(os.environ.get("COCO_GATEWAY_DIR", "/run/coco"))
    data_dir = Path(os.environ.get("COCO_DATA_DIR", "/data"))
    try:
        return asyncio.run(main(gateway_dir, data_dir))
    except TokenRejected as error:
        log.error("%s; start the sandbox again", error)
        return 3
    except (CocoError, KeyStoreDamaged, OSError, RuntimeError) as error:
        log.error("%s: %s", type(error).__name__, error)
        return 1


if __name__ == "__main__":
    sys.exit(run())
