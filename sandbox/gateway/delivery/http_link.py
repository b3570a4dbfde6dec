"""HTTP/1.1 to a provider: one request on one connection, framed by h11.

Not an HTTP client of the comfortable kind, on purpose. It follows no redirect, tries nothing twice, knows no proxy
and no cookie; the connection stands before the grant is spent, and what was certainly not sent can be told apart from
what may have been.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field

import h11

from coco.gateway_protocol import Credential
from coco.requests import PreparedRequest, ProviderResponse
from sandbox.gateway.delivery.addresses import AddressPolicy, Base, Unreachable, connect
from sandbox.gateway.delivery.link import MAX_KEPT_HEADERS, Delivery, tls_context, without

MAX_RESPONSE_BYTES = 2_000_000
_CHUNK = 64 * 1024


@dataclass
class Answer:
    """What came back, as far as it came."""

    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    complete: bool = False
    too_large: bool = False
    wrote: bool = False
    """Whether anything may have left for the provider."""
    problem: str = ""

    @property
    def response(self) -> ProviderResponse | None:
        """None where there is no whole answer."""
        if self.status is None:
            return None
        return ProviderResponse.of(self.status, self.headers, self.body if self.complete else b"")


class HttpLink:
    """A TCP or TLS connection."""

    def __init__(
        self, base: Base, credential: Credential, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._base = base
        self._credential = credential
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, base: Base, credential: Credential, policy: AddressPolicy) -> HttpLink:
        """Raises Unreachable, Refused (an address that the policy forbids)."""
        sock = await connect(base, policy)
        try:
            if base.tls:
                reader, writer = await asyncio.open_connection(
                    sock=sock, ssl=tls_context(), server_hostname=base.host, limit=_CHUNK
                )
            else:
                reader, writer = await asyncio.open_connection(sock=sock, limit=_CHUNK)
        except (OSError, ssl.SSLError) as error:
            sock.close()
            raise Unreachable("no secure connection to the provider came about") from error
        except BaseException:
            sock.close()
            raise
        return cls(base, credential, reader, writer)

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
            method=request.method, target=self._base.prefix + request.target, headers=self._headers(request, body)
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
        headers.append(("authorization", f"Bearer {self._credential.secret}"))
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
