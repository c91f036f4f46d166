"""`fluke models`, `promote`, `rollback` and `retire`: what they print, and what they do."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.models.decision import Decision
from flows.models.registry import Registry
from tasks.store.errors import UserError
from tests.helpers.runs import Runs


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    monkeypatch.setenv("FLUKE_DATA", str(tmp_path))
    return Runs(tmp_path)


def _fluke(*arguments: str) -> list[str]:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout.splitlines()


def test_a_model_is_promoted_rolled_back_and_retired(runs: Runs) -> None:
    assert _fluke("models") == ["no models yet; `fluke run PRESET` trains one"]
    runs.run()
    runs.run()
    assert _fluke("promote", "001", "--reason", "better on my photos") == [
        "demo: the model of run 001 is used from now on",
        "to go back to the model of run 002: fluke rollback demo",
    ]
    listed = _fluke("models")
    assert listed[1] == "demo"
    assert listed[2].split()[:: len(listed[2].split()) - 1] == ["001", "champion"]
    assert listed[3] == "    promoted: by hand (better on my photos)"
    assert _fluke("rollback") == [
        "demo: the model of run 002 is used again, and no longer that of run 001",
        "to undo this: fluke promote 001",
    ]
    assert _fluke("retire", "002") == [
        "demo: the model of run 002 is retired, and no model of this name is used; `fluke promote RUN` uses one again"
    ]
    assert [line.strip() for line in _fluke("models", "demo") if line.startswith("    ")] == [
        "retired: by hand",
        "rolled back: by hand",
        "promoted: by hand (better on my photos)",
        "promoted: its run was the last good one before decisions were recorded",
    ]


def test_the_list_is_short_but_has_every_champion(runs: Runs) -> None:
    for number in range(1, 5):
        runs.run()
        outcome = "promoted" if number == 1 else "refused"
        Registry(runs.store.root, "demo").append(Decision(run=f"00{number}", outcome=outcome, by="gate"))  # type: ignore[arg-type]
    listed = _fluke("models", "--last", "1")
    assert [line.split()[0] for line in listed if line.startswith("  0")] == ["004", "001"]
    assert listed[-1] == "... and 2 older of demo; `fluke models demo` shows all decisions"
    assert not any(line.startswith("...") for line in _fluke("models", "demo"))


def test_an_unknown_name_is_an_error(runs: Runs) -> None:
    runs.run()
    with pytest.raises(UserError, match="there are no models of the name 'glass'; the names are demo"):
        _fluke("models", "glass")
