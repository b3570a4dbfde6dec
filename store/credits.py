"""Credits: reserving, settling, releasing and adding, each a transaction of the ledger, once for what it is for.

Every change holds a lock on the user's account until the caller's transaction ends, so that balances and budgets are
compared with what is really committed. The database keeps the balance from the postings and checks each movement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.credits import (
    MAX_TOP_UP,
    SIGN_UP_CREDITS,
    LedgerAccount,
    LedgerKind,
    Period,
    Postings,
    after_debit,
    ends,
    given,
    released,
    set_aside,
    settled,
)
from coco.errors import InvalidInput, Refused
from store import budgets, locks
from store.tables import ActionRow, CreditAccount, LedgerPosting, LedgerTransaction, utc_now


async def open_account(session: AsyncSession, user_id: UUID) -> None:
    """A new user's account with the free credits."""
    items = [{"item": "free credits", "credits": SIGN_UP_CREDITS}]
    await _record(session, user_id, LedgerKind.SIGN_UP, "sign_up", given(SIGN_UP_CREDITS), items)


async def top_up(session: AsyncSession, user_id: UUID, amount: int, ref: str, note: str = "credits bought") -> bool:
    """Adds credits; once for a `ref`. False where that top-up was made before. For the database's owner only.

    Raises InvalidInput for an amount out of range or an empty reference.
    """
    if not 1 <= amount <= MAX_TOP_UP:
        raise InvalidInput(f"credits: between 1 and {MAX_TOP_UP:,}")
    if not ref.strip() or len(ref) > 200:
        raise InvalidInput("reference: name what this top-up is for, such as an invoice's number")
    await _lock(session, user_id)
    if await _found(session, user_id, LedgerKind.TOP_UP, ref) is not None:
        return False
    await _record(session, user_id, LedgerKind.TOP_UP, ref, given(amount), [{"item": note, "credits": amount}])
    return True


async def reserve(session: AsyncSession, user_id: UUID, action_id: UUID, amount: int) -> None:
    """Sets `amount` aside for an action. Repeating it changes nothing.

    Raises Refused (CREDITS) where the free part of the balance, or a budget, does not cover it.
    """
    await _lock(session, user_id)
    if await _found(session, user_id, LedgerKind.RESERVE, str(action_id)) is not None:
        return
    account = await session.get(CreditAccount, user_id, populate_existing=True)
    after_debit(account.balance - account.reserved if account else 0, amount)
    action = await session.get_one(ActionRow, action_id)
    await budgets.check(session, user_id, action.workflow_id, amount, utc_now())
    await _record(session, user_id, LedgerKind.RESERVE, str(action_id), set_aside(amount), [], action)


async def settle(
    session: AsyncSession, user_id: UUID, action_id: UUID, items: list[dict[str, Any]], cost: int | None = None
) -> int:
    """Debits an executed action, once: `cost`, or all that was reserved; the rest becomes available again.

    The amount debited, 0 when it already was. Raises Refused (CREDITS) for a cost above what was reserved.
    """
    await _lock(session, user_id)
    held = await _held(session, user_id, action_id)
    if held is None:
        return 0
    action = await session.get_one(ActionRow, action_id)
    cost = held if cost is None else cost
    await _record(session, user_id, LedgerKind.SETTLE, str(action_id), settled(held, cost), items, action)
    return cost


async def release(session: AsyncSession, user_id: UUID, action_id: UUID) -> None:
    """Gives back what was reserved for an action that did not take place; once."""
    await _lock(session, user_id)
    held = await _held(session, user_id, action_id)
    if held is None:
        return
    action = await session.get_one(ActionRow, action_id)
    await _record(session, user_id, LedgerKind.RELEASE, str(action_id), released(held), [], action)


@dataclass(frozen=True)
class Shortage:
    """Why an action's credits cannot be set aside now."""

    why: str
    until: datetime | None
    """When a budget's next period begins, where that will do; None where somebody has to add credits."""


async def shortages(
    session: AsyncSession, user_id: UUID, workflow_id: UUID, costs: Mapping[UUID, int], now: datetime
) -> dict[UUID, Shortage]:
    """Which of a workflow's approved actions, with their costs, would be refused for want of credits, each for itself.

    What is set aside already is not short.
    """
    refs = [str(action_id) for action_id, cost in costs.items() if cost]
    if not refs:
        return {}
    held = await session.execute(
        select(col(LedgerTransaction.ref)).where(
            col(LedgerTransaction.user_id) == user_id,
            col(LedgerTransaction.kind) == LedgerKind.RESERVE.value,
            col(LedgerTransaction.ref).in_(refs),
        )
    )
    reserved = set(held.scalars())
    open_costs = {action_id: cost for action_id, cost in costs.items() if cost and str(action_id) not in reserved}
    if not open_costs:
        return {}
    account = await session.get(CreditAccount, user_id, populate_existing=True)
    available = account.balance - account.reserved if account else 0
    standing = await budgets.binding(session, user_id, workflow_id, now)
    found: dict[UUID, Shortage] = {}
    for action_id, cost in open_costs.items():
        try:
            after_debit(available, cost)
        except Refused as error:
            found[action_id] = Shortage(error.message, None)
            continue
        broken = []
        for row, committed in standing:
            try:
                budgets.compare(row, committed, cost)
            except Refused as error:
                broken.append((error.message, None if cost > row.credits else ends(Period(row.period), now)))
        if broken:
            untils = [until for _, until in broken]
            until = None if None in untils else max(item for item in untils if item is not None)
            found[action_id] = Shortage(broken[0][0], until)
    return found


async def _lock(session: AsyncSession, user_id: UUID) -> None:
    await locks.until_commit(session, f"credits:{user_id}")


async def _found(session: AsyncSession, user_id: UUID, kind: LedgerKind, ref: str) -> UUID | None:
    rows = await session.execute(
        select(col(LedgerTransaction.id)).where(
            col(LedgerTransaction.user_id) == user_id,
            col(LedgerTransaction.kind) == kind.value,
            col(LedgerTransaction.ref) == ref,
        )
    )
    return rows.scalar_one_or_none()


async def _held(session: AsyncSession, user_id: UUID, action_id: UUID) -> int | None:
    """What is reserved for an action; None where nothing was, or its result is in the ledger."""
    ref = str(action_id)
    reserved = await _found(session, user_id, LedgerKind.RESERVE, ref)
    if reserved is None:
        return None
    for closing in (LedgerKind.SETTLE, LedgerKind.RELEASE):
        if await _found(session, user_id, closing, ref) is not None:
            return None
    amount = await session.execute(
        select(col(LedgerPosting.amount)).where(
            col(LedgerPosting.transaction_id) == reserved,
            col(LedgerPosting.account) == LedgerAccount.RESERVED.value,
        )
    )
    return amount.scalar_one_or_none() or 0


async def _record(
    session: AsyncSession,
    user_id: UUID,
    kind: LedgerKind,
    ref: str,
    postings: Postings,
    items: list[dict[str, Any]],
    action: ActionRow | None = None,
    at: datetime | None = None,
) -> None:
    row = LedgerTransaction(
        user_id=user_id,
        kind=kind.value,
        ref=ref,
        workflow_id=action.workflow_id if action else None,
        run_id=action.run_id if action else None,
        items=items,
        at=at or utc_now(),
    )
    session.add(row)
    await session.flush()
    # What leaves an account first: the balance is never above what there is, not even in between.
    for account, amount in sorted(postings.items(), key=lambda item: item[1]):
        await session.execute(
            insert(LedgerPosting).values(transaction_id=row.id, account=account.value, user_id=user_id, amount=amount)
        )
