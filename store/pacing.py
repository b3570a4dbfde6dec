"""How fast a connection may be asked: one row per connection, shared by all of its owner's runs and every gateway.

A bucket keeps within the published limit; a block waits for as long as the provider asked, or backs off from one that
does not answer, or that asks for no time worth the name and refuses again and again. A row is one connection's, so no
user's throttle delays another's.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from store.tables import Pace

Why = Literal["throttled", "failing"]

MAX_BLOCK = 86_400.0
"""Seconds; a provider that asks for more is asked again after a day."""
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
"""Seconds of back-off after failures or refusals in a row: from half a second, doubled each time."""


@dataclass(frozen=True)
class Rate:
    """A published limit as a bucket: never more than `requests` in any `seconds`."""

    requests: int
    seconds: float

    @property
    def burst(self) -> float:
        """What may go out at once. Burst and what flows in within the window stay within the limit together."""
        return max(1.0, self.requests / 5)

    @property
    def per_second(self) -> float:
        return max(self.requests - self.burst, 0.5) / self.seconds


async def take(session: AsyncSession, user_id: UUID, connection_id: UUID, rate: Rate | None) -> tuple[float, Why]:
    """(0, _) where a request may go now, and it is counted; otherwise the seconds to wait, and why.

    Holds the connection's row until the transaction ends: commit before asking the provider.
    """
    full = rate.burst if rate else 1.0
    await begin(session, user_id, connection_id, full)
    row = await _locked(session, user_id, connection_id)
    now = await _now(session)
    if row.blocked_until is not None and row.blocked_until > now:
        return (row.blocked_until - now).total_seconds(), "failing" if row.reason == "failing" else "throttled"
    if rate is None:
        return 0.0, "throttled"
    level = min(full, row.level + max(0.0, (now - row.at).total_seconds()) * rate.per_second)
    wait = 0.0 if level >= 1 else (1 - level) / rate.per_second
    await _set(session, connection_id, level=level if wait else level - 1, at=now)
    return wait, "throttled"


async def begin(session: AsyncSession, user_id: UUID, connection_id: UUID, level: float = 1.0) -> None:
    """A connection's row, where it has none yet."""
    await session.execute(
        insert(Pace)
        .values(connection_id=connection_id, user_id=user_id, level=level, at=text("now()"), reason="", failures=0)
        .on_conflict_do_nothing()
    )


async def block(session: AsyncSession, user_id: UUID, connection_id: UUID, seconds: float) -> float:
    """The provider asked for a pause. A longer one that is there already stays. The seconds to wait."""
    row = await _locked(session, user_id, connection_id)
    now = await _now(session)
    until = now + timedelta(seconds=max(0.0, min(seconds, MAX_BLOCK)))
    if row.blocked_until is None or row.blocked_until < until:
        await _set(session, connection_id, blocked_until=until, reason="throttled")
        return (until - now).total_seconds()
    return (row.blocked_until - now).total_seconds()


async def turned_away(session: AsyncSession, user_id: UUID, connection_id: UUID, asked: float) -> float:
    """The provider refused a request for coming too fast, and asked for a pause: never less than the back-off, which is
    longer each time in a row. The seconds to wait.

    Without jitter: a provider that names a moment means it, and whoever waits comes back spread out by itself.
    """
    row = await _locked(session, user_id, connection_id)
    failures = await _one_more(session, row)
    return await block(session, user_id, connection_id, max(asked, _back_off(failures)))


async def failed(session: AsyncSession, user_id: UUID, connection_id: UUID) -> float:
    """The provider gave no answer, or a 5xx: backs off, each time longer, with jitter so that runs do not come back
    together. The seconds to wait."""
    row = await _locked(session, user_id, connection_id)
    now = await _now(session)
    pause = _back_off(await _one_more(session, row)) * random.uniform(0.5, 1.0)  # noqa: S311
    until = now + timedelta(seconds=pause)
    if row.blocked_until is not None and row.blocked_until > until:
        return (row.blocked_until - now).total_seconds()
    await _set(session, connection_id, blocked_until=until, reason="failing")
    return pause


def _back_off(failures: int) -> float:
    """Seconds after so many in a row before."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures, 16))


async def _one_more(session: AsyncSession, row: Pace) -> int:
    """Counts a failure or a refusal; how many there were in a row before.

    While the connection is held already it is not counted again: what comes then was on its way before, and eight
    reads at once that are refused are one refusal.
    """
    before = row.failures
    if row.blocked_until is not None and row.blocked_until > await _now(session):
        return max(0, before - 1)
    await _set(session, row.connection_id, failures=before + 1)
    return before


async def answered(session: AsyncSession, user_id: UUID, connection_id: UUID) -> None:
    """The provider answered: no more back-off. Writes only where there was one."""
    await session.execute(
        update(Pace)
        .where(col(Pace.connection_id) == connection_id, col(Pace.user_id) == user_id, col(Pace.failures) > 0)
        .values(failures=0)
    )


async def waiting(session: AsyncSession, user_id: UUID, connection_ids: list[UUID]) -> dict[UUID, tuple[float, str]]:
    """Seconds and reason for those of the connections that wait right now."""
    now = await _now(session)
    rows = await session.execute(
        select(Pace).where(
            col(Pace.user_id) == user_id, col(Pace.connection_id).in_(connection_ids), col(Pace.blocked_until) > now
        )
    )
    return {
        row.connection_id: ((row.blocked_until - now).total_seconds(), row.reason)
        for row in rows.scalars()
        if row.blocked_until is not None
    }


async def _locked(session: AsyncSession, user_id: UUID, connection_id: UUID) -> Pace:
    query = select(Pace).where(col(Pace.connection_id) == connection_id, col(Pace.user_id) == user_id)
    return (await session.execute(query.with_for_update().execution_options(populate_existing=True))).scalar_one()


async def _set(session: AsyncSession, connection_id: UUID, **values: object) -> None:
    await session.execute(update(Pace).where(col(Pace.connection_id) == connection_id).values(**values))


async def _now(session: AsyncSession) -> datetime:
    """Postgres' clock, which all gateways share. Not the transaction's start: a lock may have been waited for."""
    moment: datetime = (await session.execute(text("SELECT clock_timestamp()"))).scalar_one()
    return moment
