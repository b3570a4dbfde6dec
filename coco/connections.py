"""Connections: what each state lets through."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from coco.errors import Code, Refused

OLD_KEY = timedelta(days=90)
"""A key of this age is due for another one; its owner is reminded each quarter."""


class ConnectionState(StrEnum):
    """Persisted; never renamed."""

    CHECKING = "checking"
    """Its first credential is being tried out; nothing is carried by it yet."""
    ACTIVE = "active"
    READ_ONLY = "read_only"
    NEEDS_RECONNECTION = "needs_reconnection"
    REVOKED = "revoked"


def check_usable(state: str, *, gated: bool) -> None:
    """Raises Refused (CONNECTION_UNUSABLE) that says why a connection in that state carries no such request."""
    if state == ConnectionState.ACTIVE or (state == ConnectionState.READ_ONLY and not gated):
        return
    why = {
        ConnectionState.CHECKING: "The connection's key is still being checked.",
        ConnectionState.READ_ONLY: "The connection is read-only: it can research and draft, never write.",
        ConnectionState.NEEDS_RECONNECTION: "The connection needs to be connected again.",
        ConnectionState.REVOKED: "The connection was revoked.",
    }
    raise Refused(why.get(ConnectionState(state), "The connection cannot be used."), code=Code.CONNECTION_UNUSABLE)


def key_age_days(set_at: datetime | None, now: datetime) -> int | None:
    """Whole days since a credential was set; None where none was."""
    return None if set_at is None else max(0, (now - set_at).days)
