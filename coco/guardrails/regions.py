"""Areas that people name and no fact holds: states of the USA, and regions of several countries."""

from __future__ import annotations

# ISO 3166-2:US
_STATES = """
AL Alabama, AK Alaska, AZ Arizona, AR Arkansas, CA California, CO Colorado, CT Connecticut, DE Delaware, FL Florida,
GA Georgia, HI Hawaii, ID Idaho, IL Illinois, IN Indiana, IA Iowa, KS Kansas, KY Kentucky, LA Louisiana, ME Maine,
MD Maryland, MA Massachusetts, MI Michigan, MN Minnesota, MS Mississippi, MO Missouri, MT Montana, NE Nebraska,
NV Nevada, NH New Hampshire, NJ New Jersey, NM New Mexico, NC North Carolina, ND North Dakota, OH Ohio, OK Oklahoma,
OR Oregon, PA Pennsylvania, RI Rhode Island, SC South Carolina, SD South Dakota, TN Tennessee, TX Texas, UT Utah,
VT Vermont, VA Virginia, WA Washington, WV West Virginia, WI Wisconsin, WY Wyoming
"""
_ALL = dict(one.strip().split(" ", 1) for one in _STATES.replace("\n", " ").split(","))
# Delaware is not what is meant by DE, which is Germany
STATE_CODES = {code: name for code, name in _ALL.items() if code != "DE"}
_NAMED = frozenset(name.lower() for name in _ALL.values())
_REGIONS = frozenset(
    one.strip()
    for one in """
emea, apac, amer, americas, latam, dach, nordics, benelux, mena, anz, cee, europe, asia, africa, oceania, eu, the eu,
scandinavia, baltics, balkans, midwest, north america, south america, latin america, middle east, asia pacific
""".replace("\n", " ").split(",")
)


def area_of(name: str) -> str | None:
    """What kind of area this names; None where it is none that is known."""
    lowered = name.lower()
    if lowered in _NAMED or name in _ALL:
        return "a state of the USA"
    return "a region" if lowered in _REGIONS else None
