"""What goes into and comes out of the imaging core. No image library is needed to import this module."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from photo_pipeline.domain.errors import RecordRejected
from photo_pipeline.domain.outcomes import RejectReason
from photo_pipeline.domain.photo import RenditionKind


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a rendition is at most, in pixels.

    Attributes:
        edge: its longer edge, unless the shorter one would be less than ``strip`` then: a panorama.
        strip: a panorama's shorter edge, unless the longer one would be more than ``longest`` then.
        longest: any edge of any rendition.
    """

    edge: int
    strip: int
    longest: int


WEB = Bounds(1600, 480, 8192)
"""The ``web`` rendition: at most 3.9 megapixels, whatever its shape."""
THUMB = Bounds(320, 96, 4096)
"""The ``thumb`` rendition."""
THUMB_2X = Bounds(2 * THUMB.edge, 2 * THUMB.strip, 2 * THUMB.longest)
"""The ``thumb2x`` rendition, for screens with more than a pixel in each of a style sheet's."""
WORTH_A_RENDITION = 2
"""``web`` has so many times the pixels of ``thumb2x`` where there is one: elsewhere it does for that as well."""
RENDITION_CONTENT_TYPE = "image/jpeg"


class SniffedFormat(StrEnum):
    """The formats that are understood, as found by their first bytes."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    TIFF = "tiff"
    BMP = "bmp"
    AVIF = "avif"
    HEIF = "heif"


CONTENT_TYPES: Mapping[SniffedFormat, str] = MappingProxyType(
    {
        SniffedFormat.JPEG: "image/jpeg",
        SniffedFormat.PNG: "image/png",
        SniffedFormat.WEBP: "image/webp",
        SniffedFormat.GIF: "image/gif",
        SniffedFormat.TIFF: "image/tiff",
        SniffedFormat.BMP: "image/bmp",
        SniffedFormat.AVIF: "image/avif",
        SniffedFormat.HEIF: "image/heic",
    }
)
"""The media type of an original, whatever its sender called it."""

EXTENSIONS: Mapping[SniffedFormat, str] = MappingProxyType(
    {
        SniffedFormat.JPEG: "jpg",
        SniffedFormat.PNG: "png",
        SniffedFormat.WEBP: "webp",
        SniffedFormat.GIF: "gif",
        SniffedFormat.TIFF: "tif",
        SniffedFormat.BMP: "bmp",
        SniffedFormat.AVIF: "avif",
        SniffedFormat.HEIF: "heic",
    }
)
"""The file name extension of an original, without the dot."""


class ImageRejected(RecordRejected, ValueError):  # noqa: N818 - the design's word for this outcome
    """These bytes are not a photo that can be used.

    Attributes:
        reason: the machine-readable reason.
        detail: one line for an operator; never the photo's content.
    """


@dataclass(frozen=True, slots=True)
class Header:
    """What the first bytes say about an image, before anything is decoded.

    Attributes:
        format: found by magic bytes.
        width: pixels as stored, before any EXIF orientation.
        height: likewise.
        multi_scan: a JPEG in several scans (progressive), whose decoder must hold every coefficient of the full size.
        end_missing: the mark that ends a JPEG, PNG or GIF is not there, which need not mean that pixels are missing.
        scans: of a JPEG, also in TIFF; each goes over every pixel of its components once more.
        piece_pixels: of a tile in TIFF, which is decoded whole, also where it is larger than the picture.
    """

    format: SniffedFormat
    width: int
    height: int
    multi_scan: bool = False
    end_missing: bool = False
    scans: int = 1
    piece_pixels: int = 0

    @property
    def pixels(self) -> int:
        """How many are decoded at a time."""
        return max(self.width * self.height, self.piece_pixels)


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """How large an image may be.

    Attributes:
        max_pixels: width x height, for formats that must be decoded in full.
        max_pixels_jpeg: the same for single-scan JPEG, which is decoded at a reduced size.
        max_edge: either edge, in pixels.
        max_pixels_scanned: width x height x scans of a JPEG. A file of kilobytes may go over all pixels again and
            again, at 4 s of a core for each 1,000 million.
    """

    max_pixels: int = 128_000_000
    max_pixels_jpeg: int = 256_000_000
    max_edge: int = 65_535
    max_pixels_scanned: int = 1_600_000_000

    def check(self, header: Header) -> None:
        """Raise ``ImageRejected`` (``TOO_MANY_PIXELS``, ``UNSUPPORTED``) where the image is larger than allowed."""
        reducible = header.format is SniffedFormat.JPEG and not header.multi_scan
        allowed = max(self.max_pixels, self.max_pixels_jpeg) if reducible else self.max_pixels
        size = f"{header.width} x {header.height} pixels"
        if header.pixels > allowed:
            raise ImageRejected(RejectReason.TOO_MANY_PIXELS, f"{size}; at most {allowed} in all are allowed")
        if max(header.width, header.height) > self.max_edge:
            raise ImageRejected(RejectReason.TOO_MANY_PIXELS, f"{size}; no edge may exceed {self.max_edge}")
        if header.pixels * header.scans > self.max_pixels_scanned:
            raise ImageRejected(RejectReason.UNSUPPORTED, f"{size} in {header.scans} scans are too many of both")


@dataclass(frozen=True, slots=True)
class Rendition:
    """A JPEG made from the original: upright, in sRGB or with a small profile of Display P3, without other metadata."""

    kind: RenditionKind
    data: bytes
    width: int
    height: int
    content_type: str = RENDITION_CONTENT_TYPE


@dataclass(frozen=True, slots=True)
class ImageMetadata:
    """What is known about an original.

    Attributes:
        format: found by magic bytes.
        width: pixels of the original as seen upright.
        height: likewise.
        camera: make and model, without repetition.
        taken_at: local time of the exposure, ``YYYY-MM-DDTHH:MM:SS``, without a zone, with a fraction
            where the camera noted one: pictures of a burst share a second.
        taken_at_offset: ``+HH:MM`` or ``-HH:MM`` where the camera recorded it; an unknown zone stays ``None``.
        blurhash: placeholder, 4 x 3 components (https://blurha.sh).
        dominant_color: ``#rrggbb`` of the largest group of similar pixels.
        warnings: what could not be read though the picture could: ``metadata_unreadable``, ``icc_unreadable``,
            ``end_missing``.
    """

    format: SniffedFormat
    width: int
    height: int
    camera: str | None
    taken_at: str | None
    taken_at_offset: str | None
    blurhash: str
    dominant_color: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProcessedImage:
    """One photo's renditions and metadata; ``thumb2x`` where the photo is large enough for it to be of use."""

    metadata: ImageMetadata
    web: Rendition
    thumb: Rendition
    thumb2x: Rendition | None = None

    @property
    def renditions(self) -> tuple[Rendition, ...]:
        """All there are, in the order in which they are archived."""
        return (self.web, self.thumb) if self.thumb2x is None else (self.web, self.thumb, self.thumb2x)
