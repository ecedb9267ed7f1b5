# How a picture becomes numbers: (pixel / 255 - MEAN) / STD.
{% if model.pixel_source %}
# These are the values of {{ model.pixel_source }}.
{% endif %}
INPUT_SHAPE = {{ model.input_shape | py }}  # where the model does not tell it
MEAN = {{ model.mean | py }}
STD = {{ model.std if model.std is string else model.std | py }}
