"""A name that somebody else serves is refused; one that nobody serves any more is taken over."""

from pathlib import Path

import pytest

from flows.serve import owner
from tasks.store.errors import UserError
from tests.helpers.deployment_stand_in import NOW, standing


def test_a_name_that_is_served_with_another_data_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"whales is served on .* with the data folder {tmp_path}/theirs; stop"):
        owner.refuse_if_served(standing(tmp_path / "theirs"), "whales", tmp_path / "ours", NOW)


def test_deployments_that_nobody_serves_any_more_are_taken_over(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    owner.refuse_if_served(None, "whales", tmp_path, NOW)
    owner.refuse_if_served(standing(theirs, polled_s=61), "whales", tmp_path, NOW)
    with pytest.raises(UserError):
        owner.refuse_if_served(standing(theirs, polled_s=59), "whales", tmp_path, NOW)
    owner.refuse_if_served(standing(theirs, paused=True), "whales", tmp_path, NOW)
    owner.refuse_if_served(standing(theirs), "whales", theirs, NOW)  # killed a moment ago: its lock is free
