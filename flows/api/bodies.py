"""Read the bodies of requests within limits, and refuse what is no photo; every refusal says why."""

from dataclasses import dataclass

from starlette.requests import Request

from tasks.images import photos
from tasks.images.photos import TOO_MANY_PIXELS

_PHOTO_TYPES = ("image/", "application/octet-stream")
_JSON = "application/json"
_HOW_TO_SEND = "send the file itself, no form: curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg'"


class RefusedError(Exception):
    """A request can't be answered."""

    def __init__(self, status: int, reason: str) -> None:
        """Take the HTTP status and the reason, a sentence."""
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Limits:
    """What a request may contain."""

    photo_mb: float = 25
    """Largest file of a photo, MB."""
    photo_mpx: float = 100
    """Most pixels of a photo, millions."""
    batch_photos: int = 64
    """Most photos of a batch."""
    batch_mb: float = 100
    """Largest batch, MB of JSON."""
    waiting_photos: int = 512
    """Photos that may wait for their answers at the same time."""
    waiting_mb: float = 1000
    """Bodies of requests that may be in memory at the same time, MB."""


class Allowance:
    """Something of which all requests together may only have so much: bytes in memory, or photos that wait."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._used = 0

    def take(self, count: int) -> None:
        """Take some; raises RefusedError (503) if there isn't enough left."""
        if self._used + count > self._most:
            raise RefusedError(503, "too many photos wait for their answers; try again in a moment")
        self._used += count

    def give_back(self, count: int) -> None:
        """Give some back."""
        self._used -= count


class Body:
    """The body of a request, as long as the context is open."""

    def __init__(self, request: Request, memory: Allowance, *, most_mb: float, kinds: tuple[str, ...]) -> None:
        """Take a request, the bytes that all bodies may use, the largest size, and beginnings of content types."""
        self._request, self._memory, self._most, self._kinds = request, memory, most_mb * 1e6, kinds
        self._taken = 0

    async def __aenter__(self) -> bytes:
        """Read it.

        Raises:
            RefusedError: Its content type is another one (415), it is too large (413) or empty (422), or there are too
                many requests (503).
        """
        headers = self._request.headers
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if not kind.startswith(self._kinds):
            given = f"is {kind}" if kind else "is missing"
            wanted = " or ".join(f"{each}*" if each.endswith("/") else each for each in self._kinds)
            remedy = "" if _JSON in self._kinds else f"; {_HOW_TO_SEND}"
            raise RefusedError(415, f"the header Content-Type {given}, but must be {wanted}{remedy}")
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise RefusedError(415, "the body must not be compressed: send it without the header Content-Encoding")
        if headers.get("content-length", "0").isdecimal() and int(headers.get("content-length", "0")) > self._most:
            raise self._too_large()
        parts = []
        try:
            async for part in self._request.stream():
                self._memory.take(len(part))
                self._taken += len(part)
                if self._taken > self._most:
                    raise self._too_large()
                parts.append(part)
            if not self._taken:
                raise RefusedError(422, "the body is empty")
        except BaseException:
            await self.__aexit__()
            raise
        return b"".join(parts)

    async def __aexit__(self, *_: object) -> None:
        self._memory.give_back(self._taken)
        self._taken = 0

    def _too_large(self) -> RefusedError:
        return RefusedError(413, f"the body has more than {self._most / 1e6:g} MB")


def photo_body(request: Request, memory: Allowance, limits: Limits) -> Body:
    """Return the body of a request that is a photo."""
    return Body(request, memory, most_mb=limits.photo_mb, kinds=_PHOTO_TYPES)


def batch_body(request: Request, memory: Allowance, limits: Limits) -> Body:
    """Return the body of a request that is a batch of photos in JSON."""
    return Body(request, memory, most_mb=limits.batch_mb, kinds=(_JSON,))


def check_photo(data: bytes, limits: Limits) -> None:
    """Check a photo as far as its header tells, before it may take memory.

    Raises:
        RefusedError: It has too many pixels (413), or is no photo (422).
    """
    try:
        photos.check_header(data, most_px=limits.photo_mpx * 1e6)
    except ValueError as error:
        if str(error) == TOO_MANY_PIXELS:
            raise RefusedError(413, f"the photo has more than {limits.photo_mpx:g} million pixels") from error
        raise RefusedError(422, f"the photo can't be read: {error}") from error
