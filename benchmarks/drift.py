"""How often the check for drift is wrong, on real features: false alarms without drift, and drifts that it finds.

    python -m benchmarks.drift DATA [--darker DATA] [--nights 200]

DATA is a data folder whose newest run got as far as the extract stage. In each simulated night, some photos of each
class are new and the others are those trained on. `--darker` is a second data folder with darker copies of photos of
the first one: photos are the same if they have the same name.

- other class: all new photos of one class show another class.
- half other class: half of them do.
- few everywhere: in each class, a fifth of the new photos show another class.
- darker: the new photos of all classes are darker.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from flows.nights import drift
from tasks.evaluate.findings import Compared
from tasks.inference.arrays import Floats
from tasks.store.context import StageContext
from tasks.store.store import Store
from tasks.tables.filter import KEPT

_LEVEL = 0.01
_NEW = (5, 10, 20, 50)
_MOST_OLD = 200


@dataclass(frozen=True)
class World:
    """One photo of each group of near duplicates, with its features and qualities."""

    photos: pd.DataFrame
    features: Floats
    qualities: dict[str, Floats]

    @classmethod
    def read(cls, root: Path) -> "World":
        """Read the newest artifacts of a data folder."""
        store = Store(root.absolute())
        kept, features = (store.folder(store.manifests(stage)[0].artifact) for stage in ("filter", "extract"))
        photos = KEPT.read(kept, ["photo", "label", "name", "group"]).drop_duplicates("group", ignore_index=True)
        context = StageContext(store.root, kept, store.pools("filter"), store.photos)
        found = drift.read_features(features, photos["photo"], store.root)
        assert found is not None, "the run has no encoder"
        return cls(photos, found, drift.read_qualities(photos["photo"], context))

    def of_class(self, label: str) -> pd.DataFrame:
        """Return the photos of a class."""
        return self.photos[self.photos["label"] == label]


def night(world: World, darker: World | None, kind: str, new: int, rng: np.random.Generator) -> list[Compared]:
    """Simulate one night with so many new photos of each class."""
    labels = sorted(set(world.photos["label"]))
    chosen: list[tuple[World, np.ndarray, str, bool]] = []
    drifting = str(rng.choice(labels))
    for label in labels:
        rows = rng.permutation(world.of_class(label).index.to_numpy())
        source, fresh = world, rows[:new]
        if kind == "darker" and darker:
            source, fresh = darker, rng.permutation(darker.of_class(label).index.to_numpy())[:new]
            rows = rows[~world.photos.loc[rows, "name"].isin(darker.photos.loc[fresh, "name"]).to_numpy()]
        wrong = {"other class": new, "half other class": new // 2}.get(kind, 0) * (label == drifting)
        wrong += new // 5 * (kind == "few everywhere")
        if wrong:
            others = world.photos.index[world.photos["label"] != label].to_numpy()
            fresh = np.concatenate([fresh[wrong:], rng.choice(others, wrong, replace=False)])
        old = np.setdiff1d(rows[new:], fresh)[:_MOST_OLD]
        chosen += [(world, old, label, False), (source, fresh, label, True)]
    return drift.compare(
        [label for _, rows, label, _ in chosen for _ in rows],
        np.concatenate([np.full(len(rows), is_new) for _, rows, _, is_new in chosen]),
        np.concatenate([each.features[rows] for each, rows, _, _ in chosen]),
        {name: np.concatenate([each.qualities[name][rows] for each, rows, _, _ in chosen]) for name in world.qualities},
        None,
        level=_LEVEL,
    )


def main() -> None:
    """Print a table with the share of nights with an alarm, by the kind of drift and the number of new photos."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--darker", type=Path)
    parser.add_argument("--nights", type=int, default=200)
    given = parser.parse_args()
    world, darker = World.read(given.data), World.read(given.darker) if given.darker else None
    rng = np.random.default_rng(0)
    print(f"{len(world.photos):,} photos, level {_LEVEL}")
    began = time.monotonic()
    counts = rng.choice(_NEW, given.nights)
    falsely = [any(row.drifted for row in night(world, None, "none", int(new), rng)) for new in counts]
    seconds = (time.monotonic() - began) / given.nights
    print(f"no drift: {sum(falsely)} of {given.nights} nights with an alarm; {seconds:.2f} s a night", flush=True)
    kinds = ["other class", "half other class", "few everywhere", *(["darker"] if darker else [])]
    nights = max(1, given.nights // 10)
    print("| new photos of each class |", " | ".join(kinds), "|")
    for new in _NEW:
        shares = []
        for kind in kinds:
            found = [any(row.drifted for row in night(world, darker, kind, new, rng)) for _ in range(nights)]
            shares.append(f"{100 * np.mean(found):.0f} %")
        print(f"| {new} |", " | ".join(shares), "|", flush=True)


if __name__ == "__main__":
    main()
