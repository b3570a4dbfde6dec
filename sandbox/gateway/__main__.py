"""`python -m sandbox.gateway`: serves until SIGTERM or SIGINT."""

from __future__ import annotations

from coco.processes import no_core_dumps

if __name__ == "__main__":
    # Before anybody else's code runs here, and before any key is read: not even a crash at the start shows one.
    no_core_dumps()

import asyncio
import logging
import resource
import signal
import socket
import sys

from coco import deployment
from coco.errors import CocoError
from coco.regions import check_host
from coco.settings import Settings
from sandbox.gateway.folders import GatewayRunning
from sandbox.gateway.service import Gateway
from store import region
from store.database import Database
from store.roles import Role, role_dsn

log = logging.getLogger("sandbox.gateway")


async def main(settings: Settings) -> None:
    """Raises GatewayRunning, CocoError (keys or addresses that are missing), and what Postgres raises."""
    if settings.database_url is None:
        raise CocoError("DATABASE_URL is not set; `coco up` sets it for the embedded default")
    master = deployment.master_key(settings)
    database = Database(role_dsn(settings.database_url.get_secret_value(), Role.GATEWAY, master.text), pool_size=10)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await region.check(database, settings.region)
        if settings.own_region is not None:
            check_host(settings.own_region, socket.gethostname())
        async with Gateway.serving(settings, database, master, deployment.verifying_key(settings)):
            await stop.wait()
            log.info("stopping; what is being sent is seen through")
    finally:
        await database.close()


def _raise_file_limit() -> None:
    """Every connection of every sandbox is a descriptor here: take what the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def run() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    _raise_file_limit()
    try:
        asyncio.run(main(Settings()))
    except (GatewayRunning, CocoError) as error:
        log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run())
