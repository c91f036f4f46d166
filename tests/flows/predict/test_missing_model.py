"""A model that is used, but whose files are gone: the message names the way out."""

from pathlib import Path

import pytest

from flows.models.person import promote
from flows.predict import model
from tasks.store.errors import UserError
from tests.helpers.runs import Runs


def test_a_champion_that_was_deleted_is_an_error_that_names_the_command_which_helps(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    for _ in range(2):
        runs.run()
    promote(tmp_path, "001")
    runs.delete("001")
    gone = r"the model of run 001 has been deleted or damaged \(.*manifest\.json is missing\)"
    remedy = "`fluke rollback demo` goes back to run 002"
    with pytest.raises(UserError, match=f"{gone}, and it is the one that is used under the name 'demo'; {remedy}"):
        model.find(runs.store)
    runs.delete("002")
    with pytest.raises(
        UserError, match=f"{gone}.*; `fluke models demo` lists its models, and `fluke promote RUN` uses"
    ):
        model.find(runs.store)
    with pytest.raises(UserError, match=r"the model of run 002 has been deleted or damaged .*; run demo again"):
        model.find(runs.store, "002")
