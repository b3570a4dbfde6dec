"""How an action stands with its rules, in words, and what the reader's own yes would do."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from coco.approval_standing import ApprovalFacts, Given, standing
from coco.approvals import ApprovalRule, ApproverRole

ANN, BEN, CAL, EVE = (UUID(int=number) for number in range(1, 5))
NAMES = {ANN: "Ann", BEN: "Ben", CAL: "Cal", EVE: "Eve"}
ROLES = {ANN: ApproverRole.ADMIN, BEN: ApproverRole.APPROVER, CAL: ApproverRole.ADMIN}
AT = datetime(2026, 11, 28, 8, 5, tzinfo=UTC)
TWO, NOT_ME = ApprovalRule(people=2), ApprovalRule(not_requester=True)
BOTH, ADMIN = ApprovalRule(people=2, not_requester=True), ApprovalRule(role=ApproverRole.ADMIN)


def yes(person: UUID, counts_for: UUID | None = None, holds: bool = True) -> Given:
    other = counts_for or person
    return Given(person=person, name=NAMES[person], counts_for=other, for_name=NAMES[other], at=AT, holds=holds)


def facts(
    viewer: UUID, *rules: ApprovalRule, given: tuple[Given, ...] = (), asked: tuple[UUID, ...] = (ANN,)
) -> ApprovalFacts:
    return ApprovalFacts(action_id=UUID(int=9), viewer=viewer, rules=rules, given=given, asked_for=asked, roles=ROLES)


@pytest.mark.parametrize(
    ("rules", "given", "says"),
    [
        ((TWO,), (), "needs two people; waits for both"),
        ((TWO,), (yes(BEN),), "needs two people; approved by Ben at 28 Nov 2026, 08:05 UTC; waits for one more"),
        (
            (BOTH,),
            (yes(BEN),),
            "needs two people; approved by Ben at 28 Nov 2026, 08:05 UTC; waits for one more, not whoever asked for it",
        ),
        ((NOT_ME,), (), "needs one person; waits for one, not whoever asked for it"),
        (
            (TWO,),
            (yes(BEN, CAL), yes(EVE, holds=False)),
            "needs two people; approved by Ben for Cal at 28 Nov 2026, 08:05 UTC and by Eve at 28 Nov 2026, 08:05 UTC "
            "(who may not decide any more); waits for one more",
        ),
        ((TWO, ADMIN), (), "needs two people and one person with the role admin; waits for both"),
        ((), (yes(BEN),), "approved by Ben at 28 Nov 2026, 08:05 UTC"),
    ],
)
def test_it_is_said(rules: tuple[ApprovalRule, ...], given: tuple[Given, ...], says: str) -> None:
    assert standing(facts(CAL, *rules, given=given)).says == says


@pytest.mark.parametrize(
    ("viewer", "rules", "given", "asked", "expected"),
    [
        (ANN, (TWO,), (), (ANN,), (True, False)),
        (ANN, (TWO,), (yes(BEN),), (ANN,), (True, True)),
        (BEN, (TWO,), (yes(BEN),), (ANN,), (False, False)),
        (CAL, (TWO,), (yes(BEN, CAL),), (ANN,), (False, False)),
        (ANN, (NOT_ME,), (), (ANN,), (False, False)),
        (BEN, (NOT_ME,), (), (ANN,), (True, True)),
        (BEN, (NOT_ME,), (), (ANN, BEN), (False, False)),
        (BEN, (ADMIN,), (), (ANN,), (False, False)),
        (BEN, (TWO, ADMIN), (), (ANN,), (True, False)),
        (CAL, (TWO, ADMIN), (yes(BEN),), (ANN,), (True, True)),
        (EVE, (TWO,), (yes(BEN),), (ANN,), (False, False)),
        (BEN, (), (), (ANN,), (True, True)),
    ],
)
def test_what_the_readers_yes_does(
    viewer: UUID,
    rules: tuple[ApprovalRule, ...],
    given: tuple[Given, ...],
    asked: tuple[UUID, ...],
    expected: tuple[bool, bool],
) -> None:
    told = standing(facts(viewer, *rules, given=given, asked=asked))
    assert (told.counts, told.decides) == expected


def test_whether_it_can_be_approved_at_all() -> None:
    assert standing(facts(ANN, BOTH)).possible
    assert not standing(facts(ANN, BOTH, asked=(ANN, BEN))).possible
    assert not standing(facts(ANN, ApprovalRule(people=2, role=ApproverRole.ADMIN, not_requester=True))).possible
