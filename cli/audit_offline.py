#!/usr/bin/env python3
"""Checks an exported audit chain without Coco: Python's standard library and `cryptography`, and no code of the writer.

    python audit_offline.py FILE --key audit.pub [--user WHO] [--checkpoint KEPT]

This file can be copied away and run by itself. The format is in docs/audit.md. In short: one JSON object per line. The
text of `entry` is what was hashed (SHA-256), byte for byte; the text of `checkpoint` is what was signed (Ed25519).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

EXPORT = "coco.audit.export.v1"
CHECKPOINT = "coco.audit.checkpoint.v1"
GENESIS = "0" * 64
ANNOUNCING = {"connection_purged", "account_erased", "content_expired"}
"""Kinds of entries that say which others lost their content."""
MOST_PROBLEMS = 50

_ENTRY = re.compile(rb'\{"entry":(\{.*\}),"hash":"([0-9a-f]{64})","type":"entry"\}')
_CHECKPOINT = re.compile(rb'\{"checkpoint":(\{.*\}),"signature":"([A-Za-z0-9+/]{86}==)","type":"checkpoint"\}')
_ENTRY_FIELDS = {"user_id", "seq", "at", "kind", "actor", "run_id", "action_id", "body", "prev_hash"}
_CHECKPOINT_FIELDS = {"format", "deployment", "user_id", "number", "seq", "hash", "at", "reason", "key_id"}


@dataclass
class Problem:
    """Something that does not hold, and where: the line of the file, and the entry (or the first of several)."""

    line: int
    entry: int
    text: str


@dataclass
class Report:
    """What was found. The chain is whole where there are no problems."""

    account: str = ""
    email: str = ""
    entries: int = 0
    erased: int = 0
    """Entries whose content was taken out, as a later entry says."""
    checkpoints: int = 0
    signed_up_to: int = 0
    """The last entry under a good signature."""
    signed_at: str = ""
    signed_by: str = ""
    problems: list[Problem] = field(default_factory=list)

    def say(self, line: int, entry: int, text: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(line, entry, text))


class Key:
    """A public key that the reader trusts."""

    def __init__(self, pem: str) -> None:
        """Raises ValueError for what is not an Ed25519 public key."""
        key = load_pem_public_key(pem.encode())
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("not an Ed25519 public key")  # noqa: TRY004  (whoever gives a key handles one error)
        self.key = key
        self.id = hashlib.sha256(key.public_bytes_raw()).hexdigest()


def keys_in(first_line: bytes, wanted: set[str]) -> list[Key]:
    """The keys that the file itself carries, as far as the reader knows their ids: a key is no proof of itself."""
    found = []
    try:
        for item in _strict(first_line)["keys"]:
            key = Key(item["pem"])
            if key.id in wanted:
                found.append(key)
    except (ValueError, KeyError, TypeError):
        pass  # the header is judged where the file is read
    return found


def verify(lines: Iterable[bytes], keys: Iterable[Key], *, user: str = "", kept: Iterable[bytes] = ()) -> Report:
    """Reads an export line by line.

    `keys` are those that the reader trusts. `user` is whose chain it should be (account id or e-mail address). `kept`
    are the lines of an earlier export or of kept checkpoints: what they say must still be so.
    """
    return _Reader({key.id: key for key in keys}, user.strip().lower(), kept).read(lines)


def _strict(text: bytes) -> Any:
    """JSON without duplicate keys: two readers must not see two values."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError("a key stands twice")
        return result

    return json.loads(text, object_pairs_hook=unique)


@dataclass(frozen=True)
class _Seen:
    """An entry as far as its place in the chain is concerned."""

    seq: int
    line: int
    hash: str
    prev_hash: str
    sound: bool
    """Its content has its hash: what it says of the entry before it is what was written."""


class _Reader:
    def __init__(self, keys: dict[str, Key], user: str, kept: Iterable[bytes]) -> None:
        self.keys = keys
        self.user = user
        self.report = Report()
        self.expected = 1
        """The entry that should come next."""
        self.previous = GENESIS
        self.gaps: dict[int, tuple[int, int]] = {}
        """Missing so far: first entry of a gap -> (last entry, line where it showed)."""
        self.ahead: _Seen | None = None
        self.early: dict[int, _Seen] = {}
        self.erased: dict[int, tuple[str, int]] = {}
        """Entries without their content that no later entry has explained yet: (hash as they stand, line)."""
        self.hashes: dict[int, str] = {}
        """The hashes of the entries that kept checkpoints name."""
        self.number = 0
        self.header: dict[str, Any] = {}
        self.closed = False
        self.kept = list(self._kept(kept))
        self.watched = {said["seq"] for said in self.kept}

    # -- the file --

    def read(self, lines: Iterable[bytes]) -> Report:
        line = 0
        for line, raw in enumerate(lines, 1):
            text = raw.removesuffix(b"\n")
            if line == 1:
                self._header(text)
            elif match := _ENTRY.fullmatch(text):
                self._entry(line, match[1], match[2].decode())
            elif match := _CHECKPOINT.fullmatch(text):
                self._checkpoint(line, match[1], match[2].decode())
            else:
                self.closed = False
                self.report.say(line, self.expected, "this line is not as Coco wrote it, and is none of an export's")
        self._end(line)
        self.report.problems.sort(key=lambda problem: (problem.line, problem.entry))
        return self.report

    def _header(self, text: bytes) -> None:
        try:
            header = _strict(text)
            if header["format"] != EXPORT or header["type"] != "header" or not isinstance(header["entries"], int):
                raise ValueError("another format")
            self.report.account = str(header["account"])
            self.header = header
        except (ValueError, KeyError, TypeError):
            self.report.say(1, 1, f"the file does not begin with a header of {EXPORT}")

    def _entry(self, line: int, text: bytes, stored: str) -> None:
        self.closed = False
        try:
            entry = _strict(text)
            if set(entry) != _ENTRY_FIELDS or type(entry["seq"]) is not int:
                raise ValueError("other fields")
        except (ValueError, RecursionError):
            self.report.say(line, self.expected, f"entry {self.expected} was changed to what no entry can be")
            return
        seq = entry["seq"]
        actual = hashlib.sha256(text).hexdigest()
        if actual != stored:
            if isinstance(entry["body"], dict) and set(entry["body"]) == {"erased"}:
                self.erased[seq] = (actual, line)
            else:
                self.report.say(line, seq, f"entry {seq} was changed: its content does not have its hash")
        elif entry["kind"] in ANNOUNCING:
            self._announced(entry["body"])
        if entry["user_id"] != self.report.account:
            self.report.say(line, seq, f"entry {seq} is of another account: {entry['user_id']}")
        if seq == 1 and entry["kind"] == "sign_up" and isinstance(entry["body"], dict):
            self.report.email = str(entry["body"].get("email", ""))
        self._place(_Seen(seq, line, stored, entry["prev_hash"], actual == stored or seq in self.erased))

    def _announced(self, body: Any) -> None:
        """A later entry of the chain says which entries lost their content, and what their hashes are without it."""
        told = body.get("erased") if isinstance(body, dict) else None
        for seq, (actual, _) in list(self.erased.items()):
            if isinstance(told, dict) and told.get(str(seq)) == actual:
                del self.erased[seq]
                self.report.erased += 1

    def _place(self, seen: _Seen) -> None:
        """Puts an entry where it belongs. One that is ahead waits for the next to say whether some are missing before
        it, or it alone was moved."""
        if self.ahead is not None and seen.seq > self.expected:
            self._skip_to_ahead()
        if seen.seq > self.expected:
            self.ahead = seen
        elif seen.seq < self.expected:
            self._came_late(seen)
        else:
            if self.ahead is not None:
                text = f"entry {self.ahead.seq} was moved: it stands before entry {seen.seq}"
                self.report.say(self.ahead.line, self.ahead.seq, text)
                self.early[self.ahead.seq] = self.ahead
                self.ahead = None
            self._accept(seen)
            while self.expected in self.early:
                self._accept(self.early.pop(self.expected))

    def _accept(self, seen: _Seen) -> None:
        if seen.prev_hash != self.previous and seen.sound:
            what = f"entry {seen.seq} does not follow entry {seen.seq - 1}: one of the two was changed and hashed anew"
            first = max(1, seen.seq - 1)
            self.report.say(seen.line, first, what if seen.seq > 1 else "entry 1 is not the first of a chain")
        self._read(seen)

    def _read(self, seen: _Seen) -> None:
        self.report.entries += 1
        self.expected, self.previous = seen.seq + 1, seen.hash
        if seen.seq in self.watched:
            self.hashes[seen.seq] = seen.hash

    def _skip_to_ahead(self) -> None:
        """What is before the entry that is ahead did not come: it is missing, unless it comes late."""
        if self.ahead is not None:
            self.gaps[self.expected] = (self.ahead.seq - 1, self.ahead.line)
            self._read(self.ahead)
            self.ahead = None

    def _came_late(self, seen: _Seen) -> None:
        for first, (last, line) in list(self.gaps.items()):
            if first <= seen.seq <= last:
                del self.gaps[first]
                if first < seen.seq:
                    self.gaps[first] = (seen.seq - 1, line)
                if seen.seq < last:
                    self.gaps[seen.seq + 1] = (last, line)
                self.report.entries += 1
                if seen.seq in self.watched:
                    self.hashes[seen.seq] = seen.hash
                self.report.say(line, seen.seq, f"entry {seen.seq} was moved: it stands at line {seen.line}")
                return
        self.report.say(seen.line, seen.seq, f"entry {seen.seq} stands here again")

    def _checkpoint(self, line: int, text: bytes, signature: str) -> None:
        self.closed = False
        self._skip_to_ahead()
        newest = self.expected - 1
        said = self._signed(line, text, signature, f"checkpoint {self.number + 1}", newest)
        if said is None:
            self.number += 1
            return
        name = f"checkpoint {said['number']}"
        if said["number"] != self.number + 1:
            why = f"{self.number + 1} is missing, or was moved" if said["number"] > self.number else "it was moved"
            self.report.say(line, newest, f"{name} stands here: {why}")
        self.number = max(self.number, said["number"])
        if said["user_id"] != self.report.account:
            self.report.say(line, newest, f"{name} is of another account: {said['user_id']}")
            return
        if self.header and said["deployment"] != self.header.get("deployment"):
            self.report.say(line, newest, f"{name} is of another installation: {said['deployment']}")
        since = self.report.signed_up_to + 1
        if said["seq"] != newest:
            self.report.say(line, newest, f"{name} covers entry {said['seq']}, but stands behind entry {newest}")
        elif said["hash"] != self.previous:
            since = min(since, said["seq"])
            self.report.say(line, since, f"entries {since} to {said['seq']} are not those that {name} signed")
        else:
            self.report.checkpoints += 1
            self.report.signed_up_to, self.report.signed_at = said["seq"], said["at"]
            self.report.signed_by = said["key_id"]
            self.closed = said["reason"] == "export"

    def _end(self, lines: int) -> None:
        self._skip_to_ahead()
        report, newest = self.report, self.expected - 1
        for first, (last, line) in self.gaps.items():
            text = f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"
            report.say(line, first, text)
        for seq, (_, line) in self.erased.items():
            report.say(line, seq, f"entry {seq} lost its content, and no later entry says so")
        told = self.header.get("entries")
        if told is not None and told != newest:
            report.say(lines + 1, newest + 1, f"the file ends after entry {newest}; its header says {told}")
        if not self.closed:
            what = "without the signed checkpoint that closes an export: it was cut off"
            report.say(lines + 1, newest + 1, f"the file ends after entry {newest} {what}")
        if self.user and self.user not in {report.account.lower(), report.email.lower()}:
            whose = report.email or report.account
            report.say(1, 1, f"this is the chain of {whose}, not of {self.user}")
        for said in self.kept:
            seq, name = said["seq"], f"the kept checkpoint {said['number']}"
            if said["user_id"] != report.account:
                report.say(1, 1, f"{name} is of another account: {said['user_id']}")
            elif seq > newest:
                report.say(lines + 1, newest + 1, f"{name} covers entry {seq}, and this chain ends at {newest}")
            elif self.hashes.get(seq) != said["hash"]:
                report.say(lines + 1, seq, f"{name} signed another entry {seq}: what came up to it was rewritten")

    # -- checkpoints --

    def _signed(self, line: int, text: bytes, signature: str, name: str, entry: int) -> dict[str, Any] | None:
        """The checkpoint, where a trusted key signed it."""
        try:
            said: dict[str, Any] = _strict(text)
            if set(said) != _CHECKPOINT_FIELDS or said["format"] != CHECKPOINT:
                raise ValueError("other fields")
            key = self.keys.get(said["key_id"])
            if key is None:
                self.report.say(line, entry, f"{name} names a key that you do not trust: {said['key_id']}")
                return None
            key.key.verify(base64.b64decode(signature), text)
        except (InvalidSignature, ValueError, TypeError, RecursionError):
            self.report.say(line, entry, f"{name} was changed, or is forged: its signature does not hold")
            return None
        return said

    def _kept(self, lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
        """Each kept checkpoint whose signature holds; of an export, its checkpoints."""
        for raw in lines:
            match = _CHECKPOINT.fullmatch(raw.strip())
            if match is not None:
                said = self._signed(1, match[1], match[2].decode(), "a kept checkpoint", 1)
                if said is not None:
                    yield said


def told(report: Report) -> str:
    """The report in words, one finding per line."""
    whose = f"{report.email or 'account'} ({report.account})"
    if not report.problems:
        gone = f" ({report.erased} of them without their content, as a later one says)" if report.erased else ""
        return (
            f"{whose}: {report.entries} entries{gone}, the chain holds\n"
            f"signed up to entry {report.signed_up_to} at {report.signed_at} by key {report.signed_by}"
        )
    found = [f"{whose}: does not hold at entry {report.problems[0].entry}"]
    found += [f"  line {problem.line}: {problem.text}" for problem in report.problems]
    return "\n".join(found)


def check_file(path: str, keys: list[Key], key_ids: set[str], user: str, kept_path: str | None) -> Report:
    """Verifies a file. Raises OSError, ValueError where there is no key to trust."""
    with open(path, "rb") as file:
        trusted = keys + keys_in(file.readline(), key_ids)
        if not trusted:
            raise ValueError("no key to check the signatures with: give a public key, or the id of one in the file")
        file.seek(0)
        kept: list[bytes] = []
        if kept_path is not None:
            with open(kept_path, "rb") as other:
                kept = other.readlines()
        return verify(file, trusted, user=user, kept=kept)


def main(arguments: list[str]) -> int:
    import argparse

    parser = argparse.ArgumentParser(description="Check an exported audit chain.")
    parser.add_argument("file")
    parser.add_argument("--key", action="append", default=[], help="file with a public key (PEM) that you trust")
    parser.add_argument("--key-id", action="append", default=[], help="id of a key that you trust, carried in the file")
    parser.add_argument("--user", default="", help="whose chain it should be: account id or e-mail address")
    parser.add_argument("--checkpoint", help="kept checkpoints, or an earlier export: they must still hold")
    given = parser.parse_args(arguments)
    try:
        keys = []
        for path in given.key:
            with open(path) as file:
                keys.append(Key(file.read()))
        report = check_file(given.file, keys, set(given.key_id), given.user, given.checkpoint)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(told(report))
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
