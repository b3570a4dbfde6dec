"""The facts and operations that ship with Coco. Connectors add theirs with `Catalogue.extended`."""

from __future__ import annotations

from functools import lru_cache

from .catalogue import Catalogue, Fact, FactType, Operation
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
        "pharmaceuticals", "media", "energy", "agriculture", "e-commerce", "consulting", "nonprofit", "government",
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
         nouns=("last contact date", "last contacted date"), aliases=("contact.last_contacted",)),
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
    Fact(name="contact.city", type=_T.NAME, doc="City.", nouns=("city",)),
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
    Fact(name="company.city", type=_T.NAME, doc="City.", nouns=("city",)),
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


_ENRICH = _forms("enrich", "enriching", "enriched")
_ARCHIVE = _forms("archive", "archiving", "archived")
_DELETE = _forms("delete", "deleting", "deleted")
_UPDATE = _forms("update", "updating", "updated", ("edit", "editing", "edited"))
_ASSIGN = _forms("assign", "assigning", "assigned", ("reassign", "reassigning", "reassigned"))
_TAG = _forms("tag", "tagging", "tagged", ("label", "labeling", "labeled"), ("label", "labelling", "labelled"))
_UNTAG = _forms("untag", "untagging", "untagged")

OPERATIONS = (
    *(
        Operation(name=f"{e}.enrich", doc=f"Fill in missing fields of a {e}.", targets=(e,), **_ENRICH)
        for e in ("contact", "company")
    ),
    *(
        Operation(name=f"{e}.archive", doc=f"Archive a {e}; it can be restored.", targets=(e,), **_ARCHIVE)
        for e in ("contact", "deal", "company")
    ),
    *(
        Operation(name=f"{e}.delete", doc=f"Delete a {e} for good.", targets=(e,), **_DELETE)
        for e in ("contact", "deal", "company")
    ),
    *(
        Operation(name=f"{e}.update", doc=f"Change fields of a {e}.", targets=(e,), **_UPDATE)
        for e in ("contact", "deal", "company")
    ),
    *(
        Operation(
            name=f"{e}.assign", doc=f"Give a {e} to another owner.", targets=(e,), argument="action.owner", **_ASSIGN
        )
        for e in ("contact", "deal", "company")
    ),
    *(
        Operation(name=f"{e}.add_tag", doc=f"Put a tag on a {e}.", targets=(e,), argument="action.tag", **_TAG)
        for e in ("contact", "deal", "company")
    ),
    *(
        Operation(name=f"{e}.remove_tag", doc=f"Take a tag off a {e}.", targets=(e,), argument="action.tag", **_UNTAG)
        for e in ("contact", "deal", "company")
    ),
    Operation(
        name="deal.move_stage", doc="Move a deal to another stage.", targets=("deal",), argument="action.stage",
        aliases=("move", "move_deal", "deal.move", "deals.move_stage"), **_forms("move", "moving", "moved"),
    ),
    Operation(
        name="email.draft", doc="Write a message and leave it as a draft.", targets=("contact", "deal", "company"),
        kind="draft", aliases=("draft", "draft_email", "draft_follow_up", "draft_followup", "email.draft_follow_up"),
        **_forms("draft", "drafting", "drafted"),
    ),
    Operation(
        name="email.send", doc="Send a message.", targets=("contact", "deal", "company"), kind="send",
        aliases=("send", "send_email", "send_follow_up", "send_followup", "email"), **_forms("send", "sending", "sent"),
    ),
    Operation(
        name="task.create", doc="Create a task about the record.", targets=("contact", "deal", "company"),
        aliases=("create_task",), **_forms("create a task for", "creating a task for", "",
            ("create tasks for", "creating tasks for", ""), ("add a task for", "adding a task for", ""),
            ("create a follow-up task for", "creating a follow-up task for", "")),
    ),
    Operation(
        name="note.create", doc="Log a note on the record.", targets=("contact", "deal", "company"),
        aliases=("create_note", "add_note", "log_note"), **_forms("log a note on", "logging a note on", "",
            ("add a note to", "adding a note to", ""), ("log a note for", "logging a note for", ""),
            ("add notes to", "adding notes to", ""), ("create a note for", "creating a note for", "")),
    ),
)  # fmt: skip

CONNECTORS = {
    "hubspot": ("hubspot",),
    "salesforce": ("salesforce",),
    "pipedrive": ("pipedrive",),
    "gmail": ("gmail",),
    "outlook": ("outlook",),
    "slack": ("slack",),
}


@lru_cache(maxsize=1)
def default_catalogue() -> Catalogue:
    """The catalogue that ships with Coco."""
    return Catalogue(FACTS, OPERATIONS, CONNECTORS)
