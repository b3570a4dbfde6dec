"""Faults strike as asked, and every write is noted before it is applied."""

from __future__ import annotations

import smtplib
import threading
import time
from typing import Any

import httpx
import pytest

from tests.demo_fixture import Demo

PATH = "/crm/v3/objects/contacts/1001"


def patch(demo: Demo, city: str) -> httpx.Response:
    return demo.crm("PATCH", PATH, json={"properties": {"city": city}})


def city(demo: Demo) -> Any:
    return demo.record("contacts", "1001", "city")["city"]


def send(demo: Demo, subject: str = "Hello") -> None:
    with smtplib.SMTP(demo.smtp_host, demo.smtp_port, timeout=20) as client:
        client.login(demo.smtp_user, demo.smtp_password)
        client.sendmail("a@coco.example", ["b@coco.example"], f"Subject: {subject}\r\n\r\nHi\r\n")


def test_a_dropped_answer_after_applying(demo: Demo) -> None:
    demo.control(do="drop", method="PATCH")
    with pytest.raises(httpx.RemoteProtocolError):
        patch(demo, "Rome")
    assert city(demo) == "Rome"
    assert [(r["method"], r["status"]) for r in demo.requests()] == [("PATCH", None)]
    assert patch(demo, "Oslo").status_code == 200


def test_a_dropped_connection_before_applying(demo: Demo) -> None:
    before = city(demo)
    demo.control(do="drop", when="before", path="/crm/v3/objects/contacts")
    with pytest.raises(httpx.RemoteProtocolError):
        patch(demo, "Rome")
    assert city(demo) == before
    assert len(demo.requests()) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_error_for_some_requests(demo: Demo, status: int) -> None:
    before = city(demo)
    demo.control(do="status", status=status, times=2)
    assert [patch(demo, "Rome").status_code for _ in range(2)] == [status, status]
    assert city(demo) == before
    assert patch(demo, "Rome").status_code == 200


def test_a_write_is_noted_before_it_is_applied(demo: Demo) -> None:
    before = city(demo)
    demo.control(do="delay", when="before", seconds=30)
    seen = threading.Thread(target=lambda: _quietly(demo), daemon=True)
    seen.start()
    while not demo.requests():
        time.sleep(0.02)
    assert [(r["path"], r["body"], r["status"]) for r in demo.requests()] == [
        (PATH, '{"properties":{"city":"Rome"}}', None)
    ]
    assert city(demo) == before


def _quietly(demo: Demo) -> None:
    try:
        patch(demo, "Rome")
    except httpx.HTTPError as error:
        print("the delayed request ended with the workspace:", type(error).__name__)


def test_a_delay_after_applying(demo: Demo) -> None:
    demo.control(do="delay", seconds=0.3)
    started = time.monotonic()
    assert patch(demo, "Rome").status_code == 200
    assert time.monotonic() - started >= 0.3


def test_faults_strike_writes_unless_a_method_is_named(demo: Demo) -> None:
    demo.control(do="status", status=500)
    assert demo.crm("GET", PATH).status_code == 200
    demo.control(do="status", status=429, method="GET")
    assert demo.crm("GET", PATH).status_code == 429
    demo.control(do="clear")
    assert patch(demo, "Rome").status_code == 200


def test_a_change_behind_everybodys_back(demo: Demo) -> None:
    demo.control(do="change", type="contacts", id="1001", properties={"city": "Riga"})
    assert city(demo) == "Riga"
    demo.control(do="archive", type="deals", id="3001")
    assert demo.crm("GET", "/crm/v3/objects/deals/3001").status_code == 404
    assert demo.requests() == []


def test_faults_of_the_mail_server(demo: Demo) -> None:
    demo.control(do="status", status=503, method="SEND")
    with pytest.raises(smtplib.SMTPDataError, match="451"):
        send(demo, "refused")
    demo.control(do="status", status=400, method="SEND")
    with pytest.raises(smtplib.SMTPDataError, match="554"):
        send(demo, "refused")
    demo.control(do="drop", when="before", method="SEND")
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(demo, "lost")
    demo.control(do="drop", method="SEND")
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(demo, "accepted unseen")
    send(demo, "accepted")
    assert [message["subject"] for message in demo.outbox()] == ["accepted unseen", "accepted"]
    assert [entry["status"] for entry in demo.requests()] == [451, 554, None, None, 250]


@pytest.mark.parametrize(
    "command",
    [{"do": "explode"}, {"do": "status", "status": 200}, {"do": "delay", "seconds": -1}, {"do": "drop", "x": 1}],
)
def test_a_command_that_is_none_is_refused(demo: Demo, command: dict[str, Any]) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        demo.control(**command)


def test_a_web_form_cannot_command(demo: Demo) -> None:
    answer = httpx.post(f"{demo.http}/_demo/control", content='{"do":"clear"}', headers={"content-type": "text/plain"})
    assert answer.status_code == 400
