"""Trying a credential out by a safe call: a read that the connector names, or the protocol's own sign-in."""

from __future__ import annotations

import time

from activities.connectors.base import ConnectionInfo, Connector, Route
from activities.connectors.granted import needed_to_check, plainly
from coco.errors import CocoError, Code, InvalidInput, Refused
from coco.gateway_protocol import Credential
from coco.requests import Frozen, PreparedRequest, ProviderResponse
from sandbox.gateway.delivery.addresses import AddressPolicy, Unreachable
from sandbox.gateway.delivery.link import CredentialRefused, Link, ReadLink, check_credential
from sandbox.gateway.delivery.opening import open_link
from store import calls
from store.credentials import Outcome
from store.tables import Connection

SIGN_IN = Route(method="AUTH", path="/", access="read", operation="sign_in")
"""How the log names a check that signs in and asks for nothing."""


class Called(Frozen):
    """The call that a check made, for the connection's log."""

    status: int | None = None
    outcome: calls.Outcome
    seconds: float = 0.0


class Found(Frozen):
    """What the provider's answer makes of a credential, and why, in a person's words."""

    outcome: Outcome
    reason: str = ""
    called: Called | None = None
    """None where nothing was said to the provider."""


def check_route(known: Connector) -> Route:
    """How the log names a connector's check."""
    return SIGN_IN if known.check is None else known.read(known.check.operation).route


def check_request(known: Connector, row: Connection) -> PreparedRequest | None:
    """What the connector's check asks of a connection's provider; None where it has no check."""
    if known.check is None:
        return None
    operation = known.read(known.check.operation)
    info = ConnectionInfo(id=row.id, connector=row.connector, title=row.title, settings=row.settings)
    return operation.request(info, operation.parse(known.check.arguments))


async def probe(
    known: Connector, row: Connection, credential: Credential, policy: AddressPolicy, seconds: float
) -> Found:
    """Asks the provider once. Raises nothing for what the provider or the network does."""
    try:
        check_credential(known, credential)
    except InvalidInput as error:
        return Found(outcome="refused", reason=f"It cannot be used as it is: {error}.")
    except Refused:
        return Found(outcome="refused", reason=f"{known.title} takes another kind of credential.")
    started = time.monotonic()

    def called(outcome: calls.Outcome, status: int | None = None) -> Called:
        return Called(status=status, outcome=outcome, seconds=time.monotonic() - started)

    try:
        link = await open_link(known, row.base_url, credential, policy, seconds)
    except Unreachable as error:
        reason = f"{known.title} could not be reached: {error}."
        return Found(outcome="unreachable", reason=reason, called=called("no_answer"))
    except Refused as error:
        # Where the protocol signs in by itself, this is its answer; else it is the address, and nothing was called.
        line = called("refused") if isinstance(error, CredentialRefused) else None
        return Found(outcome="refused", reason=f"It was not accepted: {error}.", called=line)
    try:
        found, status, outcome = await _ask(known, row, link, seconds)
    finally:
        await link.close()
    return found if outcome is None else found.model_copy(update={"called": called(outcome, status)})


async def _ask(
    known: Connector, row: Connection, link: Link, seconds: float
) -> tuple[Found, int | None, calls.Outcome | None]:
    """What was found; the answer's status; how the log calls it, None where nothing was asked."""
    request = check_request(known, row)
    if request is None:
        signed_in = known.protocol != "http"
        found = Found(outcome="works" if signed_in else "unchecked")
        return found, None, "answered" if signed_in else None
    if not isinstance(link, ReadLink):
        raise Refused("this provider has no reads", code=Code.NOT_IN_MANIFEST)
    answer = await link.exchange(request, seconds)
    if answer.too_large:
        reason = f"{known.title} does not answer at this address as it should."
        return Found(outcome="refused", reason=reason), answer.status, "answered"
    response = answer.response
    if response is None or not answer.complete:
        reason = f"{known.title} gave no answer. Try again later."
        outcome: calls.Outcome = "no_answer" if answer.status is None else "answered"
        return Found(outcome="unreachable", reason=reason), answer.status, outcome
    if known.credential_refused(response):
        return judged(known, response), response.status, "refused"
    return judged(known, response), response.status, "throttled" if known.limited(response) else "answered"


def judged(known: Connector, response: ProviderResponse) -> Found:
    """What an answer to the connector's check says of the credential it was asked with."""
    assert known.check is not None
    operation = known.read(known.check.operation)
    refused = _refused(known, response)
    if refused is not None:
        return refused
    try:
        # A page that answers 200 to everything is no provider, and some say no with a 200.
        operation.facts(operation.parse(known.check.arguments), response)
    except (CocoError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return Found(
            outcome="refused", reason=f"The address answers, but not as {known.title} does to a key that it accepts."
        )
    return Found(outcome="works")


def _refused(known: Connector, response: ProviderResponse) -> Found | None:
    status = response.status
    if status == 401 or (status != 403 and known.credential_refused(response)):
        return Found(outcome="refused", reason=f"{known.title} did not accept it.")
    if known.limited(response) or status == 429 or status >= 500:
        # Before all else that is looked at: some say so with a 200 or a 403.
        return Found(outcome="unreachable", reason=f"{known.title} is not available right now. Try again later.")
    if 200 <= status < 300:
        return None
    if status == 403:
        needed = plainly(known, needed_to_check(known))
        more = f": it must be allowed to {needed}" if needed else ""
        return Found(outcome="scopes_missing", reason=f"{known.title} knows it, but it may do too little{more}.")
    return Found(outcome="refused", reason=f"{known.title} answered {status}. Is the address right?")
