"""One user's server on one user's socket."""

from __future__ import annotations

import logging
from pathlib import Path
from uuid import UUID

import grpc

from sandbox.gateway.door import Door
from sandbox.gateway.folders import (
    SOCKET_NAME,
    SocketAddress,
    give_to_sandbox,
    make_user_dir,
    private_umask,
    remove_stale_socket,
)
from sandbox.gateway.limits import MAX_CALLS, channel_options

log = logging.getLogger(__name__)

GRACE_SECONDS = 1.0


class Listener:
    """Listening from `start` to `stop`."""

    def __init__(self, folder: Path, server: grpc.aio.Server, address: SocketAddress) -> None:
        self.folder = folder
        self._server = server
        self._address = address

    @classmethod
    async def start(cls, run_dir: Path, user_id: UUID, door: Door) -> Listener:
        """Raises OSError or RuntimeError where the socket cannot be made."""
        folder = make_user_dir(run_dir, user_id)
        path = folder / SOCKET_NAME
        remove_stale_socket(path)
        server = grpc.aio.server(options=channel_options(), maximum_concurrent_rpcs=MAX_CALLS)
        server.add_generic_rpc_handlers((door,))
        address = SocketAddress(path)
        try:
            with private_umask():
                server.add_insecure_port(address.target)
            give_to_sandbox(path, 0o600)
            await server.start()
        except BaseException:
            address.close()
            raise
        log.info("listening for user=%s", user_id)
        return cls(folder, server, address)

    async def stop(self) -> None:
        await self._server.stop(GRACE_SECONDS)
        self._address.close()
