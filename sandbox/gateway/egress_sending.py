"""Sending an approved action: at most once, on the state it was approved on.

What a retried call gets is what was kept. Nothing here ever sends an action a second time: the effect's primary key is
the action's id, so the database would refuse even if this code were wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass, replace
from typing import Any, NoReturn
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from activities.connectors.base import Connector, GatedOperation
from coco.actions import ActionState, prior_digest
from coco.errors import CocoError, Code, Conflict, InvalidInput, Refused
from coco.gateway_protocol import Credential, FetchActionReply, FetchActionRequest, SendReply, SendRequest
from coco.grants import GrantClaims
from coco.requests import PreparedRequest, ProviderResponse
from sandbox.gateway import egress_case
from sandbox.gateway.carrying import About, Carrier, pause_of
from sandbox.gateway.delivery.link import Delivery, Link
from sandbox.gateway.egress_case import Case, check_covered, read_grant
from sandbox.gateway.egress_messages import Notes
from sandbox.gateway.egress_planning import described
from sandbox.gateway.limits import Slots
from sandbox.gateway.reasons import where
from store import effects, reads
from store.calls import Kind
from store.database import Database
from store.owned import own
from store.runs import FINAL_RUN_STATES, get_run
from store.tables import ActionRow, EffectRow

log = logging.getLogger(__name__)

KEEP_TRIES = 8
"""Tries to keep a response, over about a minute; after that its outcome counts as unknown."""
STALE_SECONDS = 600.0
"""How long an effect whose sender died waits for its retried call."""
SPARE_READS = 2000
"""Reads of prior values that a run may make beyond those of its planning."""
MAX_AT_ONCE = 40
"""Sendings at once of one gateway; each holds a database connection for its lock."""


@dataclass(frozen=True)
class _Prior:
    value: dict[str, Any] | None
    read_id: UUID


def judged(operation: GatedOperation[Any], delivery: Delivery) -> Delivery:
    """The delivery, with a success that is none by the operation's own reading (a failure told with status 200)."""
    if delivery.state != "done" or delivery.response is None:
        return delivery
    succeeded = operation.succeeded(delivery.response)
    if succeeded is True:
        return delivery
    if succeeded is False:
        return replace(delivery, state="failed", detail={**delivery.detail, "problem": "the provider refused it"})
    return replace(delivery, state="unknown", detail={"problem": "the answer does not tell"} | delivery.detail)


class Sending:
    """One per gateway."""

    def __init__(self, database: Database, public_key: str, carrier: Carrier, seconds: float) -> None:
        self._db = database
        self._public_key = public_key
        self._carrier = carrier
        self._seconds = seconds
        self._under_way: dict[UUID, asyncio.Task[SendReply]] = {}
        self._room = asyncio.Semaphore(MAX_AT_ONCE)

    async def fetch_action(self, user_id: UUID, message: FetchActionRequest, notes: Notes) -> FetchActionReply:
        """The exact approved action. Raises NotFound, Refused (RUN_CANCELLED), Conflict."""
        async with self._db.user(user_id) as session:
            row = await own(session, ActionRow, message.action_id, user_id, "action")
            run = await get_run(session, user_id, row.run_id)
            effect = await session.get(EffectRow, row.id)
        begun = effect is not None and effect.state != "turned_away"
        notes.run_id, notes.action_id = run.id, row.id
        # What has begun is seen through, whatever became of its run: the caller hears how it ended.
        if not begun and (run.cancel_requested_at is not None or run.state in FINAL_RUN_STATES):
            raise Refused("the run was cancelled or has ended", code=Code.RUN_CANCELLED)
        if row.state != ActionState.APPROVED:
            raise Conflict("the action is not approved (any more)")
        return FetchActionReply(
            action_id=row.id,
            connection_id=row.connection_id,
            connector=row.body["connector"],
            request=row.body["request"],
        )

    async def send(self, user_id: UUID, message: SendRequest, notes: Notes, slots: Slots) -> SendReply:
        """Sends it, or says what became of it.

        Raises Refused with the code of the rule that forbids it, InvalidInput, Later and CocoError (UNAVAILABLE:
        nothing took effect by this call, and the same call may be made again), limits.Busy.
        """
        notes.detail |= {
            "action": str(message.action_id),
            "connection": str(message.connection_id),
            **described(message.request),
        }
        claims, expired = read_grant(message.grant, self._public_key)
        if claims.user != user_id or claims.action != message.action_id:
            raise Refused("the grant is for another request", code=Code.GRANT_MISMATCH)
        notes.run_id, notes.action_id = claims.run, claims.action
        case = await self._load(user_id, claims, expired)
        check_covered(case, user_id, message)
        kept = case.kept_reply()
        if kept is not None:
            return kept
        earlier = self._under_way.get(claims.action)
        if earlier is not None:
            await asyncio.wait({earlier}, timeout=2 * self._seconds)
            kept = (await self._load(user_id, claims, expired)).kept_reply()
            if kept is not None:
                return kept
            if claims.action in self._under_way:
                raise CocoError("the action is being sent", code=Code.UNAVAILABLE)
        # From here on it goes on even if the caller goes away: a request half sent cannot be taken back. Its slot
        # goes with it, so that callers who leave do not make room for more.
        task = asyncio.create_task(self._alone(user_id, message, claims, expired, slots))
        self._under_way[claims.action] = task
        task.add_done_callback(lambda done: self._finished(claims.action, done))
        return await asyncio.shield(task)

    async def sweep(self, user_id: UUID) -> None:
        """Marks as unknown what has been `sending` for long while nobody is sending it.

        Late on purpose: until then a retried call, which brings the credential that a read-back needs, may settle it.
        """
        async with self._db.user(user_id) as session:
            stale = await effects.stale(session, user_id, STALE_SECONDS)
        for action_id in stale:
            with contextlib.suppress(CocoError):
                async with effects.sending_lock(self._db.dsn, action_id, 0.05), self._db.user(user_id) as session:
                    await effects.give_up(session, user_id, action_id)
                log.warning("action=%s: nobody came back for it; its outcome is unknown", action_id)

    async def close(self) -> None:
        """Waits for what is under way; what takes longer is left to be found `sending` by the retried call."""
        if self._under_way:
            await asyncio.wait(set(self._under_way.values()), timeout=3 * self._seconds)

    def _finished(self, action_id: UUID, task: asyncio.Task[SendReply]) -> None:
        del self._under_way[action_id]
        if not task.cancelled():
            task.exception()  # the caller may be gone; it has been logged or is raised to whoever waits

    async def _load(self, user_id: UUID, claims: GrantClaims, expired: bool) -> Case:
        async with self._db.user(user_id) as session:
            return await egress_case.load(session, user_id, claims, expired)

    async def _alone(
        self, user_id: UUID, message: SendRequest, claims: GrantClaims, expired: bool, slots: Slots
    ) -> SendReply:
        """While nobody else, on any gateway, is about this action."""
        wait = 2 * self._seconds
        with slots.one():
            async with self._room, effects.sending_lock(self._db.dsn, claims.action, wait):
                return await self._while_locked(user_id, message, claims, expired)

    async def _while_locked(self, user_id: UUID, message: SendRequest, claims: GrantClaims, expired: bool) -> SendReply:
        case = await self._load(user_id, claims, expired)
        kept = case.kept_reply()
        if kept is not None:
            return kept
        if case.effect is not None and case.effect.state != "turned_away":
            return await self._settle(user_id, case, message.credential)
        case.check_open()
        if case.action.prior is not None:
            prior = await self._prior(user_id, case, message.credential)
            if prior_digest(prior.value) != claims.prior:
                async with self._db.user(user_id) as session:
                    await effects.drifted(session, user_id, claims, prior.read_id)
                log.info("action=%s drifted; nothing was sent", claims.action)
                return SendReply(state="drifted")
        about = _about(case, "send", case.action.request)
        # From opening the link to the answer: whoever revokes the connection waits until this is over, or was first.
        async with self._carrier.leaving(about, message.credential, gated=True) as link:
            async with self._db.user(user_id) as session:
                await effects.begin(session, user_id, claims, message.request.digest())
            started = time.monotonic()
            delivery = await self._deliver(link, case, message)
        log.info("action=%s sent: %s", claims.action, delivery.state)
        await self._keep(user_id, claims, delivery, about, time.monotonic() - started)
        if delivery.state == "turned_away":
            await self._turned_away(about, message.credential, delivery, time.monotonic() - started)
        if delivery.state == "unknown":
            return await self._settle(user_id, await self._load(user_id, claims, expired), message.credential)
        return SendReply(state=delivery.state, response=delivery.response)

    async def _deliver(self, link: Link, case: Case, message: SendRequest) -> Delivery:
        try:
            delivery = judged(case.operation, await link.send(message.request, self._seconds))
            return turned_away(case.connector, delivery)
        except Exception as error:
            # A fault of ours in the middle of a sending tells nothing about the provider.
            log.error("sending action=%s: %s at %s", message.action_id, type(error).__name__, where(error))
            return Delivery("unknown", None, {"problem": "an internal error while sending"})

    async def _turned_away(self, about: About, credential: Credential, delivery: Delivery, seconds: float) -> NoReturn:
        """The provider did not take it, and said why: later, or never with this credential. It is open as before."""
        response = delivery.response
        assert response is not None
        if about.connector.credential_refused(response):
            await self._carrier.refused(about, credential, response.status, seconds)
            raise Refused("the provider turned the credential down", code=Code.CONNECTION_UNUSABLE)
        raise await self._carrier.throttled(about, response.status, pause_of(about.connector, response), seconds)

    async def _keep(
        self,
        user_id: UUID,
        claims: GrantClaims,
        delivery: Delivery,
        about: About | None = None,
        seconds: float = 0.0,
    ) -> None:
        """Keeps what became of it; with `about`, the call's line in the log and what the answer says of the pace."""
        for attempt in range(KEEP_TRIES):
            try:
                async with self._db.user(user_id) as session:
                    await effects.keep(
                        session, user_id, claims, delivery.state, delivery.response, dict(delivery.detail)
                    )
                    # What was turned away gets its line where that is dealt with.
                    if about is not None and delivery.state != "turned_away":
                        await self._carrier.sent(session, about, delivery, seconds)
                return
            except (SQLAlchemyError, OSError) as error:
                log.error("the outcome of action=%s is not kept yet: %s", claims.action, type(error).__name__)
                await asyncio.sleep(min(15, 0.25 * 2**attempt))
        raise CocoError("the outcome could not be kept", code=Code.UNAVAILABLE)

    async def _settle(self, user_id: UUID, case: Case, credential: Credential) -> SendReply:
        """An outcome that nobody knows: marked so, then settled by reading back where the operation can tell."""
        assert case.effect is not None
        detail = dict(case.effect.detail)
        if case.effect.state == "sending":
            detail = {"problem": effects.SENDER_DIED}
            await self._keep(user_id, case.claims, Delivery("unknown", None, detail))
        response = None if case.effect.response is None else ProviderResponse.model_validate(case.effect.response)
        read_id = await self._applied(user_id, case, credential)
        if read_id is None:
            return SendReply(state="unknown", response=response)
        detail |= {"settled_by": "read-back", "read": str(read_id)}
        await self._keep(user_id, case.claims, Delivery("done", response, detail))
        log.info("action=%s was seen to have taken effect", case.claims.action)
        return SendReply(state="done", response=response)

    async def _applied(self, user_id: UUID, case: Case, credential: Credential) -> UUID | None:
        """The read that shows the change, or None where none does."""
        # Once it is recorded as unknown it is a person's to settle.
        if case.action.prior is None or case.row.state != ActionState.APPROVED:
            return None
        with contextlib.suppress(CocoError, SQLAlchemyError, OSError):
            now = await self._prior(user_id, case, credential)
            operation = case.operation
            if operation.applied(operation.parse(case.row.arguments), now.value):
                return now.read_id
        return None

    async def _prior(self, user_id: UUID, case: Case, credential: Credential) -> _Prior:
        """The record's value now, by a read that is kept.

        Raises Later or CocoError (UNAVAILABLE) where another try may work, Refused (CONNECTION_UNUSABLE) where the
        provider turns the credential down or the connection lost its rights, FORBIDDEN where the credential may not
        read it), InvalidInput where it answers something else.
        """
        assert case.action.prior is not None
        request = case.action.prior.request
        async with self._db.user(user_id) as session:
            await reads.check_room(session, case.run.id, spare=SPARE_READS)
        read_id, response = await self._carrier.read(_about(case, "prior", request), request, credential)
        if response.status == 403:
            raise Refused("the provider does not let the credential read the record", code=Code.FORBIDDEN)
        operation = case.operation
        try:
            value = operation.prior(operation.parse(case.row.arguments), response)
        except InvalidInput as error:
            raise InvalidInput("the record's current value cannot be read") from error
        return _Prior(value, read_id)


def _about(case: Case, kind: Kind, request: PreparedRequest) -> About:
    return About(
        user_id=case.row.user_id,
        connection=case.connection,
        connector=case.connector,
        route=case.connector.classify(request),
        kind=kind,
        run_id=case.run.id,
        action_id=case.row.id,
    )


def turned_away(connector: Connector, delivery: Delivery) -> Delivery:
    """A refusal that is about the credential or the rate, and not about the request.

    A refused credential means that nothing was looked at. A 429 (or what the provider says instead) means so where the
    provider documents it; elsewhere the request may have been carried out, and what became of it is unknown.
    """
    response = delivery.response
    if delivery.state != "failed" or response is None:
        return delivery
    if connector.protocol == "http" and connector.credential_refused(response):
        return replace(delivery, state="turned_away", detail=delivery.detail | {"problem": "the key was refused"})
    if connector.protocol == "http" and connector.limited(response):
        limit = connector.rate_limit
        certain = limit is not None and limit.not_carried_out
        problem = "the provider wants to be asked later"
        return replace(
            delivery, state="turned_away" if certain else "unknown", detail=delivery.detail | {"problem": problem}
        )
    return delivery
