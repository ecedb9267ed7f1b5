"""Call the app from a program: python tools/client.py URL INPUT [INPUT ...]

An INPUT is a file for a picture or a sound, a number or a text for the rest.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import httpx
from gradio_client import Client, handle_file

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
FILES = {"Audio", "File", "Image", "Video"}
NUMBERS = {"Number", "Slider"}


def connect(url: str, timeout: float = 300) -> Client:
    """Return a client for the app; it gives up after `timeout` seconds of silence."""
    return Client(url, verbose=False, httpx_kwargs={"timeout": timeout})


def arguments(client: Client, words: list[str] | None = None) -> list[Any]:
    """Turn words, or examples where there are none, into what the app's inputs take.

    Raises:
        ValueError: too few or too many words, a file that is not there, no number.
    """
    api = client.view_api(print_info=False, return_format="dict")
    inputs = api["named_endpoints"]["/predict"]["parameters"]
    if words is None:
        words = [_example(parameter) for parameter in inputs]
    if len(words) != len(inputs):
        names = ", ".join(f"{p['label']} ({p['component']})" for p in inputs)
        raise ValueError(f"{len(words)} inputs given; the app takes {names}")
    pairs = zip(inputs, words, strict=True)
    return [_argument(parameter["component"], word) for parameter, word in pairs]


def _example(parameter: dict) -> str:
    if parameter["component"] in FILES:
        return str(min(EXAMPLES.iterdir()))
    return str(parameter["parameter_default"] or parameter["example_input"])


def _argument(component: str, word: str) -> Any:
    if component in FILES:
        if not Path(word).is_file():
            raise ValueError(f"there is no file {word}")
        return handle_file(word)
    return float(word) if component in NUMBERS else word


def main() -> None:
    """Print the app's answer as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("input", nargs="+")
    args = parser.parse_args()
    try:
        client = connect(args.url)
        answer = client.predict(*arguments(client, args.input), api_name="/predict")
    except (OSError, ValueError, httpx.HTTPError) as error:
        sys.exit(f"{args.url}: {type(error).__name__}: {error}")
    print(json.dumps(answer, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
