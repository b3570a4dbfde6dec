"""Every error Coco raises on purpose, each with a stable code.

The code is what the API returns and what a grant refusal carries; the text is for people and says what to do.
"""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """Stable error codes; persisted in refusals and returned by the API, so never renamed."""

    INVALID = "invalid"
    """The input is malformed; the message names the field."""
    NOT_FOUND = "not_found"
    """There is no such thing for this user (another user's things are equally not found)."""
    UNAUTHENTICATED = "unauthenticated"
    """No valid sign-in or bearer token came with the call."""
    FORBIDDEN = "forbidden"
    """The caller is known and may not do this."""
    CONFLICT = "conflict"
    """The thing has moved on: decided, cancelled or changed since it was shown."""
    GRANT_MISSING = "grant_missing"
    """A gated request came without a grant."""
    GRANT_INVALID = "grant_invalid"
    """The grant is not one the control side signed, or a claim is malformed."""
    GRANT_EXPIRED = "grant_expired"
    """The grant's time is over; a new approval or mint is needed."""
    GRANT_MISMATCH = "grant_mismatch"
    """The grant is for another user, workflow, run, action or request."""
    GRANT_SPENT = "grant_spent"
    """The grant was used before and no kept response can be replayed for this call."""
    NOT_IN_MANIFEST = "not_in_manifest"
    """No connector manifest names this request."""
    CONNECTION_UNUSABLE = "connection_unusable"
    """The connection is read-only, revoked or needs reconnection."""
    DRIFTED = "drifted"
    """The record changed since the approval's card was shown."""
    OUTCOME_UNKNOWN = "outcome_unknown"
    """The request may or may not have reached the provider; a person settles it."""
    RUN_PAUSED = "run_paused"
    """Its owner has paused the run; none of its actions begins until it is resumed."""
    THROTTLED = "throttled"
    """The provider wants to be asked later, or the connection's rate is used up; nothing was sent by this call."""
    RUN_CANCELLED = "run_cancelled"
    """The run was cancelled; none of its actions executes any more."""
    CREDITS = "credits"
    """The balance, or a budget, does not cover the cost."""
    TIER = "tier"
    """The account's tier has no room for one more, or lacks the feature."""
    WRONG_REGION = "wrong_region"
    """It belongs to another region; the message says which address to go to."""
    TOO_LARGE = "too_large"
    """A size limit was exceeded."""
    UNAVAILABLE = "unavailable"
    """A part that is needed is not there right now; try again."""


class CocoError(Exception):
    """Base of all deliberate errors: `code` is for machines, `str(error)` for people."""

    code: Code = Code.INVALID

    def __init__(self, message: str, *, code: Code | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code

    @property
    def message(self) -> str:
        return str(self)


class InvalidInput(CocoError):
    """Input that cannot be accepted as it is."""

    code = Code.INVALID


class NotFound(CocoError):
    """Nothing of that id belongs to this user."""

    code = Code.NOT_FOUND


class Conflict(CocoError):
    """The state moved on since the caller looked."""

    code = Code.CONFLICT


class Refused(CocoError):
    """A gate said no. `code` says which rule."""

    code = Code.FORBIDDEN


class Later(CocoError):
    """Not now: the same call may be made again in `seconds`. Certainly nothing took effect."""

    code = Code.THROTTLED

    def __init__(self, message: str, seconds: float, *, code: Code | None = None) -> None:
        super().__init__(message, code=code)
        self.seconds = seconds
