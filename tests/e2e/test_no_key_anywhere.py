"""After a whole run, the provider's key is where it must be (the sandbox's memory) and nowhere that it could be found:
not in Temporal's database, Postgres, logs, volumes, run directories, process arguments or environments."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from tests.e2e.test_the_main_job import ENRICH, person_dsn, waiting_card
from tests.stack import Person, Stack, wait_for


def spellings(secret: str) -> list[bytes]:
    """As it is, and as the encodings in use here would spell it."""
    raw = secret.encode()
    found = {raw, raw.hex().encode(), quote(secret, safe="").encode()}
    # Base64 of a longer text that holds it depends on where it begins: the part that does not, for each of three.
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw)
        found.add(text[4 if shift else 0 : -4])
    return sorted(found)


def holds(data: bytes, needles: list[bytes]) -> bool:
    return any(needle in data for needle in needles)


@pytest.fixture
def used(stack: Stack, person: Person) -> Person:
    """Somebody whose keys were entered, tried out, swapped, read with and written with."""
    body = {"credential": {"secret": stack.demo.api_key}}
    swapped = person.call("POST", f"/connections/{person.hubspot}/credential", body)
    wait_for(
        "the swapped key",
        lambda: person.call("GET", f"/connections/{person.hubspot}")["check"]["state"] == "works",
        60,
    )
    assert swapped["state"] == "active"
    run_id, card = waiting_card(person, "enrich_tagged_contacts", **ENRICH)
    chosen, *others = card["actions"]
    for other in others:
        person.reject(other)
    person.approve(chosen)
    person.until(run_id, "done")
    return person


def files(stack: Stack) -> Iterator[Path]:
    """Everything that this deployment has on disk: state, logs, volumes, sockets' folders, Temporal's database."""
    own = Path(stack.demo.state)  # the provider's own, which is outside of Coco
    for path in stack.folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and own not in path.parents:
            yield path


def test_the_key_is_in_no_file_no_table_no_process_and_no_log(stack: Stack, used: Person) -> None:
    secrets = [stack.demo.api_key, stack.demo.smtp_password]
    needles = [needle for secret in secrets for needle in spellings(secret)]
    assert holds(base64.b64encode(b"xx" + secrets[0].encode() + b"yy"), needles), "the search finds nothing"

    names = []
    for path in files(stack):
        data = path.read_bytes()
        names.append(path.name)
        assert not holds(data, needles), path
    assert "keystore.json" in names
    assert [name for name in names if name.endswith(".db")], names
    assert {"gateway.log", "control.log", "public.log"} <= set(names)

    with psycopg.connect(person_dsn(stack)) as owner:
        tables = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = 0
        for (table,) in tables:
            for (text,) in owner.execute(f"SELECT t::text FROM {table} t").fetchall():
                rows += 1
                assert not holds(text.encode(), needles), table
    assert rows > 50

    looked_at = 0
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        for name in ("cmdline", "environ"):
            try:
                data = (process / name).read_bytes()
            except OSError:
                continue  # it has ended
            looked_at += 1
            assert not holds(data, needles), (process.name, name)
    assert looked_at > 10


def test_no_process_that_holds_keys_dumps_its_memory(stack: Stack, used: Person) -> None:
    """The gateway, and whatever runs in sandboxes: a core dump would hold every key that was in use."""
    pids = [stack.processes["gateway"].pid]
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if b"workers.hermes" in (process / "cmdline").read_bytes():
                    pids.append(int(process.name))
            except OSError:
                continue
    assert len(pids) > 1
    for pid in pids:
        try:
            limits = Path(f"/proc/{pid}/limits").read_text()
        except OSError:
            continue
        [line] = [line for line in limits.splitlines() if line.startswith("Max core file size")]
        # One byte: smaller than any dump, and the kernel pipes none to a crash handler either (kernel/coredump.c).
        assert line.split()[4] in {"0", "1"}, (pid, line)
