"""Make small models of Hugging Face transformers, and folders of its relatives.

Weights are random but for their scale: random heads answer all inputs alike.
"""
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch==2.13.0", "transformers", "pillow<13", "numpy"]  # as Gradio
# ///

import json
import shutil
from pathlib import Path

import numpy as np
import torch
import transformers as hf
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

hf.logging.set_verbosity_error()
HERE = Path.cwd()
TEXTS = ["I loved every minute of it!", "Terrible. Never again...", "Größe: 你好, it is fine"]
CORPUS = [*TEXTS, "the quick brown fox jumps over the lazy dog", "0 1 2 3 4 5 6 7 8 9"] * 20
NAMES = {0: "negative", 1: "neutral", 2: "positive"}
SMALL = {
    "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 48,
}  # fmt: skip
HEAD = {"num_labels": 3, "id2label": NAMES, "label2id": {v: k for k, v in NAMES.items()}}
truth = []


def tell(
    file: str, given: object, answer: object, probability: float | None = None, **more
) -> None:
    """Add an entry to truth.json."""
    entry = {"file": file, "input": given, "answer": answer, "expect": "right", **more}
    truth.append(entry | ({} if probability is None else {"probability": probability}))


def refuse(file: str, why: str) -> None:
    """Add an entry for a folder that has to be refused."""
    truth.append({"file": file, "input": "", "answer": None, "expect": "refused", "why": why})


def wordpiece() -> Tokenizer:
    """Train BERT's kind of tokenizer."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=special)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def bytes_() -> Tokenizer:
    """Train the kind of tokenizer that RoBERTa and GPT-2 have."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def spread(model: torch.nn.Module) -> torch.nn.Module:
    """Enlarge the weights, so that different inputs have different answers."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 0.35)
    return model.eval()


def classify_texts(name: str, texts: list[str] | None = None, **more) -> None:
    """Ask the library's own pipeline about texts."""
    pipe = hf.pipeline("text-classification", model=name, device="cpu", dtype=torch.float32)
    for text in texts or TEXTS:
        best = pipe(text, truncation=True, max_length=more.pop("max_length", None))[0]
        tell(name, text, best["label"], best["score"], **more)


def text_models() -> None:
    """Text classifiers of several families, and ways to save them."""
    fast = hf.PreTrainedTokenizerFast(
        tokenizer_object=wordpiece(), unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]",
        sep_token="[SEP]", mask_token="[MASK]", model_max_length=64,
    )  # fmt: skip
    size = {"vocab_size": len(fast), **SMALL, **HEAD}
    bert = spread(hf.BertForSequenceClassification(hf.BertConfig(**size)))
    bert.save_pretrained("bert")
    fast.save_pretrained("bert")
    classify_texts("bert", [*TEXTS, "the lazy dog " * 60])

    # Several labels at once, each with a probability of its own.
    bert.config.problem_type = "multi_label_classification"
    bert.save_pretrained("several-labels")
    fast.save_pretrained("several-labels")
    bert.config.problem_type = None
    classify_texts("several-labels")

    # As a Trainer leaves it: what is for training only is no part of the model.
    shutil.copytree("bert", "trained/checkpoint-20")
    shutil.copytree("bert", "trained/checkpoint-100")
    for folder in Path("trained").iterdir():
        torch.save({"step": 1}, folder / "optimizer.pt")
        (folder / "training_args.bin").write_bytes(b"pickled arguments")
    spread(bert).save_pretrained("trained/checkpoint-20")
    pipe = hf.pipeline("text-classification", model="trained/checkpoint-100", device="cpu")
    best = pipe(TEXTS[0])[0]
    tell("trained", TEXTS[0], best["label"], best["score"])

    # As transformers 4 saved it: a vocabulary of words, pickled tensors.
    old = Path("bert-of-4")
    shutil.copytree("bert", old)
    (old / "model.safetensors").unlink()
    torch.save(bert.state_dict(), old / "pytorch_model.bin")
    classify_texts(str(old))

    words = Path("bert-vocab-txt")
    shutil.copytree("bert", words)
    (words / "tokenizer.json").unlink()
    vocabulary = sorted(fast.get_vocab().items(), key=lambda pair: pair[1])
    (words / "vocab.txt").write_text("".join(f"{word}\n" for word, _ in vocabulary), "utf-8")
    config = {"tokenizer_class": "BertTokenizer", "do_lower_case": False, "model_max_length": 64}
    (words / "tokenizer_config.json").write_text(json.dumps(config))
    classify_texts(str(words))

    # Models without types of tokens have tokenizers that give none.
    inputs = {"model_input_names": ["input_ids", "attention_mask"]}
    untyped = hf.PreTrainedTokenizerFast.from_pretrained("bert", **inputs)
    half = hf.DistilBertForSequenceClassification(
        hf.DistilBertConfig(vocab_size=len(fast), dim=32, n_layers=1, n_heads=2, hidden_dim=48,
                            **HEAD)
    )  # fmt: skip
    spread(half).half().save_pretrained("distilbert-half")
    untyped.save_pretrained("distilbert-half")
    classify_texts("distilbert-half")

    sharded = spread(hf.ElectraForSequenceClassification(hf.ElectraConfig(**size)))
    sharded.save_pretrained("electra-sharded", max_shard_size="20KB")
    fast.save_pretrained("electra-sharded")
    classify_texts("electra-sharded")

    unnamed = hf.MPNetConfig(vocab_size=len(fast), num_labels=2, **SMALL)
    spread(hf.MPNetForSequenceClassification(unnamed)).save_pretrained("mpnet-unnamed")
    untyped.save_pretrained("mpnet-unnamed")
    classify_texts("mpnet-unnamed")

    wide = hf.PreTrainedTokenizerFast(
        tokenizer_object=bytes_(), unk_token="<unk>", pad_token="<pad>", bos_token="<s>",
        cls_token="<s>", sep_token="</s>", eos_token="</s>", mask_token="<mask>", **inputs,
    )  # fmt: skip
    size = {"vocab_size": len(wide), "pad_token_id": 1, **SMALL, **HEAD}
    roberta = hf.RobertaConfig(max_position_embeddings=66, **size)
    spread(hf.RobertaForSequenceClassification(roberta)).save_pretrained("roberta")
    wide.save_pretrained("roberta")
    classify_texts("roberta")
    classify_texts("roberta", ["a lazy dog, a quick fox, " * 40], max_length=64)

    gpt2 = hf.GPT2Config(
        vocab_size=len(wide), n_embd=32, n_layer=1, n_head=2, pad_token_id=1, **HEAD
    )
    spread(hf.GPT2ForSequenceClassification(gpt2)).save_pretrained("gpt2")
    wide.save_pretrained("gpt2")
    classify_texts("gpt2")

    refused_texts(bert, fast)


def refused_texts(bert: hf.PreTrainedModel, fast: hf.PreTrainedTokenizerFast) -> None:
    """Folders that no page can show, or that lack a part."""
    bert.save_pretrained("no-tokenizer")
    refuse("no-tokenizer", "has no tokenizer")
    size = {"vocab_size": len(fast), **SMALL}
    others = {
        "masked": (hf.BertForMaskedLM(hf.BertConfig(**size)), "BertForMaskedLM"),
        "words": (hf.BertForTokenClassification(hf.BertConfig(**size)), "labels words"),
        "embeddings": (hf.BertModel(hf.BertConfig(**size)), "an embedding model"),
        "language-model": (
            hf.GPT2LMHeadModel(hf.GPT2Config(vocab_size=len(fast), n_embd=8, n_layer=1, n_head=2)),
            "a language model",
        ),
        "regression": (
            hf.BertForSequenceClassification(hf.BertConfig(num_labels=1, **size)), "one number",
        ),
    }  # fmt: skip
    for name, (model, why) in others.items():
        model.save_pretrained(name)
        fast.save_pretrained(name)
        refuse(name, why)
    shutil.copytree("embeddings", "sentence-transformers")
    Path("sentence-transformers/modules.json").write_text("[]")
    refuse("sentence-transformers", "embeddings")
    shutil.copytree("bert", "own-code")
    config = json.loads(Path("own-code/config.json").read_text())
    config["auto_map"] = {"AutoModelForSequenceClassification": "modeling_own.Own"}
    Path("own-code/config.json").write_text(json.dumps(config))
    refuse("own-code", "auto_map")
    shutil.copytree("bert", "cut-short")
    weights = Path("cut-short/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-100])
    refuse("cut-short", "cut short")
    Path("adapter").mkdir()
    adapter = {"task_type": "SEQ_CLS", "base_model_name_or_path": "bert"}
    Path("adapter/adapter_config.json").write_text(json.dumps(adapter))
    refuse("adapter", "PEFT adapter of bert")
    Path("drawing").mkdir()
    Path("drawing/model_index.json").write_text("{}")
    refuse("drawing", "diffusers")
    Path("timm").mkdir()
    shutil.copy("bert/model.safetensors", "timm")
    timm = {"architecture": "resnet1", "num_classes": 3}
    Path("timm/config.json").write_text(json.dumps(timm))
    refuse("timm", "resnet1, which this version of timm does not have")


def pictures() -> list[str]:
    """Draw pictures of different sizes."""
    rng = np.random.default_rng(0)
    names = []
    for n, (height, width) in enumerate([(90, 60), (40, 200), (64, 64)]):
        coarse = rng.integers(0, 255, (height // 10, width // 10, 3)).astype(np.uint8)
        names.append(f"{n}.png")
        Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(names[-1])
    return names


def picture_models() -> None:
    """Picture classifiers, each with the image processor of its family."""
    square = {"height": 32, "width": 32}
    vit = {"image_size": 32, "patch_size": 8, **SMALL, **HEAD}
    found = {
        "vit": (
            hf.ViTForImageClassification(hf.ViTConfig(**vit)), hf.ViTImageProcessor(size=square)
        ),
        "deit": (
            hf.DeiTForImageClassificationWithTeacher(hf.DeiTConfig(**vit)),
            hf.DeiTImageProcessor(size={"height": 36, "width": 36}, crop_size=square),
        ),
        "beit": (
            hf.BeitForImageClassification(hf.BeitConfig(**vit)),
            hf.BeitImageProcessor(size=square, do_center_crop=False),
        ),
        "resnet": (
            hf.ResNetForImageClassification(
                hf.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], **HEAD)
            ),
            hf.ConvNextImageProcessor(size={"shortest_edge": 32}, crop_pct=0.875),
        ),
        "convnext": (
            hf.ConvNextForImageClassification(
                hf.ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2, **HEAD)
            ),
            hf.ConvNextImageProcessor(size={"shortest_edge": 384}),
        ),
        "mobilenet": (
            hf.MobileNetV2ForImageClassification(
                hf.MobileNetV2Config(depth_multiplier=0.2, image_size=32, **HEAD)
            ),
            hf.MobileNetV2ImageProcessor(size={"shortest_edge": 40}, crop_size=square),
        ),
        "swin": (
            hf.SwinForImageClassification(
                hf.SwinConfig(image_size=32, patch_size=4, embed_dim=8, depths=[1, 1],
                              num_heads=[1, 2], window_size=4, **HEAD)
            ),
            hf.ViTImageProcessor(size=square, resample=3),
        ),
    }  # fmt: skip
    files = pictures()
    for name, (model, processor) in found.items():
        spread(model).save_pretrained(name)
        processor.save_pretrained(name)
        pipe = hf.pipeline("image-classification", model=name, device="cpu")
        for file in files:
            best = pipe(Image.open(file))[0]
            tell(name, file, best["label"], best["score"])
    shutil.copytree("vit", "no-processor")
    Path("no-processor/preprocessor_config.json").unlink()
    refuse("no-processor", "preprocessor_config.json")
    detr = {"architectures": ["DetrForObjectDetection"], "model_type": "detr"}
    shutil.copytree("vit", "detector")
    Path("detector/config.json").write_text(json.dumps(detr))
    refuse("detector", "a detector")


if __name__ == "__main__":
    text_models()
    picture_models()
    Path("truth.json").write_text(json.dumps(truth, indent=1))
