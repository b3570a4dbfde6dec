"""Who visits a page, and whether a form came from one of our pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import Depends, Request
from starlette.datastructures import FormData

from api.public.cookies import access_cookie, form_cookie
from api.public.identity import verified
from api.public.parts import Parts, PartsDep
from api.tokens import Identity
from coco.errors import Code, Refused
from coco.names import temporal_workflow_id
from store import accounts

MAX_FIELDS = 3000
"""A card's "approve all" carries one field per action."""


class SignInFirst(Exception):
    """A page of somebody's was asked for without a sign-in that holds."""


@dataclass(frozen=True)
class Visitor:
    """The signed-in person of a page."""

    parts: Parts
    identity: Identity
    name: str
    email: str

    @property
    def user_id(self) -> UUID:
        return self.identity.user_id

    @property
    def csrf(self) -> str:
        """The token that each of this visitor's forms carries."""
        return self.parts.tokens.form_token(str(self.identity.session_id))

    @property
    def expires(self) -> int:
        return self.identity.expires

    def temporal_link(self, run_id: UUID) -> str:
        """Where operators see a run of this visitor's in the Temporal UI; empty where there is none."""
        settings = self.parts.settings
        if not settings.temporal_ui_url:
            return ""
        workflow_id = quote(temporal_workflow_id(self.user_id, run_id), safe="")
        namespace = f"{settings.temporal_ui_url.rstrip('/')}/namespaces/{settings.temporal_namespace}"
        return f"{namespace}/workflows/{workflow_id}"


async def _visitor(request: Request, parts: PartsDep) -> Visitor:
    token = access_cookie(parts, request)
    if token is None:
        raise SignInFirst
    try:
        identity = await verified(parts, token)
    except Refused as error:
        raise SignInFirst from error
    async with parts.reading(identity.user_id) as session:
        user = await accounts.profile(session, identity.user_id)
    return Visitor(parts, identity, user.name or user.email.partition("@")[0], user.email)


VisitorDep = Annotated[Visitor, Depends(_visitor)]


def check_origin(parts: Parts, request: Request) -> None:
    """Refuses a form that another site sent. Raises Refused."""
    origin = request.headers.get("origin")
    if not parts.origins.is_own(origin):
        raise Refused("Nothing was changed: this form came from another site.", code=Code.FORBIDDEN)


async def _own_form(request: Request, visitor: VisitorDep) -> FormData:
    """A signed-in visitor's form, with its token checked."""
    check_origin(visitor.parts, request)
    form = await request.form(max_fields=MAX_FIELDS, max_files=0)
    _check_token(visitor.parts, form, str(visitor.identity.session_id))
    return form


async def _strangers_form(request: Request, parts: PartsDep) -> FormData:
    """A form before sign-in: its token is bound to a cookie that only our page could set."""
    check_origin(parts, request)
    form = await request.form(max_fields=20, max_files=0)
    _check_token(parts, form, form_cookie(parts, request) or "")
    return form


OwnForm = Annotated[FormData, Depends(_own_form)]
StrangersForm = Annotated[FormData, Depends(_strangers_form)]


def _check_token(parts: Parts, form: FormData, bound_to: str) -> None:
    token = form.get("csrf")
    if not bound_to or not isinstance(token, str) or not parts.tokens.is_form_token(token, bound_to):
        raise Refused("Nothing was changed: this form is out of date. Reload the page.", code=Code.FORBIDDEN)


def text_of(form: FormData, name: str) -> str:
    """A field's text, with the line ends that browsers send made plain."""
    value = form.get(name, "")
    return value.replace("\r\n", "\n") if isinstance(value, str) else ""
