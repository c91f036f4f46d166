"""Settings of the features: how they are computed from tiles."""

from pydantic import Field

from configs.schema.augment import AugmentConfig
from configs.schema.section import Section


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
