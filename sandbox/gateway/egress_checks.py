"""Credentials that wait to be tried out, and tokens that end: what the provider says decides, never the sandbox.

A sandbox brings what was sealed to it. It is taken only where it is, by its fingerprint, what the connection's owner
gave: a sandbox that brings another credential gets a refusal and no call is made with it.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from activities.connectors.base import Connector, Route
from activities.connectors.granted import agreed, narrowed, needed_to_check, plainly
from activities.connectors.registry import connector
from coco.errors import CocoError, Code, Conflict, Later, Refused
from coco.gateway_protocol import (
    CheckReply,
    CheckRequest,
    Credential,
    Empty,
    ExchangeRequest,
    RefreshRequest,
    Tokens,
)
from coco.keys import MasterKey
from coco.operator_credentials import OAuthClient, oauth_client
from coco.requests import Frozen
from coco.sealing import fingerprint, is_fingerprint, seal
from sandbox.gateway.delivery.addresses import AddressPolicy
from sandbox.gateway.egress_credentials import team_own
from sandbox.gateway.egress_messages import Notes
from sandbox.gateway.egress_oauth import Denied, Granted, exchange_code, refresh_tokens
from sandbox.gateway.egress_probe import Called, Found, check_route, probe
from sandbox.gateway.egress_sign_in import first_sign_in, is_exchanged, not_signed_in, sign_in
from sandbox.gateway.egress_tests import Tests
from sandbox.gateway.leaving import Leaving
from store import calls, connection_tests, credentials, pacing, reads, sandboxes
from store.credentials import Kept
from store.database import Database
from store.owned import own
from store.tables import Connection, CredentialAttempt, utc_now

JUST_NOW = timedelta(seconds=10)
"""Tokens this young are not refreshed again: whoever asks has not taken them in yet."""
EARLY = timedelta(seconds=90)
"""A sandbox renews tokens a minute before their end. Asked for with more time left, their provider turned them down."""
TOKENS = Route(method="POST", path="/token", access="read", operation="sign_in.tokens")
"""How the log names a request to the provider's token address, whatever that is."""
LESS = "{title} does not allow this any more: {lost}. Connect the account again to allow it."
RECONNECT = "{title} does not accept this sign-in any more. Connect the account again."


class Checks:
    """One per gateway."""

    def __init__(
        self,
        database: Database,
        master: MasterKey,
        policy: AddressPolicy,
        seconds: float,
        leaving: Leaving,
        tests: Tests,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._tests = tests
        self._db = database
        self._master = master
        self._policy = policy
        self._leaving = leaving
        self._seconds = seconds
        self._environment = os.environ if environment is None else environment

    async def check(self, user_id: UUID, message: CheckRequest, notes: Notes) -> CheckReply:
        """Tries a key (or the operator's, for a team) out, and keeps it where the provider accepts it; or tests the one
        that is kept.

        Raises NotFound, Refused (FORBIDDEN: not what was given), CocoError (UNAVAILABLE).
        """
        async with self._looked_after(user_id, message.attempt_id, notes) as (attempt, row):
            if attempt.kind == connection_tests.KIND:
                found = await self._tests.test(user_id, row, message.credential)
                return await self._ended(user_id, attempt, found)
            if attempt.kind == "team":
                return await self._check_team(user_id, attempt, row, message.credential)
            if attempt.kind != "key":
                raise Refused("not the credential that was given", code=Code.FORBIDDEN)
            self._check_given(attempt, message.credential)
            if is_exchanged(connector(row.connector), message.credential):
                return await self._sign_in(user_id, attempt, row, message.credential)
            found = await self._probe(attempt, row, message.credential)
            return await self._settle(user_id, attempt, found, Kept(attempt.sealed, attempt.fingerprint))

    async def exchange(self, user_id: UUID, message: ExchangeRequest, notes: Notes) -> CheckReply:
        """Gets tokens for a code, and keeps them, sealed to the sandbox, where the provider accepts them.

        Raises as `check`.
        """
        async with self._looked_after(user_id, message.attempt_id, notes) as (attempt, row):
            if attempt.kind != "code":
                raise Refused("not the credential that was given", code=Code.FORBIDDEN)
            self._check_given(attempt, message.code)
            known = connector(row.connector)
            client = self._client(known)
            answer: Granted | Denied = Denied(kind="setup")
            if client is not None:
                async with self._going_out(attempt):
                    started = time.monotonic()
                    answer = await exchange_code(client, known, message.code, self._policy, self._seconds)
                await self._note_tokens(row, answer, started)
            if isinstance(answer, Denied):
                return await self._ended(user_id, attempt, _denied(known, answer))
            return await self._keep_tokens(user_id, attempt, row, known, answer)

    async def refresh(self, user_id: UUID, message: RefreshRequest, notes: Notes) -> Empty:
        """New tokens for a connection that has what renews them, one renewal at a time.

        Raises NotFound, Refused (FORBIDDEN: not this connection's refresh token), CocoError (UNAVAILABLE), and
        Refused (CONNECTION_UNUSABLE) where the provider refuses: the connection needs reconnection from then on.
        """
        notes.detail |= {"connection": str(message.connection_id)}
        async with credentials.credential_lock(self._db.dsn, message.connection_id, 2 * self._seconds):
            async with self._db.user(user_id) as session:
                row = await own(session, Connection, message.connection_id, user_id, "connection")
                kept = await credentials.kept(session, user_id, row.id)
                public_key = await sandboxes.public_key(session, user_id)
            if row.method == "team" or kept is None or kept.refresh_fingerprint is None or public_key is None:
                raise Refused("this connection has nothing to refresh", code=Code.CONNECTION_UNUSABLE)
            if kept.created_at > utc_now() - JUST_NOW:
                return Empty()
            if not is_fingerprint(kept.refresh_fingerprint, message.refresh, self._master):
                raise Refused("not the refresh token of this connection", code=Code.FORBIDDEN)
            known = connector(row.connector)
            client = self._client(known)
            wait = 0.0
            if row.method == "oauth" and client is None:
                raise CocoError("this deployment has no client for the provider", code=Code.UNAVAILABLE)
            async with self._leaving.through(row.id):
                async with self._db.user(user_id) as session:
                    await reads.usable(session, user_id, row.id, gated=False)
                    waits = await pacing.waiting(session, user_id, [row.id])
                if row.id in waits:
                    raise Later("the provider wants to be asked later", waits[row.id][0])
                started = time.monotonic()
                if row.method == "oauth" and client is not None:
                    answer = await refresh_tokens(client, known, message.refresh, self._policy, self._seconds)
                else:
                    answer = await sign_in(known, row.base_url, message.refresh, self._policy, self._seconds)
            async with self._db.user(user_id) as session:
                if isinstance(answer, Granted):
                    fresh = self._sealed(public_key, answer.tokens)
                    scopes = narrowed(known, row.scopes, answer.scopes)
                    reason = LESS.format(
                        title=known.title, lost=plainly(known, [name for name in row.scopes if name not in scopes])
                    )
                    await credentials.refreshed(session, user_id, row.id, fresh, scopes=scopes, reason=reason)
                elif answer.kind == "invalid":
                    reason = RECONNECT.format(title=known.title)
                    await credentials.needs_reconnection(session, user_id, row.id, reason)
                else:
                    wait = await self._held_up(session, row, answer)
            # After the tokens are kept: a rotated refresh token must not be lost to a line in a log.
            await self._note_tokens(row, answer, started)
        if isinstance(answer, Denied):
            if answer.kind == "invalid":
                raise Refused("the provider refuses to refresh", code=Code.CONNECTION_UNUSABLE)
            if wait > 0:
                raise Later("the tokens cannot be refreshed right now", wait, code=Code.UNAVAILABLE)
            raise CocoError("the tokens cannot be refreshed right now", code=Code.UNAVAILABLE)
        return Empty()

    async def _held_up(self, session: AsyncSession, row: Connection, answer: Denied) -> float:
        """Nothing goes without new tokens: what waits for them waits as for any other answer, and every run knows it.
        The seconds; 0 where it was early, and the old ones are good for a moment yet."""
        left = timedelta(0) if row.credential_expires_at is None else row.credential_expires_at - utc_now()
        if timedelta(0) < left <= EARLY:
            return 0.0
        await pacing.begin(session, row.user_id, row.id)
        if answer.pause is not None:
            return await pacing.turned_away(session, row.user_id, row.id, answer.pause)
        return await pacing.failed(session, row.user_id, row.id)

    async def sweep(self, user_id: UUID) -> None:
        """Ends what has waited for its check for too long."""
        async with self._db.user(user_id) as session:
            await connection_tests.expire(session, user_id)
            await credentials.expire(session, user_id)

    # -- parts -----------------------------------------------------------------------------------------------------

    async def _waiting(self, user_id: UUID, attempt_id: UUID, notes: Notes) -> tuple[CredentialAttempt, Connection]:
        async with self._db.user(user_id) as session:
            attempt, row = await credentials.to_check(session, user_id, attempt_id)
        notes.detail |= {"connection": str(row.id)}
        return attempt, row

    @asynccontextmanager
    async def _looked_after(
        self, user_id: UUID, attempt_id: UUID, notes: Notes
    ) -> AsyncIterator[tuple[CredentialAttempt, Connection]]:
        """What waits, while nobody else, on any gateway, is about its connection's credential.

        Raises NotFound, CocoError (UNAVAILABLE).
        """
        _, row = await self._waiting(user_id, attempt_id, notes)
        async with credentials.credential_lock(self._db.dsn, row.id, 2 * self._seconds):
            # Whoever was about it before may have ended it.
            yield await self._waiting(user_id, attempt_id, notes)

    def _check_given(self, attempt: CredentialAttempt, brought: Frozen) -> None:
        given = attempt.fingerprint
        if given is None or not is_fingerprint(given, brought, self._master):
            raise Refused("not the credential that was given", code=Code.FORBIDDEN)

    async def _sign_in(
        self, user_id: UUID, attempt: CredentialAttempt, row: Connection, given: Credential
    ) -> CheckReply:
        """Tokens for a user name and password; those are kept as what renews them."""
        known = connector(row.connector)
        async with self._going_out(attempt):
            started = time.monotonic()
            answer = await first_sign_in(known, row.base_url, given, self._policy, self._seconds)
        await self._note_tokens(row, answer, started)
        if isinstance(answer, Denied):
            return await self._ended(user_id, attempt, not_signed_in(known, answer))
        return await self._keep_tokens(user_id, attempt, row, known, answer)

    async def _check_team(
        self, user_id: UUID, attempt: CredentialAttempt, row: Connection, brought: Credential
    ) -> CheckReply:
        if brought.scheme != "none":
            raise Refused("a team's credential comes from no sandbox", code=Code.FORBIDDEN)
        own_key = team_own(row, self._environment)
        if own_key is None:
            reason = f"This deployment has no such team credential for your account, {user_id}. Ask whoever runs it."
            return await self._ended(user_id, attempt, Found(outcome="refused", reason=reason))
        found = await self._probe(attempt, row, own_key)
        return await self._settle(user_id, attempt, found, Kept())

    @asynccontextmanager
    async def _going_out(self, attempt: CredentialAttempt) -> AsyncIterator[None]:
        """What is said to a provider inside, a revocation waits for; one that came first withdrew the attempt.

        Raises NotFound, CocoError (UNAVAILABLE).
        """
        async with self._leaving.through(attempt.connection_id):
            async with self._db.user(attempt.user_id) as session:
                await credentials.to_check(session, attempt.user_id, attempt.id)
            yield

    async def _probe(self, attempt: CredentialAttempt, row: Connection, credential: Credential) -> Found:
        known = connector(row.connector)
        async with self._going_out(attempt):
            found = await probe(known, row, credential, self._policy, self._seconds)
        if found.called is not None:
            await self._note(row, check_route(known), found.called)
        return found

    async def _note(self, row: Connection, route: Route, called: Called) -> None:
        """A line in the connection's log of calls."""
        async with self._db.user(row.user_id) as session:
            await calls.note(
                session,
                row.user_id,
                row.id,
                "check",
                operation=route.operation,
                method=route.method,
                path=route.path,
                status=called.status,
                outcome=called.outcome,
                seconds=called.seconds,
            )

    async def _note_tokens(self, row: Connection, answer: Granted | Denied, started: float) -> None:
        outcome: calls.Outcome = "answered"
        if isinstance(answer, Denied) and answer.kind != "setup":
            outcome = "refused" if answer.kind == "invalid" else "no_answer"
        await self._note(row, TOKENS, Called(outcome=outcome, seconds=time.monotonic() - started))

    async def _keep_tokens(
        self, user_id: UUID, attempt: CredentialAttempt, row: Connection, known: Connector, answer: Granted
    ) -> CheckReply:
        granted = agreed(known, attempt.scopes, answer.scopes)
        missing = [name for name in needed_to_check(known) if name not in granted]
        if missing:
            reason = f"You did not allow {known.title} what Coco needs at least: {plainly(known, missing)}."
            return await self._ended(user_id, attempt, Found(outcome="scopes_missing", reason=reason))
        found = await self._probe(attempt, row, answer.tokens.credential)
        if found.outcome not in credentials.ACCEPTED:
            return await self._ended(user_id, attempt, found)
        async with self._db.user(user_id) as session:
            public_key = await sandboxes.public_key(session, user_id)
            if public_key is None:
                raise Conflict("there is no sandbox to seal the tokens to")
            fresh = self._sealed(public_key, answer.tokens)
            await credentials.keep(session, user_id, attempt.id, found.outcome, fresh, scopes=granted)
        return CheckReply(state=found.outcome)

    async def _settle(self, user_id: UUID, attempt: CredentialAttempt, found: Found, kept: Kept) -> CheckReply:
        if found.outcome not in credentials.ACCEPTED:
            return await self._ended(user_id, attempt, found)
        async with self._db.user(user_id) as session:
            await credentials.keep(session, user_id, attempt.id, found.outcome, kept, scopes=attempt.scopes)
        return CheckReply(state=found.outcome)

    async def _ended(self, user_id: UUID, attempt: CredentialAttempt, found: Found) -> CheckReply:
        async with self._db.user(user_id) as session:
            await credentials.end(session, user_id, attempt.id, found.outcome, found.reason)
        return CheckReply(state=found.outcome)

    def _client(self, known: Connector) -> OAuthClient | None:
        if known.oauth is None:
            return None
        return oauth_client(self._environment, known.name, known.oauth.authorize_url, known.oauth.token_url)

    def _sealed(self, public_key: str, tokens: Tokens) -> Kept:
        return Kept(
            sealed=seal(public_key, tokens),
            fingerprint=fingerprint(tokens.credential, self._master),
            refresh_fingerprint=None if tokens.refresh is None else fingerprint(tokens.refresh, self._master),
            expires_at=tokens.expires_at,
        )


def _denied(known: Connector, answer: Denied) -> Found:
    if answer.kind == "away":
        return Found(outcome="unreachable", reason=f"{known.title} gave no answer. Sign in there again.")
    if answer.kind == "setup":
        reason = f"This deployment is not set up with {known.title}. Ask whoever runs it."
        return Found(outcome="refused", reason=reason)
    return Found(outcome="refused", reason=f"{known.title} did not accept the sign-in, or it took too long. Try again.")
