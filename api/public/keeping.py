"""How long what is kept: the same for the REST API and the page."""

from __future__ import annotations

from collections.abc import Mapping

from api.public.parts import Parts
from api.public.passwords_again import check_password
from api.tokens import Identity
from coco.errors import Code, Refused
from coco.retention import Kept, checked
from store import retention


async def set_retention(
    parts: Parts, identity: Identity, wanted: Mapping[Kept, int | None], *, password: str, address: str
) -> None:
    """Sets days for what is named; None goes back to the installation's default, 0 keeps it.

    Keeping the content of audit entries for less long takes the password: whoever came by a sign-in would remove by it
    what they did. Raises InvalidInput, Refused (FORBIDDEN) for a wrong or missing password, TooManyRequests.
    """
    for kept, days in wanted.items():
        if days is not None:
            checked(kept, days)
    if Kept.AUDIT in wanted:
        async with parts.reading(identity.user_id) as session:
            term = (await retention.terms(session, identity.user_id, parts.settings.retention))[Kept.AUDIT]
        days = wanted[Kept.AUDIT]
        if _is_shorter(term.default if days is None else days, term.days):
            undone = "nothing was changed"
            if not password:
                raise Refused(
                    f"Keeping audit entries for less long takes your password; {undone}.", code=Code.FORBIDDEN
                )
            await check_password(parts, identity, password, address, undone=undone)
    async with parts.writing(identity.user_id) as session:
        await retention.set_terms(session, identity.user_id, wanted)


def _is_shorter(days: int, before: int) -> bool:
    return days != 0 and (before == 0 or days < before)
