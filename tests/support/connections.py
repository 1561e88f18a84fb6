"""What connections of the tests name by its path."""


def token_of(config: str) -> tuple[str, float]:
    """A callback as librdkafka's ``oauth_cb``."""
    return f"token of {config}", 60.0
