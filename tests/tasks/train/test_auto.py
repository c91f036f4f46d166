"""Which recipes are tried: the budget, the order, the methods for uneven classes, and what is stored."""

from dataclasses import replace

import numpy as np
import pytest

from configs.schema import ImbalanceConfig, TrainConfig
from tasks.inference.headline import HeadlineMetric
from tasks.store.errors import UserError
from tasks.store.progress import silent
from tasks.store.store import Store
from tasks.train import fit
from tasks.train.auto import Trials
from tasks.train.recipes.logistic import LogisticRecipe
from tasks.train.recipes.network import NetworkRecipe
from tasks.train.training_set import Part, TrainingSet
from tasks.train.trial import Trial
from tasks.training import resumed
from tasks.training.attempt import Attempt
from tasks.training.errors import DivergedError, TooLargeError
from tests.helpers.training import CONFIG

AUTO = CONFIG.model_copy(update={"recipe": "auto", "budget_min": 60, "head_epochs": 2, "epochs": 4})
LOGISTIC, NEAREST = "logistic regression", "nearest photo"
BLEND = f"{LOGISTIC} and nearest photo"


def read(made_once, parents) -> TrainingSet:
    folders = {name: Store(made_once.root).folder(parent) for name, parent in parents.items()}
    return TrainingSet.read(**folders, root=made_once.root)


@pytest.fixture
def data(made_once) -> TrainingSet:
    return read(made_once, made_once.frozen)


measured = NetworkRecipe.step_seconds


class Network:
    """Stands for the training of networks: counts them, and returns trials that are right for all photos but some."""

    def __init__(self) -> None:
        self.step_s = 0.001
        self.wrong = 0
        self.tried: list[tuple[str, int | None]] = []
        self.again: list[bool] = []
        self.methods: list[str] = []

    def try_out(self, recipe: NetworkRecipe, name: str, epochs: int | None = None) -> Trial:
        self.tried.append((name, epochs))
        self.methods.append(recipe._config.imbalance.method)
        val = recipe._data.val
        answers = np.where(np.arange(len(val)) < self.wrong, 1 - val.targets, val.targets)
        logits = np.eye(2, dtype=np.float32)[answers]
        return Trial(
            name, logits, logits, 1.0, [], details={"method": recipe._config.imbalance.method, "adjustment": 0.0}
        )


@pytest.fixture
def network(monkeypatch) -> Network:
    fake = Network()

    def try_out(recipe: NetworkRecipe, name: str, epochs: int | None = None, *, again: bool = True) -> Trial:
        fake.again.append(again)
        return fake.try_out(recipe, name, epochs)

    monkeypatch.setattr(NetworkRecipe, "try_out", try_out)
    monkeypatch.setattr(NetworkRecipe, "step_seconds", lambda recipe: fake.step_s)
    return fake


@pytest.fixture
def run(data, tmp_path):
    """A function that tries recipes in one folder."""

    def run(config: TrainConfig = AUTO, of: TrainingSet = data, metric: HeadlineMetric = "accuracy") -> Trials:
        trials = Trials(config, of, metric, folder=tmp_path / metric, progress=silent)
        trials.run()
        return trials

    return run


def names(trials: Trials) -> list[str]:
    return [trial.name for trial in trials.done]


def test_recipes_are_tried_from_cheap_to_dear(run, network) -> None:
    trials = run()
    assert names(trials) == [LOGISTIC, NEAREST, BLEND, "head", "the whole network"]
    assert trials.skipped == {}
    assert network.tried == [("head", None), ("the whole network", 4)]
    assert [trial.infer_from for trial in trials.done] == ["network", "nearest", "blend", "network", "network"]
    assert trials.baseline is not None
    assert trials.best().name == LOGISTIC  # nothing is clearly better


def test_the_parts_that_are_set_are_tried(run, network) -> None:
    trials = run(AUTO.model_copy(update={"unfreeze": ("conv3", "all")}))
    assert names(trials)[-2:] == ["the network from conv3", "the whole network"]


def test_what_needs_more_than_is_left_is_skipped_with_the_reason(run, network) -> None:
    network.step_s = 500.0
    config = AUTO.model_copy(update={"unfreeze": ("conv3", "all")})
    trials = run(config)
    assert names(trials)[-1] == "head"
    assert list(trials.skipped) == ["the network from conv3", "the whole network"]
    assert "raise train.budget_min to try it" in trials.skipped["the network from conv3"]
    assert trials.skipped["the whole network"].startswith("a smaller part is too slow already")
    network.step_s = 0.001
    assert run(config).skipped == {}


def test_without_a_budget_only_what_costs_next_to_nothing_is_tried(run, network) -> None:
    network.step_s = None  # it is not even measured
    trials = run(AUTO.model_copy(update={"budget_min": 0}))
    assert names(trials) == [LOGISTIC, NEAREST, BLEND]
    assert trials.skipped == dict.fromkeys(["head", "the whole network"], "the budget of 0 min is spent")
    assert network.tried == []


@pytest.mark.parametrize(
    ("step_s", "epochs", "planned"),
    [
        (0.4, 40, 22),  # 43.5 photos a step of 8: an epoch takes 2.2 s of the 109 s, and learning again a quarter more
        (1.0, 6, 6),
        (1.0, 2, 2),  # fewer than are worth their time, but the user wants no more
    ],
)
def test_as_many_epochs_are_planned_as_fit_the_budget(run, network, step_s, epochs, planned) -> None:
    network.step_s = step_s
    run(AUTO.model_copy(update={"budget_min": 2 - 0.15, "epochs": epochs}))
    (found,) = (count for name, count in network.tried if name == "the whole network")
    assert found == pytest.approx(planned, abs=1 if planned > 6 else 0)  # logistic regression takes some time, too
    assert network.again[-1]


@pytest.mark.parametrize("refit", [True, False])
def test_a_network_that_is_too_slow_to_learn_again_is_tried_nevertheless(run, network, refit) -> None:
    network.step_s = 1.0  # twice the 19 epochs that 75 steps need are too many
    run(AUTO.model_copy(update={"budget_min": 2 - 0.15, "epochs": 40, "refit": refit}))
    (found,) = (count for name, count in network.tried if name == "the whole network")
    assert found == pytest.approx(20, abs=1)
    assert network.again[-1] == (not refit)  # another training may use the trial, and have the time


def test_a_stored_trial_is_not_tried_again_even_if_the_budget_is_spent(run, network) -> None:
    first = run()
    network.tried.clear()
    with resumed.counted() as earlier_s:
        again = run(AUTO.model_copy(update={"budget_min": 0}))
    assert earlier_s.count(1.0) == len([trial for trial in first.done if trial.seconds == 1.0]) > 0
    assert network.tried == []
    assert names(again) == names(first)
    assert again.skipped == {}
    for ours, theirs in zip(again.done, first.done, strict=True):
        np.testing.assert_array_equal(ours.scores, theirs.scores)


def test_a_killed_training_keeps_its_plan(run, network, monkeypatch) -> None:
    def killed(recipe, name, epochs=None, *, again=True):
        if name != "head":
            planned.append(epochs)
            raise KeyboardInterrupt
        return network.try_out(recipe, name, epochs)

    planned: list[int] = []
    network.step_s = 1.0
    config = AUTO.model_copy(update={"budget_min": 2, "epochs": 40})
    with monkeypatch.context() as patch:
        patch.setattr(NetworkRecipe, "try_out", killed)
        with pytest.raises(KeyboardInterrupt):
            run(config)
    assert 3 <= planned[0] < 40
    network.step_s = 0.5  # the machine has less to do now
    run(config)
    assert network.tried[-1] == ("the whole network", planned[0])


@pytest.mark.parametrize(
    "error", [DivergedError("at 0.02 the loss became nan; try 0.002", kept=False), TooLargeError("try 0.002")]
)
def test_a_network_that_fails_is_skipped_if_there_is_another_recipe(run, network, monkeypatch, error) -> None:
    def fails(recipe, name, epochs=None, *, again=True):
        raise error

    monkeypatch.setattr(NetworkRecipe, "try_out", fails)
    trials = run()
    assert names(trials) == [LOGISTIC, NEAREST, BLEND]
    assert set(trials.skipped) == {"head", "the whole network"}
    assert "try 0.002" in trials.skipped["head"]
    with pytest.raises(UserError, match=r"try 0\.002"):
        run(AUTO.model_copy(update={"recipe": "network"}))


def test_without_validation_photos_nothing_can_choose_so_only_logistic_regression_is_tried(run, data, network) -> None:
    trials = run(of=data.together())
    assert names(trials) == [LOGISTIC]
    assert trials.done[0].logits.shape == (0, 2)


def test_logits_are_not_adjusted_where_classes_are_even(run, network) -> None:
    assert [name for name in names(run()) if name.startswith(LOGISTIC)] == [LOGISTIC, BLEND]


ADJUSTED = f"{LOGISTIC}, logit adjustment"


@pytest.mark.parametrize(
    ("metric", "tried"),
    [("accuracy", [LOGISTIC, ADJUSTED]), ("balanced_accuracy", [ADJUSTED])],  # for a mean over classes it is right
)
@pytest.mark.usefixtures("network")
def test_logits_of_uneven_classes_are_adjusted_as_much_as_validation_wants(
    run, data, monkeypatch, metric, tried
) -> None:
    wanted: list[float] = []
    monkeypatch.setattr(Trials, "_best_adjustment", lambda trials: wanted[-1])
    wanted.append(0.5)
    trials = run(of=uneven(data), metric=metric)
    assert names(trials)[: len(tried)] == tried
    assert trials.baseline is not None
    change = trials.done[len(tried) - 1].logits - trials.baseline.logits
    np.testing.assert_allclose(change, -0.5 * np.log([[0.8, 0.2]] * 10), rtol=1e-3, atol=1e-4)
    wanted.append(0.0)  # nothing is gained
    assert names(run(of=uneven(data), metric=metric))[:2] == [LOGISTIC, NEAREST]


def test_the_adjustment_with_the_lowest_loss_over_classes_is_the_best(data, tmp_path) -> None:
    of = uneven(data)
    trials = Trials(AUTO, of, "accuracy", folder=tmp_path, progress=silent)
    assert trials._best_adjustment() == 0
    doubtful = np.tile(np.log(np.array([0.8, 0.2], np.float32)), (len(of.val), 1))  # it knows the shares only
    trials.baseline = Trial(LOGISTIC, doubtful, doubtful, 0, [])
    assert trials._best_adjustment() == 1
    rare = np.tile(np.array([0, 3], np.float32), (len(of.val), 1))  # always the rare class
    trials.baseline = Trial(LOGISTIC, rare, rare, 0, [])
    assert trials._best_adjustment() == 0


@pytest.mark.parametrize(
    ("method", "learned"),
    [
        ("auto", {"accuracy": "none", "macro_f1": "logit_adjustment"}),
        ("focal", {"accuracy": "focal", "macro_f1": "focal"}),
    ],
)
def test_a_network_that_is_tried_alone_does_what_the_metric_wants(run, data, network, method, learned) -> None:
    config = AUTO.model_copy(update={"recipe": "network", "imbalance": ImbalanceConfig(method=method)})
    trials = [run(config.model_copy(update={"seed": i}), uneven(data), metric) for i, metric in enumerate(learned)]
    assert all(names(each) == ["network"] for each in trials)
    assert network.methods == list(learned.values())


def uneven(data: TrainingSet) -> TrainingSet:
    """Return a training set with 20 photos of one class and 5 of the other."""
    rows = data.train.rows.iloc[:25].reset_index(drop=True)
    return replace(data, train=Part(rows, data.train.targets[:25]))


@pytest.mark.parametrize(("recipe", "tried"), [("logistic", [LOGISTIC]), ("head", ["head"]), ("network", ["network"])])
def test_a_recipe_that_is_spelt_out_is_tried_alone_whatever_the_budget(run, network, recipe, tried) -> None:
    trials = run(AUTO.model_copy(update={"recipe": recipe, "budget_min": 0}))
    assert names(trials) == tried
    assert trials.baseline is not None


def test_without_an_encoder_the_network_is_the_only_recipe(made_once, run, network) -> None:
    trials = run(AUTO.model_copy(update={"budget_min": 0}), read(made_once, made_once.scratch))
    assert names(trials) == ["network"]
    assert trials.baseline is None


def test_the_head_starts_from_the_logistic_regression_only_if_it_is_a_dense_layer(data, tmp_path) -> None:
    trials = Trials(AUTO, data, "accuracy", folder=tmp_path, progress=silent)
    assert trials._start() is None
    trials.logistic()
    start = trials._start()
    assert start is not None
    assert isinstance(start[0], LogisticRecipe)
    assert start[1].name == LOGISTIC
    for settings in ({"hidden": 4}, {"head": "arcface"}):
        other = Trials(AUTO.model_copy(update=settings), data, "accuracy", folder=tmp_path, progress=silent)
        other.logistic()
        assert other._start() is None


@pytest.mark.slow
def test_too_little_memory_for_a_batch_is_measured_with_smaller_ones(run, network, monkeypatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(NetworkRecipe, "step_seconds", measured)

    def step_seconds(attempt) -> float:
        seen.append(attempt.split)
        if attempt.split < 4:
            raise MemoryError
        return 0.25

    monkeypatch.setattr(Attempt, "step_seconds", step_seconds)
    run(AUTO.model_copy(update={"budget_min": 2, "epochs": 40, "refit": False}))
    assert seen == [1, 2, 4]
    assert 15 < network.tried[-1][1] <= 21  # each batch takes 1 s


@pytest.mark.slow
def test_an_unknown_layer_is_reported_before_any_network_is_trained(run) -> None:
    with pytest.raises(UserError, match="the network has no layer 'conv7'"):
        run(AUTO.model_copy(update={"recipe": "network", "unfreeze": ("conv3", "conv7")}))


def test_only_the_part_to_train_is_timed(run, network, monkeypatch) -> None:
    trained: list[list[str]] = []
    monkeypatch.setattr(NetworkRecipe, "step_seconds", measured)

    def step_seconds(model, phase, config) -> float:
        trained.append([layer.name for layer in model.layers if layer.trainable and layer.weights])
        return 0.001

    monkeypatch.setattr(fit, "step_seconds", step_seconds)
    run(AUTO.model_copy(update={"unfreeze": ("conv3",)}))
    [timed] = trained
    assert "conv3" in timed
    assert not {"conv1", "conv2"} & set(timed)
