"""Whose account a request goes to: the connection's own credential, and no other.

A sandbox brings the credential with each request. Brought for another account at the same provider, it would make
that account's answers pass for this one's: attested reads, the value before a change, what guardrails look at.

A team's credential is the operator's. No sandbox has it: for a team's connection the sandbox brings none, and it is
put in here, from this process's environment, for the accounts that the operator named and the address alone that the
operator meant.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from activities.connectors.base import Connector
from activities.connectors.registry import connector
from coco.errors import Code, Refused
from coco.gateway_protocol import Credential
from coco.keys import MasterKey
from coco.operator_credentials import team_credential
from coco.sealing import is_fingerprint
from sandbox.gateway.delivery.link import check_credential
from store import sandboxes
from store.tables import Connection


async def check_own(
    session: AsyncSession, user_id: UUID, connection_id: UUID, credential: Credential, master: MasterKey
) -> None:
    """Raises Refused (CONNECTION_UNUSABLE) for any credential but the one that the connection's owner gave for it."""
    kept = await sandboxes.fingerprint(session, user_id, connection_id)
    if kept is None or not is_fingerprint(kept, credential, master):
        raise Refused("not the credential of this connection", code=Code.CONNECTION_UNUSABLE)


async def to_use(
    session: AsyncSession, row: Connection, known: Connector, brought: Credential, master: MasterKey
) -> Credential:
    """The credential that the connection's request goes out with: the one that was brought, where it is the
    connection's own, or the team's. Raises Refused (CONNECTION_UNUSABLE), InvalidInput."""
    if row.method != "team":
        check_credential(known, brought)
        await check_own(session, row.user_id, row.id, brought, master)
        return brought
    if brought.scheme != "none" or brought.secret:
        raise Refused("a team's credential comes from no sandbox", code=Code.CONNECTION_UNUSABLE)
    found = team_own(row, os.environ)
    if found is None:
        raise Refused("the operator gives this account no such team credential", code=Code.CONNECTION_UNUSABLE)
    check_credential(known, found)
    return found


def team_own(row: Connection, environment: Mapping[str, str]) -> Credential | None:
    """The team's credential for a connection of `method` team; None where the operator does not give it to this
    account, means another address, or gives a password where a token is needed."""
    known = connector(row.connector)
    found = team_credential(environment, row.team or "", known.name, row.user_id)
    if found is None or row.base_url != (found.base_url or known.base_url):
        return None
    if known.auth.exchange is not None and found.username:
        # A password that tokens are got with is not itself one, and would go out as one at each request.
        return None
    return Credential(scheme=known.auth.scheme, secret=found.secret, username=found.username)
