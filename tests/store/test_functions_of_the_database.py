"""Every function of the database: whose rights it has, what it can be made to find, and who may call it."""

from __future__ import annotations

from tests.conftest import Postgres

FOR_EVERYBODY = {
    "coco_audit_credits(jsonb)",
    "coco_audit_search(uuid,bigint,text,text,uuid,jsonb)",
    "coco_audit_text(jsonb)",
    "coco_owned_tables()",
    "coco_team_rank(text)",
}
"""Those that anybody who may sign in to the database calls: they read no row, and have no rights but the caller's."""


def found(postgres: Postgres, condition: str) -> set[str]:
    query = "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND "
    with postgres.connect() as owner:
        return {row[0] for row in owner.execute(query + condition).fetchall()}  # type: ignore[arg-type]


async def test_a_function_with_its_owners_rights_finds_nothing_that_a_caller_puts_in_its_way(
    module_postgres: Postgres,
) -> None:
    assert len(found(module_postgres, "p.prosecdef")) > 50
    loose = "p.prosecdef AND NOT coalesce('search_path=public, pg_temp' = ANY (p.proconfig), false)"
    assert found(module_postgres, loose) == set()


async def test_functions_that_read_rows_are_called_by_who_was_named(module_postgres: Postgres) -> None:
    # A trigger's cannot be called at all.
    open_ones = "p.prorettype <> 'trigger'::regtype AND has_function_privilege('public', p.oid, 'EXECUTE')"
    assert found(module_postgres, open_ones) == FOR_EVERYBODY
    assert found(module_postgres, f"{open_ones} AND p.prosecdef") == set()
