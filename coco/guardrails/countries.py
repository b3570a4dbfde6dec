"""Countries by ISO 3166 alpha-2 code, with the English names people write."""

from __future__ import annotations

_TABLE = """
AE united arab emirates|uae;AF afghanistan;AL albania;AM armenia;AO angola;AR argentina;AT austria;AU australia;
AZ azerbaijan;BA bosnia and herzegovina|bosnia;BD bangladesh;BE belgium;BG bulgaria;BH bahrain;BO bolivia;BR brazil;
BW botswana;BY belarus;CA canada;CH switzerland;CI ivory coast;CL chile;CM cameroon;CN china;CO colombia;CR costa rica;
CU cuba;CY cyprus;CZ czechia|czech republic;DE germany;DK denmark;DO dominican republic;DZ algeria;EC ecuador;
EE estonia;EG egypt;ES spain;ET ethiopia;FI finland;FR france;GB united kingdom|uk|great britain|britain;GE georgia;
GH ghana;GR greece;GT guatemala;HK hong kong;HN honduras;HR croatia;HU hungary;ID indonesia;IE ireland;IL israel;
IN india;IQ iraq;IR iran;IS iceland;IT italy;JM jamaica;JO jordan;JP japan;KE kenya;KH cambodia;
KP north korea;KR south korea;KW kuwait;KZ kazakhstan;LA laos;LB lebanon;LI liechtenstein;LK sri lanka;LT lithuania;
LU luxembourg;LV latvia;LY libya;MA morocco;MC monaco;MD moldova;ME montenegro;MG madagascar;MK north macedonia;
MM myanmar;MN mongolia;MT malta;MU mauritius;MX mexico;MY malaysia;MZ mozambique;NA namibia;NG nigeria;NI nicaragua;
NL netherlands|the netherlands|holland;NO norway;NP nepal;NZ new zealand;OM oman;PA panama;PE peru;
PH philippines|the philippines;
PK pakistan;PL poland;PR puerto rico;PT portugal;PY paraguay;QA qatar;RO romania;RS serbia;RU russia|russian federation;
RW rwanda;SA saudi arabia;SD sudan;SE sweden;SG singapore;SI slovenia;SK slovakia;SN senegal;SV el salvador;SY syria;
TH thailand;TN tunisia;TR turkey|turkiye|türkiye;TW taiwan;TZ tanzania;UA ukraine;UG uganda;
US united states|usa|the united states|united states of america|u.s.|u.s.a.;UY uruguay;UZ uzbekistan;VE venezuela;
VN vietnam;YE yemen;ZA south africa;ZM zambia;ZW zimbabwe
"""

NAMES: dict[str, str] = {}  # lower-case English name -> code
DISPLAY: dict[str, str] = {}  # code -> English name
for _row in _TABLE.replace("\n", "").split(";"):
    _code, _, _names = _row.strip().partition(" ")
    for _index, _name in enumerate(_names.split("|")):
        NAMES[_name] = _code
        if _index == 0:
            DISPLAY[_code] = " ".join(w if w == "and" else w.capitalize() for w in _name.split())


def country_code(text: str) -> str | None:
    """The ISO code for a code or an English name in any case; None when it is neither."""
    cleaned = " ".join(text.split())
    if len(cleaned) == 2 and cleaned.upper() in DISPLAY:
        return cleaned.upper()
    return NAMES.get(cleaned.lower())
