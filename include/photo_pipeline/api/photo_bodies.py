"""Photos as JSON, not by way of the models that describe them: a page has hundreds, and to check each takes long."""

from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

from photo_pipeline.api.schemas import PREFIX, RejectedView
from photo_pipeline.domain.gallery import GalleryPhoto, GalleryRendition, PhotoStatus, RejectedPhoto
from photo_pipeline.domain.photo import RenditionKind
from photo_pipeline.domain.retention import KEEP

Body = dict[str, Any]
_KINDS = {kind: kind.value for kind in RenditionKind}


def as_json(body: Body | RejectedView) -> Response:
    """The answer with that body."""
    return Response(to_json(body), media_type="application/json")


def any_photo_body(photo: GalleryPhoto | RejectedPhoto) -> Body | RejectedView:
    """What ``AnyPhotoView`` describes. Rejected ones are few."""
    return photo_body(photo) if isinstance(photo, GalleryPhoto) else RejectedView.of(photo)


def photo_body(photo: GalleryPhoto) -> Body:
    """What ``PhotoView`` describes."""
    path = f"{PREFIX}/photos/{photo.photo_id}"
    return {
        "photo_id": photo.photo_id,
        "status": "expired" if photo.status is PhotoStatus.EXPIRED else "processed",
        "source": photo.source,
        "filename": photo.filename,
        "content_type": photo.content_type,
        "format": photo.format,
        "width": photo.width,
        "height": photo.height,
        "bytes": photo.bytes,
        "sha256": photo.sha256,
        "camera": photo.camera,
        "taken_at": None if photo.taken_at is None else photo.taken_at.isoformat(),
        "taken_at_offset": photo.taken_at_offset,
        "blurhash": photo.blurhash,
        "dominant_color": photo.dominant_color,
        "uploaded_at": photo.uploaded_at,
        "processed_at": photo.processed_at,
        "expired_at": photo.expired_at,
        "kept_until": None if photo.archived_at is None or photo.held else photo.archived_at + KEEP,
        "held": photo.held,
        "held_by_customer": photo.held_by_customer,
        "binned_at": photo.binned_at,
        "device_id": photo.device_id,
        "renditions": {_KINDS[found.kind]: _rendition_body(path, found) for found in photo.renditions},
    }


def _rendition_body(path: str, found: GalleryRendition) -> Body:
    return {
        # The tag makes the address new when the content is, as responses are cached for good.
        "url": f"{path}/{_KINDS[found.kind]}?v={found.tag[:16]}",
        "content_type": found.content_type,
        "width": found.width,
        "height": found.height,
        "bytes": found.length,
    }
