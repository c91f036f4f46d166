"""Settings of what happens around the stages: what stops a night, which model is used, and who is told."""

from typing import Literal

from pydantic import Field

from configs.section import Fraction, Section


class ChangesConfig(Section):
    """What a run does when photos that the last run had are gone: a disk that is not mounted, a renamed folder."""

    action: Literal["stop", "warn"] = Field(
        "stop", description="stop: a scheduled run ends before training; any other run warns. warn: every run warns."
    )
    missing: Fraction = Field(0.5, description="Share of the last run's photos, or of a class of it, that may be gone.")


class DriftConfig(Section):
    """How tonight's new photos are compared with those that the champion was trained on."""

    action: Literal["warn", "stop", "ignore"] = Field(
        "warn", description="On drift - warn: say so and go on. stop: end before training. ignore: don't compare."
    )
    level: float = Field(
        0.01,
        ge=0.001,
        le=0.5,
        description="Largest probability of a false alarm in a night, over all classes together.",
    )


class PromoteConfig(Section):
    """Whether a new model, the challenger, replaces the one that is used, the champion."""

    margin: Fraction = Field(
        0.01, description="How much lower the challenger's headline metric may be on the test list, at most."
    )
    max_class_drop: Fraction = Field(
        0.1,
        description="How much lower a class's recall may be, at most; classes with few test photos don't count.",
    )
    beat_baselines: bool = Field(
        True,
        description="Whether the challenger must be better than always predicting the commonest class, and not "
        "worse than the nearest photo and logistic regression.",
    )
    undecided: Literal["keep", "promote", "ask"] = Field(
        "keep",
        description="If the test list can't tell - keep: the champion stays. promote: the challenger is used. ask: "
        "wait for a person in the dashboard, and keep the champion after wait_h.",
    )
    wait_h: float = Field(12, gt=0, description="ask: hours to wait for a person.")


class NotifyConfig(Section):
    """Who is told of what happens at night."""

    urls: tuple[str, ...] = Field((), description="Where to send messages; see docs/operations.md.")
