"""Retention: whose settings count, and the functions that remove what is past its time.

Part of one migration; a later change of privileges is a new migration, never an edit here.

The database reckons the time itself, from its own clock and the account's settings: whoever calls these functions says
only which defaults the installation has, and no default goes below the floors written here.
"""

from __future__ import annotations

from store.migrations.privileges_0001 import USER_ID

FUNCTIONS = """
-- Before when something is past its time; never for what is kept until the account is deleted.
CREATE FUNCTION coco_kept_since(the_user uuid, what text, default_days integer) RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH term AS (
    SELECT coalesce((SELECT CASE what WHEN 'reads' THEN s.reads_days WHEN 'runs' THEN s.runs_days
                                      WHEN 'events' THEN s.events_days WHEN 'audit' THEN s.audit_days END
                       FROM retention_settings s WHERE s.user_id = the_user), default_days, 0) AS days)
  SELECT CASE WHEN days <= 0 THEN '-infinity'::timestamptz
              ELSE now() - greatest(days, CASE what WHEN 'reads' THEN 1 WHEN 'runs' THEN 7 WHEN 'events' THEN 1
                                                    ELSE 90 END) * interval '1 day' END
    FROM term
$$;

-- Nothing more of a run can begin: it has ended, and no outcome of it is still to be recorded or settled.
CREATE FUNCTION coco_run_closed(the_run uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM runs r WHERE r.id = the_run AND r.finished_at IS NOT NULL)
     AND NOT EXISTS (SELECT 1 FROM actions a WHERE a.run_id = the_run AND a.state IN ('approved', 'outcome_unknown'))
$$;

-- Whose data is past its time, for all users at once: whose, and nothing else of theirs.
CREATE FUNCTION coco_retention_due(reads_default integer, runs_default integer, events_default integer,
                                   audit_default integer) RETURNS TABLE (user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT u.id FROM users u
   WHERE NOT EXISTS (SELECT 1 FROM erasures e WHERE e.user_id = u.id) AND (
     EXISTS (SELECT 1 FROM reads r WHERE r.user_id = u.id AND r.request ->> 'target' <> '/'
               AND r.at < coco_kept_since(u.id, 'reads', reads_default) AND coco_run_closed(r.run_id))
     OR EXISTS (SELECT 1 FROM effects f JOIN actions a ON a.id = f.action_id
                 WHERE f.user_id = u.id AND f.response ->> 'body' <> ''
                   AND f.finished_at < coco_kept_since(u.id, 'reads', reads_default) AND coco_run_closed(a.run_id))
     OR EXISTS (SELECT 1 FROM runs r WHERE r.user_id = u.id AND r.trimmed_at IS NULL
                 AND r.finished_at < coco_kept_since(u.id, 'runs', runs_default) AND coco_run_closed(r.id))
     OR EXISTS (SELECT 1 FROM events v WHERE v.user_id = u.id
                 AND v.at < coco_kept_since(u.id, 'events', events_default))
     OR EXISTS (SELECT 1 FROM audit x WHERE x.user_id = u.id
                 AND x.at < coco_kept_since(u.id, 'audit', audit_default)
                 AND x.body <> '{"erased": "kept no longer than was set"}'::jsonb AND x.kind <> 'content_expired'))
$$;

-- Removes what is past its time in the session's user's rows, the audit excepted.
CREATE FUNCTION coco_trim(reads_default integer, runs_default integer, events_default integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  the_user uuid := <the user>;
  old uuid[];
  reads_before timestamptz := coco_kept_since(the_user, 'reads', reads_default);
BEGIN
  PERFORM set_config('coco.purging', 'on', true);
  -- The row of a read stays without what was in it: by it a later revocation knows what a run had read.
  UPDATE reads SET request = jsonb_build_object('protocol', request -> 'protocol', 'method', request -> 'method',
       'target', '/'), response = '{"status": 410, "headers": [], "body": "", "encoding": "text"}'
   WHERE user_id = the_user AND at < reads_before AND request ->> 'target' <> '/' AND coco_run_closed(run_id);
  UPDATE effects e SET response = jsonb_build_object('status', e.response -> 'status', 'headers', '[]'::jsonb,
       'body', '', 'encoding', 'text')
    FROM actions a WHERE a.id = e.action_id AND e.user_id = the_user AND e.finished_at < reads_before
     AND e.response ->> 'body' <> '' AND coco_run_closed(a.run_id);
  DELETE FROM events WHERE user_id = the_user AND at < coco_kept_since(the_user, 'events', events_default);

  SELECT coalesce(array_agg(r.id), '{}') INTO old FROM runs r
   WHERE r.user_id = the_user AND r.trimmed_at IS NULL AND coco_run_closed(r.id)
     AND r.finished_at < coco_kept_since(the_user, 'runs', runs_default);
  UPDATE runs SET card = NULL, goal = '', reason = '', trimmed_at = now() WHERE user_id = the_user AND id = ANY (old);
  UPDATE actions a SET
     key = CASE WHEN a.key LIKE 'erased:%' THEN a.key
                ELSE 'erased:' || encode(sha256(convert_to(a.key, 'UTF8')), 'hex') END,
     arguments = '{}', why = '', shown_before = NULL, outcome = NULL,
     body = jsonb_build_object(
       'connection', a.body -> 'connection', 'connector', a.body -> 'connector', 'operation', a.body -> 'operation',
       'request', jsonb_build_object('protocol', a.body -> 'request' -> 'protocol',
          'method', a.body -> 'request' -> 'method', 'headers', '[]'::jsonb, 'body', '', 'encoding', 'text',
          'target', CASE a.body -> 'request' ->> 'protocol' WHEN 'smtp' THEN '/message' ELSE '/' END),
       'prior', NULL,
       'preview', jsonb_build_object('summary', 'Removed: it was kept no longer than was set',
          'record', '', 'before', '{}'::jsonb, 'after', '{}'::jsonb, 'body', ''),
       'reversibility', a.body -> 'reversibility', 'credits', a.body -> 'credits')
   WHERE a.user_id = the_user AND a.run_id = ANY (old);
  DELETE FROM plan_drafts WHERE user_id = the_user AND run_id = ANY (old);
  DELETE FROM questions WHERE user_id = the_user AND run_id = ANY (old);
  DELETE FROM events WHERE user_id = the_user AND run_id = ANY (old);
  UPDATE decisions SET reason = '' WHERE user_id = the_user AND run_id = ANY (old) AND reason <> '';
  UPDATE reviews v SET reason = '' FROM actions a
   WHERE a.id = v.action_id AND v.user_id = the_user AND a.run_id = ANY (old) AND v.reason <> '';
  UPDATE evaluations v SET facts = '{}', reads = '[]',
       why = '{"text": "removed: it was kept no longer than was set", "clauses": []}'
    FROM actions a WHERE a.id = v.action_id AND v.user_id = the_user AND a.run_id = ANY (old);
  UPDATE effects e SET response = NULL, detail = '{}'
    FROM actions a WHERE a.id = e.action_id AND e.user_id = the_user AND a.run_id = ANY (old);
  UPDATE refusals SET detail = detail - 'path' WHERE user_id = the_user AND detail ? 'path'
     AND at < coco_kept_since(the_user, 'runs', runs_default);
  PERFORM set_config('coco.purging', '', true);
END $$;

-- As before (store.migrations.privileges_erasing), and `retention` for what is past its time.
CREATE OR REPLACE FUNCTION coco_blank_audit(numbers bigint[], why text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  the_user uuid := <the user>;
  before timestamptz := 'infinity';
  text_of_it jsonb;
BEGIN
  IF why = 'account' THEN
    PERFORM coco_erasing();
    text_of_it := '{"erased": "its account was deleted"}';
  ELSIF why = 'retention' THEN
    before := now() - interval '90 days';
    text_of_it := '{"erased": "kept no longer than was set"}';
  ELSE
    RAISE EXCEPTION 'an entry is not blanked for that' USING ERRCODE = 'check_violation';
  END IF;
  PERFORM set_config('coco.purging', 'on', true);
  UPDATE audit x SET body = text_of_it WHERE x.user_id = the_user AND x.seq = ANY (numbers) AND x.at < before
     AND x.kind NOT IN ('account_erased', 'account_deletion', 'content_expired');
  PERFORM set_config('coco.purging', '', true);
END $$;

CREATE OR REPLACE FUNCTION coco_finish_erasure() RETURNS boolean
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
                   AND x.kind NOT IN ('account_erased', 'account_deletion', 'content_expired')) THEN
    RETURN false;
  END IF;
  UPDATE erasures SET step = 'done', finished_at = now() WHERE user_id = the_user AND finished_at IS NULL;
  RETURN true;
END $$;

-- As before, and the reason that a person gave may be taken out of a decision and a review.
CREATE OR REPLACE FUNCTION coco_append_only() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF current_user = (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = TG_RELID) THEN
    IF current_setting('coco.erasing', true) = 'on' THEN
      IF TG_OP = 'DELETE' AND TG_TABLE_NAME NOT IN ('audit_checkpoints', 'ledger_transactions', 'ledger_postings') THEN
        RETURN OLD;
      END IF;
      IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'ledger_transactions'
         AND to_jsonb(NEW) - '{items,ref}'::text[] = to_jsonb(OLD) - '{items,ref}'::text[] THEN
        RETURN NEW;
      END IF;
    END IF;
    IF TG_OP = 'UPDATE' AND current_setting('coco.purging', true) = 'on' AND TG_TABLE_NAME IN ('decisions', 'reviews')
       AND to_jsonb(NEW) - 'reason' = to_jsonb(OLD) - 'reason' AND to_jsonb(NEW) ->> 'reason' = '' THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;
"""

KEPT_AT_ERASURE = (
    "users", "erasures", "audit", "audit_unsigned", "audit_checkpoints", "ledger_transactions", "ledger_postings",
    "credit_accounts",
)  # fmt: skip

CALLABLE = (
    "coco_retention_due(integer, integer, integer, integer)",
    "coco_trim(integer, integer, integer)",
    "coco_kept_since(uuid, text, integer)",
)
"""By the control side."""


def statements() -> list[str]:
    """Every statement, in order."""
    kept = "ARRAY[" + ", ".join(f"'{name}'" for name in KEPT_AT_ERASURE) + "]::text[]"
    result = [
        "ALTER TABLE retention_settings ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY own ON retention_settings USING (user_id = {USER_ID}) WITH CHECK (user_id = {USER_ID})",
        "GRANT SELECT, INSERT, UPDATE (reads_days, runs_days, events_days, audit_days, updated_at) "
        "ON retention_settings TO coco_api",
        "GRANT SELECT ON retention_settings TO coco_control",
        FUNCTIONS.replace("<the user>", USER_ID).replace("<kept>", kept),
        "REVOKE ALL ON FUNCTION coco_run_closed(uuid) FROM PUBLIC",
    ]
    for function in CALLABLE:
        result.append(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        result.append(f"GRANT EXECUTE ON FUNCTION {function} TO coco_control")
    return result
