"""A connection to a provider as streams, encrypted from its first byte where the address says so."""

from __future__ import annotations

import asyncio

from sandbox.gateway.delivery.addresses import AddressPolicy, Base, Unreachable, connect
from sandbox.gateway.delivery.link import tls_context


async def open_streams(
    base: Base, policy: AddressPolicy, limit: int, other: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """`limit` is in bytes, of what is read ahead; `other` names the other end in an error.

    Raises Unreachable, Refused (an address that the policy forbids).
    """
    sock = await connect(base, policy)
    try:
        if not base.tls:
            return await asyncio.open_connection(sock=sock, limit=limit)
        return await asyncio.open_connection(sock=sock, limit=limit, ssl=tls_context(), server_hostname=base.host)
    except OSError as error:  # an SSLError is one
        sock.close()
        raise Unreachable(f"no secure connection to the {other} came about") from error
    except BaseException:
        sock.close()
        raise
