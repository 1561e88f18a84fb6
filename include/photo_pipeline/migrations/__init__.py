"""The database's history: Alembic revisions, and the call that brings a database up to date."""
