"""The limit of losses."""

import pytest

from tasks.crawl.losses import require_few_lost
from tasks.store.errors import UserError


def check(lost: int, total: int, max_loss: float = 0.1) -> str | None:
    names = [f"{number}.jpg" for number in range(lost)]
    return require_few_lost(names, total, max_loss=max_loss, what="photos can't be read", remedy="copy them again")


def test_up_to_the_limit_is_one_line() -> None:
    assert check(0, 10) is None
    assert check(1, 10) == "1 of 10 photos can't be read: 0.jpg; copy them again"
    assert check(5, 50) == "5 of 50 photos can't be read: 0.jpg, 1.jpg, 2.jpg ...; copy them again"
    assert check(9, 9, max_loss=1) is not None


def test_more_than_the_limit_is_an_error() -> None:
    with pytest.raises(UserError, match=r"^2 of 10 photos can't be read: 0\.jpg, 1\.jpg; that is 20\.0.%, and crawl\."):
        check(2, 10)
    with pytest.raises(UserError, match=r"allows 0\.0.%: copy them again, or raise crawl\.max_loss$"):
        check(1, 1000, max_loss=0)
