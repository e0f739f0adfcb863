"""Who runs next, on made-up fibers: nobody waits behind more than one forward of somebody else's size."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from core.jobs import Stage
from core.tasks.diffusion import DiffusionParameters
from tests.worker.engine.drawings import a_request
from worker.engine.batch_scheduler import BatchScheduler
from worker.engine.batch_size_tuner import BatchSizeTuner


def forward() -> None: ...


class Film(DiffusionParameters):
    """A picture that moves: its rows have a shape and a price of their own."""

    frames: int

    @property
    def lane(self) -> tuple[int, ...]:
        return (*super().lane, self.frames)

    @property
    def row_cost(self) -> int:
        return super().row_cost * self.frames


@dataclass(eq=False)
class Parked:
    """As much of a fiber as the scheduler looks at."""

    name: str
    width: int = 64
    frames: int = 1
    remaining: int = 4
    stage: Stage = Stage.DENOISE
    rows: int = 2
    skipped: int = 0
    prompt: str | None = None
    residuals: str | None = None
    prepares: bool = False
    drawing: Any = field(init=False)
    call: Any = field(init=False)

    @property
    def kind(self) -> str:
        return f"{self.stage} {self.width}"

    def __post_init__(self) -> None:
        still = a_request(width=self.width, height=self.width)
        film = Film(**dict(still.parameters), frames=self.frames)
        request = still if self.frames == 1 else replace(still, request=still.request.evolve(parameters=film))
        self.drawing = SimpleNamespace(request=request)
        self.call = SimpleNamespace(
            key=(self.stage, self.width, self.frames),
            reuse_key=self.prompt,
            rows=self.rows,
            function=forward,
            cells_per_row=1,
            residual_form=self.residuals,
            prepares=self.prepares,
        )


def run(turns: BatchScheduler, fibers: list[Any], forwards: int = 100) -> list[str]:
    """Run up to `forwards` groups of denoising steps; each entry names who ran, joined by '+'."""
    ran = []
    for _ in range(forwards):
        group = turns.choose([fiber for fiber in fibers if fiber.remaining])
        if not group:
            break
        for fiber in group:
            fiber.remaining -= 1
        ran.append("+".join(fiber.name for fiber in group))
    return ran


def turns_of(max_rows: int) -> BatchScheduler:
    return BatchScheduler(BatchSizeTuner(max_rows))


def test_equal_sizes_share_forwards_whatever_their_steps() -> None:
    assert run(turns_of(16), [Parked("a", remaining=3), Parked("b", remaining=1)]) == ["b+a", "a", "a"]


def test_a_small_picture_waits_for_one_large_forward_at_most() -> None:
    # Given a large picture in the middle of its steps
    turns = turns_of(16)
    large = Parked("L", width=256, remaining=40)
    run(turns, [large], forwards=7)
    # When a small one of four steps arrives
    ran = run(turns, [large, Parked("s")], forwards=12)
    # Then it is done after one large forward between its steps at the most
    assert [name for name in ran if name == "s"] == ["s"] * 4
    assert ran[: ran.index("s", 3)].count("L") <= 1


def test_lanes_get_equal_shares_of_row_pixels() -> None:
    ran = run(turns_of(16), [Parked("L", width=256, remaining=10), Parked("s", remaining=10**6)], forwards=170)
    # A large forward is 16 small ones: ten of the one are 160 of the other
    assert ran.count("L") == 10
    assert all(ran[i : i + 20].count("L") >= 1 for i in range(0, 140, 20))


def test_what_a_task_says_of_its_rows_counts_as_their_price() -> None:
    # Given a film of sixteen frames, which are all in one row, beside a picture of the same size
    ran = run(turns_of(16), [Parked("film", frames=16, remaining=10), Parked("s", remaining=10**6)], forwards=170)
    # Then one step of the film is worth sixteen of the picture, and they never share a forward
    assert ran.count("film") == 10
    assert all(ran[i : i + 20].count("film") >= 1 for i in range(0, 140, 20))


def test_with_few_rows_the_shortest_remaining_goes_first() -> None:
    ran = run(turns_of(2), [Parked("long", remaining=6), Parked("short", remaining=2)])
    assert ran[:2] == ["short", "short"]
    assert ran.count("long") == 6


def test_a_stream_of_short_ones_cannot_hold_a_long_one_up_for_ever() -> None:
    turns = turns_of(2)
    long = Parked("long", remaining=20)
    ran = []
    for _ in range(60):
        ran += run(turns, [long, Parked("short", remaining=2)], forwards=2)
    assert ran.count("long") == 20


def test_prompts_go_before_all_else_whatever_the_size() -> None:
    entering = Parked("new", stage=Stage.ENCODE, width=256, prompt="a fox")
    ready = Parked("picture", stage=Stage.DECODE)
    assert turns_of(16).choose([Parked("old"), ready, entering]) == [entering]  # type: ignore[list-item]


def test_a_picture_is_encoded_before_its_lane_goes_on_and_joins_its_next_forward() -> None:
    entering = Parked("new", stage=Stage.ENCODE, remaining=40)
    assert turns_of(16).choose([Parked("old", remaining=2), entering]) == [entering]  # type: ignore[list-item]


def test_large_pictures_to_encode_do_not_hold_a_small_one_up() -> None:
    # Given a small picture in the middle of its steps
    turns = turns_of(2)
    small = Parked("s", remaining=6)
    run(turns, [small], forwards=2)
    # When ten large pictures arrive that are to be changed
    arrivals = [Parked("L", width=256, stage=Stage.ENCODE, remaining=1) for _ in range(10)]
    ran = run(turns, [small, *arrivals])
    # Then it is done after one of them at the most
    assert ran[: ran.index("s", ran.index("s") + 3)].count("L") <= 1
    assert ran.count("L") == 10


def test_calls_that_do_not_merge_are_not_grouped() -> None:
    with_guidance, without = Parked("a"), Parked("b", remaining=5)
    without.call.key = "another"
    assert run(turns_of(16), [with_guidance, without], forwards=1) == ["a"]


def test_a_request_wider_than_the_limit_still_runs() -> None:
    assert run(turns_of(1), [Parked("a", rows=2)], forwards=1) == ["a"]


def test_nobody_parked_is_nobody_chosen() -> None:
    assert turns_of(16).choose([]) == []


def test_what_is_added_to_them_is_of_one_form_or_nothing() -> None:
    # Given a plain call, two to which one kind of net adds, and one to which another does
    fibers = [
        Parked("plain", remaining=1),
        Parked("edges", remaining=1, residuals="12 tensors"),
        Parked("depth", remaining=1, residuals="12 tensors"),
        Parked("sketch", remaining=1, residuals="4 tensors"),
    ]
    # Then the first two kinds run together, and the third by itself
    assert run(turns_of(32), fibers, 2) == ["plain+edges+depth", "sketch"]


def test_nets_run_before_the_denoiser_that_waits_for_them() -> None:
    fibers = [Parked("plain", remaining=1), Parked("net", remaining=9, prepares=True, residuals="net")]
    fibers[1].call.key = "net"
    assert run(turns_of(32), fibers, 2)[0] == "net"
