"""What a request proves its sender with: a bearer token, or the session cookie, which the upload API sets."""

from starlette.requests import HTTPConnection

from photo_pipeline.settings import WebSettings

COOKIE = "photo_session"
SECURE_COOKIE = f"__Host-{COOKIE}"
"""Over HTTPS; with this prefix browsers let no other host of the domain set it (RFC 6265bis)."""
COOKIES = (SECURE_COOKIE, COOKIE)


def is_https(settings: WebSettings) -> bool:
    """Whether browsers reach the application over HTTPS."""
    return settings.secure_cookies or settings.public_url.startswith("https://")


def bearer_token(connection: HTTPConnection) -> str | None:
    """The token in the header ``Authorization`` (RFC 6750); ``None`` where that is of another scheme, or missing."""
    scheme, _, token = connection.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
