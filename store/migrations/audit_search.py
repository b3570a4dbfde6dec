"""The audit table's search columns, its chain guard, and the checkpoints: functions, privileges, policies.

Part of one migration; a later change is a new migration, never an edit here.

Search under row-level security: `@@` is not leakproof, so Postgres would not use the text index under a policy. So one
function with its owner's rights looks into the index; it compares `user_id` with the transaction's user itself, takes
no user as an argument, and tells sequence numbers alone. The rows are then read under the policy.
"""

from __future__ import annotations

from store.migrations.privileges_0001 import USER_ID

BUCKET_BITS = 12
"""Entries are searched in buckets of 4096, newest first (store.feed)."""

FUNCTIONS = """
-- What an entry cost. Zero where it cost nothing.
CREATE FUNCTION coco_audit_credits(the_body jsonb) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN jsonb_typeof(the_body #> '{credits,total}') = 'number'
              THEN greatest(0, least((the_body #>> '{credits,total}')::numeric, 2147483647))::integer ELSE 0 END
$$;

-- The texts of an entry, as words: every text and number in it, and the names of the fields that changed. Bounded, so
-- that no entry is too large to be searched for and so to be written.
CREATE FUNCTION coco_audit_text(the_body jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT translate(left(
      coalesce((SELECT string_agg(left(v #>> '{}', 20000), ' ')
                  FROM jsonb_path_query(the_body - '{digest,request_digest,grant,decision}'::text[], 'strict $.**') v
                 WHERE jsonb_typeof(v) IN ('string', 'number')), '')
      || ' ' || coalesce((SELECT string_agg(left(k, 200), ' ') FROM jsonb_object_keys(
          CASE WHEN jsonb_typeof(the_body -> 'after') = 'object' THEN the_body -> 'after' ELSE '{}' END) k), ''),
    100000), '@./:_-+~%&=?#', repeat(' ', 13))
$$;

-- The exact marks start with a character that no word has, so no text of anybody's is ever taken for one.
CREATE FUNCTION coco_audit_search(the_user uuid, the_seq bigint, the_kind text, the_actor text, the_run uuid,
                                  the_body jsonb) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT to_tsvector('pg_catalog.simple'::regconfig,
                     public.coco_audit_text(the_body) || ' ' || translate(the_kind, '_', ' '))
      || array_to_tsvector(array_remove(ARRAY[
           chr(1) || 'u' || replace(the_user::text, '-', '') || ':' || to_hex(the_seq >> <bits>),
           chr(1) || 'k' || left(the_kind, 200),
           chr(1) || 'a' || left(the_actor, 200),
           chr(1) || 't' || left(split_part(the_actor, ':', 1), 200),
           chr(1) || 'r' || the_run::text,
           chr(1) || 'w' || left(the_body ->> 'workflow', 200),
           chr(1) || 'c' || left(the_body ->> 'connection', 200),
           chr(1) || 'o' || left(the_body ->> 'operation', 200),
           chr(1) || '$' || length(nullif(public.coco_audit_credits(the_body), 0)::text)
         ], NULL))
$$;

-- Sequence numbers of the transaction's user, newest first. `marks` and `words` are both optional. Times never go
-- backwards within a chain (store.audit.append), so the ends of a span of time are those of a span of numbers.
CREATE FUNCTION coco_audit_find(marks text, words text, below bigint, since timestamptz, until timestamptz,
                                cost_from integer, cost_to integer, wanted integer)
RETURNS SETOF bigint LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp SET enable_seqscan = off SET plan_cache_mode = force_generic_plan SET jit = off AS $$
DECLARE
  me uuid := <the user>;
  scope text := chr(1) || 'u' || replace(me::text, '-', '') || ':';
  asked tsquery;
  above bigint := 0;
  bucket bigint;
  lowest bigint;
  width integer := 1;
  missing integer := least(wanted, 10000);
  got integer;
BEGIN
  IF me IS NULL THEN
    RETURN;
  END IF;
  below := least(below, 1 + coalesce((SELECT a.seq FROM audit a WHERE a.user_id = me ORDER BY a.seq DESC LIMIT 1), 0));
  IF until IS NOT NULL THEN
    below := least(below, 1 + coalesce((SELECT a.seq FROM audit a WHERE a.user_id = me AND a.at < until
                                         ORDER BY a.at DESC, a.seq DESC LIMIT 1), 0));
  END IF;
  IF since IS NOT NULL THEN
    above := -1 + coalesce((SELECT a.seq FROM audit a WHERE a.user_id = me AND a.at >= since
                             ORDER BY a.at, a.seq LIMIT 1), below);
  END IF;
  IF below - above < 2 THEN
    RETURN;
  END IF;
  asked := marks::tsquery;
  IF words IS NOT NULL THEN
    asked := coalesce(asked && to_tsquery('simple', words), to_tsquery('simple', words));
  END IF;
  IF asked IS NULL THEN
    RETURN QUERY SELECT a.seq FROM audit a WHERE a.user_id = me AND a.seq > above AND a.seq < below
                    AND (since IS NULL OR a.at >= since) AND (until IS NULL OR a.at < until)
                  ORDER BY a.seq DESC LIMIT missing;
    RETURN;
  END IF;
  bucket := (below - 1) >> <bits>;
  lowest := (above + 1) >> <bits>;
  WHILE bucket >= lowest AND missing > 0 LOOP
    -- What is dense is found in the newest bucket; where a bucket had little, more are looked at in one go.
    RETURN QUERY
      WITH hits AS MATERIALIZED (
        SELECT a.user_id, a.seq, a.at, a.credits FROM audit a
         WHERE a.search @@ (asked && (SELECT string_agg('''' || scope || to_hex(b) || '''', '|')::tsquery
                                        FROM generate_series(greatest(lowest, bucket - width + 1), bucket) b)))
      SELECT h.seq FROM hits h
       WHERE h.user_id = me AND h.seq > above AND h.seq < below
         AND (since IS NULL OR h.at >= since) AND (until IS NULL OR h.at < until)
         AND h.credits BETWEEN cost_from AND cost_to
       ORDER BY h.seq DESC LIMIT missing;
    GET DIAGNOSTICS got = ROW_COUNT;
    missing := missing - got;
    bucket := bucket - width;
    width := CASE WHEN got * 4 <= missing THEN least(width * 2, 32) ELSE width END;
  END LOOP;
END $$;

-- An entry follows the one before it: the chain has no gap and no second end, whoever writes. And it waits to be
-- signed.
CREATE FUNCTION coco_check_audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  newest record;
BEGIN
  SELECT a.seq, a.hash INTO newest FROM audit a WHERE a.user_id = NEW.user_id ORDER BY a.seq DESC LIMIT 1;
  IF NEW.seq <> coalesce(newest.seq, 0) + 1 OR NEW.prev_hash <> coalesce(newest.hash, repeat('0', 64))
     OR NEW.hash !~ '^[0-9a-f]{64}$' THEN
    RAISE EXCEPTION 'the entry does not follow the newest one' USING ERRCODE = 'check_violation';
  END IF;
  INSERT INTO audit_unsigned AS u (user_id, since, entries, wanted, problem)
    VALUES (NEW.user_id, now(), 1, NEW.kind = 'audit_exported', '')
    ON CONFLICT (user_id) DO UPDATE SET entries = u.entries + 1, wanted = u.wanted OR excluded.wanted;
  IF NEW.kind = 'audit_exported' THEN
    PERFORM pg_notify('coco_checkpoints', '');
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_audit BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION coco_check_audit();

-- As it was (store.migrations.privileges_purging), with the columns that are made of the body left out of the
-- comparison: they are not made yet where a trigger looks at a row before it is written.
CREATE OR REPLACE FUNCTION coco_only_blanked() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND current_setting('coco.purging', true) = 'on'
     AND current_user = (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = TG_RELID) THEN
    IF TG_TABLE_NAME = 'audit'
       AND to_jsonb(NEW) - '{body,credits,search}'::text[] = to_jsonb(OLD) - '{body,credits,search}'::text[]
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

CREATE FUNCTION coco_check_checkpoint() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM audit a WHERE a.user_id = NEW.user_id AND a.seq = NEW.seq AND a.hash = NEW.hash;
  IF NOT FOUND OR NEW.number <> 1 + coalesce(
      (SELECT max(c.number) FROM audit_checkpoints c WHERE c.user_id = NEW.user_id), 0) THEN
    RAISE EXCEPTION 'the checkpoint is not of an entry, or not the next one' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_checkpoint BEFORE INSERT ON audit_checkpoints
  FOR EACH ROW EXECUTE FUNCTION coco_check_checkpoint();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_checkpoints
  FOR EACH ROW EXECUTE FUNCTION coco_append_only();
CREATE TRIGGER append_only_all BEFORE TRUNCATE ON audit_checkpoints
  FOR EACH STATEMENT EXECUTE FUNCTION coco_append_only();
"""

COLUMNS = """
ALTER TABLE audit
  ADD COLUMN credits integer GENERATED ALWAYS AS (coco_audit_credits(body)) STORED,
  ADD COLUMN search tsvector
    GENERATED ALWAYS AS (coco_audit_search(user_id, seq, kind, actor, run_id, body)) STORED
"""
INDEXES = (
    # Without the pending list: a reader would have to walk it.
    "CREATE INDEX ix_audit_search ON audit USING gin (search) WITH (fastupdate = off)",
    "CREATE INDEX ix_audit_time ON audit (user_id, at, seq)",
)


def statements() -> list[str]:
    """Every statement, in order, once the new tables are there."""
    functions = FUNCTIONS.replace("<the user>", USER_ID).replace("<bits>", str(BUCKET_BITS))
    result = [functions, COLUMNS, *INDEXES]
    for table in ("audit_unsigned", "audit_checkpoints"):
        result.append(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        result.append(f"CREATE POLICY own ON {table} USING (user_id = {USER_ID}) WITH CHECK (user_id = {USER_ID})")
    result += [
        # What works for all users at once: signing what waits for it.
        "CREATE POLICY sign ON audit_unsigned TO coco_control USING (true) WITH CHECK (true)",
        "GRANT SELECT, DELETE, UPDATE (problem, since, wanted) ON audit_unsigned TO coco_control",
        "GRANT SELECT ON audit_unsigned TO coco_api",
        "GRANT SELECT, INSERT ON audit_checkpoints TO coco_control",
        "GRANT SELECT ON audit_checkpoints TO coco_api",
        # Everything that is there already waits for its first checkpoint.
        "INSERT INTO audit_unsigned (user_id, since, entries, wanted, problem) "
        "SELECT user_id, now(), count(*), false, '' FROM audit GROUP BY user_id",
        "REVOKE ALL ON FUNCTION coco_audit_find(text, text, bigint, timestamptz, timestamptz, integer, integer, "
        "integer) FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION coco_audit_find(text, text, bigint, timestamptz, timestamptz, integer, integer, "
        "integer) TO coco_api",
    ]
    return result
