"""The secret that webhooks are signed with."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from app.auth.access import needs
from app.http.errors import documented
from app.services import Owner, ServicesOf
from core.keys import Scope
from core.webhooks import new_secret, secret_of_owner

router = APIRouter(
    prefix="/v1/webhooks",
    tags=["webhooks"],
    dependencies=[needs(Scope.GENERATE)],  # a receiver's secret is not for those who may only look
)


class WebhookSecret(BaseModel):
    """What to verify the `webhook-signature` header with; any Standard Webhooks library takes it."""

    object: Literal["webhook_secret"] = "webhook_secret"
    key: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


@router.get("/secret", summary="The signing secret", responses=documented(503))
def get_webhook_secret(services: ServicesOf, owner: Owner, response: Response) -> WebhookSecret:
    """Give it to the receiver of your webhooks, so that it can tell ours from forgeries. Each key has its own."""
    response.headers["Cache-Control"] = "no-store"
    given = services.settings.webhook_secret
    secret = services.outbox.secret(new_secret()) if given is None else given.get_secret_value()
    return WebhookSecret(key=secret_of_owner(secret, owner))
