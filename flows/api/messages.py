"""What the API receives and answers, in JSON; the OpenAPI documentation is made of it."""

import base64
import binascii
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from flows.predict import loaded
from flows.predict.explained import Explanation
from tasks.inference.limits import Limit

TOP_K = 3
MOST_TOP_K = 1000


class Message(BaseModel):
    """A part of an answer; its fields are always there."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_serialization_defaults_required=True)


class ClassProbability(Message):
    """A class and how likely it is."""

    label: str = Field(alias="class", description="The class.")
    probability: float = Field(description="Its calibrated probability, 0..1.")


Unsure = Annotated[
    bool | None,
    Field(
        description="Whether the most likely class is less probable than the model's threshold, so that nobody should "
        "rely on it; null if the model has none (GET model: abstain)."
    ),
]
PossibleClasses = Annotated[
    list[str] | None,
    Field(
        description="The classes of which one is the true one as often as the model promises, the most likely first; "
        "null if it promises nothing (GET model: sets)."
    ),
]


class Answer(Message):
    """The answer to one photo."""

    top: list[ClassProbability] = Field(description="The most likely classes, most likely first; empty if unreadable.")
    unsure: Unsure = None
    possible_classes: PossibleClasses = None
    error: str = Field("", description="Why the photo can't be read; empty if it can.")

    @classmethod
    def of(cls, answer: loaded.Answer) -> Self:
        """Make the message of an answer."""
        return cls(top=classes(answer.top), **answer.certainty._asdict())


class PhotoAnswer(Message):
    """The answer to a request with one photo."""

    model: str = Field(description="The run whose model has answered.")
    top: list[ClassProbability] = Field(description="The most likely classes, most likely first.")
    unsure: Unsure
    possible_classes: PossibleClasses

    @classmethod
    def of(cls, run: str, answer: loaded.Answer) -> Self:
        """Make the message of an answer."""
        return cls(model=run, top=classes(answer.top), **answer.certainty._asdict())


class BatchRequest(BaseModel):
    """Several photos."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    photos: list[str] = Field(min_length=1, description="The contents of photo files, in base64.")
    top_k: int = Field(TOP_K, ge=1, le=MOST_TOP_K, description="Number of classes per photo.")


class BatchAnswer(Message):
    """The answers to the photos of a batch, in their order."""

    model: str = Field(description="The run whose model has answered.")
    answers: list[Answer]


class Nearest(Message):
    """A train photo that is similar to the photo."""

    photo: str = Field(description="SHA-256 of its file.")
    label: str = Field(alias="class", description="Its class.")
    cosine: float = Field(description="Cosine similarity of the features of both photos, -1..1.")


class PhotoExplanation(PhotoAnswer):
    """The answer to a photo, and what it rests on."""

    photo: str = Field(description="The photo, small and upright, as a data URI.")
    heat_map: str = Field(description="The same, coloured where the network sees its most likely class.")
    nearest: list[Nearest] = Field(description="The most similar train photos; none if their table is gone.")

    @classmethod
    def explained(cls, run: str, explained: Explanation) -> Self:
        """Make the message of an explanation."""
        nearest = [
            Nearest(photo=each.photo, cosine=round(each.cosine, 4), **{"class": each.label})
            for each in explained.nearest
        ]
        return cls(
            model=run,
            top=classes(explained.answer.top),
            **explained.answer.certainty._asdict(),
            photo=explained.photo,
            heat_map=explained.heat_map,
            nearest=nearest,
        )


class Health(Message):
    """Whether the server answers, and with which model."""

    status: str = Field(description='"ok"; or "outdated": the model that should answer now can\'t be loaded.')
    model: str = Field(description="The run whose model answers.")
    problem: str = Field(description="Why another model can't be loaded; else empty.")


class LimitOfModel(Message):
    """A share of photos that the model promises, and the probability that gives it."""

    wanted: float = Field(description="The share of photos, 0..1.")
    least_probability: float = Field(description="The probability that gives it on validation photos, 0..1.")

    @classmethod
    def of(cls, limit: Limit | None) -> Self | None:
        """Make the message of a limit; None if there is none."""
        if limit is None or limit.least_probability is None:
            return None
        return cls(wanted=limit.wanted, least_probability=limit.least_probability)


class ModelDescription(Message):
    """The model that answers."""

    model: str = Field(description="The run that trained it.")
    name: str = Field(description="The name of its models.")
    classes: list[str]
    unknown: str | None = Field(description="The class that means none of the others; null if it has none.")
    abstain: LimitOfModel | None = Field(
        description="Answers that are less probable are unsure; the others are right this often. Null if it has none."
    )
    sets: LimitOfModel | None = Field(
        description="Classes from this probability on are possible; one of them is the true one this often. Null if it "
        "has none."
    )
    photo_mb: float = Field(description="Largest file of a photo, MB.")
    photo_mpx: float = Field(description="Most pixels of a photo, millions.")
    batch_photos: int = Field(description="Most photos of a batch.")
    batch_mb: float = Field(description="Largest batch, MB of JSON.")


class Problem(Message):
    """Why a request can't be answered."""

    error: str


def classes(top: list[tuple[str, float]]) -> list[ClassProbability]:
    """Make the message of class names and probabilities."""
    return [ClassProbability(probability=probability, **{"class": name}) for name, probability in top]


def photo_in(text: str) -> bytes:
    """Decode base64; raises ValueError."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"not base64: {error}") from error
