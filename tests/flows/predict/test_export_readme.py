"""The README of an export says how to use the model's limits."""

from dataclasses import asdict
from typing import Any

import pytest

from flows.predict.exports.readme import text
from tasks.inference.limits import Limit, Limits


@pytest.mark.parametrize(
    ("limits", "sentences"),
    [
        (Limits(), []),
        (Limits(Limit(0.95, None), Limit(0.9, None)), []),
        (
            Limits(Limit(0.95, 0.73), Limit(0.9, 1 / 3)),
            [
                "below 0.730000 is unsure: from there on, 95% were",
                "probability of 0.333333 or more, and the most likely",
            ],
        ),
    ],
    ids=["none", "not found", "both"],
)
def test_limits(limits: Limits, sentences: list[str]) -> None:
    described: dict[str, Any] = {"run": "r", "format": "onnx", "input": {"shape": [None, 16, 16, 3]}}
    readme = text(described | {"limits": asdict(limits)}, "model", None)
    assert all(sentence in readme for sentence in sentences)
    assert ("validation photos" in readme) == bool(sentences)
