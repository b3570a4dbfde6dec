"""A prepared request: exactly what will be sent to a provider, and what came back.

HTTP, SMTP and IMAP share one shape, so that one digest, one gate and one log serve all.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from coco.canonical import digest

MAX_BODY_BYTES = 1_000_000
"""Largest request or kept response body, in bytes."""

_TARGET = re.compile(r"^/[A-Za-z0-9\-._~!$&'()*+,;=:@/%]*(\?[A-Za-z0-9\-._~!$&'()*+,;=:@/?%\[\]]*)?$")
_HEADER_NAME = re.compile(r"^[a-z0-9\-]{1,64}$")

FORBIDDEN_HEADERS = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-http-method-override",
        "x-method-override",
        "x-http-method",
    }
)
"""Headers no connector sets: the gateway owns framing and routing, the credential owns authorization, and an override
header would let a read be executed as a write."""


class Frozen(BaseModel):
    """Base of the domain's value records: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PreparedRequest(Frozen):
    """One exact request to a provider, without its credential and without its host.

    `http`: `target` is the path with its query below the connection's base URL. `smtp`: `method` is SEND, `target` is
    `/message`, `headers` holds the envelope (`mail-from`, then `rcpt-to` once per recipient), `body` the RFC 5322
    message with CRLF line ends. `imap`: `method` is LIST, SEARCH or FETCH (there is no way to say anything that
    changes a mailbox), `target` says what of, as a path with a query.
    """

    protocol: Literal["http", "smtp", "imap"]
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "SEND", "LIST", "SEARCH", "FETCH"]
    target: Annotated[str, Field(max_length=4096)]
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    encoding: Literal["text", "base64"] = "text"

    @field_validator("target")
    @classmethod
    def _plain_target(cls, value: str) -> str:
        if not _TARGET.fullmatch(value) or value.startswith("//"):
            raise ValueError("target must be an absolute, percent-encoded path with an optional query")
        # Some servers decode twice, and some leave out what follows a ";" in a segment before they look at dots.
        path = value.partition("?")[0]
        while True:
            lowered = path.lower()
            if "%2f" in lowered or "%5c" in lowered or "%00" in lowered:
                raise ValueError("target must not hide separators")
            if any(part.partition(";")[0] in {".", ".."} for part in path.split("/")):
                raise ValueError("target must not contain dot segments")
            following = unquote(path, errors="replace")
            if following == path:
                break
            path = following
        return value

    @field_validator("headers")
    @classmethod
    def _safe_headers(cls, value: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        for name, text in value:
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"header name {name!r} must be lower-case letters, digits and hyphens")
            if name in FORBIDDEN_HEADERS:
                raise ValueError(f"header {name!r} is not a connector's to set")
            if not (text.isascii() and text.isprintable() and text == text.strip()) or len(text) > 4096:
                # What HTTP/1.1 carries exactly (RFC 9110, section 5.5), so that nothing fails when it is sent.
                raise ValueError(f"header {name!r} is not printable ASCII without space around it, or is too long")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> PreparedRequest:
        if (self.protocol == "smtp") != (self.method == "SEND"):
            raise ValueError("SEND is the one SMTP method")
        if (self.protocol == "imap") != (self.method in {"LIST", "SEARCH", "FETCH"}):
            raise ValueError("LIST, SEARCH and FETCH are the IMAP methods")
        if self.protocol == "imap" and (self.headers or self.body):
            raise ValueError("an IMAP request is its target alone")
        if self.protocol == "smtp" and self.target != "/message":
            raise ValueError("an SMTP request's target is /message")
        if self.method == "GET" and self.body:
            raise ValueError("a GET carries no body")
        if len(self.body_bytes()) > MAX_BODY_BYTES:
            raise ValueError(f"the body is larger than {MAX_BODY_BYTES} bytes")
        return self

    def body_bytes(self) -> bytes:
        """The body as the bytes on the wire."""
        if self.encoding == "text":
            return self.body.encode("utf-8")
        try:
            return base64.b64decode(self.body, validate=True)
        except binascii.Error as error:
            raise ValueError(f"the body is not base64: {error}") from error

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def header_values(self, name: str) -> tuple[str, ...]:
        """All values of one header, in order."""
        return tuple(text for key, text in self.headers if key == name)

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")

    def digest(self) -> str:
        """SHA-256 over the canonical JSON: two requests share it only when they are byte for byte the same."""
        return digest(self.as_json())


class ProviderResponse(Frozen):
    """What a provider answered, as the gateway kept it."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    encoding: Literal["text", "base64"] = "text"

    def body_bytes(self) -> bytes:
        return self.body.encode("utf-8") if self.encoding == "text" else base64.b64decode(self.body)

    @classmethod
    def of(cls, status: int, headers: list[tuple[str, str]], body: bytes) -> ProviderResponse:
        """Keeps UTF-8 bodies readable and everything else (NUL included, which Postgres text cannot hold) as base64."""
        try:
            text = body.decode("utf-8")
            if "\0" not in text:
                return cls(status=status, headers=tuple(headers), body=text)
        except UnicodeDecodeError:
            pass
        encoded = base64.b64encode(body).decode("ascii")
        return cls(status=status, headers=tuple(headers), body=encoded, encoding="base64")

    def digest(self) -> str:
        return digest(self.model_dump(mode="json"))
