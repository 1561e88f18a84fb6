"""Bring a database up to date."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

# Any constant will do, as long as every instance uses the same: only one migrates at a time.
MIGRATION_LOCK = 7_468_120_945


def upgrade(engine: Engine, revision: str = "head") -> str:
    """Migrate to ``revision``, or do nothing where the database is there already; the revision it has afterwards.

    Safe to call from many places at once.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
        connection.commit()
        try:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            connection.commit()
            return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": MIGRATION_LOCK})
            connection.commit()
