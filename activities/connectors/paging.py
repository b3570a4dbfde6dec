"""Pages: what a provider says of where the next one is, looked at before it is asked for.

A page leads on by its `after`, which the next request of the same operation carries. It is a provider's word like any
other: it may be too long, or lead back to the page it came with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities.connectors.base import Arguments, ReadOperation
from coco.errors import InvalidInput

CUT = "cut"
"""Added to a page's facts where it names a next one that cannot be asked for: why. Its `after` is None then."""


def followed(operation: ReadOperation[Any], arguments: Arguments, facts: Any) -> Any:
    """A page's facts, to be followed: what leads nowhere ends the pages, and the facts say why."""
    if not isinstance(facts, Mapping):
        return facts
    try:
        check_following(operation, arguments, facts)
    except InvalidInput as error:
        return {**facts, "after": None, CUT: error.message[:200]}
    return facts


def check_following(operation: ReadOperation[Any], arguments: Arguments, facts: Mapping[str, Any]) -> None:
    """Raises InvalidInput where a page's `after` leads to the page itself, or to nothing that can be asked for."""
    after = facts.get("after")
    if "after" not in type(arguments).model_fields or not after:
        return
    if after == getattr(arguments, "after", ""):
        raise InvalidInput(f"{operation.title}: the provider's page leads back to itself")
    try:
        operation.parse(arguments.model_dump(mode="json", exclude_none=True) | {"after": after})
    except InvalidInput as error:
        raise InvalidInput(f"{operation.title}: the provider's next page cannot be asked for ({error})") from error
