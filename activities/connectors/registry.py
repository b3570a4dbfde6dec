"""The connectors there are, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from activities.connectors.base import Connector
from activities.connectors.hubspot import HUBSPOT
from activities.connectors.smtp import SMTP
from coco.errors import InvalidInput

CONNECTORS: Mapping[str, Connector] = MappingProxyType({entry.name: entry for entry in (HUBSPOT, SMTP)})


def connector(name: str) -> Connector:
    """The connector of that name. Raises InvalidInput that lists what there is."""
    found = CONNECTORS.get(name)
    if found is None:
        raise InvalidInput(f"There is no connector {name!r}; there are: {', '.join(sorted(CONNECTORS))}.")
    return found
