"""Sign-up, sign-in, sign-out, and carrying a sign-in on when its access token has expired."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from api.errors import TooManyRequests, describe
from api.public import sessions
from api.public.cookies import forget, form_cookie, refresh_cookie, remember, set_form_cookie
from api.public.identity import Address
from api.public.pages.render import page
from api.public.pages.visitor import OwnForm, StrangersForm, VisitorDep, check_origin, text_of
from api.public.parts import Parts, PartsDep
from coco.errors import CocoError, Code, Refused
from coco.regions import Elsewhere

router = APIRouter(include_in_schema=False)

Next = Annotated[str, Query(max_length=500)]


def local(target: str) -> str:
    """`target` where it is a path of ours, the inbox where it is anything else."""
    if (
        not target.startswith("/")
        or target.startswith(("//", "/session"))
        or "\\" in target
        or not target.isprintable()
    ):
        return "/"
    return target


def _form(request: Request, parts: Parts, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A form for somebody who is not signed in, bound to a cookie that no other site can set."""
    kept = form_cookie(parts, request)
    bound_to = kept or secrets.token_urlsafe(32)
    regions = [
        {"title": item.title, "url": item.url, "here": name == parts.settings.region}
        for name, item in parts.settings.all_regions.items()
    ]
    filled: dict[str, Any] = {"email": "", "name": "", "next": "/", "regions": regions, "elsewhere": ""} | context
    response = page(template, status=status, csrf=parts.tokens.form_token(bound_to), **filled)
    if kept is None:
        set_form_cookie(parts, response, bound_to)
    return response


@router.get("/login")
async def login_form(request: Request, parts: PartsDep, next: Next = "/") -> HTMLResponse:  # noqa: A002
    """The sign-in form."""
    return _form(request, parts, "login.html", next=local(next))


@router.post("/login")
async def login(request: Request, form: StrangersForm, parts: PartsDep, address: Address) -> Response:
    """Signs in, and goes where the visitor wanted to go."""
    email, target = text_of(form, "email"), local(text_of(form, "next"))
    try:
        signed_in = await sessions.sign_in(parts, email=email, password=text_of(form, "password"), address=address)
    except (CocoError, TooManyRequests) as error:
        status, _, message = describe(error)
        # A link, and no redirection of the form: what was typed here goes nowhere else.
        there = f"{error.url}/login" if isinstance(error, Elsewhere) else ""
        return _form(
            request, parts, "login.html", status=status, problem=message, email=email, next=target, elsewhere=there
        )
    response = RedirectResponse(target, status_code=303)
    remember(parts, response, signed_in)
    return response


@router.get("/sign-up")
async def sign_up_form(request: Request, parts: PartsDep) -> HTMLResponse:
    """The form for a new account."""
    return _form(request, parts, "sign_up.html")


@router.post("/sign-up")
async def sign_up(request: Request, form: StrangersForm, parts: PartsDep, address: Address) -> Response:
    """Makes an account and signs it in."""
    email, name = text_of(form, "email"), text_of(form, "name")
    try:
        signed_in = await sessions.sign_up(
            parts, email=email, name=name, password=text_of(form, "password"), address=address
        )
    except (CocoError, TooManyRequests) as error:
        status, _, message = describe(error)
        return _form(request, parts, "sign_up.html", status=status, problem=message, email=email, name=name)
    response = RedirectResponse("/", status_code=303)
    remember(parts, response, signed_in)
    return response


@router.get("/session/resume")
async def resume(request: Request, parts: PartsDep, next: Next = "/") -> Response:  # noqa: A002
    """Between an expired access token and the next one: asks for it by a form, since a GET changes nothing."""
    token = refresh_cookie(parts, request)
    try:
        shown = parts.tokens.parse_refresh(token or "")
    except Refused:
        return RedirectResponse("/login", status_code=303)
    return page("resume.html", csrf=parts.tokens.form_token(str(shown.session_id)), next=local(next))


@router.post("/session/refresh")
async def refresh(request: Request, parts: PartsDep) -> Response:
    """Replaces both cookies. A script asks with `Accept: application/json`, the form without."""
    check_origin(parts, request)
    form = await request.form(max_fields=5, max_files=0)
    scripted = request.headers.get("accept") == "application/json"
    try:
        token = refresh_cookie(parts, request) or ""
        shown = parts.tokens.parse_refresh(token)
        if not parts.tokens.is_form_token(text_of(form, "csrf"), str(shown.session_id)):
            raise Refused("Nothing was changed: this form is out of date. Reload the page.", code=Code.FORBIDDEN)
        signed_in = await sessions.refresh(parts, token)
    except Refused as error:
        if error.code is not Code.UNAUTHENTICATED:
            raise
        ended: Response = (
            JSONResponse({"expires": 0}, status_code=401) if scripted else RedirectResponse("/login", status_code=303)
        )
        forget(parts, ended)
        return ended
    response: Response
    if scripted:
        response = JSONResponse({"expires": parts.tokens.verified(signed_in.access).expires})
    else:
        response = RedirectResponse(local(text_of(form, "next")), status_code=303)
    remember(parts, response, signed_in)
    return response


@router.post("/session/sign-out")
async def sign_out(form: OwnForm, visitor: VisitorDep, parts: PartsDep) -> Response:
    """Ends the session everywhere it is used."""
    await sessions.sign_out(parts, visitor.identity)
    response = RedirectResponse("/login", status_code=303)
    forget(parts, response)
    return response
