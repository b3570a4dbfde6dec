"""A mailbox over IMAP, for reading: there is no operation that changes anything in it."""

from __future__ import annotations

from activities.connectors.base import Connector
from activities.connectors.imap.reads import SCOPE, GetMessage, ListTheMailboxes, SearchMessages
from activities.connectors.manifest import PASSWORD, Check, Scope

__all__ = ["IMAP"]

IMAP = Connector(
    "imap",
    "Mailbox (IMAP)",
    (ListTheMailboxes(), SearchMessages(), GetMessage()),
    protocol="imap",
    auth=PASSWORD,
    scopes=(Scope(name=SCOPE, allows="Read the messages in your mailbox", access="read", preselected=True),),
    check=Check(operation="mailboxes.list"),
)
