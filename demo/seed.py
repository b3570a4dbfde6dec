"""The first state of the workspace: the same records every time, with dates counted back from the day it starts."""

from __future__ import annotations

import random
import re
import unicodedata
from datetime import datetime, timedelta

from demo.catalogue import COMPANIES, CONTACTS, DEALS
from demo.clock import stamp
from demo.people import COMPANIES as COMPANY_NAMES
from demo.people import FIRST, LAST, NEXT_STEPS, OFFERS, PLACES, STREETS, TITLES
from demo.storage import Record, Storage

CONTACT_COUNT = 300
DEAL_COUNT = 150
OPEN_STAGES = (
    ("appointmentscheduled", 26),
    ("qualifiedtobuy", 24),
    ("presentationscheduled", 30),
    ("decisionmakerboughtin", 16),
    ("contractsent", 18),
)
OWNERS = ("501", "502", "503")


def seed(storage: Storage, start: datetime) -> None:
    """Fills an empty storage in one transaction. A few hundred records; well under a second."""
    chance = random.Random(20)
    start = start.replace(microsecond=0)
    storage.begin()
    companies = [_company(storage, chance, start, index) for index in range(len(COMPANY_NAMES))]
    contacts = _contacts(storage, chance, start, companies)
    _deals(storage, chance, start, companies, contacts)
    storage.commit()


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.replace("ø", "o").replace("ü", "ue")).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def _company(storage: Storage, chance: random.Random, start: datetime, index: int) -> Record:
    name, industry = COMPANY_NAMES[index]
    city, state, country, postal, phone = PLACES[(index * 7) % len(PLACES)]
    domain = f"{_slug(name)}.example"
    properties = {
        "name": name,
        "domain": domain,
        "website": f"https://www.{domain}",
        "industry": industry,
        "city": city,
        "state": state,
        "country": country,
        "zip": postal,
        "address": f"{chance.randint(1, 180)} {chance.choice(STREETS)}",
        "phone": phone.format(100 + index),
        "numberofemployees": str(chance.choice((8, 25, 40, 75, 120, 260, 480, 1100, 3200))),
        "lifecyclestage": chance.choice(("lead", "opportunity", "customer")),
        "hubspot_owner_id": chance.choice(OWNERS),
    }
    for incomplete in ("address", "numberofemployees"):
        if chance.random() < 0.15:
            properties[incomplete] = ""
    if index % 17 == 5:
        properties |= {"city": "", "state": "", "zip": ""}
    created = start - timedelta(days=chance.randint(120, 900), minutes=chance.randint(0, 1400))
    return storage.insert(COMPANIES, properties, created=created, updated=start - timedelta(days=chance.randint(1, 90)))


def _contacts(
    storage: Storage, chance: random.Random, start: datetime, companies: list[Record]
) -> dict[int, list[Record]]:
    """Contacts by company id. Every pair of names is used once, so every address is unique."""
    names = [(first, last) for first in FIRST for last in LAST]
    chance.shuffle(names)
    by_company: dict[int, list[Record]] = {company.id: [] for company in companies}
    for index, (first, last) in enumerate(names[:CONTACT_COUNT]):
        company = companies[index % len(companies)]
        placed = index % 20 != 13  # one in twenty belongs to no company yet
        contact = storage.insert(
            CONTACTS,
            _contact(chance, start, index, first, last, company if placed else None),
            created=start - timedelta(days=chance.randint(10, 700), minutes=chance.randint(0, 1400)),
            updated=start - timedelta(days=chance.randint(1, 60), minutes=chance.randint(0, 1400)),
        )
        if placed:
            storage.associate("contacts", contact.id, "companies", company.id)
            by_company[company.id].append(contact)
    return by_company


def _contact(
    chance: random.Random, start: datetime, index: int, first: str, last: str, company: Record | None
) -> dict[str, str]:
    held = company.properties if company else {}
    domain = held.get("domain", "mailbox.example")
    phone = next((place[4] for place in PLACES if place[0] == held.get("city")), PLACES[0][4])
    tags = [tag for tag, share in _TAG_SHARES if chance.random() < share]
    properties = {
        "firstname": first,
        "lastname": last,
        "email": f"{_slug(first)}.{_slug(last)}@{domain}",
        "company": held.get("name", ""),
        "jobtitle": chance.choice(TITLES),
        "phone": phone.format(chance.randint(1, 99)),
        "city": held.get("city", ""),
        "state": held.get("state", ""),
        "country": held.get("country", ""),
        "zip": held.get("zip", ""),
        "industry": held.get("industry", ""),
        "website": held.get("website", ""),
        "lifecyclestage": "customer" if "customer" in tags else chance.choice(("lead", "opportunity", "subscriber")),
        "hs_lead_status": chance.choice(("NEW", "OPEN", "IN_PROGRESS", "CONNECTED")),
        "tags": ";".join(tags),
        "hs_email_optout": "true" if index % 23 == 7 else "false",
        "hs_email_bounce": "0",
        "hubspot_owner_id": held.get("hubspot_owner_id", OWNERS[0]),
        "notes_last_contacted": stamp(start - timedelta(days=chance.randint(3, 120))),
    }
    for name, share in _MISSING_SHARES:
        if chance.random() < share:
            properties[name] = ""
    if index % 29 == 11:
        properties |= {"hs_email_bounce": str(chance.randint(1, 4)), "hs_email_hard_bounce_reason_enum": "UNKNOWN_USER"}
    if index % 37 == 19:
        properties["email"] = ""
    # The way people type: spellings a clean-up would put right.
    if properties["country"] == "United Kingdom" and index % 5 == 0:
        properties["country"] = "UK"
    if properties["country"] == "United States" and index % 4 == 0:
        properties["country"] = "usa"
    if properties["city"] and index % 31 == 3:
        properties["city"] = properties["city"].upper()
    return properties


_TAG_SHARES = (
    ("design partner candidate", 0.12),
    ("customer", 0.25),
    ("newsletter", 0.45),
    ("event lead", 0.15),
    ("partner", 0.06),
    ("press", 0.03),
)
_MISSING_SHARES = (
    ("jobtitle", 0.3),
    ("phone", 0.4),
    ("city", 0.4),
    ("state", 0.5),
    ("country", 0.35),
    ("zip", 0.6),
    ("industry", 0.7),
    ("website", 0.6),
    ("company", 0.2),
)


def _deals(
    storage: Storage,
    chance: random.Random,
    start: datetime,
    companies: list[Record],
    contacts: dict[int, list[Record]],
) -> None:
    stages = [stage for stage, count in OPEN_STAGES for _ in range(count)]
    closed = DEAL_COUNT - len(stages)
    stages += ["closedwon"] * (closed // 2) + ["closedlost"] * (closed - closed // 2)
    chance.shuffle(stages)
    for index, stage in enumerate(stages):
        company = companies[(index * 3) % len(companies)]
        is_open = not stage.startswith("closed")
        # Silence spread evenly over 3 to 60 days, so that every threshold finds some on both sides of it.
        silent = timedelta(days=3 + (index * 11) % 58, hours=chance.randint(1, 20))
        created = start - silent - timedelta(days=chance.randint(5, 150))
        people = [] if index % 25 == 4 else contacts[company.id][: chance.choice((1, 1, 2))]
        deal = storage.insert(
            DEALS,
            {
                "dealname": f"{company.properties['name']} – {chance.choice(OFFERS)}",
                "dealstage": stage,
                "pipeline": "default",
                "amount": str(chance.choice((1800, 4200, 7500, 9600, 12000, 18500, 24000, 36000, 60000))),
                "deal_currency_code": "EUR",
                "dealtype": chance.choice(("newbusiness", "newbusiness", "existingbusiness")),
                "hs_priority": chance.choice(("low", "medium", "high")),
                "hs_next_step": chance.choice(NEXT_STEPS) if is_open else "",
                "closedate": stamp(start + timedelta(days=chance.randint(5, 75)) if is_open else start - silent),
                "hubspot_owner_id": company.properties["hubspot_owner_id"],
                "notes_last_updated": stamp(start - silent),
                "notes_last_contacted": stamp(start - silent),
                "num_associated_contacts": str(len(people)),
            },
            created=created,
            updated=start - silent,
        )
        storage.associate("deals", deal.id, "companies", company.id)
        for person in people:
            storage.associate("deals", deal.id, "contacts", person.id)
