"""HTTP/1.1 to a provider: one request on one connection, framed by h11.

Not an HTTP client of the comfortable kind, on purpose. It follows no redirect, tries nothing twice, knows no proxy
and no cookie; the connection stands before the grant is spent, and what was certainly not sent can be told apart from
what may have been.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import h11

from activities.connectors.manifest import BEARER, Auth
from coco.gateway_protocol import Credential
from coco.requests import PreparedRequest
from sandbox.gateway.delivery.addresses import AddressPolicy, Base
from sandbox.gateway.delivery.authentication import credential_headers
from sandbox.gateway.delivery.link import (
    MAX_KEPT_HEADERS,
    MAX_RESPONSE_BYTES,
    Answer,
    Delivery,
    without,
)
from sandbox.gateway.delivery.streams import open_streams

_CHUNK = 64 * 1024


class HttpLink:
    """A TCP or TLS connection."""

    def __init__(
        self,
        base: Base,
        credential: Credential,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        auth: Auth = BEARER,
    ) -> None:
        self._base = base
        self._auth = auth
        self._credential = credential
        self._reader = reader
        self._writer = writer
        self.written: Callable[[], Awaitable[None]] | None = None

    @classmethod
    async def open(cls, base: Base, credential: Credential, policy: AddressPolicy, auth: Auth = BEARER) -> HttpLink:
        """Raises Unreachable, Refused (an address that the policy forbids)."""
        reader, writer = await open_streams(base, policy, _CHUNK, "provider")
        return cls(base, credential, reader, writer, auth)

    async def send(self, request: PreparedRequest, seconds: float) -> Delivery:
        answer = await self.exchange(request, seconds)
        detail: dict[str, object] = {}
        if answer.problem:
            detail["problem"] = answer.problem
        if answer.status is None:
            return Delivery("unknown" if answer.wrote else "failed", None, detail | {"sent": answer.wrote})
        # The status line says what happened, even where the rest of the answer was lost.
        if 200 <= answer.status < 300:
            return Delivery("done", answer.response, detail)
        if 400 <= answer.status < 500:
            return Delivery("failed", answer.response, detail)
        return Delivery("unknown", answer.response, detail)

    async def exchange(self, request: PreparedRequest, seconds: float) -> Answer:
        """Sends the request and reads the answer, both within `seconds`."""
        answer = Answer()
        try:
            async with asyncio.timeout(seconds):
                await self._exchange(request, answer)
        except TimeoutError:
            answer.problem = "no answer in time"
        except h11.RemoteProtocolError:
            answer.problem = "the answer was not HTTP" if answer.status is None else "the answer was cut short"
        except (OSError, EOFError):
            answer.problem = "the connection was lost"
        return answer

    async def _exchange(self, request: PreparedRequest, answer: Answer) -> None:
        protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_CHUNK)
        body = request.body_bytes()
        head = h11.Request(
            method=request.method, target=self._base.target(request.target), headers=self._headers(request, body)
        )
        data = protocol.send(head) or b""
        if body:
            data += protocol.send(h11.Data(data=body)) or b""
        data += protocol.send(h11.EndOfMessage()) or b""
        if self._reader.at_eof() or self._writer.is_closing():
            answer.problem = "the provider closed the connection before anything was sent"
            return
        answer.wrote = True
        self._writer.write(data)
        try:
            await self._writer.drain()
        except OSError:
            # A provider may refuse early, answer, and stop reading: its answer is still there to be read.
            answer.problem = "the provider stopped reading"
        if self.written is not None:
            await self.written()
        await self._read(protocol, answer)

    async def _read(self, protocol: h11.Connection, answer: Answer) -> None:
        parts: list[bytes] = []
        size = 0
        while True:
            event = protocol.next_event()
            if event is h11.NEED_DATA:
                protocol.receive_data(await self._reader.read(_CHUNK))
            elif isinstance(event, h11.Response):
                answer.status = event.status_code
                answer.headers = self._kept(event)
            elif isinstance(event, h11.Data):
                size += len(event.data)
                if size > MAX_RESPONSE_BYTES:
                    answer.too_large = True
                    answer.problem = "the answer is too large"
                    return
                parts.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                answer.body = without(self._credential.secret, b"".join(parts))
                answer.complete = True
                answer.problem = ""
                return
            elif isinstance(event, h11.InformationalResponse):
                if event.status_code == 101:
                    answer.problem = "the answer was not HTTP"
                    return
            else:
                answer.problem = answer.problem or "the connection was lost"
                return

    def _headers(self, request: PreparedRequest, body: bytes) -> list[tuple[str, str]]:
        headers = [("host", self._base.authority), *request.headers]
        names = {name for name, _ in request.headers}
        for name, value in (("accept", "*/*"), ("accept-encoding", "identity"), ("user-agent", "coco")):
            if name not in names:
                headers.append((name, value))
        headers += credential_headers(self._auth, self._credential, request, int(time.time()))
        if body or request.method in {"POST", "PUT", "PATCH"}:
            headers.append(("content-length", str(len(body))))
        headers.append(("connection", "close"))
        return headers

    def _kept(self, event: h11.Response) -> list[tuple[str, str]]:
        kept = []
        for raw_name, raw_value in event.headers:
            name = bytes(raw_name).decode("ascii", "replace").lower()
            value = without(self._credential.secret, bytes(raw_value)).decode("latin-1")
            if name in MAX_KEPT_HEADERS and value.isprintable() and len(value) <= 1024:
                kept.append((name, value))
        return kept[:20]

    async def close(self) -> None:
        # Aborted, not closed: a provider that does not answer a TLS goodbye would hold the slot.
        self._writer.transport.abort()
