"""ml_ui.sizing without a project: arithmetic, limits, ways out, report, and data."""

import itertools
import json
import re
from datetime import date, timedelta
from urllib.parse import urlsplit

import pytest
from conftest import ROOT
from footprints import PACKAGES, find, of

from ml_ui.sizing import footprint, limits, report, ways_out
from ml_ui.sizing import project as project_files

FACTS = json.loads((ROOT / "src/ml_ui/sizing/facts.json").read_text("utf-8"))
GITHUB, PLATFORMS = FACTS["repositories"]["github"], limits.PLATFORMS
GIGA = 10**9

ONNX = footprint.FORMATS["onnx"]

OF_PACKAGES = round(0.97 * 98_000_000 + 0.355 * 87_000_000)
PYTHON = 30_000_000


def limit(platform, name, kind="refuse"):
    """Return a limit from the data."""
    (found,) = (x for x in PLATFORMS[platform]["limits"] if (x["name"], x["kind"]) == (name, kind))
    return found


# The arithmetic


def test_slug_is_the_sum_of_its_parts():
    project = of(5_000, sources=70, gzip=0.8, kept_out={".slugignore": 20})
    slug = find(report.check("heroku", "eco", project), "slug")
    parts = {"weights": 4_000, "packages": OF_PACKAGES, "Python": PYTHON, "sources": 50}
    assert slug.parts == parts
    assert slug.predicted == sum(parts.values())
    assert find(report.check("heroku", "eco", project), "checkout").predicted == 5_070


def test_slug_matches_heroku_builds():
    """Its buildpack made 198 MB of gradio and scikit-learn, on Python 3.12."""
    path = ROOT / "templates" / "requirements" / "scikit-learn-cpu.json"
    packages = json.loads(path.read_text("utf-8"))["packages"]
    slug = find(report.check("heroku", "eco", of(packages=packages)), "slug")
    assert slug.predicted == pytest.approx(198_000_000, rel=0.05)


def test_bytecode_depends_on_the_python_version():
    factors = footprint.PACKAGES["bytecode_per_source"]
    for version, factor in factors.items():
        expected = (250 + 60 + 87 * factor / factors["3.12"]) * 1e6
        assert footprint.disk(of(python=version))["packages"] == pytest.approx(expected, rel=1e-6)


def test_measured_value_decides_and_stands_beside_the_prediction():
    answer = report.check("heroku", "eco", of())
    predicted = find(answer, "slug").predicted
    text = report.as_text(answer.measured({"slug": 8 * predicted}))
    measured = report.written(8 * predicted, "bytes")
    assert f"\n  measured {measured}, predicted -87.5 %\n" in text
    assert answer.fits and answer.measured({"slug": 8 * predicted}).fits is False


def test_memory_depends_on_the_precision():
    """ONNX Runtime computes in float32 on a CPU: half the file is not half the memory."""
    whole, half = of(100_000_000), of(50_000_000, dtype="float16")
    held = ONNX["float16"]["held"] * 50_000_000
    assert footprint.memory(half)["weights"] == pytest.approx(held)
    assert sum(footprint.memory(half).values()) > 0.8 * sum(footprint.memory(whole).values())
    assert footprint.memory(of(7, dtype="bfloat16")) == footprint.memory(of(7, dtype="float16"))
    assert footprint.memory(of(7, dtype="uint8")) == footprint.memory(of(7, dtype="int8"))


def test_memory_depends_on_the_format():
    project = of(100_000_000)
    held = ONNX["base"] + ONNX["held"] * 100_000_000
    assert sum(footprint.memory(project).values()) == pytest.approx(held)
    loading = ONNX["base"] + ONNX["loading"] * 100_000_000
    serving = ONNX["base"] + ONNX["serving"] * 100_000_000 + ONNX["request"]
    assert sum(footprint.peak(project).values()) == pytest.approx(max(loading, serving))
    fetched = of(0, fetched=100_000_000)
    assert footprint.memory(fetched) == footprint.memory(project)
    assert footprint.checkout(fetched)["weights"] == 0


@pytest.mark.parametrize(
    ("platform", "hardware", "name"),
    [
        ("heroku", "eco", "slug"),
        ("heroku", "eco", "checkout"),
        ("heroku", "eco", "pack"),
        ("heroku", "eco", "memory"),
        ("heroku", "eco", "peak"),
        ("heroku", "eco", "file"),
        ("huggingface", "cpu-basic", "repository"),
        ("huggingface", "cpu-basic", "memory"),
        ("huggingface", "cpu-basic", "disk"),
        ("huggingface", "t4-small", "gpu"),
        ("huggingface", "cpu-basic", "lfs-file"),
        ("huggingface", "cpu-basic", "lfs"),
        ("fly", "shared-cpu-1x-2gb", "image"),
        ("render", "starter", "pull"),
    ],
)
def test_limit_is_inclusive(platform, hardware, name):
    packages = PACKAGES | {"nvidia-cuda-runtime": PACKAGES["numpy"]} if name == "gpu" else PACKAGES
    in_lfs = name.startswith("lfs")
    project = of(7_000_000, in_lfs=in_lfs, on_github=True, history=5, packages=packages)
    first = report.check(platform, hardware, project)
    assert first.fits
    others = {c.name: 10**15 for c in first.checks if c.unit == "bytes" and c.name != name}
    predicted = find(first, name).predicted
    for less, fits in ((0, True), (1, False)):
        answer = report.check(platform, hardware, project, others | {name: predicted - less})
        assert answer.fits is fits
        over = [check.name for check in answer.checks if not check.fits]
        assert over == ([] if fits else [name])


@pytest.mark.parametrize(
    ("platform", "name", "rest"),
    [("heroku", "slug", OF_PACKAGES + PYTHON), ("heroku", "checkout", 0),
     ("huggingface", "repository", 0)],
)  # fmt: skip
def test_recorded_limit_is_used(platform, name, rest):
    room = limit(platform, name)["bytes"] - rest
    for more, fits in ((0, True), (1, False)):
        answer = report.check(platform, None, of(room + more, format=None))
        assert find(answer, name).fits is fits


def test_dyno_is_swapped_over_its_memory_and_killed_over_twice():
    room = int((512_000_000 - ONNX["base"]) / ONNX["held"])
    held = report.check("heroku", "eco", of(room))
    assert find(held, "memory").fits
    assert not find(report.check("heroku", "eco", of(room + 2)), "memory").fits
    assert find(held, "peak").limit == 2 * 512_000_000
    assert any("peak is over 512 MB: Heroku swaps" in note for note in held.notes)
    assert not any("swaps" in note for note in report.check("heroku", "eco", of(1)).notes)
    assert find(report.check("render", "starter", of(room)), "peak").limit == 512_000_000


def test_big_weights_are_refused_on_heroku_and_accepted_by_docker():
    assert not report.check("heroku", None, of(1_200_000_000)).fits
    answer = report.check("docker", None, of(1_200_000_000))
    image = find(answer, "image")
    assert answer.fits and image.limit is None
    base = FACTS["base_image"]["bytes"]
    assert image.predicted == base + 1_200_000_000 + 397_000_000


def test_first_tier_is_the_default():
    for platform, facts in PLATFORMS.items():
        assert report.check(platform, None, of()).hardware == next(iter(facts["hardware"]))


def test_own_limit_replaces_the_recorded_one():
    slug = find(report.check("heroku", None, of(), {"slug": 100_000_000}), "slug")
    assert (slug.fits, slug.limit, slug.source) == (False, 100_000_000, "--limit slug")
    assert slug.disputed is None
    boot = find(report.check("heroku", None, of(), {"boot": 0.5}), "boot")
    assert (boot.fits, boot.unit) == (False, "seconds")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("500M", 500_000_000),
        ("250MB", 250_000_000),
        ("1GB", GIGA),
        ("1.5GiB", 3 * 2**29),
        ("1.5 gib", 3 * 2**29),
        ("64Ki", 2**16),
        ("0.1G", 100_000_000),
        ("12B", 12),
        ("1t", 10**12),
    ],
)
def test_parse_size(text, count):
    assert limits.parse_size(text) == count


@pytest.mark.parametrize(
    "text", ["", "banana", "500", "-1M", "1e3M", "1.M", "M", "1iB", "1MM", "nan", "٣M"]
)
def test_invalid_size_is_refused(text):
    with pytest.raises(footprint.BadInput, match="is not a size"):
        limits.parse_size(text)


@pytest.mark.parametrize(("text", "seconds"), [("60s", 60), ("1.5 s", 1.5)])
def test_parse_limit_of_a_time(text, seconds):
    assert limits.parse_limit("boot", text) == seconds


@pytest.mark.parametrize("text", ["", "60", "1GB", "-1s", "nans"])
def test_invalid_time_is_refused(text):
    with pytest.raises(footprint.BadInput, match="is not a time; write 60s"):
        limits.parse_limit("boot", text)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (999_700, "1 MB"),
        (197_531_000, "198 MB"),
        (15 * 10**14, "1.5e+03 TB"),
    ],
)
def test_size_is_formatted(count, text):
    assert limits.size(count) == text


@pytest.mark.parametrize(
    ("pattern", "name", "ignored"),
    [
        ("tests", "tests/test_model.py", True),
        ("tests/", "tests/test_model.py", True),
        ("/ml_ui", "ml_ui/sizing/limits.py", True),
        ("*.md", "docs/a.md", True),
        ("**/__pycache__", "ml_ui/__pycache__/a.pyc", True),
        (".github", ".github/workflows/test.yml", True),
        ("data/*.csv", "data/a.csv", True),
        ("tests", "my_tests/a.py", False),
        ("data/*.csv", "other/data.csv", False),
    ],
)
def test_ignore_file(pattern, name, ignored):
    assert project_files.is_ignored([pattern], name) is ignored


# Ways out


def tried(platform, project, hardware):
    """Map each sentence that may stand among the ways out to what it means."""
    meant = {}
    for count in (1, 2, 3):
        for _, text, variant in ways_out._variants(platform, project, count):
            meant[text[0].upper() + text[1:]] = (platform, hardware, variant)
    for place, facts in PLATFORMS.items():
        here = place == platform
        verb = "Take" if here else "Go to"
        for tier in facts["hardware"]:
            answer = ways_out._answer(place, tier, here)
            moved = project if here else ways_out.moved_to(place, project)
            meant[f"{verb} {limits.where(place, tier)}: {answer}"] = (place, tier, moved)
            for _, text, variant in ways_out._variants(place, moved, 1):
                way = f"{verb} {limits.where(place, tier)}, and {text}: {answer}"
                meant[way] = (place, tier, variant)
    return meant


@pytest.mark.parametrize(
    ("platform", "hardware"),
    [("heroku", "eco"), ("huggingface", "zero-a10g"), ("huggingface", "t4-small"),
     ("fly", "shared-cpu-1x"), ("render", "free")],
)  # fmt: skip
@pytest.mark.parametrize(
    "weights", [150_000_000, 420_000_000, 900_000_000, 1_200_000_000, 2_500_000_000, 40 * GIGA]
)
@pytest.mark.parametrize("kind", ["onnx", "keras", "joblib", "safetensors"])
@pytest.mark.parametrize("on_github", [True, False])
def test_every_way_out_fits_when_tried(platform, hardware, weights, kind, on_github):
    name = {"joblib": "scikit-learn", "safetensors": "pytorch"}.get(kind, kind)
    project = of(
        weights, f"model/net.{kind}", on_github=on_github, format=kind, lock=f"{name}-cpu",
        in_lfs=platform == "huggingface",
    )  # fmt: skip
    answer = report.check(platform, hardware, project)
    assert bool(answer.ways_out) is not answer.fits
    meant = tried(platform, project, hardware)
    for way in answer.ways_out:
        place, tier, variant = meant[re.split(r": [a-z-]+ |\.$", way)[0]]
        assert report.check(place, tier, variant).fits, way
        assert hardware != "t4-small" or PLATFORMS[place]["hardware"][tier]["class"] == "gpu"
    assert len(answer.ways_out) == len(set(answer.ways_out))


def test_ways_out_are_minimal():
    """Each of several changes is needed: without it, the others would not do."""
    project = of(900_000_000, "model/net.keras", format="keras", lock="keras-cpu",
                 on_github=True)  # fmt: skip
    several = [way for way in report.check("heroku", "eco", project).ways_out if ", and " in way]
    assert several
    changes = {name: change for count in (1, 2, 3)
               for change, name, _ in ways_out._variants("heroku", project, count)}  # fmt: skip
    for way in several:
        text = re.split(r": [a-z-]+ |\.$", way)[0]
        if text.startswith(("Take", "Go to")):
            continue
        parts = changes[text[0].lower() + text[1:]]
        for fewer in itertools.combinations(parts, len(parts) - 1):
            variant = project
            for change in fewer:
                _, variant = change("heroku", variant) or ("", variant)
            assert not report.check("heroku", "eco", variant).fits, way


def test_ways_out_name_price_precision_and_hub():
    ways = " ".join(report.check("heroku", "performance-m", of(950_000_000)).ways_out)
    for word in (
        "as float16, 475 MB (", "as int8, 238 MB (", "platform=docker", "platform=huggingface", "on the Hub, 950 MB,", "swap OWNER/NAME",
        "Hugging Face Spaces, zero-a10g (free)", "Docker", "Fly.io", "($10.70/month, UNVERIFIED)",
    ):  # fmt: skip
        assert word in ways
    assert "--limit" not in ways
    assert "GitHub" not in ways
    assert "This computer" not in ways


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"format": "joblib"}, set()),
        ({"dtype": "float16"}, set()),
        ({}, {"as float16", "as int8"}),
        ({"format": "keras"}, {"as float16", "as int8"}),
        ({"dtype": None}, {"as float16", "as int8", "if they are float32 now"}),
    ],
)
def test_precision_is_lowered_only_where_possible(facts, words):
    project = of(950_000_000, "model/trees", **facts)
    ways = " ".join(report.check("heroku", "performance-m", project).ways_out)
    known = {"as float16", "as int8", "if they are float32 now"}
    assert {word for word in known if word in ways} == words


def packages_of(name):
    path = ROOT / "templates" / "requirements" / f"{name}.json"
    return json.loads(path.read_text("utf-8"))["packages"]


def test_cuda_is_left_out():
    """PyTorch's usual wheels on Heroku: its CPU build saves 2.5 GB, and then it fits."""
    project = of(packages=packages_of("pytorch-gpu"), format="torchscript", lock="pytorch-gpu")
    answer = report.check("heroku", "eco", project)
    assert not find(answer, "slug").fits
    assert answer.ways_out[0].startswith("Install the CPU build of torch, which saves 2.5")
    slug = int(re.search(r"slug (\d+) MB", answer.ways_out[0])[1]) * 10**6
    light = of(packages=packages_of("pytorch-cpu"))
    assert slug == pytest.approx(sum(footprint.slug(light).values()), rel=0.03)


def test_lighter_build_is_named_with_its_saving():
    packages = packages_of("keras-cpu")
    heavy = {"wheel": 573_000_000, "installed": 1_800_000_000, "bytecode": 38_000_000}
    packages = {n: s for n, s in packages.items() if n != "tensorflow-cpu"} | {"tensorflow": heavy}
    answer = report.check("heroku", "basic", of(packages=packages), {"slug": 500_000_000})
    assert "tensorflow-cpu instead of tensorflow, which saves 299 MB" in answer.ways_out[0]


def test_ways_out_of_large_packages_are_other_platforms():
    unknown = {"big": {"version": "1", "wheel": 3 * GIGA, "installed": 6 * GIGA, "bytecode": 0}}
    ways = report.check("heroku", None, of(1_000, packages=unknown)).ways_out
    others = [p["title"] for n, p in PLATFORMS.items() if p["public"] and n != "heroku"]
    assert [way.split(",")[0] for way in ways] == [f"Go to {title}" for title in others]


def test_next_tier_is_the_cheapest_that_fits():
    ways = report.check("heroku", "eco", of(420_000_000, format="joblib")).ways_out
    assert ways[0] == f"Take {limits.where('heroku', 'standard-2x')}: hardware=standard-2x."


# GitHub and Git LFS


def test_file_for_github_is_refused_outside_lfs():
    most = 100 * 2**20
    assert report.check("docker", None, of(most, on_github=True)).fits
    assert report.check("docker", None, of(most + 1)).fits
    assert report.check("docker", None, of(most + 1, on_github=True, in_lfs=True)).fits
    answer = report.check("docker", None, of(150_000_000, on_github=True))
    assert [check.name for check in answer.checks if not check.fits] == ["file"]
    assert any("Git LFS" in way for way in answer.ways_out)


def test_git_lfs_is_not_proposed_on_heroku():
    """It does not fetch the files from there."""
    answer = report.check("heroku", "eco", of(150_000_000, on_github=True))
    here = [way for way in answer.ways_out if not way.startswith("Go to")]
    assert not any("LFS" in way for way in here)
    assert any(way.startswith("Push to Heroku alone") for way in here)


# Notes


def test_soft_limits_warn_and_fit():
    answer = report.check("heroku", "basic", of(200_000_000))
    assert answer.fits
    assert any("slug is over 300 MB (unverified)" in note for note in answer.notes)
    assert not report.check("heroku", "basic", of(50_000_000)).notes
    notes = report.check("heroku", "basic", of(60 * 2**20, on_github=True)).notes
    assert any("file is over 50 MiB: GitHub warns" in note for note in notes)


def test_note_of_a_tier_is_shown():
    answer = report.check("huggingface", "cpu-basic", of(1))
    assert "creating one needs PRO" in report.as_text(answer)
    assert "what your host charges" not in str(report.check("docker", "cpu", of(1)).notes)


# The report


def test_text_for_what_fits():
    lines = report.as_text(report.check("heroku", "basic", of(2_000_000))).splitlines()
    assert lines[:2] == ["Heroku, basic ($7/month): it fits.", ""]
    assert re.fullmatch(r"slug {7}#+\.+  158 MB of 1 GB +842 MB free", lines[2])
    kept = " ".join("\n".join(lines).partition("Limits that are kept:")[2].split())
    for check in report.check("heroku", "basic", of(2_000_000)).checks:
        assert check.source in kept
    assert "1000M is disputed, and taken: with 500M" in kept
    assert "it fits too" in kept
    assert "the stricter reading is taken" in kept


def test_text_for_what_does_not_fit():
    text = report.as_text(report.check("heroku", "basic", of(1_200_000_000)))
    assert text.startswith("Heroku, basic ($7/month): it does not fit.")
    for part in (
        "= weights 1.2 GB + packages 126 MB + Python 30 MB",
        "too much",
        f"1000M: {limit('heroku', 'slug')['source']}",
        "it would not fit",
        "What would fit:",
    ):
        assert part in text


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("weights", [0, 400_000_000, 990_000_000, 50 * GIGA])
@pytest.mark.parametrize("name", ["model/net.onnx", f"model/{'long' * 20}.onnx"])
def test_text_fits_a_terminal(platform, weights, name):
    project = of(weights, name, sources=123_456, on_github=True, pointers=("model/a", "model/b"))
    for hardware in PLATFORMS[platform]["hardware"]:
        answer = report.check(platform, hardware, project)
        for brief in (True, False):
            lines = report.as_text(answer, brief=brief).splitlines()
            assert max(map(len, lines)) <= 80
        assert len(report.as_text(answer, brief=True).splitlines()) <= 24


def test_brief_report_has_ways_out():
    for weights in (150_000_000, 480_000_000, 1_200_000_000, 2_500_000_000):
        answer = report.check("heroku", "eco", of(weights, on_github=True))
        text = report.as_text(answer, brief=True)
        assert text.partition("What would fit:")[2].count("\n- ") >= 2


def test_colour_is_only_on_request():
    answer = report.check("heroku", "eco", of(420_000_000))
    assert "\x1b[31mit does not fit\x1b[0m" in report.as_text(answer, colour=True)
    bars = re.findall(r"\x1b\[(\d+)m█+\x1b", report.as_text(answer, colour=True, blocks="█░"))
    assert {"31", "32"} <= {*bars}
    assert "\x1b" not in report.as_text(answer)


def test_age_and_doubt_of_a_limit_are_shown(monkeypatch):
    slug = limit("heroku", "slug")
    for days, age in ((365, "365 days old"), (366, "over a year old")):
        changed = {"as_of": str(date.today() - timedelta(days)), "verified": False}
        facts = PLATFORMS["heroku"] | {"limits": [slug | changed]}
        for module in (limits, report):
            monkeypatch.setattr(module, "PLATFORMS", {"heroku": facts})
        text = " ".join(report.as_text(report.check("heroku", None, of())).split())
        assert f"({age}, UNVERIFIED)" in text


# The data


def figures():
    """Yield every entry that states something about a platform, with its name."""
    for group in (PLATFORMS, FACTS["repositories"]):
        for name, facts in group.items():
            for kind in ("limits", "rules"):
                for entry in facts[kind]:
                    yield f"{name} {entry['name']}", entry
            for slug, entry in facts.get("hardware", {}).items():
                yield f"{name} {slug}", entry
    yield "heroku disputed slug", limit("heroku", "slug")["disputed"] | {"verified": True}
    yield "base image", FACTS["base_image"]


@pytest.mark.parametrize(("name", "entry"), list(figures()))
def test_every_figure_has_source_date_and_standing(name, entry):
    source = urlsplit(entry["source"])
    assert source.scheme == "https"
    assert source.netloc
    assert date(2023, 1, 1) <= date.fromisoformat(entry["as_of"]) <= date.today()
    assert entry["verified"] in (True, False)


def test_recently_changed_figures():
    """The ones that older templates get wrong."""
    slug = limit("heroku", "slug")
    assert (slug["bytes"], slug["written"]) == (GIGA, "1000M")
    assert slug["disputed"]["bytes"] == 500_000_000
    assert next(iter(PLATFORMS["huggingface"]["hardware"])) == "zero-a10g"
    assert next(iter(PLATFORMS["heroku"]["hardware"])) == "eco"


def test_memory_of_layers_and_of_imports():
    """Each layer of a Keras network takes some, and importing torchvision."""
    keras = footprint.FORMATS["keras"]
    parts = footprint.memory(of(10**7, format="keras", layers=200))
    assert parts["layers"] == 200 * keras["layer"]
    assert "layers" not in footprint.memory(of(10**7, format="onnx", layers=200))
    facts = footprint.FORMATS["state-dict"]
    with_it = PACKAGES | {"torchvision": PACKAGES["numpy"]}
    alone, more = (
        footprint.memory(of(10**7, format="state-dict", packages=packages))["Python and packages"]
        for packages in (PACKAGES, with_it)
    )
    assert (alone, more - alone) == (facts["base"], facts["imports"]["torchvision"])
