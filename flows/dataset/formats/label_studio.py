"""Label Studio: the photos, `tasks.json` to import, and `config.xml`, the labelling interface of the project.

Photos are served from this machine's disk, below the folder that LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT names, which
must be the dataset's folder (labelstud.io/guide/storage, "Local storage").
"""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from flows.dataset.photos import CopiedPhoto, DatasetPhoto
from tasks.store.atomic import atomic_write, write_json


def paths(photos: Sequence[DatasetPhoto]) -> list[str]:
    """Return the path of each photo's file below the dataset's folder."""
    return [f"photos/{photo.name}" for photo in photos]


def write(folder: Path, name: str, photos: Sequence[CopiedPhoto]) -> None:
    """Write a task for each photo, with its class as an annotation."""
    tasks = [
        {
            "data": {"image": f"/data/local-files/?d={quote(path)}", "split": photo.split},
            "annotations": [{"result": [_choice(photo.label)]}],
        }
        for path, photo, _ in photos
    ]
    write_json(folder / "tasks.json", tasks)
    choices = "\n".join(
        f"    <Choice value={quoteattr(label)}/>" for label in sorted({photo.label for _, photo, _ in photos})
    )
    text = (
        f"<!-- {name.replace('--', '-')} -->\n"
        '<View>\n  <Image name="image" value="$image"/>\n  <Choices name="class" toName="image">\n'
        f"{choices}\n  </Choices>\n</View>\n"
    )
    atomic_write(folder / "config.xml", text.encode())


def _choice(label: str) -> dict[str, object]:
    return {"from_name": "class", "to_name": "image", "type": "choices", "value": {"choices": [label]}}
