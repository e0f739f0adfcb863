"""Which kind of call a request is: one of a pipeline, one of it for each tile of a large picture, or of a network."""

from __future__ import annotations

from core.tasks.creative_upscale import CreativeUpscaleParameters
from worker.contract import DrawRequest
from worker.pipelines.call import PipelineCall
from worker.pipelines.loaded_model import LoadedModel
from worker.pipelines.network import Network, NetworkCall
from worker.pipelines.tiled_call import TiledCall

Call = PipelineCall | NetworkCall | TiledCall


def call_of(model: LoadedModel, request: DrawRequest) -> Call:
    """The call of `request`, not begun yet. Raises JobFailure if `model` has none for its task."""
    if isinstance(model.pipeline, Network):
        return NetworkCall(model.pipeline, request)
    return (
        TiledCall(model, request)
        if isinstance(request.parameters, CreativeUpscaleParameters)
        else PipelineCall(model, request)
    )
