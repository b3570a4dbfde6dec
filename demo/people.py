"""Names, places and trades that the seeded records are made of. All invented; domains are below `.example`."""

from __future__ import annotations

_FIRST = (
    "Ada Amara Anders Anika Arjun Astrid Beatriz Bruno Camille Carlos Chiara Daniel Daria Diego Elena Elif Emeka "
    "Emma Erik Fatima Felix Freya Gabriel Grace Hana Hannah Hugo Ines Isaac Ivan Jana Jonas Julia Kaito Karim "
    "Katarina Lars Laura Leila Liam Lin Lucia Maja Marco Maria Mateo Mei Milan Mona Nadia Nikhil Nina Noah Olga "
    "Omar Paul Priya Rafael Rosa Samir Sara Sofia Tariq Thea Tomas Uma Viktor Wei Yara Yusuf Zoe"
)
FIRST = _FIRST.split()
_LAST = (
    "Abbott Adeyemi Almeida Andersson Baker Bauer Bennett Bianchi Brandt Castillo Chen Cohen Costa Dahl Dubois "
    "Ekström Eriksen Farouk Fischer Fontaine Garcia Gupta Haddad Hansen Hoffmann Hughes Ibrahim Ito Jansen Jensen "
    "Kapoor Keller Kowalski Kumar Lange Larsen Lehmann Leroy Lindgren Lopez Marino Martin Mbeki Meyer Moreau "
    "Morgan Müller Nakamura Novak Okafor Olsen Park Patel Pereira Petrov Quinn Rahman Ramos Reyes Ricci Rossi "
    "Sato Schmidt Schneider Silva Singh Sørensen Svensson Tanaka Torres Vargas Vogel Walsh Weber Wong Yilmaz "
    "Zhang Zimmermann"
)
LAST = _LAST.split()

# (name, industry)
COMPANIES: tuple[tuple[str, str], ...] = (
    ("Brightwater Analytics", "COMPUTER_SOFTWARE"),
    ("Northwind Logistics", "LOGISTICS_AND_SUPPLY_CHAIN"),
    ("Alder & Finch", "MANAGEMENT_CONSULTING"),
    ("Harbor Lane Foods", "FOOD_PRODUCTION"),
    ("Meridian Robotics", "INDUSTRIAL_AUTOMATION"),
    ("Juniper Health", "HOSPITAL_HEALTH_CARE"),
    ("Copperfield Energy", "RENEWABLES_ENVIRONMENT"),
    ("Lumen Street Studio", "DESIGN"),
    ("Ostrava Steelworks", "MINING_METALS"),
    ("Tidewater Insurance", "INSURANCE"),
    ("Pinecrest Learning", "E_LEARNING"),
    ("Quarry Hill Capital", "VENTURE_CAPITAL_PRIVATE_EQUITY"),
    ("Saffron Kitchens", "RESTAURANTS"),
    ("Blue Heron Biotech", "BIOTECHNOLOGY"),
    ("Vantage Rail", "TRANSPORTATION_TRUCKING_RAILROAD"),
    ("Cobalt Security", "COMPUTER_NETWORK_SECURITY"),
    ("Fernwood Textiles", "TEXTILES"),
    ("Atlas Freight", "PACKAGE_FREIGHT_DELIVERY"),
    ("Larkspur Media", "MEDIA_PRODUCTION"),
    ("Granite Bay Software", "COMPUTER_SOFTWARE"),
    ("Solstice Solar", "RENEWABLES_ENVIRONMENT"),
    ("Kestrel Aviation", "AVIATION_AEROSPACE"),
    ("Maple Row Homes", "REAL_ESTATE"),
    ("Ironbridge Engineering", "MECHANICAL_OR_INDUSTRIAL_ENGINEERING"),
    ("Clearview Optics", "MEDICAL_DEVICES"),
    ("Silverline Payments", "FINANCIAL_SERVICES"),
    ("Wildrose Cosmetics", "COSMETICS"),
    ("Foxglove Pharma", "PHARMACEUTICALS"),
    ("Summit Outdoor", "SPORTING_GOODS"),
    ("Delta Grid", "UTILITIES"),
    ("Orchard Labs", "RESEARCH"),
    ("Paperboat Publishing", "PUBLISHING"),
    ("Nimbus Hosting", "INFORMATION_TECHNOLOGY_AND_SERVICES"),
    ("Redwood Legal", "LEGAL_SERVICES"),
    ("Anchor Marine", "MARITIME"),
    ("Tessera Games", "COMPUTER_GAMES"),
    ("Golden Mile Travel", "LEISURE_TRAVEL_TOURISM"),
    ("Birchbark Furniture", "FURNITURE"),
    ("Helix Diagnostics", "MEDICAL_DEVICES"),
    ("Cedar Point Dairy", "DAIRY"),
    ("Prism Telecom", "TELECOMMUNICATIONS"),
    ("Old Mill Brewing", "WINE_AND_SPIRITS"),
    ("Stonegate Builders", "CONSTRUCTION"),
    ("Aurora Lighting", "ELECTRICAL_ELECTRONIC_MANUFACTURING"),
    ("Marigold Markets", "RETAIL"),
    ("Beacon Nonprofit Network", "NON_PROFIT_ORGANIZATION_MANAGEMENT"),
    ("Falcon Auto Parts", "AUTOMOTIVE"),
    ("Velvet Hour Hotels", "HOSPITALITY"),
    ("Sextant Navigation", "MARITIME"),
    ("Thistle & Co", "MARKETING_AND_ADVERTISING"),
    ("Cascade Water", "UTILITIES"),
    ("Hollis Architecture", "ARCHITECTURE_PLANNING"),
    ("Pike Street Coffee", "FOOD_BEVERAGES"),
    ("Umber Paints", "CHEMICALS"),
    ("Rosewood Staffing", "STAFFING_AND_RECRUITING"),
    ("Zephyr Wind", "RENEWABLES_ENVIRONMENT"),
    ("Ember Fitness", "HEALTH_WELLNESS_AND_FITNESS"),
    ("Lakeshore Bank", "BANKING"),
    ("Quill Translation", "TRANSLATION_AND_LOCALIZATION"),
    ("Monarch Events", "EVENTS_SERVICES"),
    ("Basalt Data", "COMPUTER_SOFTWARE"),
    ("Evergreen Packaging", "PACKAGING_AND_CONTAINERS"),
    ("Crane & Daughters", "ACCOUNTING"),
    ("Violet Vet Group", "VETERINARY"),
    ("Ridgeline Mining", "MINING_METALS"),
    ("Sandpiper Apparel", "APPAREL_FASHION"),
    ("Compass Education", "EDUCATION_MANAGEMENT"),
    ("Hearth Property", "REAL_ESTATE"),
    ("Tangent Semiconductors", "SEMICONDUCTORS"),
    ("Plover Shipping", "LOGISTICS_AND_SUPPLY_CHAIN"),
    ("Marble Arch Museum", "MUSEUMS_AND_INSTITUTIONS"),
    ("Driftwood Surf", "SPORTING_GOODS"),
    ("Ivory Keys Music", "MUSIC"),
    ("Gadwall Research", "MARKET_RESEARCH"),
    ("Poplar Glass", "GLASS_CERAMICS_CONCRETE"),
    ("Sable Cloud", "INFORMATION_TECHNOLOGY_AND_SERVICES"),
    ("Terrace Farms", "FARMING"),
    ("Windmill Bakery", "FOOD_PRODUCTION"),
    ("Osprey Drones", "AVIATION_AEROSPACE"),
    ("Lantern Security", "SECURITY_AND_INVESTIGATIONS"),
)

# (city, state, country, postal code, pattern of a fictitious or unassigned telephone number)
PLACES: tuple[tuple[str, str, str, str, str], ...] = (
    ("London", "England", "United Kingdom", "EC1A 1BB", "+44 20 7946 0{:03d}"),
    ("Manchester", "England", "United Kingdom", "M1 1AE", "+44 161 496 0{:03d}"),
    ("Berlin", "Berlin", "Germany", "10115", "+49 30 23125 {:03d}"),
    ("Munich", "Bavaria", "Germany", "80331", "+49 89 99998 {:03d}"),
    ("Paris", "Île-de-France", "France", "75001", "+33 1 99 00 5{:03d}"),
    ("Lisbon", "Lisbon", "Portugal", "1100-148", "+351 21 000 0{:03d}"),
    ("Stockholm", "Stockholm", "Sweden", "111 20", "+46 8 465 004 {:03d}"),
    ("Amsterdam", "North Holland", "Netherlands", "1011 AB", "+31 20 555 0{:03d}"),
    ("Boston", "Massachusetts", "United States", "02108", "+1 617 555 0{:03d}"),
    ("Austin", "Texas", "United States", "73301", "+1 512 555 0{:03d}"),
    ("Seattle", "Washington", "United States", "98101", "+1 206 555 0{:03d}"),
    ("Toronto", "Ontario", "Canada", "M5H 2N2", "+1 416 555 0{:03d}"),
    ("Milan", "Lombardy", "Italy", "20121", "+39 02 5550 0{:03d}"),
    ("Dublin", "Leinster", "Ireland", "D01 F5P2", "+353 1 555 0{:03d}"),
    ("Copenhagen", "Capital Region", "Denmark", "1050", "+45 70 00 0{:03d}"),
    ("Singapore", "", "Singapore", "018956", "+65 6555 0{:03d}"),
)
STREETS = ("Mill Lane", "Station Road", "High Street", "Harbour Street", "Garden Row", "Market Square", "Bridge Street")
TITLES = (
    "Chief Executive Officer",
    "Chief Operating Officer",
    "Head of Operations",
    "Head of Customer Success",
    "VP Sales",
    "VP Engineering",
    "Product Manager",
    "Procurement Lead",
    "Finance Director",
    "Marketing Manager",
    "IT Manager",
    "Operations Analyst",
)
OFFERS = ("annual plan", "pilot", "expansion", "renewal", "onboarding package", "team licence", "platform upgrade")
NEXT_STEPS = (
    "Send revised quote",
    "Agree on a pilot scope",
    "Wait for their security review",
    "Book the demo with the whole team",
    "Confirm the start date",
    "Answer the questions on data residency",
    "",
)
