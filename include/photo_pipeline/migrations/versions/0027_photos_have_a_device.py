"""A photo knows the device that streamed it.

In a transaction of its own: nobody can read photos until that has ended, and building indexes takes its time (0029).

Revision ID: 0027
Revises: 0026
"""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

# No key: whoever writes to Kafka may name any device, and a device goes with its customer's account. What is left of it
# then is a number that says what belongs together, as of the customer.
DEVICES = """
ALTER TABLE photo ADD COLUMN device_id uuid;
COMMENT ON COLUMN photo.device_id IS 'The device that says it has streamed the photo';
"""


def upgrade() -> None:
    op.execute(DEVICES)


def downgrade() -> None:
    raise NotImplementedError("the older release runs on these tables as they are")
