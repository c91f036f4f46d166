"""All settings of fluke: one frozen section for each stage.

A stage receives only its own section, so a change of a setting rebuilds only that setting's stage and the stages that
use its result. `fluke config PRESET` prints all settings of a preset with these descriptions.
"""

import re
import unicodedata
from typing import Literal, get_args

from pydantic import Field, field_validator, model_validator

from configs.nights import ChangesConfig, DriftConfig, NotifyConfig, PromoteConfig
from configs.redact import strip_login
from configs.section import Fraction, Section, Seed, UserPath

StageName = Literal["crawl", "filter", "preprocess", "pretrain", "extract", "train", "evaluate"]
STAGE_NAMES: tuple[StageName, ...] = get_args(StageName)

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
    path: UserPath | None = Field(
        None,
        description="folder: a folder with one sub-folder of photos per class, or a zip file of it; csv: a CSV file "
        "with columns Image,Id (optional: Group, split), or a folder with train.csv and val.csv or test.csv; "
        "annotations: a JSON file of COCO, Label Studio or FiftyOne, or a folder with one for each part of a split; "
        "huggingface: the folder of a local copy of a dataset; urls: a CSV file with columns url,label (optional: "
        "split).",
    )
    images: UserPath | None = Field(
        None,
        description="csv, annotations: the folder to which the names of the photos are relative; null: the folder of "
        "the file, or for annotations images/, data/ or a folder named after the part of the split beside it.",
    )
    labelled: UserPath | None = Field(
        None,
        description="The labels.csv of `fluke label`: its photos are added to those of any source. A photo that the "
        "source has in another class counts in the class that was chosen by hand.",
    )
    columns: CsvColumns = Field(CsvColumns(), description="csv, huggingface, urls: the names of the columns.")
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
    keywords: dict[str, tuple[str, ...]] | UserPath = Field(
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
    face_model: UserPath | None = Field(
        None,
        description="ONNX file of a YuNet model that finds faces; null uses MediaPipe's BlazeFace.",
    )
    label_issues: int = Field(
        0,
        ge=0,
        description="How many photos to list for review as outliers of their class, and how many as probably wrong "
        "labels; 0 disables the search.",
    )
    max_outlier: float | None = Field(
        None,
        ge=0,
        description="Reject train photos that are outliers with a score above this; 1 in 100 to 1,000 photos has more "
        "than 4. Those of validation and test stay, and are listed for review.",
    )
    max_label_doubt: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Reject train photos whose label is wrong with a probability above this; 0.9 suits a good "
        "embedding. Those of validation and test stay, and are listed for review.",
    )
    embedding: UserPath | None = Field(
        None,
        description="Keras model of RGB photos whose output finds label issues; null uses edges, patterns and colours.",
    )
    embedding_scale: Literal["caffe", "tf", "torch"] | tuple[float, float] | None = Field(
        None,
        description="How the embedding scales pixels; [a, b] means (pixel - a) / b; null: as the model file says.",
    )
    max_rejected: Fraction = Field(
        1 / 3,
        description="If a check would reject more than this share of a class or of all photos, it rejects none of "
        "them: they are kept as doubtful, with a warning, for `fluke review`. 1 switches this off.",
    )
    duplicate_bits: int | None = Field(
        32,
        ge=0,
        le=64,
        description="Photos are near duplicates if their colours are similar and their 256-bit perceptual hashes, or "
        "those of one photo and a mild crop of the other, differ in at most this many bits; null: no photo is a near "
        "duplicate of another one.",
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
    burst_s: float | None = Field(
        None,
        ge=0,
        description="Put photos in one split that one camera took within this many seconds of each other, according "
        "to their EXIF data; null: don't compare times.",
    )
    test_list: UserPath | None = Field(
        None, description="CSV with a column photo (SHA-256) or name; the listed photos are always in the test."
    )
    unseen_classes: Fraction | tuple[str, ...] = Field(
        0.0,
        description="Classes that are never trained on, to tune and test evaluate.unknown: their share of all classes "
        "(drawn by name, half for validation, half for the test), or their names, such as [new_whale].",
    )
    val_fraction: Fraction = Field(0.15, description="Share of each class's photos for validation.")
    test_fraction: Fraction = Field(0.2, description="Share of each class's photos for the test.")
    memory: str | None = Field(
        None,
        min_length=1,
        description="Name of the memory that keeps each photo in its split; presets with the same name share it; null: "
        "the model's name.",
    )
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
    """How photos are turned into tiles."""

    side_px: int = Field(224, ge=8, le=1024, description="Side of the square tiles, px.")
    colour: Literal["grey", "rgb"] = Field("rgb", description="Channels of the tiles: one (grey) or three (rgb).")
    crop: tuple[Fraction, Fraction, Fraction, Fraction] = Field(
        (0.0, 0.0, 1.0, 1.0),
        description="Part of each photo to keep: left, top, right and bottom as fractions of its size.",
    )
    fit: Literal["pad", "stretch", "cut"] = Field(
        "pad",
        description="How the kept part of a photo becomes a square. pad: whole, with bars at two sides; stretch: "
        "whole, with another aspect ratio; cut: only the square in its centre.",
    )
    pad_value: int = Field(0, ge=0, le=255, description="fit=pad: grey level of the bars.")
    levels: Literal["photo", "min_max"] = Field(
        "photo",
        description="Grey levels of a tile. photo: as in the photo; min_max: stretched so that the darkest value of "
        "each channel in the photo becomes 0, and the brightest one 255 (bars stay as they are).",
    )

    @model_validator(mode="after")
    def _crop_is_a_box(self) -> "PreprocessConfig":
        left, top, right, bottom = self.crop
        if left >= right or top >= bottom:
            raise ValueError("crop must be left, top, right, bottom with left < right and top < bottom")
        return self


Precision = Literal["auto", "float32", "bfloat16", "float16"]
Xla = Literal["auto", "on", "off"]


class GeometryConfig(Section):
    """Random changes of where pixels are: one affine map for each tile, or for each code."""

    flip: Literal["none", "horizontal", "vertical", "both"] = Field(
        "horizontal", description="Mirror half of the tiles."
    )
    rotate_deg: float = Field(10, ge=0, le=180, description="Largest rotation in either direction, in degrees.")
    shift: Fraction = Field(0.1, description="Largest shift, as a share of the side.")
    zoom: float = Field(0.1, ge=0, lt=1, description="Largest zoom in or out, as a share of the size.")
    shear_deg: float = Field(0, ge=0, le=60, description="Largest shear, in degrees.")
    fill: Literal["nearest", "reflect", "constant"] = Field(
        "nearest",
        description="How to fill pixels outside the image: nearest, reflect, or constant (black; 0 in codes).",
    )


class PretrainConfig(Section):
    """The encoder that computes the features: a pretrained network, or an autoencoder that is trained here."""

    encoder: str = Field(
        "efficientnet_lite0",
        min_length=1,
        description="A network with pretrained weights (docs/networks.md lists them), or hub:NAME or hub:FOLDER for a "
        "preset of KerasHub; several networks may be joined by +, to put their features side by side. autoencoder: a "
        "convolutional autoencoder, trained on the train tiles. none: no features; "
        "train.network learns from scratch on tiles.",
    )
    weights: Literal["auto", "imagenet"] | UserPath = Field(
        "auto",
        description="Weights of a pretrained network. auto: those that are installed with fluke, if there are, else "
        "imagenet. imagenet: downloaded by keras.applications. Or a Keras model file of the same network.",
    )
    pooling: Literal["mean", "root", "gem", "flatten"] = Field(
        "mean",
        description="How a pretrained network's last feature map becomes a vector. mean: the mean of each channel. "
        "root: its square root, and all vectors get the same length; better for individuals. gem: the generalised mean "
        "with exponent 3, which weighs strong responses more. flatten: all values of the map, as in the head of VGG; "
        "they are many, so take a small preprocess.side_px.",
    )
    texture: bool = Field(
        True,
        description="Whether the features also hold what two maps in the middle of a network say of texture and "
        "material (EfficientNet-Lite only). Logistic regression uses them where they lower the validation loss.",
    )
    architecture: Literal["strided", "pooled"] = Field(
        "strided",
        description="autoencoder: strided: convolutions with stride 2, and a linear path beside them. pooled: the "
        "whale write-up's network, pairs of convolutions with batch normalisation, and max-pooling.",
    )
    filters: tuple[int, ...] | None = Field(
        None,
        min_length=1,
        max_length=6,
        description="autoencoder: filters of each level; a level halves the side. null: [32, 64, 64] for strided, "
        "[16, 8] for pooled.",
    )
    code_channels: int | None = Field(
        None, ge=1, le=512, description="autoencoder: channels of the code. null: 16 for strided, 3 for pooled."
    )
    epochs: int = Field(
        15,
        ge=0,
        description="autoencoder: epochs over the train tiles. 0 leaves it untrained, to compare with.",
    )
    batch_size: int = Field(32, ge=1, description="autoencoder: tiles per optimizer step.")
    learning_rate: float = Field(
        3e-3,
        gt=0,
        le=0.1,
        description="autoencoder: peak learning rate of Adam, between a linear warm-up and a cosine decay.",
    )
    patience: int = Field(
        10, ge=1, description="autoencoder: stop after this many epochs without a lower error on other tiles."
    )
    augment: GeometryConfig = Field(
        GeometryConfig(),
        description="autoencoder: random changes of its train tiles, input and target alike. The write-up has flips, "
        "rotate_deg 15 and shift 0.15.",
    )
    noise: Fraction = Field(
        0,
        description="autoencoder: standard deviation of noise that is added to the input only, as a share of full "
        "brightness, such as 0.05.",
    )
    mask: float = Field(
        0,
        ge=0,
        lt=1,
        description="autoencoder: share of the input that is hidden, in cells of a 14th of the side; the target shows "
        "it all.",
    )
    precision: Precision = Field("auto", description="autoencoder: precision of its training, as train.precision.")
    xla: Xla = Field("auto", description="autoencoder: compile its training with XLA, as train.xla.")
    devices: int = Field(0, ge=0, description="autoencoder: number of GPUs for its training, as train.devices.")
    refresh_growth: float = Field(
        0.2,
        ge=0,
        description="autoencoder: train a new one when more than this share of the train photos was added or removed.",
    )
    seed: Seed = 0

    @property
    def kind(self) -> Literal["network", "autoencoder", "none"]:
        """The kind of the encoder: a pretrained network, an autoencoder, or none."""
        if self.encoder == "autoencoder":
            return "autoencoder"
        return "none" if self.encoder == "none" else "network"

    @property
    def layer_filters(self) -> tuple[int, ...]:
        """The autoencoder's filters of each level."""
        return self.filters or ((16, 8) if self.architecture == "pooled" else (32, 64, 64))

    @property
    def channels_of_code(self) -> int:
        """The channels of the autoencoder's code."""
        return self.code_channels or (3 if self.architecture == "pooled" else 16)


class AugmentConfig(GeometryConfig):
    """Random changes of tiles or codes."""

    rand_augment: int = Field(
        0, ge=0, le=8, description="Number of RandAugment operations for each tile; 0 disables it."
    )
    magnitude: Fraction = Field(0.3, description="Strength of the RandAugment operations.")
    mixup: float = Field(
        0, ge=0, le=10, description="MixUp: blend pairs of photos by shares from Beta(mixup, mixup); 0 disables it."
    )
    cutmix: float = Field(
        0,
        ge=0,
        le=10,
        description="CutMix: paste boxes between pairs of photos, areas from Beta(cutmix, cutmix); 0 disables it.",
    )


class ExtractConfig(Section):
    """How features are computed from tiles."""

    batch_size: int = Field(64, ge=2, description="Tiles per call of the encoder.")
    copies: int = Field(
        0,
        ge=0,
        le=64,
        description="Augmented copies of each train photo whose features the classifier learns from, too.",
    )
    augment: AugmentConfig = Field(
        AugmentConfig(),
        description="How the copies differ from the photo. rand_augment, mixup and cutmix have no effect on them.",
    )


ImbalanceMethod = Literal[
    "auto", "none", "weights", "effective", "focal", "balanced_softmax", "logit_adjustment", "retrain_head"
]


class ImbalanceConfig(Section):
    """Compensation for classes with different numbers of photos; `imbalance: focal` is short for `method: focal`."""

    method: ImbalanceMethod = Field(
        "auto",
        description="auto: validation chooses between none and logit_adjustment, and the strength; where a network is "
        "all that is tried, logit_adjustment for balanced_accuracy and macro_f1, else none. none: all photos have the "
        "same weight. weights: a photo's weight is 1 / count^power, where count "
        "is the number of train photos of its class. effective: the weight is 1 / effective number of photos. focal: "
        "photos that are classified well have lower weights. balanced_softmax: the loss adds each class's log prior "
        "to its logit. logit_adjustment: log priors are subtracted from the logits after training. retrain_head: the "
        "head is trained again, with every class drawn equally often.",
    )
    power: float = Field(
        1, ge=0, le=1, description="weights: 1 balances the classes; 0.5 is the square root; 0 is none."
    )
    cap: float = Field(
        10, ge=1, description="weights and effective: the largest ratio of two photos' weights; the mean weight is 1."
    )
    beta: float = Field(
        0.999, ge=0, lt=1, description="effective: 0 weighs photos equally; close to 1 is like weights with power 1."
    )
    gamma: float = Field(
        2, ge=0, le=10, description="focal: exponent of (1 - probability); 0 is the plain cross entropy."
    )
    strength: float = Field(
        1, ge=0, le=3, description="logit_adjustment: factor of the log priors; 1 treats all classes as equally common."
    )
    epochs: int = Field(20, ge=1, description="retrain_head: passes over the train photos.")


class TrainConfig(Section):
    """The classifier and how it is trained."""

    recipe: Literal["auto", "logistic", "head", "network"] = Field(
        "auto",
        description="How the classifier learns. auto: tries recipes from cheap to dear, and validation chooses. "
        "logistic: regularised logistic regression on the features. head: a head on the features, by gradient descent. "
        "network: after the head, the pretrained network too, as unfreeze says; with pretrain.encoder=autoencoder or "
        "none, train.network.",
    )
    budget_min: float = Field(
        2,
        ge=0,
        description="auto: minutes for all recipes. One that would take longer than what is left is not tried; the "
        "report says so. The cheapest is always tried.",
    )
    metric: Literal["auto", "accuracy", "balanced_accuracy", "macro_f1", "map_at_5"] = Field(
        "auto",
        description="What recipes are compared by, and the headline of the report. auto: map_at_5 for many classes "
        "with few photos (individuals), balanced_accuracy for uneven classes, else accuracy.",
    )
    refit: bool = Field(
        True,
        description="Whether the chosen recipe learns again from the train and the validation photos together.",
    )
    network: str = Field(
        "convnet",
        description="With pretrain.encoder=autoencoder or none: the network that learns from scratch; "
        "docs/networks.md lists them.",
    )
    network_weights: Literal["none", "auto", "imagenet"] | UserPath = Field(
        "none",
        description="With pretrain.encoder=autoencoder and codes of 3 channels: the weights that train.network begins "
        "with. none: it learns from scratch. auto, imagenet, or a Keras model file: as pretrain.weights.",
    )
    filters: tuple[int, ...] = Field(
        (64, 128, 128), min_length=1, max_length=8, description="convnet only: filters of each block."
    )
    head: Literal["softmax", "cosine", "arcface"] = Field(
        "softmax",
        description="softmax: a dense layer. cosine: scaled cosines of the angles to a direction for each class, for "
        "many classes with few photos. arcface: like cosine, with a margin in training.",
    )
    hidden: int | None = Field(
        None, ge=1, description="Units of a dense layer before the last layer; null: no such layer."
    )
    cam_filters: int | None = Field(
        None,
        ge=1,
        description="A 3x3 convolution with so many filters between the network's last map and its mean, for class "
        "activation maps (Zhou et al., 2016). It learns from tiles, so a pretrained network needs recipe=network. "
        "null: no such convolution; the mean of the last map gives the maps.",
    )
    dropout: float = Field(0.5, ge=0, lt=1, description="Dropout before the last layer.")
    scale: float = Field(16, gt=0, description="cosine and arcface: factor of the cosines.")
    margin: float = Field(0.3, ge=0, lt=1.5, description="arcface: the margin, in radians.")
    margin_growth: float = Field(
        0,
        ge=0,
        le=1,
        description="arcface: a class of n photos gets the margin (most / n)^margin_growth times as large, at most "
        "1.2, where most is the number of photos of the largest class; 0: all margins are equal.",
    )
    sub_centres: int = Field(
        1, ge=1, le=10, description="cosine and arcface: directions of each class; the nearest one counts."
    )
    unfreeze: tuple[str | int, ...] = Field(
        (),
        description="The parts of a pretrained network to train after the head, one step each. A layer's name or its "
        "beginning (block5) unfreezes the network from there to its end; a number unfreezes that many last layers; "
        "all unfreezes everything. Empty: its upper part, then all.",
    )
    unfreeze_rate: float = Field(
        0.3,
        gt=0,
        le=1,
        description="Factor of the learning rate from each step of unfreeze to the next, and from the codes to "
        "through_encoder.",
    )
    through_encoder: bool = Field(
        False,
        description="With pretrain.encoder=autoencoder: after train.network has learned from the codes, whether the "
        "encoder, the scaling of its codes and the network learn together from augmented tiles. The classifier then "
        "has an encoder of its own and takes tiles; that of pretrain stays as it is.",
    )
    head_epochs: int = Field(
        40, ge=1, description="Epochs for the head of a pretrained network alone, on its features."
    )
    epochs: int = Field(40, ge=1, description="Largest number of epochs, in each step of unfreeze.")
    patience: int = Field(10, ge=1, description="Stop after this many epochs without a lower validation loss.")
    batch_size: int = Field(32, ge=1, description="Photos per optimizer step.")
    optimizer: Literal["adamw", "rmsprop"] = Field("adamw", description="AdamW or RMSprop.")
    learning_rate: float = Field(
        1e-3, gt=0, le=0.1, description="Peak learning rate, between a linear warm-up and a cosine decay."
    )
    weight_decay: float = Field(0.05, ge=0, le=1, description="Decoupled weight decay.")
    label_smoothing: float = Field(
        0, ge=0, lt=1, description="Share of each label that is distributed over all classes."
    )
    ema: float = Field(
        0,
        ge=0,
        lt=1,
        description="Momentum of an exponential moving average of the weights, which is validated and kept, such as "
        "0.99; 0 disables it. It needs validation photos.",
    )
    augment: AugmentConfig = Field(AugmentConfig(), description="Random changes of the train tiles.")
    imbalance: ImbalanceConfig = Field(
        ImbalanceConfig(), description="Compensation for classes with different numbers of photos."
    )
    warm_start: bool = Field(
        False,
        description="Start from the champion's classifier; classes are added and removed as needed.",
    )
    full_retrain_every: int = Field(
        7, ge=1, description="warm_start: every this many trainings, one starts from scratch."
    )
    precision: Precision = Field(
        "auto", description="Precision of computation; auto: 16 bits on GPUs that are faster with it."
    )
    xla: Xla = Field("auto", description="Compile with XLA; auto: on a single GPU.")
    devices: int = Field(0, ge=0, description="Number of GPUs for data-parallel training; 0 = all.")
    seed: Seed = 0

    @field_validator("unfreeze", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str | int) else value

    @field_validator("imbalance", mode="before")
    @classmethod
    def _method_alone(cls, value: object) -> object:
        return {"method": value} if isinstance(value, str) else value


InferFrom = Literal["network", "nearest", "blend"]


class EvaluateConfig(Section):
    """How predictions are made, what is measured on the test split, and what the report shows."""

    infer_from: Literal["auto", InferFrom] = Field(
        "auto",
        description="What decides the class. auto: what train.recipe=auto has chosen, otherwise network. network: the "
        "network's output; nearest: the most similar train photo of "
        "each class, by features (for individuals with few photos); blend: both, with a weight fitted on validation "
        "photos.",
    )
    unknown: Literal["never", "threshold"] = Field(
        "never",
        description="never: always predict a known class; threshold: predict unknown_label if the score of every class "
        "is below a threshold, which is fitted on validation photos of the classes in filter.unseen_classes.",
    )
    unknown_label: str = Field("unknown", min_length=1, description="Name of the unknown class, such as new_whale.")
    abstain: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Wanted accuracy of the answers, such as 0.95: the report says from which probability on answers "
        "are as often right on validation photos, and how many test photos then get an answer; null: none. Another "
        "value only writes the report again.",
    )
    set_coverage: float | None = Field(
        0.9,
        gt=0,
        lt=1,
        description="Wanted probability that a photo's set of possible classes contains the true one (conformal "
        "prediction, fitted on validation photos); null: no sets. Another value only writes the report again.",
    )
    robustness: int = Field(
        0,
        ge=0,
        le=2000,
        description="Test photos to predict blurred, compressed, noisy and shifted, too; 0: none. Each is predicted "
        "nine times: 200 photos take 40 s of a core with EfficientNet-Lite0 at 224 px. Another value only writes "
        "the report again.",
    )
    label_issues: int = Field(
        50,
        ge=0,
        description="How many train and validation photos to list for review as probably wrong labels, by features; "
        "0: none. Another value only writes the report again.",
    )
    top_k: int = Field(5, ge=1, le=20, description="k of top-k accuracy, and classes per photo in the predictions.")
    bootstrap: int = Field(1000, ge=100, description="Number of bootstrap resamples for the 95 % intervals.")
    gallery: int = Field(
        24,
        ge=0,
        le=200,
        description="Number of photos in each gallery of the report. Another value only writes the report again.",
    )
    layer_images: int = Field(
        6,
        ge=0,
        le=12,
        description="Channels to show for each of up to four layers: feature maps, and images that maximise their "
        "activation; 0 = none. Another value only writes the report again. On a CPU it takes about 2 s for a small "
        "network, 15 s for EfficientNet-Lite0 and 45 s for ResNet50 at 224 px.",
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
    kind: Literal["threads", "dask"] = Field(
        "threads", description="Who computes: the threads of this process, or the workers of a Dask cluster."
    )
    address: str | None = Field(
        None,
        pattern=r"^((tcp|tls)://)?[^\s/]+:\d{1,5}$",
        description="With kind dask: the scheduler, such as tcp://10.0.0.5:8786; null: a cluster on this machine, "
        "which lasts as long as the run.",
    )
    processes: int = Field(
        0,
        ge=0,
        le=256,
        description="With kind dask, without address: processes, which share the threads; 0: one per GPU, or else one "
        "per four cores.",
    )
    timeout_h: TimeoutsConfig = Field(TimeoutsConfig(), description="Hours that each stage may take; 0: no limit.")


class StoreConfig(Section):
    """How much disk the local copy of a data folder in a bucket takes; never part of a cache key."""

    cache_gb: float | None = Field(
        None,
        ge=0,
        description="With FLUKE_DATA=s3://... : after each stage, shards and photos beyond so many GB are removed from "
        "the local copy, least recently used first; they come again when they are read. null: all stay.",
    )


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
