"""The gallery of photos whose label may be wrong."""

from typing import Any

from tasks.evaluate.report.data import EvaluationFiles
from tasks.evaluate.to_review import doubted_photos
from tasks.images import thumbnails
from tasks.tables.train import LABEL_ISSUES
from tasks.text import percent


def doubted_gallery(files: EvaluationFiles, most: int) -> list[dict[str, Any]]:
    """Return picture, label, suggestion, doubt and name of the photos with the most doubtful labels.

    Args:
        files: The files of the evaluation.
        most: The largest number of photos.
    """
    if not (photos := doubted_photos(files.folder)[:most]):
        return []
    rows = LABEL_ISSUES.read(files.parent("classifier")).set_index("photo")
    names = files.kept.drop_duplicates("photo").set_index("photo")["name"]
    return [
        {
            "picture": thumbnails.of_pixels(files.tile(photo)),
            "label": rows["label"][photo],
            "suggestion": rows["suggestion"][photo],
            "doubt": percent(rows["doubt"][photo], 0),
            "name": names[photo],
        }
        for photo in photos
    ]
