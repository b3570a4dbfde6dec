"""Who calls: from the verified token alone, and only while its session's row says so."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection

from api.public.parts import Parts, PartsDep
from api.tokens import Identity, not_signed_in
from store import accounts

_BEARER = HTTPBearer(auto_error=False, description="An access token from POST /api/v1/auth/login.")


async def verified(parts: Parts, token: str) -> Identity:
    """The caller behind an access token. Raises Refused (UNAUTHENTICATED)."""
    identity = parts.tokens.verified(token)
    async with parts.reading(identity.user_id) as session:
        if not await accounts.is_live(session, identity.user_id, identity.session_id):
            raise not_signed_in()
    return identity


async def _bearer(parts: PartsDep, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> Identity:
    if given is None:
        raise not_signed_in()
    return await verified(parts, given.credentials)


BearerUser = Annotated[Identity, Depends(_bearer)]


def address_of(connection: HTTPConnection) -> str:
    """The caller's address, for throttling and the audit."""
    return connection.client.host if connection.client else "unknown"


def address_dep(request: Request) -> str:
    return address_of(request)


Address = Annotated[str, Depends(address_dep)]
