"""What a process of the API takes from its settings before it can start."""

from __future__ import annotations

from coco.errors import InvalidInput
from coco.keys import MasterKey
from coco.settings import Settings
from store.database import Database
from store.roles import Role, role_dsn


def database_as(settings: Settings, role: Role, master: MasterKey, *, pool_size: int = 5) -> Database:
    """The database as one role, never as its owner. Raises InvalidInput that says what to set."""
    if settings.database_url is None:
        raise InvalidInput("DATABASE_URL is not set; `coco up` sets it, a deployment gives it to every process.")
    return Database(role_dsn(settings.database_url.get_secret_value(), role, master.text), pool_size=pool_size)
