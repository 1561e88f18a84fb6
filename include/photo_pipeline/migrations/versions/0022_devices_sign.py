"""A device may have a key of its own, with which it signs what it writes to Kafka; the pipeline reads that key.

Revision ID: 0022
Revises: 0021
"""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

# The x of an Ed25519 JWK: 32 bytes in unpadded base64url. A key is for ever: no role may change it.
ADD = """
ALTER TABLE device ADD COLUMN public_key text CHECK (public_key ~ '^[A-Za-z0-9_-]{43}$');
GRANT SELECT (device_id, customer_id, public_key, revoked_at) ON device TO photo_pipeline;
"""
REMOVE = """
REVOKE SELECT (device_id, customer_id, public_key, revoked_at) ON device FROM photo_pipeline;
ALTER TABLE device DROP COLUMN public_key;
"""


def upgrade() -> None:
    op.execute(ADD)


def downgrade() -> None:
    op.execute(REMOVE)
