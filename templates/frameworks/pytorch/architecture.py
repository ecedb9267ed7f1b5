{% set network = (cookiecutter | project).model.network %}
{% if network %}
"""The network that the weights in model/ belong to: torchvision's {{ network.name }}."""

from torch import nn
from torchvision import models


def build() -> nn.Module:
    """Return the untrained network; its weights are loaded into it."""
{% set start = ("network = " if network.layers else "return ") ~ "models." ~ network.name ~ "(" %}
{% set arguments %}
weights=None{% for name, value in network.arguments.items() %}, {{ name }}={{ value | py }}{% endfor %}
{%- endset %}
{% if (start ~ arguments) | length > 83 %}
    {{ start }}
        {{ arguments }}
    )
{% else %}
    {{ start }}{{ arguments }})
{% endif %}
{% if network.layers | length == 1 %}
    network.{{ network.place }} = {{ network.layers[0] }}
{% elif network.layers %}
{% if network.guessed %}
    # The layers without weights are not in the file: a guess.
{% endif %}
    network.{{ network.place }} = nn.Sequential(
{% for layer in network.layers %}
        {{ layer }},
{% endfor %}
    )
{% endif %}
{% if network.layers %}
    return network
{% endif %}
{% else %}
"""The network that the weights in model/ belong to: put your class here."""

from torch import nn


def build() -> nn.Module:
    """Return the untrained network; its weights are loaded into it.

    Raises:
        NotImplementedError: until you have put your network here.
    """
    raise NotImplementedError("architecture.py: return your network from build()")
{% endif %}
