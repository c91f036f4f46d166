"""Settings of what happens around the stages: what stops a night, which model is used, and who is told."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from configs.addresses import SecretAddress
from configs.schema.section import Fraction, Section

NotifyKind = Literal["failed", "refused", "promoted", "drift", "low_yield", "waiting"]
"""What people are told of: see `flows.notify.send.tell`."""


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
    """Who is told of what happens at night; a list alone is short for `urls`."""

    urls: tuple[SecretAddress, ...] = Field(
        (),
        description="Where to send messages, as apprise writes it: mailtos://name:password@example.org for mail, "
        "jsons://host/path for a webhook. $NAME: an environment variable or a Prefect Secret block has it.",
    )
    on: tuple[NotifyKind, ...] = Field(
        ("failed", "refused", "drift", "low_yield", "waiting"),
        description="What to tell: failed, refused, promoted, drift, low_yield, waiting (for a review or a decision).",
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: Any) -> Any:
        return {"urls": given} if isinstance(given, str | list | tuple) else given

    @field_validator("urls", "on", mode="before")
    @classmethod
    def _one_is_a_list(cls, given: Any) -> Any:
        return (given,) if isinstance(given, str | SecretAddress) else given
