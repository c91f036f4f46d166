"""A stored model answers listed photos as it did in its own evaluation."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from flows.models.compare import _Side
from flows.models.test_list import PinnedList
from flows.run_records import read_records
from tasks.store.progress import silent
from tasks.store.store import Store
from tests.helpers.pipeline import Fluke


@pytest.mark.slow
def test_a_stored_model_answers_as_in_its_evaluation(finished: Fluke) -> None:
    record = read_records(finished.data)[-1]  # tests of other files may have added runs
    listed = PinnedList(finished.data, record.model_name).read()
    assert record.decision == "promoted"
    assert listed is not None
    side = _Side(Store(finished.data), record)
    assert not side.has_trained_on(listed).any()
    with ThreadPoolExecutor(1) as threads:
        stored = side.answers(listed, threads, silent).loc[listed["photo"]]
        now = side._predicted(listed, threads, silent).loc[listed["photo"]]
    assert len(now) == len(listed) > 0
    assert now["predicted"].tolist() == stored["predicted"].tolist()
    assert [list(top) for top in now["top_names"]] == [list(top) for top in stored["top_names"]]
