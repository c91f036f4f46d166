"""Settings of the local copy of a data folder in a bucket."""

from pydantic import Field

from configs.schema.section import Section


class StoreConfig(Section):
    """How much disk the local copy of a data folder in a bucket takes; never part of a cache key."""

    cache_gb: float | None = Field(
        None,
        ge=0,
        description="With FLUKE_DATA=s3://... : after each stage, shards and photos beyond so many GB are removed from "
        "the local copy, least recently used first; they come again when they are read. null: all stay.",
    )
