"""What preprocessors make of a picture."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from app.media.conversion import Prepared
from app.media.preprocessors import prepared


def a_picture() -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 255, (8, 12, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((96, 64), Image.Resampling.BICUBIC)


def test_edges_are_opencv_s() -> None:
    picture = a_picture()
    made = prepared(picture, Prepared("canny", 50, 120))
    wanted = cv2.Canny(np.asarray(picture.convert("L")), 50, 120)
    assert made.mode == "RGB"
    assert (np.asarray(made) == wanted[:, :, None]).all()
    assert 0 < wanted.mean() < 255
    # And fewer, the higher the thresholds
    assert np.asarray(prepared(picture, Prepared("canny", 200, 600))).sum() < np.asarray(made).sum()


def test_the_others_keep_mode_and_size() -> None:
    picture = a_picture()
    assert (np.asarray(prepared(picture, Prepared("invert"))) == 255 - np.asarray(picture)).all()
    gray = np.asarray(prepared(picture, Prepared("gray")))
    assert (gray[:, :, 0] == gray[:, :, 2]).all()
    blurred = prepared(picture, Prepared("blur"))
    assert (blurred.mode, blurred.size) == ("RGB", (96, 64))
    assert np.asarray(blurred).std() < np.asarray(picture).std()
    assert prepared(picture, Prepared("none")) is picture
