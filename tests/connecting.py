"""Connections for tests, as their owner would have made them."""

from __future__ import annotations

from activities.connectors.registry import connector


def every_scope(name: str) -> list[str]:
    """All that a connector can be granted, as for a person who ticks everything."""
    return [scope.name for scope in connector(name).scopes]
