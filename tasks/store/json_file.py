"""Read JSON files of artifacts: what doesn't fit the expected type is damaged, and never an internal error."""

from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from tasks.store.errors import DamagedFileError
from tasks.store.manifest import first_problem, read_regular
from tasks.store.paths import shown

Value = TypeVar("Value")


def read_json(path: Path, kind: type[Value]) -> Value:
    """Read a JSON file of an artifact.

    Args:
        path: The file.
        kind: The type of its content, such as `list[str]` or a TypedDict.

    Raises:
        OSError: The file is missing or can't be read.
        DamagedFileError: The file is no JSON, or its content has another type.
    """
    try:
        value: Value = TypeAdapter(kind).validate_json(read_regular(path), strict=True)
    except ValidationError as error:
        raise damaged(path, first_problem(error)) from error
    except ValueError as error:
        raise damaged(path, error) from error
    return value


def damaged(path: Path, reason: object) -> DamagedFileError:
    """Return the error for a file in an artifact's folder that doesn't contain what its stage writes."""
    why = shown(str(reason).strip().partition("\n")[0])[1:-1]
    return DamagedFileError(
        f"{path} is damaged ({why}); run the preset again with --fresh {path.parent.parent.name}, which builds it again"
    )
