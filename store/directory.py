"""The directory: which region an e-mail address has its account in. It holds no address, only marks of them.

A small database of its own, which every region reaches. A mark is an HMAC under a key that the regions alone have
(coco.regions.address_mark): who reads the directory learns how many accounts each region has, and nobody's address.
"""

from __future__ import annotations

import psycopg

from coco.errors import CocoError, Code, Conflict
from coco.regions import address_mark
from coco.settings import Settings
from store.database import plain_dsn


class Directory:
    """Holds no connection between calls: each is one short statement. Raises CocoError (UNAVAILABLE) where it does not
    answer: then nobody new signs up, and who has an account here signs in all the same."""

    def __init__(self, dsn: str, key: str) -> None:
        self._dsn = plain_dsn(dsn)
        self._key = key

    def make(self) -> None:
        """Makes the one table where it is missing."""
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS directory (mark text PRIMARY KEY CHECK (mark ~ '^[0-9a-f]{64}$'), "
                "region text NOT NULL)"
            )

    async def claim(self, email: str, region: str) -> None:
        """Notes that the address has its account in `region`. Again changes nothing.

        Raises Conflict where it has one in another.
        """
        found = await self._one(
            "WITH new AS (INSERT INTO directory (mark, region) VALUES (%(mark)s, %(region)s) ON CONFLICT DO NOTHING "
            "RETURNING region) SELECT region FROM new UNION ALL SELECT region FROM directory WHERE mark = %(mark)s "
            "LIMIT 1",
            email,
            region,
        )
        if found is None:
            # Somebody else inserted it in between: what they wrote is visible now.
            found = await self.find(email)
        if found != region:
            raise Conflict("No account was made: this address has one already. Sign in instead.")

    async def find(self, email: str) -> str | None:
        """The region of an address; None where it has no account."""
        return await self._one("SELECT region FROM directory WHERE mark = %(mark)s", email)

    async def release(self, email: str, region: str) -> None:
        """Forgets an address whose account in `region` is deleted."""
        await self._one(
            "DELETE FROM directory WHERE mark = %(mark)s AND region = %(region)s RETURNING region", email, region
        )

    async def _one(self, statement: str, email: str, region: str = "") -> str | None:
        given = {"mark": address_mark(self._key, email), "region": region}
        try:
            async with await psycopg.AsyncConnection.connect(
                self._dsn, autocommit=True, connect_timeout=5
            ) as connection:
                row = await (await connection.execute(statement.encode(), given)).fetchone()
        except psycopg.Error as error:
            raise CocoError("the directory of regions does not answer", code=Code.UNAVAILABLE) from error
        return None if row is None else str(row[0])


def directory_of(settings: Settings) -> Directory | None:
    """The directory of this installation; None where it has no regions."""
    if settings.directory_url is None or settings.directory_key is None:
        return None
    return Directory(settings.directory_url.get_secret_value(), settings.directory_key.get_secret_value())
