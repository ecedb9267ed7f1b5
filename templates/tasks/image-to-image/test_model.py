"""The model, called as a function and through the API."""

from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from model import predict

EXAMPLES = sorted(Path(__file__).parent.parent.glob("examples/*"))


@pytest.mark.parametrize("size", [(853, 1280), (31, 40)])
def test_output_is_a_picture(size):
    rng = np.random.default_rng(0)
    squares = rng.integers(0, 256, [-(-side // 8) for side in size] + [3], np.uint8)
    picture = np.kron(squares, np.ones((8, 8, 1), np.uint8))[: size[0], : size[1]]
    result = predict(picture)
    assert result.dtype == np.uint8
    assert result.ndim in (2, 3)
    assert result.max() > result.min()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_example(url, example):
    answer = Client(url, verbose=False).predict(
        handle_file(example), api_name="/predict"
    )
    with Image.open(example) as before, Image.open(answer) as after:
        assert after.width / after.height == pytest.approx(
            before.width / before.height, rel=0.02
        )


def test_missing_picture_is_rejected(url):
    with pytest.raises(ValueError, match="Choose a picture first"):
        Client(url, verbose=False).predict(None, api_name="/predict")
