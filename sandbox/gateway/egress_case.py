"""A grant and everything it is compared with. What does not change over time is checked here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from jose import jwt
from jose.exceptions import JOSEError
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from activities.connectors.base import Connector, GatedOperation
from activities.connectors.granted import check_granted
from activities.connectors.registry import connector
from coco.actions import Action, ActionState
from coco.connections import check_usable
from coco.credits import within_cap
from coco.errors import Code, InvalidInput, NotFound, Refused
from coco.gateway_protocol import SendReply, SendRequest
from coco.grants import GrantClaims, check_covers, verify
from coco.requests import ProviderResponse
from sandbox.gateway.delivery.link import check_headers
from sandbox.gateway.delivery.smtp_link import envelope
from store.owned import own
from store.runs import FINAL_RUN_STATES, get_run
from store.tables import ActionRow, Connection, DriftRow, EffectRow, GrantRow, Run


def read_grant(token: str, public_key: str) -> tuple[GrantClaims, bool]:
    """The claims of a genuine grant, and whether its time is over.

    Raises Refused (GRANT_MISSING, GRANT_INVALID). An expired grant opens nothing; it may still fetch a kept response.
    """
    if not token:
        raise Refused("a write came without a grant", code=Code.GRANT_MISSING)
    try:
        return verify(token, public_key), False
    except Refused as error:
        if error.code is not Code.GRANT_EXPIRED:
            raise
    try:
        issued = jwt.get_unverified_claims(token).get("iat")
    except JOSEError as error:
        raise Refused("the grant is not one that Coco signed", code=Code.GRANT_INVALID) from error
    if not isinstance(issued, int):
        raise Refused("the grant's claims are malformed", code=Code.GRANT_INVALID)
    # The signature and every other claim are verified as at the moment of issue.
    return verify(token, public_key, now=float(issued)), True


@dataclass(frozen=True)
class Case:
    """The rows that a grant is about, as they are now."""

    claims: GrantClaims
    expired: bool
    row: ActionRow
    run: Run
    connection: Connection
    grant: GrantRow
    effect: EffectRow | None
    drift: DriftRow | None
    action: Action

    @property
    def connector(self) -> Connector:
        return connector(self.connection.connector)

    @property
    def operation(self) -> GatedOperation[Any]:
        return self.connector.gated(self.action.operation)

    def kept_reply(self) -> SendReply | None:
        """What a repeated call is told without anything being sent. Raises Refused (GRANT_SPENT, GRANT_EXPIRED)."""
        if self.drift is not None:
            return SendReply(state="drifted")
        if self.effect is None or self.effect.state == "turned_away":
            its_own = self.effect is not None and self.effect.jti == self.claims.jti
            if self.grant.spent_at is not None and not its_own:
                raise Refused("the grant was spent before", code=Code.GRANT_SPENT)
            if self.expired:
                raise Refused("the grant has expired", code=Code.GRANT_EXPIRED)
            return None
        if self.effect.jti != self.claims.jti:
            raise Refused("the action was sent with another grant", code=Code.GRANT_SPENT)
        response = None if self.effect.response is None else ProviderResponse.model_validate(self.effect.response)
        if self.effect.state == "done":
            return SendReply(state="done", response=response)
        if self.effect.state == "failed":
            return SendReply(state="failed", response=response)
        return None

    def check_open(self) -> None:
        """Raises Refused (RUN_CANCELLED, RUN_PAUSED, FORBIDDEN, CONNECTION_UNUSABLE) where none may begin now."""
        if self.run.cancel_requested_at is not None or self.run.state in FINAL_RUN_STATES:
            raise Refused("the run was cancelled or has ended", code=Code.RUN_CANCELLED)
        if self.run.paused_at is not None:
            raise Refused("the run is paused", code=Code.RUN_PAUSED)
        if self.row.state != ActionState.APPROVED:
            raise Refused("the action is not approved (any more)", code=Code.FORBIDDEN)
        check_usable(self.connection.state, gated=True)
        check_granted(self.connector, self.operation.route, self.connection.scopes)
        if self.action.prior is not None:
            check_granted(self.connector, self.connector.classify(self.action.prior.request), self.connection.scopes)


async def load(session: AsyncSession, user_id: UUID, claims: GrantClaims, expired: bool) -> Case:
    """Raises Refused (GRANT_MISMATCH, GRANT_INVALID) where the rows are not there or do not hold together."""
    try:
        row = await own(session, ActionRow, claims.action, user_id, "action")
        run = await get_run(session, user_id, row.run_id)
        connection = await own(session, Connection, row.connection_id, user_id, "connection")
    except NotFound as error:
        raise Refused("the grant is for another request", code=Code.GRANT_MISMATCH) from error
    grant = await session.get(GrantRow, claims.jti)
    if grant is None or grant.user_id != user_id:
        raise Refused("the grant is not one that was minted", code=Code.GRANT_INVALID)
    try:
        action = Action.model_validate(row.body)
    except ValidationError as error:
        raise Refused("the action on record is damaged", code=Code.GRANT_MISMATCH) from error
    return Case(
        claims=claims,
        expired=expired,
        row=row,
        run=run,
        connection=connection,
        grant=grant,
        effect=await session.get(EffectRow, row.id),
        drift=await session.get(DriftRow, row.id),
        action=action,
    )


def check_covered(case: Case, user_id: UUID, message: SendRequest) -> None:
    """Raises Refused unless the grant is for exactly this request of this user, and the request is what its action
    says it is. Raises InvalidInput for a message that could not be carried exactly."""
    claims, row, action, grant = case.claims, case.row, case.action, case.grant
    check_covers(
        claims,
        user=user_id,
        workflow=case.run.workflow_id,
        run=case.run.id,
        action=row.id,
        digest=action.digest(),
        prior=action.prior_digest(),
    )
    on_record = (grant.run_id, grant.action_id, grant.digest, grant.prior_digest, grant.credits)
    if on_record != (claims.run, claims.action, claims.digest, claims.prior, claims.credits):
        raise _mismatch()
    if int(grant.expires_at.timestamp()) != claims.exp or row.digest != claims.digest:
        raise _mismatch()
    # The request as it came, put in the place of the approved one, must make the very same action.
    if action.model_copy(update={"request": message.request}).digest() != claims.digest:
        raise _mismatch()
    if not (str(message.connection_id) == action.connection == str(row.connection_id)):
        raise _mismatch()
    if not (case.connection.connector == action.connector and row.operation == action.operation):
        raise _mismatch()
    _check_route(case)
    within_cap(action.credits, claims.credits)
    if message.request.protocol == "smtp":
        envelope(message.request)


def _check_route(case: Case) -> None:
    request, prior = case.action.request, case.action.prior
    check_headers(case.connector, request)
    route = case.connector.classify(request)
    try:
        operation = case.operation
    except InvalidInput as error:
        raise Refused("the action's operation is not in the manifest", code=Code.NOT_IN_MANIFEST) from error
    if route.access != "gated" or not operation.route.matches(request):
        raise Refused("the request is not the operation's", code=Code.NOT_IN_MANIFEST)
    if prior is not None and case.connector.classify(prior.request).access != "read":
        raise Refused("the prior value's request is no read", code=Code.NOT_IN_MANIFEST)


def _mismatch() -> Refused:
    return Refused("the grant is for another request", code=Code.GRANT_MISMATCH)
