"""Calls, paces, pausing and purging: who may write what, and the one door through which data is removed.

Part of the seventh migration; a later change of privileges is a new migration, never an edit here.

What was read through a revoked connection is removed by `coco_purge` alone. It runs as the tables' owner, for a revoked
connection of the session's own user, and is the only thing that may blank an entry of the append-only tables.
"""

from __future__ import annotations

from store.migrations.privileges_0001 import USER_ID

OWNED = ("calls", "paces")

PRIVILEGES: dict[str, dict[str, str]] = {
    "coco_api": {
        "calls": "SELECT",
        "paces": "SELECT",
        "connections": "UPDATE (broken_at, purge_owed_at)",
        "runs": "UPDATE (paused_at)",
    },
    "coco_control": {
        "connections": "UPDATE (purge_owed_at, purged_at)",
        "paces": "SELECT",
        "runs": "UPDATE (replan)",
        "sealed_credentials": "SELECT (id, user_id, connection_id, created_at)",
    },
    "coco_gateway": {
        "calls": "SELECT, INSERT",
        "paces": "SELECT, INSERT, UPDATE (level, at, blocked_until, reason, failures)",
        "connections": "UPDATE (broken_at)",
        # What was certainly turned away may begin once more, with the same grant or a later one.
        "effects": "UPDATE (jti, started_at)",
        # Runs that depend on a connection hear of what the provider said of its credential.
        "wakeups": "INSERT",
        "events": "SELECT (id)",
    },
}

FUNCTIONS = """
-- Nothing is rewritten, not even by the owner's own functions: an entry may only be blanked, by `coco_purge`.
CREATE FUNCTION coco_only_blanked() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND current_setting('coco.purging', true) = 'on'
     AND current_user = (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = TG_RELID) THEN
    IF TG_TABLE_NAME = 'audit' AND to_jsonb(NEW) - 'body' = to_jsonb(OLD) - 'body'
       AND NEW.body = '{"erased": "read through a revoked connection"}'::jsonb THEN
      RETURN NEW;
    END IF;
    IF TG_TABLE_NAME = 'evaluations'
       AND to_jsonb(NEW) - '{facts,reads,why}'::text[] = to_jsonb(OLD) - '{facts,reads,why}'::text[]
       AND NEW.facts = '{}'::jsonb AND NEW.reads = '[]'::jsonb THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;
DROP TRIGGER append_only ON audit;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION coco_only_blanked();
DROP TRIGGER append_only ON evaluations;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON evaluations
  FOR EACH ROW EXECUTE FUNCTION coco_only_blanked();

-- Whether a person or a guardrail opened the gate for an action: then its record is the user's own, and stays.
CREATE FUNCTION coco_was_approved(the_action uuid, the_state text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT the_state IN ('approved', 'done', 'failed', 'drifted', 'outcome_unknown')
      OR EXISTS (SELECT 1 FROM decisions d WHERE d.action_id = the_action AND d.verdict = 'approve')
$$;

-- Removes what was read through a revoked connection, and what was made of it and not approved. The numbers of the
-- audit entries that were blanked: whoever calls it must say so in the chain, in the same transaction.
CREATE FUNCTION coco_purge(the_connection uuid) RETURNS SETOF bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  the_user uuid := nullif(current_setting('coco.user_id', true), '')::uuid;
  touched uuid[];
  unapproved uuid[];
BEGIN
  PERFORM 1 FROM connections c WHERE c.id = the_connection AND c.user_id = the_user AND c.state = 'revoked'
     FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'only a revoked connection of one''s own is purged' USING ERRCODE = 'check_violation';
  END IF;
  PERFORM set_config('coco.purging', 'on', true);
  -- Whatever the sandbox still holds, it can hand in to nobody any more. (One that is started later is emptied first.)
  UPDATE sandboxes SET token_sha256 = NULL, state = CASE state WHEN 'running' THEN 'stopped' ELSE state END
   WHERE user_id = the_user AND token_sha256 IS NOT NULL
     AND EXISTS (SELECT 1 FROM connections c WHERE c.id = the_connection
                  AND (c.purged_at IS NULL OR c.purged_at < c.broken_at));
  UPDATE connections SET purged_at = clock_timestamp() WHERE id = the_connection;
  SELECT coalesce(array_agg(DISTINCT r.run_id), '{}') INTO touched
    FROM reads r WHERE r.user_id = the_user AND r.connection_id = the_connection;
  PERFORM 1 FROM runs WHERE user_id = the_user AND id = ANY (touched) ORDER BY id FOR UPDATE;
  SELECT coalesce(array_agg(a.id), '{}') INTO unapproved FROM actions a
   WHERE a.user_id = the_user AND a.run_id = ANY (touched) AND NOT coco_was_approved(a.id, a.state);

  UPDATE runs r SET card = NULL, reason = '', updated_at = now(),
     replan = r.replan OR (r.finished_at IS NULL AND (
        EXISTS (SELECT 1 FROM actions a WHERE a.run_id = r.id AND a.state = 'pending')
        OR EXISTS (SELECT 1 FROM questions q WHERE q.run_id = r.id AND q.answer IS NULL)
        OR r.state IN ('starting', 'planning', 'asking')))
   WHERE r.user_id = the_user AND r.id = ANY (touched);
  -- A proposal keeps its key where a version of it was approved; a decided one is known by its key's hash, so that it
  -- is not put before its owner again; an open one is free to be proposed anew.
  UPDATE actions a SET
     key = CASE
       WHEN EXISTS (SELECT 1 FROM actions b WHERE b.run_id = a.run_id AND b.key = a.key
                      AND NOT b.id = ANY (unapproved)) THEN a.key
       WHEN a.key LIKE 'erased:%' THEN a.key
       WHEN EXISTS (SELECT 1 FROM actions b JOIN decisions d ON d.action_id = b.id AND d.verdict = 'reject'
                     WHERE b.run_id = a.run_id AND b.key = a.key)
         THEN 'erased:' || encode(sha256(convert_to(a.key, 'UTF8')), 'hex')
       ELSE 'erased:' || a.id::text END,
     state = CASE a.state WHEN 'pending' THEN 'cancelled' ELSE a.state END,
     arguments = '{}', why = '', shown_before = NULL, outcome = NULL, updated_at = now(),
     body = jsonb_build_object(
       'connection', a.body -> 'connection', 'connector', a.body -> 'connector', 'operation', a.body -> 'operation',
       'request', jsonb_build_object('protocol', a.body -> 'request' -> 'protocol',
          'method', a.body -> 'request' -> 'method', 'headers', '[]'::jsonb, 'body', '', 'encoding', 'text',
          'target', CASE a.body -> 'request' ->> 'protocol' WHEN 'smtp' THEN '/message' ELSE '/' END),
       'prior', NULL,
       'preview', jsonb_build_object('summary', 'Removed with what was read through a revoked connection',
          'record', '', 'before', '{}'::jsonb, 'after', '{}'::jsonb, 'body', ''),
       'reversibility', a.body -> 'reversibility', 'credits', a.body -> 'credits')
   WHERE a.user_id = the_user AND a.id = ANY (unapproved);
  DELETE FROM plan_drafts WHERE user_id = the_user AND run_id = ANY (touched);
  DELETE FROM questions WHERE user_id = the_user AND run_id = ANY (touched);
  DELETE FROM events WHERE user_id = the_user AND run_id = ANY (touched);
  -- A drift that is not recorded yet still needs its read's row, not what is in it.
  UPDATE reads SET request = jsonb_build_object('protocol', request -> 'protocol', 'method', request -> 'method',
       'target', '/'), response = '{"status": 410, "headers": [], "body": "", "encoding": "text"}'
   WHERE user_id = the_user AND run_id = ANY (touched)
     AND EXISTS (SELECT 1 FROM drifts d WHERE d.read_id = reads.id);
  DELETE FROM reads WHERE user_id = the_user AND run_id = ANY (touched)
     AND NOT EXISTS (SELECT 1 FROM drifts d WHERE d.read_id = reads.id);
  -- Of a recorded action's answer the audit entry has what its owner was told; the rest goes.
  UPDATE effects e SET response = jsonb_build_object('status', e.response -> 'status', 'headers', '[]'::jsonb,
       'body', '', 'encoding', 'text')
    FROM actions a WHERE a.id = e.action_id AND e.user_id = the_user AND a.run_id = ANY (touched)
     AND e.response IS NOT NULL AND a.state NOT IN ('approved', 'outcome_unknown');
  UPDATE evaluations v SET facts = '{}', reads = '[]',
       why = '{"text": "removed with what was read through a revoked connection", "clauses": []}'
   WHERE v.user_id = the_user AND v.action_id = ANY (unapproved);
  UPDATE refusals SET detail = detail - 'path'
   WHERE user_id = the_user AND detail ->> 'connection' = the_connection::text AND detail ? 'path';
  RETURN QUERY
    UPDATE audit x SET body = '{"erased": "read through a revoked connection"}'
     WHERE x.user_id = the_user AND NOT x.body ? 'erased' AND (
       (x.run_id = ANY (touched) AND (
          x.kind IN ('question_answered', 'request_refused')
          OR (x.kind = 'run_finished' AND x.body ->> 'reason' <> '')
          OR (x.action_id = ANY (unapproved))))
       OR (x.kind = 'request_refused' AND x.body -> 'detail' ->> 'connection' = the_connection::text))
    RETURNING x.seq;
  PERFORM set_config('coco.purging', '', true);
END $$;

-- Purging is owed for all users at once: whose, and of which connection, and nothing else of theirs.
CREATE FUNCTION coco_purges_owed() RETURNS TABLE (user_id uuid, connection_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT c.user_id, c.id FROM connections c WHERE c.purge_owed_at IS NOT NULL
$$;

-- Connected again, a revoked connection goes on under its own id: what was approved on it may then be carried out. It
-- takes what any connection needs, a credential that the provider accepted, given after the revocation.
CREATE OR REPLACE FUNCTION coco_check_connection() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.state = OLD.state THEN
    RETURN NEW;
  END IF;
  IF NEW.state = 'checking' THEN
    RAISE EXCEPTION 'a connection is being checked from its beginning or not at all' USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state = 'revoked' AND NEW.state NOT IN ('active', 'read_only') THEN
    RAISE EXCEPTION 'a revoked connection stays revoked' USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state = 'revoked' AND (OLD.purged_at IS NULL OR OLD.purged_at < OLD.broken_at) THEN
    RAISE EXCEPTION 'what a revoked connection had read is not removed yet' USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state IN ('checking', 'needs_reconnection', 'revoked') AND NEW.state IN ('active', 'read_only')
     AND NOT EXISTS (
      SELECT 1 FROM credential_attempts t WHERE t.connection_id = NEW.id AND t.user_id = NEW.user_id
       AND t.state IN ('works', 'unchecked') AND t.finished_at = NEW.credential_set_at
       AND (OLD.broken_at IS NULL OR t.created_at >= OLD.broken_at))
     THEN
    IF OLD.state = 'revoked' THEN
      RAISE EXCEPTION 'a revoked connection stays revoked until a credential given since was accepted'
        USING ERRCODE = 'check_violation';
    END IF;
    RAISE EXCEPTION 'no credential of this connection was accepted' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

-- As before, but for what was turned away: nothing came of it, so the action may still go back to the inbox.
CREATE OR REPLACE FUNCTION coco_check_action() RETURNS trigger
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
      SELECT 1 FROM decisions d WHERE d.action_id = NEW.id AND d.verdict = 'approve' AND d.digest = NEW.digest)
     AND coco_cover(NEW.id, NEW.user_id) IS NULL THEN
    RAISE EXCEPTION 'nobody approved this action' USING ERRCODE = 'check_violation';
  END IF;
  -- Back to the inbox: only what a guardrail had covered, and only while nothing was sent.
  IF NEW.state = 'pending' AND (OLD.state <> 'approved'
      OR EXISTS (SELECT 1 FROM decisions d WHERE d.action_id = NEW.id AND d.stage = 'gate')
      OR EXISTS (SELECT 1 FROM effects e WHERE e.action_id = NEW.id AND e.state <> 'turned_away')) THEN
    RAISE EXCEPTION 'this action does not go back to the inbox' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.state = 'done' AND NOT EXISTS (SELECT 1 FROM effects e WHERE e.action_id = NEW.id AND e.state = 'done')
     AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.action_id = NEW.id AND d.verdict = 'happened') THEN
    RAISE EXCEPTION 'nothing shows that this action took place' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
"""


def statements() -> list[str]:
    """Every statement, in order."""
    result = []
    for table in OWNED:
        result.append(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        result.append(f"CREATE POLICY own ON {table} USING (user_id = {USER_ID}) WITH CHECK (user_id = {USER_ID})")
    for role, tables in PRIVILEGES.items():
        for table, privileges in tables.items():
            result.append(f"GRANT {privileges} ON {table} TO {role}")
    result.append(FUNCTIONS)
    result.append(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON calls FOR EACH ROW EXECUTE FUNCTION coco_append_only()"
    )
    result += [
        "REVOKE ALL ON FUNCTION coco_purge(uuid), coco_purges_owed(), coco_was_approved(uuid, text) FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION coco_purge(uuid) TO coco_api, coco_control",
        "GRANT EXECUTE ON FUNCTION coco_purges_owed() TO coco_control",
    ]
    return result
