"""The connectors there are, by name: one folder each beside this file.

A folder's `__init__` has exactly one `Connector`, named like the folder. Adding a connector is adding its folder; a
folder that breaks this stops the process that imports it, with the folder's name, rather than going missing.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType, ModuleType

from activities.connectors.base import Connector
from coco.errors import InvalidInput

_PACKAGE = __name__.rpartition(".")[0]


def discover(folders: Iterable[str], package: str = _PACKAGE) -> dict[str, Connector]:
    """The connectors of the packages in `folders`, sorted by name.

    Raises RuntimeError that names the folder which has none, more than one, or one of another name; what a folder's
    own code raises on import comes through.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(list(folders)) if module.ispkg)
    return {name: _connector_in(import_module(f"{package}.{name}"), name) for name in names}


def _connector_in(module: ModuleType, name: str) -> Connector:
    found = {id(value): value for value in vars(module).values() if isinstance(value, Connector)}
    if len(found) != 1:
        raise RuntimeError(f"{module.__name__} must define exactly one Connector in its __init__, not {len(found)}")
    [only] = found.values()
    if only.name != name:
        raise RuntimeError(f"{module.__name__} defines the connector {only.name!r}; it must be named like its folder")
    return only


CONNECTORS: Mapping[str, Connector] = MappingProxyType(discover([str(Path(__file__).parent)]))


def connector(name: str) -> Connector:
    """The connector of that name. Raises InvalidInput that lists what there is."""
    found = CONNECTORS.get(name)
    if found is None:
        raise InvalidInput(f"There is no connector {name!r}; there are: {', '.join(sorted(CONNECTORS))}.")
    return found
