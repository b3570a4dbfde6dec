"""The wording of a follow-up, by stage. Internal notes of a deal never enter it."""

from __future__ import annotations

from activities.playbooks.wording import thing_name
from coco.voice import Voice, greeted, signed

_BY_STAGE = {
    "appointmentscheduled": (
        "we had planned to talk about {topic}, and I have not heard from you since.",
        "Would one of the coming days suit you for a short call? If the timing is wrong, tell me when to come back.",
    ),
    "qualifiedtobuy": (
        "some time has passed since we last spoke about {topic}.",
        "Is it still on your list? I am glad to answer questions, or to show you the part that matters most to you.",
    ),
    "presentationscheduled": (
        "I wanted to come back to our presentation on {topic}.",
        "Has your team had time to discuss it? If anything was left unclear, I can send more detail or join a call.",
    ),
    "decisionmakerboughtin": (
        "when we last spoke about {topic}, things looked good on your side.",
        "Is there anything you still need from me to take the next step?",
    ),
    "contractsent": (
        "I am writing about the agreement for {topic} that we sent you.",
        "Is there a point you would like to change or talk through? I am happy to set up a short call.",
    ),
}
_OTHERWISE = (
    "some time has passed since we were last in touch about {topic}.",
    "Is it still of interest? A short answer is enough; I will follow your timing.",
)


def mail_text(
    *, deal_name: str, stage: str, first_name: str, signature: str, voice: Voice | None = None
) -> tuple[str, str]:
    """(subject, body), which begins and ends in the owner's voice where they have one. A name that is not plainly a
    name is left out, so that no record writes the message."""
    named = thing_name(deal_name)
    opening, question = _BY_STAGE.get(stage, _OTHERWISE)
    topic = f"“{named}”" if named else "our project"
    paragraphs = [greeted(voice, first_name), opening.format(topic=topic), question, signed(voice, signature)]
    return (f"Following up: {named}" if named else "Following up"), "\n\n".join(paragraphs) + "\n"
