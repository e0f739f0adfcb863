"""Every error as the one envelope, on every route and status."""

from __future__ import annotations

import logging
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from obstore.exceptions import BaseError
from pydantic import BaseModel, Field
from redis.exceptions import OutOfMemoryError, RedisError
from starlette.exceptions import HTTPException

from app.http.validation import as_invalid_request
from core import errors
from core.errors import EaselError

logger = logging.getLogger(__name__)

CLIENT_CLOSED_REQUEST: Final = 499
"""For the log and the counters only: whoever asked is gone. nginx made the number customary."""


class ErrorView(BaseModel):
    """What went wrong, for a person (`message`) and for a program (`code`)."""

    message: str = Field(examples=["width 250 does not fit model 'easel-mini': 256 would fit"])
    type: str = Field(examples=["invalid_request_error"])
    code: str = Field(examples=["invalid_value"])
    param: str | None = Field(examples=["width"], description="The field, parameter or header at fault.")


class ErrorEnvelope(BaseModel):
    """The body of every answer that is not a success."""

    error: ErrorView


KINDS: Final[dict[int, type[EaselError]]] = {
    kind.status: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, EaselError)
} | {500: EaselError}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these statuses."""
    return {
        status: {"model": ErrorEnvelope, "description": (KINDS[status].__doc__ or "").splitlines()[0]}
        for status in statuses
    }


def render(error: EaselError) -> JSONResponse:
    """The answer that says `error`."""
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if error.status == errors.Unauthenticated.status:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, errors.MethodNotAllowed):
        headers["Allow"] = ", ".join(error.allowed)
    view = ErrorView(message=error.message, type=error.type, code=error.code, param=error.param)
    return JSONResponse(ErrorEnvelope(error=view).model_dump(), status_code=error.status, headers=headers)


def translate(error: Exception) -> EaselError:
    """Other people's exceptions as ours."""
    if isinstance(error, EaselError):
        return error
    if isinstance(error, RequestValidationError):
        return as_invalid_request(error)
    if isinstance(error, HTTPException):
        return KINDS.get(error.status_code, errors.InvalidRequest if error.status_code < 500 else EaselError)()
    if isinstance(error, RedisError):
        logger.error("Redis failed", exc_info=error)
        if isinstance(error, OutOfMemoryError) or "MISCONF" in str(error):  # a snapshot could not be written
            words = "the job store takes nothing more: its memory or its disk is full; tell who runs this server"
            return errors.Unavailable(words, code="storage_full", retry_after=60)
        return errors.Unavailable("the job store does not answer; try again later", retry_after=5)
    if isinstance(error, BaseError):
        logger.error("the result store failed", exc_info=error)
        return errors.Unavailable("the result store does not answer; try again later", retry_after=5)
    return EaselError("something went wrong on our side; the log of the api says what")


async def _answer(_: Request, error: Exception) -> JSONResponse:
    return render(translate(error))


def install(app: FastAPI) -> None:
    """Make the envelope the only way in which `app` says that something went wrong."""
    for kind in (EaselError, RequestValidationError, HTTPException, RedisError, BaseError, Exception):
        app.add_exception_handler(kind, _answer)
