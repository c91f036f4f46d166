"""Settings that change nothing unless another setting has a certain value: a run names those that the user gave.

The table lists what is known from the settings alone. What depends on the photos is said by the stages.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from configs.schema import LISTS, ON_THIS_MACHINE, WITHOUT_SIZES, Config


@dataclass(frozen=True)
class Rule:
    """Settings that need others."""

    settings: tuple[str, ...]
    """Dotted names; the name of a section stands for all of its settings."""
    has_effect: Callable[[Config], bool]
    needs: str
    """What to set so that they have an effect."""

    def applies_to(self, name: str) -> bool:
        """Whether the setting is one of this rule's."""
        return any(f"{name}.".startswith(f"{setting}.") for setting in self.settings)


def _in(section: str, names: str) -> tuple[str, ...]:
    return tuple(f"{section}.{name}" for name in names.split())


def _has_source(*names: str) -> Callable[[Config], bool]:
    return lambda config: bool({*names}.intersection(config.crawl.sources))


def _searches(config: Config) -> bool:
    return LISTS.isdisjoint(config.crawl.sources)


def _states_sizes(config: Config) -> bool:
    return WITHOUT_SIZES.isdisjoint(config.crawl.sources)


def _downloads(config: Config) -> bool:
    return ON_THIS_MACHINE.isdisjoint(config.crawl.sources)


def _has_method(*methods: str) -> Callable[[Config], bool]:
    return lambda config: config.train.imbalance.method in methods


def _is_pretrained(config: Config) -> bool:
    return config.pretrain.kind == "network"


def _has_encoder(*names: str) -> Callable[[Config], bool]:
    return lambda config: config.pretrain.encoder in names


def _trains_network(config: Config) -> bool:
    return config.train.recipe in ("auto", "network") or not _has_features(config)


def _trains_head(config: Config) -> bool:
    return config.train.recipe != "logistic" or not _has_features(config)


def _has_features(config: Config) -> bool:
    return config.pretrain.encoder != "none"


def _changes_tiles(config: Config) -> bool:
    return _trains_network(config) and (config.pretrain.encoder != "autoencoder" or config.train.through_encoder)


def _moves_pixels(config: Config) -> bool:
    augment = config.train.augment
    return any((augment.rotate_deg, augment.shift, augment.zoom, augment.shear_deg))


def _seeks_label_issues(config: Config) -> bool:
    filters = config.filter
    return bool(filters.label_issues) or filters.max_outlier is not None or filters.max_label_doubt is not None


SOURCES = WITHOUT_SIZES | {"google", "bing", "baidu", "naver", "openverse", "commons", "flickr"}
"""The sources that come with fluke. One that somebody has added may use any setting of the crawl."""
_ON_THIS_MACHINE = "folder, csv, annotations and huggingface"
_LISTS = "folder, csv, annotations, huggingface or urls"

RULES = (
    Rule(("crawl.path",), _has_source(*LISTS), f"crawl.sources={_LISTS}"),
    Rule(("crawl.images",), _has_source("csv", "annotations"), "crawl.sources=csv or annotations"),
    Rule(
        _in("crawl.columns", "image label group"),
        _has_source("csv", "annotations", "huggingface"),
        "crawl.sources=csv, huggingface, or annotations in Croissant",
    ),
    Rule(("crawl.columns.time",), _has_source("csv", "annotations"), "crawl.sources=csv, or annotations in Croissant"),
    Rule(_in("crawl.columns", "url url_label"), _has_source("urls"), "crawl.sources=urls"),
    Rule(
        ("crawl.columns.split",),
        _has_source("csv", "annotations", "urls"),
        "crawl.sources=csv, urls, or annotations in Croissant",
    ),
    Rule(("crawl.columns.split",), lambda config: config.crawl.split != "ignore", "crawl.split=auto or folders"),
    Rule(("crawl.split",), _has_source(*LISTS), f"crawl.sources={_LISTS}"),
    Rule(_in("crawl", "keywords filters top_up max_pages"), _searches, "search engines in crawl.sources"),
    Rule(_in("crawl", "replay min_yield"), _downloads, f"crawl.sources other than {_ON_THIS_MACHINE}"),
    Rule(
        _in(
            "crawl",
            "threads connections_per_host requests_per_s timeout_s retries deadline_s max_gb max_photo_mb robots "
            "contact private_hosts proxy_resolves",
        ),
        lambda config: _downloads(config) and not config.crawl.replay,
        f"crawl.sources other than {_ON_THIS_MACHINE}, without crawl.replay",
    ),
    Rule(("crawl.min_yield",), lambda config: not config.crawl.replay, "crawl.replay=false"),
    Rule(_in("crawl", "min_side_px min_aspect"), _states_sizes, "search engines in crawl.sources"),
    Rule(("crawl.port",), _has_source("gallery"), "crawl.sources=gallery"),
    Rule(("filter.face_model",), lambda config: config.filter.faces is not None, "filter.faces"),
    Rule(
        _in("filter", "embedding embedding_scale"),
        _seeks_label_issues,
        "filter.label_issues, filter.max_outlier or filter.max_label_doubt",
    ),
    Rule(("filter.embedding_scale",), lambda config: config.filter.embedding is not None, "filter.embedding"),
    Rule(
        _in("filter", "mirrored drop_near_duplicates"),
        lambda config: config.filter.duplicate_bits is not None,
        "a number for filter.duplicate_bits",
    ),
    Rule(("filter.group_pages",), _downloads, f"crawl.sources other than {_ON_THIS_MACHINE}, which have no pages"),
    Rule(
        ("preprocess.pad_value",), lambda config: config.preprocess.fit == "pad", "preprocess.fit=pad, which makes bars"
    ),
    Rule(_in("pretrain", "weights pooling texture"), _is_pretrained, "a pretrained network as pretrain.encoder"),
    Rule(
        _in(
            "pretrain",
            "architecture filters code_channels epochs batch_size learning_rate patience augment noise mask precision "
            "xla devices refresh_growth seed",
        ),
        _has_encoder("autoencoder"),
        "pretrain.encoder=autoencoder",
    ),
    Rule(("extract",), _has_features, "pretrain.encoder other than none"),
    Rule(("workers.address", "workers.processes"), lambda config: config.workers.kind == "dask", "workers.kind=dask"),
    Rule(("workers.processes",), lambda config: config.workers.address is None, "workers.address=null"),
    Rule(("extract.augment",), lambda config: config.extract.copies > 0, "extract.copies greater than 0"),
    Rule(_in("workers.timeout_h", "pretrain extract"), _has_features, "pretrain.encoder other than none"),
    Rule(("evaluate.label_issues",), _has_features, "pretrain.encoder other than none"),
    Rule(("train.network",), _has_encoder("autoencoder", "none"), "pretrain.encoder=autoencoder or none"),
    Rule(("train.network_weights",), _has_encoder("autoencoder"), "pretrain.encoder=autoencoder"),
    Rule(("train.network_weights",), _trains_network, "train.recipe=auto or network"),
    Rule(("train.filters",), _has_encoder("autoencoder", "none"), "pretrain.encoder=autoencoder or none"),
    Rule(("train.filters",), lambda config: config.train.network == "convnet", "train.network=convnet"),
    Rule(("train.budget_min",), lambda config: config.train.recipe == "auto", "train.recipe=auto"),
    Rule(("train.budget_min", "train.refit"), _has_features, "pretrain.encoder other than none"),
    Rule(("train.unfreeze",), _is_pretrained, "a pretrained network as pretrain.encoder"),
    Rule(
        ("train.unfreeze_rate",),
        lambda config: _is_pretrained(config) or config.train.through_encoder,
        "a pretrained network as pretrain.encoder, or train.through_encoder=true",
    ),
    Rule(("train.unfreeze", "train.unfreeze_rate"), _trains_network, "train.recipe=auto or network"),
    Rule(
        _in(
            "train",
            "head hidden cam_filters dropout optimizer learning_rate weight_decay label_smoothing batch_size "
            "patience ema",
        ),
        _trains_head,
        "train.recipe other than logistic",
    ),
    Rule(("train.warm_start",), _trains_head, "train.recipe other than logistic"),
    Rule(("train.refit",), lambda config: not config.train.warm_start, "train.warm_start=false"),
    Rule(
        _in("train", "scale sub_centres"),
        lambda config: config.train.head != "softmax",
        "train.head=cosine or arcface",
    ),
    Rule(_in("train", "margin margin_growth"), lambda config: config.train.head == "arcface", "train.head=arcface"),
    Rule(("train.head_epochs",), _is_pretrained, "a pretrained network as pretrain.encoder"),
    Rule(("train.epochs", "train.augment"), _trains_network, "train.recipe=auto or network"),
    Rule(
        _in("train.augment", "rand_augment magnitude"),
        _changes_tiles,
        "tiles as the network's input: pretrain.encoder other than autoencoder, or train.through_encoder=true",
    ),
    Rule(("train.augment.fill",), _moves_pixels, "train.augment.rotate_deg, shift, zoom or shear_deg greater than 0"),
    Rule(
        ("train.augment.magnitude",),
        lambda config: config.train.augment.rand_augment > 0,
        "train.augment.rand_augment greater than 0",
    ),
    Rule(("train.imbalance.power",), _has_method("auto", "weights"), "train.imbalance.method=weights"),
    Rule(
        ("train.imbalance.cap",),
        _has_method("auto", "weights", "effective"),
        "train.imbalance.method=weights or effective",
    ),
    Rule(("train.imbalance.beta",), _has_method("effective"), "train.imbalance.method=effective"),
    Rule(("train.imbalance.gamma",), _has_method("focal"), "train.imbalance.method=focal"),
    Rule(
        ("train.imbalance.strength",),
        _has_method("auto", "logit_adjustment"),
        "train.imbalance.method=logit_adjustment",
    ),
    Rule(("train.imbalance.epochs",), _has_method("retrain_head"), "train.imbalance.method=retrain_head"),
    Rule(("train.full_retrain_every",), lambda config: config.train.warm_start, "train.warm_start=true"),
    Rule(
        ("evaluate.unknown_label",),
        lambda config: config.evaluate.unknown == "threshold",
        "evaluate.unknown=threshold",
    ),
)


def notes(config: Config, given: Iterable[str]) -> Iterator[str]:
    """Yield a line for each setting that the user gave and that changes nothing.

    Args:
        config: All settings.
        given: The dotted names of the settings that the user gave.
    """
    are_ours = SOURCES.issuperset(config.crawl.sources)
    for name in given:
        if name.startswith("crawl.") and not are_ours:
            continue
        rule = next((rule for rule in RULES if rule.applies_to(name) and not rule.has_effect(config)), None)
        if rule:
            yield f"{name} has no effect, because it needs {rule.needs}: set that, or leave {name} out"
