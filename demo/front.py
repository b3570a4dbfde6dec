"""In front of the CRM: notes each request before anything happens, checks the key, and works the faults asked for."""

from __future__ import annotations

import asyncio
import hmac
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.errors import Refusal, of_status, unauthorized
from demo.faults import Faults
from demo.storage import Storage

MAX_BODY_BYTES = 2_000_000
_OPEN_PATHS = ("/_demo/", "/records/")


class Front:
    """ASGI wrapper around the CRM's application."""

    def __init__(self, app: ASGIApp, storage: Storage, faults: Faults, api_key: str) -> None:
        self._app, self._storage, self._faults, self._api_key = app, storage, faults, api_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or path == "/" or path.startswith(_OPEN_PATHS):
            await self._app(scope, receive, send)
            return
        body = await _body(receive)
        method = scope["method"]
        is_write = method not in {"GET", "HEAD", "OPTIONS"} and not path.endswith(("/search", "/batch/read"))
        noted = self._storage.record_request(
            method, path, scope.get("query_string", b"").decode("latin-1"), _text(body), is_write=is_write
        )
        if not self._is_authorized(scope):
            await self._answer(noted, unauthorized(), scope, receive, send)
            return
        if len(body) > MAX_BODY_BYTES:
            await self._answer(noted, Refusal(413, "VALIDATION_ERROR", "payload too large"), scope, receive, send)
            return
        faults = self._faults.take(method, path, is_write=is_write)
        for fault in faults:
            if fault.do == "status":
                await self._answer(noted, of_status(fault.status), scope, receive, send)
                return
            if fault.when == "before" and fault.do == "delay":
                await asyncio.sleep(fault.seconds)
            elif fault.when == "before":
                _hang_up(send)
                return

        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._app(scope, _replay(body), keep)
        for fault in faults:
            if fault.when == "after" and fault.do == "delay":
                await asyncio.sleep(fault.seconds)
            elif fault.when == "after":
                _hang_up(send)
                return
        self._storage.record_status(noted, next(m["status"] for m in answer if m["type"] == "http.response.start"))
        for message in answer:
            await send(message)

    def _is_authorized(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        return len(given) == 1 and hmac.compare_digest(given[0], f"Bearer {self._api_key}".encode())

    async def _answer(self, noted: int, refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
        self._storage.record_status(noted, refusal.status)
        await JSONResponse(refusal.body, status_code=refusal.status)(scope, receive, send)


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= MAX_BODY_BYTES + 1:
            parts.append(chunk)
        elif sum(map(len, parts)) <= MAX_BODY_BYTES:
            parts.append(chunk[: MAX_BODY_BYTES + 1])
        if not message.get("more_body"):
            return b"".join(parts)


def _replay(body: bytes) -> Receive:
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _text(body: bytes) -> str:
    return body.decode("utf-8", "backslashreplace")


def _hang_up(send: Send) -> None:
    """Ends the connection with nothing said, as a crash of the provider would: uvicorn has no public way."""
    cycle: Any = getattr(send, "__self__", None)
    cycle.transport.abort()
