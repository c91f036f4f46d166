"""All settings of fluke: one frozen section for each stage.

A stage receives only its own section, so a change of a setting rebuilds only that setting's stage and the stages that
use its result. `fluke config PRESET` prints all settings of a preset with these descriptions.
"""

import re
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

StageName = Literal["crawl", "filter", "preprocess", "pretrain", "extract", "train", "evaluate"]
STAGE_NAMES: tuple[StageName, ...] = get_args(StageName)

Fraction = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31, description="Seed of this stage's random numbers.")]


class Section(BaseModel):
    """A frozen group of settings; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


class SearchFilters(Section):
    """Filters for search engines. A value that an engine doesn't support is an error before any request."""

    licence: str | None = Field(
        None, description="open, commercial (use), modify (and share), or one licence: cc0, pdm, by, by-sa, by-nc ..."
    )
    size: str | None = Field(None, description="small, medium, large, huge, or a minimum size in pixels: >=640x480.")
    colour: str | None = Field(None, description="colour (any colours), grey, transparent, or a colour such as red.")
    type: str | None = Field(None, description="photo, face, clipart, drawing or animated.")
    date: str | None = Field(None, description="The last day, week, month or year, or a range: 2026-01-01..2026-06-30.")


class CrawlConfig(Section):
    """The sources of photos, and the limits of requests to servers."""

    sources: tuple[str, ...] = Field(
        ("folder",),
        min_length=1,
        description="Modules in tasks/crawl/sources: folder, csv, urls, site or gallery; or several search engines, in "
        "the order of use (classes with too few photos go on to the next engine).",
    )
    path: Path | None = Field(
        None,
        description="folder: a folder with one sub-folder of photos per class; csv: a CSV file with columns Image,Id "
        "(optional: Group); urls: a CSV file with columns url,label.",
    )
    images: Path | None = Field(
        None,
        description="csv: the folder to which the Image column is relative; null: the folder of the CSV file.",
    )
    keywords: dict[str, tuple[str, ...]] | Path = Field(
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
        "or all URLs found); 0 disables the check.",
    )
    top_up: tuple[str, ...] = Field(
        (),
        description="Additional queries for classes with less than half of the mean number of photos; {} is replaced "
        "by each of their own queries, as in '{} photo'.",
    )
    replay: bool = Field(False, description="Send no requests; use what earlier crawls have stored.")
    max_pages: int = Field(200, ge=1, description="Maximum number of pages per query, of results or of a site.")
    threads: int = Field(16, ge=1, le=256, description="Maximum number of parallel downloads.")
    connections_per_host: int = Field(4, ge=1, le=256, description="Maximum number of parallel connections per host.")
    requests_per_s: float = Field(10, gt=0, le=10000, description="Maximum number of requests per second and host.")
    timeout_s: float = Field(10, gt=0, le=300, description="Seconds without a response after which a request fails.")
    retries: int = Field(2, ge=0, le=10, description="Retries after a transient failure: no response, HTTP 429 or 5xx.")
    deadline_s: float = Field(14400, gt=0, description="Seconds after which the crawl ends; it keeps its downloads.")
    max_gb: float = Field(50, gt=0, description="Gigabytes after which the crawl ends; it keeps its downloads.")
    max_photo_mb: float = Field(50, gt=0, le=1000, description="Larger photos (megabytes) are dropped.")
    max_photo_mpx: float = Field(89, gt=0, le=178, description="Larger photos (megapixels) are dropped, undecoded.")
    robots: Literal["everywhere", "photos", "nowhere"] = Field(
        "everywhere",
        description="Where robots.txt and noai are respected. everywhere: also on result pages of engines without an "
        "official API (most forbid crawlers); photos: for photos and the pages of a site; nowhere: not at all.",
    )
    contact: str | None = Field(None, description="Contact URL or e-mail address, sent in the User-Agent header.")
    private_hosts: tuple[str, ...] = Field(
        (), description="Hosts on this machine or in private networks that are allowed, e.g. intranet:8080."
    )
    port: int = Field(8765, ge=1024, le=65535, description="gallery: the local port of the demo's photo site.")

    @field_validator("sources", "top_up", "private_hosts", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

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
        if isinstance(value, list | tuple):
            value = {label: label for label in value}
        if not isinstance(value, dict):
            return value
        keywords: dict[str, tuple[str, ...]] = {}
        for label, queries in value.items():
            listed = [queries] if isinstance(queries, str | int | float) else queries
            words = [label, *listed] if isinstance(listed, list | tuple) else [None]
            if not all(isinstance(word, str | int | float) and not isinstance(word, bool) for word in words):
                raise ValueError(
                    f"write `{label}: [query, query]`, or give the path of a text file; put yes, no, on, off and null "
                    "in quotes, because YAML doesn't read them as text"
                )
            keywords[str(label)] = tuple(map(str, listed))
        return keywords

    @field_validator("contact")
    @classmethod
    def _can_be_reached(cls, value: str | None) -> str | None:
        if value is not None and ("@" not in value and "://" not in value):
            raise ValueError("give an e-mail address or a URL, such as https://example.org/crawl")
        if value is not None and not (value.isascii() and value.isprintable()):
            raise ValueError("must be printable ASCII, because it is sent in a header")
        return value

    @model_validator(mode="after")
    def _has_a_use_for_keywords(self) -> "CrawlConfig":
        if "site" in self.sources and self.top_up:
            raise ValueError("top_up can't be used with sources=site, whose keywords are URLs; unset it")
        own = {"folder", "csv", "urls"}.intersection(self.sources)
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


class FilterConfig(Section):
    """Which photos are kept, and which split they are in."""

    min_side_px: int | None = Field(
        32,
        ge=1,
        description="Reject photos with a shorter side below this; null disables the check, as for all thresholds.",
    )
    min_aspect: float | None = Field(
        0.35, ge=0, le=1, description="Reject photos whose shorter side, divided by the longer one, is below this."
    )
    dark_level: int | None = Field(
        60, ge=0, le=255, description="Reject photos as too dark if 99 % of their pixels are below this grey level."
    )
    light_level: int | None = Field(
        220, ge=0, le=255, description="Reject photos as too light if 95 % of their pixels are above this grey level."
    )
    min_contrast: int | None = Field(
        16,
        ge=0,
        le=255,
        description="Reject photos as uniform if fewer grey levels than this separate their darkest and brightest 1 %.",
    )
    min_sharpness: float | None = Field(
        0.07,
        ge=0,
        description="Reject photos as blurred whose detail divided by contrast is below this; sharp ones: 0.1 to 2.",
    )
    faces: tuple[int, int] | None = Field(
        None, description="Reject photos with fewer or more faces than [least, most]; null disables the check."
    )
    face_model: Path | None = Field(
        None, description="ONNX file of a YuNet model that finds faces; null uses OpenCV's cascade for frontal faces."
    )
    label_issues: int = Field(
        0,
        ge=0,
        description="How many photos to list for review as outliers of their class, and how many as probably wrong "
        "labels; 0 disables the search.",
    )
    max_outlier: float | None = Field(
        None, ge=0, description="Reject outliers with a score above this; 1 in 100 to 1,000 photos has more than 4."
    )
    max_label_doubt: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Reject photos whose label is wrong with a probability above this; 0.9 suits a good embedding.",
    )
    embedding: Path | None = Field(
        None,
        description="Keras model of RGB photos whose output finds label issues; null uses edges, patterns and colours.",
    )
    embedding_scale: Literal["caffe", "tf", "torch"] | tuple[float, float] | None = Field(
        None,
        description="How the embedding scales pixels; [a, b] means (pixel - a) / b; null: as the model file says.",
    )
    duplicate_bits: int = Field(
        32,
        ge=0,
        le=64,
        description="Photos are near duplicates if their 256-bit perceptual hashes, or those of one photo and a mild "
        "crop of the other, differ in at most this many bits.",
    )
    mirrored: bool = Field(True, description="Whether mirror images count as near duplicates.")
    drop_near_duplicates: bool = Field(
        True,
        description="Keep only the largest photo of a group of near duplicates; false keeps all, in one split.",
    )
    drop_duplicates: bool = Field(True, description="Keep only one copy of the same file in a class.")
    drop_contradictions: bool = Field(
        True,
        description="Reject photos that are in two classes, themselves or as near duplicates, because either label may "
        "be wrong; false keeps them in both classes, in one split.",
    )
    group_pages: bool = Field(True, description="Put all photos of a web page in one split.")
    group_pattern: str | None = Field(
        None,
        description="Regular expression for names: photos with the same match (of its first group, if it has one) are "
        "in one split. Example for bursts: `^(.*)_\\\\d+`.",
    )
    test_list: Path | None = Field(
        None, description="CSV with a column photo (SHA-256) or name; the listed photos are always in the test."
    )
    unseen_classes: Fraction | tuple[str, ...] = Field(
        0.0,
        description="Classes that are never trained on, to tune and test evaluate.unknown: their share of all classes "
        "(drawn by name, half for validation, half for the test), or their names, such as [new_whale].",
    )
    val_fraction: Fraction = Field(0.15, description="Share of each class's photos for validation.")
    test_fraction: Fraction = Field(0.2, description="Share of each class's photos for the test.")
    seed: Seed = 0

    @field_validator("unseen_classes", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("group_pattern")
    @classmethod
    def _is_a_pattern(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"not a valid regular expression: {error}") from error
        return value

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> "FilterConfig":
        if self.val_fraction + self.test_fraction >= 1:
            raise ValueError("val_fraction + test_fraction must be below 1, so that photos are left to train on")
        return self


class PreprocessConfig(Section):
    """How a photo becomes a tile."""

    side_px: int = Field(64, ge=8, le=1024, description="Side of the square tiles.")
    colour: Literal["grey", "rgb"] = Field("rgb", description="Tiles with one channel or with three.")
    crop: tuple[Fraction, Fraction, Fraction, Fraction] = Field(
        (0.0, 0.0, 1.0, 1.0),
        description="Left, top, right, bottom of the part to keep, as fractions of the photo.",
    )
    pad_value: int = Field(0, ge=0, le=255, description="Grey level of the bars that make a photo square.")

    @model_validator(mode="after")
    def _crop_is_a_box(self) -> "PreprocessConfig":
        left, top, right, bottom = self.crop
        if left >= right or top >= bottom:
            raise ValueError("crop must be left, top, right, bottom with left < right and top < bottom")
        return self


class PretrainConfig(Section):
    """The convolutional autoencoder whose encoder makes the features."""

    filters: tuple[int, ...] = Field(
        (32, 64, 64), min_length=1, max_length=6, description="Filters of each halving of the tile's side."
    )
    code_channels: int = Field(16, ge=1, le=512, description="Channels of the code.")
    epochs: int = Field(15, ge=1, description="Passes over the train tiles.")
    batch_size: int = Field(32, ge=1, description="Tiles per step.")
    learning_rate: float = Field(
        3e-3, gt=0, le=0.1, description="Peak rate of Adam, after a warm-up, before a cosine decay."
    )
    refresh_growth: float = Field(
        0.2,
        ge=0,
        description="The encoder is kept until the train set has changed by this share since it was trained.",
    )
    seed: Seed = 0


class ExtractConfig(Section):
    """How features are computed from tiles."""

    batch_size: int = Field(256, ge=2, description="Tiles per call of the encoder.")


class AugmentConfig(Section):
    """How tiles are changed at random while they are trained on; features are only mixed, frozen ones not even that."""

    flip: Literal["none", "horizontal", "vertical", "both"] = Field("horizontal", description="Mirror half of them.")
    rotate_deg: float = Field(10, ge=0, le=180, description="Turn by up to so many degrees either way.")
    shift: Fraction = Field(0.1, description="Move by up to this share of the side.")
    zoom: float = Field(0.1, ge=0, lt=1, description="Enlarge or shrink by up to this share.")
    shear_deg: float = Field(0, ge=0, le=60, description="Shear by up to so many degrees.")
    fill: Literal["nearest", "reflect", "constant"] = Field(
        "nearest", description="What stands where nothing is left: the border's pixels, a mirror image, or black."
    )
    rand_augment: int = Field(0, ge=0, le=8, description="RandAugment: so many random changes of colour or shape.")
    magnitude: Fraction = Field(0.3, description="How strong those are.")
    mixup: float = Field(0, ge=0, le=10, description="MixUp: blend pairs by shares from Beta(mixup, mixup); 0: don't.")
    cutmix: float = Field(
        0, ge=0, le=10, description="CutMix: paste boxes between pairs, areas from Beta(cutmix, cutmix); 0: don't."
    )


class TrainConfig(Section):
    """The classifier and how it is trained."""

    input: Literal["features", "tiles"] = Field(
        "features",
        description="Train on the autoencoder's features, or on the tiles (skips pretrain and extract).",
    )
    network: str = Field("convnet", description="The module in tasks/networks/backbones.")
    weights: Literal["imagenet"] | Path | None = Field(
        None,
        description="Where the network's first weights are from: imagenet (what keras.applications downloads), or a "
        "Keras model file of the same network; null: from scratch.",
    )
    filters: tuple[int, ...] = Field(
        (64, 128, 128), min_length=1, max_length=8, description="convnet: filters of each block."
    )
    head: Literal["softmax", "cosine", "arcface"] = Field(
        "softmax",
        description="The last layer: dense; cosine: of the angle to each class's direction, for many classes with few "
        "photos; arcface: that, with a margin in training.",
    )
    hidden: int | None = Field(None, ge=1, description="Units of a dense layer before the last; null: there is none.")
    dropout: float = Field(0.5, ge=0, lt=1, description="Dropout before the last layer.")
    scale: float = Field(16, gt=0, description="cosine and arcface: what cosines are multiplied by.")
    margin: float = Field(0.3, ge=0, lt=1.5, description="arcface: the margin, in radians.")
    unfreeze: tuple[str | int, ...] = Field(
        (),
        description="With weights: what is trained after the head, step by step. A layer's name or its beginning "
        "(block5) unfreezes the network from there to its end, a number its last so many layers, all everything; empty: "
        "only the head is trained.",
    )
    unfreeze_rate: float = Field(
        0.1, gt=0, le=1, description="The peak rate of each step of unfreeze, as a share of the last."
    )
    head_epochs: int = Field(
        40, ge=0, description="With weights: passes for the head alone, on features that are computed once."
    )
    epochs: int = Field(40, ge=1, description="Passes over the train photos at most, in each step of unfreeze.")
    patience: int = Field(10, ge=1, description="Stop after so many epochs without a lower validation loss.")
    batch_size: int = Field(32, ge=1, description="Photos per step of the optimizer.")
    optimizer: Literal["adamw", "rmsprop"] = Field("adamw", description="AdamW, or RMSprop as in the write-ups.")
    learning_rate: float = Field(
        1e-3, gt=0, le=0.1, description="The optimizer's peak rate, after a warm-up, before a cosine decay."
    )
    weight_decay: float = Field(0.05, ge=0, le=1, description="Decoupled weight decay.")
    label_smoothing: float = Field(0, ge=0, lt=1, description="Share of each label that is spread over all classes.")
    ema: float = Field(
        0,
        ge=0,
        lt=1,
        description="Validate and keep an average of the weights that forgets this slowly: 0.99; 0: no, as without "
        "photos to validate on.",
    )
    augment: AugmentConfig = Field(AugmentConfig(), description="Random changes of the tiles that are trained on.")
    class_weight: Literal["none", "balanced", "sqrt", "effective"] = Field(
        "balanced",
        description="Weight of a class's photos: equal, 1/count, 1/sqrt(count), or 1/effective number; capped, then "
        "mean 1.",
    )
    class_weight_cap: float = Field(
        10, ge=1, description="The heaviest photo's weight is at most so many times the lightest's."
    )
    effective_beta: float = Field(0.999, ge=0, lt=1, description="effective: how alike the photos of a class are.")
    loss: Literal["cross_entropy", "focal", "balanced_softmax"] = Field(
        "cross_entropy", description="focal: easy photos count less; balanced_softmax: classes' shares are added."
    )
    focal_gamma: float = Field(2, ge=0, le=10, description="focal: how much less.")
    retrain_head: int = Field(
        0, ge=0, description="Passes in which the last layer is learnt anew, from as many photos of each class."
    )
    logit_adjustment: float = Field(
        0,
        ge=0,
        le=3,
        description="After training, so many times the logarithm of a class's share is subtracted; 1: as if all "
        "classes were equally common.",
    )
    warm_start: bool = Field(
        False, description="Begin from the last night's classifier; new classes are added, and those gone dropped."
    )
    full_retrain_every: int = Field(7, ge=1, description="warm_start: every so many nights a training begins afresh.")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="What networks compute in; auto: 16 bits on GPUs that are faster with it."
    )
    xla: Literal["auto", "on", "off"] = Field("auto", description="Compile with XLA; auto: on GPUs.")
    devices: int = Field(0, ge=0, description="GPUs to share each batch among; 0: all that there are.")
    seed: Seed = 0

    @field_validator("unfreeze", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str | int) else value

    @model_validator(mode="after")
    def _fits_together(self) -> "TrainConfig":
        if self.weights is None and self.unfreeze:
            raise ValueError("unfreeze is about pretrained networks; set weights, or leave unfreeze empty")
        if self.weights is not None and not self.unfreeze and not self.head_epochs:
            raise ValueError("head_epochs=0 and an empty unfreeze leave nothing to train")
        if self.weights is not None and self.input == "features":
            raise ValueError("weights are of networks that look at tiles; set input=tiles")
        if self.logit_adjustment and self.head != "softmax":
            raise ValueError(f"logit_adjustment is added to a bias, which head={self.head} hasn't; set head=softmax")
        if self.logit_adjustment and (
            self.loss == "balanced_softmax" or self.class_weight != "none" or self.retrain_head
        ):
            raise ValueError(
                "logit_adjustment is for a network that learnt the classes' own shares: with it, set "
                "class_weight=none, retrain_head=0 and another loss than balanced_softmax"
            )
        if self.loss == "balanced_softmax" and self.class_weight != "none":
            raise ValueError(
                "balanced_softmax makes up for the classes' shares already; with it, set class_weight=none"
            )
        return self


InferFrom = Literal["network", "nearest", "blend"]


class EvaluateConfig(Section):
    """How photos are answered, what is measured on the test split, and what the report shows."""

    infer_from: InferFrom = Field(
        "network",
        description="network: its own answer; nearest: the classes of the train photos whose features, just before its "
        "head, are most similar (for individuals with few photos); blend: both, as validation weighs them.",
    )
    unknown: Literal["never", "threshold"] = Field(
        "never",
        description="threshold: a photo whose score for every class is below a threshold is answered unknown_label. It "
        "is tuned on photos of classes that are never trained on: filter.unseen_classes.",
    )
    unknown_label: str = Field("unknown", min_length=1, description="What those photos are called, such as new_whale.")
    top_k: int = Field(5, ge=1, le=20, description="k of top-k accuracy, and names per photo in the predictions.")
    bootstrap: int = Field(1000, ge=100, description="Resamples behind each 95 % interval.")
    gallery: int = Field(24, ge=0, le=200, description="Photos in each of the report's galleries.")
    layer_images: int = Field(
        6,
        ge=0,
        le=12,
        description="Channels of up to four layers whose maps are shown, and what excites them; 0: none. On a CPU that "
        "takes some 2 s for a small network, 15 s for EfficientNet-Lite0 and 45 s for ResNet50 at 224 px.",
    )
    seed: Seed = 0


class TimeoutsConfig(Section):
    """Hours after which a stage is stopped and the run fails; finished work is kept. 0: no limit."""

    crawl: float = Field(8, ge=0, description="More than crawl.deadline_s, which ends a crawl without failing.")
    filter: float = Field(6, ge=0, description="Time limit of the filter, hours.")
    preprocess: float = Field(6, ge=0, description="Time limit of the preprocessing, hours.")
    pretrain: float = Field(24, ge=0, description="Time limit of the encoder's training, hours.")
    extract: float = Field(12, ge=0, description="Time limit of the feature extraction, hours.")
    train: float = Field(72, ge=0, description="Time limit of the classifier's training, hours.")
    evaluate: float = Field(12, ge=0, description="Time limit of the evaluation, hours.")


class WorkersConfig(Section):
    """How a stage's work is executed; never changes a result, so never part of a cache key."""

    threads: int = Field(0, ge=0, le=256, description="Threads per stage; 0: one per core.")
    timeout_h: TimeoutsConfig = Field(TimeoutsConfig(), description="Hours that each stage may take; 0: no limit.")


class Config(Section):
    """All settings of a run: one section for each stage, and how the work is executed."""

    crawl: CrawlConfig = CrawlConfig()
    filter: FilterConfig = FilterConfig()
    preprocess: PreprocessConfig = PreprocessConfig()
    pretrain: PretrainConfig = PretrainConfig()
    extract: ExtractConfig = ExtractConfig()
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    workers: WorkersConfig = WorkersConfig()

    @model_validator(mode="after")
    def _threshold_needs_unseen_classes(self) -> "Config":
        if self.evaluate.unknown == "threshold" and not self.filter.unseen_classes:
            raise ValueError(
                "evaluate.unknown=threshold is tuned on classes that are excluded from training, and there are none: "
                "set filter.unseen_classes, for example to 0.1 or to [new_whale]"
            )
        return self
