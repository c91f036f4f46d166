"""What a review of a preset shows now: what its filter lists, and the labels that its newest training doubts."""

from dataclasses import dataclass
from pathlib import Path

from configs.schema import Config
from flows.review import doubtful_labels, items
from flows.review.items import ReviewList
from tasks.store.manifest import Artifact, Manifest
from tasks.store.store import Store


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
        if training is None:
            return listed
        most = self.config.evaluate.label_issues
        return doubtful_labels.add(listed, training, most, listed.decisions(self.root).keys())
