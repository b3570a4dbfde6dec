"""The arguments of Salesforce's operations: API names, ids and typed values."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictFloat, StrictInt, StringConstraints, model_validator

from activities.connectors.base import Arguments
from activities.connectors.cards import printable
from activities.connectors.salesforce import soql

_NAME = "[A-Za-z][A-Za-z0-9_]{0,79}"

READ_ONLY = frozenset(
    {
        "attributes",
        "createdbyid",
        "createddate",
        "id",
        "isdeleted",
        "lastactivitydate",
        "lastmodifiedbyid",
        "lastmodifieddate",
        "lastreferenceddate",
        "lastvieweddate",
        "systemmodstamp",
    }
)
"""Fields that Salesforce sets itself, in lower case: API names do not depend on case."""

ObjectName = Annotated[str, StringConstraints(pattern=f"^{_NAME}$")]
"""API name of an object, such as Account or Invoice__c."""
FieldName = Annotated[str, StringConstraints(pattern=f"^{_NAME}$")]
FieldPath = Annotated[str, StringConstraints(pattern=rf"^{_NAME}(\.{_NAME}){{0,4}}$")]
"""A field, or one of a record that it leads to, such as Owner.Name."""
RecordId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$")]
Text = Annotated[str, StringConstraints(max_length=32_000, strict=True), AfterValidator(printable)]
Value = Text | StrictBool | StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)] | None
"""null and empty text clear a field."""
Fields = Annotated[dict[FieldName, Value], Field(min_length=1, max_length=20)]
FieldNames = Annotated[tuple[FieldName, ...], Field(max_length=50)]
Moment = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,3})?(Z|[+-][0-9]{2}:[0-9]{2}))?$"
    ),
]
Cursor = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{0,100}$")]
"""The last part of `nextRecordsUrl`, such as 01gRM000000Aa1bYAC-2000."""


class Condition(Arguments):
    """One condition of a query; every one has to hold."""

    field: FieldPath
    operator: Literal["=", "!=", "<", "<=", ">", ">=", "LIKE", "IN", "NOT IN", "INCLUDES", "EXCLUDES"]
    value: Value = None
    values: Annotated[tuple[Text, ...], Field(min_length=1, max_length=200)] | None = None
    moment: Moment | None = None
    """A date, or a date with time and zone, for fields of those types."""

    @model_validator(mode="after")
    def _one_value(self) -> Condition:
        lists = self.operator in {"IN", "NOT IN", "INCLUDES", "EXCLUDES"}
        if lists != (self.values is not None):
            raise ValueError(f"{self.operator} {'needs' if lists else 'takes no'} values")
        if self.value is not None and (lists or self.moment is not None):
            raise ValueError("give one of value, values and moment")
        if self.operator == "LIKE" and not isinstance(self.value, str):
            raise ValueError("LIKE needs a text")
        return self


class QueryArguments(Arguments):
    """A query: of parts (`object` and `fields`), or whole as `soql`; `after` asks for the next page of one."""

    object: ObjectName | None = None
    fields: Annotated[tuple[FieldPath, ...], Field(max_length=50)] = ()
    where: Annotated[tuple[Condition, ...], Field(max_length=20)] = ()
    order_by: FieldPath | None = None
    descending: bool = False
    limit: Annotated[int, Field(ge=1, le=2000)] | None = None
    soql: Annotated[str, StringConstraints(max_length=3000), AfterValidator(printable)] | None = None
    after: Cursor = ""

    @model_validator(mode="after")
    def _one_form(self) -> QueryArguments:
        parts = self.object is not None and bool(self.fields)
        if self.after == "" and parts == (self.soql is not None):
            raise ValueError("give object and fields, or soql")
        if self.soql is not None:
            if self.object is not None or self.fields or self.where or self.order_by:
                raise ValueError("soql is the whole query: give it alone")
            why = soql.why_not_a_read(self.soql)
            if why:
                raise ValueError(f"soql: {why}")
        return self


class GetArguments(Arguments):
    """One record by its id."""

    object: ObjectName
    id: RecordId
    fields: FieldNames = ()


class DescribeArguments(Arguments):
    """An object's fields."""

    object: ObjectName


def _checked(fields: dict[str, Value]) -> None:
    names = [name.lower() for name in fields]
    if len(set(names)) != len(names):
        raise ValueError("a field is named twice")
    fixed = sorted(READ_ONLY.intersection(names))
    if fixed:
        raise ValueError(f"Salesforce sets {', '.join(fixed)} itself")


class CreateArguments(Arguments):
    """A new record."""

    object: ObjectName
    fields: Fields

    @model_validator(mode="after")
    def _writable(self) -> CreateArguments:
        _checked(self.fields)
        return self


class UpdateArguments(Arguments):
    """New values for some fields of one record."""

    object: ObjectName
    id: RecordId
    fields: Fields

    @model_validator(mode="after")
    def _writable(self) -> UpdateArguments:
        _checked(self.fields)
        # A rule or a reader that looks for moved stages must not be passed by under the name of a field update.
        if self.object.lower() == "opportunity" and "stagename" in {name.lower() for name in self.fields}:
            raise ValueError("an opportunity's stage is moved with opportunities.move_stage")
        return self


class DeleteArguments(Arguments):
    """The record to delete."""

    object: ObjectName
    id: RecordId


class MoveStageArguments(Arguments):
    """The stage an opportunity moves to, by its name."""

    id: RecordId
    stage: Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(printable)]
