"""Photos that say in their EXIF data when they were taken, and by which camera."""

from io import BytesIO

from PIL import Image

from tests.helpers.filtering import jpeg

TIME, OFFSET, SUBSECONDS, SERIAL = 0x9003, 0x9011, 0x9291, 0xA431


def exif_of(
    time: str | None,
    *,
    camera: tuple[str, str, str] = ("Make", "Model", "1"),
    offset: str = "",
    subseconds: str = "",
) -> Image.Exif:
    """Return EXIF data with a time such as 2026:05:01 10:00:00, make, model and serial number, where they are given."""
    exif = Image.Exif()
    for tag, value in ((0x010F, camera[0]), (0x0110, camera[1])):
        if value:
            exif[tag] = value
    details = {TIME: time, OFFSET: offset, SUBSECONDS: subseconds, SERIAL: camera[2]}
    exif.get_ifd(0x8769).update({tag: value for tag, value in details.items() if value})
    return exif


def jpeg_taken(seed: int, time: str | None, **details: object) -> bytes:
    """Encode a random photo with EXIF data, see `exif_of`; those of different seeds don't resemble each other."""
    out = BytesIO()
    Image.open(BytesIO(jpeg(seed))).save(out, "JPEG", quality=95, exif=exif_of(time, **details))
    return out.getvalue()


def clock(second: int) -> str:
    """Return a time of EXIF data, some seconds after 10 o'clock."""
    return f"2026:05:01 {10 + second // 3600}:{second // 60 % 60:02}:{second % 60:02}"
