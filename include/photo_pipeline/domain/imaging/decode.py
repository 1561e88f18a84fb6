"""Bytes to pixels, with every failure of a decoder turned into a reason.

The decoder is chosen by the sniffed format and its class is called directly. ``Image.open`` would offer the bytes to
whatever is registered (Ghostscript among them), follow a JPEG's index of further pictures, and apply limits that are
global to the process; see docs/adr/0020.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
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

from photo_pipeline.domain.imaging import png_chunks, riff_chunks
from photo_pipeline.domain.imaging.coded_colours import coded_profile
from photo_pipeline.domain.imaging.colour import joined_profile
from photo_pipeline.domain.imaging.geometry import UPRIGHT, fitted
from photo_pipeline.domain.imaging.holes import refuse_holes
from photo_pipeline.domain.imaging.jpeg_rest import is_filled_in, refuse_grey_rest, with_end
from photo_pipeline.domain.imaging.metadata import Exif, read_exif
from photo_pipeline.domain.imaging.tiff_planes import read_planes
from photo_pipeline.domain.imaging.transparency import on_its_canvas, with_png_transparency
from photo_pipeline.domain.imaging.values import WEB, Header, ImageLimits, ImageRejected, SniffedFormat
from photo_pipeline.domain.outcomes import RejectReason

_MAX_DETAIL = 200
_SIGNS_OF_UNSUPPORTED = (
    "unsupported",
    "not supported",
    "not implemented",
    "unknown pixel mode",
    "cannot handle",
    "no decoding plugin",
)
_XMP = ("xmp", "XML:com.adobe.xmp")
_TRANSPARENCY = frozenset({b"tRNS"})
_MAX_PNG_TEXT = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture in memory and what came with it.

    Attributes:
        image: loaded pixels, as stored; for JPEG at a reduced size that is still no smaller than ``web`` needs.
        size: width and height of the original as stored, in pixels.
        orientation: EXIF orientation that is still to be applied, 1 to 8.
        exif: the metadata that is kept, or ``None`` where it could not be read.
        icc_profile: the colour profile's bytes, where one is embedded, or the file names its colours in another way.
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
        OSError: where the operating system refused something, which says nothing about the photo.
    """
    with _failures_as_rejections(data, header):
        if header.format is SniffedFormat.JPEG and header.end_missing:
            data = with_end(data, _jpeg_pixels)
        refuse_holes(data, header)
        return _READERS.get(header.format, _read)(data, header, limits)


def _read(data: bytes, header: Header, limits: ImageLimits) -> Decoded:
    image = _opened(data, header, limits)
    image.load()
    return _decoded(image, _exif_of(image), _profile_of(image) or _coded_profile(data, header))


def _read_jpeg(data: bytes, header: Header, limits: ImageLimits) -> Decoded:
    image = _opened(data, header, limits)
    size = image.size
    _drafted(image, len(data))
    refuse_grey_rest(data, image, _jpeg_pixels)
    decoded = _decoded(image, _exif_of(image), joined_profile(getattr(image, "applist", ())))
    return replace(decoded, size=size)


def _jpeg_pixels(data: bytes) -> ImageFile.ImageFile:
    return _drafted(JpegImagePlugin.JpegImageFile(BytesIO(data)), len(data))


def _read_png(data: bytes, header: Header, limits: ImageLimits) -> Decoded:
    """Again with fewer notes, where the decoder trips over one; what is wrong with the pixels is still wrong."""
    tidier = (png_chunks.without_notes(data, kinds) for kinds in (png_chunks.LOOKS, _TRANSPARENCY, ()))
    failed, tried = None, b""
    for file in (data, *tidier):
        if file == tried:
            continue
        try:
            decoded = _read_png_as_it_is(file, header, limits)
        except ImageRejected:
            raise
        except (SyntaxError, ValueError, OSError) as error:
            failed, tried = failed or error, file
        else:
            return decoded if file is data else replace(decoded, exif=None)
    raise failed or AssertionError


def _read_png_as_it_is(data: bytes, header: Header, limits: ImageLimits) -> Decoded:
    decoded = _read(data, header, limits)
    if not any(_last_row(decoded.image)) and not png_chunks.rows_are_there(data):
        raise ImageRejected(RejectReason.TRUNCATED, "the png file holds fewer rows than it says")
    named = coded_profile(data, header.format)
    return replace(decoded, image=with_png_transparency(decoded.image, data), icc_profile=named or decoded.icc_profile)


def _read_webp(data: bytes, header: Header, limits: ImageLimits) -> Decoded:
    return _read(riff_chunks.padded(data), header, limits)


def _last_row(image: Image.Image) -> bytes:
    return image.crop((0, image.height - 1, image.width, image.height)).tobytes()


def _read_gif(data: bytes, header: Header, limits: ImageLimits) -> Decoded:
    image = _opened(data, header, limits)
    box = image.tile[0].extents if image.tile else None
    image.load()
    pixels = image if box is None else on_its_canvas(image, box)
    return Decoded(pixels, image.size, UPRIGHT, _exif_of(image), _profile_of(image))


def _read_tiff(data: bytes, header: Header, limits: ImageLimits) -> Decoded:
    """The decoder turns the picture upright by itself. Metadata is read first, as loading may close the file."""
    planes = read_planes(data)
    if planes is not None:
        exif, profile = _exif_of(planes.source), _profile_of(planes.source)
        return Decoded(planes.image, planes.image.size, planes.orientation, exif, profile)
    image = _opened(data, header, limits)
    size, exif = image.size, _exif_of(image)
    image.load()
    return Decoded(image, size, UPRIGHT, exif, _profile_of(image))


def _opened(data: bytes, header: Header, limits: ImageLimits) -> ImageFile.ImageFile:
    """The file, its header read by the decoder, whose word on the size is checked as well."""
    image = _DECODERS[header.format](BytesIO(data))
    limits.check(replace(header, width=image.width, height=image.height))
    return image


def _drafted(image: ImageFile.ImageFile, length: int) -> ImageFile.ImageFile:
    """Load a JPEG at the smallest scale that will do; all at once, as pieces cost a start of the decoder each."""
    image.draft(None, fitted(image.size, WEB))
    image.decodermaxblock = length
    image.load()
    return image


def _decoded(image: Image.Image, exif: Exif | None, profile: bytes | None) -> Decoded:
    return Decoded(image, image.size, exif.orientation if exif else UPRIGHT, exif, profile)


def _profile_of(image: Image.Image) -> bytes | None:
    profile = image.info.get("icc_profile")
    return profile if isinstance(profile, bytes) and profile else None


def _coded_profile(data: bytes, header: Header) -> bytes | None:
    return coded_profile(data, header.format) if header.format in _CODED_COLOURS else None


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


_READERS: Mapping[SniffedFormat, Callable[[bytes, Header, ImageLimits], Decoded]] = MappingProxyType(
    {
        SniffedFormat.JPEG: _read_jpeg,
        SniffedFormat.PNG: _read_png,
        SniffedFormat.GIF: _read_gif,
        SniffedFormat.TIFF: _read_tiff,
        SniffedFormat.WEBP: _read_webp,
    }
)
"""How a picture is read where its decoder needs help."""
_CODED_COLOURS = frozenset({SniffedFormat.AVIF, SniffedFormat.HEIF})


def _exif_of(image: Image.Image) -> Exif | None:
    """Metadata that cannot be read does not make a picture unreadable, so every error of the parser ends here."""
    for name in _XMP:
        image.info.pop(name, None)  # Pillow would take the orientation from there, which nobody else does
    try:
        block = image.info.get("exif")
        # Opening a JPEG parses the block for its resolution, hides errors, and leaves an empty result behind.
        exif = _parsed(block) if block else image.getexif()
        return read_exif(exif)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - hostile metadata raises anything; the caller reports it as a warning
        return None


def _parsed(block: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(block)
    return exif


@contextmanager
def _failures_as_rejections(data: bytes, header: Header) -> Iterator[None]:
    try:
        yield
    except ImageRejected:
        raise
    except Exception as error:  # decoders raise anything, and it is a verdict on the bytes
        if is_the_systems(error):
            raise
        raise _rejection(error, data, header) from error


def is_the_systems(error: Exception) -> bool:
    """Whether the operating system refused something. Photos are in memory, so that says nothing about one.

    Decoders raise ``OSError`` as well, but never with one of the system's numbers.
    """
    return isinstance(error, ImportError) or (isinstance(error, OSError) and error.errno is not None)


def _rejection(error: Exception, data: bytes, header: Header) -> ImageRejected:
    said = "".join(char if char.isprintable() else " " for char in f"{type(error).__name__}: {error}")[:_MAX_DETAIL]
    return ImageRejected(_reason(error, data, header), f"{header.format} decoder: {said}")


def _reason(error: Exception, data: bytes, header: Header) -> RejectReason:
    text = str(error).lower()
    # libheif calls a limit of its own an allocation error; what exceeds it is nonsense in the file.
    short_of_memory = "out of memory" in text or ("memory alloc" in text and "security limit" not in text)
    if isinstance(error, MemoryError) or short_of_memory:
        return RejectReason.DECODER_OUT_OF_MEMORY
    if isinstance(error, Image.DecompressionBombError):
        return RejectReason.TOO_MANY_PIXELS
    if header.end_missing or "truncated" in text or _is_a_filled_jpeg(data, header):
        return RejectReason.TRUNCATED
    if isinstance(error, NotImplementedError) or any(sign in text for sign in _SIGNS_OF_UNSUPPORTED):
        return RejectReason.UNSUPPORTED
    return RejectReason.CORRUPT


def _is_a_filled_jpeg(data: bytes, header: Header) -> bool:
    return header.format is SniffedFormat.JPEG and is_filled_in(data)
