"""Every error a user can meet, as plain data: a code, an HTTP status, a message.

EaselError
├── InvalidRequest            400  the request is wrong; `param` names the field
├── Unauthenticated           401  no API key, or one we do not know
├── Forbidden                 403  the key may not do this, or the signature of the address is not good
├── NotFound                  404  no such job, result, model or route
├── MethodNotAllowed          405
├── Conflict                  409  the job's state forbids it
├── PayloadTooLarge           413  the body is over its limit
├── UnsupportedMediaType      415  the body is not JSON
├── Misdirected               421  the Host header names a server that we are not
├── Unprocessable             422  the request is right, and what it holds cannot be used
├── IdempotencyMismatch       422  the same Idempotency-Key came with another body
├── QuotaExceeded             429  your limit; `retry_after` says when
├── Unavailable               503  our limit, or a part of us is down; `retry_after` says when
└── JobFailure                     a job's own end; never an HTTP status, `code` lands in the record
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar


class EaselError(Exception):
    """Something went wrong on our side."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    default_code: ClassVar[str] = "internal_error"

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        self.message = message or (self.__doc__ or "").strip().splitlines()[0]
        self.code = code or self.default_code
        self.param = param
        self.retry_after = retry_after
        super().__init__(self.message)


class InvalidRequest(EaselError):
    """The request is not valid."""

    status = 400
    type = "invalid_request_error"
    default_code = "invalid_value"


class Unauthenticated(EaselError):
    """A valid API key is needed: send it as 'Authorization: Bearer <key>'."""

    status = 401
    type = "authentication_error"
    default_code = "invalid_api_key"


class Forbidden(EaselError):
    """Your API key does not allow this."""

    status = 403
    type = "permission_error"
    default_code = "permission_denied"


class NotFound(EaselError):
    """There is nothing at this address."""

    status = 404
    type = "invalid_request_error"
    default_code = "not_found"


class MethodNotAllowed(EaselError):
    """This address does not answer to this method."""

    status = 405
    type = "invalid_request_error"
    default_code = "method_not_allowed"

    def __init__(self, message: str | None = None, *, code: str | None = None, allowed: Iterable[str] = ()) -> None:
        super().__init__(message, code=code)
        self.allowed = tuple(sorted(allowed))


class Conflict(EaselError):
    """The state of the job does not allow this."""

    status = 409
    type = "invalid_request_error"
    default_code = "conflict"


class PayloadTooLarge(EaselError):
    """The body of the request is too large."""

    status = 413
    type = "invalid_request_error"
    default_code = "payload_too_large"


class UnsupportedMediaType(EaselError):
    """The body must be JSON, sent with 'Content-Type: application/json'."""

    status = 415
    type = "invalid_request_error"
    default_code = "unsupported_media_type"


class Misdirected(EaselError):
    """This server does not answer under that host name."""

    status = 421
    type = "invalid_request_error"
    default_code = "misdirected_request"


class Unprocessable(EaselError):
    """What the request holds cannot be used."""

    status = 422
    type = "invalid_request_error"
    default_code = "unprocessable"


class IdempotencyMismatch(EaselError):
    """This Idempotency-Key was used in the last 24 hours with another request; use a new key."""

    status = 422
    type = "invalid_request_error"
    default_code = "idempotency_key_reused"


class QuotaExceeded(EaselError):
    """You have reached a limit of your key; try again later."""

    status = 429
    type = "rate_limit_error"
    default_code = "rate_limit_exceeded"


class Unavailable(EaselError):
    """The service cannot take this request now; try again later."""

    status = 503
    type = "server_error"
    default_code = "service_unavailable"


class JobFailure(EaselError):
    """The job could not be finished."""

    default_code = "generation_failed"
