"""The secret that webhooks are signed with. Knows no delivery; that is the keeper's."""

from __future__ import annotations

import base64
import secrets
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from app.errors import documented
from app.services import ServicesOf

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])


class WebhookSecret(BaseModel):
    """What to verify the `webhook-signature` header with; any Standard Webhooks library takes it."""

    object: Literal["webhook_secret"] = "webhook_secret"
    key: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


@router.get("/secret", summary="The signing secret", responses=documented(503))
def get_webhook_secret(services: ServicesOf, response: Response) -> WebhookSecret:
    """Give it to the receiver of your webhooks, so that it can tell ours from forgeries."""
    response.headers["Cache-Control"] = "no-store"
    if services.settings.webhook_secret is not None:
        return WebhookSecret(key=services.settings.webhook_secret.get_secret_value())
    fresh = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    return WebhookSecret(key=services.outbox.secret(fresh))
