"""Brings a database to the current schema (alembic), and makes the roles it needs."""

from __future__ import annotations

from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config

from store.database import sqlalchemy_url
from store.roles import ensure_group_roles, ensure_login_roles


def alembic_config(owner_dsn: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["url"] = sqlalchemy_url(owner_dsn)
    return config


def migrate(owner_dsn: str, master_key: str) -> None:
    """Creates roles, runs every migration, and gives this deployment its login roles.

    Safe to repeat; two at once wait for each other on an advisory lock. Raises psycopg.Error where the owner's
    address does not work or may not create roles.
    """
    with psycopg.connect(owner_dsn, autocommit=True) as guard:
        guard.execute("SELECT pg_advisory_lock(hashtext('coco-migrate'))")
        ensure_group_roles(guard)
        command.upgrade(alembic_config(owner_dsn), "head")
        # New tables too keep nothing of an account that is being deleted.
        guard.execute("SELECT coco_guard_tables()")
        ensure_login_roles(owner_dsn, master_key)
