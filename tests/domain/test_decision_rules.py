"""What may be said of an action in which state."""

from __future__ import annotations

import pytest

from coco.actions import ActionState
from coco.connections import ConnectionState, check_usable
from coco.credits import after_debit, within_cap
from coco.decisions import Verdict, after, check_shown, checked_reason
from coco.errors import Conflict, InvalidInput, Refused

ALLOWED = {
    (ActionState.PENDING, Verdict.APPROVE): ActionState.APPROVED,
    (ActionState.PENDING, Verdict.REJECT): ActionState.REJECTED,
    (ActionState.PENDING, Verdict.EDIT): ActionState.SUPERSEDED,
    (ActionState.OUTCOME_UNKNOWN, Verdict.HAPPENED): ActionState.DONE,
    (ActionState.OUTCOME_UNKNOWN, Verdict.DID_NOT_HAPPEN): ActionState.FAILED,
}


@pytest.mark.parametrize("state", list(ActionState))
@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_pair_of_state_and_verdict(state: ActionState, verdict: Verdict) -> None:
    if (state, verdict) in ALLOWED:
        assert after(state, verdict) is ALLOWED[state, verdict]
        return
    with pytest.raises(Conflict, match="Nothing was changed"):
        after(state, verdict)


def test_reasons() -> None:
    assert checked_reason(Verdict.APPROVE, "") == ""
    assert checked_reason(Verdict.REJECT, " too soon ") == "too soon"
    with pytest.raises(InvalidInput):
        checked_reason(Verdict.REJECT, "\n")
    with pytest.raises(InvalidInput, match="2,000"):
        checked_reason(Verdict.APPROVE, "x" * 2001)


def test_what_was_shown_is_what_is_decided() -> None:
    check_shown("a" * 64, "a" * 64)
    with pytest.raises(Conflict):
        check_shown("a" * 64, "b" * 64)


def test_credits_never_go_below_zero() -> None:
    assert after_debit(5, 5) == 0
    with pytest.raises(Refused):
        after_debit(4, 5)
    with pytest.raises(ValueError, match="negative"):
        after_debit(4, -1)
    assert within_cap(3, 3) == 3
    with pytest.raises(Refused):
        within_cap(4, 3)


@pytest.mark.parametrize("state", list(ConnectionState))
@pytest.mark.parametrize("gated", [True, False])
def test_what_a_connection_lets_through(state: ConnectionState, gated: bool) -> None:
    if state is ConnectionState.ACTIVE or (state is ConnectionState.READ_ONLY and not gated):
        check_usable(state, gated=gated)
        return
    with pytest.raises(Refused):
        check_usable(state, gated=gated)
