"""The registry: the champion follows from the history, which survives two writers, kill -9 and wrong clocks."""

import multiprocessing
import os
import shutil
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from configs.schema import Config
from flows.models.decision import Decision, Headline
from flows.models.registry import COPIES, Registry, registries
from flows.run_records import RunRecord
from tasks.store import atomic, counter
from tasks.store.errors import UserError
from tasks.store.generations import Generations
from tasks.store.manifest import now
from tests.helpers.users import BOB, public_folder


def _decide(registry: Registry, *decisions: str) -> Registry:
    """Append decisions such as `promoted a` and `rolled back b to a`."""
    for text in decisions:
        before, _, to = text.partition(" to ")
        outcome, _, run = before.rpartition(" ")
        registry.append(Decision(run=run, outcome=outcome, to=to, by="person"))  # type: ignore[arg-type]
    return registry


@pytest.mark.parametrize(
    ("decisions", "champions"),
    [
        (["refused a"], []),
        (["promoted a", "refused b", "undecided c", "kept c", "unchanged d"], ["a"]),
        (["promoted a", "promoted b", "promoted c"], ["c", "b", "a"]),
        (["promoted a", "promoted b", "promoted c", "promoted a"], ["a", "c", "b"]),
        (["promoted a", "promoted b", "rolled back b to a"], ["a"]),
        (["promoted a", "promoted b", "rolled back b to a", "promoted b"], ["b", "a"]),
        (["promoted a", "promoted b", "promoted c", "rolled back c to a"], ["a"]),
        (["promoted a", "promoted b", "retired a"], ["b"]),
        (["promoted a", "promoted b", "retired b"], ["a"]),
        (["promoted a", "retired a"], []),
        (["promoted a", "promoted b", "retired "], []),
        (["promoted a", "retired ", "promoted b"], ["b"]),
    ],
)
def test_the_champion_follows_from_the_decisions(tmp_path: Path, decisions: list[str], champions: list[str]) -> None:
    registry = _decide(Registry(tmp_path, "glass"), *decisions)
    assert Registry(tmp_path, "glass").champions() == champions
    assert registry.champion() == (champions[0] if champions else None)
    assert Registry(tmp_path, "whales").champion() is None


def test_a_decision_is_read_as_it_was_written(tmp_path: Path) -> None:
    headline = Headline(metric="accuracy", value=0.9, low=0.8, high=0.95)
    given = Decision(
        run="a", outcome="promoted", reason="no worse", by="gate", headline=headline, photos=12, compared={"low": -0.01}
    )
    written = Registry(tmp_path, "glass").append(given)
    assert written == given.model_copy(update={"number": 1, "name": "glass"})
    assert Registry(tmp_path, "glass").history() == [written]


@pytest.mark.parametrize("name", ["glass", "../../etc", "ü/b%2F", ".hidden", "고래" * 45, "%2E", "a.b"])
def test_any_name_has_a_folder_of_its_own_below_the_data_folder(tmp_path: Path, name: str) -> None:
    root = tmp_path / "data"
    _decide(Registry(root, name), "promoted a")
    _decide(Registry(root, "another"), "promoted b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]
    assert registries(root) == sorted([name, "another"])
    assert Registry(root, name).champion() == "a"


def test_the_history_is_in_the_order_of_the_numbers_whatever_the_clock_says(tmp_path: Path) -> None:
    registry = Registry(tmp_path, "glass")
    ahead = now() + timedelta(days=365)
    registry.append(Decision(run="ahead", outcome="promoted", by="gate", made_at=ahead))
    for _ in range(10):  # 10 comes after 9
        registry.append(Decision(run="other", outcome="refused", by="gate"))
    registry.append(Decision(run="tonight", outcome="promoted", by="gate"))
    assert [decision.number for decision in registry.history()] == list(range(1, 13))
    assert registry.champions() == ["tonight", "ahead"]


def test_numbers_stay_above_those_of_decisions_if_the_counter_is_lost(tmp_path: Path) -> None:
    registry = _decide(Registry(tmp_path, "glass"), "promoted a", "promoted b")
    (tmp_path / counter.NAME).unlink()
    assert registry.append(Decision(run="c", outcome="promoted", by="gate")).number == 3


def _files(registry: Registry) -> list[Path]:
    """Return the newest generation in both places, the first place first."""
    places = registry.folder, registry.root / COPIES / registry.folder.name
    return [max(place.glob("0*.json")) for place in places]


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("damage", ["cut", "changed", "file gone", "folder gone"])
def test_a_damaged_or_lost_copy_of_the_history_is_restored_and_that_is_said_in_one_line(
    tmp_path: Path, place: int, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    registry = _decide(Registry(tmp_path, "glass"), "promoted a", "promoted b")
    before = registry.history()
    path = _files(registry)[place]
    content = path.read_bytes()
    match damage:
        case "cut":
            path.write_bytes(content[:100])
        case "changed":  # it is still a history, of another champion
            path.write_bytes(content.replace(b'"promoted"', b'"refused"'))
        case "file gone":
            path.unlink()
        case _:
            shutil.rmtree(path.parent)
    assert Registry(tmp_path, "glass").champions() == ["b", "a"]
    assert path.read_bytes() == content
    [line] = caplog.messages
    assert line.startswith(f"{path} was {'missing' if 'gone' in damage else 'damaged'}; it was restored from its copy")
    assert registries(tmp_path) == ["glass"]
    assert _decide(registry, "promoted c").history()[:2] == before


def test_if_both_copies_are_damaged_the_message_names_them_and_the_remedy(tmp_path: Path) -> None:
    registry = _decide(Registry(tmp_path, "glass"), "promoted a", "promoted b")
    for path in _files(registry):
        path.write_bytes(b"[")
    for use in (registry.champion, registry.history, lambda: _decide(registry, "promoted c")):
        with pytest.raises(UserError, match="restore one of them from a backup, or delete") as error:
            use()
        assert all(str(path) in str(error.value) for path in _files(registry))
    assert registries(tmp_path) == ["glass"]


def test_a_history_of_which_both_copies_are_gone_is_not_replaced_by_a_refused_run(tmp_path: Path) -> None:
    for run, outcome in (("good", "promoted"), ("bad", "refused")):
        record = _add_run(tmp_path, run)
        record.decision = outcome
        record.save(tmp_path)
    registry = Registry(tmp_path, "glass")
    for use in (registry.champion, registry.history, lambda: _decide(registry, "rolled back good")):
        with pytest.raises(UserError, match=r"are gone, but run bad was refused; .* which begins a new history"):
            use()
    assert _decide(registry, "promoted good").champions() == ["good"]


def test_a_history_of_another_form_is_named(tmp_path: Path) -> None:
    registry = Registry(tmp_path, "glass")
    Generations(registry.folder, tmp_path / COPIES / "glass", suffix=".json", remedy="").write(b'{"new": 1}', None)
    with pytest.raises(UserError, match="has another form; it may be of a newer version of fluke"):
        registry.champion()


def test_other_files_in_the_folder_are_no_decisions(tmp_path: Path) -> None:
    registry = _decide(Registry(tmp_path, "glass"), "promoted a")
    for name in (".partial-0123.json", "2.json", "notes of mine"):
        (registry.folder / name).write_text("{")
    assert registry.champion() == "a"


def _append_many(root: Path) -> None:
    _decide(Registry(root, "glass"), *(f"promoted {name}" for name in "abcdefghij"))


@pytest.mark.slow
def test_processes_that_decide_at_the_same_time_lose_no_decision(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(3) as pool:
        pool.map(_append_many, [tmp_path] * 3)
    assert [decision.number for decision in Registry(tmp_path, "glass").history()] == list(range(1, 31))


def _die_in_mid_write(root: Path) -> None:
    atomic.sync = lambda path: os.kill(os.getpid(), signal.SIGKILL)  # the temporary file is written, but not renamed
    _decide(Registry(root, "glass"), "promoted b")


def test_a_process_that_is_killed_while_it_writes_leaves_the_history_as_it_was(tmp_path: Path) -> None:
    registry = _decide(Registry(tmp_path, "glass"), "promoted a")
    writer = multiprocessing.get_context("fork").Process(target=_die_in_mid_write, args=[tmp_path])
    writer.start()
    writer.join()
    assert writer.exitcode == -signal.SIGKILL
    assert registry.champion() == "a"
    assert _decide(registry, "promoted c").champions() == ["c", "a"]  # its lock is released


def test_who_reads_the_registry_writes_nothing_so_that_the_data_folder_may_be_read_only(tmp_path: Path) -> None:
    _decide(Registry(tmp_path, "glass"), "promoted a")
    shutil.rmtree(tmp_path / "locks")
    before = sorted(tmp_path.rglob("*"))
    registry = Registry(tmp_path, "glass")
    assert (registry.champion(), len(registry.history()), registries(tmp_path)) == ("a", 1, ["glass"])
    assert sorted(tmp_path.rglob("*")) == before


def _add_run(root: Path, run: str, *, state: str = "done", preset: str = "glass", days_ahead: int = 0) -> RunRecord:
    record = RunRecord.start(preset, "evaluate", Config(), number=counter.next_number(root))
    record.id = run
    record.started_at += timedelta(days=days_ahead)
    record.end(state)  # type: ignore[arg-type]
    record.save(root)
    return record


def test_without_a_history_the_champion_is_the_last_good_run_whatever_the_clock_said(tmp_path: Path) -> None:
    _add_run(tmp_path, "ahead", days_ahead=365)
    _add_run(tmp_path, "last")
    _add_run(tmp_path, "failed", state="failed")
    _add_run(tmp_path, "other", preset="cats")
    assert Registry(tmp_path, "glass").champions() == ["last"]
    assert registries(tmp_path) == []


def test_the_first_decision_writes_down_the_model_that_was_used_before(tmp_path: Path) -> None:
    _add_run(tmp_path, "last")
    registry = _decide(Registry(tmp_path, "glass"), "refused tonight")
    assert [(each.run, each.outcome) for each in registry.history()] == [("last", "promoted"), ("tonight", "refused")]
    _add_run(tmp_path, "later")  # nothing was decided about it
    assert registry.champion() == "last"


def test_the_first_decision_about_the_last_good_run_is_the_only_one(tmp_path: Path) -> None:
    _add_run(tmp_path, "last")
    assert len(_decide(Registry(tmp_path, "glass"), "promoted last").history()) == 1


def test_a_record_of_an_earlier_version_has_the_name_of_its_preset(tmp_path: Path) -> None:
    record = _add_run(tmp_path, "old")
    record.name = ""
    record.save(tmp_path)
    assert Registry(tmp_path, "glass").champion() == "old"


def test_the_setting_name_gives_runs_of_one_preset_different_champions(tmp_path: Path) -> None:
    for name in ("glass", "whales"):
        record = RunRecord.start("default", "evaluate", Config(name=name), number=counter.next_number(tmp_path))
        record.end("done")
        record.id = f"of-{name}"
        record.save(tmp_path)
    assert Registry(tmp_path, "glass").champion() == "of-glass"
    assert Registry(tmp_path, "whales").champion() == "of-whales"
    assert Registry(tmp_path, "default").champion() is None


def _read_as_bob(root: Path) -> None:
    os.setuid(BOB)
    found = Registry(root, "glass").champion(), registries(root)
    os._exit(found != ("a", ["glass"]))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_another_user_who_may_not_read_the_copies_reads_the_history(capfd: pytest.CaptureFixture[str]) -> None:
    with public_folder() as root:
        _decide(Registry(root, "glass"), "promoted a")
        (root / "backups").chmod(0o700)
        reader = multiprocessing.get_context("fork").Process(target=_read_as_bob, args=[root])
        reader.start()
        reader.join()
    assert reader.exitcode == 0
    assert capfd.readouterr() == ("", "")
