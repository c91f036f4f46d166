"""The pipeline: seven stages, each a pure function of its config section and of the artifacts above it."""

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

Obtain = Callable[..., Artifact]
"""`obtain(stage, section, name=artifact ...)` returns a stage's artifact: from the store, or by building it."""


def stages(config: Config, obtain: Obtain) -> Iterator[Artifact]:
    """Obtain one stage's artifact after the other; stop asking to cut the pipeline short."""
    yield (photos := obtain(crawl.STAGE, config.crawl))
    yield (kept := obtain(filter.STAGE, config.filter, photos=photos))
    yield (tiles := obtain(preprocess.STAGE, config.preprocess, kept=kept))
    made: dict[str, Artifact] = {"photos": photos, "kept": kept, "tiles": tiles}
    if config.train.input == "tiles":
        inputs = tiles
    else:
        yield (encoder := obtain(pretrain.STAGE, config.pretrain, kept=kept, tiles=tiles))
        yield (inputs := obtain(extract.STAGE, config.extract, tiles=tiles, encoder=encoder))
        made["encoder"] = encoder
    yield (classifier := obtain(train.STAGE, config.train, kept=kept, inputs=inputs))
    yield obtain(evaluate.STAGE, config.evaluate, **made, inputs=inputs, classifier=classifier)
