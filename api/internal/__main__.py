"""`python -m api.internal`: serves the internal app and the codec server, each on its port, until stopped."""

from __future__ import annotations

from coco.processes import no_core_dumps

if __name__ == "__main__":
    # Before anybody else's code runs here, and before any key is read: not even a crash at the start shows one.
    no_core_dumps()

import asyncio
import logging

from api.codec.app import MAX_BYTES, create_codec_app, ui_origins
from api.internal.app import OPEN, create_internal_app
from api.operators import Operators
from api.origins import Origins
from api.public.waker import Waker
from api.serving import serve, server
from api.shell import Shell
from api.startup import database_as
from coco.deployment import master_key
from coco.settings import Settings
from store import region
from store.roles import Role


async def main() -> None:
    settings = Settings()
    master = master_key(settings)
    # Two roles, since neither may do both: the API's signs in, the control side's sees keys and the outbox.
    api = database_as(settings, Role.API, master, pool_size=3)
    control = database_as(settings, Role.CONTROL, master, pool_size=3)
    operators = Operators(api, master)
    internal_origins = Origins(None, settings.internal_port)
    codec_origins = Origins(None, settings.codec_port)
    internal = create_internal_app(operators, control, internal_origins, Waker(settings, api).reachable)
    codec = create_codec_app(operators, api, control, master, codec_origins, ui_origins(settings))
    servers = [
        server(Shell(internal, internal_origins, any_host=OPEN), settings.internal_host, settings.internal_port),
        server(Shell(codec, codec_origins, max_bytes=MAX_BYTES), settings.internal_host, settings.codec_port),
    ]
    try:
        for database in (api, control):
            await region.check(database, settings.region)
        await serve(*servers)
    finally:
        await api.close()
        await control.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    asyncio.run(main())
