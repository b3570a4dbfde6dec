"""Opening a link to the provider of a connection."""

from __future__ import annotations

import asyncio

from activities.connectors.base import Connector
from coco.gateway_protocol import Credential
from sandbox.gateway.delivery.addresses import AddressPolicy, Unreachable, parse_base
from sandbox.gateway.delivery.http_link import HttpLink
from sandbox.gateway.delivery.imap_link import ImapLink
from sandbox.gateway.delivery.link import Link, check_credential
from sandbox.gateway.delivery.smtp_link import SmtpLink


async def open_link(
    connector: Connector, base_url: str, credential: Credential, policy: AddressPolicy, seconds: float
) -> Link:
    """A link to the provider of a connection.

    Raises Unreachable (nothing was sent, another try may work) or Refused (CONNECTION_UNUSABLE: the address, the
    kind of credential, or the provider turned the credential down), InvalidInput for a malformed credential.
    """
    base = parse_base(base_url or connector.base_url, connector.protocol)
    check_credential(connector, credential)
    try:
        async with asyncio.timeout(seconds):
            if connector.protocol == "smtp":
                return await SmtpLink.open(base, credential, policy, seconds)
            if connector.protocol == "imap":
                return await ImapLink.open(base, credential, policy)
            return await HttpLink.open(base, credential, policy, connector.auth)
    except TimeoutError as error:
        raise Unreachable("the provider did not answer in time") from error
