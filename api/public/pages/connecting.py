"""Connections: connecting an account by a key, a team's key or a sign-in, and giving another key."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, RedirectResponse, Response

from activities.connectors.base import Connector
from activities.connectors.granted import minimum, needed_to_check, plainly
from activities.connectors.registry import connector
from api.errors import status_of
from api.public import connecting, oauth
from api.public.pages import integrations
from api.public.pages.render import own_page, page
from api.public.pages.visitor import OwnForm, Visitor, VisitorDep, text_of
from coco.errors import CocoError, Refused
from store import connections, credentials, oauth_flows
from store.tables import Connection

router = APIRouter(include_in_schema=False)

SETTINGS = {"smtp": (("from_address", "Sender address", True), ("from_name", "Sender name", False))}
"""Settings a connector's form asks for: (name, label, required)."""
Code = Annotated[str, Query(max_length=4096)]
State = Annotated[str, Query(max_length=200)]


# -- a new one -----------------------------------------------------------------------------------------------------


async def _connection_form(
    request: Request,
    visitor: Visitor,
    name: str,
    values: dict[str, str],
    *,
    ticked: list[str] | None = None,
    status: int = 200,
    problem: str = "",
) -> HTMLResponse:
    kind = connector(name)
    return await own_page(
        request,
        visitor,
        "connection_new.html",
        here="connections",
        status=status,
        problem=problem,
        kind=kind,
        values=values,
        asked=SETTINGS.get(kind.name, ()),
        gated=[item for item in kind.operations.values() if item.route.access == "gated"],
        signs_in=oauth.client_of(kind.name) is not None,
        feed="",
        **_scope_choices(kind, ticked),
    )


def _scope_choices(kind: Connector, ticked: list[str] | None) -> dict[str, object]:
    """What the form offers: the minimum is ticked for a person who has not chosen."""
    needed = needed_to_check(kind)
    return {
        "scopes": kind.scopes,
        "ticked": {*(minimum(kind) if ticked is None else ticked), *needed},
        "needed": needed,
    }


def _ticked(form: FormData, kind: Connector) -> list[str]:
    """The scopes of a form. What a credential is checked with is fixed there, so browsers do not send it."""
    return [*{*(str(item) for item in form.getlist("scope")), *needed_to_check(kind)}]


@router.get("/connections/new")
async def new_connection_form(
    request: Request, visitor: VisitorDep, connector: Annotated[str, Query(max_length=80)]
) -> HTMLResponse:
    """The form of one connector."""
    return await _connection_form(request, visitor, connector, {})


@router.post("/connections/new")
async def new_connection(request: Request, form: OwnForm, visitor: VisitorDep) -> Response:
    """Connects the account: by the key, which goes to the visitor's sandbox and is never shown again, by a team's, or
    by a sign-in at the provider, to which the answer leads."""
    name = text_of(form, "connector")
    kind = connector(name)
    asked = SETTINGS.get(kind.name, ())
    given = {field: text_of(form, field).strip() for field, _, _ in asked}
    # Never the secret: a form that comes back asks for it anew.
    values = {field: text_of(form, field) for field in ("title", "base_url", "username", "team", "read_only")} | given
    ticked = _ticked(form, kind)
    try:
        what = connecting.wanted(
            name,
            title=values["title"],
            base_url=values["base_url"],
            settings={field: value for field, value in given.items() if value},
            scopes=ticked,
            read_only=bool(values["read_only"]),
        )
        if text_of(form, "by") == "sign_in":
            begun = await oauth.begin(visitor.parts, visitor.identity, what)
            return await _leaving(request, visitor, kind, what.scopes, begun)
        if text_of(form, "by") == "team":
            row = await connecting.connect_team(visitor.parts, visitor.user_id, what, team=values["team"])
        else:
            row = await connecting.connect(
                visitor.parts,
                visitor.user_id,
                what,
                secret=text_of(form, "secret"),
                username=values["username"],
            )
    except CocoError as error:
        status = status_of(error)
        return await _connection_form(
            request, visitor, name, values, ticked=ticked, status=status, problem=error.message
        )
    return _shown(row)


def _shown(row: Connection) -> Response:
    return RedirectResponse(f"/connections#connection-{row.id}", status_code=303)


# -- another key ---------------------------------------------------------------------------------------------------


async def _credential_form(
    request: Request,
    visitor: Visitor,
    connection_id: UUID,
    *,
    ticked: list[str] | None = None,
    status: int = 200,
    problem: str = "",
) -> HTMLResponse:
    async with visitor.parts.reading(visitor.user_id) as session:
        row = await connections.get(session, visitor.user_id, connection_id)
        attempt = (await credentials.latest(session, visitor.user_id, connection_id)).get(connection_id)
    kind = connector(row.connector)
    return await own_page(
        request,
        visitor,
        "connection_credential.html",
        here="connections",
        status=status,
        problem=problem,
        connection=row,
        attempt=attempt,
        kind=kind,
        signs_in=oauth.client_of(kind.name) is not None,
        feed="",
        **_scope_choices(kind, row.scopes if ticked is None else ticked),
    )


@router.get("/connections/{connection_id}/credential")
async def credential_form(request: Request, connection_id: UUID, visitor: VisitorDep) -> HTMLResponse:
    """The form for another key, or for signing in again."""
    return await _credential_form(request, visitor, connection_id)


@router.post("/connections/{connection_id}/credential")
async def credential(request: Request, connection_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Another key takes the old one's place once the provider has accepted it; what runs goes on."""
    async with visitor.parts.reading(visitor.user_id) as session:
        row = await connections.get(session, visitor.user_id, connection_id)
    kind = connector(row.connector)
    ticked = _ticked(form, kind)
    try:
        if text_of(form, "by") == "sign_in":
            what = connecting.wanted(
                row.connector, title=row.title, base_url=row.base_url, settings=row.settings, scopes=ticked
            )
            begun = await oauth.begin(visitor.parts, visitor.identity, what, row.id)
            return await _leaving(request, visitor, kind, what.scopes, begun)
        row, attempt = await connecting.replace_credential(
            visitor.parts,
            visitor.user_id,
            connection_id,
            secret=text_of(form, "secret"),
            username=text_of(form, "username"),
            scopes=ticked,
        )
    except CocoError as error:
        status = status_of(error)
        return await _credential_form(
            request, visitor, connection_id, ticked=ticked, status=status, problem=error.message
        )
    if attempt.state not in {"pending", *credentials.ACCEPTED}:
        problem = f"The key was not kept. {attempt.reason}"
        return await _credential_form(request, visitor, connection_id, ticked=ticked, status=409, problem=problem)
    return _shown(row)


# -- signing in at a provider --------------------------------------------------------------------------------------


async def _leaving(
    request: Request, visitor: Visitor, kind: Connector, scopes: list[str], begun: oauth.Begun
) -> HTMLResponse:
    # A page with a link, not a redirect: the content security policy lets our forms lead nowhere else.
    return await own_page(
        request,
        visitor,
        "oauth_leaving.html",
        here="connections",
        kind=kind,
        asked=plainly(kind, scopes),
        begun=begun,
        feed="",
    )


@router.get(oauth.CALLBACK)
async def callback(code: Code = "", state: State = "", error: Annotated[str, Query(max_length=200)] = "") -> Response:
    """Where a provider sends the browser back to. Coming from another site it brings no sign-in along (the cookies
    are SameSite=Strict), so this page only leads to the next one, of our own."""
    return page("oauth_back.html", code=code, state=state, denied=bool(error) or not code)


@router.get("/connections/oauth/finish")
async def finish_form(
    request: Request, visitor: VisitorDep, code: Code = "", state: State = "", denied: bool = False
) -> HTMLResponse:
    """What was agreed to, and the button that connects: a GET changes nothing."""
    digest = oauth.digest_of(state)
    async with visitor.parts.reading(visitor.user_id) as session:
        flow = await oauth_flows.waiting(session, visitor.user_id, visitor.identity.session_id, digest)
    kind = None if flow is None else connector(flow.connector)
    return await own_page(
        request,
        visitor,
        "oauth_finish.html",
        here="connections",
        problem=oauth.NOT_YOURS if flow is None else "",
        kind=kind,
        asked="" if flow is None or kind is None else plainly(kind, flow.scopes),
        denied=denied or not code,
        code=code,
        state=state,
        feed="",
    )


@router.post("/connections/oauth/finish")
async def finish(request: Request, form: OwnForm, visitor: VisitorDep) -> Response:
    """Hands what the provider sent back to the visitor's sandbox, for the gateway to exchange."""
    try:
        row = await oauth.finish(
            visitor.parts, visitor.identity, code=text_of(form, "code"), state=text_of(form, "state")
        )
    except Refused as error:
        return await integrations.list_page(request, visitor, status=status_of(error), problem=error.message)
    return _shown(row)
