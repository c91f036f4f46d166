"""All sections of the settings together, and the rules between settings of two sections."""

import unicodedata
from typing import Literal, get_args

from pydantic import Field, field_validator, model_validator

from configs.schema.crawl import WITHOUT_SIZES, CrawlConfig
from configs.schema.evaluate import EvaluateConfig
from configs.schema.extract import ExtractConfig
from configs.schema.filter import FilterConfig
from configs.schema.nights import ChangesConfig, DriftConfig, NotifyConfig, PromoteConfig
from configs.schema.preprocess import PreprocessConfig
from configs.schema.pretrain import PretrainConfig
from configs.schema.section import Section
from configs.schema.store import StoreConfig
from configs.schema.train import TrainConfig
from configs.schema.workers import WorkersConfig

StageName = Literal["crawl", "filter", "preprocess", "pretrain", "extract", "train", "evaluate"]
STAGE_NAMES: tuple[StageName, ...] = get_args(StageName)


class Config(Section):
    """All settings of a run: one section for each stage, how the work is executed, and what happens around it."""

    name: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="Name of the model: runs with the same name make one model better and better, and share a split; "
        "null: the preset's name.",
    )
    crawl: CrawlConfig = CrawlConfig()
    filter: FilterConfig = FilterConfig()
    preprocess: PreprocessConfig = PreprocessConfig()
    pretrain: PretrainConfig = PretrainConfig()
    extract: ExtractConfig = ExtractConfig()
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    workers: WorkersConfig = WorkersConfig()
    store: StoreConfig = StoreConfig()
    changes: ChangesConfig = ChangesConfig()
    drift: DriftConfig = DriftConfig()
    promote: PromoteConfig = PromoteConfig()
    notify: NotifyConfig = NotifyConfig()

    @field_validator("name")
    @classmethod
    def _is_typed(cls, value: str | None) -> str | None:
        if value and (value != value.strip() or not value.isprintable()):
            raise ValueError("must begin and end with a visible character, and contain no control characters")
        if value and value.lower().endswith((".yaml", ".yml")):
            raise ValueError("must not end like the name of a file; leave out .yaml")
        return value and unicodedata.normalize("NFC", value)

    @model_validator(mode="after")
    def _downloads_what_the_filter_keeps(self) -> "Config":
        """Lower the limits of the crawl that the user left as they are to those of the filter; else it loses photos.

        Only search engines say how large a photo is, so the settings, and the cache key, of other sources don't change.
        """
        if WITHOUT_SIZES.isdisjoint(self.crawl.sources):
            lowered = {
                name: limit
                for name in ("min_side_px", "min_aspect")
                if (own := getattr(self.crawl, name)) == CrawlConfig.model_fields[name].default
                and ((limit := getattr(self.filter, name)) is None or limit < own)
            }
            object.__setattr__(self, "crawl", self.crawl.model_copy(update=lowered))  # this section is frozen
        return self

    @model_validator(mode="after")
    def _workers_find_all_files(self) -> "Config":
        if self.store.cache_gb is not None and self.workers.kind == "dask":
            raise ValueError(
                "store.cache_gb and workers.kind=dask: workers may read what was removed; unset one of them"
            )
        return self

    @model_validator(mode="after")
    def _pretrained_weights_take_three_channels(self) -> "Config":
        weights, channels = self.train.network_weights, self.pretrain.channels_of_code
        if self.pretrain.kind == "autoencoder" and weights != "none" and channels != 3:
            raise ValueError(
                f"train.network_weights={weights}: pretrained weights take 3 channels, and the code has {channels}; "
                "set pretrain.code_channels=3"
            )
        return self

    @model_validator(mode="after")
    def _learns_through_an_autoencoder(self) -> "Config":
        if not self.train.through_encoder:
            return self
        if self.pretrain.kind != "autoencoder":
            instead = " (train.unfreeze fine-tunes a pretrained network)" if self.pretrain.kind == "network" else ""
            raise ValueError(
                f"train.through_encoder=true trains an autoencoder's encoder, and pretrain.encoder is "
                f"{self.pretrain.encoder}: set pretrain.encoder=autoencoder, or leave it out{instead}"
            )
        if self.train.recipe not in ("auto", "network"):
            raise ValueError(
                f"train.through_encoder=true needs a network that learns, and train.recipe is {self.train.recipe}: set "
                "train.recipe=network, or leave it out"
            )
        return self

    @model_validator(mode="after")
    def _convolution_learns_from_tiles(self) -> "Config":
        if self.train.cam_filters and self.pretrain.kind == "network" and self.train.recipe != "network":
            raise ValueError(
                f"train.cam_filters={self.train.cam_filters} adds a convolution that learns from tiles, but "
                f"train.recipe={self.train.recipe} learns from features: set train.recipe=network, or unset "
                "train.cam_filters"
            )
        return self

    @model_validator(mode="after")
    def _threshold_needs_unseen_classes(self) -> "Config":
        if self.evaluate.unknown == "threshold" and not self.filter.unseen_classes:
            raise ValueError(
                "evaluate.unknown=threshold is tuned on classes that are excluded from training, and there are none: "
                "set filter.unseen_classes, for example to 0.1 or to [new_whale]"
            )
        return self
