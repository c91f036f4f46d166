"""Names that people give to models: `fluke name RUN NAME`. One file, `DATA/names.json`: the ID of a run by name."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from tasks.store.atomic import write_json
from tasks.store.errors import UserError
from tasks.store.permissions import file_lock

logger = logging.getLogger("fluke.models")

FILE = "names.json"
_FORM = re.compile(r"\w[\w.+-]{0,99}")


def read(root: Path) -> dict[str, str]:
    """Read the names of all models: the ID of a run by name, sorted by name.

    Raises:
        UserError: The file is damaged.
    """
    return _read(root / FILE)


def _read(path: Path) -> dict[str, str]:
    try:
        names = TypeAdapter(dict[str, str]).validate_json(path.read_bytes(), strict=True)
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        raise UserError(
            f"{path}: damaged, and it says which models must be kept; restore the file, or delete it and name the "
            "models again"
        ) from error
    return dict(sorted(names.items()))


def of_runs(root: Path) -> dict[str, list[str]]:
    """Return the names of each run that has any, by its ID."""
    found: dict[str, list[str]] = {}
    for name, run in read(root).items():
        found.setdefault(run, []).append(name)
    return found


def add(root: Path, name: str, run: str) -> None:
    """Give a run's model a name. A run can have several names.

    Args:
        root: The data folder.
        name: The name.
        run: The ID of the run.

    Raises:
        UserError: The name has another form, or another run has it.
    """
    if not _FORM.fullmatch(name) or name.lower().endswith((".yaml", ".yml")):
        raise UserError(
            f"{name!r} can't be the name of a model: use up to 100 letters, digits and . _ + -, without blanks; begin "
            "with a letter or a digit, and don't end with .yaml"
        )
    with _changed(root) as names:
        if names.get(name, run) != run:
            raise UserError(
                f"{name!r} is already the name of run {names[name]}; `fluke name --delete {name}` removes it first"
            )
        names[name] = run


def delete(root: Path, name: str) -> str:
    """Remove a name, and return the ID of the run that had it. The model itself stays.

    Raises:
        UserError: There is no such name.
    """
    with _changed(root) as names:
        if name not in names:
            known = f"; the names are {', '.join(names)}" if names else ""
            raise UserError(f"no model is named {name!r}{known}")
        return names.pop(name)


def merge(root: Path, other: Path, base: Path) -> None:
    """Give, change and delete names as another copy of the file has done since both were the same.

    A name that was deleted in one copy and given to another run in the other one stays that run's. If both have given
    it to different runs, it is that of the run here.

    Args:
        root: The data folder.
        other: The other copy.
        base: The file as both had it before; if there is none, all names of the other copy are new.

    Raises:
        UserError: One of them is damaged.
    """
    theirs, before = _read(other), _read(base)
    with _changed(root) as names:
        for name in sorted(theirs.keys() | before.keys()):
            run, was, ours = theirs.get(name), before.get(name), names.get(name)
            if run in (was, ours):
                continue
            if run is None:
                if ours == was:
                    del names[name]
            elif ours in (None, was):
                names[name] = run
            else:
                logger.warning(
                    "%r was given to two runs at the same time, on two machines: it is the name of %s; give run %s "
                    "another one with `fluke name`",
                    name,
                    ours,
                    run,
                )


@contextmanager
def _changed(root: Path) -> Iterator[dict[str, str]]:
    """Yield the names, to be changed in place, and write them; one process at a time."""
    with file_lock(root / "locks" / "names.lock"):
        names = read(root)
        yield names
        write_json(root / FILE, names, sort_keys=True)
