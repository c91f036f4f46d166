"""The HTTP API: FastAPI routes around `Answering`. Every error is a JSON object with one field, `error`."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from flows.api import messages
from flows.api.answering import Answering
from flows.api.bodies import RefusedError, batch_body, photo_body
from flows.api.messages import (
    Answer,
    BatchAnswer,
    BatchRequest,
    Health,
    LimitOfModel,
    ModelDescription,
    PhotoAnswer,
    PhotoExplanation,
    Problem,
)
from tasks.templates import template

HERE = Path(__file__).parent
REVIEW = HERE.parent / "review"
"""Its style is also that of these pages."""
_ABOUT = """Answers photos with a trained model.

A photo is the body of a request, with its media type or application/octet-stream as Content-Type. Photos are JPEG, PNG,
WebP, HEIC, AVIF, TIFF, GIF or BMP. A request that can't be answered gets a JSON object with the field `error`."""
_REASONS = {
    413: "The photo or the batch is too large.",
    415: "The header Content-Type is missing or wrong, or the body is compressed.",
    422: "The photo can't be read, or a parameter is wrong.",
    503: "Too many photos wait; try again in a moment.",
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": reason} for status, reason in _REASONS.items()
}
_PHOTO = {"schema": {"type": "string", "format": "binary"}}
_PHOTO_BODY = {"requestBody": {"required": True, "content": {"image/*": _PHOTO, "application/octet-stream": _PHOTO}}}
_BATCH_BODY = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": BatchRequest.model_json_schema()}}}
}
TopK = Annotated[int, Query(ge=1, le=messages.MOST_TOP_K, description="Number of classes.")]


def build(answering: Answering) -> FastAPI:
    """Build the application of `fluke api`."""
    app = FastAPI(title="fluke api", version=_version(), description=_ABOUT, docs_url=None, redoc_url=None)
    app.router.redirect_slashes = False  # a redirect has no JSON, and curl doesn't follow it
    limits = answering.limits

    @app.post("/predict", responses=_PROBLEMS, openapi_extra=_PHOTO_BODY)
    async def predict(request: Request, top_k: TopK = messages.TOP_K) -> PhotoAnswer:
        """Predict the classes of one photo."""
        async with photo_body(request, answering.memory, limits) as photo:
            served = answering.champion.current
            with _waiting(answering, 1):
                return PhotoAnswer.of(served.run.id, await answering.answer(served, photo, top_k))

    @app.post("/predict/batch", responses=_PROBLEMS, openapi_extra=_BATCH_BODY)
    async def predict_batch(request: Request) -> BatchAnswer:
        """Predict several photos. One that can't be read has its reason in `error`; the others are answered."""
        async with batch_body(request, answering.memory, limits) as body:
            batch = await answering.run(lambda: _batch(body))
            if len(batch.photos) > limits.batch_photos:
                raise RefusedError(413, f"the batch has more than {limits.batch_photos} photos")
            served = answering.champion.current

            async def answer(text: str) -> Answer:
                try:
                    photo = await answering.run(lambda: messages.photo_in(text))
                    return Answer.of(await answering.answer(served, photo, batch.top_k))
                except (RefusedError, ValueError) as error:
                    return Answer(top=[], error=str(error))

            with _waiting(answering, len(batch.photos)):
                answers = await asyncio.gather(*(answer(text) for text in batch.photos))
            return BatchAnswer(model=served.run.id, answers=answers)

    @app.post("/explain", responses=_PROBLEMS, openapi_extra=_PHOTO_BODY)
    async def explain(request: Request, top_k: TopK = messages.TOP_K) -> PhotoExplanation:
        """Predict one photo and explain the answer: its heat map, and the most similar train photos."""
        async with photo_body(request, answering.memory, limits) as photo:
            served = answering.champion.current
            with _waiting(answering, 1):
                return PhotoExplanation.explained(served.run.id, await answering.explanation(served, photo, top_k))

    @app.get("/model")
    def model() -> ModelDescription:
        """Describe the model that answers, and what a request may contain."""
        served = answering.champion.current
        return ModelDescription(
            model=served.run.id,
            name=served.run.model_name,
            classes=served.model.names,
            unknown=served.model.unknown_label,
            abstain=LimitOfModel.of(served.model.limits.abstain),
            sets=LimitOfModel.of(served.model.limits.sets),
            photo_mb=limits.photo_mb,
            photo_mpx=limits.photo_mpx,
            batch_photos=limits.batch_photos,
            batch_mb=limits.batch_mb,
        )

    @app.get("/health")
    def health() -> Health:
        """Say whether the server answers, and with which model; programs that watch it ask this."""
        problem = answering.champion.problem
        return Health(status="outdated" if problem else "ok", model=answering.champion.current.run.id, problem=problem)

    @app.get("/docs", include_in_schema=False)
    def docs() -> Response:
        return HTMLResponse(template(HERE / "docs.html.jinja").render(api=app.openapi()))

    @app.get("/page.css", include_in_schema=False)
    def style() -> Response:
        return FileResponse(REVIEW / "page.css", media_type="text/css")

    @app.get("/icon.svg", include_in_schema=False)
    def icon() -> Response:
        return FileResponse(REVIEW / "icon.svg", media_type="image/svg+xml")

    _add_errors(app)
    return app


def problem(error: str, status: int) -> JSONResponse:
    """Return the response to a request that can't be answered."""
    headers = {"Retry-After": "1"} if status == 503 else None
    return JSONResponse({"error": error}, status, headers)


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(RefusedError)
    async def refused(_: Request, error: RefusedError) -> Response:
        return problem(str(error), error.status)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return problem(_text(error.errors()), 422)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        docs = f"{request.scope.get('root_path', '')}/docs"
        return problem(f"{error.detail}: the page {docs} lists what this server answers", error.status_code)

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=400)  # nobody receives it

    @app.exception_handler(Exception)
    async def internal(_: Request, __: Exception) -> Response:
        return problem("internal error; the terminal of fluke api shows it", 500)


@contextmanager
def _waiting(answering: Answering, photos: int) -> Iterator[None]:
    answering.take(photos)
    try:
        yield
    finally:
        answering.give_back(photos)


def _batch(body: bytes) -> BatchRequest:
    try:
        return BatchRequest.model_validate_json(body)
    except ValidationError as error:
        raise RefusedError(422, _text(error.errors(include_input=False))) from error


def _text(errors: Any) -> str:
    """Return pydantic's errors in one line, without what was given: it may be a photo."""
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in errors)


def _version() -> str:
    try:
        return version("fluke")
    except PackageNotFoundError:  # a checkout that is not installed
        return "unknown"
