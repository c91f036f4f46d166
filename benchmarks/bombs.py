"""Small files with many pixels, one of each format that fluke decodes: what a decoder needs for them is large."""

import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from pathlib import Path

from PIL import Image

_DEFLATE, _RGB, _UNSIGNED, _FRACTIONS = 8, 2, 1, 3
_ROWS = 64


def _pillow(mode: str, format_: str, **options: object) -> Callable[[int, int], bytes]:
    def encode(width: int, height: int) -> bytes:
        out = BytesIO()
        Image.new(mode, (width, height)).save(out, format_, **options)
        return out.getvalue()

    return encode


def _png(bits: int, colour: int, *, interlaced: bool = False) -> Callable[[int, int], bytes]:
    """Write a PNG of zeros; `colour` is 0 grey, 2 RGB, 3 palette or 6 RGBA."""
    adam7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    bits_per_px = bits * {0: 1, 2: 3, 3: 1, 6: 4}[colour]

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    def encode(width: int, height: int) -> bytes:
        compressor, pixels = zlib.compressobj(9), []
        for left, top, right, down in adam7 if interlaced else ((0, 0, 1, 1),):
            row = bytes(1 + (-(-(width - left) // right) * bits_per_px + 7) // 8)
            rows = -(-(height - top) // down)
            pixels += [compressor.compress(row * min(_ROWS, rows - done)) for done in range(0, rows, _ROWS)]
        header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
        palette = chunk(b"PLTE", bytes(768)) if colour == 3 else b""
        body = chunk(b"IDAT", b"".join([*pixels, compressor.flush()]))
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette + body + chunk(b"IEND", b"")

    return encode


def _tiff(bits: int, samples: int, kind: int = _UNSIGNED, *, tile_px: int = 0) -> Callable[[int, int], bytes]:
    """Write a TIFF of zeros, deflated, in strips or in square tiles: all the same one, stored once."""

    def encode(width: int, height: int) -> bytes:
        rows = tile_px or _ROWS
        part = zlib.compress(bytes((tile_px or width) * rows * samples * bits // 8), 9)
        parts = -(-height // rows) * (-(-width // tile_px) if tile_px else 1)
        tags = {256: [width], 257: [height], 258: [bits] * samples, 259: [_DEFLATE], 262: [_RGB if samples > 2 else 1]}
        tags |= {277: [samples], 284: [1], 339: [kind] * samples} | ({338: [2]} if samples == 4 else {})
        tags |= {322: [tile_px], 323: [tile_px]} if tile_px else {278: [rows]}
        tags |= {324 if tile_px else 273: [8] * parts, 325 if tile_px else 279: [len(part)] * parts}
        return _tiff_file(tags, part)

    return encode


def _tiff_file(tags: Mapping[int, list[int]], part: bytes) -> bytes:
    body = b"\0" * 8 + part + b"\0" * (len(part) % 2)
    entries = []
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"<{len(values)}I", *values)
        if len(packed) > 4:
            packed, body = struct.pack("<I", len(body)), body + packed
        entries.append(struct.pack("<HHI", tag, 4, len(values)) + packed)
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + b"\0" * 4
    return b"II*\0" + struct.pack("<I", len(body)) + body[8:] + directory


def _bmp(width: int, height: int) -> bytes:
    """Write a BMP with run lengths."""
    pixels = (b"".join(bytes((min(255, width - x), 0)) for x in range(0, width, 255)) + b"\0\0") * height + b"\0\1"
    start = 14 + 40 + 1024
    information = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(pixels), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + information + bytes(1024) + pixels


def _gif_of_many_frames(width: int, height: int) -> bytes:
    whole, small = (_pillow("P", "GIF")(*size) for size in ((width, height), (8, 8)))
    frame = small[small.index(b"\x2c" + bytes(4)) : -1]
    return whole[:-1] + frame * 5000 + b";"


FORMATS: dict[str, Callable[[int, int], bytes]] = {
    "JPEG": _pillow("RGB", "JPEG", subsampling=0),
    "JPEG, progressive": _pillow("RGB", "JPEG", progressive=True, subsampling=0),
    "JPEG, CMYK, progressive": _pillow("CMYK", "JPEG", progressive=True),
    "PNG": _png(8, 2),
    "PNG, RGBA": _png(8, 6),
    "PNG, palette": _png(8, 3),
    "PNG, interlaced": _png(8, 2, interlaced=True),
    "PNG, 16 bits": _png(16, 2),
    "PNG, RGBA, 16 bits": _png(16, 6),
    "PNG, grey, 16 bits": _png(16, 0),
    "GIF of 5,000 frames": _gif_of_many_frames,
    "BMP with run lengths": _bmp,
    "WebP, lossless": _pillow("RGB", "WEBP", lossless=True, quality=0, method=0),
    "WebP, lossy": _pillow("RGB", "WEBP", quality=10, method=0),
    "AVIF": _pillow("RGB", "AVIF", speed=10, quality=10),
    "TIFF": _tiff(8, 3),
    "TIFF, LZW": _pillow("RGB", "TIFF", compression="tiff_lzw"),
    "TIFF, tiled": _tiff(8, 3, tile_px=1024),
    "TIFF, 16 bits": _tiff(16, 3),
    "TIFF, fractions": _tiff(32, 1, _FRACTIONS),
    "TIFF, RGB of fractions": _tiff(32, 3, _FRACTIONS),
    "TIFF, RGBA of 64-bit fractions": _tiff(64, 4, _FRACTIONS),
}
"""Encoders of width and height."""
TIFF_OF_A_HUGE_TILE = "TIFF of a huge tile"
"""A photo of 200 x 200 pixels in a tile of 20,000 x 20,000."""
_EXTENSIONS = {"JPEG": "jpg", "TIFF": "tif"}


def write(folder: Path, mpx: float, formats: Iterable[str] = (*FORMATS, TIFF_OF_A_HUGE_TILE)) -> dict[str, Path]:
    """Write a bomb of each format, a little smaller than `mpx` megapixels; return the paths, by format.

    A format that has no such size is left out.
    """
    found = {}
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(formats):
        side = int((mpx * 1e6) ** 0.5) - number  # no two have the same size
        if name.startswith(("WebP", "AVIF")) and side > 16_383:
            continue
        encode, size = FORMATS.get(name), (side, side)
        if encode is None:
            encode, size = _tiff(8, 3, tile_px=20_000), (200, 200)
        format_ = name.replace(",", " ").split()[0]
        path = folder / f"{name} {mpx:g}.{_EXTENSIONS.get(format_, format_.lower())}"
        path.write_bytes(encode(*size))
        found[f"{name}, {mpx:g} megapixels"] = path
    return found
