{% extends "parts/_model.py" %}
{% block imports %}
from PIL import Image{{ ", ImageOps" if model.crop }}
{% endblock %}
{% block constants %}
INPUT_SHAPE = {{ model.input_shape | py }}  # used where the model declares none
# How a picture becomes numbers: (pixel / 255 - MEAN) / STD. Usual are
#   0 to 1:    MEAN = 0.0, STD = 1.0         -1 to 1: MEAN = 0.5, STD = 0.5
#   0 to 255:  MEAN = 0.0, STD = 1 / 255
#   ImageNet:  MEAN = (0.485, 0.456, 0.406), STD = (0.229, 0.224, 0.225)
{% if model.pixel_source %}
# {{ ("These are by " ~ model.pixel_source ~ ".") | wordwrap(86, false, "\n# ") }}
{% else %}
# Which one is right is not in the file: the first is a guess.
{% endif %}
MEAN = {{ model.mean | py }}
STD = {{ model.std if model.std is string else model.std | py }}
{% if model.crop %}
# The middle of a picture goes in: this part of its shorter side, as Resize(256) and
# CenterCrop(224) leave it. 1 is all of the shorter side.
CROP = {{ model.crop }}
{% endif %}

{% endblock %}
{% block functions %}


def prepare(image: np.ndarray, declared: tuple[int | None, ...] | None) -> np.ndarray:
    """Return a batch of one picture, in the size and layout of the model.

    Args:
        image: RGB, shape (height, width, 3), uint8, 0 to 255.
        declared: the shape of the model's input, None where it declares none.

    Returns:
        float32, (pixel / 255 - MEAN) / STD, shape (1, height, width, channels),
        (1, channels, height, width), or without an axis of channels, (1, height, width),
        or flat, (1, values), as the model declares it.

    Raises:
        ValueError: MEAN or STD has not one value, nor one for each channel.
    """
    shape = declared if declared and len(declared) == 4 else INPUT_SHAPE
    _, *axes = (n or m for n, m in zip(shape, INPUT_SHAPE, strict=True))
    channels_first = axes[0] in (1, 3)
    channels = axes.pop(0 if channels_first else 2)
    if not {np.size(MEAN), np.size(STD)} <= {1, channels}:
        raise ValueError(f"MEAN and STD need one value, or {channels}: one a channel")
    height, width = (n or m for n, m in zip(axes, image.shape, strict=False))
{% if model.blue_first %}
    image = image[:, :, ::-1]  # blue first, as in training
{% endif %}
    picture = Image.fromarray(image).convert("L" if channels == 1 else "RGB")
{% if model.crop %}
    smooth, bleed = Image.Resampling.BILINEAR, (1 - CROP) / 2
    picture = ImageOps.fit(picture, (width, height), smooth, bleed)
{% else %}
    picture = picture.resize((width, height), Image.Resampling.BILINEAR)
{% endif %}
    pixels = np.asarray(picture, np.float32).reshape(height, width, channels) / 255
    pixels = (pixels - np.float32(MEAN)) / np.float32(STD)
    batch = (pixels.transpose(2, 0, 1) if channels_first else pixels)[None]
    if declared and len(declared) == 2:
        return batch.reshape(1, -1)
    return batch[..., 0] if declared and len(declared) == 3 else batch
{% endblock %}
