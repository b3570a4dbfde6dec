"""New keys for users' key stores, by the person who runs the installation (as the database's owner)."""

from __future__ import annotations

from uuid import UUID

import psycopg

from coco.keys import MasterKey, new_user_key
from store.keys import KEYSTORE


def rotate_keystore_keys(connection: psycopg.Connection, master: MasterKey, email: str | None = None) -> list[UUID]:
    """Adds a version for every account, or the one of that address, in the caller's transaction; whose it was done for.

    The versions before stay until the user's sandbox has confirmed that nothing needs them any more. An account that
    is still on its way to the newest version gets another one all the same.
    """
    query = (
        "SELECT k.user_id, max(k.version) FROM user_keys k JOIN users u ON u.id = k.user_id "
        "WHERE k.purpose = %s AND (%s::text IS NULL OR u.email = lower(%s)) GROUP BY k.user_id ORDER BY k.user_id"
    )
    users = [(row[0], int(row[1])) for row in connection.execute(query, (KEYSTORE, email, email)).fetchall()]
    for user_id, version in users:
        connection.execute(
            "INSERT INTO user_keys (user_id, purpose, version, wrapped, created_at) VALUES (%s, %s, %s, %s, now())",
            (user_id, KEYSTORE, version + 1, master.wrap(new_user_key())),
        )
    return [user_id for user_id, _ in users]
