{% if (cookiecutter | project).model.answers_class %}
def test_answer_is_a_label():
{% elif (cookiecutter | project).model.scores == "independent" %}
def test_probabilities_are_independent():
{% else %}
def test_probabilities_sum_to_one():
{% endif %}
{{ call }}{% if (cookiecutter | project).model.answers_class %}
    assert isinstance(answer, str)
{% elif (cookiecutter | project).model.scores == "independent" %}
    assert all(0 <= probability <= 1 for probability in answer.values())
{% else %}
    assert sum(answer.values()) == pytest.approx(1, abs=1e-2)
{% endif %}
