"""An action: one proposed side effect, exact before anybody approves it, and its digest."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from coco.canonical import digest
from coco.requests import Frozen, PreparedRequest


class Reversibility(StrEnum):
    """What can be done about an action afterwards; shown on the card before approval."""

    REVERSIBLE = "reversible"
    """The prior value can be written back."""
    COMPENSABLE = "compensable"
    """It cannot be undone, but a further action makes up for it (restore an archived record)."""
    IRREVERSIBLE = "irreversible"
    """Nothing takes it back (a sent message)."""


class ActionState(StrEnum):
    """Where an action stands. Persisted; never renamed."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    """Edited: the edit is an action of its own, with its own approval."""
    CANCELLED = "cancelled"
    DONE = "done"
    FAILED = "failed"
    """The provider refused it, or it could not be sent; certainly nothing happened."""
    DRIFTED = "drifted"
    """The record had changed; nothing was sent, and a new action with today's value waits for approval."""
    OUTCOME_UNKNOWN = "outcome_unknown"
    """It may have happened; a person settles it."""

    @property
    def is_final(self) -> bool:
        return self not in {ActionState.PENDING, ActionState.APPROVED, ActionState.OUTCOME_UNKNOWN}


class Prior(Frozen):
    """The value the card shows as "before", and the read that tells it again at execution."""

    request: PreparedRequest
    value: dict[str, Any] | None
    """Field values by name; None where the record did not exist."""

    def digest(self) -> str:
        return prior_digest(self.value)


def prior_digest(value: dict[str, Any] | None) -> str:
    """Digest of a prior value alone: what the gateway compares just before it sends."""
    return digest({"prior": value})


class Preview(Frozen):
    """What a person sees: a one-line summary, the record, and fields before and after."""

    summary: Annotated[str, Field(max_length=500)]
    record: Annotated[str, Field(max_length=300)]
    """The record or recipient in people's words."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    body: str = ""
    """The full text of a message, where there is one."""


class Action(Frozen):
    """One proposed side effect. Everything here is covered by the digest, so it is what the person approved."""

    connection: str
    """Id of the connection (UUID text)."""
    connector: str
    operation: str
    request: PreparedRequest
    prior: Prior | None = None
    preview: Preview
    reversibility: Reversibility
    credits: Annotated[int, Field(ge=0, le=1_000_000)]

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")

    def digest(self) -> str:
        """SHA-256 of the action in canonical JSON: what an approval binds to."""
        return digest(self.as_json())

    def prior_digest(self) -> str:
        """Digest of the prior value shown; of "none" where the operation has no prior."""
        return self.prior.digest() if self.prior is not None else prior_digest(None)
