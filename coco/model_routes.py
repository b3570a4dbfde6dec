"""Which language model is asked for what: the purposes, and one choice. `store.model_routes` keeps the routes."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from coco.requests import Frozen


class Purpose(StrEnum):
    """What a model is asked for. Persisted; never renamed."""

    DRAFTING = "drafting"
    """The words of mails, in workflows that were given a model."""
    PROPOSING = "proposing"
    """A guardrail for a sentence that was refused."""


class ModelChoice(Frozen):
    """One model over one connection."""

    connection_id: UUID
    model: str
