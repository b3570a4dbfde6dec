"""The ledger inside the database: who may write which transaction, and that it adds up."""

from __future__ import annotations

from store.migrations.privileges_0001 import USER_ID

TABLES = ("ledger_transactions", "ledger_postings", "credit_budgets")

PRIVILEGES = {
    "coco_api": {
        "ledger_transactions": "SELECT, INSERT",
        "ledger_postings": "SELECT, INSERT",
        "credit_budgets": "SELECT, INSERT, UPDATE (credits), DELETE",
    },
    "coco_control": {
        "ledger_transactions": "SELECT, INSERT",
        "ledger_postings": "SELECT, INSERT",
        "credit_budgets": "SELECT",
    },
}

FUNCTIONS = """
-- An account's balance is what the postings say; no role writes it.
CREATE FUNCTION coco_post() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO credit_accounts (user_id, balance, reserved) VALUES (NEW.user_id, 0, 0) ON CONFLICT DO NOTHING;
  UPDATE credit_accounts SET
     balance = balance + CASE WHEN NEW.account IN ('available', 'reserved') THEN NEW.amount ELSE 0 END,
     reserved = reserved + CASE WHEN NEW.account = 'reserved' THEN NEW.amount ELSE 0 END
   WHERE user_id = NEW.user_id;
  RETURN NULL;
END $$;
CREATE TRIGGER post AFTER INSERT ON ledger_postings FOR EACH ROW EXECUTE FUNCTION coco_post();

-- At the end of the transaction: each movement has the shape of its kind, and sums to zero.
CREATE FUNCTION coco_check_movement() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  moved ledger_transactions;
  issued bigint; available bigint; held bigint; used bigint; set_aside bigint;
BEGIN
  IF TG_TABLE_NAME = 'ledger_postings' THEN
    SELECT * INTO moved FROM ledger_transactions t WHERE t.id = NEW.transaction_id;
  ELSE
    moved := NEW;
  END IF;
  SELECT coalesce(sum(amount) FILTER (WHERE account = 'issued'), 0),
         coalesce(sum(amount) FILTER (WHERE account = 'available'), 0),
         coalesce(sum(amount) FILTER (WHERE account = 'reserved'), 0),
         coalesce(sum(amount) FILTER (WHERE account = 'used'), 0)
    INTO issued, available, held, used FROM ledger_postings p WHERE p.transaction_id = moved.id;
  IF issued + available + held + used <> 0 THEN
    RAISE EXCEPTION 'the postings do not sum to zero' USING ERRCODE = 'check_violation';
  END IF;
  IF moved.kind IN ('settle', 'release') THEN
    SELECT coalesce(sum(p.amount), 0) INTO set_aside
      FROM ledger_transactions t JOIN ledger_postings p ON p.transaction_id = t.id AND p.account = 'reserved'
     WHERE t.user_id = moved.user_id AND t.kind = 'reserve' AND t.ref = moved.ref;
    PERFORM 1 FROM ledger_transactions t WHERE t.user_id = moved.user_id AND t.kind = 'reserve' AND t.ref = moved.ref;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'nothing was reserved for this' USING ERRCODE = 'check_violation';
    END IF;
  END IF;
  IF NOT (CASE moved.kind
    WHEN 'sign_up' THEN available = 1000 AND held = 0 AND used = 0
    WHEN 'top_up' THEN available > 0 AND held = 0 AND used = 0
    WHEN 'reserve' THEN issued = 0 AND held >= 0 AND used = 0
    WHEN 'settle' THEN issued = 0 AND held = -set_aside AND used >= 0 AND available >= 0
    WHEN 'release' THEN issued = 0 AND held = -set_aside AND used = 0
    ELSE false END) THEN
    RAISE EXCEPTION 'no % moves credits like this', moved.kind USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER check_movement AFTER INSERT ON ledger_transactions
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION coco_check_movement();
CREATE CONSTRAINT TRIGGER check_movement AFTER INSERT ON ledger_postings
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION coco_check_movement();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_transactions
  FOR EACH ROW EXECUTE FUNCTION coco_append_only();
CREATE TRIGGER append_only_all BEFORE TRUNCATE ON ledger_transactions
  FOR EACH STATEMENT EXECUTE FUNCTION coco_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_postings
  FOR EACH ROW EXECUTE FUNCTION coco_append_only();
CREATE TRIGGER append_only_all BEFORE TRUNCATE ON ledger_postings
  FOR EACH STATEMENT EXECUTE FUNCTION coco_append_only();
"""

MOVE_OLD_ROWS = """
INSERT INTO ledger_transactions (id, user_id, kind, ref, items, at)
  SELECT id, user_id, 'sign_up', ref, items, at FROM credit_entries WHERE kind = 'sign_up';
-- What was released has moved nothing in the end.
INSERT INTO ledger_transactions (id, user_id, kind, ref, workflow_id, run_id, items, at)
  SELECT gen_random_uuid(), r.user_id, 'reserve', r.action_id::text, a.workflow_id, a.run_id, '[]',
         coalesce((SELECT min(g.issued_at) FROM grants g WHERE g.action_id = r.action_id), now())
    FROM credit_reservations r JOIN actions a ON a.id = r.action_id WHERE r.state <> 'released';
INSERT INTO ledger_transactions (id, user_id, kind, ref, workflow_id, run_id, items, at)
  SELECT e.id, r.user_id, 'settle', r.action_id::text, a.workflow_id, a.run_id, e.items, e.at
    FROM credit_reservations r JOIN actions a ON a.id = r.action_id
    JOIN credit_entries e ON e.user_id = r.user_id AND e.kind = 'debit' AND e.ref = r.action_id::text
   WHERE r.state = 'settled';
UPDATE credit_accounts SET balance = 0, reserved = 0;
INSERT INTO ledger_postings (transaction_id, account, user_id, amount)
  SELECT t.id, side.account, t.user_id, side.amount
    FROM ledger_transactions t
    LEFT JOIN credit_entries e ON e.id = t.id
    LEFT JOIN credit_reservations r ON r.action_id::text = t.ref,
    LATERAL (VALUES
      (1, 'issued', CASE t.kind WHEN 'sign_up' THEN -e.amount ELSE 0 END),
      (2, 'available', CASE t.kind WHEN 'sign_up' THEN e.amount WHEN 'reserve' THEN -r.amount ELSE 0 END),
      (3, 'reserved', CASE t.kind WHEN 'reserve' THEN r.amount WHEN 'settle' THEN -r.amount ELSE 0 END),
      (4, 'used', CASE t.kind WHEN 'settle' THEN r.amount ELSE 0 END)) AS side (place, account, amount)
   WHERE side.amount <> 0
   -- Credits come in, are set aside, and are used.
   ORDER BY array_position(ARRAY['sign_up', 'reserve', 'settle'], t.kind), t.at, t.id, side.place;
SET CONSTRAINTS ALL IMMEDIATE;
"""


def statements() -> list[str]:
    """Every statement after the tables are there and the old rows moved, in order."""
    result: list[str] = []
    for table in TABLES:
        result.append(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        result.append(f"CREATE POLICY own ON {table} USING (user_id = {USER_ID}) WITH CHECK (user_id = {USER_ID})")
    result += [
        # A top-up is the owner's alone, to whom policies do not apply.
        "CREATE POLICY only_sign_up ON ledger_transactions AS RESTRICTIVE FOR INSERT TO coco_api "
        "WITH CHECK (kind = 'sign_up' AND ref = 'sign_up')",
        "CREATE POLICY only_actions ON ledger_transactions AS RESTRICTIVE FOR INSERT TO coco_control "
        "WITH CHECK (kind IN ('reserve', 'settle', 'release'))",
        "REVOKE INSERT ON credit_accounts FROM coco_api",
        "REVOKE UPDATE (balance, reserved) ON credit_accounts FROM coco_control",
    ]
    for role, tables in PRIVILEGES.items():
        for table, privileges in tables.items():
            result.append(f"GRANT {privileges} ON {table} TO {role}")
    return result
