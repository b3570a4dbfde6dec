"""Asking for the password again, where a sign-in alone is not enough: somebody else may hold it."""

from __future__ import annotations

from api.public.parts import Parts
from api.throttle import sign_in_limits
from api.tokens import Identity
from coco.errors import Code, Refused
from store import accounts


async def check_password(parts: Parts, identity: Identity, password: str, address: str, *, undone: str) -> None:
    """Raises Refused (FORBIDDEN) for a wrong password, which the account's audit entries then have; `undone` says what
    was not done ("nothing was deleted"). Raises TooManyRequests after several."""
    async with parts.reading(identity.user_id) as session:
        email = (await accounts.profile(session, identity.user_id)).email
    limits = sign_in_limits(email, address)
    parts.throttle.check(limits)
    found = await accounts.credentials(parts.database, email)
    if not await parts.passwords.matches(password, found.password_hash if found else None):
        parts.throttle.count(limits)
        async with parts.writing(identity.user_id) as session:
            await accounts.note_failed_sign_in(session, identity.user_id, address)
        raise Refused(f"This is not the account's password; {undone}.", code=Code.FORBIDDEN)
