"""`labels.json` of a FiftyOneImageClassificationDataset: `classes`, and `labels` by the name of a file in `data/`.

A label is the number of a class or its name, one or several, or an object with `label`
(docs.voxel51.com, "Exporting datasets", FiftyOneImageClassificationDataset).
"""

from pydantic import BaseModel

from tasks.crawl.listing.annotations.named_classes import NamedClasses


class Classification(BaseModel):
    """A label with more than its class, such as a confidence."""

    label: int | str


Label = int | str | Classification


class FiftyOne(BaseModel):
    """The file."""

    classes: list[str] | None = None
    labels: dict[str, Label | list[Label] | None]

    def photos(self) -> list[NamedClasses]:
        """Return the photos in the order of the file.

        Raises:
            ValueError: The number of a class isn't one of `classes`.
        """
        found = []
        for name, given in self.labels.items():
            labels = given if isinstance(given, list) else [] if given is None else [given]
            found.append(NamedClasses((name,), frozenset(self._name(label) for label in labels)))
        return found

    def _name(self, label: Label) -> str:
        if isinstance(label, Classification):
            label = label.label
        if isinstance(label, str):
            return label
        if not 0 <= label < len(self.classes or ()):
            raise ValueError(f"a label is class {label}, but there are {len(self.classes or ())} classes")
        return (self.classes or [])[label]
