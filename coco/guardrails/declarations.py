"""The facts and operations that ship with Coco. Connectors add theirs with `Catalogue.extended`."""

from __future__ import annotations

from functools import lru_cache

from .catalogue import Catalogue, Entity, Fact, FactType, Operation, plural
from .cities import CITIES
from .countries import NAMES as COUNTRY_NAMES

STAGES = {
    "qualified": "qualified",
    "unqualified": "unqualified",
    "qualification": "qualification",
    "discovery": "discovery",
    "demo": "demo",
    "demo scheduled": "demo scheduled",
    "proposal": "proposal",
    "proposal sent": "proposal sent",
    "negotiation": "negotiation",
    "prospecting": "prospecting",
    "evaluation": "evaluation",
    "closed won": "closed won",
    "closed-won": "closed won",
    "closed lost": "closed lost",
    "closed-lost": "closed lost",
    "appointment scheduled": "appointment scheduled",
    "qualified to buy": "qualified to buy",
    "presentation scheduled": "presentation scheduled",
    "decision maker bought-in": "decision maker bought-in",
    "contract sent": "contract sent",
}
LIFECYCLE = {
    "subscriber": "subscriber",
    "lead": "lead",
    "mql": "marketing qualified lead",
    "marketing qualified lead": "marketing qualified lead",
    "sql": "sales qualified lead",
    "sales qualified lead": "sales qualified lead",
    "opportunity": "opportunity",
    "customer": "customer",
    "evangelist": "evangelist",
}
INDUSTRIES = {
    word: word
    for word in (
        "software", "saas", "fintech", "healthcare", "biotech", "retail", "manufacturing", "education", "insurance",
        "banking", "logistics", "hospitality", "real estate", "construction", "automotive", "telecommunications",
        "pharmaceuticals", "media", "finance", "financial services", "gaming", "gambling", "travel",
        "aerospace", "chemicals", "transportation", "utilities", "entertainment",
        "energy", "agriculture", "e-commerce", "consulting", "nonprofit", "government",
    )
}  # fmt: skip
CURRENCIES = {
    "usd": "USD", "us dollars": "USD", "dollars": "USD", "eur": "EUR", "euro": "EUR", "euros": "EUR", "gbp": "GBP",
    "pounds": "GBP", "chf": "CHF", "swiss francs": "CHF", "jpy": "JPY", "yen": "JPY", "cad": "CAD", "aud": "AUD",
    "sek": "SEK", "nok": "NOK", "dkk": "DKK", "pln": "PLN", "inr": "INR", "brl": "BRL", "nzd": "NZD", "sgd": "SGD",
}  # fmt: skip

_T = FactType

FACTS = (
    Fact(name="now", type=_T.TIMESTAMP, doc="The moment of the check."),
    # contact
    Fact(name="contact.id", type=_T.NAME, doc="The provider's id of the contact."),
    Fact(name="contact.name", type=_T.NAME, doc="Full name.", nouns=("name", "full name")),
    Fact(name="contact.first_name", type=_T.NAME, doc="Given name.", nouns=("first name",),
         aliases=("contact.firstname",)),
    Fact(name="contact.last_name", type=_T.NAME, doc="Family name.", nouns=("last name", "surname"),
         aliases=("contact.lastname",)),
    Fact(name="contact.tags", type=_T.NAMES, doc="All tags on the contact; an empty list when it has none.",
         nouns=("tags", "labels"), aliases=("contact.tag", "contact.labels")),
    Fact(name="contact.created_at", type=_T.TIMESTAMP, past=True, doc="When the contact was created in the CRM.",
         nouns=("creation date", "create date", "created date"), happened="was created",
         aliases=("contact.createdate", "contact.created")),
    Fact(name="contact.updated_at", type=_T.TIMESTAMP, past=True, doc="When the contact was last changed in the CRM.",
         nouns=("last update", "last change", "last modified date"), happened="was last updated",
         aliases=("contact.lastmodifieddate", "contact.modified_at")),
    Fact(name="contact.last_activity_at", type=_T.TIMESTAMP, past=True, happened="last had activity",
         doc="The latest logged activity (mail, call, meeting, note) with the contact.",
         nouns=("last activity", "last activity date", "latest activity"),
         aliases=("contact.last_activity", "contact.last_activity_date")),
    Fact(name="contact.last_contacted_at", type=_T.TIMESTAMP, past=True, happened="was last contacted",
         doc="When somebody of the team last wrote to or called the contact.",
         nouns=("last contact date", "last contacted date", "last contact"), aliases=("contact.last_contacted",)),
    Fact(name="contact.last_reply_at", type=_T.TIMESTAMP, past=True, happened="last replied",
         doc="When the contact last answered a mail; null when it never did.",
         nouns=("last reply", "last reply date"), aliases=("contact.last_reply", "contact.last_replied_at")),
    Fact(name="contact.email", type=_T.EMAIL, doc="The contact's e-mail address; null when there is none.",
         nouns=("email address", "e-mail address", "email", "e-mail")),
    Fact(name="contact.email_domain", type=_T.DOMAIN, nouns=("email domain", "e-mail domain", "domain"),
         doc="The part of the address after the @. Derived from contact.email where it is not given."),
    Fact(name="contact.phone", type=_T.NAME, doc="Phone number as text; null when there is none.",
         nouns=("phone number", "phone")),
    Fact(name="contact.lifecycle_stage", type=_T.NAME, values=LIFECYCLE, doc="Lifecycle stage, by name.",
         nouns=("lifecycle stage", "life cycle stage", "lifecycle"),
         aliases=("contact.lifecyclestage", "contact.lifecycle")),
    Fact(name="contact.owner", type=_T.NAME, doc="The owner's name or address as the CRM shows it; null when unowned.",
         nouns=("owner", "contact owner"), aliases=("contact.owner_name",)),
    Fact(name="contact.country", type=_T.COUNTRY, values=COUNTRY_NAMES, nouns=("country",),
         doc="Country: ISO 3166 alpha-2 code or English name."),
    Fact(name="contact.city", type=_T.NAME, values=CITIES, doc="City.", nouns=("city",)),
    Fact(name="contact.company", type=_T.NAME, doc="Name of the contact's company; null when unknown.",
         nouns=("company", "company name", "employer"), aliases=("contact.company_name",)),
    Fact(name="contact.jobtitle", type=_T.NAME, doc="Job title; null when unknown.",
         nouns=("job title", "title", "role"), aliases=("contact.job_title", "contact.title")),
    Fact(name="contact.unsubscribed", type=_T.BOOLEAN, aliases=("email.opted_out", "contact.opted_out"),
         doc="True when the contact opted out of e-mail."),
    Fact(name="contact.score", type=_T.NUMBER, doc="Lead score.", unit="points",
         nouns=("lead score", "score"), aliases=("contact.lead_score",)),
    Fact(name="email.bounced", type=_T.BOOLEANS, aliases=("contact.emails_bounced",),
         doc="One entry for each e-mail sent to the contact, true where it bounced. \"Every email has bounced\" is "
             "true when there is at least one entry and all are true."),
    # deal
    Fact(name="deal.id", type=_T.NAME, doc="The provider's id of the deal."),
    Fact(name="deal.name", type=_T.NAME, doc="Name of the deal.", nouns=("name", "deal name"),
         aliases=("deal.dealname", "deal.title")),
    Fact(name="deal.stage", type=_T.NAME, values=STAGES, doc="Pipeline stage, by its label.",
         nouns=("stage", "deal stage", "pipeline stage"), aliases=("deal.dealstage",)),
    Fact(name="deal.status", type=_T.NAME, doc="open, won or lost.", nouns=("status", "deal status"),
         values={"open": "open", "won": "won", "lost": "lost"}),
    Fact(name="deal.amount", type=_T.NUMBER, doc="Amount, in deal.currency.", unit="deal.currency",
         currency="deal.currency", nouns=("amount", "value", "deal value", "deal amount", "deal size", "size"),
         aliases=("deal.value",)),
    Fact(name="deal.currency", type=_T.CURRENCY, values=CURRENCIES, doc="ISO 4217 code of the amount's currency.",
         nouns=("currency", "deal currency"), aliases=("deal.deal_currency_code",)),
    Fact(name="deal.probability", type=_T.FRACTION, doc="Probability of winning, 0 to 1.", unit="0..1",
         nouns=("probability", "win probability", "deal probability")),
    Fact(name="deal.pipeline", type=_T.NAME, doc="Name of the pipeline.", nouns=("pipeline",)),
    Fact(name="deal.close_date", type=_T.TIMESTAMP, doc="Expected (or actual) close.",
         nouns=("close date", "closing date", "expected close date"), happened="closes",
         aliases=("deal.closedate", "deal.closes_at")),
    Fact(name="deal.created_at", type=_T.TIMESTAMP, past=True, doc="When the deal was created in the CRM.",
         nouns=("creation date", "create date", "created date"), happened="was created",
         aliases=("deal.createdate", "deal.created")),
    Fact(name="deal.updated_at", type=_T.TIMESTAMP, past=True, doc="When the deal was last changed in the CRM.",
         nouns=("last update", "last change", "last modified date"), happened="was last updated",
         aliases=("deal.lastmodifieddate", "deal.modified_at")),
    Fact(name="deal.stage_entered_at", type=_T.TIMESTAMP, past=True, doc="When the deal entered its present stage.",
         happened="entered its stage", aliases=("deal.entered_stage_at",)),
    Fact(name="deal.last_activity_at", type=_T.TIMESTAMP, past=True, happened="last had activity",
         doc="The latest logged activity (mail, call, meeting, note) on the deal.",
         nouns=("last activity", "last activity date", "latest activity"),
         aliases=("deal.last_activity", "deal.last_activity_date")),
    Fact(name="deal.last_contacted_at", type=_T.TIMESTAMP, past=True, happened="was last contacted",
         doc="When somebody of the team last wrote to or called the deal's contact.",
         aliases=("deal.last_contacted",)),
    Fact(name="deal.last_reply_at", type=_T.TIMESTAMP, past=True, happened="last replied",
         doc="When the deal's contact last answered; null when it never did.", nouns=("last reply", "last reply date"),
         aliases=("deal.last_reply",)),
    Fact(name="deal.owner", type=_T.NAME, doc="The owner's name or address as the CRM shows it; null when unowned.",
         nouns=("owner", "deal owner"), aliases=("deal.owner_name",)),
    Fact(name="deal.tags", type=_T.NAMES, doc="All tags on the deal; an empty list when it has none.",
         nouns=("tags", "labels"), aliases=("deal.tag", "deal.labels")),
    # company
    Fact(name="company.id", type=_T.NAME, doc="The provider's id of the company."),
    Fact(name="company.name", type=_T.NAME, doc="Name of the company.", nouns=("name", "company name")),
    Fact(name="company.domain", type=_T.DOMAIN, doc="Web domain.", nouns=("domain", "website", "web domain")),
    Fact(name="company.industry", type=_T.NAME, values=INDUSTRIES, doc="Industry.",
         nouns=("industry", "sector", "company industry")),
    Fact(name="company.employees", type=_T.INTEGER, minimum=0, doc="Number of employees.", unit="people",
         nouns=("number of employees", "employee count", "headcount", "company size"),
         aliases=("company.employee_count", "company.number_of_employees", "company.size")),
    Fact(name="company.country", type=_T.COUNTRY, values=COUNTRY_NAMES, nouns=("country",),
         doc="Country: ISO 3166 alpha-2 code or English name."),
    Fact(name="company.city", type=_T.NAME, values=CITIES, doc="City.", nouns=("city",)),
    Fact(name="company.annual_revenue", type=_T.NUMBER, doc="Annual revenue, in company.currency.",
         unit="company.currency", currency="company.currency", nouns=("annual revenue", "revenue"),
         aliases=("company.revenue",)),
    Fact(name="company.currency", type=_T.CURRENCY, values=CURRENCIES, doc="ISO 4217 code of the revenue's currency."),
    Fact(name="company.owner", type=_T.NAME, doc="The owner's name or address as the CRM shows it; null when unowned.",
         nouns=("owner", "company owner", "account owner"), aliases=("company.owner_name",)),
    Fact(name="company.tags", type=_T.NAMES, doc="All tags on the company; an empty list when it has none.",
         nouns=("tags", "labels"), aliases=("company.tag", "company.labels")),
    Fact(name="company.created_at", type=_T.TIMESTAMP, past=True, doc="When the company was created in the CRM.",
         nouns=("creation date", "create date", "created date"), happened="was created",
         aliases=("company.createdate", "company.created")),
    Fact(name="company.updated_at", type=_T.TIMESTAMP, past=True, doc="When the company was last changed in the CRM.",
         nouns=("last update", "last change", "last modified date"), happened="was last updated",
         aliases=("company.lastmodifieddate", "company.modified_at")),
    Fact(name="company.last_activity_at", type=_T.TIMESTAMP, past=True, happened="last had activity",
         doc="The latest logged activity with the company.",
         nouns=("last activity", "last activity date", "latest activity"), aliases=("company.last_activity",)),
    # the action that asks
    Fact(name="action.operation", type=_T.NAME, doc="The operation proposed, by its name below.",
         aliases=("operation",)),
    Fact(name="action.connector", type=_T.NAME, doc="The provider the action goes to: hubspot, salesforce, gmail, …",
         aliases=("contact.connector", "deal.connector", "company.connector")),
    Fact(name="action.recipients", type=_T.EMAILS, doc="Every address a message goes to (to, cc and bcc).",
         nouns=("recipients",), aliases=("email.recipients",)),
    Fact(name="action.recipient_domains", type=_T.DOMAINS, nouns=("recipient domains",),
         doc="The recipients' domains. Derived from action.recipients where it is not given."),
    Fact(name="action.recipient_count", type=_T.INTEGER, minimum=0, unit="people", aliases=("email.recipient_count",),
         nouns=("number of recipients", "recipient count"),
         doc="How many different recipients. Derived from action.recipients where it is not given."),
    Fact(name="action.credits", type=_T.NUMBER, minimum=0, unit="credits", doc="What the action would cost.",
         nouns=("cost", "credit cost", "number of credits")),
    Fact(name="action.reversible", type=_T.BOOLEAN, doc="True when the action can be undone."),
    Fact(name="action.stage", type=_T.NAME, values=STAGES, doc="The stage a deal.move_stage moves to.",
         aliases=("action.target_stage",)),
    Fact(name="action.tag", type=_T.NAME, doc="The tag that add_tag or remove_tag is about."),
    Fact(name="action.owner", type=_T.NAME, doc="Whom an assign gives the record to."),
    Fact(name="action.fields", type=_T.NAMES, nouns=("fields",), aliases=("action.changed_fields",),
         doc="The fields that an update or an enrichment changes, by their names in this list without the record "
             "(`jobtitle`, `phone`) or by an other name of theirs; others as the provider calls them."),
    Fact(name="action.list", type=_T.NAME, doc="The list that a contact is put on or taken off.",
         aliases=("action.list_name",)),
    Fact(name="action.sequence", type=_T.NAME, doc="The sequence that a contact is enrolled in.",
         aliases=("action.sequence_name",)),
    Fact(name="action.channel", type=_T.NAME, doc="The chat channel a message is posted to, without its #.",
         aliases=("action.channel_name",)),
    Fact(name="action.object", type=_T.NAME, doc="The kind of record that record.create and record.update are about.",
         aliases=("action.object_type",)),
    Fact(name="action.host", type=_T.DOMAIN, doc="The host a webhook is sent to.", aliases=("action.webhook_host",)),
    Fact(name="action.starts_at", type=_T.TIMESTAMP, happened="starts", nouns=("start time", "start"),
         doc="When the calendar event starts (its new start, where it is moved).", aliases=("event.starts_at",)),
    Fact(name="action.duration_minutes", type=_T.NUMBER, minimum=0, unit="minutes", doc="How long the event lasts.",
         nouns=("duration in minutes", "duration", "length"), aliases=("event.duration_minutes",)),
    Fact(name="action.attendees", type=_T.EMAILS, aliases=("event.attendees",),
         doc="The address of everybody invited to the event."),
    Fact(name="action.attendee_domains", type=_T.DOMAINS, nouns=("attendee domains",),
         doc="The attendees' domains. Derived from action.attendees where it is not given."),
    Fact(name="action.attendee_count", type=_T.INTEGER, minimum=0, unit="people",
         nouns=("number of attendees", "attendee count"), aliases=("event.attendee_count",),
         doc="How many different attendees. Derived from action.attendees where it is not given."),
    Fact(name="action.due_at", type=_T.TIMESTAMP, happened="is due", nouns=("due date",), aliases=("task.due_at",),
         doc="When the task is due."),
    # what has already run under the rule; check counts within its file where these are absent
    Fact(name="usage.run_actions", type=_T.INTEGER, minimum=0, doc="Actions already run under the rule in this run."),
    Fact(name="usage.hour_actions", type=_T.INTEGER, minimum=0, doc="The same in the last 60 minutes."),
    Fact(name="usage.day_actions", type=_T.INTEGER, minimum=0, doc="The same in the last 24 hours."),
    Fact(name="usage.week_actions", type=_T.INTEGER, minimum=0, doc="The same in the last 7 days."),
    Fact(name="usage.month_actions", type=_T.INTEGER, minimum=0, doc="The same in the last 31 days."),
    Fact(name="usage.run_credits", type=_T.NUMBER, minimum=0, unit="credits", doc="Credits already spent in this run."),
    Fact(name="usage.day_credits", type=_T.NUMBER, minimum=0, unit="credits", doc="The same in the last 24 hours."),
    Fact(name="usage.week_credits", type=_T.NUMBER, minimum=0, unit="credits", doc="The same in the last 7 days."),
    Fact(name="usage.month_credits", type=_T.NUMBER, minimum=0, unit="credits", doc="The same in the last 31 days."),
)  # fmt: skip


def _forms(verb: str, gerund: str, participle: str, *more: tuple[str, str, str]) -> dict[str, tuple[str, ...]]:
    rows = [(verb, gerund, participle), *more]
    return {
        "verbs": tuple(row[0] for row in rows),
        "gerunds": tuple(row[1] for row in rows),
        "participles": tuple(row[2] for row in rows),
    }


_ENRICH = _forms("enrich", "enriching", "enriched", ("bulk enrich", "bulk enriching", "bulk enriched"))
_ARCHIVE = _forms("archive", "archiving", "archived")
_DELETE = _forms(
    "delete", "deleting", "deleted", ("permanently delete", "permanently deleting", "permanently deleted"),
    ("irreversibly delete", "irreversibly deleting", "irreversibly deleted"),
)  # fmt: skip
_UPDATE = _forms("update", "updating", "updated", ("edit", "editing", "edited"), ("modify", "modifying", "modified"))
_ASSIGN = _forms(
    "assign", "assigning", "assigned",
    ("reassign", "reassigning", "reassigned"), ("hand over", "handing over", "handed over"),
    ("hand off", "handing off", "handed off"), ("transfer", "transferring", "transferred"), ("give", "giving", "given"),
    ("set the owner of", "setting the owner of", ""), ("change the owner of", "changing the owner of", ""),
    ("pass", "passing", ""), ("pass on", "passing on", "passed on"), ("hand", "handing", "handed"),
    ("allocate", "allocating", "allocated"),
    ("transfer ownership of", "transferring ownership of", ""), ("route", "routing", "routed"),
)  # fmt: skip
_TAG = _forms("tag", "tagging", "tagged", ("label", "labeling", "labeled"), ("label", "labelling", "labelled"))
_UNTAG = _forms("untag", "untagging", "untagged")
_RECORDS: tuple[Entity, ...] = ("contact", "deal", "company")
_ANY: tuple[Entity, ...] = (*_RECORDS, "action")  # "action": also where the sentence names no record
_MAKE = ("create", "add", "log", "set up")


def _made(verbs: tuple[str, ...], *nouns: str) -> tuple[tuple[str, str], ...]:
    return tuple((verb, noun) for verb in verbs for noun in nouns)


OPERATIONS = (
    *(
        Operation(
            name=f"{e}.enrich", doc=f"Fill in missing fields of a {e}.", targets=(e,), said="Enrich", **_ENRICH,
            aliases=("people.enrich", "people.bulk_enrich", "person.enrich") if e == "contact" else (),
        )
        for e in ("contact", "company")
    ),
    *(
        Operation(
            name=f"{e}.archive", doc=f"Archive a {e}; it can be restored.", targets=(e,), said="Archive", **_ARCHIVE
        )
        for e in _RECORDS
    ),
    *(
        Operation(name=f"{e}.delete", doc=f"Delete a {e} for good.", targets=(e,), said="Delete", **_DELETE)
        for e in _RECORDS
    ),
    *(
        Operation(name=f"{e}.update", doc=f"Change fields of a {e}.", targets=(e,), said="Update", **_UPDATE)
        for e in _RECORDS
    ),
    *(
        Operation(
            name=f"{e}.assign", doc=f"Give a {e} to another owner.", targets=(e,), argument="action.owner",
            said="Assign", **_ASSIGN,
        )
        for e in _RECORDS
    ),
    *(
        Operation(name=f"{e}.add_tag", doc=f"Put a tag on a {e}.", targets=(e,), argument="action.tag", **_TAG)
        for e in _RECORDS
    ),
    *(
        Operation(name=f"{e}.remove_tag", doc=f"Take a tag off a {e}.", targets=(e,), argument="action.tag", **_UNTAG)
        for e in _RECORDS
    ),
    *(
        Operation(
            name=f"{e}.create", doc=f"Create a {e}; the rule's records are those it is created for.", targets=_ANY,
            objects=_made(_MAKE, e), said=f"Create {plural(e)} for",
        )
        for e in _RECORDS
    ),
    Operation(
        name="deal.move_stage", doc="Move a deal to another stage.", targets=("deal",), argument="action.stage",
        aliases=("move", "move_deal", "deal.move", "deals.move_stage", "opportunities.move_stage"),
        **_forms("move", "moving", "moved"),
    ),
    Operation(
        name="contact.add_to_list", doc="Put a contact on a list.", targets=("contact",), argument="action.list",
        aliases=("list.add", "lists.add", "add_to_list"),
    ),
    Operation(
        name="contact.remove_from_list", doc="Take a contact off a list.", targets=("contact",),
        argument="action.list", aliases=("list.remove", "lists.remove", "remove_from_list"),
    ),
    Operation(
        name="contact.add_to_sequence", doc="Enrol a contact in a sequence of messages.", targets=("contact",),
        argument="action.sequence",
        aliases=("prospect.enrol", "prospects.enrol", "prospects.enroll", "contact.enrol", "enrol", "enroll"),
        **_forms("enrol", "enrolling", "enrolled", ("enroll", "enrolling", "enrolled")),
    ),
    Operation(
        name="contact.remove_from_sequence", doc="Take a contact out of a sequence of messages.", targets=("contact",),
        argument="action.sequence", aliases=("contacts.stop_sequence", "sequence_states.finish", "stop_sequence"),
    ),
    Operation(
        name="record.create", doc="Create a record of a kind that has no operation of its own.", targets=_ANY,
        argument="action.object", objects=_made(_MAKE, "record"), said="Create records of type {} for",
    ),
    Operation(
        name="record.update", doc="Change a record of a kind that has no operation of its own.", targets=("action",),
        argument="action.object", objects=_made(("update",), "record"), said="Update records of type {}",
    ),
    Operation(
        name="record.delete", doc="Delete a record of a kind that has no operation of its own.", targets=("action",),
        argument="action.object", objects=_made(("delete",), "record"), said="Delete records of type {}",
    ),
    Operation(
        name="email.draft", doc="Write a message and leave it as a draft.", targets=_ANY,
        kind="draft", said="Draft messages for",
        aliases=("draft", "draft_email", "draft_follow_up", "draft_followup", "email.draft_follow_up", "drafts.create",
                 "draft.create"),
        **_forms("draft", "drafting", "drafted"),
    ),
    Operation(
        name="draft.delete", doc="Delete a draft that was not sent.", targets=_ANY,
        objects=_made(("delete", "discard"), "draft"), said="Delete drafts for",
    ),
    Operation(
        name="email.send", doc="Send a message.", targets=_ANY, kind="send", said="Send messages to",
        aliases=("send", "send_email", "send_follow_up", "send_followup", "email", "emails.send"),
        **_forms("send", "sending", "sent"),
    ),
    Operation(
        name="task.create", doc="Create a task about the record.", targets=_ANY,
        aliases=("create_task",), objects=_made(_MAKE, "task"), said="Create tasks for",
    ),
    Operation(
        name="note.create", doc="Log a note on the record.", targets=_ANY,
        aliases=("create_note", "add_note", "log_note"), objects=_made(_MAKE, "note"),
        said="Add notes to",
    ),
    Operation(
        name="event.create", doc="Put an event on the calendar and invite its attendees.", targets=_ANY,
        aliases=("meeting.create", "create_event"),
        objects=_made(("create", "add", "set up", "schedule", "book", "arrange"), "meeting"),
        said="Schedule meetings with",
    ),
    Operation(
        name="event.update", doc="Change or move an event of the calendar.", targets=_ANY,
        aliases=("meeting.update",), objects=_made(("update", "reschedule", "move"), "meeting"),
        said="Reschedule meetings with",
    ),
    Operation(
        name="event.cancel", doc="Cancel an event of the calendar.", targets=_ANY,
        aliases=("meeting.cancel",), objects=_made(("cancel", "delete"), "meeting"),
        said="Cancel meetings with",
    ),
    Operation(
        name="message.post", doc="Post a message to a chat channel.", targets=_ANY, argument="action.channel",
        objects=_made(("post", "share"), "message"), said="Post messages to the channel {} for",
    ),
    Operation(
        name="message.direct", doc="Send somebody a direct chat message.", targets=_ANY,
        objects=_made(("send", "post"), "direct message"), said="Send direct messages for",
    ),
    Operation(
        name="webhook.send", doc="Send a webhook.", targets=_ANY, argument="action.host",
        objects=_made(("send", "trigger", "fire"), "webhook"), said="Send webhooks to {} for",
    ),
)  # fmt: skip

CONNECTORS = {
    "hubspot": ("hubspot",),
    "salesforce": ("salesforce",),
    "pipedrive": ("pipedrive",),
    "gmail": ("gmail",),
    "outlook": ("outlook",),
    "slack": ("slack",),
    "smtp": ("smtp",),
    "google_calendar": ("google calendar", "gcal"),
    "apollo": ("apollo", "apollo.io"),
    "outreach": ("outreach",),
    "zoominfo": ("zoominfo",),
    "webhook": (),
}


@lru_cache(maxsize=1)
def default_catalogue() -> Catalogue:
    """The catalogue that ships with Coco."""
    return Catalogue(FACTS, OPERATIONS, CONNECTORS)
