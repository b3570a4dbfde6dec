"""Credit rules: what is free, what is debited, and when."""

from __future__ import annotations

from coco.errors import Code, Refused

SIGN_UP_CREDITS = 1000
"""Free credits of a new account."""

FREE_KINDS = frozenset({"read", "draft", "plan", "approval", "review", "audit"})
"""What never costs anything."""


def after_debit(balance: int, cost: int) -> int:
    """The balance after an executed action of `cost` credits.

    Raises Refused (CREDITS) where it would fall below zero, ValueError for a negative cost.
    """
    if cost < 0:
        raise ValueError("a cost is never negative")
    if balance < cost:
        raise Refused(f"This needs {cost} credits and the balance is {balance}.", code=Code.CREDITS)
    return balance - cost


def within_cap(cost: int, cap: int) -> int:
    """`cost`, when the grant's cap allows it. Raises Refused (CREDITS)."""
    if cost > cap:
        raise Refused(f"This costs {cost} credits and the approval allowed {cap}.", code=Code.CREDITS)
    return cost
