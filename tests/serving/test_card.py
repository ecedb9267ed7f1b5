"""The model card: what the page shows of it, and what not."""

import re
import time

import gradio as gr
import pytest

from ml_ui import card

HUB = """---
license: apache-2.0
datasets:
- imdb
- "<script>alert(1)</script>"
tags: [a, b]
---
<!-- made by a trainer -->
# my-model

This model is a fine-tuned version of a model. <img src="https://tracker.example/x.png">

## Model description

More information needed

## Training and evaluation data

Reviews of films <script>alert(1)</script>, in English. ![chart](https://tracker.example/y.png)

## How to use

```python
pipeline("text-classification")
```

## Limitations

[A paper](https://example.com/paper) says more.

### Framework versions

- Transformers 5.0
"""


@pytest.fixture
def about(tmp_path):
    """Return a function that writes a card and returns what the page shows of it."""

    def show(text: str | bytes) -> str | None:
        path = tmp_path / "MODEL_CARD.md"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return card.about(path)

    return show


def test_a_card_of_the_hub_is_shown_without_html_code_and_empty_sections(about):
    shown = about(HUB)
    assert "This model is a fine-tuned version" in shown
    assert "### Training and evaluation data\n\nReviews of films alert(1), in English." in shown
    assert "[chart](https://tracker.example/y.png)" in shown
    assert "[A paper](https://example.com/paper)" in shown
    assert "**Data:** imdb" in shown
    assert "**Licence:** apache-2.0" in shown
    for absent in (
        "<script",
        "<img",
        "x.png",
        "![",
        "pipeline",
        "needed",
        "Framework",
        "trainer",
        "<!",
    ):
        assert absent not in shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# Title\n",
        "---\n# license: mit\n---\n# Title\n\n## Evaluation\n\n<!-- How well? -->\n",
        "---\nlicense: [\n---\n",
        "---\n- a\n---\n",
        b"\xff\xfe",
        "# Title\n\n<!-- never closed",
        "x" * 300_000,
    ],
)
def test_a_card_that_says_nothing_is_not_shown(about, text):
    assert about(text) is None


def test_a_missing_card_is_not_shown(tmp_path):
    assert card.about(tmp_path / "MODEL_CARD.md") is None


def test_aliases_in_the_front_matter_cost_nothing(about):
    levels = "".join(f"l{n + 1}: &l{n + 1} [{', '.join([f'*l{n}'] * 9)}]\n" for n in range(9))
    assert about(f"---\nl0: &l0 [x]\n{levels}datasets: *l9\n---\nText.").endswith("Text.")


@pytest.mark.parametrize(
    "filler",
    [
        "<",
        "<a ",
        "![",
        "![a](",
        "<!--",
        "```\n",
        "# \n",
        "- \n",
        "---\n",
        "---" + "\n" * 100_000,
        "\n",
        "`",
        "``<",
        "`" + "<" * 100_000,
        "> ",
        "- ```\n",
        "<!",
        "!",
        "\\",
    ],
)
def test_a_hostile_card_is_read_in_little_time(about, filler):
    start = time.perf_counter()
    about(filler * (card.LARGEST // len(filler)))
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    "text",
    [
        "![x][r]\n\n[r]: https://evil.example/x.png",
        "![a [b]](https://evil.example/x.png)",
        "![a](https://evil.example/(x).png)",
        "!!\\![a](https://evil.example/x.png)",
        "!<b>[a](https://evil.example/x.png)",
        "!```[a](https://evil.example/x.png)",
        "!<!-- -->[a](https://evil.example/x.png)",
        "<<b>img src=https://evil.example/x.png>",
        "\\\\<img src=https://evil.example/x.png>",
        "<img src=https://evil.example/x.png",
        "<svg/onload=alert(1)>",
        "- a\n\n  ```mermaid\n  code\n  ```",
        "- ```mermaid\n  code\n  ```",
        "> ~~~\n> code\n> ~~~",
        "```\na\n``````mermaid\ncode\n```",
        "<!-- -->```mermaid\ncode\n```",
    ],
)
def test_no_picture_html_or_code_is_shown_however_it_is_written(about, text):
    shown = about(f"Before.\n\n{text}\n")
    assert shown.count("Before.") == 1
    assert "![" not in shown
    assert "<" not in shown
    assert "```" not in shown
    assert "~~~" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "The code: <https://github.com/me/x>.",
        "# Sausage or not\n\nTells sausages.",
        "# Usage of words\n\nTells words.",
        "# T\n\n### Hardware parts\n\nScrews.",
        "# T\n\n### Intended usage\n\nFor fun.",
        "# T\n\n### Intended use\n\nFor fun.",
        "# T\n\n### How to read the answer\n\nAs a guess.",
        "[A paper](https://example.com/a_(b)), *good*!",
    ],
)
def test_what_an_owner_writes_is_shown(about, text):
    said = re.sub(r"\A# .*\n\n", "", text)  # the page has a title
    assert about(text).partition("\n\n")[2] == said


def test_merge_keys_in_the_front_matter_cost_nothing(about):
    """Ten times as much with each line: ten of them would take hours."""
    lines = ["license: mit", "b0: &b0 {x: 1}"]
    lines += [f"b{n}: &b{n} {{<<: [{', '.join([f'*b{n - 1}'] * 10)}]}}" for n in range(1, 12)]
    assert "MIT" in about("---\n" + "\n".join(lines) + "\n---\n# T\n\nText.\n")


@pytest.mark.parametrize("value", ["!!bool abc", "!!int ''", "!!timestamp foo", "&a [*a]", "no"])
def test_odd_values_in_the_front_matter(about, value):
    assert "Text." in about(f"---\nd: {value}\n---\n# T\n\nText.\n")


def test_less_than_is_no_tag(about):
    assert about("n <N samples, p < 0.5.").endswith("n &lt;N samples, p &lt; 0.5.")
    assert about("Ends in `<eos>`, not `eos`.").endswith("Ends in &lt;eos>, not `eos`.")


@pytest.mark.parametrize(
    "title",
    ["How to use", "🚀 Usage", "Hardware", "How to Get Started with the Model", "Citation",
     "Technical Specifications", "Training hyperparameters", "Model Card Contact",
     "Framework versions", "Environmental Impact"],
)  # fmt: skip
def test_sections_for_programmers_are_not_shown(about, title):
    assert about(f"# T\n\nText.\n\n## {title}\n\nMore.\n").endswith("Text.")


def test_it_is_the_article_of_an_interface(about):
    shown = about("---\nlicense: mit\n---\n# T\n\n## Evaluation\n\nAccuracy 0.9.\n")
    demo = gr.Interface(lambda text: text, "text", "text", article=shown)
    values = [str(block.value) for block in demo.blocks.values() if isinstance(block, gr.Markdown)]
    assert any("Accuracy 0.9." in value and "MIT" in value for value in values)
