"""What an Apollo key is used for, in plain words. Apollo's keys name endpoints: see docs/connectors/apollo.md."""

from __future__ import annotations

from activities.connectors.manifest import Scope

READ = "search"
ENRICH = "enrich"
CONTACTS = "contacts.write"
SEQUENCES = "sequences.write"

SCOPES = (
    Scope(name=READ, allows="Search people, contacts, accounts and sequences", access="read", preselected=True),
    Scope(name=ENRICH, allows="Spend your Apollo credits on looking up people and companies", access="write"),
    Scope(name=CONTACTS, allows="Put your contacts on lists", access="write"),
    Scope(name=SEQUENCES, allows="Add your contacts to sequences and stop them", access="write"),
)
