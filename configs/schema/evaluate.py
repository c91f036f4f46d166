"""Settings of the evaluation: how predictions are made, what is measured, and what the report shows."""

from typing import Literal

from pydantic import Field

from configs.schema.section import Section, Seed

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
        description="Wanted accuracy of the answers, such as 0.95: validation photos say from which probability on "
        "answers are as often right. The model's predictions call less probable answers unsure, and the report says "
        "how many test photos get an answer; null: none is unsure. Another value only writes the report again.",
    )
    set_coverage: float | None = Field(
        0.9,
        gt=0,
        lt=1,
        description="Wanted probability that a photo's set of possible classes contains the true one (conformal "
        "prediction, fitted on validation photos); the model's predictions list the set, too; null: no sets. Another "
        "value only writes the report again.",
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
