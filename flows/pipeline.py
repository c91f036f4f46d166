"""The pipeline: seven stages, each a pure function of its config section and of earlier stages' artifacts."""

from collections.abc import Callable, Iterator

from configs.schema import Config
from tasks.crawl import stage as crawl
from tasks.evaluate import stage as evaluate
from tasks.extract import stage as extract
from tasks.filter import stage as filter
from tasks.preprocess import stage as preprocess
from tasks.pretrain import stage as pretrain
from tasks.store.manifest import Artifact
from tasks.train import stage as train

GetOrBuild = Callable[..., Artifact]
"""`get_or_build(stage, section, name=artifact ...)` returns a stage's artifact from the store, or builds it."""


def stages(config: Config, get_or_build: GetOrBuild) -> Iterator[Artifact]:
    """Yield each stage's artifact in order; a caller that stops iterating ends the pipeline early."""
    yield (photos := get_or_build(crawl.STAGE, config.crawl))
    yield (kept := get_or_build(filter.STAGE, config.filter, photos=photos))
    yield (tiles := get_or_build(preprocess.STAGE, config.preprocess, kept=kept))
    yield (encoder := get_or_build(pretrain.STAGE, config.pretrain, kept=kept, tiles=tiles))
    yield (features := get_or_build(extract.STAGE, config.extract, kept=kept, tiles=tiles, encoder=encoder))
    learned_from = {"kept": kept, "tiles": tiles, "encoder": encoder, "features": features}
    yield (classifier := get_or_build(train.STAGE, config.train, **learned_from))
    yield get_or_build(evaluate.STAGE, config.evaluate, photos=photos, **learned_from, classifier=classifier)
