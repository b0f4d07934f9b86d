"""A frozen encoder: texts in, vectors out, as fast as the machine allows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from alwidget.errors import ModelError
from alwidget.learners.base import Progress, Stop
from alwidget.learners.pooling import Pooling, read_pooling
from alwidget.learners.threads import ThreadTuner, bounded_threads
from alwidget.learners.tokens import Tokeniser, model_errors, quiet_transformers, token_batches

__all__ = ["Encoder", "cpu_has_bfloat16", "folder_identity"]

WINDOW = 4096
"""Documents sorted by length together; their token ids are all that is in memory of them."""
REFERENCE_PARAMETERS = 10_600_000
"""Those of all-MiniLM-L6-v2 without its embeddings, for which the budgets below take 60 to 90 ms on two cores."""
CPU_TOKENS = {"fp32": 512, "bf16": 1024}
GPU_TOKENS = 32_768
DEFAULT_LENGTH = 256
CLOSE = 0.999
"""The cosine to single precision below which bfloat16 is not used."""
PROBE = (
    "The committee will publish its report on Thursday.",
    "a dull film, badly lit and far too long",
    "How many rivers flow into the Caspian Sea?",
    "Αυτή η γρήγορη καφέ αλεπού — 敏捷的棕色狐狸 — быстрая лиса; x = 3.14, e-mail: a@b.org",
)


class Encoder:
    """A model folder that transformers reads, with the pooling that its sentence-transformers files ask for.

    Texts are tokenised once, sorted by length and run in batches that hold a bounded number of tokens, padding
    included. The budget depends on the size of the model alone, never on the clock, so that the same texts always meet
    in the same batch and give the same vectors. On CPUs that multiply bfloat16 natively the weights are bfloat16, if
    four probe sentences keep a cosine of 0.999 to their vectors in single precision.

    Parameters
    ----------
    folder
        A local model folder; `alwidget.learners.hub` finds or fetches one.
    device
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``; None: a CUDA GPU if there is one.
    dtype
        ``"auto"``, ``"fp32"``, ``"bf16"`` or ``"fp16"``.
    max_length
        Tokens a text may have; by default what the folder says, else 256.
    token_budget
        Tokens a batch may have.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        device: str | None = None,
        dtype: str = "auto",
        max_length: int | None = None,
        token_budget: int | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.device = device
        self.dtype = dtype
        self.notes: tuple[str, ...] = ()
        self._wanted_length, self._budget = max_length, token_budget
        self._model: Any = None
        self._threads = ThreadTuner()

    @property
    def loaded(self) -> bool:
        """Whether `load` has been called."""
        return self._model is not None

    def load(self) -> None:
        """Load tokeniser and weights; idempotent.

        Raises
        ------
        alwidget.errors.ModelError
            The folder is not a model that can be loaded.
        """
        if self.loaded:
            return
        import torch

        if self.device is None:
            self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.pooling: Pooling = read_pooling(self.folder)
        with bounded_threads(), quiet_transformers(), model_errors(self.folder):
            model, limit = self._read()
            wanted = self._wanted_length or self.pooling.max_length or DEFAULT_LENGTH
            self._tokenise = Tokeniser(self.folder, max_length=wanted, limit=limit)
            self.max_length = self._tokenise.max_length
            self.dim = int(model.config.hidden_size)
            size = sum(p.numel() for p in model.parameters()) - model.get_input_embeddings().weight.numel()
            model, self.dtype = self._placed(model, torch)
        self._budget = self._budget or _token_budget(max(size, 1), self.device, self.dtype)
        self._model = model

    @property
    def identity(self) -> str:
        """What the vectors depend on: weights, tokeniser, pooling, length, precision."""
        self.load()
        return f"{folder_identity(self.folder)} {self.pooling} {self.max_length} {self.dtype}"

    def encode(
        self,
        texts: Sequence[str],
        pairs: Sequence[str] | None = None,
        *,
        stop: Stop | None = None,
        progress: Progress | None = None,
    ) -> np.ndarray:
        """Return vectors in the order of the texts, float32 (n, dim).

        Raises
        ------
        alwidget.errors.Cancelled
            `stop` was set; it is looked at before every batch.
        """
        self.load()
        out = np.zeros((len(texts), self.dim), dtype=np.float32)
        done = 0
        for positions, vectors in self.batches(texts, pairs, stop=stop):
            out[positions] = vectors
            done += len(positions)
            if progress is not None:
                progress("embedding", done, len(texts))
        return out

    def batches(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, stop: Stop | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield positions int64 (k,) and their vectors float32 (k, dim) as they are ready, each position once."""
        self.load()
        starts = [*range(0, len(texts), WINDOW), len(texts)]
        for start, end in pairwise(starts):
            some = texts[start:end]
            tokens = self._tokenise(some, None if pairs is None else pairs[start:end], stop=stop)
            for rows in token_batches(tokens.lengths, self._budget or 1):
                if stop is not None:
                    stop.check()
                yield rows + start, self._forward(tokens.padded(rows))

    def _forward(self, batch: dict[str, np.ndarray]) -> np.ndarray:
        import torch

        with self._inference(batch):
            return self._pooled(self._model, batch, torch)

    @contextmanager
    def _inference(self, batch: dict[str, np.ndarray]) -> Iterator[None]:
        import torch

        on_cpu = str(self.device).startswith("cpu")
        with self._threads.measured(batch["input_ids"].size) if on_cpu else nullcontext(), torch.inference_mode():
            yield

    def _pooled(self, model: Any, batch: dict[str, np.ndarray], torch: Any) -> np.ndarray:
        mask = torch.from_numpy(batch["attention_mask"]).to(self.device)
        vectors: np.ndarray = self.pooling.apply(self._hidden(model, batch, torch), mask).cpu().numpy()
        return vectors

    def _hidden(self, model: Any, batch: dict[str, np.ndarray], torch: Any) -> Any:
        """Return the states that vectors are made from, (n, length, d)."""
        tensors = {name: torch.from_numpy(array).to(self.device) for name, array in batch.items()}
        if batch["attention_mask"].all():  # no padding, no masking to pay for
            del tensors["attention_mask"]
        return self._states(model, tensors)

    def _states(self, model: Any, tensors: dict[str, Any]) -> Any:
        return model(**tensors).last_hidden_state

    def _read(self) -> tuple[Any, int]:
        """Return the model in single precision, and the number of positions it has."""
        return _read_model(self.folder)

    def _placed(self, model: Any, torch: Any) -> tuple[Any, str]:
        """Return the model on its device, in the best precision that keeps its vectors, and that precision's name."""
        if not str(self.device).startswith("cpu"):
            name = self.dtype if self.dtype != "auto" else _gpu_dtype(str(self.device), torch)
            return model.to(self.device, dtype=_torch_dtype(name, torch)), name
        tokens = self._tokenise(PROBE)
        batch = tokens.padded(np.arange(len(tokens)))
        with torch.inference_mode():
            plain = self._pooled(model, batch, torch)
        name = self.dtype if self.dtype != "auto" else "bf16" if cpu_has_bfloat16() else "fp32"
        if name != "fp32":
            lower = _copy_as(model, _torch_dtype(name, torch))
            with torch.inference_mode():
                close = _least_cosine(plain, self._pooled(lower, batch, torch)) >= CLOSE
            if close or self.dtype != "auto":
                model = lower
            else:
                name = "fp32"
                self.notes = (*self.notes, "bfloat16 moves the vectors of this model too far, so it runs in fp32")
        self._pack(model, batch, plain, torch, CLOSE if name == "fp32" else CLOSE - 0.001)
        return model, name

    def _pack(self, model: Any, batch: dict[str, np.ndarray], plain: np.ndarray, torch: Any, least: float) -> None:
        from alwidget.learners.packed import pack_linears

        undo = pack_linears(model)
        try:
            with torch.inference_mode():
                same = _least_cosine(plain, self._pooled(model, batch, torch)) >= least
        except (RuntimeError, AttributeError, TypeError):  # a model that looks at the weights of its layers
            same = False
        if not same:
            undo()


def folder_identity(folder: Path) -> str:
    """Return a hash over what a model folder computes: weights, configuration, tokeniser.

    A file counts with its name, size, time of change, and its first and last megabyte; reading a gigabyte of weights
    at every start would be felt. A folder that was moved keeps its identity.
    """
    digest = hashlib.blake2b(digest_size=16)
    names = ("config.json", "tokenizer.json", "vocab.txt", "sentencepiece.bpe.model", "spiece.model", "modules.json")
    weights = sorted(p.name for p in folder.glob("*.safetensors"))
    for name in (*names, *weights):
        path = folder / name
        if not path.is_file():
            continue
        seen = path.stat()
        digest.update(f"{name} {seen.st_size} {seen.st_mtime_ns}\n".encode())
        with path.open("rb") as file:
            digest.update(file.read(2**20))
            file.seek(max(0, seen.st_size - 2**20))
            digest.update(file.read(2**20))
    return digest.hexdigest()


def cpu_has_bfloat16() -> bool:
    """Return whether the CPU multiplies bfloat16 natively (avx512_bf16, amx_bf16); emulation is slower than fp32."""
    import torch

    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").partition("\n\n")[0].split()
    except OSError:
        ask = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
        return bool(ask()) if ask else False
    return bool({"avx512_bf16", "amx_bf16"}.intersection(flags))


def _read_model(folder: Path) -> tuple[Any, int]:
    """Return the encoder in single precision, in eval mode, and the number of positions it has."""
    import torch
    from transformers import AutoModel

    with torch.random.fork_rng(devices=[]):  # a pooler that the folder lacks is drawn, though nobody uses it
        model = AutoModel.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False, use_safetensors=True
        ).to(torch.float32)
    if model.config.is_encoder_decoder:
        model = model.get_encoder()
    limit = int(getattr(model.config, "max_position_embeddings", 0) or 512)
    if model.config.model_type in {"roberta", "xlm-roberta", "camembert", "mpnet"}:
        limit -= 2  # their positions begin after the padding's
    if not hasattr(model.config, "hidden_size"):
        message = f"The model in {folder} is a {model.config.model_type}, which has no token vectors to use."
        raise ModelError(message)
    return model.eval().requires_grad_(requires_grad=False), limit


def _token_budget(parameters: int, device: str | None, dtype: str) -> int:
    if not str(device).startswith("cpu"):
        return GPU_TOKENS
    return int(np.clip(CPU_TOKENS.get(dtype, 512) * REFERENCE_PARAMETERS / parameters, 64, 4096))


def _copy_as(model: Any, dtype: Any) -> Any:
    import copy

    return copy.deepcopy(model).to(dtype)


def _torch_dtype(name: str, torch: Any) -> Any:
    names = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    if name not in names:
        message = f'There is no precision "{name}" here; it can be {", ".join(names)} or "auto".'
        raise ModelError(message)
    return names[name]


def _gpu_dtype(device: str, torch: Any) -> str:
    if not device.startswith("cuda"):
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported() else "fp16"


def _least_cosine(a: np.ndarray, b: np.ndarray) -> float:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1) / np.maximum(lengths, 1e-12)).min())
