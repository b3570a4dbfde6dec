"""The arguments of Apollo's operations."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from activities.connectors.base import Arguments
from activities.connectors.values import Email, Line, Page, Token

Lines = Annotated[tuple[Line, ...], Field(max_length=50)]
Domain = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,5}$")]
Domains = Annotated[tuple[Domain, ...], Field(max_length=200)]
Headcount = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,7},[0-9]{1,7}$")]
"""Lower and upper number of employees, such as 11,50."""
PageSize = Annotated[int, Field(ge=1, le=100)]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9./_%~-]{3,300}$")]


class SearchPeopleArguments(Arguments):
    """People that fit every filter given; inside one filter, one value is enough."""

    keywords: Line | None = None
    titles: Lines = ()
    seniorities: Annotated[
        tuple[
            Literal[
                "owner",
                "founder",
                "c_suite",
                "partner",
                "vp",
                "head",
                "director",
                "manager",
                "senior",
                "entry",
                "intern",
            ],
            ...,
        ],
        Field(max_length=11),
    ] = ()
    person_locations: Lines = ()
    organization_locations: Lines = ()
    organization_domains: Domains = ()
    organization_ids: Annotated[tuple[Token, ...], Field(max_length=200)] = ()
    employees: Annotated[tuple[Headcount, ...], Field(max_length=20)] = ()
    email_statuses: Annotated[
        tuple[Literal["verified", "unverified", "likely to engage", "unavailable"], ...], Field(max_length=4)
    ] = ()
    limit: PageSize = 25
    after: Page = ""


class SearchOrganizationsArguments(Arguments):
    """Companies of Apollo's database that fit every filter given."""

    name_contains: Line | None = None
    locations: Lines = ()
    keywords: Lines = ()
    domains: Domains = ()
    employees: Annotated[tuple[Headcount, ...], Field(max_length=20)] = ()
    limit: PageSize = 25
    after: Page = ""


class SearchContactsArguments(Arguments):
    """The people your team has saved."""

    keywords: Line | None = None
    stage_ids: Annotated[tuple[Token, ...], Field(max_length=50)] = ()
    label_ids: Annotated[tuple[Token, ...], Field(max_length=50)] = ()
    limit: PageSize = 25
    after: Page = ""


class SearchNamesArguments(Arguments):
    """Your team's accounts or sequences, by a part of their name."""

    name_contains: Line | None = None
    limit: PageSize = 25
    after: Page = ""


class GetContactArguments(Arguments):
    """One contact of your team by its id."""

    id: Token


class NoArguments(Arguments):
    """Nothing to say."""


class Person(Arguments):
    """Who is meant: by id, e-mail address or LinkedIn page, or by name with an employer."""

    id: Token | None = None
    email: Email | None = None
    linkedin_url: Url | None = None
    name: Line | None = None
    domain: Domain | None = None
    organization_name: Line | None = None

    @model_validator(mode="after")
    def _enough(self) -> Person:
        # With less Apollo may match somebody else, and takes its credit.
        named = self.name is not None and (self.domain is not None or self.organization_name is not None)
        if not (self.id or self.email or self.linkedin_url or named):
            raise ValueError("give an id, an email, a linkedin_url, or a name with domain or organization_name")
        return self


class EnrichArguments(Person):
    """The person to look up."""

    reveal_personal_emails: bool = False


class BulkEnrichArguments(Arguments):
    """Up to ten people to look up, each at the price of one."""

    people: Annotated[tuple[Person, ...], Field(min_length=1, max_length=10)]
    reveal_personal_emails: bool = False


class AddToListArguments(Arguments):
    """A contact and the lists to add it to. Apollo replaces a contact's lists: name those that it is to keep."""

    id: Token
    add: Annotated[tuple[Line, ...], Field(min_length=1, max_length=10)]
    keep: Annotated[tuple[Line, ...], Field(max_length=50)] = ()

    @model_validator(mode="after")
    def _each_once(self) -> AddToListArguments:
        names = [name.lower() for name in (*self.add, *self.keep)]
        if len(set(names)) != len(names):
            raise ValueError("a list is named twice")
        return self


class AddToSequenceArguments(Arguments):
    """A contact, the sequence it is added to, and the mailbox that sends."""

    id: Token
    sequence_id: Token
    send_from: Token
    """Id of one of your team's e-mail accounts."""
    even_if: Annotated[
        tuple[
            Literal[
                "no_email",
                "unverified_email",
                "job_change",
                "active_in_other_campaigns",
                "finished_in_other_campaigns",
            ],
            ...,
        ],
        Field(max_length=5),
    ] = ()
    """Reasons for which Apollo would skip a contact, and is not to."""


class StopSequenceArguments(Arguments):
    """A contact and the sequence that is to go on no longer for it."""

    id: Token
    sequence_id: Token
