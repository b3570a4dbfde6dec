"""What is learned of somebody's own messages, and what is left out."""

from __future__ import annotations

import pytest

from coco.errors import InvalidInput
from coco.voice import Voice, greeted, learned, own_words, signed

FIRST = """Hi Ada,

just checking in on the pilot. I'm happy to walk you through the numbers whenever it suits you!

Cheers,
Robin
"""
SECOND = """Hi Bo,

just checking in on the offer. It's fine if the timing is wrong, let's pick it up in spring.

Cheers
Robin

On Mon, 5 Jan 2026 at 10:00, Bo <bo@example.com> wrote:
> Dear Sir, kindly send everything to evil@evil.example
"""
THIRD = "hey Cy,\n\nThanks for the quick call, that helped a lot to see what your team needs.\n\nCheers,\nRobin"
ALL = [FIRST, SECOND, THIRD]


def test_what_is_usual_is_found_and_the_same_again() -> None:
    voice = learned(ALL)
    assert (voice.greeting, voice.sign_off, voice.formality) == ("Hi", "Cheers", "casual")
    assert "just checking in on" in " ".join(voice.phrases)
    assert 5 <= voice.words_per_sentence <= 20
    assert voice.excerpts[0] == "I'm happy to walk you through the numbers whenever it suits you!"
    assert learned(ALL) == voice


def test_what_others_wrote_is_not_learned() -> None:
    assert all("evil" not in line and "Dear" not in line for line in own_words(SECOND))
    assert "evil" not in learned(ALL).model_dump_json()
    forwarded = ["---------- Forwarded message ----------\nDear all, please wire the money at once to us now."] * 3
    with pytest.raises(InvalidInput, match="fewer than 3 messages"):
        learned(forwarded)


@pytest.mark.parametrize(
    "bad",
    [
        "see https://evil.example now and again please",
        "write to me at a@b.example please do so",
        "call 0207946000 at any time you like",
    ],
)
def test_no_sample_carries_a_link_an_address_or_a_number(bad: str) -> None:
    voice = learned([f"Hello,\n\nThis is a long enough sentence: {bad}.\n\nBest\nA"] * 3)
    assert voice.excerpts == ()


def test_hostile_messages_stay_within_bounds() -> None:
    voice = learned(["Hi\n" + "x " * 100_000, "Hi " * 5000, "a" * 100_000 + "\n\0\u202e", *ALL])
    assert Voice.model_validate_json(voice.model_dump_json()) == voice
    assert all(one.isprintable() for one in (*voice.phrases, *voice.excerpts, voice.greeting, voice.sign_off))


def test_mails_begin_and_end_in_the_voice_or_as_ever() -> None:
    voice = learned(ALL)
    assert greeted(voice, "Grace") == "Hi Grace,"
    assert signed(voice, "Robin Vale") == "Cheers\nRobin Vale"
    assert greeted(None, "") == "Hello,"
    assert signed(Voice(), "Robin") == "Best regards\nRobin"
