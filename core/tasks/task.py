"""What a task is: its parameters, the roles of its inputs, the medium of its outputs, what a model must be able to do.

A file of this folder with a `TASK` in it is a task; nothing outside lists them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from pydantic import ConfigDict

from core.catalog.adapter import MOST_CONTROLS, MOST_REFERENCES
from core.catalog.model import Model
from core.errors import InvalidRequest
from core.media import IMAGE, Facts, Medium
from core.record import Record

Lane = tuple[int, ...]
"""The shape of one row of the model's work: rows of one lane may share a forward."""


class Parameters(Record):
    """What a task is told, every default filled in. As it stands, those of a task that this version does not know."""

    model_config = ConfigDict(extra="allow")

    cost_terms: ClassVar[str] = "steps"
    """What `cost` is a product of, in the words of a request."""

    unsaid: ClassVar[frozenset[str]] = frozenset()
    """Fields that a recipe leaves out where they have their defaults."""

    @classmethod
    def defaults(cls, model: Model, inputs: Mapping[str, Sequence[Facts]]) -> dict[str, Any]:
        """What is taken for the fields that a request leaves out.

        `inputs` are the facts of its files, by role, in the order of the task's roles.
        """
        return {}

    def check(self, model: Model) -> None:
        """Raise InvalidRequest, naming the field and what would fit, if `model` cannot do it."""

    def check_inputs(self, model: Model, inputs: Mapping[str, Sequence[Facts]], outputs: int) -> None:
        """Raise InvalidRequest, naming the field and what would fit, if these files cannot be taken for `outputs`.

        `inputs` are as those of `defaults`.
        """

    @property
    def lane(self) -> Lane:
        """Equal for what may be computed together, such as width and height."""
        return ()

    @property
    def row_cost(self) -> int:
        """What one step of one output costs: row-pixels times frames."""
        return 1

    @property
    def steps(self) -> int:
        """How many steps one output takes."""
        return 1

    @property
    def cost(self) -> int:
        """What one output costs, in the unit of a model's `max_work`: row-pixels x frames x steps."""
        return self.row_cost * self.steps

    @property
    def output_size(self) -> tuple[int, int] | None:
        """Width and height in pixels that its pictures must come out in; None where that is not settled before."""
        return None

    @property
    def input_size(self) -> tuple[int, int] | None:
        """Width and height in pixels that its pictures are brought to; None to leave them as they are."""
        return None


@dataclass(frozen=True, slots=True)
class Role:
    """What a file is to a task. `mode` is that of its pixels: RGB, or L for a mask that is white where it counts.

    It is brought to the size of what is made, unless it is taken `as_given`.
    """

    name: str
    mode: str = "RGB"
    most: int = 1
    as_given: bool = False


CONTROL: Final = Role("control", most=MOST_CONTROLS)
"""What is to stand where: edges, depths, poses."""

REFERENCE: Final = Role("reference", most=MOST_REFERENCES, as_given=True)
"""What to go by: a subject, a style."""

GUIDES: Final = (CONTROL, REFERENCE)
"""Roles of pictures that guide a model beside the words, whatever picture it is that is made."""


@dataclass(frozen=True, slots=True)
class Task:
    """One thing that can be asked of a model.

    A model can do it if its row says so by name or, where `builds_on` names tasks, if it can do all of those. `implied`
    tasks follow from the roles of a request's inputs; others must be named. Of its `guides` are the roles of
    pictures that it heeds beside the words. Without seeds all outputs of a request would be the same.
    """

    name: str
    title: str
    parameters: type[Parameters]
    roles: tuple[Role, ...] = ()
    medium: Medium = IMAGE
    builds_on: frozenset[str] = field(default_factory=frozenset)
    implied: bool = True
    guides: tuple[Role, ...] = GUIDES
    has_seeds: bool = True

    def role(self, name: str) -> Role | None:
        """The role of that name, or None."""
        return next((role for role in self.every_role if role.name == name), None)

    @property
    def every_role(self) -> tuple[Role, ...]:
        """Those of what it starts from, and then those of what may guide it."""
        return (*self.roles, *(self.guides if self.medium == IMAGE else ()))

    def fits(self, model: Model) -> bool:
        """Whether `model` can do it."""
        return self.name in model.tasks or (bool(self.builds_on) and self.builds_on <= set(model.tasks))

    def check(self, model: Model, parameters: Parameters, outputs: int, pictures: int = 0) -> None:
        """Raise InvalidRequest, naming the field and what would fit, if `model` cannot make `outputs` of it.

        `pictures` is how many it starts from, besides masks: some models read them anew at every step.
        """
        if not self.fits(model):
            raise InvalidRequest(f"model '{model.id}' does not do {self.name}", param="model")
        parameters.check(model)
        if outputs > 1 and not self.has_seeds and not model.draws:
            raise InvalidRequest(f"n {outputs}: {self.name} makes the same of every seed; leave it out", param="n")
        if outputs > model.max_images:
            raise InvalidRequest(f"n {outputs} is over the {model.max_images} of model '{model.id}'", param="n")
        read = model.pixels_read(parameters.row_cost, pictures)
        work = (parameters.cost + read * parameters.steps) * outputs
        if work > model.max_work:
            beside = f", and {read} pixels of given pictures a step," if read else ""
            raise InvalidRequest(
                f"n x {parameters.cost_terms}{beside} is {work}, over the {model.max_work} that model "
                f"'{model.id}' does in one job: ask for fewer images, a smaller size or fewer steps",
                param="n",
            )
