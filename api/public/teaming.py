"""What a person does in teams that is more than one call of the store: the same for the REST API and the pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from sqlalchemy.exc import IntegrityError

from api.public.deciding import KEY_USED, derived_id
from api.public.oauth import own_origin
from api.public.parts import Parts
from coco.errors import Conflict, InvalidInput
from coco.teams import Role
from store import runs, team_invitations, team_runs
from store.tables import Run


@dataclass(frozen=True)
class Invited:
    """An invitation that was made. Its token is told this once."""

    id: UUID
    email: str
    role: Role
    token: str = field(repr=False)
    link: str = field(repr=False)
    """The page that accepts it. The token is behind `#`, which browsers send to no server."""


async def invite(parts: Parts, user_id: UUID, team_id: UUID, email: str, role: Role) -> Invited:
    """Invites an address. Nothing is sent: who invites passes the link on.

    Raises InvalidInput, NotFound, Refused (FORBIDDEN, TIER).
    """
    try:
        email = validate_email(email.strip(), check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        raise InvalidInput(f"email: {error}") from error
    async with parts.writing(user_id) as session:
        found, token = await team_invitations.invite(session, user_id, team_id, email, role)
    return Invited(found, email, role, token, f"{own_origin(parts)}/teams/join#{token}")


async def start(parts: Parts, user_id: UUID, team_id: UUID, workflow_id: UUID, idempotency_key: str | None) -> Run:
    """Starts a shared workflow; with the same idempotency key, the run that was started with it.

    Raises NotFound, InvalidInput, Refused (FORBIDDEN, TIER), and Conflict for an archived workflow or a key that
    started something else, be it a run of another person's.
    """
    run_id = derived_id(user_id, idempotency_key) if idempotency_key is not None else None
    # Where the same key came twice at once, the other one's run is found the second time.
    for _ in range(2):
        try:
            async with parts.writing(user_id) as session:
                return await team_runs.start(session, user_id, team_id, workflow_id, run_id=run_id)
        except IntegrityError as error:
            if run_id is None or not runs.is_taken(error):
                raise
    raise Conflict(KEY_USED)
