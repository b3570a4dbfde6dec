"""Inside a sandbox: a TCP port on its own loopback that leads to the gateway's unix socket.

The Temporal SDK speaks TCP only, and a sandbox has no network but loopback; this carries the one to the other.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

GATEWAY_SOCKET = Path("/run/coco/gateway.sock")
_CHUNK = 64 * 1024


@contextlib.asynccontextmanager
async def forward(socket_path: Path | str = GATEWAY_SOCKET, port: int = 0) -> AsyncIterator[int]:
    """Listen on 127.0.0.1 (a free port, or `port`) and carry each connection to `socket_path`; yields the port.

    The socket is opened anew for each connection, so a gateway that restarts is found again. While it is not there,
    connections are accepted and closed at once: the client's own retries cover the gap. On leaving, every
    connection is closed.
    """
    carrying: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        carrying.add(task)
        try:
            await _carry(reader, writer, socket_path)
        except asyncio.CancelledError:
            # Only leaving `forward` cancels; raised further, the streams module would log it as an error.
            return
        finally:
            carrying.discard(task)

    server = await asyncio.start_server(carry, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)
        await server.wait_closed()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, socket_path: Path | str) -> None:
    try:
        far_reader, far_writer = await asyncio.open_unix_connection(socket_path)
    except OSError:
        writer.close()
        return
    try:
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
    finally:
        writer.close()
        far_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry one direction to its end, then tell the other side that no more comes. A broken connection is an end."""
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        # The other direction waits for a side that is gone: closing both wakes it.
        writer.close()
