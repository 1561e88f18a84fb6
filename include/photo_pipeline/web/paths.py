"""Which paths a rule is about."""


def below(path: str, prefix: str) -> bool:
    """Whether a path is that one, or below it where it ends with a slash."""
    return path == prefix or (prefix.endswith("/") and prefix != "/" and path.startswith(prefix))
