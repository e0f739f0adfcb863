"""Finding jobs: by words, by what they are, by marks, a page at a time, however many there are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from redis import Redis

from core.jobs import GenerationRequest, Status
from core.media import Input, Parent
from core.store import Filter, JobSearch, JobStore, MarkStore, search
from core.store.limits import Limits
from core.tasks import parameters_of
from tests.core.samples import PARAMETERS, REQUEST, new_job, picture


@pytest.fixture
def jobs(redis: Redis) -> JobStore:
    return JobStore(redis, Limits(max_queued=10_000, max_queued_per_owner=10_000))


@pytest.fixture
def searching(redis: Redis, jobs: JobStore) -> JobSearch:
    return JobSearch(redis, jobs)


def submit(jobs: JobStore, prompt: str, **changes: object) -> str:
    """The id of a new job of alice's."""
    parameters = PARAMETERS.evolve(prompt=prompt, negative_prompt=changes.pop("negative_prompt", ""))
    request = REQUEST.evolve(parameters=parameters, **changes)
    return jobs.submit(replace(new_job(), request=request)).job.id


def cut_out(jobs: JobStore, parent: str, owner: str = "alice") -> str:
    """The id of a job without a prompt that was made of another's first picture."""
    given = Input(
        role="image", key="k", medium="image/png", size_bytes=1, facts={}, parent=Parent(generation=parent, index=0)
    )
    request = GenerationRequest(
        task="remove-background", model="matte", parameters=parameters_of("remove-background")(), inputs=(given,),
        seeds=(1,),
    )  # fmt: skip
    return jobs.submit(replace(new_job(owner=owner), request=request)).job.id


def finish(jobs: JobStore, outputs: int = 1) -> None:
    claim = jobs.claim("default", "w")
    assert claim is not None
    pictures = tuple(picture(claim.job.id).evolve(index=index) for index in range(outputs))
    jobs.commit(claim.job.id, claim.attempt, Status.SUCCEEDED, outputs=pictures)


def found(searching: JobSearch, owner: str = "alice", **wanted: object) -> list[str]:
    return [job.id for job in searching.page(owner, Filter.model_validate(wanted), before=None, limit=100).jobs]


def test_every_word_must_occur_wherever_in_any_case(jobs: JobStore, searching: JobSearch) -> None:
    fox = submit(jobs, "A Red Fox in the SNOW, 50% grey [x]")
    street = submit(jobs, "Straße bei Nacht", negative_prompt="fog")
    jobs.submit(new_job(owner="bob"))

    assert found(searching, q="fox red") == [fox]
    assert found(searching, q="  snow ") == [fox]
    assert found(searching, q="50% [x]") == [fox]
    assert found(searching, q="STRASSE") == [street]
    assert found(searching, q="fog easel-mini") == [street]
    assert found(searching, q=street[6:20]) == [street]
    assert found(searching, q=street[6:11]) == []
    assert found(searching, q="fox night") == []
    assert found(searching, q="apple") == []
    assert found(searching, q="") == [street, fox]
    assert found(searching, "bob", q="apple") != []


def test_what_it_is(jobs: JobStore, searching: JobSearch) -> None:
    first, second = submit(jobs, "a fox"), submit(jobs, "a fox", model="other")
    jobs.cancel(second)
    assert found(searching, status=Status.CANCELED) == [second]
    assert found(searching, status=Status.QUEUED, q="fox") == [first]
    assert found(searching, model="other") == [second]
    assert found(searching, task="text-to-image") == [second, first]
    assert found(searching, task="upscale") == []


def test_a_cut_out_is_found_by_the_words_of_what_it_is_of(jobs: JobStore, searching: JobSearch) -> None:
    # Given a picture, a cut-out of it, and one of that
    fox = submit(jobs, "a fox")
    once = cut_out(jobs, fox)
    twice = cut_out(jobs, once)
    assert found(searching, q="fox") == [twice, once, fox]

    # but nobody finds another's words by it
    cut_out(jobs, fox, owner="bob")
    assert found(searching, "bob", q="fox") == []

    # and they are gone with the picture
    jobs.cancel(fox)
    jobs.delete(fox)
    assert found(searching, q="fox") == []
    assert found(searching, q="matte") == [twice, once]


def test_marks(redis: Redis, jobs: JobStore, searching: JobSearch) -> None:
    # Given a job of two pictures, one a favourite, the other in a folder, and one whose picture is both
    marks = MarkStore(redis, Limits())
    apart, both, plain = (submit(jobs, f"a fox {number}") for number in range(3))
    for _ in range(3):
        finish(jobs, outputs=2)
    marks.mark(apart, 0, favourite=True)
    marks.mark(apart, 1, folders=["Wild Life"])
    marks.mark(both, 1, favourite=True, folders=["Wild Life"])

    assert found(searching, favourite=True) == [both, apart]
    assert found(searching, folder="Wild Life") == [both, apart]
    assert found(searching, folder="Wild Life", favourite=True) == [both]
    assert found(searching, favourite=True, q="fox 0") == [apart]
    assert found(searching, q="wild") == [both, apart]
    assert found(searching, q="fox") == [plain, both, apart]
    assert found(searching, folder="wild") == []
    assert found(searching, "bob", folder="Wild Life") == []


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_have_each_once(
    redis: Redis, jobs: JobStore, searching: JobSearch, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given more jobs than one look takes in, some of several pictures that are all favourites
    monkeypatch.setattr(search, "SCANNED", 5)
    marks = MarkStore(redis, Limits())
    ids = []
    for number in range(21):
        ids.append(submit(jobs, "a fox" if number % 3 else "a hen"))
        finish(jobs, outputs=3)
        for index in range(3):
            marks.mark(ids[-1], index, favourite=True)

    for wanted, fits in ((Filter(q="hen"), ids[::3]), (Filter(favourite=True), ids), (Filter(q="cow"), [])):
        seen: list[str] = []
        cursor = None
        while True:
            page = searching.page("alice", wanted, before=cursor, limit=limit)
            assert len(page.jobs) <= limit
            seen += [job.id for job in page.jobs]
            cursor = page.cursor
            if cursor is None:
                break
        assert seen == fits[::-1]


def test_one_page_does_not_walk_for_ever(jobs: JobStore, searching: JobSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a needle behind more hay than one page looks through
    monkeypatch.setattr(search, "SCANNED", 3)
    monkeypatch.setattr(search, "CALLS", 2)
    needle = submit(jobs, "a needle")
    for _ in range(9):
        submit(jobs, "hay")

    # Then pages come that are short, and it is on one of them
    pages = [searching.page("alice", Filter(q="needle"), before=None, limit=5)]
    while pages[-1].cursor is not None:
        pages.append(searching.page("alice", Filter(q="needle"), before=pages[-1].cursor, limit=5))
    assert len(pages) > 1
    assert [job.id for page in pages for job in page.jobs] == [needle]
