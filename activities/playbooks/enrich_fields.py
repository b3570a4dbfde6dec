"""Which fields of a contact its company's record can fill, and which spellings are put right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from activities.connectors.cards import plain
from activities.connectors.hubspot.objects import label

MAX_VALUE = 200
_PLACE = ("city", "state", "zip", "country")
_COMPANY_FIELD = {"company": "name"}
_COUNTRIES = {
    "uk": "United Kingdom",
    "u.k.": "United Kingdom",
    "great britain": "United Kingdom",
    "united kingdom": "United Kingdom",
    "us": "United States",
    "u.s.": "United States",
    "usa": "United States",
    "u.s.a.": "United States",
    "united states of america": "United States",
    "united states": "United States",
    "deutschland": "Germany",
    "germany": "Germany",
    "schweiz": "Switzerland",
    "holland": "Netherlands",
    "the netherlands": "Netherlands",
    "netherlands": "Netherlands",
    "españa": "Spain",
    "italia": "Italy",
    "sverige": "Sweden",
    "danmark": "Denmark",
}
_SHARED_DOMAINS = frozenset(
    {
        "163.com",
        "aol.com",
        "gmail.com",
        "gmx.de",
        "gmx.net",
        "googlemail.com",
        "hotmail.com",
        "icloud.com",
        "live.com",
        "mail.com",
        "mailbox.example",
        "me.com",
        "msn.com",
        "outlook.com",
        "proton.me",
        "protonmail.com",
        "qq.com",
        "web.de",
        "yahoo.com",
        "yandex.com",
        "zoho.com",
    }
)
"""Mailbox providers: an address there says nothing about an employer."""


@dataclass(frozen=True)
class Finding:
    """One value to write."""

    field: str
    before: str | None
    value: str
    why: str


def own_domain(email: str | None) -> str:
    """The domain of a company's address, in lower case; empty for a mailbox provider's or where there is none."""
    domain = (email or "").rpartition("@")[2].strip().lower()
    return "" if "." not in domain or domain in _SHARED_DOMAINS else domain


def country_name(value: str | None) -> str | None:
    """A country's usual English name where this spelling of it is known; else the text itself."""
    if not value:
        return None
    return _COUNTRIES.get(" ".join(value.split()).casefold(), value)


def findings(
    contact: Mapping[str, Any],
    company: Mapping[str, Any] | None,
    how: str,
    fields: Iterable[str],
    *,
    normalise: bool,
) -> tuple[list[Finding], list[str]]:
    """(values to write, reasons for what is left alone). `how` says where the company's values come from."""
    wanted = tuple(dict.fromkeys(fields))
    found = _spellings(contact, company or {}, wanted) if normalise else []
    doubts: list[str] = []
    if company is None:
        return found, doubts
    elsewhere = _elsewhere(contact, company)
    for field in wanted:
        value = company.get(_COMPANY_FIELD.get(field, field))
        if contact.get(field) or not value:
            continue
        if field in _PLACE and elsewhere:
            doubts.append(f"{label(field)} left empty, since {elsewhere}")
        elif value != plain(value, MAX_VALUE):
            # One plain line is what these fields hold; anything else was not meant as a value.
            doubts.append(f"{label(field)} left empty, since the company's value is not one short line of text")
        else:
            usual = (country_name(value) or value) if field == "country" else value
            number = "the company's main number, on " if field == "phone" else ""
            found.append(Finding(field, None, usual, f"empty so far; {number}{how}"))
    return sorted(found, key=lambda finding: finding.field), doubts


def _spellings(contact: Mapping[str, Any], company: Mapping[str, Any], wanted: tuple[str, ...]) -> list[Finding]:
    put_right: list[Finding] = []
    country, city = contact.get("country"), contact.get("city")
    usual = country_name(country)
    if "country" in wanted and country and usual and usual != country:
        put_right.append(Finding("country", country, usual, f"the usual name of “{plain(country)}”"))
    spelt = company.get("city")
    if (
        "city" in wanted
        and city
        and spelt
        and city != spelt
        and city.casefold() == spelt.casefold()
        and spelt == plain(spelt)
    ):
        put_right.append(Finding("city", city, spelt, f"“{plain(city)}” as the company's record spells it"))
    return put_right


def _elsewhere(contact: Mapping[str, Any], company: Mapping[str, Any]) -> str:
    """Why the company's place is not the contact's; empty where nothing speaks against it."""
    for field in ("city", "state", "country", "zip"):
        mine, theirs = contact.get(field), company.get(field)
        if field == "country":
            mine, theirs = country_name(mine), country_name(theirs)
        if mine and theirs and mine.casefold() != theirs.casefold():
            return (
                f"the contact's {label(field).lower()} ({plain(mine, 40)}) is not its company's ({plain(theirs, 40)})"
            )
    return ""
