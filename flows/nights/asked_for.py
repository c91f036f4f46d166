"""Which photos the user still asks for: a class that was taken out of the keywords or of a list isn't missing."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from configs.schema import LISTS, CrawlConfig
from tasks.crawl.keywords import keywords_of
from tasks.crawl.listing import annotated, photo_csv
from tasks.crawl.sources.urls import list_urls

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class AskedFor:
    """What the settings and their files ask for now, whether or not it is found."""

    classes: Collection[str] | None = None
    """The classes; None: any class that is there, as in a folder."""
    rows: Collection[tuple[str, str]] | None = None
    """Name and class of each photo of a list; None: the photos aren't listed one by one."""

    @classmethod
    def of(cls, config: CrawlConfig) -> "AskedFor":
        """Read the keywords or the list of a crawl.

        Raises:
            UserError: They can't be read; the crawl has read them a moment ago.
        """
        if "csv" in config.sources or "annotations" in config.sources:
            rows = (photo_csv if "csv" in config.sources else annotated).listed_rows(config)
            return cls({label for _, label in rows}, rows)
        if "urls" in config.sources:
            return cls(list_urls(config).candidates)
        if config.keywords and not LISTS.intersection(config.sources):
            return cls(keywords_of(config))
        return cls()

    def withdrawn(self, photos: "pd.DataFrame") -> set[str]:
        """Return the photos that nobody asks for any more.

        Args:
            photos: Photo, name and class of each photo of an earlier run.
        """
        named = zip(photos["photo"], photos["name"], photos["label"], strict=True)
        return {
            photo
            for photo, name, label in named
            if (self.classes is not None and label not in self.classes)
            or (self.rows is not None and (name, label) not in self.rows)
        }
