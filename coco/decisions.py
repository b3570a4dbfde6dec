"""Decisions: what a person said about an action, and the rules for saying it."""

from __future__ import annotations

from enum import StrEnum

from coco.actions import ActionState
from coco.errors import Conflict, InvalidInput


class Verdict(StrEnum):
    """Persisted in decision rows; never renamed."""

    APPROVE = "approve"
    REJECT = "reject"
    EDIT = "edit"
    """Supersedes the action; the edit is a new action that waits for its own approval."""
    HAPPENED = "happened"
    """Settles an unknown outcome: a person saw that it took effect."""
    DID_NOT_HAPPEN = "did_not_happen"


_NEXT: dict[tuple[ActionState, Verdict], ActionState] = {
    (ActionState.PENDING, Verdict.APPROVE): ActionState.APPROVED,
    (ActionState.PENDING, Verdict.REJECT): ActionState.REJECTED,
    (ActionState.PENDING, Verdict.EDIT): ActionState.SUPERSEDED,
    (ActionState.OUTCOME_UNKNOWN, Verdict.HAPPENED): ActionState.DONE,
    (ActionState.OUTCOME_UNKNOWN, Verdict.DID_NOT_HAPPEN): ActionState.FAILED,
}

_STANDS = {
    ActionState.APPROVED: "it was already approved",
    ActionState.REJECTED: "it was already rejected",
    ActionState.SUPERSEDED: "it was edited; decide on the edited action",
    ActionState.CANCELLED: "its run was cancelled",
    ActionState.DONE: "it is already done",
    ActionState.FAILED: "it already failed",
    ActionState.DRIFTED: "the record changed; decide on the action with today's value",
    ActionState.OUTCOME_UNKNOWN: "its outcome is unknown; say whether it happened",
    ActionState.PENDING: "it still waits for approval",
}


def after(state: ActionState, verdict: Verdict) -> ActionState:
    """The state an action takes when a person says `verdict`.

    Raises Conflict that says how the action stands, for a late or doubled click.
    """
    following = _NEXT.get((state, verdict))
    if following is None:
        raise Conflict(f"Nothing was changed: {_STANDS[state]}.")
    return following


def checked_reason(verdict: Verdict, reason: str) -> str:
    """A rejection carries a reason, of at most 2,000 characters. Raises InvalidInput."""
    reason = reason.strip()
    if verdict is Verdict.REJECT and not reason:
        raise InvalidInput("A rejection needs a reason; it is kept with the action.")
    if len(reason) > 2000:
        raise InvalidInput("The reason is longer than 2,000 characters.")
    return reason


def check_shown(shown_digest: str, action_digest: str) -> None:
    """What was presented is what is approved. Raises Conflict where the digests differ."""
    if shown_digest != action_digest:
        raise Conflict("Nothing was approved: the action is not the one you were shown. Reload the card.")
