"""Measure what each part of the default preset buys: the same photos and splits, one setting changed.

    .venv/bin/python benchmarks/parts.py ../shared [--sets trashnet nyala] [--seeds 0 1] [--parts "no refit" GeM]

Every run is compared with the first one, which is logistic regression on the features of the default encoder, on the
same test photos. The intervals are of a paired bootstrap over the groups of the test photos, those of all seeds
together. The runs of a data set and seed share a data folder, so what a setting doesn't change is computed once.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import measure
from benchmarks.twenty_lines import SETS, Run, paired_bootstrap, scored, settings_of
from tasks.inference.arrays import ScoredPredictions
from tasks.inference.headline import HeadlineMetric
from tasks.inference.scores import score

BASE = "logistic regression"
_ARCFACE = ["train.recipe=head", "train.head=arcface"]
PARTS: dict[str, list[str]] = {
    BASE: [],
    "recipe: auto (2 min)": ["train.recipe=auto"],
    "recipe: auto, 15 min": ["train.recipe=auto", "train.budget_min=15"],
    "recipe: head": ["train.recipe=head"],
    "nearest photo": ["evaluate.infer_from=nearest"],
    "ArcFace": _ARCFACE,
    "ArcFace, 3 sub-centres, margins that grow": [*_ARCFACE, "train.sub_centres=3", "train.margin_growth=0.25"],
    "encoder: autoencoder": ["pretrain.encoder=autoencoder", "preprocess.side_px=64"],
    "encoder: Lite1, 240 px": ["pretrain.encoder=efficientnet_lite1", "preprocess.side_px=240"],
    "encoder: Lite0 and Lite1, 240 px": [
        "pretrain.encoder=efficientnet_lite0+efficientnet_lite1",
        "preprocess.side_px=240",
    ],
    "side: 384 px": ["preprocess.side_px=384"],
    "GeM": ["pretrain.pooling=gem"],
    "4 copies": ["extract.copies=4"],
    "no refit": ["train.refit=false"],
}
"""What is changed in a run, and the settings that do it."""
_QUIET = ["evaluate.gallery=0", "evaluate.layer_images=0"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--parts", nargs="+", choices=[part for part in PARTS if part != BASE], default=None)
    asked = parser.parse_args()
    parts = [BASE, *(asked.parts or [part for part in PARTS if part != BASE])]
    for name in asked.sets:
        found: dict[str, list[tuple[ScoredPredictions, NDArray[np.str_], float]]] = {part: [] for part in parts}
        for seed in asked.seeds:
            with measure.scratch() as home, measure.server(home / "data"):
                settings = [*settings_of(name, asked.shared.absolute() / "data", home), "train.recipe=logistic"]
                settings += [f"filter.seed={seed}", f"train.seed={seed}", *_QUIET]
                for part in parts:
                    command = [measure.FLUKE, "run", "default", *settings, *PARTS[part]]
                    cost = measure.run(command, home / "data")
                    run = Run.newest(home / "data")
                    found[part].append((*_answers(run), cost.seconds))
                    metric = run.metric
        print(f"\n{name}, seeds {asked.seeds}: {metric}\n\n| part | score | each seed | difference | s |")
        print("|---|---|---|---|---|")
        for part in parts:
            print(_row(part, metric, found[part], found[BASE]), flush=True)


def _answers(run: Run) -> tuple[ScoredPredictions, NDArray[np.str_]]:
    """Return a run's answers to its test photos, and the photos' groups."""
    labels, targets = np.unique(run.photos["label"], return_inverse=True)
    test = (run.photos["split"] == "test").to_numpy()
    photos = run.photos[test]
    return scored(run.answers.loc[photos["photo"]], targets[test], labels), photos["group"].to_numpy()


def _row(
    part: str,
    metric: HeadlineMetric,
    found: list[tuple[ScoredPredictions, NDArray[np.str_], float]],
    base: list[tuple[ScoredPredictions, NDArray[np.str_], float]],
) -> str:
    each = [score(answers, 5)[metric] for answers, _, _ in found]
    value, low, high = paired_bootstrap(
        metric,
        together([answers for answers, _, _ in found]),
        together([answers for answers, _, _ in base]),
        np.concatenate([groups for _, groups, _ in base]),
    )
    difference = f"{value:+.3f} ({low:+.3f}..{high:+.3f})" if part != BASE else ""
    seconds = np.mean([seconds for _, _, seconds in found])
    return f"| {part} | {np.mean(each):.3f} | {', '.join(f'{e:.3f}' for e in each)} | {difference} | {seconds:.0f} |"


def together(answers: list[ScoredPredictions]) -> ScoredPredictions:
    """Join the predictions of several runs with the same classes."""
    return ScoredPredictions(
        np.concatenate([each.truth for each in answers]),
        np.concatenate([each.predicted for each in answers]),
        np.concatenate([each.rank for each in answers]),
        np.concatenate([each.loss for each in answers]),
        max(each.classes for each in answers),
    )


if __name__ == "__main__":
    main()
