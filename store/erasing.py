"""Deleting an account: asked for in one transaction, then removed step by step, each of which may be done again.

What stays is what proves something and says nothing of a person: the audit chain's hashes, with the content of its
entries blanked as `coco.audit` describes, its checkpoints, and the ledger's numbers. The rules are the database's
(store.migrations.privileges_erasing): only an account whose deletion was asked for is erased.
"""

from __future__ import annotations

from uuid import UUID

import psycopg
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.actions import ActionState
from coco.audit import ACCOUNT_GONE, ERASED, AuditKind
from coco.errors import NotFound
from coco.names import temporal_schedule_id
from store import audit, audit_blanking, credits, locks, results, runs, teams
from store.tables import ActionRow, AuditRow, Connection, Erasure, Run, ScheduleRow, User

BATCH = 1000
"""Entries blanked in one transaction."""


async def ask(session: AsyncSession, user_id: UUID, session_id: UUID) -> None:
    """Has the account deleted, as its owner: at once nobody is signed in and nothing of it runs or is connected.

    Repeating it changes nothing but the audit. Needs the API's role.
    """
    await session.execute(text("SELECT coco_begin_erasure('user')"))
    await audit.append(
        session,
        user_id,
        AuditKind.ACCOUNT_DELETION,
        actor=f"user:{user_id}",
        body={"by": "user", "session": str(session_id)},
    )


def ask_as_operator(owner: psycopg.Connection, email: str) -> UUID:
    """Has an account deleted, over the owner's connection. Commits. Returns the user's id; raises NotFound.

    The control worker notes in the chain that it was an operator.
    """
    row = owner.execute("SELECT id FROM users WHERE email = lower(%s)", (email.strip(),)).fetchone()
    if row is None:
        raise NotFound(f"There is no account for {email}.")
    owner.execute("SELECT set_config('coco.user_id', %s, true)", (str(row[0]),))
    owner.execute("SELECT coco_begin_erasure('operator')")
    owner.commit()
    return UUID(str(row[0]))


async def owed(session: AsyncSession) -> list[UUID]:
    """Accounts that are not wholly erased, the longest waiting first. Needs the control role, and no user."""
    return list((await session.execute(text("SELECT user_id FROM coco_erasures_owed()"))).scalars())


async def begin_step(session: AsyncSession, user_id: UUID, step: str) -> None:
    """Notes how far it has come, for whoever asks."""
    await session.execute(update(Erasure).where(col(Erasure.user_id) == user_id).values(step=step))


async def note_operator(session: AsyncSession, user_id: UUID) -> None:
    """Puts an operator's asking on the chain, once: the owner's connection appends to no chain."""
    found = await session.execute(select(col(Erasure.asked_by)).where(col(Erasure.user_id) == user_id))
    if found.scalar_one_or_none() != "operator":
        return
    await locks.until_commit(session, f"audit:{user_id}")
    there = await session.execute(
        select(col(AuditRow.seq))
        .where(col(AuditRow.user_id) == user_id, col(AuditRow.kind) == AuditKind.ACCOUNT_DELETION.value)
        .limit(1)
    )
    if there.first() is None:
        body = {"by": "operator"}
        await audit.append(session, user_id, AuditKind.ACCOUNT_DELETION, actor="system", body=body)


async def tell_teams(session: AsyncSession, user_id: UUID) -> None:
    """Puts on the chains of others what the end of this account changed for them in teams: who became owner, and who is
    out because their team ended. Once; nothing of who is being deleted as well. Needs the control role.
    """
    found = await session.execute(select(col(Erasure.to_tell)).where(col(Erasure.user_id) == user_id).with_for_update())
    told = found.scalar_one_or_none() or []
    # In one order, so that two ends of accounts do not wait for each other for ever.
    for one in sorted(told, key=lambda item: str(item["person"])):
        person = UUID(one["person"])
        body = {"team": one["team"], "person": one["person"]}
        kind = AuditKind.TEAM_MEMBER_REMOVED
        if "becomes" in one:
            kind = AuditKind.TEAM_ROLE_CHANGED
            body |= {"from": one["role"], "to": one["becomes"], "why": _LAST_OWNER}
        else:
            body |= {"role": one["role"], "why": _LAST_OWNER}
        async with teams.acting_for(session, person, user_id):
            gone = await session.execute(select(col(Erasure.user_id)).where(col(Erasure.user_id) == person))
            if gone.first() is None:
                await audit.append(session, person, kind, actor="system", body=body)
    if told:
        await session.execute(update(Erasure).where(col(Erasure.user_id) == user_id).values(to_tell=[]))


_LAST_OWNER = "the account of its last owner was deleted"


async def address(session: AsyncSession, user_id: UUID) -> str | None:
    """The account's e-mail address; None once it is blanked."""
    found = await session.execute(select(col(User.email)).where(col(User.id) == user_id))
    email = found.scalar_one_or_none()
    return None if email is None or email.startswith("erased:") else email


async def connections(session: AsyncSession, user_id: UUID) -> list[UUID]:
    """Every connection that is still there."""
    found = await session.execute(select(col(Connection.id)).where(col(Connection.user_id) == user_id))
    return list(found.scalars())


async def open_runs(session: AsyncSession, user_id: UUID) -> list[UUID]:
    """Runs that have not ended."""
    query = select(col(Run.id)).where(col(Run.user_id) == user_id, col(Run.state).not_in(runs.FINAL_RUN_STATES))
    return list((await session.execute(query)).scalars())


async def schedule_names(session: AsyncSession, user_id: UUID) -> list[str]:
    """The ids, in Temporal, of every schedule that the user has had."""
    found = await session.execute(select(col(ScheduleRow.id)).where(col(ScheduleRow.user_id) == user_id))
    return [temporal_schedule_id(user_id, schedule_id) for schedule_id in found.scalars()]


async def end_run(session: AsyncSession, user_id: UUID, run_id: UUID) -> None:
    """Ends a run's row: what was sent is recorded and debited, what was set aside for the rest is given back."""
    await results.close_left_over(session, user_id, run_id)
    await runs.finish(session, user_id, run_id, "cancelled", "The account was deleted.")


async def give_back(session: AsyncSession, user_id: UUID) -> None:
    """Gives back what is set aside for actions of which nobody will say any more whether they happened."""
    found = await session.execute(
        select(col(ActionRow.id)).where(
            col(ActionRow.user_id) == user_id, col(ActionRow.state) == ActionState.OUTCOME_UNKNOWN.value
        )
    )
    for action_id in found.scalars():
        await credits.release(session, user_id, action_id)


async def destroy_keys(session: AsyncSession) -> None:
    """Removes the keys of the session's user: what was encrypted with them opens for nobody from then on."""
    await session.execute(text("SELECT coco_erase_keys()"))


async def remove_rows(session: AsyncSession) -> None:
    """Removes every row of the session's user that is not kept, and blanks what is."""
    await session.execute(text("SELECT coco_erase_rows()"))


async def blank_entries(session: AsyncSession, user_id: UUID, batch: int = BATCH) -> int:
    """Takes the content out of the oldest entries that have some, and says so in the chain; how many there were."""
    which = select(col(AuditRow.seq)).where(col(AuditRow.body) != ACCOUNT_GONE)
    told = await audit_blanking.blank_oldest(session, user_id, which, why="account", batch=batch)
    if told:
        await audit.append(session, user_id, AuditKind.ACCOUNT_ERASED, actor="system", body={ERASED: told})
    return len(told)


async def finish(session: AsyncSession) -> bool:
    """Notes that all of it is gone; False where something has come in between."""
    return bool((await session.execute(text("SELECT coco_finish_erasure()"))).scalar_one())
