"""The pages' sign-in: the REST API's tokens, in cookies that scripts cannot read and other sites cannot use."""

from __future__ import annotations

from datetime import datetime

from starlette.requests import HTTPConnection
from starlette.responses import Response

from api.public.parts import Parts
from api.public.sessions import SignedIn

REFRESH_PATH = "/session"
"""The refresh token travels to these addresses only."""
_ACCESS, _REFRESH, _FORM = "coco_access", "coco_refresh", "coco_form"


def _name(parts: Parts, name: str, path: str = "/") -> str:
    """With https, the prefixes that make browsers enforce Secure, and no domain or other path where it applies."""
    if not parts.origins.secure:
        return name
    return ("__Host-" if path == "/" else "__Secure-") + name


def _set(parts: Parts, response: Response, name: str, value: str, *, path: str = "/", expires: datetime | None) -> None:
    response.set_cookie(
        _name(parts, name, path),
        value,
        path=path,
        expires=expires,
        httponly=True,
        samesite="strict",
        secure=parts.origins.secure,
    )


def remember(parts: Parts, response: Response, signed_in: SignedIn) -> None:
    """Signs the browser in, for as long as the refresh token lives."""
    expires = signed_in.refresh_expires
    _set(parts, response, _ACCESS, signed_in.access, expires=expires)
    _set(parts, response, _REFRESH, signed_in.refresh, path=REFRESH_PATH, expires=expires)
    response.delete_cookie(_name(parts, _FORM), path="/")


def forget(parts: Parts, response: Response) -> None:
    """Signs the browser out."""
    for name, path in ((_ACCESS, "/"), (_REFRESH, REFRESH_PATH)):
        response.delete_cookie(
            _name(parts, name, path), path=path, httponly=True, samesite="strict", secure=parts.origins.secure
        )


def access_cookie(parts: Parts, connection: HTTPConnection) -> str | None:
    return connection.cookies.get(_name(parts, _ACCESS))


def refresh_cookie(parts: Parts, connection: HTTPConnection) -> str | None:
    return connection.cookies.get(_name(parts, _REFRESH, REFRESH_PATH))


def form_cookie(parts: Parts, connection: HTTPConnection) -> str | None:
    """The random text that a form before sign-in is bound to."""
    return connection.cookies.get(_name(parts, _FORM))


def set_form_cookie(parts: Parts, response: Response, value: str) -> None:
    _set(parts, response, _FORM, value, expires=None)
