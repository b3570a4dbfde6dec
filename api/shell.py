"""What surrounds every request of every app: host check, request id, security headers, size limit."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import error_response
from api.origins import Origins
from coco.errors import Code

MAX_REQUEST_BYTES = 2_000_000

PERMISSIONS = ", ".join(
    f"{name}=()"
    for name in (
        "accelerometer",
        "camera",
        "display-capture",
        "geolocation",
        "gyroscope",
        "microphone",
        "payment",
        "usb",
    )
)


def content_security_policy(connect: Iterable[str] = ()) -> str:
    """Nothing but our own files: no inline script or style, no plug-in, no frame around us, no foreign form target."""
    rules = {
        "default-src": "'self'",
        "connect-src": " ".join(("'self'", *connect)),
        "img-src": "'self' data:",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


class Shell:
    """Outermost ASGI layer. A host name that is not ours gets 421 and nothing else."""

    def __init__(
        self,
        app: ASGIApp,
        origins: Origins,
        *,
        public_prefix: str = "/static/",
        any_host: frozenset[str] = frozenset(),
        max_bytes: int = MAX_REQUEST_BYTES,
    ) -> None:
        """Paths of `any_host` are served under every host name: they tell nothing to protect."""
        self._app = app
        self._max_bytes = max_bytes
        self._origins = origins
        self._any_host = any_host
        self._public_prefix = public_prefix
        # CSP3 counts a same-host WebSocket as 'self', older browsers do not.
        sockets = sorted("ws" + origin.removeprefix("http") for origin in origins.allowed if "[" not in origin)
        self._headers = {
            "content-security-policy": content_security_policy(sockets),
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "permissions-policy": PERMISSIONS,
            # Not no-referrer: with that, browsers send `Origin: null` with our own forms and the check would be blind.
            # No other site learns anything by this one either.
            "referrer-policy": "same-origin",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
        }
        if origins.secure:
            self._headers["strict-transport-security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        scope["coco.request_id"] = request_id
        own = self._origins.is_own_host(HTTPConnection(scope).headers.get("host", ""))
        if not own and scope["path"] not in self._any_host:
            await self._refuse_host(scope, receive, send)
            return
        cacheable = scope["path"].startswith(self._public_prefix)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers["x-request-id"] = request_id
                # Our own scripts and styles may be kept, and are asked about each time.
                headers["cache-control"] = "no-cache" if cacheable else "no-store"
            await send(message)

        if scope["type"] == "http":
            if self._announced(scope) > self._max_bytes:
                # The rest is not read; the connection ends with the answer.
                headers = {"connection": "close"}
                refusal = error_response(413, Code.TOO_LARGE.value, "The request is too large.", headers=headers)
                await refusal(scope, receive, with_headers)
                return
            receive = self._counted(receive)
        await self._app(scope, receive, with_headers)

    @staticmethod
    def _announced(scope: Scope) -> int:
        text = HTTPConnection(scope).headers.get("content-length", "0")
        return int(text) if text.isascii() and text.isdigit() else 0

    def _counted(self, receive: Receive) -> Receive:
        """`receive` that stops at the limit, for bodies that come in chunks and announce nothing."""
        total = 0

        async def counted() -> Message:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            if total > self._max_bytes:
                raise HTTPException(413)
            return message

        return counted

    async def _refuse_host(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        refusal = error_response(
            421, "invalid", "This host name is not served here. COCO_PUBLIC_URL names the one that is."
        )
        await refusal(scope, receive, send)
