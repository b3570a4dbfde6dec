"""The chain names the first entry that does not hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
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
