"""Bytes to pixels, with every failure of a decoder turned into a reason.

The decoder is chosen by the sniffed format and its class is called directly. ``Image.open`` would offer the bytes to
whatever is registered (Ghostscript among them), follow a JPEG's index of further pictures, and apply limits that are
global to the process; see docs/adr/0020.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from photo_pipeline.domain.imaging.completeness import looks_cut_off
from photo_pipeline.domain.imaging.geometry import UPRIGHT, fitted
from photo_pipeline.domain.imaging.metadata import Exif, read_exif
from photo_pipeline.domain.imaging.values import WEB_EDGE, Header, ImageLimits, ImageRejected, SniffedFormat
from photo_pipeline.domain.outcomes import RejectReason

_MAX_DETAIL = 200
_MAX_PNG_TEXT = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture in memory and what came with it.

    Attributes:
        image: loaded pixels, as stored; for JPEG at a reduced size that is still no smaller than ``web`` needs.
        size: width and height of the original as stored, in pixels.
        orientation: EXIF orientation that is still to be applied, 1 to 8.
        exif: the metadata that is kept, or ``None`` where it could not be read.
        icc_profile: the colour profile's bytes, where one is embedded.
    """

    image: Image.Image
    size: tuple[int, int]
    orientation: int
    exif: Exif | None
    icc_profile: bytes | None


def decode(data: bytes, header: Header, limits: ImageLimits) -> Decoded:
    """Decode the first picture of a file.

    Raises:
        ImageRejected: for whatever its decoder raises.
    """
    with _failures_as_rejections(data, header.format):
        image = _DECODERS[header.format](BytesIO(data))
        size = image.size
        limits.check(Header(header.format, *size, header.multi_scan))
        # TIFF metadata is read from the file, which loading may close; PNG metadata may come after the pixels.
        metadata_first = header.format is SniffedFormat.TIFF
        exif = _exif_of(image) if metadata_first else None
        if isinstance(image, JpegImagePlugin.JpegImageFile):
            image.draft(None, fitted(size, WEB_EDGE))
            image.decodermaxblock = len(data)  # all at once: pieces cost a start of the decoder each
        image.load()
    if not metadata_first:
        exif = _exif_of(image)
    # The TIFF decoder turns the picture upright by itself.
    already_turned = metadata_first
    profile = image.info.get("icc_profile")
    return Decoded(
        image=image,
        size=size,
        orientation=exif.orientation if exif and not already_turned else UPRIGHT,
        exif=exif,
        icc_profile=profile if isinstance(profile, bytes) and profile else None,
    )


def prepare_decoders() -> None:
    """Set what the decoder libraries keep as settings of the whole process; called where a worker starts.

    They use no threads of their own, since the workers are the parallelism, and a PNG with a large profile or with the
    bulky notes of an image editor is not refused for it: the process has a memory limit.
    """
    import pillow_heif  # noqa: PLC0415 - as in _heif

    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    pillow_heif.options.DECODE_THREADS = 1
    PngImagePlugin.MAX_TEXT_CHUNK = _MAX_PNG_TEXT
    PngImagePlugin.MAX_TEXT_MEMORY = 2 * _MAX_PNG_TEXT


def _heif(file: BytesIO) -> ImageFile.ImageFile:
    import pillow_heif  # noqa: PLC0415 - a large library that most photos do not need

    image: ImageFile.ImageFile = pillow_heif.HeifImageFile(file)  # type: ignore[no-untyped-call] # ships no types
    return image


_DECODERS: Mapping[SniffedFormat, Callable[[BytesIO], ImageFile.ImageFile]] = MappingProxyType(
    {
        SniffedFormat.JPEG: JpegImagePlugin.JpegImageFile,
        SniffedFormat.PNG: PngImagePlugin.PngImageFile,
        SniffedFormat.WEBP: WebPImagePlugin.WebPImageFile,
        SniffedFormat.GIF: GifImagePlugin.GifImageFile,
        SniffedFormat.TIFF: TiffImagePlugin.TiffImageFile,
        SniffedFormat.BMP: BmpImagePlugin.BmpImageFile,
        SniffedFormat.AVIF: AvifImagePlugin.AvifImageFile,
        SniffedFormat.HEIF: _heif,
    }
)


def _exif_of(image: Image.Image) -> Exif | None:
    """Metadata that cannot be read does not make a picture unreadable, so every error of the parser ends here."""
    try:
        exif = image.getexif()
        block = image.info.get("exif")
        if block and not exif:
            # Opening a JPEG parses the block for its resolution, hides the error, and leaves an empty result behind.
            Image.Exif().load(block)
        return read_exif(exif)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - hostile metadata raises anything; the caller reports it as a warning
        return None


@contextmanager
def _failures_as_rejections(data: bytes, found: SniffedFormat) -> Iterator[None]:
    try:
        yield
    except ImageRejected:
        raise
    except Exception as error:  # decoders raise anything, and it is a verdict on the bytes
        raise _rejection(error, data, found) from error


def _rejection(error: Exception, data: bytes, found: SniffedFormat) -> ImageRejected:
    said = "".join(char if char.isprintable() else " " for char in f"{type(error).__name__}: {error}")[:_MAX_DETAIL]
    return ImageRejected(_reason(error, data, found), f"{found} decoder: {said}")


def _reason(error: Exception, data: bytes, found: SniffedFormat) -> RejectReason:
    text = str(error).lower()
    # libheif calls a limit of its own an allocation error; what exceeds it is nonsense in the file.
    short_of_memory = "out of memory" in text or ("memory alloc" in text and "security limit" not in text)
    if isinstance(error, MemoryError) or short_of_memory:
        return RejectReason.DECODER_OUT_OF_MEMORY
    if isinstance(error, Image.DecompressionBombError):
        return RejectReason.TOO_MANY_PIXELS
    if "truncated" in text or looks_cut_off(data, found):
        return RejectReason.TRUNCATED
    return RejectReason.CORRUPT
