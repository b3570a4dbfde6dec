"""Sign-in by page and by JSON, the same on the internal app and on the codec server."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.errors import TooManyRequests, describe
from api.operators import COOKIE, Operators
from api.origins import Origins
from coco.errors import CocoError, Code, Refused

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title></head>
<body><main><h1>{title}</h1>{body}</main></body></html>"""


class OperatorSignIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Annotated[str, Field(max_length=320)]
    password: Annotated[str, Field(max_length=1000, repr=False)]


class OperatorToken(BaseModel):
    access_token: str


def plain_page(title: str, body: str, *, status: int = 200) -> HTMLResponse:
    """A page of `body`, which is HTML made by the caller."""
    return HTMLResponse(_PAGE.format(title=escape(title), body=body), status_code=status)


def _form(title: str, problem: str = "", status: int = 200) -> HTMLResponse:
    told = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    body = (
        f"{told}<form method='post' action='/login'>"
        "<p><label>E-mail<br><input name='email' type='email' required autocomplete='username'></label></p>"
        "<p><label>Password<br><input name='password' type='password' required "
        "autocomplete='current-password'></label></p><p><button>Sign in</button></p></form>"
    )
    return plain_page(title, body, status=status)


def sign_in_router(operators: Operators, origins: Origins, title: str, landing: Callable[[], str]) -> APIRouter:
    """`/login`, `/token` and `/logout`. `landing` is where the page leads after sign-in."""
    router = APIRouter()

    def check_origin(request: Request) -> None:
        if not origins.is_own(request.headers.get("origin")):
            raise Refused("Nothing was changed: this form came from another site.", code=Code.FORBIDDEN)

    def address(request: Request) -> str:
        return request.client.host if request.client else "unknown"

    @router.get("/login")
    async def form() -> HTMLResponse:
        """The sign-in form."""
        return _form(title)

    @router.post("/login")
    async def login(
        request: Request,
        email: Annotated[str, Form(max_length=320)],
        password: Annotated[str, Form(max_length=1000)],
    ) -> Response:
        """Signs an operator's browser in."""
        check_origin(request)
        try:
            token = await operators.sign_in(email, password, address(request))
        except (CocoError, TooManyRequests) as error:
            status, _, message = describe(error)
            return _form(title, message, status)
        response = RedirectResponse(landing(), status_code=303)
        operators.remember(response, token, secure=origins.secure)
        return response

    @router.post("/token")
    async def token(request: Request, body: OperatorSignIn) -> OperatorToken:
        """A bearer token for scripts."""
        return OperatorToken(access_token=await operators.sign_in(body.email, body.password, address(request)))

    @router.post("/logout")
    async def logout(request: Request) -> Response:
        """Ends the sign-in."""
        if "authorization" not in request.headers:
            check_origin(request)
        await operators.sign_out(await operators.identify(request))
        response = RedirectResponse("/login", status_code=303)
        response.delete_cookie(COOKIE, path="/")
        return response

    return router
