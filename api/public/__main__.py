"""`python -m api.public`: serves the public app until it is stopped."""

from __future__ import annotations

from coco.processes import no_core_dumps

if __name__ == "__main__":
    # Before anybody else's code runs here, and before any key is read: not even a crash at the start shows one.
    no_core_dumps()

import asyncio
import logging

from api.public.app import public_app
from api.serving import serve, server
from api.startup import database_as
from coco.deployment import master_key
from coco.settings import Settings
from store import region
from store.roles import Role


async def main() -> None:
    settings = Settings()
    master = master_key(settings)
    database = database_as(settings, Role.API, master, pool_size=10)
    try:
        await region.check(database, settings.region)
        await serve(server(public_app(settings, database, master), settings.public_host, settings.public_port))
    finally:
        await database.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    asyncio.run(main())
