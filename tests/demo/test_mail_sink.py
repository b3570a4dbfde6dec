"""The mail server takes what its account sends, byte for byte, and nothing from anybody else."""

from __future__ import annotations

import smtplib

import pytest

from activities.connectors.registry import connector
from tests.connectors.samples import MAILBOX
from tests.demo_fixture import Demo


def client_of(demo: Demo) -> smtplib.SMTP:
    return smtplib.SMTP(demo.smtp_host, demo.smtp_port, timeout=20)


def test_nobody_sends_without_the_password(demo: Demo) -> None:
    with client_of(demo) as client, pytest.raises(smtplib.SMTPSenderRefused, match="530"):
        client.sendmail("a@b.example", ["c@d.example"], "Subject: x\r\n\r\ny")
    with client_of(demo) as client, pytest.raises(smtplib.SMTPAuthenticationError):
        client.login(demo.smtp_user, "wrong")
    assert demo.outbox() == []
    assert demo.requests() == []


def test_a_built_message_arrives_byte_for_byte(demo: Demo) -> None:
    address = demo.record("contacts", "1001", "email")["email"]
    arguments = {"to": [address], "subject": "Grüße aus Köln", "body": "Hallo,\n\n.Punkt am Anfang\n", "key": "k:1"}
    request = connector("smtp").gated("email.send").build(MAILBOX, arguments, None).request
    with client_of(demo) as client:
        client.login(demo.smtp_user, demo.smtp_password)
        client.sendmail(request.header_values("mail-from")[0], request.header_values("rcpt-to"), request.body_bytes())
    [message] = demo.outbox()
    assert message["data"] == request.body
    assert (message["mail_from"], message["rcpt_to"]) == ("sales@acme.example", [address])
    assert (message["subject"], message["text"].replace("\r\n", "\n")) == (arguments["subject"], arguments["body"])
    [entry] = demo.requests()
    assert (entry["method"], entry["path"], entry["body"], entry["status"]) == ("SEND", "/message", request.body, 250)


def test_a_mail_to_a_contact_is_activity_on_its_deals(demo: Demo) -> None:
    deal = demo.crm("GET", "/crm/v3/objects/deals/3001", params={"associations": "contacts"}).json()
    contact_id = deal["associations"]["contacts"]["results"][0]["id"]
    before = demo.record("deals", "3001", "notes_last_updated", "dealstage")
    with client_of(demo) as client:
        client.login(demo.smtp_user, demo.smtp_password)
        to = demo.record("contacts", contact_id, "email")["email"]
        client.sendmail("a@b.example", [to], "Subject: x\r\n\r\ny")
    after = demo.record("deals", "3001", "notes_last_updated", "dealstage")
    assert after["notes_last_updated"] > before["notes_last_updated"]
    assert after["dealstage"] == before["dealstage"]
