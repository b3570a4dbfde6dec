"""How the control worker asks a gateway to listen for a user, or to stop.

A gRPC service on `admin.sock` in the run directory, which only the gateway's own uid can use. It decides nothing
about what a sandbox may do.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc

from coco.errors import CocoError, Code, InvalidInput
from sandbox.gateway.errors import abort, abort_plain
from sandbox.gateway.folders import ADMIN_NAME, SocketAddress, private_umask, remove_stale_socket
from sandbox.gateway.grpc_types import Context, call, one_to_one
from sandbox.gateway.reasons import where

log = logging.getLogger(__name__)

SERVICE = "coco.gateway.v1.Admin"
_SECONDS = 15.0

Handle = Callable[[UUID], Awaitable[bytes]]


class AdminServer(grpc.GenericRpcHandler):
    """`Listen` and `Close`: each takes a user's id as text; `Listen` answers with the user's folder."""

    def __init__(self, listen: Handle, close: Handle) -> None:
        self._handles = {f"/{SERVICE}/Listen": listen, f"/{SERVICE}/Close": close}
        self._server: grpc.aio.Server | None = None
        self._address: SocketAddress | None = None

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        handle = self._handles.get(details.method)
        if handle is None:
            return None

        async def answer(raw: bytes, context: Context) -> bytes:
            try:
                return await handle(_user_id(raw))
            except CocoError as error:
                await abort(context, error)
            except OSError as error:
                log.error("%s: %s at %s", details.method, error, where(error))
                await abort_plain(context, grpc.StatusCode.INTERNAL)
            raise AssertionError("the call was aborted")

        return one_to_one(answer)

    async def start(self, run_dir: Path) -> None:
        path = run_dir / ADMIN_NAME
        remove_stale_socket(path)
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers((self,))
        self._address = SocketAddress(path)
        with private_umask():
            self._server.add_insecure_port(self._address.target)
        path.chmod(0o600)
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(0)
        if self._address is not None:
            self._address.close()


def _user_id(raw: bytes) -> UUID:
    try:
        return UUID(raw.decode("ascii"))
    except ValueError as error:
        raise InvalidInput("not a user's id") from error


class AdminClient:
    """Asks the gateway that serves `run_dir`. Holds no connection between calls."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir.absolute()

    async def listen(self, user_id: UUID) -> Path:
        """Has the gateway listen for a user (no change where it does already); the user's folder.

        Raises CocoError (UNAVAILABLE) where no gateway serves the run directory.
        """
        return Path((await self._call("Listen", user_id)).decode())

    async def close(self, user_id: UUID) -> None:
        """Has the gateway stop listening for a user; no change where it does not. Raises as `listen` does."""
        await self._call("Close", user_id)

    async def _call(self, method: str, user_id: UUID) -> bytes:
        path = self._run_dir / ADMIN_NAME
        try:
            address = SocketAddress(path)
        except OSError as error:
            raise self._unavailable(type(error).__name__) from error
        options: list[tuple[str, Any]] = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
        try:
            async with grpc.aio.insecure_channel(address.target, options=options) as channel:
                return await call(channel, f"/{SERVICE}/{method}", str(user_id).encode(), _SECONDS)
        except grpc.aio.AioRpcError as error:
            raise self._unavailable(error.code().name) from error
        finally:
            address.close()

    def _unavailable(self, why: str) -> CocoError:
        return CocoError(
            f"no gateway answers at {self._run_dir / ADMIN_NAME} ({why}): start it with `python -m sandbox.gateway`",
            code=Code.UNAVAILABLE,
        )
