"""Fill missing fields of tagged contacts from what the CRM already knows about their companies."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from activities.connectors.base import ConnectionInfo
from activities.connectors.cards import plain
from activities.connectors.hubspot import HUBSPOT
from activities.connectors.hubspot.objects import COMPANIES, CONTACTS, label
from activities.playbooks.base import Notes, Params, PlanContext, Playbook, Reader, checked, chosen_connection
from activities.playbooks.enrich_fields import Finding, findings, own_domain
from activities.playbooks.paging import all_pages
from activities.playbooks.wording import counted
from coco.errors import InvalidInput
from coco.plans import PlanDraft, Proposal, Question, ReadNote

_COMPANY_PROPERTIES = ("city", "country", "domain", "industry", "name", "phone", "state", "website", "zip")
_CONTACT_PROPERTIES = (
    "city",
    "company",
    "country",
    "email",
    "firstname",
    "industry",
    "lastname",
    "phone",
    "state",
    "website",
    "zip",
)
FieldName = Literal["city", "company", "country", "industry", "phone", "state", "website", "zip"]


class EnrichParams(Params):
    tag: Annotated[str, Field(min_length=1, max_length=100, title="Tag")]
    tag_property: Annotated[
        str, Field(pattern=r"^[a-z0-9_]{1,100}$", title="Property that holds the tags", description="Internal name.")
    ] = "tags"
    fields: Annotated[tuple[FieldName, ...], Field(min_length=1, max_length=8, title="Fields to fill")] = (
        "city",
        "company",
        "country",
        "industry",
        "phone",
        "state",
        "website",
        "zip",
    )
    normalise: Annotated[bool, Field(title="Put right the spelling of country and city")] = True
    limit: Annotated[int, Field(ge=1, le=200, title="Contacts at most")] = 50


class EnrichTaggedContacts(Playbook):
    """Reads tagged contacts and their companies, proposes field writes with before and after."""

    name = "enrich_tagged_contacts"
    title = "Complete tagged contacts"
    description = (
        "Finds contacts that carry a tag, fills their missing fields from their company's record, and puts right the "
        "spelling of country and city. What the CRM does not know, such as a job title, is never guessed."
    )
    params = EnrichParams
    connectors = ("hubspot",)

    async def plan(self, ctx: PlanContext, reader: Reader) -> PlanDraft:
        params = checked(EnrichParams, ctx.params, self.name)
        crm = chosen_connection(ctx, "hubspot", "a HubSpot account")
        if isinstance(crm, Question):
            return PlanDraft(goal=ctx.goal, questions=(crm,))
        notes = Notes()
        contacts = await self._tagged(reader, notes, crm, params)
        proposals = await self._proposals(reader, notes, crm, params, contacts)
        tag = plain(params.tag)
        return PlanDraft(
            goal=ctx.goal,
            steps=(
                f"Find the contacts tagged “{tag}”",
                "Find each contact's company, by association or by the domain of the e-mail address",
                f"Compare {', '.join(label(name).lower() for name in params.fields)}",
                "Write the missing values you approve",
            ),
            read=self._read_notes(notes, tag),
            reasoning=notes.reasoning(
                f"{counted(len(contacts), 'contact')} tagged “{tag}” found; for {len(proposals)} of them the CRM knows "
                "values that are missing or misspelt.",
                "A value that is there is kept, except for a spelling put right. Job titles are not guessed.",
            ),
            proposals=tuple(proposals),
        )

    async def _tagged(
        self, reader: Reader, notes: Notes, crm: ConnectionInfo, params: EnrichParams
    ) -> list[dict[str, Any]]:
        records = await all_pages(
            reader,
            notes,
            "contacts",
            crm,
            "contacts.search",
            {
                "filter_groups": [
                    [{"property": params.tag_property, "operator": "CONTAINS_TOKEN", "value": params.tag}]
                ],
                "properties": sorted({*_CONTACT_PROPERTIES, params.tag_property}),
                "sorts": [{"property": "hs_object_id"}],
            },
        )
        wanted = params.tag.strip().casefold()
        # "customer" is a word of "former customer" too: the search only narrows.
        tagged = [
            record
            for record in records
            if wanted
            in {tag.strip().casefold() for tag in (record["properties"].get(params.tag_property) or "").split(";")}
        ]
        return sorted(tagged, key=lambda record: (len(record["id"]), record["id"]))

    async def _proposals(
        self,
        reader: Reader,
        notes: Notes,
        crm: ConnectionInfo,
        params: EnrichParams,
        contacts: list[dict[str, Any]],
    ) -> list[Proposal]:
        proposals: list[Proposal] = []
        companies: dict[str, dict[str, Any]] = {}
        for index, contact in enumerate(contacts):
            if len(proposals) >= params.limit:
                rest = counted(len(contacts) - index, "further tagged contact")
                notes.leave_out(rest, f"this run changes at most {counted(params.limit, 'contact')}")
                break
            told = CONTACTS.described(contact["properties"], contact["id"])
            try:
                company, how = await self._company(reader, notes, crm, contact, companies)
            except InvalidInput as error:
                notes.leave_out(told, f"it or its company could not be read ({error})")
                continue
            found, doubts = findings(contact["properties"], company, how, params.fields, normalise=params.normalise)
            for doubt in doubts:
                notes.leave_out(told, doubt)
            if not found:
                if not doubts:
                    notes.leave_out(
                        told, how if company is None else "nothing is missing that its company's record knows"
                    )
                continue
            proposal = await self._proposal(reader, notes, crm, contact["id"], told, found)
            if proposal is not None:
                proposals.append(proposal)
        return proposals

    async def _company(
        self,
        reader: Reader,
        notes: Notes,
        crm: ConnectionInfo,
        contact: dict[str, Any],
        known: dict[str, dict[str, Any]],
    ) -> tuple[dict[str, Any] | None, str]:
        """(the company's properties, how it was found), or (None, why there is none)."""
        read = await reader.read(
            crm, "contacts.get", {"id": contact["id"], "properties": ["email"], "associations": ["companies"]}
        )
        ids = notes.read("associations", read).facts["associations"].get("companies", [])
        if len(ids) > 1:
            return None, "it belongs to several companies, and nothing says which one's values would be right"
        if ids:
            if ids[0] not in known:
                arguments = {"id": ids[0], "properties": _COMPANY_PROPERTIES}
                known[ids[0]] = notes.read("companies", await reader.read(crm, "companies.get", arguments)).facts
            company = known[ids[0]]
            return company["properties"], f"the record of {_called(company)}"
        domain = own_domain(contact["properties"].get("email"))
        if not domain:
            return None, "it belongs to no company, and its address has no company's domain"
        search = {
            "filter_groups": [[{"property": "domain", "operator": "EQ", "value": domain}]],
            "properties": _COMPANY_PROPERTIES,
            "limit": 2,
        }
        matches = notes.read("companies", await reader.read(crm, "companies.search", search)).facts["results"]
        exact = [entry for entry in matches if (entry["properties"].get("domain") or "").lower() == domain]
        if len(exact) != 1:
            count = "no company" if not exact else "more than one company"
            return None, f"it belongs to no company, and {count} has the domain {domain}"
        return exact[0]["properties"], f"the record of {_called(exact[0])}, found by the domain {domain}"

    async def _proposal(
        self,
        reader: Reader,
        notes: Notes,
        crm: ConnectionInfo,
        contact_id: str,
        told: str,
        found: list[Finding],
    ) -> Proposal | None:
        arguments = {"id": contact_id, "properties": {finding.field: finding.value for finding in found}}
        operation = HUBSPOT.gated("contacts.update")
        try:
            read = await reader.prior(crm, operation.name, arguments)
            prior = None if read is None else operation.prior(operation.parse(arguments), read.response)
        except InvalidInput as error:
            notes.leave_out(told, str(error))
            return None
        if read is None or prior is None:
            notes.leave_out(told, "the record is gone")
            return None
        notes.read("values", read)
        if any(prior[finding.field] != finding.before for finding in found):
            notes.leave_out(told, "it was changed by somebody while this plan was made")
            return None
        return Proposal(
            key=f"contact:{contact_id}",
            connection=str(crm.id),
            operation=operation.name,
            arguments=arguments,
            prior_read=read.read_id,
            why="\n".join(f"{label(finding.field)}: {finding.why}" for finding in found),
        )

    def _read_notes(self, notes: Notes, tag: str) -> tuple[ReadNote, ...]:
        texts = {
            "contacts": f"Contacts tagged “{tag}”",
            "associations": "Which company each of them belongs to",
            "companies": "Those companies",
            "values": "The current values of each contact to be changed",
        }
        return tuple(
            ReadNote(text=text, reads=tuple(notes.reads[topic][:500]))
            for topic, text in texts.items()
            if topic in notes.reads
        )


def _called(company: dict[str, Any]) -> str:
    return COMPANIES.described(company["properties"], company["id"])
