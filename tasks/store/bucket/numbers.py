"""Numbers that no two hosts with the same bucket get: of runs, and of decisions about models.

PREFIX/counter.json    the last number that was given; replaced only by who has seen the one before
"""

from secrets import token_hex
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.store.bucket.objects import Objects
from tasks.store.bucket.problems import BucketError

_KEY = "counter.json"


class _Counter(BaseModel):
    """The content of the object."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    last: Annotated[int, Field(ge=0)]
    writer: str
    """A random text: no two writers write the same."""


def claim(objects: Objects, at_least: int) -> int:
    """Return the next number of a bucket; nobody else gets it.

    Args:
        objects: The bucket.
        at_least: The number is not smaller: what the caller knows is given already.

    Raises:
        BucketError: The bucket can't be read or written, or the counter is damaged.
    """
    while True:
        stored = objects.state(_KEY)
        try:
            last = _Counter.model_validate_json(stored.data).last if stored else 0
        except ValidationError as error:
            raise BucketError(
                f"{objects.url}/{_KEY} is damaged; delete this object: it begins again after the last run"
            ) from error
        counter = _Counter(last=max(at_least, last + 1), writer=token_hex(8))
        if objects.put_if(_KEY, counter.model_dump_json().encode(), stored.generation if stored else None):
            return counter.last
