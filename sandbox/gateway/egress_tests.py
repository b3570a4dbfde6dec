"""Testing a connection that is in use: the sandbox brings what it keeps, and the provider's answer decides.

The request goes the way of every other (`Carrier`): within the connection's pace, only while it may be used, and with
its line in the log. A credential that the provider refuses makes the connection one that needs reconnection, as it
would in a run; any other answer changes nothing.
"""

from __future__ import annotations

import math
import os
from uuid import UUID

from activities.connectors.base import Connector
from activities.connectors.registry import connector
from coco.errors import CocoError, Code, Later, Refused
from coco.gateway_protocol import Credential
from coco.keys import MasterKey
from sandbox.gateway.carrying import About, Carrier
from sandbox.gateway.delivery.link import CredentialRefused
from sandbox.gateway.egress_credentials import team_own, to_use
from sandbox.gateway.egress_probe import Found, check_request, check_route, judged
from store import credentials
from store.connection_tests import USABLE
from store.database import Database
from store.owned import own
from store.tables import Connection


class Tests:
    """One per gateway."""

    def __init__(self, database: Database, master: MasterKey, carrier: Carrier) -> None:
        self._db = database
        self._master = master
        self._carrier = carrier

    async def test(self, user_id: UUID, row: Connection, brought: Credential) -> Found:
        """What the provider makes of the connection's own credential. The caller holds its credential lock.

        Raises Refused (CONNECTION_UNUSABLE: not the connection's own, or one to be renewed and brought again),
        InvalidInput, CocoError (UNAVAILABLE).
        """
        known = connector(row.connector)
        if row.state not in USABLE:
            return _unusable(row)
        async with self._db.user(user_id) as session:
            if row.method == "team" and team_own(row, os.environ) is None:
                reason = "This deployment has no such team credential for you. Ask whoever runs it."
                return Found(outcome="refused", reason=reason)
            await to_use(session, row, known, brought, self._master)
        if known.check is None and known.protocol == "http":
            return Found(outcome="unchecked", reason=f"There is nothing safe to ask of {known.title}.")
        try:
            return await self._asked(user_id, row, known, brought)
        except Later as error:
            return _later(known, error)
        except Refused as error:
            async with self._db.user(user_id) as session:
                row = await own(session, Connection, row.id, user_id, "connection")
                renewable = await credentials.renewable(session, user_id, row.id)
            if row.state not in USABLE:
                return _unusable(row)
            if renewable and isinstance(error, CredentialRefused):
                raise  # an access token whose time is over: the sandbox has it refreshed, and asks again
            return _no_finding(f"{known.title} could not be asked: {error}.")
        except CocoError as error:
            if error.code is not Code.TOO_LARGE:
                raise
            return _no_finding(f"{known.title} does not answer at this address as it should.")

    async def _asked(self, user_id: UUID, row: Connection, known: Connector, brought: Credential) -> Found:
        about = About(user_id=user_id, connection=row, connector=known, route=check_route(known), kind="check")
        answer = await self._carrier.test(about, check_request(known, row), brought)
        if answer is None:
            return Found(outcome="works")
        found = judged(known, answer)
        # The carrier has dealt with a refused credential: what else is odd says nothing of it.
        return _no_finding(found.reason) if found.outcome == "refused" else found


def _unusable(row: Connection) -> Found:
    return Found(outcome="refused", reason=row.reason or "This connection may not be used any more.")


def _no_finding(reason: str) -> Found:
    return Found(outcome="unreachable", reason=f"{reason} Nothing was changed.")


def _later(known: Connector, error: Later) -> Found:
    if error.code is Code.THROTTLED:
        return _no_finding(f"{known.title} wants to be asked later: in {max(1, math.ceil(error.seconds))} s at most.")
    return _no_finding(f"{known.title} could not be reached: {error}.")
