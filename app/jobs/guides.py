"""The pictures that guide a request beside its words: through which adapter, how strongly, and made what of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.jobs.sources import OpenedFile
from app.media.conversion import Prepared
from core.catalog.adapter import FOR_CONTROL, FOR_REFERENCES, AdapterKind, AdapterRow, Preprocessor
from core.catalog.catalog import Catalog
from core.catalog.model import Model
from core.errors import InvalidRequest, NotFound
from core.media import Guide
from core.tasks import CONTROL, GUIDES, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedGuide:
    """A picture in a role of `GUIDES`, and what is said of it; what is None is the adapter's to say.

    `param` is what the client called it; `thresholds` are those of the preprocessor `canny`. With `any_adapter` the
    first that reads it will do, where none is named: for clients that cannot name one.
    """

    role: str
    opened: OpenedFile
    param: str
    adapter: str | None = None
    weight: float | None = None
    start: float = 0.0
    end: float = 1.0
    mode: str | None = None
    preprocessor: Preprocessor | None = None
    thresholds: tuple[int, int] | None = None
    any_adapter: bool = False


@dataclass(frozen=True, slots=True)
class ChosenGuide:
    """A picture that the model can take, how it is meant, and what is to be made of it."""

    role: str
    opened: OpenedFile
    guide: Guide
    prepared: Prepared


def chosen_guides(wanted: Sequence[WantedGuide], task: Task, model: Model, catalog: Catalog) -> tuple[ChosenGuide, ...]:
    """Those for `model`, in the order that they were named. Raises NotFound or InvalidRequest, naming the field."""
    for role in GUIDES:
        named = [each for each in wanted if each.role == role.name]
        if named and task.role(role.name) is None:
            raise InvalidRequest(f"{task.name} takes no 'inputs.{role.name}'", param=named[0].param)
        if len(named) > role.most:
            raise InvalidRequest(
                f"'{named[role.most].param}' is one too many: a request may have {role.most} pictures there",
                param=named[role.most].param,
            )
    unread = sum(each.role != CONTROL.name and each.adapter is None for each in wanted)
    chosen = tuple(_chosen(each, model, catalog, unread) for each in wanted)
    adapters = [each.guide.adapter for each in chosen if each.role == CONTROL.name and each.guide.adapter]
    kinds = {catalog.adapter(adapter).kind for adapter in adapters}
    if len(kinds) > 1:
        raise InvalidRequest(
            f"{' and '.join(sorted(kinds))} cannot guide one picture together: take adapters of one kind",
            code="adapter_not_fitting",
            param=f"inputs.{CONTROL.name}",
        )
    return chosen


def _chosen(wanted: WantedGuide, model: Model, catalog: Catalog, unread: int) -> ChosenGuide:
    if wanted.start >= wanted.end:
        raise InvalidRequest(
            f"'{wanted.param}' starts at {wanted.start:g} and ends at {wanted.end:g}: it must end behind its start",
            param=wanted.param,
        )
    kinds = FOR_CONTROL if wanted.role == CONTROL.name else FOR_REFERENCES
    fitting = {row.id: row for row in catalog.adapters_of(model, kinds)}
    row = _row(wanted, model, catalog, fitting, unread)
    prepared = Prepared()
    if wanted.role == CONTROL.name:
        kind = wanted.preprocessor or (row.preprocessor if row is not None else "none")
        prepared = Prepared(kind, *(wanted.thresholds or ()))
    guide = Guide(
        adapter=row.id if row is not None else None,
        weight=wanted.weight if wanted.weight is not None else (row.weight if row is not None else 1.0),
        start=wanted.start,
        end=wanted.end,
        mode=_mode(wanted, row),
        preprocessor=prepared.preprocessor,
        thresholds=(prepared.low, prepared.high) if prepared.preprocessor == "canny" else None,
    )
    return ChosenGuide(wanted.role, wanted.opened, guide, prepared)


def _row(
    wanted: WantedGuide, model: Model, catalog: Catalog, fitting: Mapping[str, AdapterRow], unread: int
) -> AdapterRow | None:
    """The adapter that reads the picture; None where the model does itself."""
    if wanted.adapter is not None:
        try:
            row = catalog.adapter(wanted.adapter)
        except NotFound as error:
            raise NotFound(error.message, code=error.code, param=wanted.param) from error
        if row.id not in fitting:
            raise _misfit(wanted, model, f"adapter '{row.id}' ({row.kind})", fitting)
        return row
    if wanted.role != CONTROL.name and model.references:
        if unread > model.references:
            raise InvalidRequest(
                f"'{wanted.param}': model '{model.id}' goes by {model.references} pictures at most", param=wanted.param
            )
        return None
    if len(fitting) == 1 or (fitting and wanted.any_adapter):
        return next(iter(fitting.values()))
    if not fitting:
        takes = "no picture to go by" if wanted.role != CONTROL.name else "no picture of what is to stand where"
        raise InvalidRequest(
            f"'{wanted.param}': model '{model.id}' takes {takes}, and this server has no adapter that would read it",
            code="unsupported_value",
            param=wanted.param,
        )
    raise InvalidRequest(
        f"'{wanted.param}' must name its adapter: one of {', '.join(fitting)}",
        code="missing_required_parameter",
        param=wanted.param,
    )


def _misfit(wanted: WantedGuide, model: Model, what: str, fitting: Mapping[str, AdapterRow]) -> InvalidRequest:
    kinds: dict[str, frozenset[AdapterKind]] = {CONTROL.name: FOR_CONTROL}
    named = " or ".join(sorted(kinds.get(wanted.role, FOR_REFERENCES)))
    has = ", ".join(f"'{name}'" for name in fitting) or "none"
    return InvalidRequest(
        f"'{wanted.param}': {what} does not go with model '{model.id}': of this server's adapters ({named}) go {has}",
        code="adapter_not_fitting",
        param=wanted.param,
    )


def _mode(wanted: WantedGuide, row: AdapterRow | None) -> str | None:
    """The kind of control that is meant. Raises InvalidRequest for one that the adapter does not do."""
    if row is None or not row.modes:
        if wanted.mode is not None:
            raise InvalidRequest(
                f"'{wanted.param}' has the mode '{wanted.mode[:32]}', and its adapter does but one kind of control: "
                "leave it out",
                param=wanted.param,
            )
        return None
    if wanted.mode is None and len(row.modes) == 1:
        return next(iter(row.modes))
    if wanted.mode not in row.modes:
        said = "must say its mode" if wanted.mode is None else f"has the mode '{wanted.mode[:32]}'"
        raise InvalidRequest(f"'{wanted.param}' {said}: '{row.id}' does {', '.join(row.modes)}", param=wanted.param)
    return wanted.mode
