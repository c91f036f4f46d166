"""Step 1: the output of the network."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tasks import tables
from tasks.evaluate.predict import NetworkOutput
from tasks.store.errors import UserError
from tasks.store.progress import Advance
from tests.helpers.evaluation import EvaluationWorld, read_metrics


@pytest.mark.slow
def test_progress_counts_photos(pets: EvaluationWorld) -> None:
    reported: list[tuple[str, int]] = []

    @contextmanager
    def progress(label: str, total: int) -> Iterator[Advance]:
        reported.append((label, total))
        yield lambda count: reported.append(("done", count))

    pets.finish().evaluate(progress=progress)
    assert reported[0] == ("photos", 24)  # with the train photos, which are the references
    assert sum(count for what, count in reported if what == "done") == 24


def test_a_classifier_that_returns_nan_is_refused(pets: EvaluationWorld) -> None:
    pets.is_broken = True
    pets.finish()
    with pytest.raises(UserError, match=r"lower train\.learning_rate"):
        pets.evaluate()


@pytest.mark.slow
def test_rows_are_found_by_the_index_not_by_their_order_in_the_shards(pets: EvaluationWorld) -> None:
    pets.finish()
    index = tables.shared.INDEX.read(pets.store.folder(pets.parents["tiles"]))
    assert index["shard"].nunique() == 2
    assert index["shard"].iloc[0] != index["shard"].iloc[-1]
    _, folder = pets.evaluate()
    assert read_metrics(folder)["val"]["accuracy"] == 1


@pytest.mark.slow
def test_logits_are_only_written_for_validation_and_test(pets: EvaluationWorld) -> None:
    _, folder = pets.finish().evaluate()
    output = NetworkOutput.read(folder)
    assert output.logits.shape == (3 + 10, 3)
    assert len(output.features) == len(output.descriptors) == 24
