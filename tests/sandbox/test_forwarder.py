"""Inside a sandbox, a TCP port on loopback leads to the gateway's unix socket."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.forwarder import forward


@pytest.fixture
async def echo() -> AsyncIterator[tuple[Path, list[asyncio.StreamWriter]]]:
    """A unix socket that sends everything back in upper case when the other side has finished, and its connections."""
    path = Path("/tmp") / f"coco-{secrets.token_hex(8)}.sock"
    open_now: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_now.append(writer)
        writer.write((await reader.read()).upper())
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    yield path, open_now
    server.close()
    path.unlink(missing_ok=True)


async def ask(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    writer.write_eof()
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def test_carries_both_ways(echo: tuple[Path, list[asyncio.StreamWriter]]) -> None:
    async with forward(echo[0]) as port:
        assert await ask(port, b"hello") == b"HELLO"
        large = secrets.token_hex(1_000_000).encode()
        assert await ask(port, large) == large.upper()


async def test_carries_many_at_once(echo: tuple[Path, list[asyncio.StreamWriter]]) -> None:
    async with forward(echo[0]) as port:
        answers = await asyncio.gather(*(ask(port, b"n%d" % n) for n in range(20)))
    assert answers == [b"N%d" % n for n in range(20)]


async def test_a_missing_gateway_closes_the_connection_and_a_new_one_is_found(tmp_path: Path) -> None:
    path = Path("/tmp") / f"coco-{secrets.token_hex(8)}.sock"
    async with forward(path) as port:
        assert await ask(port, b"x") == b""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"back")
            writer.close()

        server = await asyncio.start_unix_server(serve, path)
        assert await ask(port, b"x") == b"back"
        server.close()
    path.unlink(missing_ok=True)


async def test_leaving_ends_open_connections(echo: tuple[Path, list[asyncio.StreamWriter]]) -> None:
    async with forward(echo[0]) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"never finished")
        await writer.drain()
        async with asyncio.timeout(10):
            while not echo[1]:
                await asyncio.sleep(0.01)
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", port)
    writer.close()


async def test_listens_on_loopback_only(echo: tuple[Path, list[asyncio.StreamWriter]]) -> None:
    async with forward(echo[0]) as port:
        listening = [
            line.split()[1]
            for line in Path("/proc/net/tcp").read_text().splitlines()
            if f":{port:04X} 00000000" in line
        ]
    assert listening == [f"0100007F:{port:04X}"]
