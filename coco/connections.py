"""Connections: what each state lets through."""

from __future__ import annotations

from enum import StrEnum

from coco.errors import Code, Refused


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
