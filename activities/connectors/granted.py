"""What a connection was granted: an operation that needs more is refused, at every place that looks."""

from __future__ import annotations

from collections.abc import Collection

from activities.connectors.base import Connector, Route
from coco.errors import InvalidInput, Refused


def check_granted(known: Connector, route: Route, granted: Collection[str]) -> None:
    """Raises Refused (FORBIDDEN) that says in plain words what the connection was not allowed to do."""
    missing = [scope for scope in route.scopes if scope not in granted]
    if missing:
        raise Refused(f"The connection to {known.title} was not given leave to do this: {plainly(known, missing)}.")


def plainly(known: Connector, names: Collection[str]) -> str:
    """Scopes in the manifest's plain words, in its order; a name that it does not have as it is."""
    words = {scope.name: scope.allows[:1].lower() + scope.allows[1:] for scope in known.scopes}
    order = [*words, *(name for name in names if name not in words)]
    return "; ".join(words.get(name, name) for name in order if name in names)


def minimum(known: Connector) -> list[str]:
    """What is chosen for a person who chooses nothing: reads."""
    return [scope.name for scope in known.scopes if scope.preselected and scope.access == "read"]


def needed_to_check(known: Connector) -> list[str]:
    """Scopes without which a credential of this connector cannot be tried out."""
    return [] if known.check is None else list(known.read(known.check.operation).route.scopes)


def chosen(known: Connector, names: Collection[str] | None) -> list[str]:
    """The scopes that a person chose, in the manifest's order; the minimum where they chose nothing at all.

    Raises InvalidInput for a scope that there is not, and where the one is missing that checks the credential.
    """
    if names is None:
        names = minimum(known)
    declared = [scope.name for scope in known.scopes]
    unknown = set(names) - set(declared)
    if unknown:
        raise InvalidInput(f"scopes: {known.title} has no {min(unknown)!r}; it has: {', '.join(declared) or 'none'}")
    missing = [name for name in needed_to_check(known) if name not in names]
    if missing:
        raise InvalidInput(f"scopes: the credential is checked with “{plainly(known, missing)}”, so it must have that")
    return [name for name in declared if name in names]


def to_ask_for(known: Connector, names: Collection[str]) -> list[str]:
    """What the provider's own sign-in page is asked for, so that these scopes may be granted."""
    asked = [scope.asked_as or scope.name for scope in known.scopes if scope.name in names]
    return list(dict.fromkeys([*asked, *(known.oauth.always if known.oauth else ())]))


def agreed(known: Connector, ticked: Collection[str], named: Collection[str] | None) -> list[str]:
    """The scopes that a sign-in grants: those ticked that the provider names. Never more: a provider may also name
    what somebody agreed to at another time. One that names none granted what was asked for (RFC 6749, section 5.1)."""
    return [
        scope.name
        for scope in known.scopes
        if scope.name in ticked and (named is None or (scope.asked_as or scope.name) in named)
    ]


def narrowed(known: Connector, granted: Collection[str], named: Collection[str] | None) -> list[str]:
    """What is left of a connection's scopes once its tokens were renewed with those that the provider names. Renewal
    never adds one, and an answer that names none changes none (RFC 6749, section 6)."""
    if named is None:
        return list(granted)
    left = set(agreed(known, granted, named))
    return [name for name in granted if name in left]
