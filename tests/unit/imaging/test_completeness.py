"""What decoders pass in silence (docs/adr/0185): a cut file, a hole, a missing end, and what follows the end."""

import struct
import zlib
from collections.abc import Callable, Mapping
from functools import cache

import pillow_heif
import pytest
from PIL import Image
from tests.support.heavy_photos import jpeg_in_tiff, many_scans
from tests.support.images import encoded, exif_block, png_chunk, scene

from photo_pipeline.domain.imaging import ImageLimits, ImageRejected, process, read_header
from photo_pipeline.domain.outcomes import RejectReason

LIMITS = ImageLimits()
END_MISSING = ("end_missing",)
AT_THE_DOOR = ("png", "apng", "gif", "film.gif", "webp", "lossless.webp", "alpha.webp", "film.webp", "tiff", "lzw.tiff")
AT_THE_DOOR += ("jpeg.tiff", "pages.tiff", "big.tiff", "bmp", "palette.bmp", "heif", "grid.heif", "avif", "film.avif")
"""Formats that say how long they are."""
BY_ITS_DECODER = ("jpeg", "progressive.jpeg", "restarts.jpeg", "grey.jpeg")
ENDED = (*BY_ITS_DECODER, "png", "apng", "gif", "film.gif")
"""Formats with a mark at their end, whose pixels are all there without it."""
COMPRESSED = ("jpeg", "restarts.jpeg", "png", "gif", "webp", "lossless.webp", "lzw.tiff", "heif", "grid.heif", "avif")


def _picture() -> Image.Image:
    return scene(300, 200, grain=20)


def _pages() -> list[Image.Image]:
    return [scene(120, 80, seed, grain=20) for seed in range(4)]


def _film(kind: str, **options: object) -> bytes:
    first, *others = _pages()
    return encoded(first, kind, save_all=True, append_images=others, **options)


def _grid() -> bytes:
    """A HEIF of several tiles, as phones write them."""
    usual = pillow_heif.options.GRID_TILE_SIZE
    pillow_heif.options.GRID_TILE_SIZE = 128
    try:
        return encoded(_picture(), "heif")
    finally:
        pillow_heif.options.GRID_TILE_SIZE = usual


FILES: Mapping[str, Callable[[], bytes]] = {
    "jpeg": lambda: encoded(_picture(), "jpeg", exif=exif_block(make="Canon")),
    "progressive.jpeg": lambda: encoded(_picture(), "jpeg", progressive=True),
    "restarts.jpeg": lambda: encoded(_picture(), "jpeg", restart_marker_blocks=5),
    "grey.jpeg": lambda: encoded(_picture().convert("L"), "jpeg"),
    "png": lambda: encoded(_picture(), "png"),
    "apng": lambda: _film("png"),
    "gif": lambda: encoded(_picture(), "gif"),
    "film.gif": lambda: _film("gif"),
    "webp": lambda: encoded(_picture(), "webp", quality=95),
    "lossless.webp": lambda: encoded(_picture(), "webp", lossless=True),
    "alpha.webp": lambda: encoded(_picture().convert("RGBA"), "webp"),
    "film.webp": lambda: _film("webp"),
    "tiff": lambda: encoded(_picture(), "tiff"),
    "lzw.tiff": lambda: encoded(_picture(), "tiff", compression="tiff_lzw"),
    "jpeg.tiff": lambda: encoded(_picture(), "tiff", compression="jpeg"),
    "pages.tiff": lambda: _film("tiff", compression="tiff_lzw"),
    "big.tiff": lambda: encoded(_picture(), "tiff", big_tiff=True),
    "bmp": lambda: encoded(_picture(), "bmp"),
    "palette.bmp": lambda: encoded(_picture().quantize(200), "bmp"),
    "heif": lambda: encoded(_picture(), "heif"),
    "grid.heif": _grid,
    "avif": lambda: encoded(_picture(), "avif", quality=90),
    "film.avif": lambda: _film("avif"),
}


@cache
def _file(name: str) -> bytes:
    return FILES[name]()


def _door(data: bytes) -> RejectReason | None:
    try:
        read_header(data, LIMITS)
    except ImageRejected as rejected:
        return rejected.reason
    return None


def _outcome(data: bytes) -> RejectReason | tuple[str, ...]:
    try:
        return process(data, LIMITS).metadata.warnings
    except ImageRejected as rejected:
        return rejected.reason


@pytest.mark.parametrize("name", FILES)
def test_a_whole_file_is_taken_whatever_follows_it(name: str) -> None:
    """Programs pad files with zeros, and telephones put films and notes behind them."""
    whole = _file(name)
    for behind in (b"", bytes(5000), bytes(range(7, 256)) * 20, b"SEFT" + bytes(40)):
        assert (_door(whole + behind), _outcome(whole + behind)) == (None, ()), behind[:4]


@pytest.mark.parametrize("name", BY_ITS_DECODER)
def test_zeros_between_a_jpeg_and_what_follows_it_are_no_hole(name: str) -> None:
    """Cameras begin the second picture of a file at a block of its own, and telephones a film; both have end marks."""
    whole = _file(name)
    for behind in (_file("grey.jpeg"), b"\0\0\0\x18ftypmp42" + bytes(range(256)) + b"\xff\xd9 and on"):
        assert _outcome(whole + bytes(32768) + behind) == ()


@pytest.mark.parametrize("share", [20, 60, 95, 99])
@pytest.mark.parametrize("name", AT_THE_DOOR)
def test_a_cut_file_is_told_at_the_door(name: str, share: int) -> None:
    """Where a format says how long it is, nothing is decoded to find out."""
    data = _file(name)
    assert _door(data[: len(data) * share // 100]) is RejectReason.TRUNCATED


@pytest.mark.parametrize("share", [20, 60, 95, 99])
@pytest.mark.parametrize("name", BY_ITS_DECODER)
def test_a_cut_jpeg_is_told_by_its_decoder(name: str, share: int) -> None:
    """A JPEG says nowhere how long it is."""
    data = _file(name)
    assert _outcome(data[: len(data) * share // 100]) is RejectReason.TRUNCATED


@pytest.mark.parametrize("name", [name for name in FILES if name not in {*ENDED, "pages.tiff"}])
def test_the_last_byte_counts(name: str) -> None:
    """The last byte of a file without an end mark is a pixel's, or a table's; a WebP may have padding behind it."""
    last = 2 if name.endswith("webp") else 1
    assert _door(_file(name)[:-last]) is RejectReason.TRUNCATED


@pytest.mark.parametrize("name", ENDED)
def test_a_missing_end_mark_is_no_missing_pixel(name: str) -> None:
    """All of the picture is there: it is shown, with a warning."""
    assert _outcome(_file(name)[:-1]) == END_MISSING


@pytest.mark.parametrize("name", BY_ITS_DECODER)
def test_a_jpeg_filled_in_part_is_cut(name: str) -> None:
    """A file that was made at its full size and never finished ends in zeros, which are code words too."""
    data = _file(name)
    begun = data[: len(data) * 6 // 10]
    assert _outcome(begun + bytes(len(data) - len(begun))) is RejectReason.TRUNCATED


@pytest.mark.parametrize("share", [20, 60, 95])
@pytest.mark.parametrize("name", ["jpeg", "restarts.jpeg", "grey.jpeg"])
def test_an_end_marker_behind_a_cut_hides_nothing(name: str, share: int) -> None:
    """Some programs put one there; the decoder fills the rest with grey."""
    data = _file(name)
    assert _outcome(data[: len(data) * share // 100] + b"\xff\xd9") is RejectReason.TRUNCATED


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_picture_that_is_grey_to_its_end_is_whole(mode: str) -> None:
    """The very grey that a decoder fills in may be the picture's own."""
    grey = Image.new("L", (300, 200), 128).convert(mode)
    assert _outcome(encoded(grey, "jpeg")) == ()
    assert _outcome(encoded(grey, "jpeg", restart_marker_blocks=5)) == ()


@pytest.mark.parametrize("name", COMPRESSED)
def test_a_hole_in_compressed_pixels_is_damage(name: str) -> None:
    """Zeros in the middle decode to something, which is not what the camera saw."""
    data = bytearray(_file(name))
    start = len(data) // 2
    data[start : start + 8192] = bytes(8192)
    assert _outcome(bytes(data)) is RejectReason.CORRUPT


@pytest.mark.parametrize("name", ["webp", "lossless.webp", "heif", "grid.heif", "avif"])
def test_an_erased_block_in_compressed_pixels_is_damage(name: str) -> None:
    """Flash that was erased and never written is all ones."""
    data = bytearray(_file(name))
    start = len(data) // 2
    data[start : start + 8192] = b"\xff" * 8192
    assert _outcome(bytes(data)) is RejectReason.CORRUPT


@pytest.mark.parametrize("name", ["heif", "grid.heif"])
def test_a_small_hole_in_a_heif_is_damage(name: str) -> None:
    """Its decoder conceals what is wrong in half a picture, and its code never has three zeros in a row."""
    data = bytearray(_file(name))
    start = len(data) // 2
    data[start : start + 512] = bytes(512)
    assert _outcome(bytes(data)) is RejectReason.CORRUPT


@pytest.mark.parametrize("kind", ["heif", "avif", "webp"])
def test_a_flat_picture_has_no_hole(kind: str) -> None:
    """Of one colour, or the same two over and over: the code words are the same, but not all zeros or all ones."""
    flat = Image.new("RGB", (1600, 1200), "black")
    chequered = Image.frombytes("1", (640, 480), (b"\xaa" * 80 + b"\x55" * 80) * 240).convert("RGB")
    for picture in (flat, chequered):
        assert _outcome(encoded(picture, kind)) == ()
    if kind == "webp":
        assert _outcome(encoded(chequered, kind, lossless=True, method=0)) == ()


@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"optimize": True, "quality": 30}])
def test_a_flat_jpeg_has_no_hole(options: dict[str, object]) -> None:
    """With tables of its own a picture of one colour is nothing but zeros."""
    for colour in ("black", "white", (120, 60, 200)):
        assert _outcome(encoded(Image.new("RGB", (3000, 2400), colour), "jpeg", **options)) == ()


def test_a_cut_after_a_scan_of_a_progressive_jpeg_is_a_cut() -> None:
    """All pixels are there in a coarse form, and would pass for the whole."""
    data = _file("progressive.jpeg")
    scans = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
    tables = data.rindex(b"\xff\xc4", 0, scans[-1])
    assert _outcome(data[:tables]) is RejectReason.TRUNCATED


@pytest.mark.parametrize("share", [5, 20, 50])
def test_an_end_marker_behind_an_early_scan_hides_nothing(share: int) -> None:
    """With zeros before it or without: the scans that never came would have made the picture sharp."""
    data = _file("progressive.jpeg")
    begun = data[: len(data) * share // 100]
    for filling in (b"", bytes(len(data) - len(begun) - 2)):
        assert _outcome(begun + filling + b"\xff\xd9") is RejectReason.TRUNCATED


@pytest.mark.parametrize("into", [1, 5, 30])
def test_a_cut_within_a_table_is_a_cut(into: int) -> None:
    """The decoder calls the zeros in its place a broken table, which is no fault of the camera's."""
    data = _file("progressive.jpeg")
    begun = data[: data.index(b"\xff\xc4", len(data) // 3) + into]
    for filling in (b"", bytes(len(data) - len(begun) - 2)):
        assert _outcome(begun + filling + b"\xff\xd9") is RejectReason.TRUNCATED


def test_a_progressive_jpeg_may_be_made_of_fewer_scans() -> None:
    """Its last scan is whole, and its end marker its own: nothing says that there was ever more."""
    data = _file("progressive.jpeg")
    assert _outcome(data[: data.rindex(b"\xff\xc4", 0, data.rindex(b"\xff\xda"))] + b"\xff\xd9") == ()


def test_a_component_without_a_scan_is_a_cut() -> None:
    """A JPEG in one scan for each component, of which the last is missing, would lose its colour."""
    data = _file("jpeg")
    at = data.index(b"\xff\xda")
    one_component = data[:at] + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" + b"\x12\x34\x56\xff\xd9"
    assert _outcome(one_component) is RejectReason.TRUNCATED


def test_scans_without_end_are_refused_at_the_door() -> None:
    """A small file with thousands of scans would take a decoder minutes."""
    whole = encoded(Image.new("RGB", (64, 64), "teal"), "jpeg", progressive=True)
    at = whole.rindex(b"\xff\xda")
    assert _door(whole[:-2] + whole[at:-2] * 3000 + b"\xff\xd9") is RejectReason.UNSUPPORTED
    assert _door(whole[:-2] + whole[at:-2] * 50 + b"\xff\xd9") is None


@pytest.mark.parametrize(
    ("size", "scans", "said"), [(12, 99, None), (128, 10, None), (128, 20, "20 scans"), (20, 99, "99 scans")]
)
def test_many_scans_of_many_pixels_are_refused_at_the_door(size: int, scans: int, said: str | None) -> None:
    """250 KB of them took a decoder 48 s. As many as programs make pass, and a hundred of a phone's picture."""
    data = many_scans(size * 500, 2000, scans)
    if said is None:
        assert read_header(data, LIMITS).scans == scans
    else:
        with pytest.raises(ImageRejected, match=said) as refused:
            read_header(data, LIMITS)
        assert refused.value.reason is RejectReason.UNSUPPORTED


def test_the_heavy_photo_of_these_tests_is_one() -> None:
    """It is a JPEG that is decoded to its end, or the tests with it would show nothing."""
    assert process(many_scans(64, 48, 12), LIMITS).metadata.width == 64


def test_scans_are_counted_in_tiff_as_well() -> None:
    """Its pieces may be progressive, and all of them the same bytes: two kilobytes took a second."""
    piece = many_scans(512, 512, 90)
    assert process(jpeg_in_tiff(1024, 512, piece, 512, tiled=True), LIMITS).metadata.width == 1024
    large = jpeg_in_tiff(8192, 8192, piece, 512, tiled=True)
    assert len(large) < 10_000
    assert _door(large) is RejectReason.UNSUPPORTED
    assert _door(jpeg_in_tiff(8192, 4096, many_scans(8192, 512, 90), 512, tiled=False)) is RejectReason.UNSUPPORTED
    assert _door(jpeg_in_tiff(512, 512, many_scans(512, 512, 101), 512, tiled=True)) is RejectReason.UNSUPPORTED
    assert _door(jpeg_in_tiff(8192, 8192, many_scans(512, 512, 3), 512, tiled=True)) is None


def test_a_tile_counts_whole() -> None:
    """One that is larger than its picture is decoded as well."""
    data = jpeg_in_tiff(64, 64, many_scans(16384, 16384, 2), 16384, tiled=True)
    assert _door(data) is RejectReason.TOO_MANY_PIXELS


@pytest.mark.parametrize(("marker", "bits"), [(0xC3, 8), (0xC0, 12), (0xC7, 8)])
def test_a_jpeg_that_no_decoder_knows_is_not_called_damaged(marker: int, bits: int) -> None:
    """Lossless, twelve bits, hierarchical: real formats, that libjpeg is not built for."""
    data = bytearray(_file("jpeg"))
    at = data.index(b"\xff\xc0")
    data[at + 1], data[at + 4] = marker, bits
    assert _door(bytes(data)) is RejectReason.UNSUPPORTED


@pytest.mark.parametrize("codec", [b"av01", b"avc1", b"j2k1", b"jpeg", b"unci", b"vvc1"])
def test_a_heif_of_another_codec_is_not_called_damaged(codec: bytes) -> None:
    """HEIF is a box for pictures of any codec, of which one is decoded here."""
    assert _door(_file("heif").replace(b"hvc1", codec)) is RejectReason.UNSUPPORTED


@pytest.mark.parametrize("compression", [34712, 34933, 50001, 50002])
def test_a_tiff_of_another_codec_is_not_called_damaged(compression: int) -> None:
    """JPEG 2000, PNG, WebP and JPEG XL in TIFF are real, and beyond the decoder here."""
    lzw, other = (struct.pack("<HHII", 259, 3, 1, number) for number in (5, compression))
    data = _file("lzw.tiff")
    assert lzw in data
    assert _door(data.replace(lzw, other)) is RejectReason.UNSUPPORTED


def test_a_png_that_only_one_maker_reads_is_not_called_damaged() -> None:
    """Xcode writes them: no checksum of pixels, blue first, and a chunk before the header that says so."""
    whole = _file("png")
    assert _door(whole[:8] + png_chunk(b"CgBI", b"P\0 \2") + whole[8:]) is RejectReason.UNSUPPORTED


@pytest.mark.parametrize("name", ["webp", "lossless.webp"])
@pytest.mark.parametrize(("padding", "counted"), [(1, 1), (1, 0), (0, 1), (0, 0)])
def test_a_webp_may_miss_its_last_padding(name: str, padding: int, counted: int) -> None:
    """A chunk of odd length is padded; programs forget to, or to count it, and browsers do not mind."""
    kind, content = _file(name)[12:16], _file(name)[20:] + b"\0"
    chunk = kind + struct.pack("<I", len(content)) + content
    assert len(content) % 2 == 1
    data = b"RIFF" + struct.pack("<I", 4 + len(chunk) + counted) + b"WEBP" + chunk
    assert _outcome(data + bytes(padding)) == ()
    assert _door(data[:-1]) is RejectReason.TRUNCATED


@pytest.mark.parametrize("kind", ["heif", "avif"])
def test_padding_that_ends_too_early_is_no_cut(kind: str) -> None:
    """Space that is kept free holds nothing. Where it comes first, all that should follow it is missing."""
    data = _file(kind)
    free = struct.pack(">I4s", 4096, b"free") + bytes(40)
    assert _outcome(data + free) == ()
    (header,) = struct.unpack_from(">I", data)
    assert _door(data[:header] + free) is RejectReason.TRUNCATED


@pytest.mark.parametrize("kind", ["heif", "avif"])
def test_a_file_whose_data_goes_on_to_its_end_is_measured_by_its_extents(kind: str) -> None:
    """A media data box may have no length (0): then only the items say how much must be there."""
    data = bytearray(_file(kind))
    at = data.index(b"mdat") - 4
    data[at : at + 4] = bytes(4)
    assert _door(bytes(data)) is None
    assert _door(bytes(data[:-1])) is RejectReason.TRUNCATED


def test_extents_inside_the_meta_box_are_measured() -> None:
    """An item may lie in the box ``idat`` (construction method 1), as a grid's description does."""
    assert _door(_media(offset=0, length=8)) is None
    assert _door(_media(offset=0, length=9)) is RejectReason.TRUNCATED


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _media(offset: int, length: int) -> bytes:
    """A HEIF that is nothing but a header, whose last bytes are an item's."""
    located = struct.pack(">IHHHHHHII", 1 << 24, 0x4400, 1, 1, 1, 0, 1, offset, length)
    size = _box(b"ispe", struct.pack(">III", 0, 64, 64))
    meta = _box(b"iprp", _box(b"ipco", size)) + _box(b"iloc", located) + _box(b"idat", bytes(8))
    return _box(b"ftyp", b"heic\0\0\0\0mif1") + _box(b"meta", bytes(4) + meta)


def test_a_png_with_wrong_checksums_of_pixels_is_damaged() -> None:
    """Pillow does not look at them, and shows whatever the pixels unpack to."""
    whole = _file("png")
    at = whole.index(b"IDAT")
    (length,) = struct.unpack_from(">I", whole, at - 4)
    end = at + 4 + length
    assert _outcome(whole[:end] + b"\0\0\0\0" + whole[end + 4 :]) is RejectReason.CORRUPT


def _png(rows: int, interlaced: int = 0, grey: int = 0) -> bytes:
    """A grey PNG of 16 x 16 pixels with so many rows (of the last pass, if interlaced) in a sound stream."""
    sizes = ((2, 2), (2, 2), (4, 2), (4, 4), (8, 4), (8, 8), (16, 8)) if interlaced else ((16, 16),)
    *passes, (width, _) = sizes
    pixels = b"".join((b"\0" + bytes([90]) * columns) * count for columns, count in passes)
    pixels += (b"\0" + bytes([grey]) * width) * rows
    head = struct.pack(">IIBBBBB", 16, 16, 8, 0, 0, 0, interlaced)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(pixels)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


@pytest.mark.parametrize(("interlaced", "rows"), [(0, 16), (1, 8)])
def test_a_png_with_fewer_rows_than_it_says_is_cut(interlaced: int, rows: int) -> None:
    """Its stream ends as it should, only too early, and the decoder leaves the rest black. Black rows are rows."""
    assert _outcome(_png(rows, interlaced)) == ()
    assert _outcome(_png(rows - 1, interlaced, grey=90)) is RejectReason.TRUNCATED


NOTES = [
    (b"tEXt", b"Comment\0hi", 1),
    (b"gAMA", b"\0\1", 0),
    (b"pHYs", b"\0", 0),
    (b"iCCP", b"x", 0),
    (b"sRGB", b"", 0),
]


@pytest.mark.parametrize("extra", NOTES)
def test_a_note_that_is_damaged_does_not_cost_the_picture(extra: tuple[bytes, bytes, int]) -> None:
    """What is beside the pixels of a PNG is left out where its decoder trips over it."""
    kind, content, damage = extra
    whole = _file("png")
    chunk = bytearray(png_chunk(kind, content))
    chunk[-1] ^= damage
    assert _outcome(whole[:33] + chunk + whole[33:]) == ("metadata_unreadable",)
