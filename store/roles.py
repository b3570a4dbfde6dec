"""Database roles: who may write what. The gate rests on this as much as on signatures.

- `coco_api` writes decisions, and no grants: it is where people say yes.
- `coco_control` writes grants, and no decisions: it cannot say yes for anybody.
- `coco_gateway` marks grants spent and records reads and effects, and writes neither decisions nor grants.

Each deployment has a login role in each of these, named after its database, with a password derived from its master
key. The owner's address (`DATABASE_URL`) is used for migrations only.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import StrEnum

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict


class Role(StrEnum):
    """The group roles that hold the privileges."""

    API = "coco_api"
    CONTROL = "coco_control"
    GATEWAY = "coco_gateway"


def login_name(role: Role, database: str) -> str:
    """The login role of one deployment; kept within Postgres' 63 bytes."""
    return f"{role}_{hashlib.sha256(database.encode()).hexdigest()[:12]}"


def password(role: Role, master_key: str) -> str:
    return hmac.new(master_key.encode(), f"database role {role}".encode(), hashlib.sha256).hexdigest()


def role_dsn(owner_dsn: str, role: Role, master_key: str) -> str:
    """The address a process of that role connects to, as a `postgresql://` URL.

    Derived from the owner's by replacing user and password alone.
    """
    from sqlalchemy.engine import make_url

    from store.database import rendered

    url = make_url(owner_dsn)
    database = url.database or str(conninfo_to_dict(owner_dsn).get("dbname", "postgres"))
    return rendered(url.set(username=login_name(role, database), password=password(role, master_key)))


def ensure_group_roles(connection: psycopg.Connection) -> None:
    """Creates the three group roles where they are missing. Safe to repeat and to race."""
    for role in Role:
        connection.execute(
            sql.SQL(
                "DO $$ BEGIN CREATE ROLE {role} NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS; "
                "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
            ).format(role=sql.Identifier(role))
        )


def ensure_login_roles(owner_dsn: str, master_key: str) -> None:
    """Creates or updates this deployment's login roles. Needs a role that may create roles. Safe to repeat and to race:
    two that change one role at once would end in an error, so that they wait for each other."""
    with psycopg.connect(owner_dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext('coco-login-roles'))")
        database = connection.info.dbname
        for role in Role:
            name = login_name(role, database)
            connection.execute(
                sql.SQL(
                    "DO $$ BEGIN CREATE ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS; "
                    "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
                ).format(name=sql.Identifier(name))
            )
            connection.execute(
                sql.SQL("ALTER ROLE {name} PASSWORD {secret}").format(
                    name=sql.Identifier(name), secret=sql.Literal(password(role, master_key))
                )
            )
            connection.execute(
                sql.SQL("GRANT {role} TO {name}").format(role=sql.Identifier(role), name=sql.Identifier(name))
            )
            connection.execute(
                sql.SQL("GRANT CONNECT ON DATABASE {db} TO {role}").format(
                    db=sql.Identifier(database), role=sql.Identifier(role)
                )
            )
