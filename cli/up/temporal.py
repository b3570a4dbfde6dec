"""An existing Temporal: what Coco needs of it, made where it is missing and this client may."""

from __future__ import annotations

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.converter import DataConverter
from temporalio.service import RPCError

from cli.errors import Fix
from cli.up.specs import SEARCH_ATTRIBUTES
from coco.settings import Settings
from workers.temporal import connect


async def ensure_search_attributes(settings: Settings) -> str:
    """Registers the search attributes that are missing; what was done, or what somebody who may must do.

    Raises Fix where Temporal does not answer, or holds one of another type.
    """
    keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    namespace = settings.temporal_namespace
    try:
        client = await connect(settings, DataConverter.default)
    except RuntimeError as error:
        raise Fix(f"Temporal at {settings.temporal_address} does not answer: {error}") from None
    operator = client.operator_service
    try:
        listed = await operator.list_search_attributes(ListSearchAttributesRequest(namespace=namespace))
        wrong = [name for name in SEARCH_ATTRIBUTES if listed.custom_attributes.get(name, keyword) != keyword]
        if wrong:
            raise Fix(f"the search attribute {wrong[0]} of namespace {namespace} must be of type Keyword")
        missing = [name for name in SEARCH_ATTRIBUTES if name not in listed.custom_attributes]
        if not missing:
            return ""
        wanted = dict.fromkeys(missing, keyword)
        await operator.add_search_attributes(AddSearchAttributesRequest(namespace=namespace, search_attributes=wanted))
    except RPCError as error:
        # Temporal Cloud, for one, lets only its own console and CLI do this.
        words = " ".join(f"--name {name} --type Keyword" for name in SEARCH_ATTRIBUTES)
        return (
            f"this client may not look after search attributes ({error.message}); runs start only where they exist. "
            f"Unless done already: temporal operator search-attribute create --namespace {namespace} {words}"
        )
    return f"registered search attributes in Temporal: {', '.join(missing)}"
