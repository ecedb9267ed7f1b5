"""Hugging Face transformers: folders of save_pretrained, and folders of its relatives."""

import json
import re
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from . import networks, torch
from .common import CALL, YOURSELF, Archive, Unusable, classes, human, in_command, parsed

JSON = 2 * 2**20  # bytes of a JSON file; Gemma 3's tokenizer_config.json has 1.2 MB
YAML = 64_000  # bytes of MLmodel
DEEP = 10  # brackets in brackets there
CONFIGS = (  # files in which `auto_map` names code
    "config.json",
    "tokenizer_config.json",
    "preprocessor_config.json",
    "processor_config.json",
)

# What from_pretrained reads; not an optimizer's state, checkpoints, caches or a README.
PARTS = re.compile(
    r"config\.json|(model|pytorch_model)(-\d{5}-of-\d{5})?\.(safetensors|bin)"
    r"|(model|pytorch_model)\.(safetensors|bin)\.index\.json"
    r"|(pre)?processor_config\.json|tokenizer(_config)?\.json|special_tokens_map\.json"
    r"|added_tokens\.json|vocab\.(txt|json)|merges\.txt"
)
TASKS = {  # the end of an architecture's name: the format
    "ForSequenceClassification": "transformers-text",
    "ForImageClassification": "transformers-picture",
    "ForImageClassificationWithTeacher": "transformers-picture",
}
# Architectures of the locked version, by format; `known()` of tests/test_transformers.py.
KNOWN = {
    "transformers-text": (
        "albert arcee axk1 axk2 bart bert big_bird bigbird_pegasus biogpt bloom camembert "
        "cohere_compass_text convbert ctrl data2vec-text deberta deberta-v2 deepseek_v2 "
        "deepseek_v3 diffllama distilbert doge electra ernie esm esmc eurobert exaone4 falcon "
        "flaubert fnet funnel gemma gemma2 gemma3 gemma3_text glm glm4 gpt-sw3 gpt2 "
        "gpt_bigcode gpt_neo gpt_neox gpt_oss gptj gte helium hunyuan_v1_dense hunyuan_v1_moe "
        "ibert jamba jetmoe jina_embeddings_v3 llama longformer luke mbart megatron-bert "
        "minicpm3 minimax ministral ministral3 mistral mistral4 mixtral mobilebert modernbert "
        "modernbert-decoder mpnet mpt mra mt5 mvp nemotron nomic_bert nystromformer olmo "
        "olmo2 olmo3 openai-gpt opt persimmon phi phi3 phimoe plbart qwen2 qwen2_moe qwen3 "
        "qwen3_5 qwen3_5_text qwen3_moe qwen3_next reformer rembert roberta "
        "roberta-prelayernorm roc_bert roformer seed_oss smollm3 squeezebert stablelm starcoder2 t5 "
        "t5gemma t5gemma2 ultrabert ultravbert umt5 xlm xlm-roberta xlm-roberta-xl xlnet xmod "
        "yoso zamba zamba2 "
    ),
    "transformers-picture": (
        "beit bit clip convnext convnextv2 cvt data2vec-vision deit dinov2 "
        "dinov2_with_registers donut-swin efficientnet focalnet hgnet_v2 hiera ijepa levit "
        "metaclip_2 mobilenet_v1 mobilenet_v2 mobilevit mobilevitv2 perceiver poolformer "
        "pp_lcnet pvt pvt_v2 regnet resnet segformer siglip siglip2 swiftformer swin swinv2 "
        "textnet vit vit_msn "
    ),
}
OTHERS = {  # architectures that no page here shows, by the end of the name
    "ForCausalLM|LMHeadModel": "a language model, which writes text",
    "ForConditionalGeneration|ForSeq2SeqLM": "a model that writes text, from text or sound",
    "ForTokenClassification": "a model that labels words",
    "ForQuestionAnswering": "a model that answers questions about a text",
    "ForMaskedLM|ForPreTraining": "a language model without a trained task",
    "ForObjectDetection|ForZeroShotObjectDetection": "a detector",
    r"For\w*Segmentation": "a segmenter",
    r"ForAudio\w+|ForCTC|ForSpeech\w+": "a model of sounds",
    "Model": "an embedding model",
}
PIPELINE = YOURSELF.format("transformers.pipeline(model='{path}')")
NO_PAGE = f"no page here shows that yet: {CALL}"
MERGE = (
    'python -c "from peft import AutoPeftModel{task} as A; '
    "A.from_pretrained('{path}').merge_and_unload().save_pretrained('merged')\""
)
OF_TIMM = re.compile(r"pretrained|features_only|out_indices|checkpoint|scriptable|exportable")
RELATIVES = {  # files of other folders: what they are, and what to do
    "model_index.json": (
        "is a diffusers pipeline, which draws pictures from words, and no page here asks for them: "
        + CALL
    ),
    "modules.json": (
        "is a sentence-transformers model, which gives embeddings, and no page here shows those: "
        + YOURSELF.format("SentenceTransformer('{path}')")
    ),
    "model.weights.h5": "is an unpacked .keras archive: give the .keras file itself",
    "Manifest.json": "is a Core ML package, for Apple's devices: export the original model to ONNX",
}


def is_folder(path: Path) -> bool:
    """Return whether config.json is one of transformers or of timm."""
    if not (path / "config.json").stat().st_size:
        return False
    names = {"architectures", "model_type", "architecture"}
    return not names.isdisjoint(_json(path / "config.json", any_content=True))


def inside(path: Path) -> Path | None:
    """Return the model that a folder holds for another library; refuse the relatives' folders."""
    for name, text in RELATIVES.items():
        if (path / name).is_file():
            raise Unusable(f"{path} {text.format(path=in_command(path, 'FOLDER'))}.")
    if (path / "adapter_config.json").is_file():
        raise Unusable(_adapter(path))
    if (path / "MLmodel").is_file():
        return _in_mlflow(path)
    trained = [each for each in path.glob("checkpoint-*") if (each / "config.json").is_file()]
    if trained and not (path / "config.json").is_file():  # a Trainer's folder
        return max(trained, key=lambda each: int(re.sub(r"\D", "", each.name) or 0))
    return None


def _in_mlflow(path: Path) -> Path:
    """Return the model in a folder of MLflow, whose file MLmodel says where it lies."""
    found = _yaml(path / "MLmodel")
    flavors = found.get("flavors") if isinstance(found, dict) else None
    flavors = {**flavors} if isinstance(flavors, dict) else {}
    own = [each for name, each in flavors.items() if name != "python_function"]
    given = [
        each[key]
        for each in own
        for key in ("pickled_model", "data", "model_data", "model_binary")
        if isinstance(each, dict) and isinstance(each.get(key), str)
    ]
    for name in given:
        # Keras and PyTorch have the model in a folder of that name.
        for inner in (path / name / "model.keras", path / name / "model.pth", path / name):
            nested = path.resolve() in inner.resolve().parents
            if nested and inner.exists() and not (inner / "MLmodel").exists():
                return inner
    raise Unusable(
        f"{path} is a model of MLflow ({', '.join(map(str, flavors)) or 'damaged'}): give the "
        "model's own file in it."
    )


def _yaml(path: Path) -> Any:
    """Return what a YAML file says; None if it is not plain."""
    from yaml import AliasEvent, SafeLoader, YAMLError, load

    class Plain(SafeLoader):
        """Takes neither aliases nor deep brackets, by which few bytes cost much."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(AliasEvent):
                raise YAMLError("an alias")
            return super().compose_node(parent, index)

        def fetch_flow_collection_start(self, token: Any) -> None:
            if self.flow_level == DEEP:
                raise YAMLError("brackets in brackets")
            super().fetch_flow_collection_start(token)

    if path.stat().st_size > YAML:
        return None
    try:
        return load(path.read_text("utf-8"), Plain)
    except (YAMLError, ValueError, RecursionError):
        return None


def parts(path: Path) -> list[Path]:
    """Return the files of a folder that belong to the model."""
    found = sorted(each for each in path.iterdir() if PARTS.fullmatch(each.name))
    weights = _weights(path, {each.name for each in found})
    return [each for each in found if each in weights or not _is_weights(each)]


def model(data, file: Path) -> dict:
    """Read a folder with config.json; return the fields of ModelFile."""
    path, config = file, parsed(data[:])
    if "model_type" not in config and "architecture" in config:
        return _timm(path, config)
    architecture = next(iter(config.get("architectures") or ()), None)
    if not isinstance(architecture, str):
        raise Unusable(
            f"{path / 'config.json'} names no architecture: load the model with its own class "
            "and save it again with save_pretrained()."
        )
    kind = next((kind for end, kind in TASKS.items() if architecture.endswith(end)), None)
    if kind is None:
        what = next(
            (what for end, what in OTHERS.items() if re.search(f"({end})$", architecture)),
            "a model of another task",
        )
        raise Unusable(
            f"{path} holds {architecture}, {what}, and no page here shows that yet: "
            f"{PIPELINE.format(path=in_command(path, 'FOLDER'))}."
        )
    _refuse_code(path, config, architecture, kind)
    files, labels = parts(path), _labels(path, config)
    names = {each.name for each in files}
    dtypes = [_check(each) for each in files if _is_weights(each)]
    read = _text(path, config, names) if kind[-4:] == "text" else _picture(path, names)
    named = any(not re.fullmatch(r"LABEL_\d+", label) for label in labels)
    return {
        **read,
        "format": kind,
        "files": tuple(files),
        "name": architecture,
        "weights": [pair for found in dtypes for pair in found],
        "outputs": [("logits", "float32", (None, len(labels)))],
        "n_outputs": len(labels),
        "scores": _scores(path, config, len(labels)),
        "labels": labels if named else (),
    }


def _json(path: Path, any_content: bool = False) -> dict:
    """Return the object in a JSON file, {} if there is none; refuse what cannot be read.

    Args:
        path: of the file.
        any_content: whether the file may be another library's, and no JSON.
    """
    if not path.is_file():
        return {}
    try:
        if (size := path.stat().st_size) > JSON:
            raise OverflowError(human(size))
        found = parsed(path.read_text("utf-8"))
    except OverflowError as error:
        raise Unusable(
            f"{path} has more in it than is looked into ({error}): take a model with less of it."
        ) from None
    except (ValueError, RecursionError) as error:
        if any_content and isinstance(error, ValueError):
            return {}
        raise Unusable(
            f"{path} is damaged or cut short: copy, download or export it again."
        ) from None
    return found if isinstance(found, dict) else {}


def _labels(path: Path, config: dict) -> tuple[str, ...]:
    """Return the names of the classes, in their order."""
    names = config.get("id2label")
    if not names:
        count = classes(config.get("num_labels", 2), path)
        names = {n: f"LABEL_{n}" for n in range(count)}
    classes(len(names), path)
    return tuple(str(names[key]) for key in sorted(names, key=int))


def _refuse_code(path: Path, config: dict, architecture: str, kind: str) -> None:
    """Refuse a model whose code is not in the locked version of transformers."""
    found = [_json(path / name) for name in CONFIGS]
    found += [part for each in found for part in each.values() if isinstance(part, dict)]
    if any(each.get("auto_map") for each in found):
        raise Unusable(
            f"{path} brings code of its own (auto_map in its JSON files), which loading it would "
            "run: take a model of an architecture that transformers has."
        )
    if config.get("model_type") not in KNOWN[kind].split():
        raise Unusable(
            f"{path} holds {architecture} (model_type {config.get('model_type')}), which this "
            "version of transformers does not have: take a model of another architecture."
        )


def _is_weights(file: Path) -> bool:
    return file.name.startswith(("model", "pytorch_model"))


def _weights(path: Path, names: set[str]) -> set[Path]:
    """Return the files with the weights: safetensors if there are any, else pickled tensors."""
    for stem, ending in (("model", ".safetensors"), ("pytorch_model", ".bin")):
        one, index = f"{stem}{ending}", f"{stem}{ending}.index.json"
        if one in names:
            found = {one}
        elif index in names:
            shards = {*_json(path / index).get("weight_map", {}).values()}
            if missing := sorted(shards - names):
                raise Unusable(
                    f"{path} lacks {missing[0]}, a part of its weights: download it again."
                )
            found = {index, *shards}
        else:
            continue
        return {path / name for name in found}
    others = [name for name in ("tf_model.h5", "flax_model.msgpack") if (path / name).is_file()]
    if others:
        raise Unusable(
            f"{path} has weights of TensorFlow or Flax ({others[0]}), which transformers 5 does "
            "not read: save it again with from_tf=True or from_flax=True of transformers 4."
        )
    exported = next((each for each in path.glob("**/*.onnx")), None)
    if exported:
        raise Unusable(f"{path} has no weights of PyTorch but an ONNX model: give {exported}.")
    raise Unusable(f"{path} has no weights (model.safetensors): download or save it again.")


def _check(file: Path) -> list[tuple[str, int]]:
    """Return the dtypes of weights; refuse those that are cut short, or would run code."""
    if file.suffix == ".json":
        return []
    with file.open("rb") as f, mmap(f.fileno(), 0, access=ACCESS_READ) as data:
        if file.suffix == ".safetensors":
            return torch.stored(data)
        if data[:4] == b"PK\x03\x04":
            return torch.storages(Archive(f), file)
        raise Unusable(
            f"{file} is in PyTorch's format before 1.6: load the model and save it again with "
            "save_pretrained()."
        )


def _scores(path: Path, config: dict, classes: int) -> str:
    """Return what the scores are, by the rule of transformers' pipelines; refuse numbers."""
    problem = config.get("problem_type")
    if classes < 2 or problem == "regression":
        what = "one number" if classes < 2 else f"{classes} numbers"
        raise Unusable(
            f"{path} gives {what} ({problem or 'one output'}), and the page here shows the "
            f"likeliest of several classes: {PIPELINE.format(path=in_command(path, 'FOLDER'))}."
        )
    return "independent" if problem == "multi_label_classification" else "probabilities"


def _text(path: Path, config: dict, names: set[str]) -> dict:
    """Return the input of a text classifier; refuse one without its tokenizer."""
    whole = "tokenizer.json" in names
    if not whole and not {"vocab.txt"} & names and not {"vocab.json", "merges.txt"} <= names:
        other = next((each.name for each in path.glob("*.model")), None)
        base = config.get("_name_or_path") or "the model that it was trained from"
        given, saved = in_command(path if other else base, "MODEL"), in_command(path, "FOLDER")
        reason = f"only {other} of its tokenizer" if other else "no tokenizer"
        raise Unusable(
            f'{path} has {reason}: run, where it was trained, python -c "from transformers import '
            f"AutoTokenizer as T; T.from_pretrained('{given}').save_pretrained('{saved}')\", "
            "which writes tokenizer.json."
        )
    return {"inputs": [("text", "string", (None,))]}


def _picture(path: Path, names: set[str]) -> dict:
    """Return the input of a picture classifier; refuse one without its image processor."""
    if not {"preprocessor_config.json", "processor_config.json"} & names:
        raise Unusable(
            f"{path} has no preprocessor_config.json, which says how pictures are scaled: save "
            f"the image processor too, with processor.save_pretrained('{in_command(path, 'FOLDER')}')."
        )
    return {"inputs": [("pixel_values", "uint8", (None, None, None, 3))]}


def _adapter(path: Path) -> str:
    task = _json(path / "adapter_config.json").get("task_type")
    task = {"SEQ_CLS": "ForSequenceClassification"}.get(task, "Model")
    base = _json(path / "adapter_config.json").get("base_model_name_or_path", "another model")
    return (
        f"{path} is a PEFT adapter of {base}, not a whole model: merge them with "
        f"{MERGE.format(task=task, path=in_command(path, 'FOLDER'))}, save the tokenizer there too, and give merged."
    )


def _timm(path: Path, config: dict) -> dict:
    """Read a folder of timm, whose config.json names network, classes and scaling."""
    name, cfg = str(config["architecture"]), config.get("pretrained_cfg") or config
    channels = (cfg.get("input_size") or [3])[0]
    count = config.get("num_classes", cfg.get("num_classes", 1000))
    if name.partition(".")[0] not in networks.of_timm():
        raise Unusable(
            f"{path} holds {name}, which this version of timm does not have: take a model of "
            "another architecture."
        )
    if not count:
        raise Unusable(f"{path} holds {name} without classes, {OTHERS['Model']}, and {NO_PAGE}.")
    if channels != 3:
        raise Unusable(f"{path} takes {channels} channels and a picture here has 3, and {NO_PAGE}.")
    count = classes(count, path)
    _refuse_arguments(path, config.get("model_args") or {}, {"num_classes": count, "in_chans": 3})
    files = parts(path)
    labels = config.get("label_names") or cfg.get("label_names") or ()
    words = config.get("label_descriptions") or cfg.get("label_descriptions") or {}
    dtypes = [_check(each) for each in files if _is_weights(each)]
    return {
        "format": "timm",
        "files": tuple(files),
        "packages": ("timm",),
        "name": name,
        "weights": [pair for found in dtypes for pair in found],
        "inputs": [("picture", "uint8", (None, None, None, 3))],
        "outputs": [("logits", "float32", (None, count))],
        "n_outputs": count,
        "scores": "logits",
        "labels": tuple(str(words.get(each, each)) for each in labels),
    }


def _refuse_arguments(path: Path, given: dict, known: dict) -> None:
    """Refuse arguments of timm.create_model that make it another thing than a classifier.

    Args:
        path: of the folder.
        given: `model_args` of its config.json, which timm passes on.
        known: what some of them must be.
    """
    for key, value in given.items():
        parts = value if isinstance(value, list) else [value]
        plain = all(each is None or isinstance(each, str | int | float) for each in parts)
        if not plain or OF_TIMM.match(key) or known.get(key, value) != value:
            raise Unusable(
                f"{path} has {key}={json.dumps(value)[:80]} in the model_args of its config.json, "
                f"which no classifier of pictures needs, and {NO_PAGE}."
            )
