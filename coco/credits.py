"""Credit rules: what is free, what is debited, and how an account's four sides move.

The ledger is double entry: every transaction moves credits between the accounts below and its postings sum to zero.
The database checks the same shapes again (store/migrations), so that no process can make credits out of nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from coco.errors import Code, Refused

SIGN_UP_CREDITS = 1000
"""Free credits of a new account. The database knows the same number."""

MAX_TOP_UP = 10_000_000
"""Most credits that one top-up adds."""

FREE_KINDS = frozenset({"read", "draft", "plan", "approval", "review", "audit"})
"""What never costs anything."""


class LedgerAccount(StrEnum):
    """The sides between which a user's credits move. Persisted; never renamed."""

    ISSUED = "issued"
    """Where credits come from; as negative as all that was ever given."""
    AVAILABLE = "available"
    RESERVED = "reserved"
    """Set aside for approved actions on their way."""
    USED = "used"


class LedgerKind(StrEnum):
    """Kinds of transaction. Persisted; never renamed."""

    SIGN_UP = "sign_up"
    TOP_UP = "top_up"
    RESERVE = "reserve"
    SETTLE = "settle"
    RELEASE = "release"


class Period(StrEnum):
    """What a budget is counted over. Days and months are those of UTC. Persisted; never renamed."""

    DAY = "day"
    MONTH = "month"
    EVER = "ever"


def started(period: Period, now: datetime) -> datetime | None:
    """When the period that `now` is in began, in UTC; None for all time."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return {Period.DAY: midnight, Period.MONTH: midnight.replace(day=1), Period.EVER: None}[period]


def ends(period: Period, now: datetime) -> datetime | None:
    """When the period that `now` is in ends, in UTC; None for all time."""
    begun = started(period, now)
    if begun is None:
        return None
    if period is Period.DAY:
        return begun + timedelta(days=1)
    return (begun + timedelta(days=32)).replace(day=1)


Postings = dict[LedgerAccount, int]


def given(amount: int) -> Postings:
    """Credits given at sign-up or by a top-up. Raises ValueError for an amount that is not positive."""
    if amount <= 0:
        raise ValueError("credits are given in positive amounts")
    return {LedgerAccount.ISSUED: -amount, LedgerAccount.AVAILABLE: amount}


def set_aside(amount: int) -> Postings:
    """Credits reserved for an action."""
    return moved({LedgerAccount.AVAILABLE: -amount, LedgerAccount.RESERVED: amount})


def settled(reserved: int, cost: int) -> Postings:
    """The result of a reserved action: its cost is used, the rest becomes available again.

    Raises Refused (CREDITS) where it would cost more than was reserved.
    """
    within_cap(cost, reserved)
    return moved(
        {
            LedgerAccount.RESERVED: -reserved,
            LedgerAccount.USED: cost,
            LedgerAccount.AVAILABLE: reserved - cost,
        }
    )


def released(reserved: int) -> Postings:
    """A reserved action that did not take place."""
    return moved({LedgerAccount.RESERVED: -reserved, LedgerAccount.AVAILABLE: reserved})


def moved(postings: Postings) -> Postings:
    """Without the accounts that do not change."""
    return {account: amount for account, amount in postings.items() if amount}


def after_debit(balance: int, cost: int) -> int:
    """The balance after an executed action of `cost` credits.

    Raises Refused (CREDITS) where it would fall below zero, ValueError for a negative cost.
    """
    if cost < 0:
        raise ValueError("a cost is never negative")
    if balance < cost:
        raise Refused(f"This needs {cost} credits and the balance is {balance}.", code=Code.CREDITS)
    return balance - cost


def within_budget(committed: int, cost: int, budget: int, whose: str, period: Period) -> None:
    """Raises Refused (CREDITS) where `cost` on top of what is committed would break the budget of `whose`."""
    if committed + cost > budget:
        span = {Period.DAY: " a day", Period.MONTH: " a month", Period.EVER: " in all"}[period]
        raise Refused(
            f"{whose} may use {budget} credits{span}; {committed} are used or set aside and this needs {cost}.",
            code=Code.CREDITS,
        )


def within_cap(cost: int, cap: int) -> int:
    """`cost`, when the grant's cap allows it. Raises Refused (CREDITS)."""
    if cost > cap:
        raise Refused(f"This costs {cost} credits and the approval allowed {cap}.", code=Code.CREDITS)
    return cost
