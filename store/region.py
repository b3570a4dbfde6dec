"""A database's region: stamped once, and looked at by every process before it works with the database."""

from __future__ import annotations

import psycopg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from coco.errors import Code, Refused
from store.database import Database


def stamp(owner_dsn: str, region: str, *, residency: bool) -> None:
    """Makes a database one of `region`, as its owner. Safe to repeat.

    Raises Refused (WRONG_REGION) where it is another region's: its tenants do not move with a setting.
    """
    with psycopg.connect(owner_dsn) as owner:
        owner.execute(
            "INSERT INTO region_stamp (region, residency) VALUES (%s, %s) ON CONFLICT (only_one) "
            "DO UPDATE SET residency = excluded.residency WHERE region_stamp.region = excluded.region",
            (region, residency),
        )
        row = owner.execute("SELECT region FROM region_stamp").fetchone()
        if row is None or row[0] != region:
            raise _another(region, str(row[0]) if row else None)
        owner.execute("UPDATE users SET region = %s WHERE region = ''", (region,))


async def check(database: Database, region: str | None) -> None:
    """Raises Refused (WRONG_REGION) where the database is not of this process' region. Every process begins with it."""
    async with database.system() as session:
        found = (await session.execute(text("SELECT region FROM region_stamp"))).scalar_one_or_none()
    if found != region:
        raise _another(region, found)


def _another(wanted: str | None, found: str | None) -> Refused:
    if wanted is None:
        return Refused(f"this database is of region {found}, and COCO_REGION is not set", code=Code.WRONG_REGION)
    if found is None:
        return Refused(
            f"this database is of no region: run `coco migrate` with COCO_REGION={wanted} to make it one of {wanted}",
            code=Code.WRONG_REGION,
        )
    return Refused(f"this database is of region {found}, and this process of {wanted}", code=Code.WRONG_REGION)


async def is_resident(session: AsyncSession) -> bool:
    """Whether living in this database's region is a promise that comes with a tier."""
    found = await session.execute(text("SELECT residency FROM region_stamp"))
    return bool(found.scalar_one_or_none())
