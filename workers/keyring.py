"""Users' payload keys for the codec, unwrapped on first use and kept for a while."""

from __future__ import annotations

import time
from uuid import UUID

from coco.keys import MasterKey, UserKeys
from store import keys
from store.database import Database

KEEP_SECONDS = 300
MAX_KEPT = 10_000


class KeyRing:
    """Call it with a user's id. Keys are dropped after `KEEP_SECONDS`, so an erased key stops working soon."""

    def __init__(self, database: Database, master: MasterKey) -> None:
        self._db = database
        self._master = master
        self._kept: dict[UUID, tuple[float, UserKeys]] = {}

    async def __call__(self, user_id: UUID) -> UserKeys:
        """Raises NotFound for a user without keys."""
        kept = self._kept.get(user_id)
        if kept is not None and time.monotonic() - kept[0] < KEEP_SECONDS:
            return kept[1]
        async with self._db.user(user_id) as session:
            found = await keys.load(session, user_id, keys.PAYLOAD, self._master)
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        self._kept[user_id] = (time.monotonic(), found)
        return found

    def forget(self, user_id: UUID) -> None:
        """Drops a user's keys at once: they were destroyed."""
        self._kept.pop(user_id, None)
