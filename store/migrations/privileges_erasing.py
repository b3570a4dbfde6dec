"""Erasing an account: who may ask for it, what the database then refuses, and the functions that remove what is there.

Part of one migration; a later change of privileges is a new migration, never an edit here.

Asking is the API's, for its signed-in owner. Removing is the control side's, and only of an account whose row says that
it was asked for: no role can erase anybody else. From the row's commit on nothing new is kept of it. What stays
is what proves something and says nothing about a person: the chain's hashes, its checkpoints and the ledger's numbers.
"""

from __future__ import annotations

from store.migrations.privileges_0001 import USER_ID

KEPT = (
    "users",
    "erasures",
    "audit",
    "audit_unsigned",
    "audit_checkpoints",
    "ledger_transactions",
    "ledger_postings",
    "credit_accounts",
)
"""Tables whose rows stay, without what they say of a person. Every other one that has a `user_id` is emptied."""

GUARD = """
-- Nothing new is kept of an account that is being deleted. Events and wake-ups are written by whatever changes
-- something, its own ending included: they are dropped.
CREATE FUNCTION coco_not_erased() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM erasures e WHERE e.user_id = NEW.user_id) THEN
    RETURN NEW;
  END IF;
  IF TG_TABLE_NAME IN ('events', 'wakeups') THEN
    RETURN NULL;
  END IF;
  IF TG_TABLE_NAME = 'audit' AND (session_user NOT SIMILAR TO 'coco_(api|gateway)%'
     OR to_jsonb(NEW) ->> 'kind' = 'account_deletion') THEN
    RETURN NEW;
  END IF;
  IF TG_TABLE_NAME = 'sandboxes' AND TG_OP = 'UPDATE' AND to_jsonb(NEW) ->> 'token_sha256' IS NULL
     AND to_jsonb(NEW) ->> 'state' = 'stopped' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'this account is being deleted' USING ERRCODE = 'check_violation';
END $$;

-- The tables of accounts: all that have a `user_id`, whoever made them.
CREATE FUNCTION coco_owned_tables() RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
   WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
     AND a.attname = 'user_id' AND NOT a.attisdropped ORDER BY 1
$$;

-- Puts the guard on every table that lacks it: called at the end of each migration, so that no new one is forgotten.
CREATE FUNCTION coco_guard_tables() RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  name text;
BEGIN
  FOR name IN SELECT coco_owned_tables() LOOP
    CONTINUE WHEN name IN ('erasures', 'audit_unsigned', 'audit_checkpoints', 'ledger_transactions', 'ledger_postings',
                           'credit_accounts')
      OR EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgname = 'a_not_erased'
                    AND t.tgrelid = ('public.' || quote_ident(name))::regclass);
    EXECUTE format('CREATE TRIGGER a_not_erased BEFORE INSERT %s ON %I FOR EACH ROW EXECUTE FUNCTION coco_not_erased()',
                   CASE name WHEN 'sandboxes' THEN 'OR UPDATE' ELSE '' END, name);
  END LOOP;
END $$;

-- As they were, but for rows of an account that is erased by the function below.
CREATE OR REPLACE FUNCTION coco_append_only() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF current_setting('coco.erasing', true) = 'on'
     AND current_user = (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = TG_RELID) THEN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME NOT IN ('audit_checkpoints', 'ledger_transactions', 'ledger_postings') THEN
      RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'ledger_transactions'
       AND to_jsonb(NEW) - '{items,ref}'::text[] = to_jsonb(OLD) - '{items,ref}'::text[] THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;

CREATE OR REPLACE FUNCTION coco_only_blanked() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP IN ('UPDATE', 'DELETE')
     AND current_user = (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = TG_RELID) THEN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'evaluations' AND current_setting('coco.erasing', true) = 'on' THEN
      RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND current_setting('coco.purging', true) = 'on' THEN
      IF TG_TABLE_NAME = 'audit'
         AND to_jsonb(NEW) - '{body,credits,search}'::text[] = to_jsonb(OLD) - '{body,credits,search}'::text[]
         AND NEW.body IN ('{"erased": "read through a revoked connection"}', '{"erased": "its account was deleted"}',
                          '{"erased": "kept no longer than was set"}') THEN
        RETURN NEW;
      END IF;
      IF TG_TABLE_NAME = 'evaluations'
         AND to_jsonb(NEW) - '{facts,reads,why}'::text[] = to_jsonb(OLD) - '{facts,reads,why}'::text[]
         AND NEW.facts = '{}'::jsonb AND NEW.reads = '[]'::jsonb THEN
        RETURN NEW;
      END IF;
    END IF;
  END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;
"""

ASKING = """
-- Whoever deletes the account is out at once: no sign-in, no sandbox, no connection, nothing that starts a run.
CREATE FUNCTION coco_begin_erasure(by_whom text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  the_user uuid := <the user>;
BEGIN
  PERFORM 1 FROM users u WHERE u.id = the_user FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no such account' USING ERRCODE = 'check_violation';
  END IF;
  IF EXISTS (SELECT 1 FROM erasures e WHERE e.user_id = the_user) THEN
    RETURN;
  END IF;
  -- Open feeds end when they hear that their session has.
  INSERT INTO events (user_id, kind, body, at)
    SELECT the_user, 'session', jsonb_build_object('session', s.id, 'state', 'ended'), now()
      FROM sessions s WHERE s.user_id = the_user AND s.revoked_at IS NULL;
  UPDATE sessions SET revoked_at = now() WHERE user_id = the_user AND revoked_at IS NULL;
  UPDATE runs SET cancel_requested_at = now()
   WHERE user_id = the_user AND finished_at IS NULL AND cancel_requested_at IS NULL;
  UPDATE leases SET state = 'ended', ended_at = now(), ended_reason = 'the account is being deleted'
   WHERE user_id = the_user AND state = 'active';
  UPDATE hooks SET state = 'disabled' WHERE user_id = the_user AND state = 'active';
  UPDATE schedules SET state = 'deleted', revision = revision + 1, updated_at = now()
   WHERE user_id = the_user AND state <> 'deleted';
  UPDATE connections SET state = 'revoked', broken_at = now(), reason = ''
   WHERE user_id = the_user AND state <> 'revoked';
  DELETE FROM sealed_credentials WHERE user_id = the_user;
  DELETE FROM credential_attempts WHERE user_id = the_user;
  DELETE FROM oauth_flows WHERE user_id = the_user;
  UPDATE sandboxes SET token_sha256 = NULL, state = 'stopped' WHERE user_id = the_user;
  INSERT INTO erasures (user_id, asked_at, asked_by, step) VALUES (the_user, now(), by_whom, 'asked');
  PERFORM pg_notify('coco_erasures', '');
END $$;

CREATE OR REPLACE FUNCTION coco_sign_in(wanted text)
RETURNS TABLE (id uuid, password_hash text, is_operator boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT u.id, u.password_hash, u.is_operator FROM users u WHERE u.email = lower(wanted)
     AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.user_id = u.id)
$$;

-- Its connections are emptied with the whole of it.
CREATE OR REPLACE FUNCTION coco_purges_owed() RETURNS TABLE (user_id uuid, connection_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT c.user_id, c.id FROM connections c WHERE c.purge_owed_at IS NOT NULL
     AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.user_id = c.user_id)
$$;
"""

REMOVING = """
CREATE FUNCTION coco_erasures_owed() RETURNS TABLE (user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT e.user_id FROM erasures e WHERE e.finished_at IS NULL ORDER BY e.asked_at
$$;

CREATE FUNCTION coco_erasing() RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  the_user uuid := <the user>;
BEGIN
  PERFORM 1 FROM erasures e WHERE e.user_id = the_user;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'nobody asked to delete this account' USING ERRCODE = 'check_violation';
  END IF;
  RETURN the_user;
END $$;

-- The user's own keys: with them every payload in Temporal, and every copy of one, becomes unreadable.
CREATE FUNCTION coco_erase_keys() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  DELETE FROM user_keys WHERE user_id = coco_erasing();
END $$;

-- Every row of the account in every table that is not kept, in whatever order the references between them allow; of
-- what is kept, what says something of a person.
CREATE FUNCTION coco_erase_rows() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  the_user uuid := coco_erasing();
  name text;
  removed bigint;
  moved boolean;
  blocked integer;
BEGIN
  -- Waits for whoever is writing a row of this account; nobody new may begin to.
  PERFORM 1 FROM users u WHERE u.id = the_user FOR UPDATE;
  PERFORM set_config('coco.erasing', 'on', true);
  LOOP
    moved := false;
    blocked := 0;
    FOR name IN SELECT coco_owned_tables() EXCEPT SELECT unnest(<kept>) LOOP
      BEGIN
        EXECUTE format('DELETE FROM %I WHERE user_id = $1', name) USING the_user;
        GET DIAGNOSTICS removed = ROW_COUNT;
        moved := moved OR removed > 0;
      EXCEPTION WHEN foreign_key_violation THEN
        blocked := blocked + 1;
      END;
    END LOOP;
    EXIT WHEN blocked = 0;
    IF NOT moved THEN
      RAISE EXCEPTION 'rows of this account are referred to by others' USING ERRCODE = 'foreign_key_violation';
    END IF;
  END LOOP;
  UPDATE users SET email = 'erased:' || id, name = '', password_hash = '', is_operator = false WHERE id = the_user;
  UPDATE ledger_transactions SET items = '[]', ref = CASE
       WHEN kind = 'top_up' AND ref NOT LIKE 'erased:%' THEN 'erased:' || encode(sha256(convert_to(ref, 'UTF8')), 'hex')
       ELSE ref END
   WHERE user_id = the_user AND (items <> '[]' OR (kind = 'top_up' AND ref NOT LIKE 'erased:%'));
  PERFORM set_config('coco.erasing', '', true);
END $$;

-- Takes the content out of entries of the session's user. Whoever calls it says so in the chain, in the same
-- transaction. `why` is `account` for one that is being deleted.
CREATE FUNCTION coco_blank_audit(numbers bigint[], why text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  the_user uuid := <the user>;
  text_of_it jsonb;
BEGIN
  IF why = 'account' THEN
    PERFORM coco_erasing();
    text_of_it := '{"erased": "its account was deleted"}';
  ELSE
    RAISE EXCEPTION 'an entry is not blanked for that' USING ERRCODE = 'check_violation';
  END IF;
  PERFORM set_config('coco.purging', 'on', true);
  UPDATE audit x SET body = text_of_it WHERE x.user_id = the_user AND x.seq = ANY (numbers)
     AND x.kind NOT IN ('account_erased', 'account_deletion');
  PERFORM set_config('coco.purging', '', true);
END $$;

-- Done only when nothing is left: a row that came in between has it begin again.
CREATE FUNCTION coco_finish_erasure() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  the_user uuid := coco_erasing();
  name text;
  there boolean;
BEGIN
  FOR name IN SELECT coco_owned_tables() EXCEPT SELECT unnest(<kept>) LOOP
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I WHERE user_id = $1)', name) USING the_user INTO there;
    IF there THEN
      RETURN false;
    END IF;
  END LOOP;
  IF EXISTS (SELECT 1 FROM users u WHERE u.id = the_user AND u.email <> 'erased:' || u.id)
     OR EXISTS (SELECT 1 FROM audit x WHERE x.user_id = the_user
                   AND x.body <> '{"erased": "its account was deleted"}'::jsonb
                   AND x.kind NOT IN ('account_erased', 'account_deletion')) THEN
    RETURN false;
  END IF;
  UPDATE erasures SET step = 'done', finished_at = now() WHERE user_id = the_user AND finished_at IS NULL;
  RETURN true;
END $$;
"""

FUNCTIONS = {
    "coco_begin_erasure(text)": "coco_api",
    "coco_erasures_owed()": "coco_control",
    "coco_erase_keys()": "coco_control",
    "coco_erase_rows()": "coco_control",
    "coco_blank_audit(bigint[], text)": "coco_control",
    "coco_finish_erasure()": "coco_control",
}
"""Function -> the one role that may call it."""

INDEXES = (
    ("grants", "decision_id"),
    ("effects", "jti"),
    ("drifts", "read_id"),
    ("evaluations", "guardrail_id, guardrail_version"),
    ("evaluations", "lease_id"),
    ("notices", "guardrail_id, guardrail_version"),
    ("actions", "connection_id"),
    ("credit_budgets", "workflow_id"),
)
"""What a removed row is looked for by, in the tables that refer to it."""


def _filled(text: str) -> str:
    kept = "ARRAY[" + ", ".join(f"'{name}'" for name in KEPT) + "]::text[]"
    return text.replace("<the user>", USER_ID).replace("<kept>", kept)


def statements() -> list[str]:
    """Every statement, in order."""
    result = [
        "ALTER TABLE erasures ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY own ON erasures USING (user_id = {USER_ID}) WITH CHECK (user_id = {USER_ID})",
        "GRANT SELECT ON erasures TO coco_api",
        "GRANT SELECT, UPDATE (step) ON erasures TO coco_control",
        *(_filled(text) for text in (GUARD, ASKING, REMOVING)),
        *(f"CREATE INDEX ix_{table}_{columns.split(',')[0]}_ref ON {table} ({columns})" for table, columns in INDEXES),
    ]
    for function, role in FUNCTIONS.items():
        result.append(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        result.append(f"GRANT EXECUTE ON FUNCTION {function} TO {role}")
    result.append("REVOKE ALL ON FUNCTION coco_erasing(), coco_guard_tables() FROM PUBLIC")
    return result
