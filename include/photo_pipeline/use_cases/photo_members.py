"""What stands in a shard for one photo: its members, and the description that goes with them."""

from photo_pipeline.domain.imaging import CONTENT_TYPES, EXTENSIONS, ProcessedImage
from photo_pipeline.domain.ledger import ArchivedPhoto
from photo_pipeline.domain.photo import RecordCoordinates, RenditionKind
from photo_pipeline.domain.shard import Member


def members_of(original: bytes, image: ProcessedImage) -> tuple[Member, ...]:
    """The original as it came, then its renditions."""
    metadata = image.metadata
    return (
        Member(
            kind=RenditionKind.ORIGINAL,
            extension=EXTENSIONS[metadata.format],
            data=original,
            content_type=CONTENT_TYPES[metadata.format],
            width=metadata.width,
            height=metadata.height,
        ),
        *(Member(made.kind, "jpg", made.data, made.content_type, made.width, made.height) for made in image.renditions),
    )


def description_of(photo: ArchivedPhoto, coordinates: RecordCoordinates) -> dict[str, object]:
    """What ``<photo_id>.json`` says: enough to build the photo's rows again from the archive alone."""
    metadata = photo.metadata
    return {
        "photo_id": str(photo.photo_id),
        "customer_id": str(photo.customer_id),
        "sha256": photo.sha256,
        "source": photo.source.value,
        "filename": photo.filename,
        "format": metadata.format.value,
        "width": metadata.width,
        "height": metadata.height,
        "bytes": photo.bytes,
        "camera": metadata.camera,
        "taken_at": metadata.taken_at,
        "taken_at_offset": metadata.taken_at_offset,
        "accepted_at": photo.accepted_at.isoformat(),
        "topic": coordinates.topic,
        "partition": coordinates.partition,
        "offset": coordinates.offset,
        "incarnation": coordinates.incarnation,
    }
