"""When a reminder is due: after so long, every so long, and never in the quiet hours, whatever the clock does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from coco.reminders import ReminderTerms, after_quiet, is_due, next_at

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NIGHT = ReminderTerms(quiet_from="20:00", quiet_until="08:00", zone="Europe/Berlin")


def test_by_itself_after_four_hours_and_then_every_day() -> None:
    """The database knows the same (coco_reminders_due in store.migrations.waiting_cards)."""
    first = next_at(ReminderTerms(), NOON, [])
    assert first == NOON + 4 * HOUR
    assert next_at(ReminderTerms(), NOON, [first]) == NOON + 28 * HOUR
    # Late by an hour: the next one is a day after it, and none is made up for.
    assert next_at(ReminderTerms(), NOON, [first, NOON + 29 * HOUR]) == NOON + 53 * HOUR


def test_off_and_once() -> None:
    assert next_at(ReminderTerms(on=False), NOON, []) is None
    once = ReminderTerms(again_hours=None)
    assert next_at(once, NOON, []) == NOON + 4 * HOUR
    assert next_at(once, NOON, [NOON + 4 * HOUR]) is None


def test_what_was_sent_before_it_waited_does_not_count() -> None:
    assert next_at(ReminderTerms(again_hours=None), NOON, [NOON - HOUR]) == NOON + 4 * HOUR


def test_a_quiet_night_is_waited_out() -> None:
    late = datetime(2026, 3, 10, 18, tzinfo=UTC)  # 19:00 in Berlin: due at 23:00
    assert next_at(NIGHT, late, []) == datetime(2026, 3, 11, 7, tzinfo=UTC)
    early = datetime(2026, 3, 10, 23, tzinfo=UTC)  # midnight in Berlin: due at 4:00
    assert next_at(NIGHT, early, []) == datetime(2026, 3, 11, 7, tzinfo=UTC)
    assert next_at(NIGHT, datetime(2026, 3, 11, 3, tzinfo=UTC), []) == datetime(2026, 3, 11, 7, tzinfo=UTC)


def test_what_came_due_while_nobody_looked_waits_for_the_morning_too() -> None:
    since = datetime(2026, 3, 10, 14, tzinfo=UTC)  # due at 19:00 in Berlin, an hour before it is quiet
    assert is_due(NIGHT, since, [], since + 4 * HOUR)
    assert not is_due(NIGHT, since, [], since + 6 * HOUR)
    assert is_due(NIGHT, since, [], since + 17 * HOUR)
    assert not is_due(NIGHT, since, [], since + 3 * HOUR)


def test_the_nights_in_which_the_clock_changes() -> None:
    # On 29 March 2:30 does not exist in Berlin; on 25 October it comes twice.
    spring = ReminderTerms(quiet_from="01:00", quiet_until="02:30", zone="Europe/Berlin")
    assert after_quiet(spring, datetime(2026, 3, 29, 0, 30, tzinfo=UTC)) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    second = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 2:10 for the second time
    assert after_quiet(spring, second) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


TIMES = st.builds(lambda hour, minute: f"{hour:02}:{minute:02}", st.integers(0, 23), st.integers(0, 59))
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"])
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))


@settings(max_examples=300, deadline=None)
@given(TIMES, TIMES, ZONES, MOMENTS)
def test_never_earlier_never_quiet_and_within_a_day(begins: str, ends: str, zone: str, at: datetime) -> None:
    terms = ReminderTerms(quiet_from=begins, quiet_until=ends, zone=zone)
    moved = after_quiet(terms, at)
    assert at <= moved <= at + timedelta(hours=26)
    assert after_quiet(terms, moved) == moved
    if moved != at:
        assert moved.second == 0
        local = f"{moved.astimezone(ZoneInfo(zone)):%H:%M}"
        # Where the clock was put forward over it, the end is later by as much.
        assert local >= ends or local < begins


@pytest.mark.parametrize(
    "bad",
    [
        {"first_hours": 0}, {"first_hours": 721}, {"again_hours": 0}, {"zone": "Mars/Olympus"}, {"zone": "../etc"},
        {"quiet_from": "22:00"}, {"quiet_from": "24:00", "quiet_until": "07:00"},
        {"quiet_from": "8", "quiet_until": "9"},
    ],
    ids=str,
)  # fmt: skip
def test_terms_that_make_no_sense(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ReminderTerms(**bad)  # type: ignore[arg-type]
