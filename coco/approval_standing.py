"""How an action stands with the approval rules of its workflow, in words and for whoever looks at it.

For pages and the API. What counts in the end the database judges by itself, from the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from uuid import UUID

from coco.approvals import Approval, ApprovalRule, ApproverRole, missing
from coco.requests import Frozen

_ANY = "-"
"""Every approval here is of the action as it is: its digest says nothing more."""
_NUMBERS = {1: "one", 2: "two"}

Told = str | datetime
"""A piece of a sentence; a time is put into the reader's own words."""


class Given(Frozen):
    """One approval that was given, of the action as it is."""

    person: UUID
    name: str
    counts_for: UUID
    """The person, or who delegated to them."""
    for_name: str
    at: datetime
    holds: bool
    """Both may still decide, and a delegation still runs."""


class ApprovalFacts(Frozen):
    """What the database tells of one action, to `viewer`."""

    action_id: UUID
    viewer: UUID
    rules: tuple[ApprovalRule, ...]
    """All of them must hold; none where its owner, or anybody who may decide, decides alone."""
    given: tuple[Given, ...]
    asked_for: tuple[UUID, ...]
    """Who started its run, and who edited it."""
    roles: Mapping[UUID, ApproverRole]
    """Who may decide on it, and sees it."""
    decided_by: str | None = None
    """The name of who decided, where that was somebody else than whose action it is."""


class ApprovalStanding(Frozen):
    """How it stands."""

    rules: tuple[ApprovalRule, ...]
    given: tuple[Given, ...]
    missing: int
    """How many more people it needs at least."""
    possible: bool
    """Whether enough of those who may decide would count."""
    mine: bool
    """The viewer approved it, or somebody did for them."""
    counts: bool
    """The viewer's approval would bring it further."""
    decides: bool
    """With the viewer's approval it would be approved."""
    asked: bool
    """The viewer asked for it: started its run or edited it."""
    says: str
    """All of it in a sentence; times in UTC."""
    decided_by: str | None


def standing(facts: ApprovalFacts) -> ApprovalStanding:
    """How an action stands, from what the database told."""
    me = facts.viewer
    now = _still(facts, facts.given)
    with_me = _still(facts, (*facts.given, _yes(me)))
    mine = any(me in (item.person, item.counts_for) for item in facts.given)
    return ApprovalStanding(
        rules=facts.rules,
        given=facts.given,
        missing=max(now, default=0),
        possible=not any(_still(facts, [_yes(person) for person in facts.roles])),
        mine=mine,
        counts=not mine and me in facts.roles and (not facts.rules or sum(with_me) < sum(now)),
        decides=not mine and me in facts.roles and not any(with_me),
        asked=me in facts.asked_for,
        says=in_words(facts.rules, facts.given, max(now, default=0)),
        decided_by=facts.decided_by,
    )


def _yes(person: UUID) -> Given:
    return Given(person=person, name="", counts_for=person, for_name="", at=datetime.now(UTC), holds=True)


def _still(facts: ApprovalFacts, given: tuple[Given, ...] | list[Given]) -> list[int]:
    """For each rule, how many more people it asks for."""
    approvals = [Approval(person=one.person, counts_for=one.counts_for, digest=_ANY) for one in given if one.holds]
    return [
        missing(rule, approvals, digest=_ANY, requesters=facts.asked_for, roles=facts.roles) for rule in facts.rules
    ]


def sentence(rules: tuple[ApprovalRule, ...], given: tuple[Given, ...], still: int) -> list[Told]:
    """ "needs two people; approved by X at …; waits for one more, not whoever asked for it", in pieces."""
    pieces: list[Told] = []
    if rules:
        pieces.append("needs " + " and ".join(dict.fromkeys(_people(rule) for rule in rules)))
    if given:
        pieces.append(("; " if pieces else "") + "approved by ")
        for number, one in enumerate(given):
            pieces.append((" and by " if number else "") + _name(one) + " at ")
            pieces.append(one.at)
            if not one.holds:
                pieces.append(" (who may not decide any more)")
    if rules and still:
        more = f"{_NUMBERS[still]} more" if given else {1: "one", 2: "both"}[still]
        pieces.append(f"; waits for {more}")
        if any(rule.not_requester for rule in rules):
            pieces.append(", not whoever asked for it")
    return pieces


def in_words(
    rules: tuple[ApprovalRule, ...],
    given: tuple[Given, ...],
    still: int,
    moment: Callable[[datetime], str] | None = None,
) -> str:
    """The sentence as plain text."""
    said = moment or _utc
    return "".join(said(piece) if isinstance(piece, datetime) else piece for piece in sentence(rules, given, still))


def _people(rule: ApprovalRule) -> str:
    return str(rule.model_copy(update={"not_requester": False}))


def _name(one: Given) -> str:
    return one.name if one.person == one.counts_for else f"{one.name} for {one.for_name}"


def _utc(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"
