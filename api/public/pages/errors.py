"""What a page's visitor sees of an error, and where one who is not signed in is sent."""

from __future__ import annotations

import logging
from urllib.parse import quote

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from api.errors import TooManyRequests, describe, request_id
from api.public.cookies import access_cookie
from api.public.pages.render import page
from api.public.parts import parts_of
from coco.errors import CocoError

log = logging.getLogger("coco.pages")

_TITLES = {
    401: "You are signed out",
    403: "That was not taken",
    404: "There is nothing here",
    405: "That does not work here",
    413: "That is too much",
    429: "Slow down",
    503: "Not right now",
}


def html_error(request: Request, error: Exception) -> Response:
    """A page for any exception; the same words as the REST API's, nothing internal."""
    name = request_id(request)
    status, _, message = describe(error, request_id=name)
    if isinstance(error, RequestValidationError):
        # An address with an id that is none leads nowhere, as far as a visitor is concerned.
        status, message = 404, "There is nothing here."
    if status == 500:
        log.error("request %s failed", name, exc_info=error)
    known = isinstance(error, CocoError | TooManyRequests | HTTPException | RequestValidationError)
    title = _TITLES.get(status, "That did not work") if known else "Something went wrong"
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    response = page("error.html", status=status, title=title, message=message)
    response.headers.update(headers)
    return response


async def sign_in_first(request: Request, error: Exception) -> Response:
    """To the sign-in page, or, where only the access token is over, to where it is renewed."""
    if request.method not in {"GET", "HEAD"}:
        return page(
            "error.html",
            status=401,
            title=_TITLES[401],
            message="Nothing was changed. Sign in again, then repeat it.",
        )
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    door = "/session/resume" if access_cookie(parts_of(request), request) is not None else "/login"
    return RedirectResponse(door if target == "/" else f"{door}?next={quote(target, safe='/')}", status_code=303)
