"""Carrying a request to a provider, with what goes around it: its pace, its connection's state, its line in the log.

Every read goes through `Carrier.read`, and every sending through `Carrier.leaving`: so there is one place where a
connection's state is looked at right before something leaves, and one where a provider's word on a credential or on how
fast it may be asked is taken.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from activities.connectors.base import Connector, Route
from coco.errors import CocoError, Code, Later, Refused
from coco.gateway_protocol import Credential
from coco.keys import MasterKey
from coco.requests import PreparedRequest, ProviderResponse
from sandbox.gateway.delivery.addresses import AddressPolicy, Unreachable
from sandbox.gateway.delivery.link import Answer, CredentialRefused, Delivery, Link, ReadLink
from sandbox.gateway.delivery.opening import open_link
from sandbox.gateway.egress_credentials import to_use
from sandbox.gateway.leaving import Leaving
from sandbox.gateway.rate_headers import DEFAULT_SECONDS, pause_asked
from store import calls, credentials, pacing, reads, revoking
from store.calls import Kind, Outcome
from store.database import Database
from store.tables import Connection

T = TypeVar("T")

SLOW_DOWN = "the provider wants to be asked later"


@dataclass(frozen=True)
class About:
    """What a request is for."""

    user_id: UUID
    connection: Connection
    connector: Connector
    route: Route
    kind: Kind
    run_id: UUID | None = None
    action_id: UUID | None = None


class Carrier:
    """One per gateway."""

    def __init__(
        self, database: Database, master: MasterKey, policy: AddressPolicy, seconds: float, leaving: Leaving
    ) -> None:
        self._db = database
        self._master = master
        self._policy = policy
        self._seconds = seconds
        self._leaving = leaving

    @contextlib.asynccontextmanager
    async def leaving(self, about: About, credential: Credential, *, gated: bool) -> AsyncIterator[Link]:
        """An open link. Until the block ends (or the link says that all was written), whoever takes the connection's
        rights away waits; whoever did so before has the request refused here.

        Raises Refused (CONNECTION_UNUSABLE), Later (nothing was sent), CocoError (UNAVAILABLE).
        """
        connection = about.connection
        async with self._leaving.through(connection.id) as left:
            async with self._db.user(about.user_id) as session:
                await reads.usable(session, about.user_id, connection.id, gated=gated)
                used = await to_use(session, connection, about.connector, credential, self._master)
                wait, _ = await pacing.take(session, about.user_id, connection.id, _rate(about.connector))
            if wait > 0:
                raise Later(SLOW_DOWN, wait)
            started = time.monotonic()
            try:
                link = await open_link(about.connector, connection.base_url, used, self._policy, self._seconds)
            except Unreachable as error:
                raise await self.no_answer(about, str(error), time.monotonic() - started) from error
            except CredentialRefused as error:
                await self.refused(about, credential, None, time.monotonic() - started)
                raise CredentialRefused(error.message) from error
            link.written = left
            try:
                yield link
            finally:
                await link.close()

    async def read(
        self, about: About, request: PreparedRequest, credential: Credential
    ) -> tuple[UUID, ProviderResponse]:
        """Carries a free request; the attested read's id and its answer.

        Raises Refused (CONNECTION_UNUSABLE; NOT_IN_MANIFEST for a provider without reads), Later (THROTTLED or
        UNAVAILABLE), CocoError (TOO_LARGE, UNAVAILABLE).
        """
        run_id = about.run_id
        assert run_id is not None

        async def keep(session: AsyncSession, response: ProviderResponse) -> tuple[UUID, ProviderResponse]:
            kept = await reads.keep(session, about.user_id, run_id, about.connection.id, request, response)
            return kept, response

        return await self.carry(about, request, credential, keep)

    async def carry(
        self,
        about: About,
        request: PreparedRequest,
        credential: Credential,
        keep: Callable[[AsyncSession, ProviderResponse], Awaitable[T]],
    ) -> T:
        """As `read`; `keep` keeps the answer, in the transaction that makes sure that it may be kept, and raises
        Refused where it may not."""
        response, took, pause = await self._ask(about, request, credential)
        try:
            async with self._db.user(about.user_id) as session:
                # The answer came for this credential; a connection connected anew may lead to another account.
                await to_use(session, about.connection, about.connector, credential, self._master)
                kept = await keep(session, response)
                await self.answered(session, about, response.status, "answered", took, pause)
        except Refused:
            await self._note(about, response.status, "dropped", took)
            raise
        return kept

    async def test(
        self, about: About, request: PreparedRequest | None, credential: Credential
    ) -> ProviderResponse | None:
        """Asks the provider, and keeps nothing but the line in the log. Without a request, the protocol's sign-in is
        all, and None its answer. Raises as `read`; CredentialRefused where the provider turned it down."""
        response, pause = None, None
        started = time.monotonic()
        if request is None:
            async with self.leaving(about, credential, gated=False):
                took = time.monotonic() - started
        else:
            response, took, pause = await self._ask(about, request, credential)
        status = None if response is None else response.status
        async with self._db.user(about.user_id) as session:
            await self.answered(session, about, status, "answered", took, pause)
        return response

    async def _ask(
        self, about: About, request: PreparedRequest, credential: Credential
    ) -> tuple[ProviderResponse, float, float | None]:
        """An answer, the seconds it took, and those that the provider wants for itself. Raises as `read`."""
        started = time.monotonic()
        async with self.leaving(about, credential, gated=False) as link:
            if not isinstance(link, ReadLink):
                raise Refused("this provider has no reads", code=Code.NOT_IN_MANIFEST)
            answer = await link.exchange(request, self._seconds)
        took = time.monotonic() - started
        if answer.too_large:
            await self._note(about, answer.status, "answered", took)
            raise CocoError("the provider's answer is too large", code=Code.TOO_LARGE)
        response = answer.response
        if response is None or not answer.complete:
            raise await self.no_answer(about, answer.problem or "the provider did not answer", took, answer)
        if about.connector.credential_refused(response):
            await self.refused(about, credential, response.status, took)
            raise CredentialRefused("the provider turned the credential down")
        pause = pause_of(about.connector, response)
        if about.connector.limited(response) or (response.status == 503 and pause is not None):
            raise await self.throttled(about, response.status, pause, took)
        if response.status >= 500:
            raise await self.no_answer(about, "the provider is not available", took, answer)
        return response, took, pause

    # -- what came of it -------------------------------------------------------------------------------------------

    async def answered(
        self,
        session: AsyncSession,
        about: About,
        status: int | None,
        outcome: Outcome,
        seconds: float,
        pause: float | None = None,
    ) -> None:
        """An answer, in the caller's transaction; `pause` where the provider wants one before the next request."""
        await pacing.answered(session, about.user_id, about.connection.id)
        if pause:
            await pacing.block(session, about.user_id, about.connection.id, pause)
        await _note(session, about, status, outcome, seconds)

    async def sent(self, session: AsyncSession, about: About, delivery: Delivery, seconds: float) -> None:
        """A sending that has ended, in the caller's transaction."""
        assert delivery.state != "turned_away"
        status = delivery.response.status if delivery.response is not None else None
        of = (session, about.user_id, about.connection.id)
        if delivery.response is not None and about.connector.protocol == "http":
            response = delivery.response
            pause = pause_of(about.connector, response)
            if about.connector.limited(response):
                await pacing.turned_away(*of, DEFAULT_SECONDS if pause is None else pause)
            else:
                if response.status < 500:
                    await pacing.answered(*of)
                if pause:
                    await pacing.block(*of, pause)
        elif delivery.state == "done":
            await pacing.answered(*of)
        await _note(session, about, status, delivery.state, seconds)

    async def no_answer(self, about: About, problem: str, seconds: float, answer: Answer | None = None) -> Later:
        """The provider is not there or answers with a fault of its own: backs off. The error to raise."""
        status = answer.status if answer is not None else None
        async with self._db.user(about.user_id) as session:
            wait = await pacing.failed(session, about.user_id, about.connection.id)
            await _note(session, about, status, "no_answer" if status is None else "answered", seconds)
        return Later(problem, wait, code=Code.UNAVAILABLE)

    async def throttled(self, about: About, status: int, pause: float | None, seconds: float) -> Later:
        """The provider wants to be asked later, by whatever run, and may have said when. The error to raise."""
        asked = DEFAULT_SECONDS if pause is None else pause
        async with self._db.user(about.user_id) as session:
            wait = await pacing.turned_away(session, about.user_id, about.connection.id, asked)
            await _note(session, about, status, "throttled", seconds)
        return Later(SLOW_DOWN, wait)

    async def refused(self, about: About, credential: Credential, status: int | None, seconds: float) -> None:
        """The provider turned the connection's own credential down: it needs to be connected again."""
        async with self._db.user(about.user_id) as session:
            # Held first: the line in the log refers to the connection, and two that wait for each other end in neither.
            await reads.held(session, about.user_id, about.connection.id)
            await _note(session, about, status, "refused", seconds)
            try:
                await to_use(session, about.connection, about.connector, credential, self._master)
            except Refused:
                return  # it was replaced meanwhile; what is in use now was not refused
            if await credentials.renewable(session, about.user_id, about.connection.id):
                return  # an access token whose time is over: the sandbox has it refreshed, and asks again
            await revoking.credential_refused(session, about.user_id, about.connection.id, status=status)

    async def _note(self, about: About, status: int | None, outcome: Outcome, seconds: float) -> None:
        async with self._db.user(about.user_id) as session:
            await _note(session, about, status, outcome, seconds)


def pause_of(connector: Connector, response: ProviderResponse) -> float | None:
    """Seconds that the provider wants for itself after this answer, however it says so; None where it wants none."""
    limited = connector.limited(response)
    return pause_asked(response.status, response.headers, datetime.now(UTC), limited=limited)


async def _note(session: AsyncSession, about: About, status: int | None, outcome: Outcome, seconds: float) -> None:
    await calls.note(
        session,
        about.user_id,
        about.connection.id,
        about.kind,
        operation=about.route.operation,
        method=about.route.method,
        path=about.route.path,
        status=status,
        outcome=outcome,
        seconds=seconds,
        run_id=about.run_id,
        action_id=about.action_id,
    )


def _rate(connector: Connector) -> pacing.Rate | None:
    limit = connector.rate_limit
    return None if limit is None else pacing.Rate(limit.requests, limit.seconds)
