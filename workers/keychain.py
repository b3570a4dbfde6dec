"""The sandbox's keys at work: kept up to date, renewed before they end, and tried out when they are new."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from coco.errors import CocoError, Code, Refused
from coco.gateway_protocol import AskedItem, AuthorizationCode, CheckReply, Credential, PendingItem, Tokens
from coco.keys import UserKeys
from workers.gateway_client import GatewayClient
from workers.keystore import KeyStore, NoCredential

log = logging.getLogger("hermes")

EARLY = timedelta(seconds=60)
"""How long before its end an access token is renewed."""
PAUSE_SECONDS = 2.0
"""After a call to the gateway that failed."""


class KeyChain:
    """The key store and the gateway, together. One per sandbox."""

    def __init__(self, store: KeyStore, gateway: GatewayClient) -> None:
        self._store = store
        self._gateway = gateway
        self._from_team: frozenset[UUID] = frozenset()
        self._renewing: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._taking_in = asyncio.Lock()
        self._confirmed = 0
        self._asked: tuple[AskedItem, ...] = ()

    async def refresh(self) -> None:
        """Takes in what was newly sealed. Raises as `look`."""
        await self.look()

    async def look(self) -> Sequence[PendingItem]:
        """Takes in what was newly sealed, and moves to a new key where there is one; what waits to be tried out.

        Raises what the gateway's client raises, KeyStoreDamaged.
        """
        async with self._taking_in:
            reply = await self._gateway.sealed()
            self._from_team = frozenset(reply.from_team)
            self._asked = reply.asked
            for connection_id in self._store.take_in(reply.items):
                log.warning("the key of connection %s was not sealed to this sandbox; connect it again", connection_id)
            if reply.keystore_version > self._store.version:
                boot = await self._gateway.boot()
                await asyncio.to_thread(self._store.rekey, user_keys(boot.keystore_keys))
                log.info("the key store is under key %d now", self._store.version)
            if reply.keystore_version and self._confirmed != self._store.version:
                # Only now may the keys before go: whatever was killed until here finds them still there.
                await self._gateway.keys_moved(self._store.version)
                self._confirmed = self._store.version
            return reply.pending

    async def credential(self, connection_id: UUID) -> Credential:
        """The plaintext, for one call. Raises NoCredential, and what the gateway's client raises."""
        if connection_id in self._from_team:
            return Credential(scheme="none")
        tokens = self._store.tokens_for(connection_id)
        if _ends(tokens):
            await self._renew(connection_id, tokens, refused=False)
            tokens = self._store.tokens_for(connection_id)
        return tokens.credential

    async def another(self, connection_id: UUID, used: Credential) -> Credential | None:
        """After `used` was turned down: what has taken its place, new tokens where it has such; else None."""
        try:
            await self.refresh()
            following = await self.credential(connection_id)
            if following == used and connection_id not in self._from_team:
                await self._renew(connection_id, self._store.tokens_for(connection_id), refused=True)
                following = self._store.credential_for(connection_id)
        except NoCredential:
            return None
        return None if following == used else following

    async def tend(self) -> None:
        """Returns never: tries out what is new, renews what ends, and has carried what the owner asked to have read.
        The client notes a rejected token."""
        while True:
            try:
                for item in await self.look():
                    await self._try_out(item)
                left = [item for item in self._asked if not await self._fetch(item)]
                if left:
                    await asyncio.sleep(PAUSE_SECONDS)
                else:
                    await self._gateway.watch()
            except CocoError as error:
                log.debug("looking after keys: %s", error.code)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _try_out(self, item: PendingItem) -> None:
        try:
            if item.kind == "code":
                code = self._store.opened(item.sealed, AuthorizationCode)
                reply = None if code is None else await self._gateway.exchange(item.id, code)
            elif item.kind == "team":
                reply = await self._gateway.check(item.id, Credential(scheme="none"))
            elif item.kind == "test":
                reply = await self._test(item)
            else:
                credential = self._store.opened(item.sealed, Credential)
                reply = None if credential is None else await self._gateway.check(item.id, credential)
        except CocoError as error:
            # Withdrawn or ended meanwhile; or nothing usable is kept, and the gateway ends the test in time.
            if error.code not in {Code.NOT_FOUND, Code.FORBIDDEN, Code.CONFLICT, Code.CONNECTION_UNUSABLE}:
                raise
            return
        if reply is None:
            log.warning("a key for connection %s was not sealed to this sandbox", item.connection_id)
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            log.info("a key for connection %s was tried out: %s", item.connection_id, reply.state)

    async def _test(self, item: PendingItem) -> CheckReply:
        return await self._brought(item.connection_id, lambda credential: self._gateway.check(item.id, credential))

    async def _fetch(self, item: AskedItem) -> bool:
        """Whether it has come to an end: one that is to be asked for again in a moment has not."""
        try:
            await self._brought(item.connection_id, lambda credential: self._gateway.fetch(item.id, credential))
        except CocoError as error:
            # Withdrawn or ended meanwhile; or nothing usable is kept, and the gateway ends it in time.
            return error.code in {Code.NOT_FOUND, Code.FORBIDDEN, Code.CONFLICT, Code.CONNECTION_UNUSABLE}
        return True

    async def _brought(self, connection_id: UUID, call: Callable[[Credential], Awaitable[CheckReply]]) -> CheckReply:
        """Brings what is kept, and renewed where its time is over. Raises what the gateway's client raises."""
        credential = Credential(scheme="none")
        try:
            credential = await self.credential(connection_id)
            return await call(credential)
        except CocoError as error:
            if error.code is not Code.CONNECTION_UNUSABLE:
                raise
        following = None
        with contextlib.suppress(NoCredential, Refused):
            following = await self.another(connection_id, credential)
        # Where it was not renewed, the gateway knows by now what that means for the connection.
        return await call(following or credential)

    async def _renew(self, connection_id: UUID, tokens: Tokens, *, refused: bool) -> None:
        """New tokens, unless somebody here has got them meanwhile. Nothing where there is nothing to renew with; nor
        where that has to wait, and the old ones are good for a moment yet."""
        async with self._renewing[connection_id]:
            now = self._store.tokens_for(connection_id)
            if now.refresh is None or now.credential != tokens.credential:
                return
            try:
                await self._gateway.refresh(connection_id, now.refresh)
            except CocoError as error:
                if error.code in {Code.UNAVAILABLE, Code.THROTTLED} and not refused and not _ended(now):
                    return
                if error.code is not Code.FORBIDDEN:
                    raise
                # Renewed elsewhere: the new ones are there to be taken in.
            await self.refresh()


def _ends(tokens: Tokens) -> bool:
    return tokens.expires_at is not None and datetime.now(UTC) > tokens.expires_at - EARLY


def _ended(tokens: Tokens) -> bool:
    return tokens.expires_at is not None and datetime.now(UTC) > tokens.expires_at


def user_keys(text: dict[int, str]) -> UserKeys:
    """Keys as `Boot` gives them."""
    return UserKeys({version: base64.b64decode(key) for version, key in text.items()})
