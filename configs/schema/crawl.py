"""Settings of the crawl: the sources of photos, and the limits of requests to servers."""

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from configs.redact import strip_login
from configs.schema.section import Fraction, Section, SourcePath

ON_THIS_MACHINE = frozenset({"folder", "csv", "annotations", "huggingface"})
"""The sources that read photos in `crawl.path`; nothing is downloaded."""
LISTS = ON_THIS_MACHINE | {"urls"}
"""The sources that list photos in `crawl.path`, and don't search."""
WITHOUT_SIZES = LISTS | {"site", "gallery"}
"""The sources that don't say how large a photo is before it is downloaded; search engines do."""


class SearchFilters(Section):
    """Filters for search engines. A value that an engine doesn't support is an error before any request."""

    licence: str | None = Field(
        None, description="open, commercial (use), modify (and share), or one licence: cc0, pdm, by, by-sa, by-nc ..."
    )
    size: str | None = Field(None, description="small, medium, large, huge, or a minimum size in pixels: >=640x480.")
    colour: str | None = Field(None, description="colour (any colours), grey, transparent, or a colour such as red.")
    type: str | None = Field(None, description="photo, face, clipart, drawing or animated.")
    date: str | None = Field(None, description="The last day, week, month or year, or a range: 2026-01-01..2026-06-30.")


class CsvColumns(Section):
    """The names of the columns of a CSV file of photos. Case doesn't matter."""

    image: str = Field("Image", description="csv: path of the photo; huggingface: the photo.")
    label: str = Field("Id", description="csv, huggingface: class of the photo.")
    group: str = Field("Group", description="csv, huggingface: photos of one burst, never in two splits (optional).")
    split: str = Field("split", description="csv, urls: train, val or test (optional), see crawl.split.")
    time: str = Field(
        "taken_at",
        description="csv: when the photo was taken, such as 2026-11-27 or 2026-11-27 19:30 (optional); the report "
        "compares the accuracy by it.",
    )
    url: str = Field("url", description="urls: URL of the photo.")
    url_label: str = Field("label", description="urls: class of the photo.")


class CrawlConfig(Section):
    """The sources of photos, and the limits of requests to servers."""

    sources: tuple[str, ...] = Field(
        ("folder",),
        min_length=1,
        description="Modules in tasks/crawl/sources: folder, csv, annotations, huggingface, urls, site or gallery; or "
        "several search engines, in the order of use (classes with too few photos go on to the next engine).",
    )
    path: SourcePath | None = Field(
        None,
        description="folder: a folder with one sub-folder of photos per class, or a zip or tar file of it; csv: a CSV "
        "file with columns Image,Id (optional: Group, split), or a folder with train.csv and val.csv or test.csv; "
        "annotations: a JSON file of COCO, Label Studio, FiftyOne or Croissant, or a folder with one, or with one for "
        "each part of a split; "
        "huggingface: the folder of a local copy of a dataset; urls: a CSV file with columns url,label (optional: "
        "split).",
    )
    images: SourcePath | None = Field(
        None,
        description="csv, annotations: the folder to which the names of the photos are relative; null: the folder of "
        "the file, or for annotations images/, data/ or a folder named after the part of the split beside it.",
    )
    labelled: SourcePath | None = Field(
        None,
        description="The labels.csv of `fluke label`: its photos are added to those of any source. A photo that the "
        "source has in another class counts in the class that was chosen by hand.",
    )
    columns: CsvColumns = Field(
        CsvColumns(), description="csv, annotations (Croissant only), huggingface, urls: the names of the columns."
    )
    split: Literal["auto", "folders", "ignore"] = Field(
        "auto",
        description="Unless photos are searched: whether they are split already: by folders train, val and test with "
        "the same class folders in each (or such folders in each class folder), by a column of the CSV, or by "
        "train.csv and test.csv in one folder. auto: used if there is one; folders: there must be one, and folders "
        "beside its parts are left out; ignore: the classes are the same as with auto, but the filter splits all "
        "photos anew.",
    )
    max_loss: Fraction = Field(
        0.2,
        description="The crawl fails if it can't use more than this share of the photos or rows that the user gave, or "
        "of the photos that it has stored: unreadable, not found, or lost.",
    )
    keywords: dict[str, tuple[str, ...]] | SourcePath = Field(
        default_factory=dict,
        description="Search engines: the queries of each class, or a text file with lines `class: query, query`. "
        "site: the start URLs of each class.",
    )
    per_class: int | None = Field(
        None, ge=1, description="Number of photos to collect per class; null: all that are found."
    )
    filters: SearchFilters = Field(SearchFilters(), description="Filters for search engines.")
    min_yield: Fraction = Field(
        0.2,
        description="The crawl fails if it finds less than this share of the wanted photos (per_class of each class, "
        "or all URLs found). For a list of URLs, max_loss is checked, too. 0 disables both checks.",
    )
    top_up: tuple[str, ...] = Field(
        (),
        description="Additional queries for classes with less than half of the mean number of photos; {} is replaced "
        "by each of their own queries, as in '{} photo'.",
    )
    replay: bool = Field(False, description="Send no requests; use what earlier crawls have stored.")
    max_pages: int = Field(200, ge=1, description="Maximum number of pages per query, of results or of a site.")
    threads: int = Field(16, ge=1, le=256, description="Maximum number of parallel downloads.")
    connections_per_host: int = Field(
        4,
        ge=1,
        le=256,
        description="Maximum number of parallel connections per host, unless its operator allows fewer.",
    )
    requests_per_s: float = Field(
        10,
        gt=0,
        le=10000,
        description="Maximum number of requests per second and host, unless its operator allows fewer.",
    )
    timeout_s: float = Field(10, gt=0, le=300, description="Seconds without a response after which a request fails.")
    retries: int = Field(2, ge=0, le=10, description="Retries after a transient failure: no response, HTTP 429 or 5xx.")
    deadline_s: float = Field(14400, gt=0, description="Seconds after which the crawl ends; it keeps its downloads.")
    max_gb: float = Field(50, gt=0, description="Gigabytes after which the crawl ends; it keeps its downloads.")
    max_photo_mb: float = Field(50, gt=0, le=1000, description="Larger photos (megabytes) are dropped.")
    max_photo_mpx: float = Field(
        178,
        gt=0,
        le=500,
        description="Larger photos (megapixels) are left out, undecoded: downloads and local files.",
    )
    min_side_px: int | None = Field(
        32,
        ge=1,
        description="Search engines: don't download photos whose shorter side is below this, if the engine says so. "
        "A lower filter.min_side_px lowers it, too; null: download them.",
    )
    min_aspect: float | None = Field(
        0.35,
        ge=0,
        le=1,
        description="Search engines: don't download photos whose shorter side, divided by the longer one, is below "
        "this, if the engine says so. A lower filter.min_aspect lowers it, too; null: download them.",
    )
    robots: Literal["everywhere", "photos", "nowhere"] = Field(
        "everywhere",
        description="Where robots.txt and noai are respected. everywhere: also on result pages of engines without an "
        "official API (most forbid crawlers); photos: for photos and the pages of a site; nowhere: not at all.",
    )
    contact: str | None = Field(None, description="Contact URL or e-mail address, sent in the User-Agent header.")
    private_hosts: tuple[str, ...] = Field(
        (),
        description="Hosts on this machine or in private networks that are allowed, e.g. intranet:8080 or *.corp. With "
        "a proxy, also names that this machine can't resolve.",
    )
    proxy_resolves: bool = Field(
        False,
        description="With http_proxy or https_proxy: whether names of the public internet that this machine can't "
        "resolve are handed to the proxy, for networks in which only the proxy resolves names.",
    )
    port: int = Field(8765, ge=1024, le=65535, description="gallery: the local port of the demo's photo site.")

    @field_validator("sources", "top_up", "private_hosts", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("private_hosts")
    @classmethod
    def _are_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not re.fullmatch(r"(\*\.)?[^\s/*@?#]+", host):
                raise ValueError(f"{host!r} is no host; write intranet, intranet:8080 or *.corp")
        return value

    @field_validator("sources")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("name each source once")
        return value

    @field_validator("keywords", mode="before")
    @classmethod
    def _queries_of_classes(cls, value: object) -> object:
        """Accept a list of classes, whose names are their queries, and a single query without brackets."""
        if not isinstance(value, dict | list | tuple):
            return value
        classes = value.items() if isinstance(value, dict) else zip(value, value, strict=True)
        keywords: dict[str, tuple[str, ...]] = {}
        for label, queries in classes:
            listed = [queries] if isinstance(queries, str | int | float) else queries
            words = [label, *listed] if isinstance(listed, list | tuple) else [None]
            if not all(isinstance(word, str | int | float) and not isinstance(word, bool) for word in words):
                raise ValueError(f"write `{label}: [query, query]`, or give the path of a text file")
            keywords[strip_login(str(label))] = tuple(strip_login(str(query)) for query in listed)
        return keywords

    @field_validator("contact")
    @classmethod
    def _can_be_reached(cls, value: str | None) -> str | None:
        if value is not None and ("@" not in value and "://" not in value):
            raise ValueError("give an e-mail address or a URL, such as https://example.org/crawl")
        if value is not None and not (value.isascii() and value.isprintable()):
            raise ValueError("must be printable ASCII, because it is sent in a header")
        return value and strip_login(value)

    @model_validator(mode="after")
    def _has_a_use_for_keywords(self) -> "CrawlConfig":
        if "site" in self.sources and self.top_up:
            raise ValueError("top_up can't be used with sources=site, whose keywords are URLs; unset it")
        own = set(self.sources) & LISTS
        if self.keywords and own:
            raise ValueError(
                f"keywords are given, but sources is {own.pop()}, which doesn't search; "
                "name search engines, such as crawl.sources=[openverse,commons]"
            )
        return self

    @field_validator("top_up")
    @classmethod
    def _has_a_place(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            if "{}" not in pattern:
                raise ValueError("each pattern must say where the query goes: '{} photo'")
        return value
