"""Regions: a database is of one, and takes no tenant of another.

Part of one migration; a later change of privileges is a new migration, never an edit here.
"""

from __future__ import annotations

FUNCTIONS = """
CREATE FUNCTION coco_of_this_region() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  here text := coalesce((SELECT s.region FROM region_stamp s), '');
BEGIN
  IF TG_OP = 'INSERT' AND NEW.region = '' THEN
    NEW.region := here;
  END IF;
  IF NEW.region <> here THEN
    RAISE EXCEPTION 'this database takes tenants of region %, not of %', here, NEW.region
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER of_this_region BEFORE INSERT OR UPDATE OF region ON users
  FOR EACH ROW EXECUTE FUNCTION coco_of_this_region();

-- The owner stamps it once; nobody makes it another region's.
CREATE FUNCTION coco_stamped() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' OR NEW.region <> OLD.region THEN
    RAISE EXCEPTION 'a database stays in its region' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER stamped BEFORE UPDATE OR DELETE ON region_stamp FOR EACH ROW EXECUTE FUNCTION coco_stamped();
"""


def statements() -> list[str]:
    """Every statement, in order."""
    return [
        "ALTER TABLE region_stamp ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY everybody ON region_stamp FOR SELECT USING (true)",
        "GRANT SELECT ON region_stamp TO coco_api, coco_control, coco_gateway",
        "GRANT SELECT (region) ON users TO coco_control",
        FUNCTIONS,
    ]
