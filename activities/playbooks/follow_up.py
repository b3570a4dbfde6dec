"""Follow up on deals that fell silent at a stage."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field

from activities.connectors.base import ConnectionInfo
from activities.connectors.cards import plain
from activities.connectors.hubspot.objects import DEALS, stage_label
from activities.connectors.model_api import MODEL_NAME
from activities.connectors.smtp.arguments import checked_address
from activities.connectors.smtp.drafts import draft_of
from activities.playbooks.base import Notes, Params, PlanContext, Playbook, Reader, checked, chosen_connection
from activities.playbooks.follow_up_mail import mail_text
from activities.playbooks.model_mail import ModelWriter
from activities.playbooks.paging import all_pages
from activities.playbooks.wording import counted, day, moment_of, person_name, thing_name
from coco.errors import InvalidInput
from coco.model_calls import COMPLETION_PATHS
from coco.plans import MessageDraft, PlanDraft, Proposal, Question, ReadNote

MAX_CONTACTS_PER_DEAL = 5
MAX_DEALS_LOOKED_AT = 400
ANY_STAGE = "Any open stage"
_DEAL_PROPERTIES = ("amount", "createdate", "dealname", "dealstage", "hs_is_closed", "notes_last_updated", "pipeline")
_CONTACT_PROPERTIES = (
    "company",
    "email",
    "firstname",
    "hs_email_bounce",
    "hs_email_hard_bounce_reason_enum",
    "hs_email_optout",
    "lastname",
)


class FollowUpParams(Params):
    days: Annotated[int, Field(ge=1, le=365, title="Silent for more than (days)")] = 14
    stage: Annotated[
        str | None,
        Field(
            max_length=64, pattern=r"^[A-Za-z0-9_.-]+$", title="Stage", description="Id of the stage; asked if empty."
        ),
    ] = None
    send: Annotated[bool, Field(title="Propose to send", description="Off: drafts only, nothing to approve.")] = True
    limit: Annotated[int, Field(ge=1, le=100, title="Mails at most")] = 20
    model: Annotated[
        str | None,
        Field(
            max_length=120,
            pattern=MODEL_NAME,
            title="Language model",
            description="Name of the model that words the mails, over the model connection chosen. Empty: a template.",
        ),
    ] = None


@dataclass(frozen=True)
class SilentDeal:
    """An open deal and the time since which nothing happened on it."""

    id: str
    name: str
    """In people's words, for the card."""
    raw_name: str
    stage: str
    amount: str
    since: datetime

    def silent_days(self, now: datetime) -> int:
        return (now - self.since).days


class FollowUpSilentDeals(Playbook):
    """Reads deals and their contacts, writes a mail for each, proposes to send them."""

    name = "follow_up_silent_deals"
    title = "Follow up on silent deals"
    description = (
        "Finds open deals with no activity for more than some days at a stage, writes a short personal mail to the "
        "contact of each, and proposes to send them. Nothing is sent without your approval."
    )
    params = FollowUpParams
    connectors = ("hubspot", "smtp")
    optional = tuple(COMPLETION_PATHS)

    async def plan(self, ctx: PlanContext, reader: Reader) -> PlanDraft:
        params = checked(FollowUpParams, ctx.params, self.name)
        crm = chosen_connection(ctx, "hubspot", "a HubSpot account")
        # Drafts need no mailbox; where there is one, its name signs them.
        drafts_only = not params.send and not ctx.of("smtp")
        mailbox = None if drafts_only else chosen_connection(ctx, "smtp", "a mailbox to send from")
        asked = tuple(entry for entry in (crm, mailbox) if isinstance(entry, Question))
        if isinstance(crm, Question) or isinstance(mailbox, Question):
            return PlanDraft(goal=ctx.goal, questions=asked)

        notes = Notes()
        deals = await self._silent_deals(ctx, reader, notes, crm, params)
        stage = self._stage(ctx, params, deals)
        if isinstance(stage, Question):
            return PlanDraft(goal=ctx.goal, read=self._read_notes(notes, params), questions=(stage,))
        chosen = [deal for deal in deals if stage is None or deal.stage == stage]
        at = "any open stage" if stage is None else f"the stage “{stage_label(stage)}”"
        proposals, drafts = await self._mails(ctx, reader, notes, crm, mailbox, params, chosen)

        written = counted(len(proposals) or len(drafts), "mail")
        return PlanDraft(
            goal=ctx.goal,
            steps=(
                f"Find open deals at {at} without activity for more than {counted(params.days, 'day')}",
                "Read each deal's contacts and pick one who can be written to",
                "Write a short personal mail about each deal",
                *((f"Send the mails you approve from {plain(mailbox.title)}",) if params.send and mailbox else ()),
            ),
            read=self._read_notes(notes, params),
            reasoning=notes.reasoning(
                f"{counted(len(chosen), 'open deal')} at {at} had no activity since "
                f"{day(ctx.now - timedelta(days=params.days))}. The longest silent come first.",
                f"{written} {'proposed' if params.send else 'drafted; none will be sent'}, at most one per person.",
                "Only a deal's own contacts are written to, at the address on the contact's record; "
                "what records say is used as a name or not at all.",
            ),
            proposals=tuple(proposals),
            drafts=tuple(drafts),
        )

    async def _silent_deals(
        self, ctx: PlanContext, reader: Reader, notes: Notes, crm: ConnectionInfo, params: FollowUpParams
    ) -> list[SilentDeal]:
        cutoff = ctx.now - timedelta(days=params.days)
        told = str(int(cutoff.timestamp() * 1000))
        still_open = {"property": "hs_is_closed", "operator": "EQ", "value": "false"}
        shared = [still_open]
        if params.stage:
            shared.append({"property": "dealstage", "operator": "EQ", "value": params.stage})
        records = await all_pages(
            reader,
            notes,
            "deals",
            crm,
            "deals.search",
            {
                "filter_groups": [
                    [{"property": "notes_last_updated", "operator": "LT", "value": told}, *shared],
                    # A deal on which nothing ever happened is silent since it was made.
                    [
                        {"property": "notes_last_updated", "operator": "NOT_HAS_PROPERTY"},
                        {"property": "createdate", "operator": "LT", "value": told},
                        *shared,
                    ],
                ],
                "properties": _DEAL_PROPERTIES,
                "sorts": [{"property": "hs_object_id"}],
            },
        )
        deals: list[SilentDeal] = []
        for record in records:
            held = record["properties"]
            since = moment_of(held.get("notes_last_updated")) or moment_of(held.get("createdate"))
            # The search is the provider's word; what it is about is checked here.
            if since is None or since >= cutoff or held.get("hs_is_closed") == "true":
                continue
            name = DEALS.name_of(held, record["id"])
            deals.append(
                SilentDeal(
                    record["id"],
                    name,
                    held.get("dealname") or "",
                    held.get("dealstage") or "",
                    held.get("amount") or "",
                    since,
                )
            )
        deals.sort(key=lambda deal: (deal.since, len(deal.id), deal.id))
        return deals

    def _stage(self, ctx: PlanContext, params: FollowUpParams, deals: list[SilentDeal]) -> str | Question | None:
        """The stage to work on (None: any), or the question which."""
        if params.stage:
            return params.stage
        counts = Counter(deal.stage for deal in deals if deal.stage)
        if not counts:
            return None
        options = {f"{stage_label(stage)} ({counted(counts[stage], 'deal')})": stage for stage in sorted(counts)[:19]}
        for key in ("stage-again", "stage"):
            answer = " ".join(ctx.answers.get(key, "").split()).casefold()
            if answer == ANY_STAGE.casefold():
                return None
            for option, stage in options.items():
                # The count in an option may have changed since it was shown; the stage it names has not.
                if answer and answer.partition(" (")[0] in {option.partition(" (")[0].casefold(), stage.casefold()}:
                    return stage
        if "stage-again" in ctx.answers:
            return plain(ctx.answers["stage-again"])
        again = "stage" in ctx.answers
        text = (
            f"Deals have been silent for more than {counted(params.days, 'day')} at these stages. "
            "Which one shall I follow up on?"
        )
        if again:
            text = f"No silent deal is at “{plain(ctx.answers['stage'], 60)}”. Which of these stages do you mean?"
        return Question(key="stage-again" if again else "stage", text=text, options=(*options, ANY_STAGE))

    async def _mails(
        self,
        ctx: PlanContext,
        reader: Reader,
        notes: Notes,
        crm: ConnectionInfo,
        mailbox: ConnectionInfo | None,
        params: FollowUpParams,
        deals: list[SilentDeal],
    ) -> tuple[list[Proposal], list[MessageDraft]]:
        proposals: list[Proposal] = []
        drafts: list[MessageDraft] = []
        written_to: dict[str, str] = {}
        writer = _writer(ctx, reader, notes, params)
        for index, deal in enumerate(deals):
            if len(written_to) >= params.limit or index >= MAX_DEALS_LOOKED_AT:
                rest = counted(len(deals) - index, "further silent deal")
                notes.leave_out(rest, f"this run writes at most {counted(params.limit, 'mail')}")
                break
            contact = await self._addressee(reader, notes, crm, deal, written_to)
            if contact is None:
                continue
            address, held = contact["address"], contact["properties"]
            written_to[address.lower()] = deal.name
            subject, body = mail_text(
                deal_name=deal.raw_name,
                stage=deal.stage,
                first_name=person_name(held.get("firstname")),
                signature=plain(mailbox.settings.get("from_name")) if mailbox else "",
                voice=ctx.voice,
            )
            by_model = ""
            if writer is not None:
                asked = {
                    "about": thing_name(deal.raw_name),
                    "first_name": person_name(held.get("firstname")),
                    "stage": plain(stage_label(deal.stage), 60),
                    "silent_days": deal.silent_days(ctx.now),
                }
                signed = plain(mailbox.settings.get("from_name")) if mailbox else ""
                words = await writer.write(asked, signed)
                if isinstance(words, str):
                    by_model = f" The template words it, since the model could not: {plain(words, 200)}."
                    notes.leave_out(f"The model's mail about “{deal.name}” ({deal.id})", plain(words, 200))
                else:
                    (subject, body), by_model = words, f" {writer.model} wrote its text."
            arguments: dict[str, Any] = {
                "to": [address],
                "subject": subject,
                "body": body,
                "key": f"{ctx.run_id}:{deal.id}",
            }
            if not params.send or mailbox is None:
                drafts.append(draft_of(arguments))
                continue
            full_name = plain(f"{held.get('firstname') or ''} {held.get('lastname') or ''}") or address
            worth = f", worth {plain(deal.amount, 30)}" if deal.amount else ""
            proposals.append(
                Proposal(
                    key=f"mail:{deal.id}",
                    connection=str(mailbox.id),
                    operation="email.send",
                    arguments=arguments,
                    why=(
                        f"“{deal.name}” (deal {deal.id}{worth}) is at {stage_label(deal.stage)} and has been silent "
                        f"for {counted(deal.silent_days(ctx.now), 'day')}, since {day(deal.since)}. "
                        f"{full_name} is its contact.{by_model}"
                    ),
                )
            )
        return proposals, drafts

    async def _addressee(
        self,
        reader: Reader,
        notes: Notes,
        crm: ConnectionInfo,
        deal: SilentDeal,
        written_to: dict[str, str],
    ) -> dict[str, Any] | None:
        """The first of the deal's contacts who can be written to; None, with the reasons noted, where there is none."""
        told = f"Deal “{deal.name}” ({deal.id})"
        asked = {"id": deal.id, "properties": ["dealname"], "associations": ["contacts"]}
        try:
            read = notes.read("deal contacts", await reader.read(crm, "deals.get", asked))
        except InvalidInput as error:
            notes.leave_out(told, f"it could not be read ({error})")
            return None
        ids = read.facts["associations"].get("contacts", [])
        if not ids:
            notes.leave_out(told, "it has no contact")
            return None
        reasons: list[str] = []
        for contact_id in ids[:MAX_CONTACTS_PER_DEAL]:
            arguments = {"id": contact_id, "properties": _CONTACT_PROPERTIES}
            try:
                contact = notes.read("contacts", await reader.read(crm, "contacts.get", arguments)).facts
            except InvalidInput as error:
                reasons.append(f"contact {contact_id} could not be read ({error})")
                continue
            held = contact["properties"]
            name = plain(f"{held.get('firstname') or ''} {held.get('lastname') or ''}") or f"contact {contact_id}"
            problem, address = _reachable(held)
            if not problem and address.lower() in written_to:
                problem = f"already gets a mail about “{written_to[address.lower()]}”"
            if not problem:
                return {"address": address, "properties": held}
            reasons.append(f"{name} {problem}")
        notes.leave_out(told, "; ".join(reasons))
        return None

    def _read_notes(self, notes: Notes, params: FollowUpParams) -> tuple[ReadNote, ...]:
        texts = {
            "deals": f"Open deals without activity for more than {counted(params.days, 'day')}",
            "deal contacts": "Which contacts belong to each deal",
            "contacts": "Those contacts: name, address, and whether they may be written to",
            "model": "What the language model wrote about each deal",
        }
        return tuple(
            ReadNote(text=text, reads=tuple(notes.reads[topic][:500]))
            for topic, text in texts.items()
            if topic in notes.reads
        )


def _writer(ctx: PlanContext, reader: Reader, notes: Notes, params: FollowUpParams) -> ModelWriter | None:
    """Who words the mails; None for the template.

    The account's route, as far as its connections may be used; else the first connection to a model that the workflow
    was given, and the model that it names.
    """
    if not params.model:
        return None
    usable = {entry.id: entry for entry in ctx.connections if entry.connector in COMPLETION_PATHS}
    choices = [(usable[one.connection_id], one.model) for one in ctx.models if one.connection_id in usable]
    if not choices and usable:
        choices = [(next(iter(usable.values())), params.model)]
    if not choices:
        notes.leave_out(f"The model {params.model}", "its connection cannot be used; the template words the mails")
        return None
    return ModelWriter(reader, notes, choices, ctx.voice)


def _reachable(held: dict[str, Any]) -> tuple[str, str]:
    """(why this contact cannot be written to, or empty; the address)."""
    email = held.get("email") or ""
    if not email:
        return "has no e-mail address", ""
    if (held.get("hs_email_optout") or "").lower() == "true":
        return "has unsubscribed", ""
    if (held.get("hs_email_bounce") or "0") not in {"0", "0.0"} or held.get("hs_email_hard_bounce_reason_enum"):
        return "has an address from which mails bounced", ""
    try:
        return "", checked_address(email)
    except ValueError:
        return "has an address that is not valid", ""
