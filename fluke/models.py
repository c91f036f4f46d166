"""A trained model: answers photos."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fluke import data as folders

if TYPE_CHECKING:
    import pandas as pd

    from flows.predict.loaded import LoadedModel
    from flows.run_records import RunRecord

_BATCH = 256


def load_model(name: str | None = None, *, data: str | Path | None = None) -> "Model":
    """Load a trained model.

    Args:
        name: A name of models, whose champion is loaded; or the ID of a run; or a name given by `fluke name`. None: the
            only name.
        data: The data folder; None: $FLUKE_DATA, or ./data.

    Raises:
        UserError: There is no such model.
    """
    from flows.models.find import find_run

    root = folders.folder(data)
    return Model(root, find_run(root, name))


class Model:
    """A trained model. It is loaded when it first answers, and then stays loaded."""

    def __init__(self, root: Path, record: "RunRecord") -> None:
        """Use `load_model`."""
        self._root = root
        self._record = record
        self._model: LoadedModel | None = None

    @property
    def run(self) -> str:
        """The ID of the run that trained it."""
        return self._record.id

    @property
    def classes(self) -> list[str]:
        """The names of its answers, in the order of the columns of `probabilities`."""
        return self._loaded().names

    def predict(self, photos: Any, *, top_k: int = 3) -> "pd.DataFrame":
        """Predict the classes of photos.

        Args:
            photos: One photo, or a sequence of photos. Each is a path, the content of a file (bytes), RGB pixels (uint8
                `(h, w, 3)`) or a picture of Pillow. A path may also be a folder, or a CSV with a column Image.
            top_k: Number of classes per photo.

        Returns:
            One row per photo: image (its name, or its number from 0), class_1, probability_1 ... (most likely first),
            and error: why it can't be read, or "". Before error, unsure (whether nobody should rely on the answer, see
            evaluate.abstain) and possible_classes (a list, see evaluate.set_coverage), if the model has them.

        Raises:
            UserError: A path doesn't exist, or contains no photos.
        """
        import pandas as pd

        if top_k < 1:
            raise ValueError(f"top_k must be 1 or more, not {top_k}")
        names, items = self._listed(photos)
        loaded = self._loaded()
        answers = [answer for part in _batches(items) for answer in loaded.answers(part, top_k)]
        shown = min(top_k, len(loaded.names))
        columns = [f"{what}_{rank}" for rank in range(1, shown + 1) for what in ("class", "probability")]
        rows = [
            {"image": name, **dict(zip(columns, (part for pair in answer.top for part in pair), strict=False))}
            | {**answer.certainty._asdict(), "error": answer.error}
            for name, answer in zip(names, answers, strict=True)
        ]
        return pd.DataFrame(rows, columns=["image", *columns, *loaded.limits.columns, "error"])

    def probabilities(self, photos: Any) -> NDArray[np.float64]:
        """Return the calibrated probabilities `(photos, len(classes))`; those of a photo that can't be read are NaN.

        Args:
            photos: As for `predict`.
        """
        from tasks.inference.arrays import DIGITS

        _, items = self._listed(photos)
        loaded = self._loaded()
        found = [loaded.probabilities(part)[0] for part in _batches(items)]
        return np.concatenate([np.zeros((0, len(loaded.names))), *found]).round(DIGITS)

    def __repr__(self) -> str:
        return f"<fluke.Model of run {self.run}>"

    def _loaded(self) -> "LoadedModel":
        if self._model is None:
            from flows.predict.loaded import LoadedModel
            from tasks.store import compiled

            compiled.keep_in(self._root)
            self._model = LoadedModel(self._root, self._record)
        return self._model

    def _listed(self, photos: Any) -> tuple[list[str], list[Any]]:
        """Return names and photos; folders and CSV files become their photos."""
        from flows.predict.photo_list import list_photos

        single = isinstance(photos, (str, Path, bytes)) or not isinstance(photos, Sequence | np.ndarray)
        if isinstance(photos, np.ndarray) and photos.ndim in (2, 3):  # 2: grey, which one error says
            single = True
        names: list[str] = []
        items: list[Any] = []
        for number, photo in enumerate([photos] if single else photos):
            if isinstance(photo, str | Path):
                found = list_photos(Path(photo).expanduser()).photos
                names += [name for name, _ in found]
                items += [path for _, path in found]
            else:
                names.append(str(number))
                items.append(photo)
        return names, items


def _batches(items: Sequence[Any]) -> "Iterator[list[bytes | NDArray[np.uint8]]]":
    """Read photos, some at a time."""
    for start in range(0, len(items), _BATCH):
        yield [_content(each) for each in items[start : start + _BATCH]]


def _content(photo: Any) -> "bytes | NDArray[np.uint8]":
    """Return the content of a file, or pixels; b"" for a file that can't be read any more."""
    from tasks.crawl.listing.files import read_file

    if isinstance(photo, Path):
        try:
            return read_file(photo)
        except OSError:
            return b""
    if isinstance(photo, bytes | np.ndarray):
        return photo
    if hasattr(photo, "convert"):
        return np.asarray(photo.convert("RGB"))
    raise TypeError(f"a photo is a path, bytes, an array or a picture of Pillow, not {type(photo).__name__}")
