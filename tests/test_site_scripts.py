"""Scripts of the page without a server, in Node.js, beside what they are ports of."""

import html
import json
import re
import shutil
import subprocess

import pytest
from conftest import ROOT

from ml_ui import card, examples, languages
from ml_ui.sizing import limits
from ml_ui.sizing.footprint import File, Footprint
from ml_ui.sizing.report import check

SCRIPTS = ROOT / "templates" / "platforms" / "browser" / "_copied" / "browser"
pytestmark = pytest.mark.skipif(
    not shutil.which("node"), reason="needs Node.js: apt-get install nodejs"
)
CALL = """
globalThis.navigator ??= { languages: ["en"] };
const [script, name, inputs] = JSON.parse(process.argv[1]);
const called = (await import(script))[name];
const list = (found) => (found && found[Symbol.iterator] ? [...found] : found);
console.log(JSON.stringify(inputs.map((each) => list(called(each)))));
"""


def called(script: str, name: str, inputs: list) -> list:
    """Return what a function of a script returns for each input."""
    given = json.dumps([(SCRIPTS / script).as_uri(), name, inputs])
    command = ["node", "--input-type=module", "--eval", CALL, given]
    return json.loads(subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL))


LONG = "\n\n".join(["A paragraph of forty characters or so, ok."] * 60)
CARDS = [
    "# Cats\n\nTells cats from dogs.\n\n## Usage\n\n```python\nimport cats\n```\n\n## Bias\n\nTBD\n",
    "Before any heading.\n\n# Cats\n\n<!-- hidden\n\n# not a heading -->\n## Data\n\n[More]",
    "# A\n\n![a cat](cat.png) and <b>bold</b>, <script>x</script> text\n\n## B\n\n- one\n- two\n",
    "# A\n\n## Limits\n\n> ~~~\n> code\n> ~~~\nAfter it.\n\n## Contact\n\nme@example.com\n",
    "".join(f"# Title {n}\n\nText {n}.\n\n" for n in range(10)),
    f"# A\n\n## Long\n\n{LONG}\n\n## After\n\nIt.",
    f"# A\n\n## One paragraph\n\n{LONG.replace(chr(10), ' ')}",
    "# A\n\n## To do\n\n[More Information Needed]\n\n## Hardware\n\nA lot.\n\n## Hardware limits\n\nNone.",
    "",
    "# Unfinished\n\n## Code\n\n```\nnever ends",
]


def test_sections_of_a_card_are_those_of_the_app():
    for source, found in zip(CARDS, called("card.js", "sections", CARDS), strict=True):
        shown = [
            f"### {each['title']}\n\n{each['content']}" if each["title"] else each["content"]
            for each in found
        ]
        assert shown == [html.unescape(each) for each in card._sections(source)], source


TABLES = [
    "a,b\n1,2\n3,4\n",
    'name;"what; else"\r\nx;1,5\r\n"y ""z""";-2,25\r\n',
    "\ufeffa\tb\n1\t 2 \n\n3\t4",
    'text\n"two\nlines, and a comma"\nplain\n',
    "a,b,answer\n,,\n1,x,yes\n",
]


def test_tables_are_read_as_by_the_app():
    for text, found in zip(TABLES, called("csv.js", "parsed", TABLES), strict=True):
        rows = [row for _, row in examples.table(text.removeprefix("\ufeff"))]
        assert found == rows, text


WANTED = ["de-AT", "en-GB de", "it fr", "zh", "zh-Hans-SG", "zh-TW ja", "zh-CN", "ar", "ES", ""]


def test_language_is_that_of_the_app():
    found = called("texts.js", "negotiated", [each.split() for each in WANTED])
    found = ["".join(each) for each in found]  # a text is a list of letters there
    assert found == [languages.negotiate(",".join(each.split())) for each in WANTED]
    assert {*found} <= {*languages.translations()}


def test_each_text_of_the_scripts_is_translated():
    """In all languages: tests/serving/test_languages.py compares their keys."""
    known, said = languages.translations()["en"].keys(), set()
    patterns = (
        r'(?:translated|VisitorError)\(\s*"([^"]+)"',
        r'text\("\w+", "([^"]+)"',
        r'"([A-Z][^"]+ [^"]+\.)"',
    )
    for path in SCRIPTS.rglob("*.js"):
        if "vendor" not in path.parts:
            source = re.sub(r'" \+\s+"', "", path.read_text("utf-8"))
            said |= {text for pattern in patterns for text in re.findall(pattern, source)}
    page = (SCRIPTS.parent.parent / "index.html").read_text("utf-8")
    said |= {*re.findall(r'data-text="([^"]+)"', page)}
    assert len(said) > 15
    assert said - known == set()


# Will it fit? -----------------------------------------------------------------------------


def of(**facts) -> Footprint:
    return Footprint(sources=10**6, stored=10**6, **facts)


def test_a_page_is_the_way_out_of_what_fits_no_server():
    """As it is, if it is ONNX; a network of Keras by the export."""
    packages = {"keras": {"version": "3", "wheel": 10**8, "installed": 10**8, "bytecode": 10**7}}
    for kind, more in (("onnx", ""), ("keras", "export the model to ONNX (pip install tf2onnx")):
        weights = 45 * 10**7
        found = check(
            "heroku", "eco",
            of(weights=weights, files=(File("model/m", weights),), packages=packages, format=kind,
               lock=f"{kind}-cpu"),
        )  # fmt: skip
        ways = [way for way in found.ways_out if "platform=browser" in way]
        assert len(ways) == 1 and more in ways[0]


@pytest.mark.parametrize(
    ("facts", "fits", "name"),
    [
        ({"format": "onnx", "weights": 9 * 10**8}, True, None),
        ({"format": "onnx", "weights": 10**9}, False, "repository"),
        ({"format": "onnx", "on_hub": 10**6}, False, "hub"),
        ({"format": "onnx", "weights": 15 * 10**8}, False, "tab"),
        ({"format": "keras", "weights": 10**6}, None, "tab"),
    ],
)
def test_limits_of_a_page(facts, fits, name):
    checks = limits.checks_of("browser", "visitor", of(**facts), {})
    assert limits.verdict(checks) is fits
    assert name is None or name in {each.name for each in checks if each.fits is not True}
