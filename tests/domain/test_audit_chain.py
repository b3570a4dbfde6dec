"""The chain names the first entry that does not hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from coco.audit import GENESIS, AuditEntry, AuditKind, entry_hash, verify_chain

USER = UUID(int=1)


def a_chain(length: int) -> list[tuple[AuditEntry, str]]:
    result: list[tuple[AuditEntry, str]] = []
    previous = GENESIS
    for seq in range(1, length + 1):
        entry = AuditEntry(
            user_id=USER,
            seq=seq,
            at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seq),
            kind=AuditKind.ACTION_DONE,
            actor="user:1",
            body={"n": seq},
            prev_hash=previous,
        )
        previous = entry_hash(entry)
        result.append((entry, previous))
    return result


lengths = st.integers(2, 12)


@given(st.integers(0, 12))
def test_a_whole_chain_holds(length: int) -> None:
    assert verify_chain(a_chain(length)) is None


@given(lengths, st.data())
def test_an_edit_is_found(length: int, data: st.DataObject) -> None:
    chain = a_chain(length)
    at = data.draw(st.integers(0, length - 1))
    entry, stored = chain[at]
    change = data.draw(
        st.sampled_from(
            [
                {"body": {"n": -1}},
                {"actor": "user:2"},
                {"at": entry.at + timedelta(microseconds=1)},
                {"kind": AuditKind.SIGN_IN},
                {"user_id": UUID(int=2)},
                {"action_id": UUID(int=3)},
            ]
        )
    )
    chain[at] = (entry.model_copy(update=change), stored)
    found = verify_chain(chain)
    assert found is not None
    assert found.seq == at + 1


@given(lengths, st.data())
def test_an_edit_with_its_hash_made_anew_is_found_at_the_next(length: int, data: st.DataObject) -> None:
    chain = a_chain(length)
    at = data.draw(st.integers(0, length - 2))
    changed = chain[at][0].model_copy(update={"body": {"n": -1}})
    chain[at] = (changed, entry_hash(changed))
    found = verify_chain(chain)
    assert found is not None
    assert found.seq == at + 2


@given(lengths, st.data())
def test_a_removal_is_found(length: int, data: st.DataObject) -> None:
    chain = a_chain(length)
    at = data.draw(st.integers(0, length - 2))
    del chain[at]
    found = verify_chain(chain)
    assert found is not None
    assert found.seq == at + 1


@given(lengths, st.data())
def test_a_reordering_is_found(length: int, data: st.DataObject) -> None:
    chain = a_chain(length)
    at = data.draw(st.integers(0, length - 2))
    chain[at], chain[at + 1] = chain[at + 1], chain[at]
    found = verify_chain(chain)
    assert found is not None
    assert found.seq == at + 1


def blanked(chain: list[tuple[AuditEntry, str]], at: int) -> tuple[AuditEntry, str]:
    entry, stored = chain[at]
    return entry.model_copy(update={"body": {"erased": "read through a revoked connection"}}), stored


def announced(chain: list[tuple[AuditEntry, str]], told: dict[str, str]) -> list[tuple[AuditEntry, str]]:
    """The chain with one more entry, which names blanked ones."""
    entry = AuditEntry(
        user_id=USER,
        seq=len(chain) + 1,
        at=datetime(2026, 2, 1, tzinfo=UTC),
        kind=AuditKind.CONNECTION_PURGED,
        actor="user:1",
        body={"connection": "c", "erased": told},
        prev_hash=chain[-1][1],
    )
    return [*chain, (entry, entry_hash(entry))]


@settings(deadline=None)
@given(lengths, st.data())
def test_a_blanked_entry_holds_where_a_later_one_says_so_and_nowhere_else(length: int, data: st.DataObject) -> None:
    chain = a_chain(length)
    at = data.draw(st.integers(0, length - 1))
    chain[at] = blanked(chain, at)
    found = verify_chain(chain)
    assert found is not None
    assert found.seq == at + 1
    left = entry_hash(chain[at][0])
    assert verify_chain(announced(chain, {str(at + 1): left})) is None
    # Another entry's number, or another hash, announces nothing.
    for told in ({str(at + 2): left}, {str(at + 1): "0" * 64}, {}):
        found = verify_chain(announced(chain, told))
        assert found is not None
        assert found.seq == at + 1


@settings(deadline=None)
@given(lengths, st.data())
def test_what_is_left_of_a_blanked_entry_may_not_change(length: int, data: st.DataObject) -> None:
    chain = a_chain(length)
    at = data.draw(st.integers(0, length - 1))
    chain[at] = blanked(chain, at)
    left = entry_hash(chain[at][0])
    entry, stored = chain[at]
    chain[at] = entry.model_copy(update={"actor": "user:2"}), stored
    found = verify_chain(announced(chain, {str(at + 1): left}))
    assert found is not None
    assert found.seq == at + 1
