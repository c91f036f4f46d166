"""Settings of how the work of the stages is executed; they never change a result."""

from typing import Literal

from pydantic import Field

from configs.schema.section import Section


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
