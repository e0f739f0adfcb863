"""The parameters of a prompt: where they begin, what each may be, and what is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.jobs.prompt_parameters import MOST_JOBS, readings_of
from app.jobs.prompt_parameters.said import NAMES
from app.jobs.sources import EarlierOutput, RemoteFile, UploadedFile
from core.errors import InvalidRequest
from core.jobs import Priority
from tests.app.jobs.prompt_parameters.models import BARE, MINI, TURBO, asked

JOB, UPLOAD = f"gen_{'0' * 40}", f"upl_{'1' * 40}"


@pytest.mark.parametrize(
    ("spelled", "field", "value"),
    [
        ("--ar 16:9", "ratio", (16, 9)),
        ("--aspect 2:3", "ratio", (2, 3)),
        ("--seed 4294967295", "seed", 4294967295),
        ("--no text, frame", "no", ("text", "frame")),
        ("--no text --no frame", "no", ("text", "frame")),
        ("--chaos 30", "chaos", 30),
        ("--c 0", "chaos", 0),
        ("--stylize 1000", "stylize", 1000),
        ("--s 50", "stylize", 50),
        ("--weird 3000", "weird", 3000),
        ("--w 1", "weird", 1),
        ("--raw", "raw", True),
        ("--style raw", "raw", True),
        ("--style flat icon", "style", "flat icon"),
        ("--tile", "tiling", True),
        ("--iw .5", "iw", 0.5),
        ("--sw 250", "sw", 250),
        ("--q .25", "quality", 0.25),
        ("--quality 2", "quality", 2.0),
        ("--draft", "draft", True),
        ("--relax", "priority", Priority.LOW),
        ("--turbo", "priority", Priority.HIGH),
        ("—ar 4:5", "ratio", (4, 5)),
        ("--AR 4:5", "ratio", (4, 5)),
        ("--ar\n4:5", "ratio", (4, 5)),
    ],
)
def test_a_parameter_is_read(spelled: str, field: str, value: Any) -> None:
    (reading,) = readings_of(f"a fox {spelled}")
    assert getattr(reading.said, field) == value
    assert [part.text for part in reading.parts] == ["a fox"]


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a fox --ar wide", "'--ar wide': --ar takes width to height in whole numbers, such as 16:9"),
        ("a fox --ar 0:1", "such as 16:9"),
        ("a fox --ar 2.35:1", "such as 16:9"),
        ("a fox --ar", "such as 16:9"),
        ("a fox --seed -1", "from 0 to 4294967295"),
        ("a fox --seed 4294967296", "from 0 to 4294967295"),
        ("a fox --seed 1e3", "from 0 to 4294967295"),
        ("a fox --seed ٣", "from 0 to 4294967295"),
        ("a fox --chaos 101", "from 0 to 100"),
        ("a fox --chaos 5.5", "a whole number from 0 to 100"),
        ("a fox --stylize 1001", "from 0 to 1000"),
        ("a fox --weird 3001", "from 0 to 3000"),
        ("a fox --iw 3.1", "'--iw 3.1': --iw takes a number from 0 to 3"),
        ("a fox --iw nan", "from 0 to 3"),
        ("a fox --sw 1001", "from 0 to 1000"),
        ("a fox --q 3", "one of 0.25, 0.5, 1, 2, 4"),
        ("a fox --repeat 0", "from 1 to 40"),
        ("a fox --no", "such as --no text, frame"),
        ("a fox --no ,", "such as --no text, frame"),
        ("a fox --style", "raw, or one of the model's styles"),
        ("a fox --sref random", "codes are Midjourney's own"),
        ("a fox --sref 123456", "codes are Midjourney's own"),
        ("a fox --sref", "addresses of pictures"),
        ("a fox --tile big", "'--tile big': --tile takes no value; words stand before the parameters"),
        ("a fox --ar 1:1 in snow", "'--ar 1:1 in snow'"),
        ("a fox --foo 1", "there is no parameter '--foo'; there are --ar, --aspect"),
        ("a fox --chaoss 1", "did you mean '--chaos'"),
        ("a fox --ar=1:1", "there is no parameter '--ar=1:1'"),
        ("a fox --stop 50", "'--stop 50' is not done here: "),
        ("a fox --cref http://x.test/a.png", "start of the prompt, with --iw"),
        ("a fox --oref http://x.test/a.png", "start of the prompt, with --iw"),
        ("a fox --video", "makes pictures"),
        ("a fox --p", "profiles are kept at Midjourney"),
        ("a fox --ar 1:1 --aspect 1:1", "'--ar 1:1' and '--aspect 1:1' say the same thing twice"),
        ("a fox --raw --style raw", "say the same thing twice"),
        ("a fox --fast --relax", "say the same thing twice"),
        ("a fox--ar 1:1", "'--ar' is stuck to the word before it"),
        ("a fox http://x.test/a.png", "stands among the words"),
        ("http://user:secret@x.test/a.png a fox", "without user name"),
        ("::2 a fox", "'::2' weighs nothing"),
        ("a fox::1 a cat::-2", "add up to -1"),
        ("a fox::0", "add up to 0"),
        ("a {fox, cat} --repeat 21", "42 jobs, over the 40"),
        (" ".join(f"http://x.test/{n}.png" for n in range(9)) + " a fox", "9 pictures, over the limit of 8"),
    ],
)
def test_what_is_wrong_is_named(prompt: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        readings_of(prompt)
    assert words in raised.value.message
    assert raised.value.param == "prompt"


@pytest.mark.parametrize("prompt", ["a -- b", "a well--known fox", "5 --- 6", "a — dash", "std:x a:b"])
def test_dashes_and_colons_of_plain_words_stay(prompt: str) -> None:
    (reading,) = readings_of(prompt)
    assert [part.text for part in reading.parts] == [prompt]


def test_pictures_stand_at_the_start() -> None:
    (reading,) = readings_of(f"https://x.test/a.png::2, {JOB}:3 {UPLOAD} a fox --sref {JOB} https://x.test/b.png::.5")
    assert reading.pictures[0].weight == 2
    assert reading.sources == (
        RemoteFile("https://x.test/a.png"),
        EarlierOutput(JOB, 3),
        UploadedFile(UPLOAD),
        EarlierOutput(JOB, 0),
        RemoteFile("https://x.test/b.png"),
    )


def test_parts_have_weights() -> None:
    (reading,) = readings_of("space:: a ship::2.5, and fog ::-0.5 2dogs")
    assert [(part.text, part.weight) for part in reading.parts] == [
        ("space", 1),
        ("a ship", 2.5),
        ("and fog", -0.5),
        ("2dogs", 1),
    ]


def test_repeats_and_choices_are_jobs_of_their_own() -> None:
    readings = readings_of("a {red, blue} fox --repeat {1, 2}")
    assert [(each.label, each.repeat) for each in readings] == [
        ("red, 1", 0),
        ("red, 2 #1", 0),
        ("red, 2 #2", 1),
        ("blue, 1", 0),
        ("blue, 2 #1", 0),
        ("blue, 2 #2", 1),
    ]


FRAGMENTS = st.one_of(
    st.sampled_from(["{", "}", ",", "\\", "::", "::2", "::-1", "—", "--", " ", "\n", ":", "(", ")", "http://x.test/a"]),
    st.sampled_from(sorted(NAMES)).map(lambda name: f" --{name} "),
    st.sampled_from([JOB, UPLOAD, "16:9", "5", "-1", "0.25", "raw", "1e400", "9" * 30]),
    st.text(max_size=8),
)


@given(prompt=st.lists(FRAGMENTS, max_size=20).map("".join), model=st.sampled_from([MINI, TURBO, BARE]))
def test_whatever_is_written_is_read_or_refused(prompt: str, model: Any) -> None:
    refused: InvalidRequest | None = None
    try:
        requests = asked(prompt, model)
    except InvalidRequest as error:
        refused, requests = error, []
    assert len(requests) <= MOST_JOBS
    assert all(request.parameters["prompt"] for request in requests)
    assert requests or (refused is not None and refused.param == "prompt")
