"""Real encoder-decoders of some ten thousand weights, BART's and T5's kind, with a tokeniser for the tests' sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from alwidget.learners import Labelled
from tiny_models import SPORT, WORLD, batch

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


def headlines(n: int, seed: int = 0) -> Labelled:
    """Return n sentences of five to nine words, and as their headline the first three."""
    rng = np.random.default_rng(seed)
    words = sorted({*WORLD, *SPORT})
    texts = [" ".join(rng.choice(words, rng.integers(5, 10))) for _ in range(n)]
    return Labelled(batch(texts), [" ".join(text.split()[:3]) for text in texts], ())


def make_writer(folder: Path, kind: str = "bart", *, seed: int = 0, dropout: float = 0.1) -> Path:
    """Write an encoder-decoder of width 64 with a tokeniser, and return its folder."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import (
        BartConfig,
        BartForConditionalGeneration,
        PreTrainedTokenizerFast,
        T5Config,
        T5ForConditionalGeneration,
    )

    # trained vocabularies differ from run to run where words are equally frequent; this one does not
    vocabulary = [*SPECIAL, *sorted({*WORLD, *SPORT})]
    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(vocabulary)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>" if kind == "bart" else "$A </s>",
        pair="<s> $A </s> $B </s>" if kind == "bart" else "$A </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    tokeniser = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=64,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == "bart":
            model = BartForConditionalGeneration(
                BartConfig(
                    vocab_size=len(vocabulary),
                    d_model=64,
                    encoder_layers=2,
                    decoder_layers=2,
                    encoder_attention_heads=4,
                    decoder_attention_heads=4,
                    encoder_ffn_dim=128,
                    decoder_ffn_dim=128,
                    max_position_embeddings=64,
                    dropout=dropout,
                )
            )
        else:
            model = T5ForConditionalGeneration(
                T5Config(
                    vocab_size=len(vocabulary),
                    d_model=64,
                    d_kv=16,
                    d_ff=128,
                    num_layers=2,
                    num_heads=4,
                    dropout_rate=dropout,
                    pad_token_id=1,
                    eos_token_id=2,
                    decoder_start_token_id=1,
                )
            )
    model.save_pretrained(folder)
    tokeniser.save_pretrained(folder)
    return folder


def make_polyglot(folder: Path, kind: str = "mbart", *, seed: int = 0, **languages: str) -> Path:
    """Write a tiny mBART with mBART's own kind of tokeniser, or mBART-50's, and return its folder.

    Both name the language of a text by a token: mBART behind it, mBART-50 before it.
    """
    import torch
    from transformers import MBart50Tokenizer, MBartConfig, MBartForConditionalGeneration, MBartTokenizer

    made = {"mbart": MBartTokenizer, "mbart50": MBart50Tokenizer}[kind]
    vocabulary = [(token, 0.0) for token in ("<s>", "<pad>", "</s>", "<unk>")]
    vocabulary += [("▁", -9.0), *((f"▁{word}", -2.0) for word in sorted({*WORLD, *SPORT}))]
    tokeniser = made(vocab=vocabulary, model_max_length=64, **languages)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = MBartForConditionalGeneration(
            MBartConfig(
                vocab_size=len(tokeniser),
                d_model=64,
                encoder_layers=2,
                decoder_layers=2,
                encoder_attention_heads=4,
                decoder_attention_heads=4,
                encoder_ffn_dim=128,
                decoder_ffn_dim=128,
                max_position_embeddings=64,
            )
        )
    model.save_pretrained(folder)
    tokeniser.save_pretrained(folder)
    return folder
