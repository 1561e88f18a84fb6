"""What the forms of DAGs take: patterns of JSON Schema, so that Airflow itself refuses what would end in a red run."""

UUID_PATTERN = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
SAYS_SOMETHING = r"\S"
"""Blanks are no answer."""
TIME_PATTERN = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$"
"""RFC 3339, to the minute at least, with its zone."""
RECORD_PATTERN = r"^[a-zA-Z0-9._-]{1,249}(~[1-9]\d{0,3})?-\d{1,9}-\d{1,18}$"
"""As in ``photos.uploaded-0-7``."""
