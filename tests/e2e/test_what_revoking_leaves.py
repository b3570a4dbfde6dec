"""After a revocation nothing is left of what was read, but what was approved: Postgres, the volume, Temporal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.client import Client

from cli.verify import walk
from coco.keys import MasterKey
from coco.names import temporal_workflow_id
from store.database import Database
from store.roles import Role, role_dsn
from tests.e2e.test_the_main_job import waiting_card
from tests.stack import Person, Stack, wait_for
from workers.codec import data_converter
from workers.keyring import KeyRing


def owner_dsn(stack: Stack) -> str:
    assert stack.settings.database_url is not None
    return stack.settings.database_url.get_secret_value()


def rows_with(stack: Stack, marker: str, user_id: str | None = None) -> list[tuple[str, str]]:
    """(table, row) of everything in the database that holds the marker, bytes as hex included; with a person, of that
    person and of nobody: others read the same records over connections of their own."""
    found = []
    with psycopg.connect(owner_dsn(stack), autocommit=True) as owner:
        tables = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            rows = owner.execute(f'SELECT row_to_json(t)::text FROM "{table}" t').fetchall()
            own = [row for (row,) in rows if user_id is None or json.loads(row).get("user_id") in {None, user_id}]
            found += [(table, row) for row in own if marker in row or marker.encode().hex() in row]
    return found


def files_with(folder: Path, marker: str) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and marker.encode() in path.read_bytes()]


def payloads(message: Message) -> Iterator[Payload]:
    """Every payload of a message, at any depth."""
    if isinstance(message, Payload):
        yield message
        return
    for descriptor, value in message.ListFields():
        if descriptor.type != descriptor.TYPE_MESSAGE:
            continue
        if hasattr(value, "keys"):
            parts = [value[key] for key in value]
        else:
            parts = list(value) if hasattr(value, "__len__") and not isinstance(value, Message) else [value]
        for part in parts:
            if isinstance(part, Message):
                yield from payloads(part)


async def history_text(stack: Stack, person: Person, run_id: str) -> str:
    """Everything that Temporal has of a run, decrypted."""
    assert stack.settings.master_key is not None
    master = MasterKey(stack.settings.master_key.get_secret_value())
    database = Database(role_dsn(owner_dsn(stack), Role.CONTROL, master.text))
    converter = data_converter(KeyRing(database, master))
    client = await Client.connect(stack.temporal.address, data_converter=converter)
    workflow_id = temporal_workflow_id(person.user_id, run_id)
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    told = [json.dumps(history.to_json_dict())]
    assert converter.payload_codec is not None
    encrypted = 0
    for event in history.events:
        for payload in payloads(event):
            if payload.metadata.get("encoding") == b"binary/coco-encrypted":
                encrypted += 1
                [plain] = await converter.payload_codec.decode([payload])
                told.append(plain.data.decode("utf-8", "replace"))
            else:
                told.append(payload.data.decode("utf-8", "replace"))
    assert encrypted, "nothing of the history was encrypted"
    await database.close()
    return "\n".join(told)


def email_of(stack: Stack, contact_id: str) -> str:
    answer = httpx.get(
        f"{stack.demo.http}/crm/v3/objects/contacts/{contact_id}?properties=email",
        headers={"authorization": f"Bearer {stack.demo.api_key}"},
        trust_env=False,
    )
    return str(answer.json()["properties"]["email"])


def test_nothing_is_left_but_what_was_approved(stack: Stack, person: Person) -> None:
    run_id, card = waiting_card(person, "enrich_tagged_contacts", tag="design partner candidate", limit=3)
    chosen, *others = card["actions"]
    assert others
    open_one, *rest = others
    for other in rest:
        person.reject(other)
    person.approve(chosen)
    person.until_action(chosen["id"], "done")
    markers = [email_of(stack, item["arguments"]["id"]) for item in others]
    approved = email_of(stack, chosen["arguments"]["id"])
    volume = stack.settings.state_dir / "volumes" / person.user_id
    (volume / "cache").mkdir(exist_ok=True)
    (volume / "cache" / "notes.txt").write_text(markers[0])
    (volume / "link").symlink_to("/etc/hostname")
    for marker in markers:
        assert rows_with(stack, marker, person.user_id), "the marker was never read: this test would show nothing"
    assert files_with(volume, markers[0])
    assert person.hubspot in (volume / "keystore.json").read_text()

    person.call("POST", f"/connections/{person.hubspot}/state", {"state": "revoked"})
    # At once, in Postgres: nothing but rows of the approved action.
    for marker in [*markers, approved]:
        assert [
            (table, row) for table, row in rows_with(stack, marker, person.user_id) if chosen["id"] not in row
        ] == []
    state = person.run(run_id)
    assert state["plan"] is None
    by_id = {item["id"]: item for item in state["actions"]}
    assert by_id[chosen["id"]]["state"] == "done"
    assert by_id[chosen["id"]]["after"] == chosen["after"]
    assert by_id[open_one["id"]]["state"] == "cancelled"
    # And soon, on the volume: the key store without the key, and nothing else.
    wait_for("the volume to be emptied", lambda: not files_with(volume, markers[0]), 60)

    def seen_through() -> bool:
        with psycopg.connect(owner_dsn(stack)) as owner:
            row = owner.execute("SELECT purge_owed_at FROM connections WHERE id = %s", (person.hubspot,)).fetchone()
        return row == (None,)

    wait_for("the purge to be seen through", seen_through, 60)
    assert [path.name for path in volume.iterdir()] == ["keystore.json"]
    assert person.hubspot not in (volume / "keystore.json").read_text()
    assert person.smtp in (volume / "keystore.json").read_text()
    # The run waits, and says why; Temporal's history of it, decrypted, has nothing of what was read.
    person.until(run_id, "needs_reconnection")
    history = asyncio.run(history_text(stack, person, run_id))
    for marker in [*markers, approved]:
        assert marker not in history
    # The audit chain holds, with what was blanked in it.
    [account] = list(walk(owner_dsn(stack), person.email))
    assert account.problem is None
    with psycopg.connect(owner_dsn(stack)) as owner:
        told = owner.execute(
            "SELECT body FROM audit WHERE user_id = %s AND kind = 'connection_purged'", (UUID(person.user_id),)
        ).fetchall()
    assert told
    assert told[0][0]["connection"] == person.hubspot


def test_a_new_run_of_the_same_user_works_on(stack: Stack, person: Person) -> None:
    """The sandbox comes back, emptied, with the keys of what is still connected."""
    run_id, _ = waiting_card(person, "enrich_tagged_contacts", tag="design partner candidate", limit=1)
    person.call("POST", f"/connections/{person.smtp}/state", {"state": "revoked"})
    # Nothing was read through the mailbox, so nothing of the run is gone.
    card: Any = person.run(run_id)
    assert card["plan"] is not None
    chosen = card["actions"][0]
    person.approve(chosen)
    person.until_action(chosen["id"], "done")
