"""What a review of a preset shows now: what its filter lists, what its training doubts, and its model's mistakes."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from configs.load import model_name
from configs.schema import Config
from flows.models.registry import Registry
from flows.review import all_photos, doubtful_labels, items, model_doubts, similar
from flows.review.items import ReviewList
from flows.run_records import RunRecord, read_records
from tasks.store.manifest import Artifact, Manifest
from tasks.store.store import Store

HINTS = doubtful_labels.HINTS | model_doubts.HINTS
"""What people read below the heading of a reason."""
_MOST = 20
"""So many confident mistakes, and so many photos that the model is unsure of, are listed at most."""


@dataclass(frozen=True)
class CurrentList:
    """Reads the list, and a newer one when a stage has run again."""

    root: Path
    """The data folder."""
    config: Config
    preset: str
    """The preset and its overrides, for messages."""

    def read(self) -> ReviewList:
        """Return the photos to review.

        Raises:
            UserError: The photos have not been filtered yet, or a file is damaged.
        """
        filtered = items.artifact(self._store, self.config, self.preset)
        return self._read(filtered, self._training(filtered))

    def newer(self, than: ReviewList) -> ReviewList | None:
        """Return the list if the filter or the training has published something newer than another list has."""
        folder = items.newer(self._store, self.config, self.preset, than.folder)
        filtered = Manifest.read(folder or than.folder).artifact
        training = self._training(filtered)
        is_newer = training and items.published_after(self._store, "train", training, than.training)
        if folder is None and not is_newer:
            return None
        return self._read(filtered, training)

    @property
    def _store(self) -> Store:
        return Store(self.root)

    def _training(self, filtered: Artifact) -> Path | None:
        if not self.config.evaluate.label_issues:
            return None
        return doubtful_labels.newest_training(self._store, filtered)

    def _read(self, filtered: Artifact, training: Path | None) -> ReviewList:
        listed = items.read(self._store.folder(filtered), self.preset)
        decided, most = listed.decisions(self.root).keys(), self.config.evaluate.label_issues
        if training is not None:
            listed = doubtful_labels.add(listed, training, most, decided)
        champion = self._champion()
        evaluation = model_doubts.evaluation_of(self._store, champion) if champion else None
        if evaluation is not None and most:
            listed = model_doubts.add(listed, evaluation, min(most, _MOST), decided)
        features = similar.stored_features(self._store, champion) if champion else None
        return all_photos.add(listed, evaluation, features)

    def _champion(self) -> RunRecord | None:
        """Return the run of the model in use; None if there is none."""
        name = model_name(self.config, shlex.split(self.preset)[0])
        champion = Registry(self.root, name).champion()
        runs = (run for run in read_records(self.root) if run.id == champion and run.model)
        return next(runs, None)
