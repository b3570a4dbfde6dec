"""Signing up, in and out: the same for the REST API and the pages."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from email_validator import EmailNotValidError, validate_email

from api.public.parts import Parts
from api.throttle import sign_in_limits, sign_up_limits
from api.tokens import Identity, not_signed_in
from coco.errors import CocoError, Code, InvalidInput, Refused
from coco.regions import Elsewhere
from store import accounts
from store.tables import utc_now

log = logging.getLogger("coco.api")


@dataclass(frozen=True)
class SignedIn:
    """A session's tokens, as the caller keeps them."""

    user_id: UUID
    session_id: UUID
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    access_seconds: int
    refresh_expires: datetime


async def sign_up(parts: Parts, *, email: str, name: str, password: str, address: str) -> SignedIn:
    """A new account of this region, signed in. Raises InvalidInput, Conflict, TooManyRequests.

    Another region is chosen at that region's own address, so that nothing of its tenant comes here, not even the name.
    """
    try:
        email = validate_email(email.strip(), check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        raise InvalidInput(f"email: {error}") from error
    name = name.strip()
    if len(name) > 200 or any(ord(c) < 32 for c in name):
        raise InvalidInput("name: at most 200 characters on one line")
    limits = sign_up_limits(address)
    parts.throttle.check(limits)
    password_hash = await parts.passwords.hash(password)
    parts.throttle.count(limits)
    if parts.directory is not None and parts.settings.region is not None:
        # First: of two sign-ups at once in two regions, one goes on. Left behind, it lets this region alone try again.
        await parts.directory.claim(email, parts.settings.region)
    user_id = await accounts.sign_up(parts.database, parts.master, email=email, name=name, password_hash=password_hash)
    return await _open(parts, user_id, address)


async def sign_in(parts: Parts, *, email: str, password: str, address: str) -> SignedIn:
    """A new session. Raises Refused (UNAUTHENTICATED) alike for a wrong password and an unknown address."""
    email = email.strip().lower()
    limits = sign_in_limits(email, address)
    parts.throttle.check(limits)
    found = await accounts.credentials(parts.database, email) if "\0" not in email else None
    if not await parts.passwords.matches(password, found.password_hash if found else None) or found is None:
        parts.throttle.count(limits)
        if found is not None:
            async with parts.writing(found.user_id) as session:
                await accounts.note_failed_sign_in(session, found.user_id, address)
        else:
            await _refuse_of_another_region(parts, email)
        raise Refused("This address and password do not go together.", code=Code.UNAUTHENTICATED)
    parts.throttle.clear(limits[0])
    if parts.passwords.needs_rehash(found.password_hash):
        renewed = await parts.passwords.hash(password)
        async with parts.writing(found.user_id) as session:
            await accounts.set_password_hash(session, found.user_id, renewed)
    return await _open(parts, found.user_id, address)


async def _refuse_of_another_region(parts: Parts, email: str) -> None:
    """Raises Refused (WRONG_REGION) with where to go, where an address without account here has one elsewhere.

    Without the directory, nobody with an account here is kept out: the answer is that of an unknown address.
    """
    if parts.directory is None or "\0" in email:
        return
    try:
        region = await parts.directory.find(email)
    except CocoError:
        log.warning("a sign-in could not be routed: the directory does not answer")
        return
    if region is not None and region != parts.settings.region and region in parts.settings.all_regions:
        raise Elsewhere(parts.settings.all_regions[region].url)


async def refresh(parts: Parts, token: str) -> SignedIn:
    """New tokens for a refresh token, which is used up by it.

    Raises Refused (UNAUTHENTICATED); a token that was used before ends its session for everybody who holds it.
    """
    shown = parts.tokens.parse_refresh(token)
    following, following_sha256 = parts.tokens.refresh(shown.user_id, shown.session_id)
    expires = utc_now() + timedelta(days=parts.settings.refresh_days)
    async with parts.writing(shown.user_id) as session:
        rotated = await accounts.rotate(
            session, shown.user_id, shown.session_id, shown.sha256, following_sha256, expires
        )
    if not rotated:
        raise not_signed_in()
    return _signed_in(parts, shown.user_id, shown.session_id, following, expires)


async def sign_out(parts: Parts, identity: Identity) -> None:
    """Ends the session: its access tokens, its refresh token and its open feeds with it."""
    async with parts.writing(identity.user_id) as session:
        await accounts.end_session(session, identity.user_id, identity.session_id)


async def _open(parts: Parts, user_id: UUID, address: str) -> SignedIn:
    session_id = uuid4()
    token, token_sha256 = parts.tokens.refresh(user_id, session_id)
    expires = utc_now() + timedelta(days=parts.settings.refresh_days)
    async with parts.writing(user_id) as session:
        await accounts.open_session(session, user_id, session_id, token_sha256, expires, address)
    return _signed_in(parts, user_id, session_id, token, expires)


def _signed_in(parts: Parts, user_id: UUID, session_id: UUID, token: str, expires: datetime) -> SignedIn:
    return SignedIn(
        user_id=user_id,
        session_id=session_id,
        access=parts.tokens.access(user_id, session_id),
        refresh=token,
        access_seconds=parts.tokens.access_seconds,
        refresh_expires=expires,
    )
