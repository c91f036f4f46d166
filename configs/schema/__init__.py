"""All settings of fluke: one frozen section, and one module, for each stage and each thing around the stages.

A stage receives only its own section, so a change of a setting rebuilds only that setting's stage and the stages that
use its result. `fluke config PRESET` prints all settings of a preset with these descriptions.

The rest of the code imports sections from this package: `from configs.schema import TrainConfig`.
"""

from configs.schema.augment import AugmentConfig, GeometryConfig
from configs.schema.config import STAGE_NAMES, Config, StageName
from configs.schema.crawl import LISTS, ON_THIS_MACHINE, WITHOUT_SIZES, CrawlConfig, CsvColumns, SearchFilters
from configs.schema.evaluate import EvaluateConfig, InferFrom
from configs.schema.extract import ExtractConfig
from configs.schema.filter import FilterConfig
from configs.schema.imbalance import ImbalanceConfig, ImbalanceMethod
from configs.schema.nights import ChangesConfig, DriftConfig, NotifyConfig, NotifyKind, PromoteConfig
from configs.schema.preprocess import PreprocessConfig
from configs.schema.pretrain import PretrainConfig
from configs.schema.section import WHOLE_PATHS, Precision, Section, Seed, Xla
from configs.schema.store import StoreConfig
from configs.schema.train import TrainConfig
from configs.schema.workers import WorkersConfig

__all__ = [
    "LISTS",
    "ON_THIS_MACHINE",
    "STAGE_NAMES",
    "WHOLE_PATHS",
    "WITHOUT_SIZES",
    "AugmentConfig",
    "ChangesConfig",
    "Config",
    "CrawlConfig",
    "CsvColumns",
    "DriftConfig",
    "EvaluateConfig",
    "ExtractConfig",
    "FilterConfig",
    "GeometryConfig",
    "ImbalanceConfig",
    "ImbalanceMethod",
    "InferFrom",
    "NotifyConfig",
    "NotifyKind",
    "Precision",
    "PreprocessConfig",
    "PretrainConfig",
    "PromoteConfig",
    "SearchFilters",
    "Section",
    "Seed",
    "StageName",
    "StoreConfig",
    "TrainConfig",
    "WorkersConfig",
    "Xla",
]
