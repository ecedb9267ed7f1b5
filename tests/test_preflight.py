"""Unit tests of tools/preflight.py and of its data, without generating a project."""

import importlib.util
import json
import random
import shutil
import subprocess
import sys
import zlib
from datetime import date, timedelta
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

import pytest

TOOLS = Path(__file__).parent.parent / "{{cookiecutter.project_slug}}" / "tools"
FACTS = json.loads((TOOLS / "platforms.json").read_text("utf-8"))
PLATFORMS = FACTS["platforms"]
HEROKU = {
    limit["name"]: limit for limit in PLATFORMS["heroku"]["limits"] if limit["kind"] == "refuse"
}
GIGA = 10**9


def load(path):
    """Import a file that is in no package."""
    spec = importlib.util.spec_from_file_location("preflight", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", autouse=True)
def no_bytecode():
    """Leave no __pycache__ in the template."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    yield
    sys.dont_write_bytecode = before


@pytest.fixture(scope="module")
def preflight(no_bytecode):
    return load(TOOLS / "preflight.py")


PACKAGES = {
    "gradio": {
        "version": "6.31.0",
        "wheel": 80_000_000,
        "installed": 250_000_000,
        "bytecode": 75_000_000,
    },
    "numpy": {
        "version": "2.4.0",
        "wheel": 18_000_000,
        "installed": 60_000_000,
        "bytecode": 12_000_000,
    },
}
OF_PACKAGES = round(0.97 * 98_000_000 + 0.355 * 87_000_000)
PYTHON = 30_000_000


@pytest.fixture
def of(preflight):
    """Make a footprint of weights in one file, with the packages above."""

    def make(weights=0, name="model/net.onnx", sources=0, packages=PACKAGES, **more):
        return preflight.Footprint(weights, sources, (name, weights), packages, **more)

    return make


@pytest.fixture
def project(tmp_path):
    """Lay out a project for Heroku, with its own copy of the tools."""
    folder = tmp_path / "my app"
    shutil.copytree(TOOLS, folder / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    own = {"platform": "heroku", "hardware": "basic"}
    (folder / "tools" / "project.json").write_text(json.dumps(own))
    (folder / "tools" / "sizes.json").write_text(json.dumps({"packages": PACKAGES}))
    (folder / "requirements.txt").write_text(
        "# a comment; not a package\n"
        "--extra-index-url https://example.org/simple\n"
        "Gradio==6.31.0  # via -r requirements.in\n"
        "colorama==0.4.6 ; sys_platform == 'win32'  # via tqdm\n"
        "numpy==2.4.0 \\\n    --hash=sha256:00\n"
    )
    (folder / "app.py").write_text("print()\n")
    (folder / "model").mkdir()
    return folder


def add_weights(project, count, name="net.onnx"):
    """Add a sparse file, which takes no room on the disk."""
    with open(project / "model" / name, "wb") as file:
        file.truncate(count)


def run(project, *arguments, cwd=None):
    """Run the project's preflight as its owner does."""
    command = [sys.executable, "-B", str(project / "tools" / "preflight.py"), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


# The arithmetic


def test_slug_is_the_sum_of_its_parts(preflight, of):
    slug, checkout = preflight.check("heroku", "eco", of(5_000, sources=70)).checks
    assert slug.parts == {
        "weights": 5_000,
        "sources": 70,
        "packages": OF_PACKAGES,
        "Python": PYTHON,
    }
    assert slug.predicted == 5_070 + OF_PACKAGES + PYTHON
    assert checkout.predicted == 5_070


def test_slug_is_what_heroku_built(preflight, of):
    """Its buildpack made 198 MB of gradio and scikit-learn."""
    path = TOOLS.parent.parent / "templates" / "requirements" / "scikit-learn-cpu.json"
    packages = json.loads(path.read_text("utf-8"))["packages"]
    slug = preflight.check("heroku", "eco", of(packages=packages)).checks[0]
    assert slug.predicted == pytest.approx(198_000_000, rel=0.05)


@pytest.mark.parametrize(
    ("platform", "name", "rest"),
    [
        ("heroku", "slug", OF_PACKAGES + PYTHON),
        ("heroku", "checkout", 0),
        ("huggingface", "repository", 0),
    ],
)
def test_limit_itself_fits_and_a_byte_more_does_not(preflight, of, platform, name, rest):
    limit = next(x["bytes"] for x in PLATFORMS[platform]["limits"] if x["name"] == name)
    others = {x["name"]: 9 * GIGA for x in PLATFORMS[platform]["limits"] if x.get("bytes")}
    others.pop(name)
    for more, fits in ((0, True), (1, False)):
        report = preflight.check(platform, None, of(limit - rest + more), others)
        assert report.fits is fits
        over = [check.name for check in report.checks if not check.fits]
        assert over == ([] if fits else [name])


def test_big_weights_are_refused_on_heroku_and_accepted_by_docker(preflight, of):
    assert not preflight.check("heroku", None, of(1_200_000_000)).fits
    report = preflight.check("docker", None, of(1_200_000_000))
    assert report.fits
    assert report.checks[0].limit is None
    assert report.checks[0].predicted == 1_200_000_000 + 397_000_000


def test_first_tier_is_the_default(preflight, of):
    for platform, facts in PLATFORMS.items():
        assert preflight.check(platform, None, of()).hardware == next(iter(facts["hardware"]))


def test_own_limit_replaces_the_recorded_one(preflight, of):
    report = preflight.check("heroku", None, of(), {"slug": 100_000_000})
    assert not report.fits
    assert report.checks[0].limit == 100_000_000
    assert report.checks[0].source == "--limit slug"
    assert report.checks[0].disputed is None


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
def test_sizes_are_read(preflight, text, count):
    assert preflight.parse_size(text) == count


@pytest.mark.parametrize(
    "text", ["", "banana", "500", "-1M", "1e3M", "1.M", "M", "1iB", "1MM", "nan", "٣M"]
)
def test_what_is_no_size_is_refused(preflight, text):
    with pytest.raises(preflight.BadInput, match="is not a size"):
        preflight.parse_size(text)


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
def test_sizes_are_written(preflight, count, text):
    assert preflight.size(count) == text


# Ways out


def variants(project, preflight):
    """Map what a sentence says of the weights to the project that it means."""
    return {change: variant for change, variant in preflight._variants(project)}


@pytest.mark.parametrize(
    ("platform", "hardware"),
    [("heroku", "eco"), ("huggingface", "zero-a10g"), ("huggingface", "t4-small")],
)
@pytest.mark.parametrize(
    "weights", [600_000_000, 900_000_000, 1_200_000_000, 1_900_000_000, 40 * GIGA]
)
@pytest.mark.parametrize("name", ["model/net.onnx", "model/net.joblib"])
def test_every_way_out_fits_when_tried(preflight, of, platform, hardware, weights, name):
    project = of(weights, name)
    report = preflight.check(platform, hardware, project)
    assert bool(report.ways_out) is not report.fits
    for way in report.ways_out:
        tried = [
            (place, tier, variant)
            for place, facts in PLATFORMS.items()
            for tier in facts["hardware"]
            for change, variant in variants(project, preflight).items()
            if way == f"Use {preflight.where(place, tier)}{change}."
        ]
        (place, tier, variant), facts = tried[0], PLATFORMS[tried[0][0]]
        assert len(tried) == 1
        assert preflight.check(place, tier, variant).fits
        assert (facts["hardware"][tier]["ram_bytes"] or 99**9) >= variant.weights + variant.fetched
        assert hardware != "t4-small" or facts["hardware"][tier]["class"] == "gpu"


def test_ways_out_name_price_precision_and_hub(preflight, of):
    ways = " ".join(preflight.check("heroku", "performance-m", of(950_000_000)).ways_out)
    for word in ("half precision", "on the Hub", "Hugging Face Spaces, zero-a10g (free)", "Docker"):
        assert word in ways
    assert "--limit" not in ways
    assert "GitHub" not in ways
    assert "This computer" not in ways


def test_half_precision_is_for_formats_that_have_it(preflight, of):
    ways = preflight.check("heroku", None, of(950_000_000, "model/trees.joblib")).ways_out
    assert ways
    assert not any("half precision" in way for way in ways)


def test_packages_that_are_too_big_leave_only_other_platforms(preflight, of):
    cuda = {"torch": {"version": "2.13", "wheel": 3 * GIGA, "installed": 6 * GIGA, "bytecode": 0}}
    ways = preflight.check("heroku", None, of(1_000, packages=cuda)).ways_out
    others = [p["title"] for n, p in PLATFORMS.items() if p["public"] and n != "heroku"]
    assert [way.split(",")[0] for way in ways] == [f"Use {title}" for title in others]


# Notes


def test_soft_limit_warns_and_fits(preflight, of):
    report = preflight.check("heroku", "basic", of(200_000_000))
    assert report.fits
    assert any("over 300 MB (unverified)" in note for note in report.notes)
    assert not preflight.check("heroku", "basic", of(100_000_000)).notes
    assert not preflight.check("heroku", "basic", of(2 * GIGA)).notes


def test_what_a_tier_asks_is_told(preflight, of):
    report = preflight.check("huggingface", "cpu-basic", of(1))
    assert "creating one needs PRO" in report.as_text()
    assert "what your host charges" not in str(preflight.check("docker", "cpu", of(1)).notes)


@pytest.mark.parametrize(
    ("count", "written"),
    [
        (50 * 2**20, ""),
        (50 * 2**20 + 1, "50 MiB"),
        (100 * 2**20, "50 MiB"),
        (100 * 2**20 + 1, "100 MiB"),
    ],
)
def test_github_is_heard_when_it_is_in_play(preflight, of, count, written):
    report = preflight.check("docker", None, of(count, on_github=True))
    assert report.fits
    assert [note.split(" is over ")[1].split(":")[0] for note in report.notes] == [written] * bool(
        written
    )
    assert not preflight.check("docker", None, of(count)).notes


# The report


def test_text_for_what_fits(preflight, of):
    lines = preflight.check("heroku", "basic", of(2_000_000)).as_text().splitlines()
    assert lines[0] == "Heroku, basic ($7/month): it fits."
    assert lines[1].startswith("slug       [#####")
    assert "of 1 GB" in lines[1]
    assert "free" in lines[1]
    assert HEROKU["slug"]["source"] in lines[2]
    assert "days old" in lines[2]
    assert lines[3] == "  1000M is disputed: with 500M it fits too"
    assert "over a year old" in lines[-1]


def test_text_for_what_does_not_fit(preflight, of):
    text = preflight.check("heroku", "basic", of(1_200_000_000)).as_text()
    assert text.startswith("Heroku, basic ($7/month): it does not fit.")
    for part in (
        "weights 1.2 GB + packages 126 MB + Python 30 MB",
        "too much",
        "with 500M it would not fit",
        "What would fit:",
    ):
        assert part in text


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("weights", [0, 400_000_000, 990_000_000, 50 * GIGA])
@pytest.mark.parametrize("name", ["model/net.onnx", f"model/{'long' * 20}.onnx"])
def test_text_fits_a_terminal(preflight, of, platform, weights, name):
    project = of(weights, name, sources=123_456, on_github=True, pointers=("model/a", "model/b"))
    for hardware in PLATFORMS[platform]["hardware"]:
        lines = preflight.check(platform, hardware, project).as_text().splitlines()
        assert len(lines) <= 20
        assert max(map(len, lines)) <= max(80, len(name) + 6)


def test_colour_is_only_on_request(preflight, of):
    report = preflight.check("docker", None, of())
    assert "\x1b[32mit fits\x1b[0m" in report.as_text(colour=True)
    assert "\x1b" not in report.as_text()


def test_json_has_what_is_promised(project):
    add_weights(project, 2_000_000)
    done = run(project, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert list(report) == ["platform", "hardware", "fits", "checks", "ways_out", "notes"]
    assert (report["platform"], report["hardware"], report["fits"]) == ("heroku", "basic", True)
    promised = {"name", "predicted", "limit", "unit", "fits", "source", "as_of", "verified"}
    for check in report["checks"]:
        assert promised <= set(check)
        assert check["unit"] == "bytes"
    assert report["ways_out"] == []


def test_ages_and_doubts_are_told(preflight, of, monkeypatch):
    slug = next(x for x in preflight.PLATFORMS["heroku"]["limits"] if x["name"] == "slug")
    for days, age in ((365, "365 days old"), (366, "over a year old")):
        changed = {"as_of": str(date.today() - timedelta(days)), "verified": False}
        monkeypatch.setattr(
            preflight, "PLATFORMS", {"heroku": {**PLATFORMS["heroku"], "limits": [slug | changed]}}
        )
        assert f"{age}, UNVERIFIED" in preflight.check("heroku", None, of()).as_text()


# The command


def test_it_runs_from_anywhere(project, tmp_path):
    add_weights(project, 1_200_000_000)
    done = run(project, cwd=tmp_path)
    assert done.returncode == 1
    assert "Heroku, basic" in done.stdout
    assert "weights 1.2 GB" in done.stdout
    assert "\x1b" not in done.stdout


def test_flags_override_the_project(project):
    add_weights(project, 1_200_000_000)
    assert run(project, "--platform", "docker").returncode == 0
    done = run(
        project, "--platform", "huggingface", "--hardware", "t4-small", "--limit", "repository=2GB"
    )
    assert done.returncode == 0
    assert "t4-small ($0.40/hour)" in done.stdout
    assert "2 GB: --limit repository" in done.stdout


def test_boundary_on_the_command_line(project):
    (project / "app.py").write_text("")
    others = sum(path.stat().st_size for path in project.rglob("*") if path.is_file())
    for more, code in ((0, 0), (1, 1)):
        add_weights(project, GIGA - others + more)
        assert run(project, "--platform", "huggingface").returncode == code


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--platform", "herku"],
            ["Unknown platform 'herku'", "did you mean heroku?", "huggingface"],
        ),
        (["--platform", "github"], ["Unknown platform 'github'"]),
        (["--hardware", "standard2x"], ["Unknown heroku hardware", "did you mean standard-2x?"]),
        (
            ["--platform", "docker", "--hardware", "eco"],
            ["Unknown docker hardware 'eco'", "cpu, gpu"],
        ),
        (["--limit", "slug=banana"], ["'banana' is not a size", "500M"]),
        (["--limit", "slug"], ["'' is not a size"]),
        (["--limit", "slag=1GB"], ["Unknown heroku limit 'slag'", "did you mean slug?"]),
        (["--limit", "boot=1GB"], ["Unknown heroku limit 'boot'"]),
    ],
)
def test_bad_input_is_one_sentence(project, arguments, words):
    done = run(project, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    for word in words:
        assert word in done.stderr


def test_unknown_flag_is_bad_input(project):
    assert run(project, "--banana").returncode == 2


def test_package_without_a_size_is_named(project):
    with open(project / "requirements.txt", "a") as file:
        file.write("Left_Pad==1.0\n")
    done = run(project)
    assert (done.returncode, done.stdout) == (2, "")
    assert "left-pad not in the recorded sizes" in done.stderr
    # A Space installs packages outside its repository: nothing there depends on them.
    assert run(project, "--platform", "huggingface").returncode == 0


def test_package_in_another_version_is_named(project):
    """A lock made again brings versions whose sizes nobody has recorded."""
    requirements = project / "requirements.txt"
    requirements.write_text(requirements.read_text().replace("numpy==2.4.0", "numpy==2.5.0"))
    done = run(project)
    assert (done.returncode, done.stdout) == (2, "")
    assert "numpy not in the recorded sizes (tools/sizes.json) in this version" in done.stderr


def test_package_in_several_versions_has_the_recorded_one(project):
    with open(project / "requirements.txt", "a") as file:
        file.write("numpy==2.2.6 ; python_full_version < '3.12'\n")
    assert run(project).returncode == 0


def test_installed_package_is_weighed_with_what_it_requires(preflight, project):
    """What nobody recorded is counted as it is in the environment that runs preflight."""
    version = metadata.version("httpx")
    with open(project / "requirements.txt", "a") as file:
        file.write(f"httpx == {version}\n")
    packages = preflight.footprint(project).packages
    assert {"httpcore", "h11", "idna"} <= packages.keys()
    folder = Path(metadata.distribution("httpx").locate_file("httpx"))
    sources = sum(path.stat().st_size for path in folder.rglob("*.py"))
    assert packages["httpx"]["installed"] == pytest.approx(sources, rel=0.15)  # the metadata
    assert 0.2 < packages["httpx"]["wheel"] / packages["httpx"]["installed"] < 0.5
    assert packages["httpx"]["bytecode"] == pytest.approx(1.24 * sources, rel=0.01)
    assert packages["gradio"] == PACKAGES["gradio"], "recorded"


@pytest.mark.parametrize("size", [1_000, 5_000_000, 40_000_000])
def test_large_file_is_weighed_by_a_sample(preflight, tmp_path, size):
    noise = random.Random(0).randbytes(size // 2)
    path = tmp_path / "weights"
    path.write_bytes(b"".join(noise[n : n + 500] + b"0" * 500 for n in range(0, size // 2, 500)))
    count = path.stat().st_size
    assert preflight._deflated(path, count) == pytest.approx(
        len(zlib.compress(path.read_bytes())), rel=0.03
    )


@pytest.mark.parametrize(
    "line",
    ["requests", "requests>=2", "git+https://example.org/a.git", "a @ https://example.org/a.whl",
     "-r more.txt", "-e .", "./a.whl", "a==1.*"],
)  # fmt: skip
def test_line_that_is_no_pin_is_named(project, line):
    with open(project / "requirements.txt", "a") as file:
        file.write(f"{line}\nuntold\n")
    done = run(project)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert f"'{line}', 'untold' is not NAME==VERSION" in done.stderr


def test_package_without_a_size_does_not_hide_a_refusal(project):
    with open(project / "requirements.txt", "a") as file:
        file.write("left-pad==1.0\n")
    add_weights(project, 1_200_000_000)
    done = run(project, "--platform", "huggingface")
    assert (done.returncode, done.stderr) == (1, "")
    assert "on the Hub" in done.stdout


@pytest.mark.parametrize("file", ["tools/project.json", "tools/sizes.json"])
def test_broken_or_missing_files_are_named(project, file):
    (project / file).write_text("{")
    done = run(project)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert Path(file).name in done.stderr
    (project / file).unlink()
    assert run(project).returncode == 2


def test_project_without_a_platform_needs_the_flag(project):
    (project / "tools" / "project.json").write_text("{}")
    done = run(project)
    assert done.returncode == 2
    assert "Unknown platform ''" in done.stderr
    assert run(project, "--platform", "local").returncode == 0


def test_missing_requirements_are_named(project):
    (project / "requirements.txt").unlink()
    done = run(project)
    assert done.returncode == 2
    assert "requirements.txt" in done.stderr


# What counts


def test_pointer_counts_as_what_it_stands_for(project):
    (project / "model" / "net.onnx").write_text(
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 1200000000\n"
    )
    done = run(project)
    assert done.returncode == 1
    assert "weights 1.2 GB" in done.stdout
    assert "model/net.onnx is a Git LFS pointer" in done.stdout


def test_footprint_of_a_folder(preflight, project):
    add_weights(project, 3_000)
    add_weights(project, 500, "labels.txt")
    (project / ".venv").mkdir()
    (project / ".venv" / "big").write_bytes(b"0" * 10_000)
    (project / "__pycache__").mkdir()
    (project / "__pycache__" / "app.pyc").write_bytes(b"0" * 10_000)
    (project / ".github").mkdir()
    seen = preflight.footprint(project)
    assert seen.weights == 3_500
    assert seen.packages == PACKAGES
    assert seen.on_github
    assert seen.pointers == ()
    others = [*(project / "tools").iterdir(), project / "app.py", project / "requirements.txt"]
    assert seen.sources == sum(path.stat().st_size for path in others)


def test_what_git_ignores_does_not_count(preflight, project):
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    before = preflight.footprint(project)
    add_weights(project, 1_000)
    (project / "datä").mkdir()
    (project / "datä" / "set.bin").write_bytes(b"0" * 7_000)
    assert preflight.footprint(project).sources == before.sources + 7_000
    (project / ".gitignore").write_text("datä/\n")
    after = preflight.footprint(project)
    assert (after.weights, after.largest_file[0]) == (1_000, before.largest_file[0])
    assert after.sources == before.sources + len("datä/\n".encode())


def test_linked_weights_count_as_their_target(preflight, project, tmp_path):
    with open(tmp_path / "elsewhere.onnx", "wb") as file:
        file.truncate(1_200_000_000)
    (project / "model" / "net.onnx").symlink_to(tmp_path / "elsewhere.onnx")
    assert preflight.footprint(project).weights == 1_200_000_000


@pytest.mark.parametrize("git", [True, False])
def test_broken_link_is_named(project, git):
    if git:
        subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    (project / "model" / "net.onnx").symlink_to("nowhere")
    done = run(project)
    assert done.returncode == 2
    assert "net.onnx" in done.stderr


# The data


def figures():
    """Yield every entry that states something about a platform, with its name."""
    for group in FACTS.values():
        for name, facts in group.items():
            for kind in ("limits", "rules"):
                for entry in facts[kind]:
                    yield f"{name} {entry['name']}", entry
            for slug, entry in facts.get("hardware", {}).items():
                yield f"{name} {slug}", entry
    yield "heroku disputed slug", HEROKU["slug"]["disputed"] | {"verified": True}


@pytest.mark.parametrize(("name", "entry"), list(figures()))
def test_every_figure_has_source_date_and_standing(name, entry):
    source = urlsplit(entry["source"])
    assert source.scheme == "https"
    assert source.netloc
    assert date(2024, 1, 1) <= date.fromisoformat(entry["as_of"]) <= date.today()
    assert entry["verified"] in (True, False)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_hardware_is_complete(platform):
    for tier in PLATFORMS[platform]["hardware"].values():
        assert set(tier) - {"python"} == {
            "title", "class", "ram_bytes", "gpu_bytes", "price_usd", "per", "sleep", "note", "source", "as_of", "verified",
        }  # fmt: skip
        assert tier["class"] in ("cpu", "gpu", "zero")
        assert tier["per"] in ("hour", "month")
        assert tier["price_usd"] is not None or tier["note"]


def test_limits_are_complete(preflight):
    for group in FACTS.values():
        for facts in group.values():
            kinds = [(limit["name"], limit["kind"]) for limit in facts["limits"]]
            assert len(kinds) == len(set(kinds))
            for limit in facts["limits"]:
                assert limit["kind"] in ("refuse", "warn")
                assert ("bytes" in limit) != ("seconds" in limit)
                assert limit["what"]
                assert limit["reading"]
                assert limit["compared"]
    for facts in PLATFORMS.values():
        assert any(limit["name"] in preflight.QUANTITIES for limit in facts["limits"])


def test_figures_that_moved_recently():
    """The ones that older templates get wrong."""
    assert (HEROKU["slug"]["bytes"], HEROKU["slug"]["written"]) == (GIGA, "1000M")
    assert HEROKU["slug"]["disputed"]["bytes"] == 500_000_000
    assert next(iter(PLATFORMS["huggingface"]["hardware"])) == "zero-a10g"
    assert next(iter(PLATFORMS["heroku"]["hardware"])) == "eco"


def test_files_survive_rendering():
    for name in ("preflight.py", "platforms.json"):
        text = (TOOLS / name).read_text("utf-8")
        assert not any(mark in text for mark in ("{{", "{%", "{#"))
