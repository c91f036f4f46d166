"""COCO's JSON: `images`, `categories`, and `annotations` that connect them (cocodataset.org/#format-data)."""

from pydantic import BaseModel

from tasks.crawl.listing.annotations.named_classes import NamedClasses


class Image(BaseModel):
    """A photo."""

    id: int | str
    file_name: str


class Category(BaseModel):
    """A class."""

    id: int | str
    name: str


class Annotation(BaseModel):
    """A thing in a photo; where it is doesn't matter."""

    image_id: int | str
    category_id: int | str


class Coco(BaseModel):
    """The file."""

    images: list[Image]
    categories: list[Category]
    annotations: list[Annotation]

    def photos(self) -> list[NamedClasses]:
        """Return the photos in the order of the file.

        Raises:
            ValueError: An annotation has a category that isn't there.
        """
        names = {category.id: category.name for category in self.categories}
        classes: dict[int | str, set[str]] = {}
        for annotation in self.annotations:
            if annotation.category_id not in names:
                raise ValueError(f"an annotation has category_id {annotation.category_id}, which isn't in categories")
            classes.setdefault(annotation.image_id, set()).add(names[annotation.category_id])
        return [NamedClasses((image.file_name,), frozenset(classes.get(image.id, ()))) for image in self.images]
