"""How improbable a masked language model finds the tokens of a document: what ALPS clusters, before any label."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.errors import ArgumentError, ModelError
from alwidget.learners.base import Batch, Stop
from alwidget.learners.threads import bounded_threads
from alwidget.learners.tokens import Tokeniser, Tokens, model_errors, quiet_transformers, token_batches

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = [
    "MaskedLM",
    "NoMaskedHeadError",
    "WithSurprisal",
    "chosen_tokens",
    "logits_at",
    "masked_head",
    "masked_model",
]

SHARE = 0.15
LEAST_LENGTH = 8
TOKENS = {"cpu": 2048, "cuda": 32_768}
"""Tokens that a batch may hold."""
LOGIT_BYTES = 256 << 20
"""What the scores of the whole vocabulary may take for the chosen tokens of a batch."""
KEPT = 200_000
"""Documents whose surprisal is remembered: candidates come again in later rounds."""
WINDOW = 4096
HEADS = {
    "bert": "cls.predictions.",
    "roberta": "lm_head.",
    "xlm-roberta": "lm_head.",
    "camembert": "lm_head.",
    "mpnet": "lm_head.",
    "distilbert": "vocab_transform.",
    "electra": "generator_predictions.",
    "albert": "predictions.",
}
"""How the weights of the head over the vocabulary begin."""
LONGEST_HEADER = 64 << 20
OFFSET_POSITIONS = {"roberta", "xlm-roberta", "camembert", "mpnet"}
"""Their positions begin after the padding's."""


class NoMaskedHeadError(ModelError, AttributeError):
    """The model is no masked language model; an `AttributeError` too, so that `hasattr` answers False."""


class MaskedLM:
    """A model folder as a masked language model.

    Parameters
    ----------
    folder
        A local model folder whose weights include the head over the vocabulary (or are tied to it).
    device
        ``"cpu"``, ``"cuda"``, …; None: a CUDA GPU if there is one.
    """

    def __init__(self, folder: str | Path, *, device: str | None = None) -> None:
        self.folder, self.device = Path(folder), device
        self._model: Any = None
        self._positions = 512
        self._tokenisers: dict[int, Tokeniser] = {}
        self._for: tuple[int, int] | None = None
        self._known: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}

    def load(self) -> None:
        """Load the weights; idempotent.

        Raises
        ------
        alwidget.errors.ModelError
            The folder is no model that can be loaded, or one without a masked-language-modelling head: a decoder, an
            encoder-decoder, an ELECTRA discriminator, a sentence encoder that was saved without its head. What counts
            is the weights that are there, not what the configuration says.
        """
        if self._model is not None:
            return
        import torch

        with bounded_threads():
            model = masked_model(self.folder)
        config = model.config
        self.device = self.device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._positions = int(getattr(config, "max_position_embeddings", 0) or 512)
        self._positions -= 2 * (config.model_type in OFFSET_POSITIONS)
        self._model = model.to(self.device)

    def surprisal(self, documents: Batch, *, seed: int, length: int = 128, stop: Stop | None = None) -> csr_array:
        """Return ``-log p(token | document)`` for some tokens of each document (ALPS, Yuan, Lin & Boyd-Graber 2020).

        The documents are read unmasked. Of the tokens that are not special each is chosen with probability 0.15, and
        one at least, by the seed and the document's content alone: other documents change nothing.

        Parameters
        ----------
        documents
            n documents.
        seed
            Where the choice of tokens comes from.
        length
            Tokens that are read of each document, special ones included, and columns of the answer; at least 8.
        stop
            Looked at before every batch.

        Returns
        -------
        scipy.sparse.csr_array
            float32 (n, length): surprisal in nats where a token was chosen, by its place in the document; a document
            without tokens is a row of zeros.

        Raises
        ------
        alwidget.errors.ModelError
            The model is no masked language model.
        alwidget.errors.ArgumentError
            `length` is below 8.
        alwidget.errors.Cancelled
            `stop` was set.
        """
        from scipy.sparse import csr_array

        if length < LEAST_LENGTH:
            message = f"length={length!r}: it must be a whole number, {LEAST_LENGTH} or more."
            raise ArgumentError(message)
        self.load()
        if self._for != (seed, length) or len(self._known) > KEPT:
            self._known, self._for = {}, (seed, length)
        missing = [i for i, key in enumerate(documents.keys) if key not in self._known]
        for start in range(0, len(missing), WINDOW):
            self._read(documents.take(missing[start : start + WINDOW]), seed, length, stop)
        rows = [self._known[key] for key in documents.keys]
        ends = np.cumsum([0, *(len(places) for places, _ in rows)])
        places = np.concatenate([np.empty(0, dtype=np.int32), *(places for places, _ in rows)])
        values = np.concatenate([np.empty(0, dtype=np.float32), *(values for _, values in rows)])
        return csr_array((values, places, ends), shape=(len(rows), length), dtype=np.float32)

    def _read(self, documents: Batch, seed: int, length: int, stop: Stop | None) -> None:
        """Remember the surprisal of some documents."""
        tokens = self._tokenised(documents, length, stop)
        special = self._special(length)
        chosen = [
            chosen_tokens(tokens.ids[start:end], special, key, seed)
            for key, start, end in zip(documents.keys, tokens.offsets[:-1], tokens.offsets[1:], strict=True)
        ]
        with bounded_threads():
            for rows, values in self._batches(tokens, chosen, stop):
                parts = np.split(values, np.cumsum([len(chosen[i]) for i in rows])[:-1])
                for i, part in zip(rows.tolist(), parts, strict=True):
                    self._known[documents.keys[i]] = chosen[i].astype(np.int32), part

    def _batches(
        self, tokens: Tokens, chosen: list[np.ndarray], stop: Stop | None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield documents, and the surprisal float32 of their chosen tokens, one document after the other."""
        vocabulary = int(self._model.config.vocab_size)
        most = TOKENS["cpu" if str(self.device).startswith("cpu") else "cuda"]
        for rows in token_batches(tokens.lengths, max(min(most, int(LOGIT_BYTES / (4 * vocabulary * SHARE))), 1)):
            if stop is not None:
                stop.check()
            batch = tokens.padded(rows)
            width = batch["input_ids"].shape[1]
            at = np.concatenate([chosen[i] + row * width for row, i in enumerate(rows)])
            yield rows, self._losses(batch, at) if len(at) else np.empty(0, dtype=np.float32)

    def _losses(self, batch: dict[str, np.ndarray], at: np.ndarray) -> np.ndarray:
        """Return -log p of the tokens at some places of a batch, counted row by row, float32."""
        import torch

        tensors = {name: torch.from_numpy(array).to(self.device) for name, array in batch.items()}
        places = torch.from_numpy(at).to(self.device)
        targets = tensors["input_ids"].reshape(-1)[places]
        with torch.inference_mode():
            logits = logits_at(self._model, tensors, places)[0].float()
            found = logits.logsumexp(-1) - logits.gather(1, targets[:, None])[:, 0]
        losses: np.ndarray = found.clamp(min=0).cpu().numpy()
        return losses

    def _tokenised(self, documents: Batch, length: int, stop: Stop | None) -> Tokens:
        return self._tokeniser(length)(documents.texts, documents.pairs, stop=stop)

    def _tokeniser(self, length: int) -> Tokeniser:
        if length not in self._tokenisers:
            self._tokenisers = {length: Tokeniser(self.folder, max_length=length, limit=min(length, self._positions))}
        return self._tokenisers[length]

    def _special(self, length: int) -> np.ndarray:
        """Return the ids of tokens that stand for no text; an unknown word is text."""
        inner = self._tokeniser(length).inner
        return np.array(sorted(set(inner.all_special_ids) - {inner.unk_token_id}), dtype=np.int64)


class WithSurprisal:
    """Mix-in for learners that stand on a transformer's folder; they say which in `_masked_folder`."""

    _masked: MaskedLM | NoMaskedHeadError | None = None

    def _masked_folder(self) -> tuple[Path, str | None]:
        """Return the folder, and the device to run it on."""
        raise NotImplementedError

    @property
    def masked_head(self) -> bool | None:
        """Whether the model is a masked language model, as far as its files tell; None where they do not.

        Nothing is loaded. `surprisal` knows for sure.
        """
        if self._masked is not None:
            return isinstance(self._masked, MaskedLM)
        return masked_head(self._masked_folder()[0])

    @property
    def surprisal(self) -> Callable[..., csr_array]:
        """`MaskedLM.surprisal` of the pretrained model, whatever was learned since.

        Raises
        ------
        alwidget.errors.ModelError
            The model is no masked language model, or cannot be loaded. The former is an `AttributeError` too:
            ``hasattr(learner, "surprisal")`` tells whether ALPS can be asked, and loads the model to know.
        """
        if self._masked is None:
            folder, device = self._masked_folder()
            masked = MaskedLM(folder, device=device)
            try:
                masked.load()
            except NoMaskedHeadError as error:
                self._masked = error
                raise
            self._masked = masked
        if isinstance(self._masked, NoMaskedHeadError):
            raise NoMaskedHeadError(*self._masked.args)
        return self._masked.surprisal


@lru_cache(maxsize=16)
def masked_head(folder: Path) -> bool | None:
    """Return whether the weights in a folder include a head over the vocabulary; None where their names do not tell.

    Reads the configuration and the names of the weights, so it takes a millisecond and no torch.
    """
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
        prefix = HEADS.get(str(kind))
        files = sorted(folder.glob("*.safetensors"))
        names = [name for file in files for name in _weight_names(file)]
    except (OSError, ValueError, AttributeError):
        return None
    return None if prefix is None or not names else any(name.startswith(prefix) for name in names)


def _weight_names(file: Path) -> list[str]:
    """Return the names in the header of a safetensors file: its length as 8 bytes, then JSON."""
    with file.open("rb") as opened:
        size = int.from_bytes(opened.read(8), "little")
        return list(json.loads(opened.read(min(size, LONGEST_HEADER))))


def masked_model(folder: Path) -> Any:
    """Return a masked language model in single precision, in eval mode, on the CPU; its weights want no gradient.

    Raises
    ------
    alwidget.errors.ModelError
        As for `MaskedLM.load`.
    """
    import torch
    from transformers import MODEL_FOR_MASKED_LM_MAPPING, AutoConfig, AutoModelForMaskedLM

    with quiet_transformers(), model_errors(folder), torch.random.fork_rng(devices=[]):
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        if config.__class__ not in MODEL_FOR_MASKED_LM_MAPPING or getattr(config, "is_encoder_decoder", False):
            raise _lacking(folder, [], config.model_type)
        model, told = AutoModelForMaskedLM.from_pretrained(
            str(folder),
            config=config,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    # of weights that are tied only the first name counts: the other may be missing
    missing = sorted(set(told["missing_keys"]) & {name for name, _ in model.named_parameters()})
    if missing:
        raise _lacking(folder, missing, config.model_type)
    return model.to(torch.float32).eval().requires_grad_(requires_grad=False)


def logits_at(model: Any, tensors: dict[str, Any], places: Any) -> tuple[Any, Any]:
    """Return scores of the vocabulary (k, V) at some places, counted row by row, and the last states (n, length, d).

    The head, as wide as the vocabulary, sees only those places. Whatever the architecture calls its head, it is what
    runs after the base model: so the base model is made to hand on the chosen vectors alone.
    """
    seen: list[Any] = []

    def narrowed(_module: Any, _given: Any, output: Any) -> Any:
        hidden = output[0]
        seen.append(hidden)
        some = hidden.reshape(-1, hidden.shape[-1])[places][None]
        if isinstance(output, tuple):
            return (some, *output[1:])
        output["last_hidden_state"] = some
        return output

    base = model.base_model
    hook = base.register_forward_hook(narrowed) if base is not model else None
    try:
        logits = model(**tensors).logits
    finally:
        if hook is not None:
            hook.remove()
    logits = logits.reshape(-1, logits.shape[-1])
    return (logits if len(logits) == len(places) else logits[places]), (seen[0] if seen else None)


def chosen_tokens(ids: np.ndarray, special: np.ndarray, key: bytes, seed: int) -> np.ndarray:
    """Return the places of a document's tokens that are looked at, ascending, int64.

    Each token that is not special is chosen with probability 0.15, by the seed and the content hash of the document;
    where that chooses none, one is.

    >>> chosen_tokens(np.array([2, 9, 9, 3]), np.array([2, 3]), b"key", 0).tolist() in ([1], [2], [1, 2])
    True
    """
    places = np.flatnonzero(~np.isin(ids, special))
    if not len(places):
        return places
    digest = hashlib.blake2b(f"{seed} ".encode() + key, digest_size=8).digest()
    rng = np.random.default_rng(int.from_bytes(digest, "little"))
    some = places[rng.random(len(places)) < SHARE]
    return some if len(some) else places[[int(rng.integers(len(places)))]]


def _lacking(folder: Path, missing: list[str], kind: str) -> NoMaskedHeadError:
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    why = f"its weights lack {missing[0]}{more}" if missing else f"a {kind} is none"
    return NoMaskedHeadError(
        f"{folder.name} is no masked language model: {why}. Surprisal (for ALPS) needs one with its head, such as "
        "bert-base-cased or roberta-base."
    )
