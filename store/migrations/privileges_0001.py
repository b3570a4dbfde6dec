"""Row-level security, privileges per role, and the triggers that hold the gate inside the database.

Part of the first migration; a later change of privileges is a new migration, never an edit here.
"""

from __future__ import annotations

USER_ID = "nullif(current_setting('coco.user_id', true), '')::uuid"

OWNED = (
    "sessions",
    "user_keys",
    "connections",
    "sealed_credentials",
    "workflows",
    "runs",
    "plan_drafts",
    "questions",
    "reads",
    "actions",
    "decisions",
    "grants",
    "effects",
    "drifts",
    "refusals",
    "wakeups",
    "audit",
    "credit_accounts",
    "credit_entries",
    "credit_reservations",
    "events",
    "sandboxes",
)

# role -> table -> privileges. What is not here is refused by Postgres.
PRIVILEGES: dict[str, dict[str, str]] = {
    "coco_api": {
        "users": "SELECT, INSERT, UPDATE (name, password_hash)",
        "sessions": "SELECT, INSERT, UPDATE (refresh_sha256, previous_sha256, expires_at, revoked_at)",
        "user_keys": "INSERT",
        "connections": "SELECT, INSERT, UPDATE (title, state, base_url, settings)",
        "sealed_credentials": "INSERT, SELECT (id, user_id, connection_id, created_at), DELETE",
        "workflows": "SELECT, INSERT, UPDATE (title, params, connections, trust_level, archived_at)",
        "runs": "SELECT, INSERT, UPDATE (state, reason, updated_at, finished_at, cancel_requested_at)",
        "questions": "SELECT, UPDATE (answer, answered_at)",
        "reads": "SELECT",
        "actions": "SELECT, INSERT, UPDATE (state, outcome, updated_at)",
        "decisions": "SELECT, INSERT",
        "grants": "SELECT",
        "effects": "SELECT",
        "drifts": "SELECT",
        "refusals": "SELECT",
        "wakeups": "SELECT, INSERT, UPDATE (delivered_at, attempts, next_attempt_at)",
        "audit": "SELECT, INSERT",
        "credit_accounts": "SELECT, INSERT",
        "credit_entries": "SELECT, INSERT",
        "credit_reservations": "SELECT",
        "events": "SELECT, INSERT",
        "sandboxes": "SELECT, INSERT, UPDATE (state, last_active_at)",
    },
    "coco_control": {
        "users": "SELECT (id, email, name, is_operator, created_at)",
        "user_keys": "SELECT",
        "connections": "SELECT, UPDATE (state)",
        "workflows": "SELECT",
        "runs": "SELECT, UPDATE (state, reason, card, revision, updated_at, finished_at, cancel_requested_at)",
        "plan_drafts": "SELECT",
        "questions": "SELECT, INSERT",
        "reads": "SELECT",
        "actions": "SELECT, INSERT, UPDATE (state, outcome, updated_at)",
        "decisions": "SELECT",
        "grants": "SELECT, INSERT",
        "effects": "SELECT",
        "drifts": "SELECT",
        "refusals": "SELECT",
        "wakeups": "SELECT, INSERT, UPDATE (delivered_at, attempts, next_attempt_at)",
        "audit": "SELECT, INSERT",
        "credit_accounts": "SELECT, UPDATE (balance, reserved)",
        "credit_entries": "SELECT, INSERT",
        "credit_reservations": "SELECT, INSERT, UPDATE (state)",
        "events": "SELECT, INSERT",
        "sandboxes": "SELECT, INSERT, UPDATE",
    },
    "coco_gateway": {
        "user_keys": "SELECT",
        "connections": "SELECT, UPDATE (last_used_at)",
        "sealed_credentials": "SELECT",
        "workflows": "SELECT",
        "runs": "SELECT, UPDATE (updated_at)",
        "plan_drafts": "SELECT, INSERT",
        "questions": "SELECT",
        "reads": "SELECT, INSERT",
        "actions": "SELECT",
        "grants": "SELECT, UPDATE (spent_at)",
        "effects": "SELECT, INSERT, UPDATE (state, response, detail, finished_at)",
        "drifts": "SELECT, INSERT",
        "refusals": "SELECT, INSERT",
        "audit": "SELECT, INSERT",
        "events": "INSERT",
        "sandboxes": "SELECT, UPDATE (public_key, last_active_at)",
    },
}

FUNCTIONS = """
-- Sign-in happens before there is a user to scope by: two narrow doors instead of a readable table.
CREATE FUNCTION coco_sign_in(wanted text)
RETURNS TABLE (id uuid, password_hash text, is_operator boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT u.id, u.password_hash, u.is_operator FROM users u WHERE u.email = lower(wanted)
$$;

CREATE FUNCTION coco_session_owner(token_sha256 text)
RETURNS TABLE (session_id uuid, user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT s.id, s.user_id FROM sessions s
  WHERE s.refresh_sha256 = token_sha256 OR s.previous_sha256 = token_sha256
$$;

-- The gate inside the database: no grant without an approval of exactly this action by its owner.
CREATE FUNCTION coco_check_grant() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.guardrail_id IS NOT NULL THEN
    RAISE EXCEPTION 'grants by guardrail are not open in this version' USING ERRCODE = 'check_violation';
  END IF;
  PERFORM 1 FROM decisions d JOIN actions a ON a.id = d.action_id AND a.user_id = d.user_id
   WHERE d.id = NEW.decision_id AND d.user_id = NEW.user_id AND d.action_id = NEW.action_id
     AND d.run_id = NEW.run_id AND a.run_id = NEW.run_id
     AND d.verdict = 'approve' AND d.digest = NEW.digest AND a.digest = NEW.digest AND a.state = 'approved';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no approval covers this grant' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.spent_at IS NOT NULL THEN
    RAISE EXCEPTION 'a grant starts unspent' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_grant BEFORE INSERT ON grants FOR EACH ROW EXECUTE FUNCTION coco_check_grant();

CREATE FUNCTION coco_spend_once() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF OLD.spent_at IS NOT NULL THEN
    RAISE EXCEPTION 'a spent grant stays spent' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER spend_once BEFORE UPDATE ON grants FOR EACH ROW EXECUTE FUNCTION coco_spend_once();

CREATE FUNCTION coco_check_decision() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF (NEW.verdict IN ('approve', 'reject', 'edit')) <> (NEW.stage = 'gate')
     OR NEW.verdict NOT IN ('approve', 'reject', 'edit', 'happened', 'did_not_happen') THEN
    RAISE EXCEPTION 'verdict and stage disagree' USING ERRCODE = 'check_violation';
  END IF;
  PERFORM 1 FROM actions a WHERE a.id = NEW.action_id AND a.user_id = NEW.user_id AND a.run_id = NEW.run_id
     AND a.digest = NEW.digest;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the decision is about another action than the one shown' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_decision BEFORE INSERT ON decisions FOR EACH ROW EXECUTE FUNCTION coco_check_decision();

-- A state that claims an approval or an effect needs the row that proves it.
CREATE FUNCTION coco_check_action() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'pending' THEN
      RAISE EXCEPTION 'an action starts pending' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.state = OLD.state THEN
    RETURN NEW;
  END IF;
  IF OLD.state NOT IN ('pending', 'approved', 'outcome_unknown') THEN
    RAISE EXCEPTION 'the action is already %', OLD.state USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.state = 'approved' AND NOT EXISTS (
      SELECT 1 FROM decisions d WHERE d.action_id = NEW.id AND d.verdict = 'approve' AND d.digest = NEW.digest) THEN
    RAISE EXCEPTION 'nobody approved this action' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.state = 'done' AND NOT EXISTS (SELECT 1 FROM effects e WHERE e.action_id = NEW.id AND e.state = 'done')
     AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.action_id = NEW.id AND d.verdict = 'happened') THEN
    RAISE EXCEPTION 'nothing shows that this action took place' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_action BEFORE INSERT OR UPDATE ON actions FOR EACH ROW EXECUTE FUNCTION coco_check_action();

CREATE FUNCTION coco_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION coco_append_only();
CREATE TRIGGER append_only_all BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION coco_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON decisions FOR EACH ROW EXECUTE FUNCTION coco_append_only();
CREATE TRIGGER append_only_all BEFORE TRUNCATE ON decisions FOR EACH STATEMENT EXECUTE FUNCTION coco_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON credit_entries
  FOR EACH ROW EXECUTE FUNCTION coco_append_only();

CREATE FUNCTION coco_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('coco_events', NEW.user_id::text || ':' || NEW.id::text);
  RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION coco_tell();

CREATE FUNCTION coco_tell_wakeup() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('coco_wakeups', '');
  RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT ON wakeups FOR EACH STATEMENT EXECUTE FUNCTION coco_tell_wakeup();
"""


def statements() -> list[str]:
    """Every statement, in order."""
    result = [
        "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "GRANT USAGE ON SCHEMA public TO coco_api, coco_control, coco_gateway",
        "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY own ON users USING (id = {USER_ID}) WITH CHECK (id = {USER_ID} AND NOT is_operator)",
    ]
    for table in OWNED:
        result.append(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        result.append(f"CREATE POLICY own ON {table} USING (user_id = {USER_ID}) WITH CHECK (user_id = {USER_ID})")
    # What works for all users at once: delivering wake-ups, keeping sandboxes, listening on their sockets.
    result += [
        "CREATE POLICY deliver ON wakeups TO coco_control USING (true) WITH CHECK (true)",
        "CREATE POLICY keep ON sandboxes TO coco_control USING (true) WITH CHECK (true)",
        "CREATE POLICY no_token ON sandboxes AS RESTRICTIVE FOR INSERT TO coco_api "
        "WITH CHECK (token_sha256 IS NULL AND public_key IS NULL)",
        "CREATE POLICY listen ON sandboxes FOR SELECT TO coco_gateway USING (true)",
    ]
    for role, tables in PRIVILEGES.items():
        for table, privileges in tables.items():
            result.append(f"GRANT {privileges} ON {table} TO {role}")
    result.append(FUNCTIONS)
    result += [
        "REVOKE ALL ON FUNCTION coco_sign_in(text), coco_session_owner(text) FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION coco_sign_in(text), coco_session_owner(text) TO coco_api",
    ]
    return result
