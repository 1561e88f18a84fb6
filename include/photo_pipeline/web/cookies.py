"""The session cookie, which the upload API sets and both web applications read."""

from photo_pipeline.settings import WebSettings

COOKIE = "photo_session"


def is_https(settings: WebSettings) -> bool:
    """Whether browsers reach the application over HTTPS."""
    return settings.secure_cookies or settings.public_url.startswith("https://")
