"""Photos of some kilobytes that a decoder takes seconds for: JPEGs that go over their pixels again and again."""

import struct

_LONGEST_RUN = 32767
"""Of blocks in which a scan brings nothing, in one code word (ITU-T T.81, G.1.2.2)."""
_RUN_BITS = 14
_FIRST_RUN = 1 << _RUN_BITS
_TIFF_HEAD = 8


def many_scans(width: int, height: int, scans: int) -> bytes:
    """A grey progressive JPEG, all of whose scans but the first refine coefficients that are all zero."""
    blocks = -(-width // 8) * -(-height // 8)
    frame = struct.pack(">BHHB", 8, height, width, 1) + bytes([1, 0x11, 0])
    head = [
        _segment(0xDB, bytes([0]) + bytes([1] * 64)),
        _segment(0xC2, frame),
        _segment(0xC4, bytes([0x00, 1, *([0] * 15), 0])),
        _segment(0xC4, bytes([0x10, 1, *([0] * 15), 0xE0])),
        _scan(0, 0, 0, bytes(-(-blocks // 8))),
    ]
    nothing = _nothing_in(blocks)
    refining = (_scan(1, 63, 0x10, nothing) for _ in range(scans - 2))
    return b"\xff\xd8" + b"".join((*head, _scan(1, 63, 1, nothing), *refining)) + b"\xff\xd9"


def jpeg_in_tiff(width: int, height: int, piece: bytes, edge: int, *, tiled: bool) -> bytes:
    """A grey TIFF all of whose pieces are the same JPEG.

    Args:
        width: in pixels.
        height: likewise.
        piece: the JPEG, as wide as the picture where it is a strip.
        edge: width and height of a tile, height of a strip.
        tiled: whether pieces are tiles, or else strips.
    """
    count = -(-height // edge) * (-(-width // edge) if tiled else 1)
    where, sizes = (struct.pack(f"<{count}I", *[value] * count) for value in (_TIFF_HEAD, len(piece)))
    body = piece + bytes(len(piece) % 2)
    lists = _TIFF_HEAD + len(body)
    offsets = [lists, lists + 4 * count] if count > 1 else [_TIFF_HEAD, len(piece)]
    shape = [(322, 4, 1, edge), (323, 4, 1, edge)] if tiled else [(278, 4, 1, edge)]
    places = zip((324, 325) if tiled else (273, 279), offsets, strict=True)
    entries = sorted(
        [
            *((256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 7), (262, 3, 1, 1), (277, 3, 1, 1)),
            *shape,
            *((tag, 4, count, at) for tag, at in places),
        ]
    )
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *each) for each in entries) + bytes(4)
    return b"II*\0" + struct.pack("<I", lists + 8 * count) + body + where + sizes + directory


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def _scan(first: int, last: int, bits: int, data: bytes) -> bytes:
    return _segment(0xDA, bytes([1, 1, 0, first, last, bits])) + data


def _nothing_in(blocks: int) -> bytes:
    """Runs of blocks without a coefficient; the last one may be longer than what is left."""
    bits = ""
    while blocks > 0:
        run = max(min(blocks, _LONGEST_RUN), _FIRST_RUN)
        bits += f"0{run - _FIRST_RUN:0{_RUN_BITS}b}"
        blocks -= run
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
