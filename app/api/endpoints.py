"""Webhook endpoints: where all of a key's events go, with a secret and a delivery log each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from app.auth.access import needs
from app.http.errors import documented
from app.http.json_bodies import JsonRoute
from app.http.validation import StrictInput, changes_of
from app.jobs.fields import WebhookUrl
from app.services import Owner, ServicesOf
from core.errors import NotFound
from core.keys import Scope
from core.webhooks import Endpoint, IssuedEndpoint, LoggedDelivery, WebhookEvent

router = APIRouter(
    prefix="/v1/webhooks/endpoints",
    tags=["webhooks"],
    route_class=JsonRoute,
    dependencies=[needs(Scope.GENERATE)],  # a receiver's secret is not for those who may only look
)

NO_STORE: Final = {"Cache-Control": "no-store"}

EndpointId = Annotated[str, Path(examples=["ep_5f1c0a9e2b7d4c3f8e6a1b2c"])]
MessageId = Annotated[str, Path(examples=["msg_3f0e…_1"])]
Events = Annotated[
    tuple[Annotated[WebhookEvent, Field(strict=False)], ...], Field(min_length=1, max_length=3, strict=False)
]
WHICH: Final = "`started`, `progress` (once a second at most, tried once), `completed` (succeeded, failed or canceled)."


class EndpointInput(StrictInput):
    """Where to send events."""

    url: WebhookUrl = Field(description="Where to POST them.", examples=["https://example.com/hooks/easel"])
    events: Events = Field(default=(WebhookEvent.COMPLETED,), description=WHICH)
    description: str = Field(default="", max_length=256, description="For people.")
    enabled: bool = Field(default=True, description="False: nothing is sent but tests. True again forgives failures.")


if TYPE_CHECKING:
    EndpointChanges = StrictInput
else:
    EndpointChanges = changes_of("EndpointChanges", EndpointInput, "What to change; the rest stays.")


class EndpointList(BaseModel):
    """All of your endpoints, oldest first."""

    object: Literal["list"] = "list"
    data: tuple[Endpoint, ...]


class DeliveryList(BaseModel):
    """The last hundred messages, newest first."""

    object: Literal["list"] = "list"
    data: tuple[LoggedDelivery, ...]


def _shown_once(issued: IssuedEndpoint, response: Response) -> IssuedEndpoint:
    response.headers.update(NO_STORE)
    return issued


Found = TypeVar("Found")


def _found(value: Found | None, what: str = "endpoint") -> Found:
    if value is None:
        raise NotFound(f"you have no such webhook {what}", code=f"{what}_not_found", param=f"{what}_id")
    return value


FAILURES: Final[dict[int | str, dict[str, Any]]] = documented(404, 503)
WRITE_FAILURES: Final[dict[int | str, dict[str, Any]]] = documented(400, 413, 415, 503)


@router.post("", status_code=201, summary="Register an endpoint", responses=WRITE_FAILURES | documented(409))
def create_endpoint(body: EndpointInput, services: ServicesOf, owner: Owner, response: Response) -> IssuedEndpoint:
    """It hears of all your jobs from now on, besides the `webhook` that a job may name. The answer has its secret."""
    issued = services.endpoints.create(
        owner, body.url, events=body.events, description=body.description, enabled=body.enabled
    )
    return _shown_once(issued, response)


@router.get("", summary="List your endpoints", responses=documented(503))
def list_endpoints(services: ServicesOf, owner: Owner) -> EndpointList:
    """With what we know of their health."""
    return EndpointList(data=services.endpoints.list(owner))


@router.get("/{endpoint_id}", summary="Look at an endpoint", responses=FAILURES)
def get_endpoint(endpoint_id: EndpointId, services: ServicesOf, owner: Owner) -> Endpoint:
    """One endpoint of the list."""
    return _found(services.endpoints.get(owner, endpoint_id))


@router.patch("/{endpoint_id}", summary="Change an endpoint", responses=WRITE_FAILURES | FAILURES)
def change_endpoint(endpoint_id: EndpointId, body: EndpointChanges, services: ServicesOf, owner: Owner) -> Endpoint:
    """Messages that wait for a retry go to the new URL too."""
    changes = body.model_dump(exclude_none=True)
    return _found(services.endpoints.edit(owner, endpoint_id, changes))


@router.delete("/{endpoint_id}", status_code=204, summary="Remove an endpoint", responses=FAILURES)
def remove_endpoint(endpoint_id: EndpointId, services: ServicesOf, owner: Owner) -> None:
    """With its log; what waits for a retry is dropped."""
    _found(services.endpoints.remove(owner, endpoint_id) or None)


@router.post("/{endpoint_id}/rotate", summary="Renew an endpoint's secret", responses=FAILURES)
def rotate_endpoint(endpoint_id: EndpointId, services: ServicesOf, owner: Owner, response: Response) -> IssuedEndpoint:
    """For 24 hours messages are signed with both secrets, so that no receiver misses one."""
    return _shown_once(_found(services.endpoints.rotate(owner, endpoint_id)), response)


@router.post(
    "/{endpoint_id}/test",
    status_code=202,
    summary="Send a test message",
    dependencies=[needs(Scope.GENERATE, metered=True)],
    responses=FAILURES,
)
def test_endpoint(endpoint_id: EndpointId, services: ServicesOf, owner: Owner) -> LoggedDelivery:
    """A signed `webhook.test`, tried once, at once. What came of it is in the delivery log a moment later."""
    return _found(services.endpoints.test(owner, endpoint_id))


@router.get("/{endpoint_id}/deliveries", summary="Look at what was delivered", responses=FAILURES)
def list_deliveries(endpoint_id: EndpointId, services: ServicesOf, owner: Owner) -> DeliveryList:
    """Each message with its attempts; what was given up is `dead`."""
    endpoint = _found(services.endpoints.get(owner, endpoint_id))
    return DeliveryList(data=services.endpoints.deliveries(endpoint.id))


@router.post(
    "/{endpoint_id}/deliveries/{delivery_id}/redeliver",
    status_code=202,
    summary="Deliver a message again",
    dependencies=[needs(Scope.GENERATE, metered=True)],
    responses=FAILURES,
)
def redeliver(endpoint_id: EndpointId, delivery_id: MessageId, services: ServicesOf, owner: Owner) -> LoggedDelivery:
    """Under the same id, with the job as it is now, and with all its attempts before it."""
    endpoint = _found(services.endpoints.get(owner, endpoint_id))
    return _found(services.endpoints.redeliver(owner, endpoint.id, delivery_id), "delivery")
