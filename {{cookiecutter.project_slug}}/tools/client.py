"""Call the app from a program: python tools/client.py URL INPUT [INPUT ...]

An INPUT is a file for a picture or a sound, a number or a text for the rest.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gradio_client import Client, handle_file

FILES = {"Audio", "File", "Image", "Video"}
NUMBERS = {"Number", "Slider"}


def connect(url: str, timeout: float = 300) -> Client:
    """Return a client for the app; a call fails after `timeout` seconds of silence."""
    return Client(url, verbose=False, httpx_kwargs={"timeout": timeout})


def arguments(client: Client, words: list[str]) -> list[Any]:
    """Turn words from the command line into what the app's inputs take.

    Raises:
        ValueError: too few or too many words, a file that is not there, no number.
    """
    endpoint = client.view_api(print_info=False, return_format="dict")
    inputs = endpoint["named_endpoints"]["/predict"]["parameters"]
    if len(words) != len(inputs):
        names = ", ".join(f"{i['label']} ({i['component']})" for i in inputs)
        raise ValueError(f"the app takes {len(inputs)} inputs: {names}")
    return [_argument(i["component"], word) for i, word in zip(inputs, words)]


def _argument(component: str, word: str) -> Any:
    if component in FILES:
        if not Path(word).is_file():
            raise ValueError(f"there is no file {word}")
        return handle_file(word)
    return float(word) if component in NUMBERS else word


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("input", nargs="+")
    args = parser.parse_args()
    try:
        client = connect(args.url)
        answer = client.predict(*arguments(client, args.input), api_name="/predict")
    except (OSError, ValueError) as error:
        sys.exit(f"{args.url}: {error}")
    print(json.dumps(answer, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
