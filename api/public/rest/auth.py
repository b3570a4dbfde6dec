"""Sign-up, sign-in, refresh, sign-out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from api.public import sessions
from api.public.identity import Address, BearerUser
from api.public.parts import PartsDep
from api.public.rest.models import Given, Told
from store import accounts

router = APIRouter(prefix="/auth", tags=["auth"])


class SignUp(Given):
    email: Annotated[str, Field(max_length=320)]
    password: Annotated[str, Field(max_length=1000, repr=False)]
    name: Annotated[str, Field(max_length=200)] = ""


class SignIn(Given):
    email: Annotated[str, Field(max_length=320)]
    password: Annotated[str, Field(max_length=1000, repr=False)]


class RefreshToken(Given):
    refresh_token: Annotated[str, Field(max_length=300, repr=False)]


class TokensOut(Told):
    """`access_token` goes into `Authorization: Bearer`; `refresh_token` is used once, at /auth/refresh."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105  (RFC 6749's name for the kind)
    expires_in: int
    """Seconds."""
    refresh_token: str
    refresh_expires_at: datetime
    user_id: UUID
    session_id: UUID


class Me(Told):
    user_id: UUID
    session_id: UUID
    email: str
    name: str
    is_operator: bool
    created_at: datetime


def _out(signed_in: sessions.SignedIn) -> TokensOut:
    return TokensOut(
        access_token=signed_in.access,
        expires_in=signed_in.access_seconds,
        refresh_token=signed_in.refresh,
        refresh_expires_at=signed_in.refresh_expires,
        user_id=signed_in.user_id,
        session_id=signed_in.session_id,
    )


class RegionOut(Told):
    id: str
    title: str
    url: str
    """Where to sign up for it; its accounts sign in there."""
    here: bool
    """Whether it is the region of this address."""


@router.get("/regions")
async def regions(parts: PartsDep) -> list[RegionOut]:
    """The regions that an account can live in, chosen by signing up at its address; none where there are no regions."""
    settings = parts.settings
    return [
        RegionOut(id=name, title=item.title, url=item.url, here=name == settings.region)
        for name, item in settings.all_regions.items()
    ]


@router.post("/sign-up", status_code=201)
async def sign_up(body: SignUp, parts: PartsDep, address: Address) -> TokensOut:
    """Makes an account, with 1,000 free credits, and signs it in."""
    return _out(
        await sessions.sign_up(parts, email=body.email, name=body.name, password=body.password, address=address)
    )


@router.post("/login")
async def login(body: SignIn, parts: PartsDep, address: Address) -> TokensOut:
    """Signs in."""
    return _out(await sessions.sign_in(parts, email=body.email, password=body.password, address=address))


@router.post("/refresh")
async def refresh(body: RefreshToken, parts: PartsDep) -> TokensOut:
    """New tokens for a refresh token. Using one twice ends the session."""
    return _out(await sessions.refresh(parts, body.refresh_token))


@router.post("/logout", status_code=204)
async def logout(user: BearerUser, parts: PartsDep) -> None:
    """Ends this session, its tokens and its open feeds."""
    await sessions.sign_out(parts, user)


@router.get("/me")
async def me(user: BearerUser, parts: PartsDep) -> Me:
    """Who is signed in."""
    async with parts.reading(user.user_id) as session:
        found = await accounts.profile(session, user.user_id)
    return Me(
        user_id=found.id,
        session_id=user.session_id,
        email=found.email,
        name=found.name,
        is_operator=found.is_operator,
        created_at=found.created_at,
    )
