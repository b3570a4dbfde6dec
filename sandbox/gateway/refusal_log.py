"""Keeps a record of refused calls, and keeps a hostile sandbox from flooding it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from coco.errors import Code
from sandbox.gateway.limits import Bucket
from store import refusals
from store.database import Database

log = logging.getLogger(__name__)

BURST = 30.0
PER_SECOND = 1 / 20
"""Per user; what is beyond is counted, and the count is written with the next one that is kept."""


@dataclass
class _OfUser:
    bucket: Bucket = field(default_factory=lambda: Bucket(PER_SECOND, BURST))
    suppressed: int = 0


class RefusalLog:
    """One per gateway."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._users: dict[UUID, _OfUser] = {}

    async def note(
        self,
        user_id: UUID,
        front: str,
        code: Code,
        detail: dict[str, Any],
        *,
        run_id: UUID | None = None,
        action_id: UUID | None = None,
    ) -> None:
        """Writes a refusal and its audit entry. A refusal that cannot be written is refused all the same."""
        known = self._users.setdefault(user_id, _OfUser())
        if not known.bucket.take():
            known.suppressed += 1
            return
        suppressed, known.suppressed = known.suppressed, 0
        kept = detail | ({"suppressed_before": suppressed} if suppressed else {})
        log.warning("refused user=%s front=%s code=%s method=%s", user_id, front, code, detail.get("method"))
        try:
            async with self._db.user(user_id) as session:
                await refusals.record(session, user_id, front, code, kept, run_id=run_id, action_id=action_id)
        except (SQLAlchemyError, OSError) as error:
            known.suppressed += suppressed + 1
            log.error("a refusal of user=%s could not be recorded: %s", user_id, type(error).__name__)
