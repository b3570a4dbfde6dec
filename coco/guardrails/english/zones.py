"""Time zones as people name them: "Europe/Berlin", "New York time", "9am PT"."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from .problems import Refused

_ZONE = re.compile(r"(?:[A-Z][A-Za-z]+/)+[A-Z][A-Za-z_-]+|\bUTC\b|\bGMT\b")
_NAMED = re.compile(r"((?:[A-Z][A-Za-z.]*\s)+)time\b")
_US = {
    "Eastern": "America/New_York", "Central": "America/Chicago", "Mountain": "America/Denver",
    "Pacific": "America/Los_Angeles", "ET": "America/New_York", "CT": "America/Chicago", "MT": "America/Denver",
    "PT": "America/Los_Angeles",
}  # fmt: skip
_US_TIME = re.compile(rf"({'|'.join(_US)})\b((?: standard| daylight)? time\b)?", re.I)
# after hours or days, "PT" and "Central" are zones, not a country or a word
_AFTER_HOURS = re.compile(
    r"(?:\d|[ap]\.?m\.?|\d\s?h|noon|midnight|o'clock|(?:mon|tues|wednes|thurs|fri|satur|sun)days?|\b(?:mon|tue|wed|thu|fri)|"
    r"weekdays?|weekends?|hours|today|yesterday|tomorrow|\b(?:this|last|next) (?:week|month|quarter|year))[\s,(]*$",
    re.I,
)
# what is no zone of its own: cities and countries whose clocks are those of one zone
_PLACES = {
    "german": "Europe/Berlin", "germany": "Europe/Berlin", "munich": "Europe/Berlin", "hamburg": "Europe/Berlin",
    "frankfurt": "Europe/Berlin", "cologne": "Europe/Berlin", "swiss": "Europe/Zurich", "geneva": "Europe/Zurich",
    "austrian": "Europe/Vienna", "french": "Europe/Paris", "italian": "Europe/Rome", "milan": "Europe/Rome",
    "dutch": "Europe/Amsterdam", "belgian": "Europe/Brussels", "polish": "Europe/Warsaw", "swedish": "Europe/Stockholm",
    "danish": "Europe/Copenhagen", "norwegian": "Europe/Oslo", "finnish": "Europe/Helsinki", "irish": "Europe/Dublin",
    "uk": "Europe/London", "british": "Europe/London", "manchester": "Europe/London", "edinburgh": "Europe/London",
    "barcelona": "Europe/Madrid", "nyc": "America/New_York", "new york city": "America/New_York",
    "boston": "America/New_York", "atlanta": "America/New_York", "miami": "America/New_York",
    "san francisco": "America/Los_Angeles", "sf": "America/Los_Angeles", "seattle": "America/Los_Angeles",
    "la": "America/Los_Angeles", "dallas": "America/Chicago", "austin": "America/Chicago", "houston": "America/Chicago",
    "indian": "Asia/Kolkata", "mumbai": "Asia/Kolkata", "delhi": "Asia/Kolkata", "bangalore": "Asia/Kolkata",
    "bengaluru": "Asia/Kolkata", "japanese": "Asia/Tokyo", "japan": "Asia/Tokyo", "beijing": "Asia/Shanghai",
    "dubai": "Asia/Dubai", "tel aviv": "Asia/Jerusalem",
}  # fmt: skip
# "9-5 London": a city right after hours, with nothing after it
_BARE_CITY = re.compile(r"([A-Z][a-z]+(?: [A-Z][a-z]+)?)(?=\s*(?:[.,;)]|$))")
_CLOCKED = re.compile(r"(?:\d\s?-\s?\d{1,2}|\d\s?[ap]\.?m\.?|\d:\d\d|noon|midnight)\s*[(,]?\s*$", re.I)
_ABBREVIATED = {
    "CET": "Europe/Berlin",
    "CEST": "Europe/Berlin",
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "MST": "America/Denver",
    "MDT": "America/Denver",
    "BST": "Europe/London",
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
    "AEST": "Australia/Sydney",
}
_SHORT_ZONE = re.compile(rf"(?:{'|'.join(_ABBREVIATED)})\b")


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    """Every time zone's name: these are looked up on disk, a file each."""
    return frozenset(available_timezones())


@lru_cache(maxsize=256)
def _of_place(place: str) -> str | None:
    """The zone of "New York", None where none or several are named so."""
    if (known := _PLACES.get(place.lower())) is not None:
        return known
    zones = [zone for zone in _zones() if zone.endswith("/" + place.replace(" ", "_")) and zone.count("/") == 1]
    return zones[0] if len(zones) == 1 else None


def zone_at(text: str, at: int) -> tuple[str, int] | None:
    """The zone that is named here, and where its name ends. Raises Refused for one that leaves the summer open."""
    if match := _ZONE.match(text, at):
        name, end = match.group(), match.end()
        end += 5 if text[end:].lower().startswith(" time") else 0
        if name in {"UTC", "GMT"}:
            return "UTC", end
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            near = get_close_matches(name, _zones(), n=1)
            raise Refused(match.span(), f"{name} is no time zone", near[0] if near else "Europe/Berlin") from None
        return name, end
    if match := _US_TIME.match(text, at):
        said, timed = match.group(1), match.group(2) or ""
        written = said.isupper() if len(said) == 2 else (said[0].isupper() or bool(timed))
        if written and timed.strip().lower() == "time":
            return _US[said.upper() if len(said) == 2 else said.capitalize()], match.end()
        if written and not timed and _AFTER_HOURS.search(text[:at]):
            return _US[said.upper() if len(said) == 2 else said.capitalize()], match.end()
    if (match := _NAMED.match(text, at)) and (zone := _of_place(" ".join(match.group(1).split()))) is not None:
        return zone, match.end()
    if (match := _BARE_CITY.match(text, at)) and _CLOCKED.search(text[:at]) and (zone := _of_place(match.group(1))):
        return zone, match.end(1)
    if match := _SHORT_ZONE.match(text, at):
        short = match.group()
        raise Refused(match.span(), f"{short} does not say what happens in summer; name the zone", _ABBREVIATED[short])
    return None
