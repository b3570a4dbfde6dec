"""The workspace's state: one SQLite file, so that a restart keeps every change."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from demo.catalogue import KINDS, Kind
from demo.clock import now, stamp

_SCHEMA = """
create table if not exists meta (key text primary key, value text not null);
create table if not exists records (
    kind text not null, id integer not null, properties text not null, created_at text not null,
    updated_at text not null, archived_at text, primary key (kind, id));
create table if not exists associations (
    kind text not null, id integer not null, to_kind text not null, to_id integer not null,
    primary key (kind, id, to_kind, to_id));
create table if not exists requests (
    id integer primary key, at text not null, method text not null, path text not null, query text not null,
    body text not null, is_write integer not null, status integer);
create table if not exists messages (
    id integer primary key, at text not null, mail_from text not null, rcpt_to text not null, data text not null);
create table if not exists changes (
    id integer primary key, at text not null, kind text not null, record integer not null, what text not null,
    before text not null, after text not null);
"""
_FIRST_ID = {"contacts": 1001, "companies": 2001, "deals": 3001}


@dataclass(frozen=True)
class Record:
    """One CRM record."""

    kind: Kind
    id: int
    properties: dict[str, str]
    created_at: str
    updated_at: str
    archived_at: str | None

    def value(self, name: str) -> str | None:
        """One property, the computed ones included; None where unset."""
        if name == "hs_object_id":
            return str(self.id)
        if name == "createdate":
            return self.created_at
        if name == "lastmodifieddate" or name == "hs_lastmodifieddate":
            return self.updated_at
        if name == "hs_is_closed":
            return str(self.properties.get("dealstage", "").startswith("closed")).lower()
        return self.properties.get(name) or None


class Storage:
    """Reads and writes of the state file. Used from one thread."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = directory / "workspace.sqlite"
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=normal")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    # -- settings -----------------------------------------------------------------------------------------------------

    def secret(self, key: str) -> str:
        """A secret made at the first start and kept."""
        found = self._db.execute("select value from meta where key = ?", (key,)).fetchone()
        if found is not None:
            return str(found[0])
        value = secrets.token_urlsafe(24)
        self._db.execute("insert into meta values (?, ?)", (key, value))
        return value

    @property
    def is_seeded(self) -> bool:
        return self._db.execute("select 1 from records limit 1").fetchone() is not None

    # -- records ------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        self._db.execute("begin immediate")

    def commit(self) -> None:
        self._db.execute("commit")

    def insert(
        self,
        kind: Kind,
        properties: dict[str, str],
        *,
        created: datetime | None = None,
        updated: datetime | None = None,
    ) -> Record:
        made = stamp(created or now())
        highest = self._db.execute("select max(id) from records where kind = ?", (kind.name,)).fetchone()[0]
        record_id = _FIRST_ID[kind.name] if highest is None else int(highest) + 1
        changed = stamp(updated) if updated else made
        kept = {name: value for name, value in properties.items() if value != ""}
        self._db.execute(
            "insert into records values (?, ?, ?, ?, ?, null)", (kind.name, record_id, json.dumps(kept), made, changed)
        )
        return Record(kind, record_id, kept, made, changed, None)

    def get(self, kind: Kind, record_id: str, *, archived: bool = False) -> Record | None:
        if not record_id.isascii() or not record_id.isdigit() or len(record_id) > 18:
            return None
        row = self._db.execute(
            "select * from records where kind = ? and id = ?", (kind.name, int(record_id))
        ).fetchone()
        if row is None or (row["archived_at"] is not None) != archived:
            return None
        return _record(row)

    def page(self, kind: Kind, after: int, limit: int, *, archived: bool) -> list[Record]:
        """Records of id `after` and above, in order of id."""
        rows = self._db.execute(
            "select * from records where kind = ? and id >= ? and (archived_at is not null) = ? order by id limit ?",
            (kind.name, after, int(archived), limit),
        )
        return [_record(row) for row in rows]

    def all(self, kind: Kind) -> list[Record]:
        rows = self._db.execute(
            "select * from records where kind = ? and archived_at is null order by id", (kind.name,)
        )
        return [_record(row) for row in rows]

    def contact_by_email(self, email: str) -> Record | None:
        row = self._db.execute(
            "select * from records where kind = 'contacts' and archived_at is null "
            "and lower(json_extract(properties, '$.email')) = ?",
            (email.lower(),),
        ).fetchone()
        return None if row is None else _record(row)

    def update(self, record: Record, properties: dict[str, str]) -> Record:
        merged = {**record.properties, **properties}
        kept = {name: value for name, value in merged.items() if value != ""}
        changed = stamp(now())
        self._db.execute(
            "update records set properties = ?, updated_at = ? where kind = ? and id = ?",
            (json.dumps(kept), changed, record.kind.name, record.id),
        )
        return Record(record.kind, record.id, kept, record.created_at, changed, record.archived_at)

    def archive(self, record: Record) -> None:
        self._db.execute(
            "update records set archived_at = ? where kind = ? and id = ?", (stamp(now()), record.kind.name, record.id)
        )

    # -- associations -------------------------------------------------------------------------------------------------

    def associate(self, kind: str, record_id: int, to_kind: str, to_id: int) -> None:
        for row in ((kind, record_id, to_kind, to_id), (to_kind, to_id, kind, record_id)):
            self._db.execute("insert or ignore into associations values (?, ?, ?, ?)", row)

    def associated(self, kind: str, record_id: int, to_kind: str) -> list[int]:
        rows = self._db.execute(
            "select a.to_id from associations a join records r on r.kind = a.to_kind and r.id = a.to_id "
            "where a.kind = ? and a.id = ? and a.to_kind = ? and r.archived_at is null order by a.to_id",
            (kind, record_id, to_kind),
        )
        return [int(row[0]) for row in rows]

    # -- what was seen ------------------------------------------------------------------------------------------------

    def record_request(self, method: str, path: str, query: str, body: str, *, is_write: bool) -> int:
        """Notes a request before anything is done about it."""
        cursor = self._db.execute(
            "insert into requests (at, method, path, query, body, is_write) values (?, ?, ?, ?, ?, ?)",
            (stamp(now()), method, path, query, body, int(is_write)),
        )
        if not is_write:
            # Reads are many and only for show; writes are kept for good.
            self._db.execute("delete from requests where is_write = 0 and id < ?", ((cursor.lastrowid or 0) - 2000,))
        return int(cursor.lastrowid or 0)

    def record_status(self, request_id: int, status: int) -> None:
        self._db.execute("update requests set status = ? where id = ?", (status, request_id))

    def requests(self, *, reads: bool = False, newest: int | None = None) -> list[dict[str, Any]]:
        """Requests seen, oldest first; `status` is None while one is not answered, or never was."""
        rows: Iterable[sqlite3.Row] = self._db.execute(
            "select * from requests where is_write = 1 or ? order by id desc limit ?", (int(reads), newest or -1)
        ).fetchall()
        return [
            {
                "id": row["id"],
                "at": row["at"],
                "method": row["method"],
                "path": row["path"],
                "query": row["query"],
                "body": row["body"],
                "write": bool(row["is_write"]),
                "status": row["status"],
            }
            for row in reversed(list(rows))
        ]

    def record_message(self, mail_from: str, rcpt_to: list[str], data: str) -> None:
        self._db.execute(
            "insert into messages (at, mail_from, rcpt_to, data) values (?, ?, ?, ?)",
            (stamp(now()), mail_from, json.dumps(rcpt_to), data),
        )

    def messages(self) -> list[dict[str, Any]]:
        """Messages received, oldest first, as they came."""
        rows = self._db.execute("select * from messages order by id")
        return [
            {
                "id": row["id"],
                "at": row["at"],
                "mail_from": row["mail_from"],
                "rcpt_to": json.loads(row["rcpt_to"]),
                "data": row["data"],
            }
            for row in rows
        ]

    def record_change(self, record: Record, what: str, before: dict[str, Any], after: dict[str, Any]) -> None:
        self._db.execute(
            "insert into changes (at, kind, record, what, before, after) values (?, ?, ?, ?, ?, ?)",
            (stamp(now()), record.kind.name, record.id, what, json.dumps(before), json.dumps(after)),
        )

    def changes(self, newest: int) -> list[dict[str, Any]]:
        """Changes of records, newest first."""
        rows = self._db.execute("select * from changes order by id desc limit ?", (newest,))
        return [
            {
                "at": row["at"],
                "kind": row["kind"],
                "id": str(row["record"]),
                "what": row["what"],
                "before": json.loads(row["before"]),
                "after": json.loads(row["after"]),
            }
            for row in rows
        ]


def _record(row: sqlite3.Row) -> Record:
    return Record(
        KINDS[row["kind"]],
        int(row["id"]),
        json.loads(row["properties"]),
        row["created_at"],
        row["updated_at"],
        row["archived_at"],
    )
