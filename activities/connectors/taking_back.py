"""What takes back an action that took place: another operation of its connector, made from what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from coco.actions import Action
from coco.errors import InvalidInput
from coco.requests import Frozen, ProviderResponse

BY_HAND = "There is no action that takes this back. Reject it instead, and put it right by hand."


def correction(subject: str = "") -> tuple[str, str]:
    """(subject, text) of a message that puts right one that was sent. For its owner to edit."""
    told = "Correction: "
    about = f" with the subject “{subject}”" if subject else ""
    text = (
        f"Hello,\n\nmy last message{about} was sent to you by mistake. Please disregard it.\n\n"
        "I am sorry for the trouble.\n"
    )
    return subject if subject.startswith(told) else f"{told}{subject}"[:250].strip(), text


class Compensation(Frozen):
    """An operation and its arguments, and the record as the action left it."""

    operation: str
    arguments: dict[str, Any]
    response: ProviderResponse | None
    """What the read before it would show now, where nobody changed anything; None where no read comes before it."""
    note: str = ""
    """What it does not bring back, in the owner's words."""


@dataclass(frozen=True)
class Done:
    """An action that took place, and what is kept of it."""

    action: Action
    before: ProviderResponse | None
    """The attested response to the read before it."""
    after: ProviderResponse | None
    """The provider's response to it; None where none came, or where it is not kept any more."""

    @property
    def prior(self) -> dict[str, Any]:
        """The values before it. Raises InvalidInput where none are known."""
        if self.action.prior is None or self.action.prior.value is None:
            raise InvalidInput(BY_HAND)
        return self.action.prior.value

    def was(self) -> ProviderResponse:
        """Raises InvalidInput where what was read before it is not kept."""
        # What is past its time, or of a revoked connection, is a row without its answer.
        if self.before is None or not 200 <= self.before.status < 300:
            raise InvalidInput(f"What was read before it is not kept. {BY_HAND}")
        return self.before

    def answered(self) -> ProviderResponse:
        """Raises InvalidInput where the provider's answer is not kept, so that what it made is not known."""
        if self.after is None or not self.after.body or not 200 <= self.after.status < 300:
            raise InvalidInput(f"What the provider answered to it is not kept. {BY_HAND}")
        return self.after
