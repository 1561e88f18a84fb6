"""Roles see and change the columns that they need, and no other.

The pipeline looks whether a customer exists; it has no business with passwords and addresses. The upload API hashes a
password anew and revokes devices; whose account it is and under which address stays as it was signed up.

Revision ID: 0012
Revises: 0011
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# A right to a table covers all its columns, so that goes first.
NARROW = """
REVOKE SELECT ON customer FROM photo_pipeline;
GRANT SELECT (customer_id, display_name, created_at) ON customer TO photo_pipeline;
REVOKE UPDATE ON customer, device FROM photo_api;
GRANT UPDATE (display_name, password_hash) ON customer TO photo_api;
GRANT UPDATE (name, revoked_at) ON device TO photo_api;
"""
WIDE = """
REVOKE SELECT (customer_id, display_name, created_at) ON customer FROM photo_pipeline;
REVOKE UPDATE (display_name, password_hash) ON customer FROM photo_api;
REVOKE UPDATE (name, revoked_at) ON device FROM photo_api;
GRANT SELECT ON customer TO photo_pipeline;
GRANT UPDATE ON customer, device TO photo_api;
"""


def upgrade() -> None:
    op.execute(NARROW)


def downgrade() -> None:
    op.execute(WIDE)
