"""A real transformer of a few thousand weights, made on the spot: everything of the real thing but its size."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from alwidget.learners import Batch, Labelled

WORLD = [
    "the",
    "minister",
    "signed",
    "a",
    "treaty",
    "with",
    "the",
    "neighbouring",
    "country",
    "after",
    "long",
    "talks",
    "about",
    "the",
    "border",
]
SPORT = [
    "the",
    "striker",
    "scored",
    "twice",
    "in",
    "the",
    "final",
    "match",
    "and",
    "the",
    "coach",
    "praised",
    "the",
    "team",
    "for",
    "its",
    "defence",
]
CLASSES = ("World", "Sports")


def sentences(n: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Return n sentences about politics or football, made of shuffled words, and which of the two each is about."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    texts = [" ".join(rng.choice((WORLD, SPORT)[c], rng.integers(3, 14))) + f" {i}" for i, c in enumerate(y)]
    return texts, y.astype(np.int64)


def batch(texts: list[str], pairs: list[str] | None = None) -> Batch:
    """Return the documents with their content hashes."""
    from alwidget.pool import content_hash

    second = pairs or [None] * len(texts)
    return Batch(texts, [content_hash(a, b) for a, b in zip(texts, second, strict=True)], pairs)


def labelled(n: int, seed: int = 0) -> Labelled:
    """Return n labelled sentences."""
    texts, y = sentences(n, seed)
    return Labelled(batch(texts), y, CLASSES)


def several(n: int, seed: int = 0) -> Labelled:
    """Return n documents of up to two sentences and all labels that hold: politics, football, and "long"."""
    rng = np.random.default_rng(seed)
    y = rng.random((n, 2)) < (0.5, 0.4)
    parts = [[" ".join(rng.choice(words, rng.integers(3, 9))) for words in (WORLD, SPORT)] for _ in range(n)]
    texts = [
        ". ".join(part for part, there in zip(both, row, strict=True) if there)
        for both, row in zip(parts, y, strict=True)
    ]
    texts = [f"{text} {i}" for i, text in enumerate(texts)]
    long = np.array([len(text.split()) > 8 for text in texts])
    return Labelled(batch(texts), np.column_stack([y, long]), (*CLASSES, "long"))


def make_tiny(folder: Path, *, seed: int = 0, pooling: str | None = None, normalise: bool = False) -> Path:
    """Write a tiny BERT with a word-piece tokeniser for the sentences above, and return its folder."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    # trained vocabularies differ from run to run where pieces are equally frequent; this one does not
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters)]
    pieces += sorted({*WORLD, *SPORT} - set(pieces))
    inner = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer(lowercase=True)
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokeniser = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )
    config = BertConfig(
        vocab_size=inner.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertModel(config)
        for p in model.parameters():  # the usual 0.02 makes all vectors alike
            if p.ndim > 1:
                torch.nn.init.normal_(p, std=0.2)
    model.save_pretrained(folder)
    tokeniser.save_pretrained(folder)
    if pooling is not None:
        kinds = ["Transformer", "Pooling"] + (["Normalize"] if normalise else [])
        paths = ["", "1_Pooling", "2_Normalize"]
        modules = [
            {"idx": i, "name": str(i), "path": paths[i], "type": f"sentence_transformers.models.{kind}"}
            for i, kind in enumerate(kinds)
        ]
        (folder / "modules.json").write_text(json.dumps(modules))
        (folder / "1_Pooling").mkdir()
        flags = {f"pooling_mode_{name}": name == pooling for name in ("cls_token", "mean_tokens", "max_tokens")}
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(flags))
        (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 32}))
    return folder


def make_masked(folder: Path, *, seed: int = 0, like: str = "bert") -> Path:
    """Write a tiny masked language model, head and all, and return its folder; it has the tokeniser of `make_tiny`."""
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer, BertConfig, DistilBertConfig, RobertaConfig

    make_tiny(folder, seed=seed)
    words = len(AutoTokenizer.from_pretrained(str(folder), local_files_only=True))
    size = {
        "vocab_size": words,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    }
    config = {
        "bert": lambda: BertConfig(max_position_embeddings=64, **size),
        "roberta": lambda: RobertaConfig(max_position_embeddings=66, pad_token_id=0, **size),
        "distilbert": lambda: DistilBertConfig(
            vocab_size=words, max_position_embeddings=64, dim=32, n_layers=2, n_heads=2, hidden_dim=64
        ),
    }[like]()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForMaskedLM.from_config(config)
        for p in model.parameters():
            if p.ndim > 1:
                torch.nn.init.normal_(p, std=0.2)
    model.save_pretrained(folder)
    return folder
