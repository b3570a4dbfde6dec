"""The page on how Coco writes: a voice that is shown and kept, routes to models, and what a tier leaves out."""

from __future__ import annotations

import re

from fastapi import FastAPI

from api.public.parts import Parts
from store.tables import Connection
from store.tables_asking import VoiceRow
from tests.api.pages import Visitor, visit
from tests.api.people import Person
from tests.api.trusted import place
from tests.conftest import Postgres
from tests.connecting import every_scope


async def test_the_page(app: FastAPI, parts: Parts, ada: Person, postgres: Postgres) -> None:
    async with visit(app, parts, ada.email) as visitor:
        page = await visitor.get("/writing")
        assert "A voice of your own comes with the Founder tier" in page
        assert "comes with the Team tier" in page
        assert "You have no connection to a language model" in page
        await _with_accounts(visitor, ada, postgres)


async def _with_accounts(visitor: Visitor, ada: Person, postgres: Postgres) -> None:
    place(postgres, "UPDATE users SET tier = 'team' WHERE id = %s", ada.user_id)
    async with postgres.api.user(ada.user_id) as session:
        model, mail = (
            Connection(user_id=ada.user_id, connector=name, title=title, base_url="http://x", scopes=every_scope(name))
            for name, title in (("openai", "Models of Ada"), ("gmail", "Gmail of Ada"))
        )
        session.add_all([model, mail])
        await session.flush()
        row = VoiceRow(
            user_id=ada.user_id,
            connection_id=mail.id,
            state="shown",
            messages=14,
            voice={"greeting": "Hi", "sign_off": "Cheers <b>", "excerpts": ["One whole sentence.", "And another one."]},
        )
        session.add(row)
    page = await visitor.get("/writing")
    assert "Is this how you write?" in page
    assert "Cheers &lt;b&gt;" in page
    assert "Gmail of Ada" in page

    # Samples are kept one by one.
    assert (await visitor.post(f"/writing/voices/{row.id}/keep", {"excerpt": ["1"]})).status_code == 303
    page = await visitor.get("/writing")
    assert "Your mails are worded in this voice" in page
    assert "And another one." in page
    assert "One whole sentence." not in page

    form: dict[str, str | list[str]] = {"connection_id": str(model.id), "model": "own-model"}
    assert (await visitor.post("/writing/routes/drafting", form)).status_code == 303
    assert re.search(r'name="model" maxlength="120" value="own-model"', await visitor.get("/writing"))
    told = await ada.get("/model-routes")
    assert [(one["purpose"], one["model"], one["fallback"], one["counts"]) for one in told] == [
        ("drafting", "own-model", None, True)
    ]
    assert (await visitor.post("/writing/routes/drafting", form | {"model": "two words"})).status_code == 422
    assert (await visitor.post("/writing/routes/drafting", form | {"model": ""})).status_code == 303
    assert await ada.get("/model-routes") == []

    assert (await visitor.post(f"/writing/voices/{row.id}/delete", {})).status_code == 303
    assert await ada.get("/voices") == []
