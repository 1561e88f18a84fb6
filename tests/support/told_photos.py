"""Photos as the API tells of them, without an API."""

from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime.now(UTC)
Photo = dict[str, Any]


def photo(number: int, *, age: timedelta, processed: timedelta | None = None, taken: str | None = None) -> Photo:
    """A photo as the API tells of it, uploaded so long ago, and processed so long ago."""
    photo_id = f"00000000-0000-4000-8000-{number:012}"
    rendition = {"content_type": "image/jpeg", "width": 64, "height": 48, "bytes": 900}
    return {
        "photo_id": photo_id,
        "status": "processed",
        "source": "upload",
        "filename": f"{number:04}.jpg",
        "content_type": "image/jpeg",
        "format": "jpeg",
        "width": 64,
        "height": 48,
        "bytes": 900,
        "camera": None,
        "device_id": None,
        "taken_at": taken,
        "uploaded_at": (NOW - age).isoformat(),
        "processed_at": (NOW - (age if processed is None else processed)).isoformat(),
        "blurhash": None,
        "dominant_color": None,
        "kept_until": (NOW + timedelta(days=9)).isoformat(),
        "held": False,
        "renditions": {
            kind: {**rendition, "url": f"/api/v1/photos/{photo_id}/{kind}?v=1"} for kind in ("thumb", "web", "original")
        },
    }
