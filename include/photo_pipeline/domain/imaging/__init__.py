"""From a customer's bytes to renditions and metadata: the format found, the header checked, the picture decoded.

``sniff`` and ``read_header`` are plain Python that reads a bounded number of bytes: the web applications use them on
anything that arrives. ``process`` runs decoders written in C and belongs in a disposable process (``image_workers``).
"""

from photo_pipeline.domain.imaging.cost import decode_seconds
from photo_pipeline.domain.imaging.header import read_header
from photo_pipeline.domain.imaging.sniff import SNIFF_BYTES, sniff
from photo_pipeline.domain.imaging.values import (
    CONTENT_TYPES,
    EXTENSIONS,
    RENDITION_CONTENT_TYPE,
    THUMB,
    THUMB_2X,
    WEB,
    Header,
    ImageLimits,
    ImageMetadata,
    ImageRejected,
    ProcessedImage,
    Rendition,
    SniffedFormat,
)

__all__ = [
    "CONTENT_TYPES",
    "EXTENSIONS",
    "RENDITION_CONTENT_TYPE",
    "SNIFF_BYTES",
    "THUMB",
    "THUMB_2X",
    "WEB",
    "Header",
    "ImageLimits",
    "ImageMetadata",
    "ImageRejected",
    "ProcessedImage",
    "Rendition",
    "SniffedFormat",
    "decode_seconds",
    "process",
    "read_header",
    "sniff",
]


def process(data: bytes, limits: ImageLimits) -> ProcessedImage:
    """Decode one photo and make its renditions and metadata.

    Args:
        data: the original's bytes.
        limits: how large it may be.

    Returns:
        JPEG renditions, upright, free of metadata, in sRGB or in Display P3 with a profile that says so; never larger
        than the original.

    Raises:
        ImageRejected: for whatever a decoder can raise on these bytes.
    """
    # Imported here so that the web applications and Airflow's task process load no decoder.
    from photo_pipeline.domain.imaging.pipeline import render  # noqa: PLC0415 - see above

    return render(data, limits)
