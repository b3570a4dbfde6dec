"""A signed record is checked by code of its own; whatever is done to the file is found, and where it was done."""

from __future__ import annotations

import ast
import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli import audit_offline
from cli.audit_offline import Key, Report, verify
from coco.audit import ANNOUNCING, GENESIS, AuditEntry, AuditKind, entry_hash
from coco.audit_checkpoints import Checkpoint, CheckpointReason, SigningKey, public_text
from coco.canonical import canonical
from coco.grants import new_signing_key
from store.audit_export import FORMAT, checkpoint_line, entry_line
from store.tables import AuditCheckpoint, AuditRow

ADA, EVE = UUID(int=1), UUID(int=2)
UNHURRIED = settings(deadline=None, max_examples=60)
START = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def signing(which: str) -> SigningKey:
    return SigningKey.derived(new_signing_key())


def trusted(which: str = "coco") -> list[Key]:
    return [Key(public_text(signing(which).public))]


def entry_row(
    user: UUID, seq: int, previous: str, body: dict[str, Any], kind: AuditKind = AuditKind.ACTION_DONE
) -> AuditRow:
    if seq == 1:
        kind, body = AuditKind.SIGN_UP, {"email": f"{'ada' if user == ADA else 'eve'}@example.com"}
    at = START + timedelta(seconds=seq)
    entry = AuditEntry(user_id=user, seq=seq, at=at, kind=kind, actor=f"user:{user}", body=body, prev_hash=previous)
    return AuditRow(**entry.model_dump(exclude={"kind"}), kind=kind.value, hash=entry_hash(entry))


def signed_row(user: UUID, number: int, row: AuditRow, *, export: bool, key: SigningKey) -> AuditCheckpoint:
    reason = CheckpointReason.EXPORT if export else CheckpointReason.SCHEDULE
    said = Checkpoint(
        deployment="local", user_id=user, number=number, seq=row.seq, hash=row.hash, at=row.at, reason=reason,
        key_id=key.id,
    )  # fmt: skip
    fields = said.model_dump(exclude={"format", "reason"})
    return AuditCheckpoint(**fields, reason=reason.value, public_key=public_text(key.public), signature=key.sign(said))


@dataclass
class File:
    """A file's lines, and which of them are what."""

    lines: list[bytes]

    @property
    def entries(self) -> list[int]:
        """Index of each entry's line, in order."""
        return [index for index, line in enumerate(self.lines) if line.startswith(b'{"entry"')]

    @property
    def checkpoints(self) -> list[int]:
        return [index for index, line in enumerate(self.lines) if line.startswith(b'{"checkpoint"')]

    def entry(self, index: int) -> dict[str, Any]:
        return dict(json.loads(self.lines[index])["entry"])


def a_file(
    length: int, every: int = 4, *, user: UUID = ADA, key: str = "coco", bodies: dict[int, dict[str, Any]] | None = None
) -> File:
    """As store.audit_export writes it: a checkpoint after every few entries, and one to close."""
    signer, previous, number, body_lines = signing(key), GENESIS, 0, []
    for seq in range(1, length + 1):
        given = (bodies or {}).get(seq, {"n": seq, "text": "Grüße \u2028 \U0001f600", "share": 0.1, "big": 1e21})
        row = entry_row(user, seq, previous, given)
        previous = row.hash
        body_lines.append(entry_line(row))
        if seq % every == 0 or seq == length:
            number += 1
            body_lines.append(checkpoint_line(signed_row(user, number, row, export=seq == length, key=signer)))
    header = {
        "account": str(user), "deployment": "local", "entries": length, "format": FORMAT,
        "keys": [{"id": signer.id, "pem": public_text(signer.public)}], "type": "header",
    }  # fmt: skip
    return File([canonical(header) + b"\n", *body_lines])


def checked(file: File, **given: Any) -> Report:
    return verify(file.lines, given.pop("keys", trusted()), **given)


def where(file: File, **given: Any) -> list[int]:
    """The entries that are named; empty where the file holds."""
    return [problem.entry for problem in checked(file, **given).problems]


lengths = st.integers(2, 14)
everies = st.integers(1, 6)


@UNHURRIED
@given(st.integers(1, 14), everies)
def test_a_whole_record_holds(length: int, every: int) -> None:
    report = checked(a_file(length, every), user="ada@example.com")
    assert report.problems == []
    assert (report.entries, report.signed_up_to, report.email) == (length, length, "ada@example.com")


EDITS: list[tuple[str, Any]] = [
    ("body", {"n": -1}), ("actor", "user:somebody"), ("at", "2026-01-01T00:00:00.000001+00:00"), ("kind", "sign_in"),
    ("action_id", str(UUID(int=9))), ("run_id", str(UUID(int=9))), ("user_id", str(EVE)), ("prev_hash", "1" * 64),
]  # fmt: skip


def edited(file: File, at: int, change: tuple[str, Any], *, hashed: bool) -> None:
    index = file.entries[at]
    old = json.loads(file.lines[index])
    text = canonical(old["entry"] | {change[0]: change[1]})
    stored = hashlib.sha256(text).hexdigest() if hashed else old["hash"]
    file.lines[index] = b'{"entry":' + text + b',"hash":"' + stored.encode() + b'","type":"entry"}\n'


@UNHURRIED
@given(lengths, everies, st.data())
def test_an_edit_is_found_at_its_entry(length: int, every: int, data: st.DataObject) -> None:
    file = a_file(length, every)
    at = data.draw(st.integers(0, length - 1))
    edited(file, at, data.draw(st.sampled_from(EDITS)), hashed=False)
    assert where(file)[0] == at + 1


@UNHURRIED
@given(lengths, everies, st.data())
def test_an_edit_hashed_anew_is_found_at_its_entry_or_between_its_checkpoints(
    length: int, every: int, data: st.DataObject
) -> None:
    file = a_file(length, every)
    at = data.draw(st.integers(0, length - 1))
    edited(file, at, ("body", {"n": -1}), hashed=True)
    found = where(file)
    last_signed = at // every * every
    assert last_signed < found[0] <= at + 1
    if (at + 1) % every and at + 1 < length:
        assert found[0] == at + 1, "the next entry shows it"


@UNHURRIED
@given(lengths, everies, st.data())
def test_one_byte_is_found(length: int, every: int, data: st.DataObject) -> None:
    """Any byte of any entry or checkpoint, to any other value."""
    file = a_file(length, every)
    index = data.draw(st.sampled_from([*file.entries, *file.checkpoints]))
    line = bytearray(file.lines[index])
    at = data.draw(st.integers(0, len(line) - 2))
    line[at] = data.draw(st.integers(0, 255).filter(lambda value: value not in {line[at], 10}))
    file.lines[index] = bytes(line)
    report = checked(file)
    assert any(problem.line in {index + 1, index + 2} for problem in report.problems)


@UNHURRIED
@given(lengths, everies, st.data())
def test_a_removal_is_found_and_named(length: int, every: int, data: st.DataObject) -> None:
    file = a_file(length, every)
    first = data.draw(st.integers(0, length - 2))
    last = data.draw(st.integers(first, length - 2))
    for index in reversed(file.entries[first : last + 1]):
        del file.lines[index]
    report = checked(file)
    assert first + 1 in [problem.entry for problem in report.problems]
    told = f"entry {first + 1} is missing" if first == last else f"entries {first + 1} to {last + 1} are missing"
    checkpoints_between = any(seq % every == 0 for seq in range(first + 1, last + 1))
    assert checkpoints_between or told in [problem.text for problem in report.problems]


@UNHURRIED
@given(st.integers(3, 14), everies, st.data())
def test_a_moved_entry_is_found_and_named(length: int, every: int, data: st.DataObject) -> None:
    file = a_file(length, every)
    places = file.entries
    here, there = sorted(data.draw(st.lists(st.integers(0, length - 1), min_size=2, max_size=2, unique=True)))
    moved = file.lines.pop(places[there])
    file.lines.insert(places[here], moved)
    report = checked(file)
    assert any(here + 1 <= problem.entry <= there + 1 for problem in report.problems)
    if there // every == here // every and there + 1 < length:
        assert [f"entry {there + 1} was moved: it stands before entry {here + 1}"] == [
            problem.text for problem in report.problems if "moved" in problem.text
        ]


@UNHURRIED
@given(lengths, everies, st.data())
def test_two_swapped_lines_are_found(length: int, every: int, data: st.DataObject) -> None:
    file = a_file(length, every)
    one, other = data.draw(
        st.lists(st.sampled_from([*file.entries, *file.checkpoints]), min_size=2, max_size=2, unique=True)
    )
    file.lines[one], file.lines[other] = file.lines[other], file.lines[one]
    assert checked(file).problems


@UNHURRIED
@given(lengths, everies, st.data())
def test_a_repeated_line_is_found(length: int, every: int, data: st.DataObject) -> None:
    file = a_file(length, every)
    index = data.draw(st.sampled_from(file.entries))
    to = data.draw(st.integers(1, len(file.lines)))
    file.lines.insert(to, file.lines[index])
    assert checked(file).problems


@UNHURRIED
@given(lengths, everies, st.data())
def test_a_file_cut_off_is_found_where_it_ends(length: int, every: int, data: st.DataObject) -> None:
    file = a_file(length, every)
    keep = data.draw(st.integers(1, len(file.lines) - 1))
    del file.lines[keep:]
    left = len(file.entries)
    report = checked(file)
    assert left + 1 in [problem.entry for problem in report.problems]
    assert any("cut off" in problem.text for problem in report.problems)
    # Half a line is no better.
    file = a_file(length, every)
    text = b"".join(file.lines)
    cut = data.draw(st.integers(1, len(text) - 2))
    assert verify((text[:cut]).splitlines(keepends=True), trusted()).problems


@UNHURRIED
@given(lengths, everies, st.data())
def test_a_missing_checkpoint_is_found(length: int, every: int, data: st.DataObject) -> None:
    file = a_file(length, every)
    del file.lines[data.draw(st.sampled_from(file.checkpoints))]
    assert any("checkpoint" in problem.text for problem in checked(file).problems)


@UNHURRIED
@given(lengths, everies, st.data())
def test_a_forged_chain_with_every_hash_made_anew_is_found_between_checkpoints(
    length: int, every: int, data: st.DataObject
) -> None:
    """Somebody with the database rewrites entry `at` and all that follow; the checkpoints cannot be made anew."""
    honest = a_file(length, every)
    at = data.draw(st.integers(1, length - 1))
    forged = a_file(length, every, bodies={at + 1: {"n": "forged"}})
    for index in honest.checkpoints:
        forged.lines[index] = honest.lines[index]
    found = where(forged)
    assert at // every * every + 1 == found[0], "the first entry that is not under a good signature any more"


@UNHURRIED
@given(lengths, everies, st.data())
def test_a_forged_chain_with_a_key_of_ones_own_is_found(length: int, every: int, data: st.DataObject) -> None:
    forged = a_file(length, every, key="forger")
    assert checked(forged, keys=trusted("forger")).problems == []
    report = checked(forged)
    assert "a key that you do not trust" in report.problems[0].text
    assert report.signed_up_to == 0
    # Claiming the real key's id does not help.
    index = data.draw(st.sampled_from(forged.checkpoints))
    forged.lines = [line.replace(signing("forger").id.encode(), signing("coco").id.encode()) for line in forged.lines]
    assert any("signature does not hold" in problem.text for problem in checked(forged).problems)
    assert index


CHECKPOINT_EDITS: list[tuple[str, Any]] = [
    ("seq", 1), ("seq", 99), ("hash", "1" * 64), ("number", 9), ("at", "2027-01-01T00:00:00.000000+00:00"),
    ("reason", "export"), ("user_id", str(EVE)), ("deployment", "elsewhere"),
]  # fmt: skip


@UNHURRIED
@given(st.integers(5, 14), st.integers(2, 4), st.data())
def test_an_edited_checkpoint_is_found(length: int, every: int, data: st.DataObject) -> None:
    file = a_file(length, every)
    index = data.draw(st.sampled_from(file.checkpoints))
    old = json.loads(file.lines[index])
    name, value = data.draw(
        st.sampled_from([item for item in CHECKPOINT_EDITS if old["checkpoint"][item[0]] != item[1]])
    )
    text = canonical(old["checkpoint"] | {name: value})
    signature = old["signature"].encode()
    file.lines[index] = b'{"checkpoint":' + text + b',"signature":"' + signature + b'","type":"checkpoint"}\n'
    assert (index + 1, "signature does not hold") in [
        (problem.line, problem.text.rpartition("its ")[2]) for problem in checked(file).problems
    ]


def test_another_tenants_record_is_not_this_ones() -> None:
    ada, eve = a_file(6), a_file(6, user=EVE)
    assert checked(eve, user="eve@example.com").problems == []
    assert (
        "this is the chain of eve@example.com, not of ada@example.com"
        in checked(eve, user="ada@example.com").problems[0].text
    )
    assert checked(eve, user=str(ADA)).problems
    # With the header changed to say that it is hers, every line says otherwise.
    eve.lines[0] = ada.lines[0]
    assert where(eve)[0] == 1
    assert "is of another account" in checked(eve).problems[0].text


@UNHURRIED
@given(st.integers(5, 14), st.data())
def test_parts_of_another_tenants_record_are_found(length: int, data: st.DataObject) -> None:
    ada, eve = a_file(length), a_file(length, user=EVE)
    index = data.draw(st.sampled_from([*ada.entries, *ada.checkpoints]))
    ada.lines[index] = eve.lines[index]
    report = checked(ada)
    assert any(problem.line == index + 1 and "another account" in problem.text for problem in report.problems)


def test_what_was_kept_elsewhere_must_still_hold() -> None:
    early, late = a_file(6, bodies={}), a_file(10)
    assert checked(late, kept=early.lines).problems == []
    # The holder of the signing key rewrote it all: only what was kept shows that.
    rewritten = a_file(10, bodies={3: {"n": "rewritten"}})
    assert checked(rewritten).problems == []
    assert "the kept checkpoint 1 signed another entry 4" in checked(rewritten, kept=early.lines).problems[0].text
    # Entries and checkpoints were cut off the end, and a new export made.
    shorter = a_file(4)
    assert checked(shorter).problems == []
    assert "covers entry 6, and this chain ends at 4" in checked(shorter, kept=early.lines).problems[0].text
    assert "of another account" in checked(a_file(8, user=EVE), kept=early.lines).problems[0].text


def purged(announced: str | None, announcing: str = "connection_purged") -> File:
    """Entry 2 lost its content, which entry 4 of kind `announcing` tells with this hash."""
    whole = a_file(6)
    blank = canonical(whole.entry(whole.entries[1]) | {"body": {"erased": "read through a revoked connection"}})
    actual = hashlib.sha256(blank).hexdigest()
    signer, previous, lines, kept = (
        signing("coco"),
        GENESIS,
        [whole.lines[0]],
        json.loads(whole.lines[whole.entries[1]]),
    )
    for seq in range(1, 7):
        body: dict[str, Any] = {"n": seq, "text": "Grüße \u2028 \U0001f600", "share": 0.1, "big": 1e21}
        kind = AuditKind.ACTION_DONE
        if seq == 4 and announced is not None:
            kind, body = AuditKind(announcing), {"erased": {"2": announced or actual}}
        row = entry_row(ADA, seq, previous, body, kind)
        previous = row.hash
        if seq == 2:
            assert row.hash == kept["hash"]
            lines.append(b'{"entry":' + blank + b',"hash":"' + row.hash.encode() + b'","type":"entry"}\n')
        else:
            lines.append(entry_line(row))
    lines.append(checkpoint_line(signed_row(ADA, 1, row, export=True, key=signer)))
    return File(lines)


def test_this_verifier_and_ours_know_the_same_kinds() -> None:
    assert set(audit_offline.ANNOUNCING) == {kind.value for kind in ANNOUNCING}


@pytest.mark.parametrize("announcing", sorted(ANNOUNCING))
def test_content_that_was_taken_out_is_told_by_a_later_entry(announcing: str) -> None:
    report = checked(purged("", announcing))
    assert (report.problems, report.erased) == ([], 1)
    assert [problem.text for problem in checked(purged("0" * 64)).problems] == [
        "entry 2 lost its content, and no later entry says so"
    ]
    assert where(purged(None)) == [2]


@UNHURRIED
@given(st.lists(st.binary(max_size=80), max_size=6))
def test_rubbish_is_no_record(lines: list[bytes]) -> None:
    assert verify(lines, trusted()).problems


def test_deeply_nested_rubbish_is_no_record() -> None:
    file = a_file(3)
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    file.lines[1] = b'{"entry":' + deep + b',"hash":"' + b"0" * 64 + b'","type":"entry"}\n'
    assert where(file)


def test_it_shares_no_code_with_the_writer() -> None:
    source = Path(audit_offline.__file__).read_text()
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {item.name.partition(".")[0] for item in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(str(node.module).partition(".")[0])
    assert names - set(sys.stdlib_module_names) == {"cryptography"}


def test_it_runs_as_one_file_copied_away(tmp_path: Path) -> None:
    tool = tmp_path / "audit_offline.py"
    tool.write_bytes(Path(audit_offline.__file__).read_bytes())
    record, key = tmp_path / "record.jsonl", tmp_path / "audit.pub"
    record.write_bytes(b"".join(a_file(5).lines))
    key.write_text(public_text(signing("coco").public))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", str(tool), str(record), *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)

    done = run("--key", str(key), "--user", "ada@example.com")
    assert (done.returncode, done.stderr) == (0, "")
    assert "5 entries, the chain holds" in done.stdout
    assert run("--key-id", signing("coco").id).returncode == 0
    assert run("--key-id", signing("forger").id).returncode == 2
    assert run().returncode == 2
    record.write_bytes(record.read_bytes().replace(b'"n":3', b'"n":4'))
    assert "entry 3 was changed" in run("--key", str(key)).stdout
    assert run("--key", str(key)).returncode == 1
