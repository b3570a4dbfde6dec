"""Credits: balance, reservations and the ledger, each change idempotent by the action it is for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.credits import SIGN_UP_CREDITS, after_debit
from store.tables import CreditAccount, CreditEntry, CreditReservation


async def open_account(session: AsyncSession, user_id: UUID) -> None:
    """A new user's account with the free credits."""
    session.add(CreditAccount(user_id=user_id, balance=SIGN_UP_CREDITS))
    session.add(
        CreditEntry(
            user_id=user_id,
            kind="sign_up",
            amount=SIGN_UP_CREDITS,
            ref="sign_up",
            items=[{"item": "free credits", "credits": SIGN_UP_CREDITS}],
        )
    )
    await session.flush()


async def _locked(session: AsyncSession, user_id: UUID) -> CreditAccount:
    account = (
        await session.execute(select(CreditAccount).where(col(CreditAccount.user_id) == user_id).with_for_update())
    ).scalar_one()
    await session.refresh(account)
    return account


async def reserve(session: AsyncSession, user_id: UUID, action_id: UUID, amount: int) -> None:
    """Sets `amount` aside for an action. Repeating it changes nothing.

    Raises Refused (CREDITS) where the free part of the balance does not cover it.
    """
    account = await _locked(session, user_id)
    held = await session.get(CreditReservation, action_id)
    if held is not None:
        return
    after_debit(account.balance - account.reserved, amount)
    session.add(CreditReservation(action_id=action_id, user_id=user_id, amount=amount))
    await _set(session, user_id, account.balance, account.reserved + amount)


async def settle(session: AsyncSession, user_id: UUID, action_id: UUID, items: list[dict[str, Any]]) -> int:
    """Debits what was reserved for an executed action; once. The amount debited, 0 when it already was."""
    account = await _locked(session, user_id)
    held = await session.get(CreditReservation, action_id)
    if held is None or held.state != "held":
        return 0
    await _close(session, action_id, "settled")
    session.add(CreditEntry(user_id=user_id, kind="debit", amount=-held.amount, ref=str(action_id), items=items))
    await _set(session, user_id, after_debit(account.balance, held.amount), account.reserved - held.amount)
    return held.amount


async def release(session: AsyncSession, user_id: UUID, action_id: UUID) -> None:
    """Gives back what was reserved for an action that did not take place; once."""
    account = await _locked(session, user_id)
    held = await session.get(CreditReservation, action_id)
    if held is None or held.state != "held":
        return
    await _close(session, action_id, "released")
    await _set(session, user_id, account.balance, account.reserved - held.amount)


async def _set(session: AsyncSession, user_id: UUID, balance: int, reserved: int) -> None:
    await session.execute(
        update(CreditAccount).where(col(CreditAccount.user_id) == user_id).values(balance=balance, reserved=reserved)
    )
    await session.flush()


async def _close(session: AsyncSession, action_id: UUID, state: str) -> None:
    await session.execute(
        update(CreditReservation).where(col(CreditReservation.action_id) == action_id).values(state=state)
    )
