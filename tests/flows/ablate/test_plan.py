"""The plan: which trainings there are, and with which seeds."""

import pytest

from configs.schema import Config
from flows.ablate import plan
from tasks.store.errors import UserError

ARM = "train.epochs=5"


def test_every_arm_is_trained_with_every_seed_and_number_of_photos_and_seeds_are_completed_one_by_one() -> None:
    made = plan.make("x", Config(), [ARM], seeds=2, sizes=["all", 20, 20])
    assert made.sizes == (20, "all")
    assert [(cell.seed, cell.size, cell.arm.name) for cell in made.cells] == [
        (seed, size, name) for seed in (0, 1) for size in (20, "all") for name in ("x", ARM)
    ]
    assert [cell.title for cell in made.cells][:3] == [
        "x, 20 a class, seed 0",
        f"{ARM}, 20 a class, seed 0",
        "x, seed 0",
    ]


def test_a_seed_changes_the_training_and_an_autoencoder_but_neither_the_split_nor_a_pretrained_network() -> None:
    config = Config.model_validate({"train": {"seed": 7}, "filter": {"seed": 3}})
    made = plan.make("x", config, ["pretrain.encoder=autoencoder"], seeds=3)
    last = {cell.arm.name: cell.config for cell in made.cells[-2:]}
    assert [each.train.seed for each in last.values()] == [9, 9]
    assert [each.pretrain.seed for each in last.values()] == [0, 2]
    assert {each.filter.seed for each in last.values()} == {3}
    assert {each.evaluate.seed for each in last.values()} == {0}


def test_the_budget_is_the_same_in_all_arms_and_arms_that_it_does_not_bound_are_named() -> None:
    made = plan.make("x", Config(), ["slow: train.recipe=network"], minutes=0.5)
    assert {arm.config.train.budget_min for arm in made.arms} == {0.5}
    assert "however long that takes: slow" in made.notes[-1]
    with pytest.raises(UserError, match=r"train\.budget_min is the same in all arms"):
        plan.make("x", Config(), ["train.budget_min=5"], minutes=0.5)


def test_the_same_question_has_the_same_folder_and_another_one_has_another() -> None:
    first = plan.make("x/y", Config(), [ARM])
    assert first.id == plan.make("x/y", Config.model_validate({"workers": {"threads": 1}}), [ARM]).id
    assert first.id.startswith("x-y-")
    others = [plan.make("x/y", Config(), [ARM], seeds=4), plan.make("x/y", Config(), ["train.epochs=6"])]
    assert len({first.id, *(other.id for other in others)}) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [({"seeds": 0}, "--seeds 0"), ({"sizes": [0]}, "--photos-per-class 0"), ({"minutes": 0}, "--minutes 0")],
)
def test_numbers_out_of_range_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        plan.make("x", Config(), [ARM], **options)  # type: ignore[arg-type]


def test_numbers_of_photos_are_read_with_blanks_or_commas() -> None:
    assert plan.read_sizes(["20,60", "all"]) == plan.read_sizes(["20 60 all"]) == [20, 60, "all"]
    with pytest.raises(UserError, match="'half'"):
        plan.read_sizes(["half"])
