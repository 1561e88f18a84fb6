"""The whole way of one photo: header, decoder, renditions, metadata. Runs in a disposable process."""

import warnings

from photo_pipeline.domain.imaging.decode import Decoded, decode
from photo_pipeline.domain.imaging.geometry import upright_size
from photo_pipeline.domain.imaging.header import read_header
from photo_pipeline.domain.imaging.renditions import encoded, placeholder, thumb_pictures, web_picture
from photo_pipeline.domain.imaging.values import (
    Header,
    ImageLimits,
    ImageMetadata,
    ImageRejected,
    ProcessedImage,
)
from photo_pipeline.domain.outcomes import RejectReason
from photo_pipeline.domain.photo import RenditionKind

METADATA_UNREADABLE = "metadata_unreadable"
ICC_UNREADABLE = "icc_unreadable"
END_MISSING = "end_missing"


def render(data: bytes, limits: ImageLimits) -> ProcessedImage:
    """See ``photo_pipeline.domain.imaging.process``."""
    header = read_header(data, limits)
    try:
        # Decoders warn of oddities, and Pillow of pictures above a limit of its own; ``limits`` has been checked.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _render(header, decode(data, header, limits))
    except MemoryError:
        raise ImageRejected(RejectReason.DECODER_OUT_OF_MEMORY, "no memory left to make its renditions") from None


def _render(header: Header, decoded: Decoded) -> ProcessedImage:
    web = web_picture(decoded)
    thumb, thumb2x = thumb_pictures(web)
    blurhash, dominant_color = placeholder(thumb)
    width, height = upright_size(decoded.size, decoded.orientation)
    exif = decoded.exif
    doubts = (
        (exif is None, METADATA_UNREADABLE),
        (not web.colour_known, ICC_UNREADABLE),
        (header.end_missing, END_MISSING),
    )
    metadata = ImageMetadata(
        format=header.format,
        width=width,
        height=height,
        camera=exif.camera if exif else None,
        taken_at=exif.taken_at if exif else None,
        taken_at_offset=exif.taken_at_offset if exif else None,
        blurhash=blurhash,
        dominant_color=dominant_color,
        warnings=tuple(name for doubtful, name in doubts if doubtful),
    )
    return ProcessedImage(
        metadata,
        encoded(web, RenditionKind.WEB),
        encoded(thumb, RenditionKind.THUMB),
        None if thumb2x is None else encoded(thumb2x, RenditionKind.THUMB_2X),
    )
