"""What the conformance suite needs to know of a connector: for each operation, arguments and a provider's answer.

One module per connector, named like it, with `EXAMPLES`: the suite finds it, and a new connector needs nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

from activities.connectors.base import ConnectionInfo
from coco.requests import ProviderResponse


@dataclass(frozen=True)
class Example:
    """One use of an operation."""

    arguments: dict[str, Any]
    response: ProviderResponse
    """What the provider answers to the operation's request, with values that are made up."""
    prior: ProviderResponse | None = None
    """What it answers to the read before, where the operation has one."""
    unshown: frozenset[str] = frozenset()
    """Arguments that a card need not show, such as an idempotency key. Everything else has to be on it."""


@dataclass(frozen=True)
class Examples:
    """A connector's."""

    connection: ConnectionInfo
    operations: Mapping[str, tuple[Example, ...]]


def answer(value: Any, status: int = 200) -> ProviderResponse:
    """A JSON answer."""
    return ProviderResponse.of(status, [("content-type", "application/json")], json.dumps(value).encode())


def examples_of(name: str) -> Examples:
    """The examples of a connector; fails the test that asks for some that are not written yet."""
    module = f"{__name__}.{name}"
    if find_spec(module) is None:
        pytest.fail(
            f"write {module.replace('.', '/')}.py: an example for every operation of {name}, as its neighbours do"
        )
    found = import_module(module).EXAMPLES
    assert isinstance(found, Examples)
    return found
