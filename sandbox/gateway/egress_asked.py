"""Reads that an owner asked for outside of any run: the sandbox says which and brings the credential, no more.

The request is the row's, as the control side made it: no byte of it is the sandbox's. It goes the way of every read,
and what comes back is kept for the owner alone; the sandbox does not see it.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from activities.connectors.granted import check_granted
from activities.connectors.registry import connector
from coco.connections import ConnectionState, check_usable
from coco.errors import CocoError, Code, Later, Refused
from coco.gateway_protocol import CheckReply, FetchRequest
from coco.requests import PreparedRequest, ProviderResponse
from sandbox.gateway.carrying import About, Carrier
from sandbox.gateway.delivery.link import check_headers
from sandbox.gateway.egress_messages import Notes
from sandbox.gateway.egress_planning import check_plain, described
from store import asked_reads, credentials
from store.database import Database
from store.owned import own
from store.tables import Connection
from store.tables_asking import AskedRead

PATIENCE = 10.0
"""Seconds that a provider may ask to wait; the sandbox comes again. Beyond that the read has failed."""


class Asked:
    """One per gateway."""

    def __init__(self, database: Database, carrier: Carrier) -> None:
        self._db = database
        self._carrier = carrier

    async def fetch(self, user_id: UUID, message: FetchRequest, notes: Notes) -> CheckReply:
        """Carries one read, and keeps its answer or why there is none.

        Raises NotFound (none that waits), Later (to be brought again in a moment), Refused (CONNECTION_UNUSABLE: not
        the connection's own credential, or one to be renewed and brought again).
        """
        async with self._db.user(user_id) as session:
            asked, row = await asked_reads.to_carry(session, user_id, message.asked_id)
        request = PreparedRequest.model_validate(asked.request)
        notes.detail |= {"connection": str(row.id), **described(request)}
        try:
            await self._carried(asked, row, request, message)
        except Later as error:
            if error.seconds <= PATIENCE:
                raise
            return await self._failed(asked, "The provider wants to be asked later. Try again in a while.")
        except CocoError as error:
            if error.code is Code.CONNECTION_UNUSABLE and await self._may_come_again(row):
                raise
            return await self._failed(asked, f"{row.title} could not be asked: {error}.")
        return CheckReply(state="answered")

    async def sweep(self, user_id: UUID) -> None:
        """Ends what has waited for too long."""
        async with self._db.user(user_id) as session:
            await asked_reads.expire(session, user_id)

    async def _carried(
        self, asked: AskedRead, row: Connection, request: PreparedRequest, message: FetchRequest
    ) -> None:
        known = connector(row.connector)
        route = known.classify(request)
        if route.access != "read":
            raise Refused("a write came without a grant", code=Code.GRANT_MISSING)
        check_plain(request)
        check_headers(known, request)
        check_usable(row.state, gated=False)
        check_granted(known, route, row.scopes)

        async def keep(session: AsyncSession, response: ProviderResponse) -> None:
            await asked_reads.answered(session, asked, response)

        about = About(user_id=asked.user_id, connection=row, connector=known, route=route, kind="read")
        await self._carrier.carry(about, request, message.credential, keep)

    async def _failed(self, asked: AskedRead, reason: str) -> CheckReply:
        async with self._db.user(asked.user_id) as session:
            await asked_reads.failed(session, asked, reason)
        return CheckReply(state="failed")

    async def _may_come_again(self, row: Connection) -> bool:
        """Whether another credential than the one brought may be the connection's: renewed, or not taken in yet."""
        async with self._db.user(row.user_id) as session:
            now = await own(session, Connection, row.id, row.user_id, "connection")
            if now.state not in {ConnectionState.ACTIVE, ConnectionState.READ_ONLY}:
                return False
            return row.method != "team" or await credentials.renewable(session, row.user_id, row.id)
