"""What the page says about a photo, in words."""

import pytest

from flows.review.items import ReviewItem
from flows.review.words import score_words
from tasks.filter.review_log import ReviewKey
from tasks.filter.rules import FACES, NEAR_DUPLICATE


@pytest.mark.parametrize(
    ("reason", "score", "threshold", "words"),
    [
        ("too small", 20.0, 32.0, "the shorter side has 20 px; at least 32 px are asked for"),
        (NEAR_DUPLICATE, 3.0, 10.0, "the fingerprints differ in 3 bits; up to 10 count as a copy"),
        (FACES, 0.0, 1.0, "no face was found; allowed: at least 1"),
        (FACES, 1.0, 2.0, "1 face was found; allowed: at least 2"),
        (FACES, 3.0, 1.0, "3 faces were found; allowed: at most 1"),
        (FACES, 3.0, None, "3 faces were found"),
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
