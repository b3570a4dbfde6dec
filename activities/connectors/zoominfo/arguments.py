"""The arguments of ZoomInfo's operations."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from activities.connectors.base import Arguments
from activities.connectors.values import Email, Line, Page

RecordId = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,14}$")]
Website = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,5}$")]
FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9]{1,59}$")]
PageSize = Annotated[int, Field(ge=1, le=100)]

CONTACT_FIELDS = (
    "id",
    "firstName",
    "lastName",
    "email",
    "phone",
    "mobilePhone",
    "jobTitle",
    "managementLevel",
    "city",
    "state",
    "country",
    "companyId",
    "companyName",
    "companyWebsite",
)
COMPANY_FIELDS = (
    "id",
    "name",
    "website",
    "phone",
    "street",
    "city",
    "state",
    "country",
    "revenue",
    "employeeCount",
    "primaryIndustry",
    "ticker",
)


class LookupContactsArguments(Arguments):
    """Contacts that fit every criterion given."""

    first_name: Line | None = None
    last_name: Line | None = None
    full_name: Line | None = None
    email: Email | None = None
    job_title: Line | None = None
    management_level: Line | None = None
    company_id: RecordId | None = None
    company_name: Line | None = None
    company_website: Website | None = None
    country: Line | None = None
    state: Line | None = None
    limit: PageSize = 25
    after: Page = ""


class LookupCompaniesArguments(Arguments):
    """Companies that fit every criterion given."""

    company_id: RecordId | None = None
    name: Line | None = None
    website: Website | None = None
    country: Line | None = None
    state: Line | None = None
    industry_keywords: Line | None = None
    employees_min: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    employees_max: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    limit: PageSize = 25
    after: Page = ""


class Contact(Arguments):
    """Who is meant: by id or e-mail address, or by name with an employer."""

    id: RecordId | None = None
    email: Email | None = None
    first_name: Line | None = None
    last_name: Line | None = None
    company_id: RecordId | None = None
    company_name: Line | None = None

    @model_validator(mode="after")
    def _enough(self) -> Contact:
        employer = self.company_id is not None or self.company_name is not None
        named = self.first_name is not None and self.last_name is not None and employer
        if not (self.id or self.email or named):
            raise ValueError("give an id, an email, or first_name and last_name with company_id or company_name")
        return self


class Company(Arguments):
    """Which company is meant."""

    id: RecordId | None = None
    name: Line | None = None
    website: Website | None = None

    @model_validator(mode="after")
    def _enough(self) -> Company:
        if not (self.id or self.name or self.website):
            raise ValueError("give an id, a name or a website")
        return self


class EnrichContactsArguments(Arguments):
    """Up to 25 contacts to look up, each at the price of one, and what to tell of them."""

    contacts: Annotated[tuple[Contact, ...], Field(min_length=1, max_length=25)]
    fields: Annotated[tuple[FieldName, ...], Field(min_length=1, max_length=60)] = CONTACT_FIELDS


class EnrichCompaniesArguments(Arguments):
    """Up to 25 companies to look up, each at the price of one, and what to tell of them."""

    companies: Annotated[tuple[Company, ...], Field(min_length=1, max_length=25)]
    fields: Annotated[tuple[FieldName, ...], Field(min_length=1, max_length=60)] = COMPANY_FIELDS
