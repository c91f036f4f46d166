"""What `fluke predict` is asked for: which photos, which model, which files to write."""

from dataclasses import dataclass
from pathlib import Path

from configs.schema import WorkersConfig
from flows.predict import outputs
from tasks.crawl.listing.tree import HEAT_MAPS
from tasks.store.errors import UserError
from tasks.store.file_errors import PARTIAL

FORMATS = (".csv", ".json", ".parquet")


@dataclass(frozen=True)
class PredictOptions:
    """What to predict, with which model, and which files to write."""

    photos: Path
    """A photo, a folder, or a CSV with a column Image."""
    model: str | None = None
    """A name of models, or a run, see `flows.models.find.find_run`; None: the only name."""
    top_k: int = 3
    """Number of classes per photo, 1 or more."""
    out: Path | None = None
    """A .csv, .json or .parquet file for one row per photo."""
    excel: bool = False
    """Whether `out`, a .csv file, begins with a byte order mark, see `write_table`."""
    submission: Path | None = None
    """A .csv file in the whale challenge's format: Image, and Id with five classes."""
    heat_maps: Path | None = None
    """A folder for one picture per photo: the photo with the heat map of its most likely class."""
    workers: str | None = None
    """The address of a Dask scheduler whose workers predict, see `docs/scaling.md`; None: this process."""

    def check(self) -> None:
        """Raise UserError if an output can't be written; call this before anything is computed."""
        for option, path, formats in (("--out", self.out, FORMATS), ("--submission", self.submission, (".csv",))):
            if path and path.suffix not in formats:
                raise UserError(f"{option} {path}: the file's name must end in one of {', '.join(formats)}")
            if path:
                outputs.check_file(option, path)
        if self.excel and (self.out is None or self.out.suffix != ".csv"):
            fixed = ", not for a submission, whose format is fixed" if self.submission else ""
            raise UserError(f"--excel is for the CSV of --out{fixed}; add --out FILE.csv, or leave --excel out")
        if self.workers:
            self.cluster()
        if self.heat_maps and self.workers:
            raise UserError("--heat-maps are drawn on this machine; leave out --heat-maps or --workers")
        if self.heat_maps:
            outputs.check_folder("--heat-maps", self.heat_maps)
        if self.heat_maps and self.heat_maps.is_dir():
            names = {path.name for path in self.heat_maps.iterdir() if not path.name.startswith(PARTIAL)}
            if names and HEAT_MAPS not in names:  # a later crawl would take the pictures for photos
                raise UserError(
                    f"--heat-maps {self.heat_maps}: the folder holds other files; name a new or an empty folder"
                )

    def cluster(self) -> WorkersConfig:
        """Return the settings of the workers; raises UserError if their address is none."""
        try:
            return WorkersConfig(kind="dask", address=self.workers)
        except ValueError as error:
            raise UserError(
                f"--workers {self.workers}: give the address of a Dask scheduler, such as tcp://10.0.0.5:8786"
            ) from error
