"""What the page says about a photo, in words."""

import pytest

from flows.review.items import ReviewItem
from flows.review.words import score_words
from tasks.filter.review_log import ReviewKey
from tasks.filter.rules import NEAR_DUPLICATE


@pytest.mark.parametrize(
    ("reason", "score", "threshold", "words"),
    [
        ("too small", 20.0, 32.0, "the shorter side has 20 px; at least 32 px are asked for"),
        (NEAR_DUPLICATE, 3.0, 10.0, "the fingerprints differ in 3 bits; up to 10 count as a copy"),
        ("of a check that a user wrote", 0.5, 0.25, "the score is 0.5; the limit is 0.25"),
        ("truncated", 0.0, None, ""),
        ("blurred", None, None, ""),
    ],
)
def test_a_score_is_said_in_words_where_it_says_something(
    reason: str, score: float | None, threshold: float | None, words: str
) -> None:
    item = ReviewItem(ReviewKey("a", "cat"), "a.jpg", False, reason, score, threshold, None, None)
    assert score_words(item) == words
