"""GET /metrics for Prometheus."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from app.auth.access import needs
from core.keys import Scope

router = APIRouter(include_in_schema=False, dependencies=[needs(Scope.READ)])


def _registry(request: Request) -> CollectorRegistry:
    registry: CollectorRegistry = request.app.state.registry
    return registry


@router.get("/metrics")
def get_metrics(registry: Annotated[CollectorRegistry, Depends(_registry)]) -> Response:
    """Where the server has API keys, it takes one, as `authorization` of the scrape configuration."""
    return Response(
        generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"}
    )
