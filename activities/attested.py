"""Reads that the gateway attests, as facts are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from coco.requests import PreparedRequest, ProviderResponse

NOT_READ = "the record was not read, or too long ago"


@dataclass(frozen=True)
class Attested:
    """One read that the gateway carried for the action's run, on the connection named."""

    connection: str
    request: PreparedRequest
    response: ProviderResponse
    at: datetime


@dataclass(frozen=True)
class Wanted:
    """One read that shows facts: over which connection (its id), and by exactly which request."""

    connection: str
    request: PreparedRequest


Answers = Mapping[Wanted, ProviderResponse]


@dataclass(frozen=True)
class About:
    """What an action is about, in facts: `missing` says why there are none, or not all."""

    facts: dict[str, Any]
    missing: str = ""
