"""An outcome counts as changed whenever anything that analysts see of it changes.

The BI sync goes by the record's ``updated_xid`` and ``version``, but half of what it shows comes from the photo and the
customer. A photo that expires, comes back or is processed anew, and a customer who changes name, touch their records
here: no writer can forget to.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SHOWN = ("bytes", "format", "width", "height", "camera", "taken_at", "taken_at_offset", "expired_at")
OLD = ", ".join(f"OLD.{column}" for column in SHOWN)
NEW = ", ".join(f"NEW.{column}" for column in SHOWN)

# ``version = version`` changes nothing by itself: the trigger of ingest_record raises the version and stamps the row.
PHOTO = f"""
CREATE FUNCTION touch_outcomes_of_photo() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE ingest_record SET version = version
   WHERE photo_id = NEW.photo_id AND outcome IN ('processed', 'duplicate');
  RETURN NULL;
END $$;
CREATE TRIGGER photo_outcomes_touch AFTER UPDATE ON photo FOR EACH ROW
  WHEN (({OLD}) IS DISTINCT FROM ({NEW})) EXECUTE FUNCTION touch_outcomes_of_photo();
"""

# Who may rename a customer may not write records, so this runs with the owner's rights.
CUSTOMER = """
CREATE FUNCTION touch_outcomes_of_customer() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE ingest_record SET version = version WHERE customer_id = NEW.customer_id;
  RETURN NULL;
END $$;
CREATE TRIGGER customer_outcomes_touch AFTER UPDATE ON customer FOR EACH ROW
  WHEN (OLD.display_name IS DISTINCT FROM NEW.display_name) EXECUTE FUNCTION touch_outcomes_of_customer();
"""


def upgrade() -> None:
    op.execute(PHOTO)
    op.execute(CUSTOMER)


def downgrade() -> None:
    op.execute("DROP TRIGGER customer_outcomes_touch ON customer")
    op.execute("DROP TRIGGER photo_outcomes_touch ON photo")
    op.execute("DROP FUNCTION touch_outcomes_of_customer(), touch_outcomes_of_photo()")
