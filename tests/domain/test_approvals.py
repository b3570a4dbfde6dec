"""Whom an approval counts for, and when there are enough."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from coco.approvals import (
    Approval,
    ApprovalRule,
    ApproverRole,
    check_delegation,
    check_possible,
    is_satisfied,
)
from coco.errors import InvalidInput

DIGEST, OTHER = "d" * 64, "e" * 64
ANN, BEN, CAL, EVE = (UUID(int=number) for number in range(1, 5))
ROLES = {ANN: ApproverRole.OWNER, BEN: ApproverRole.APPROVER, CAL: ApproverRole.ADMIN}
TWO = ApprovalRule(people=2)


def yes(person: UUID, counts_for: UUID | None = None, digest: str = DIGEST) -> Approval:
    return Approval(person=person, counts_for=counts_for or person, digest=digest)


def judged(rule: ApprovalRule, *approvals: Approval) -> bool:
    return is_satisfied(rule, approvals, digest=DIGEST, requesters={ANN}, roles=ROLES)


@pytest.mark.parametrize(
    ("rule", "approvals", "enough"),
    [
        (ApprovalRule(), (yes(ANN),), True),
        (ApprovalRule(), (), False),
        (ApprovalRule(), (yes(EVE),), False),
        (TWO, (yes(ANN),), False),
        (TWO, (yes(ANN), yes(ANN)), False),
        (TWO, (yes(ANN), yes(BEN)), True),
        (TWO, (yes(ANN), yes(EVE)), False),
        (TWO, (yes(ANN), yes(BEN, digest=OTHER)), False),
        (TWO, (yes(BEN), yes(BEN, CAL)), False),
        (TWO, (yes(BEN, CAL), yes(CAL)), False),
        (TWO, (yes(BEN, CAL), yes(CAL, ANN)), False),
        (TWO, (yes(BEN, CAL), yes(ANN)), True),
        (ApprovalRule(not_requester=True), (yes(ANN),), False),
        (ApprovalRule(not_requester=True), (yes(BEN, ANN),), False),
        (ApprovalRule(not_requester=True), (yes(ANN, BEN),), False),
        (ApprovalRule(not_requester=True), (yes(BEN),), True),
        (ApprovalRule(role=ApproverRole.ADMIN), (yes(BEN),), False),
        (ApprovalRule(role=ApproverRole.ADMIN), (yes(BEN, CAL),), False),
        (ApprovalRule(role=ApproverRole.ADMIN), (yes(CAL),), True),
    ],
)
def test_who_counts(rule: ApprovalRule, approvals: tuple[Approval, ...], enough: bool) -> None:
    assert judged(rule, *approvals) is enough


PEOPLE = st.sampled_from([ANN, BEN, CAL, EVE])


@given(st.lists(st.tuples(PEOPLE, PEOPLE)), PEOPLE)
def test_one_person_is_never_two(pairs: list[tuple[UUID, UUID]], one: UUID) -> None:
    """However the approvals are combined, where one person has a part in each, there are not two."""
    assert not judged(TWO, *(yes(person, other) for person, other in pairs if one in (person, other)))


def test_a_rule_that_nobody_could_satisfy_is_not_set() -> None:
    with pytest.raises(InvalidInput, match="only 1 of those"):
        check_possible(TWO, ANN, {ANN: ApproverRole.OWNER})
    with pytest.raises(InvalidInput, match="only 0 of those"):
        check_possible(ApprovalRule(not_requester=True), ANN, {ANN: ApproverRole.OWNER})
    check_possible(TWO, ANN, ROLES)


@pytest.mark.parametrize("values", [{"people": 0}, {"people": 3}, {"role": "owner"}, {"role": "auditor"}, {"x": 1}])
def test_no_other_rules(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ApprovalRule.model_validate(values)


def test_a_delegation_is_to_another_and_ends() -> None:
    now = datetime.now(UTC)
    check_delegation(ANN, BEN, now, now + timedelta(days=90))
    for to, end in ((ANN, now + timedelta(days=1)), (BEN, now), (BEN, now + timedelta(days=91))):
        with pytest.raises(InvalidInput):
            check_delegation(ANN, to, now, end)
