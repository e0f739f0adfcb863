"""Media of inputs and outputs: the formats that files come in, and artifacts, the files that jobs take and make."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from core.record import Record

MAX_FILE_BYTES: Final = 20 * 1024 * 1024
"""Of one file that a job starts from."""

Facts = dict[str, int | float | str]
"""What is known of a file beside its bytes: `width` and `height` in pixels, `frames`, `seconds`."""


class Format(Record):
    """One way to store a medium. `name` is what a request says; `extension` is that of its files."""

    name: str
    media_type: str
    extension: str
    lossless: bool = False


class Medium(Record):
    """What a task makes: a name, which is also that of its file in `worker/outputs`, and formats, the default first."""

    name: str
    formats: tuple[Format, ...] = Field(min_length=1)

    def format(self, name: str | None) -> Format | None:
        """The format of that name, the default's without one; None if the medium has no such format."""
        if name is None:
            return self.formats[0]
        return next((each for each in self.formats if each.name == name), None)


IMAGE: Final = Medium(
    name="image",
    formats=(
        Format(name="png", media_type="image/png", extension="png", lossless=True),
        Format(name="jpeg", media_type="image/jpeg", extension="jpeg"),
        Format(name="webp", media_type="image/webp", extension="webp"),
    ),
)


CUTOUT: Final = Medium(name="image", formats=tuple(each for each in IMAGE.formats if each.name != "jpeg"))
"""Images with transparency, which JPEG has not."""

TEXT: Final = Medium(
    name="text", formats=(Format(name="txt", media_type="text/plain", extension="txt", lossless=True),)
)
"""Words in UTF-8. They are among the facts of an output, too, as `text`."""


class Output(Record):
    """The file asked for: a format of the task's medium; `quality` is 1-100 where it is not lossless."""

    format: str = "png"
    quality: int | None = Field(default=None, ge=1, le=100)


class StoredFile(Record):
    """One file of a job: `key` is its name in the result store, `medium` its media type, such as image/png."""

    index: int = 0
    key: str
    medium: str
    size_bytes: int
    facts: Facts = Field(default={})

    @property
    def extension(self) -> str:
        """That of its file, without the dot."""
        return self.key.rpartition(".")[2]


THUMBNAIL_SIDES: Final = (320, 640, 1280)
"""The longer sides of thumbnails, px."""

THUMBNAIL_MEDIUM: Final = "image/webp"


class Thumbnail(Record):
    """A small copy of a picture, made for a longer side of `side` px; `key` is its name in the result store."""

    side: int
    width: int
    height: int
    key: str
    size_bytes: int


class Artifact(StoredFile):
    """One finished file; `thumbnails` are smaller than it, the smallest first."""

    seed: int
    thumbnails: tuple[Thumbnail, ...] = ()


class Parent(Record):
    """The output of another job that an input was taken from."""

    generation: str
    index: int


class Guide(Record):
    """How a picture guides the model beside the words: through which adapter of the catalogue, and how strongly.

    Without an `adapter` the model itself reads it. `start` and `end` are the shares of the denoising between which it
    does; `mode` is the kind of control that it is, where one adapter does several. `preprocessor` is what was made of
    it, with the `thresholds` of canny.
    """

    adapter: str | None = None
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0
    mode: str | None = None
    preprocessor: str = "none"
    thresholds: tuple[int, int] | None = None


class Input(StoredFile):
    """One file that a job starts from, a copy of its own: `role` says what it is to the task."""

    role: str
    parent: Parent | None = None
    guide: Guide | None = None
