"""Deleting one's account: the same for the REST API and the page."""

from __future__ import annotations

from api.public.parts import Parts
from api.public.passwords_again import check_password
from api.tokens import Identity
from coco.errors import InvalidInput
from store import accounts, erasing

LAST = "Your account is being deleted. You are signed out everywhere, and what was connected is not connected any more."


async def delete_account(parts: Parts, identity: Identity, *, password: str, confirm: str, address: str) -> None:
    """Has the caller's account deleted, for good. The control worker removes what is there; nobody is signed in now.

    `confirm` is the account's e-mail address, typed. Raises InvalidInput where it is another, Refused (FORBIDDEN) for a
    wrong password, TooManyRequests after several.
    """
    async with parts.reading(identity.user_id) as session:
        user = await accounts.profile(session, identity.user_id)
    if confirm.strip().lower() != user.email:
        raise InvalidInput("confirm: type the e-mail address of this account; nothing was deleted.")
    await check_password(parts, identity, password, address, undone="nothing was deleted")
    async with parts.writing(identity.user_id) as session:
        await erasing.ask(session, identity.user_id, identity.session_id)
