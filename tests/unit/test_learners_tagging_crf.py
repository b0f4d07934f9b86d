"""The CRF against every sequence there is, and the tagger on top of it."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
import torch

from alwidget.errors import Cancelled, ModelError
from alwidget.learners import Batch, Labelled, Stop
from alwidget.learners.base import SupportsTokens
from alwidget.learners.tagging.bilstm import ROOM, BiLstmCrf
from alwidget.learners.tagging.crf import FORBIDDEN, Crf
from alwidget.learners.tagging.network import LONGEST, word_forms
from alwidget.metrics import entity_scores
from tagging_data import CLASSES, ODD_TEXTS, conll, documents, tagging


def lattice(tags, lengths, seed):
    generator = torch.Generator().manual_seed(seed)
    crf = Crf(tags).double()
    with torch.no_grad():
        for p in crf.parameters():
            p.normal_(generator=generator)
    emissions = torch.randn(len(lengths), max(lengths), tags, generator=generator, dtype=torch.float64)
    return crf, emissions, torch.tensor(lengths)


def every_sequence(crf, emissions, length):
    """Return all sequences and their scores, written out from the definition."""
    tags = emissions.shape[1]
    out = {}
    for path in product(range(tags), repeat=length):
        score = crf.starts[path[0]].item() if not (path[0] > 0 and path[0] % 2 == 0) else FORBIDDEN
        score += crf.ends[path[-1]].item() + sum(emissions[i, t].item() for i, t in enumerate(path))
        for a, b in pairwise(path):
            allowed = b == 0 or b % 2 == 1 or a in {b, b - 1}
            score += crf.transitions[a, b].item() if allowed else FORBIDDEN
        out[path] = score
    return out


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("tags", [1, 3, 5])
def test_against_every_sequence(tags, seed):
    crf, emissions, lengths = lattice(tags, [4, 1, 3, 2], seed)
    sums = crf.partition(emissions, lengths)
    marginals = crf.marginals(emissions, lengths)
    best = crf.best(emissions, lengths)
    for i, length in enumerate(lengths.tolist()):
        scores = every_sequence(crf, emissions[i], length)
        values = torch.tensor(list(scores.values()))
        assert sums[i].item() == pytest.approx(torch.logsumexp(values, 0).item(), abs=1e-6)
        weights = (values - sums[i]).exp()
        for at in range(length):
            wanted = [sum(w.item() for p, w in zip(scores, weights, strict=True) if p[at] == t) for t in range(tags)]
            np.testing.assert_allclose(marginals[i, at].detach(), wanted, atol=1e-6)
        top = max(scores, key=scores.get)
        assert best[i, :length].tolist() == list(top)
        assert not best[i, length:].any()
        path = torch.zeros_like(best[i : i + 1])
        path[0, :length] = torch.tensor(top)
        loss = crf.losses(emissions[i : i + 1], path, lengths[i : i + 1])
        assert loss.item() == pytest.approx((sums[i] - scores[top]).item(), abs=1e-6)


def test_padding_changes_nothing_and_has_no_gradient():
    crf, emissions, lengths = lattice(5, [2, 4], 0)
    emissions.requires_grad_()
    tags = torch.tensor([[1, 2, 0, 0], [0, 3, 4, 0]])
    loss = crf.losses(emissions, tags, lengths)
    alone = crf.losses(emissions[:1, :2], tags[:1, :2], lengths[:1])
    assert loss[0].item() == pytest.approx(alone.item())
    (gradient,) = torch.autograd.grad(loss.sum(), emissions)
    assert not gradient[0, 2:].any()
    assert torch.isfinite(gradient).all()


def test_impossible_tags_have_no_probability():
    crf, emissions, lengths = lattice(5, [5, 5], 1)
    emissions[:, :, [2, 4]] += 20
    assert crf.marginals(emissions, lengths)[:, 0, [2, 4]].max() < 1e-9
    for path in crf.best(emissions, lengths).tolist():
        before = 0
        for tag in path:
            assert tag == 0 or tag % 2 == 1 or before in {tag, tag - 1}
            before = tag


def make(**options):
    return BiLstmCrf(device="cpu", **{"epochs": 6, "min_steps": 60, **options})


def f1(learner, data):
    return entity_scores(data.y, learner.tag(data.documents), classes=learner.classes).micro.f1


@pytest.fixture(scope="module")
def fitted():
    learner = make()
    report = learner.fit(tagging(80), seed=0)
    return learner, report


def test_it_tags_and_learns(fitted):
    learner, report = fitted
    assert isinstance(learner, SupportsTokens)
    assert learner.classes == CLASSES
    test = tagging(60, seed=9)
    assert f1(learner, test) > 0.9
    assert report.dynamics.gold.shape == report.dynamics.correct.shape == (report.epochs, 80)
    assert report.extra["losses"][-1] < report.extra["losses"][0]
    probs, states = learner.token_states(test.documents)
    assert probs.tags == ("O", "B-TEAM", "I-TEAM", "B-PLACE", "I-PLACE")
    assert states.shape == (len(probs.flat), 200)
    np.testing.assert_allclose(probs.flat.sum(axis=1), 1, atol=1e-4)
    np.testing.assert_array_equal(probs.flat, learner.token_probs(test.documents).flat)


def test_probabilities_are_the_marginals_of_its_own_crf(fitted):
    learner, _ = fitted
    test = documents(["the coach praised the border"])
    probs, states = learner.token_states(test)
    model = learner._network()
    with torch.inference_mode():
        emissions = model.out(torch.from_numpy(states))
        scores = every_sequence(model.crf, emissions, 5)
    values = torch.tensor(list(scores.values()))
    weights = torch.softmax(values, 0).numpy()
    wanted = np.zeros((5, 5))
    for path, weight in zip(scores, weights, strict=True):
        wanted[np.arange(5), path] += weight
    np.testing.assert_allclose(probs.flat, wanted, atol=1e-4)


def test_dynamics_are_those_of_the_words_with_dropout_off(fitted):
    learner, report = fitted
    data = tagging(80)
    from alwidget.learners.tagging.targets import document_means, targets_of

    y = targets_of(data, data.documents.words)
    probs = learner.token_probs(data.documents)
    gold = document_means(probs.flat[np.arange(len(y)), y], probs.offsets)
    np.testing.assert_allclose(report.dynamics.gold[-1], gold, atol=2e-3)


def test_the_same_seed_gives_the_same_whatever_the_user_draws():
    test = tagging(10, seed=2).documents

    def run(seed, between):
        learner = make(epochs=2, min_steps=5)

        def draw(what, done, total):
            if between:
                torch.rand(5)

        learner.fit(tagging(20), seed=seed, progress=draw)
        return learner.token_probs(test).flat

    state = torch.random.get_rng_state()
    first = run(3, between=False)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert np.array_equal(run(3, between=True), first)
    assert not np.array_equal(run(4, between=False), first)


def test_passes_with_dropout_are_seeded_and_leave_the_model_as_it_was(fitted):
    learner, _ = fitted
    test = tagging(10, seed=2).documents
    before = learner.token_probs(test).flat
    first = [p.flat for p in learner.token_passes(test, 3, seed=1)]
    again = [p.flat for p in learner.token_passes(test, 3, seed=1)]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], first[1])
    assert not any(m.training for m in learner._network().modules())
    learner._memory._probs.clear()
    assert np.array_equal(learner.token_probs(test).flat, before)


def test_there_are_vectors_before_and_others_after_a_fit():
    learner = make(epochs=1, min_steps=5)
    test = documents(["the coach", "the coach", "coach the", "minister"])
    with pytest.raises(ModelError, match="not been trained"):
        learner.tag(test)
    before = learner.embed(test)
    np.testing.assert_allclose(before[0], before[2], atol=1e-2)
    assert learner.embedded(test).all()
    learner.fit(tagging(20), seed=0)
    assert not learner.embedded(test).any()
    assert not np.allclose(learner.embed(test), before, atol=0.1)


def test_a_cancelled_fit_leaves_the_last_model(fitted):
    learner, _ = fitted
    test = tagging(10, seed=2).documents
    before = learner.token_probs(test).flat
    stop = Stop()

    def cancel(what, done, total):
        if done >= 2:
            stop.set()

    with pytest.raises(Cancelled):
        learner.fit(tagging(40, seed=4), seed=0, stop=stop, progress=cancel)
    assert np.array_equal(learner.token_probs(test).flat, before)


def test_odd_documents_and_long_ones():
    learner = make(epochs=1, min_steps=5)
    long = "the coach praised the striker " * 300
    spans = np.array([[s, s + 5, 0] for s in range(4, 1000, 30)], dtype=np.int32)
    nothing = [np.empty((0, 3), dtype=np.int32) for _ in ODD_TEXTS]
    data = tagging(20)
    odd = documents([*ODD_TEXTS, long])
    both = Labelled(documents([*data.documents.texts, *odd.texts]), [*data.y, *nothing, spans], CLASSES)
    report = learner.fit(both, seed=0)
    assert np.isfinite(report.dynamics.gold.astype(float)).all()
    probs = learner.token_probs(odd)
    assert len(odd.words[-1]) > 4 * ROOM
    assert [len(probs.of(i)) for i in range(len(odd))] == [len(w) for w in odd.words]
    np.testing.assert_allclose(probs.flat.sum(axis=1), 1, atol=1e-4)
    assert learner.tag(odd)[:2] == [[], []]
    assert not learner.embed(odd)[:2].any()
    assert learner.tag(Batch([], [], None, [])) == []
    assert learner.token_states(Batch([], [], None, []))[1].shape == (0, 200)


def test_one_label():
    learner = make(min_steps=90)
    data = tagging(60)
    only = [spans[spans[:, 2] == 0] for spans in data.y]
    learner.fit(Labelled(data.documents, only, ("TEAM",)), seed=0)
    assert learner.token_probs(data.documents).tags == ("O", "B-TEAM", "I-TEAM")
    assert {s.label for spans in learner.tag(data.documents) for s in spans} == {0}


def test_a_checkpoint_is_the_same_model(fitted, tmp_path):
    learner, _ = fitted
    test = tagging(10, seed=2).documents
    learner.save(tmp_path / "model")
    assert {p.suffix for p in (tmp_path / "model").iterdir()} == {".json", ".safetensors"}
    other = make()
    other.load(tmp_path / "model")
    assert other.classes == CLASSES
    np.testing.assert_allclose(other.token_probs(test).flat, learner.token_probs(test).flat, atol=1e-6)
    (tmp_path / "model" / "model.safetensors").write_bytes(b"{}")
    with pytest.raises(ModelError, match="cannot be read"):
        make().load(tmp_path / "model")


def test_words_as_numbers():
    forms = word_forms(["Ada ada " + "x" * 40, ""], [np.array([[0, 3], [4, 7], [8, 48]]), np.empty((0, 2), int)])
    assert forms.hashes[0] == forms.hashes[1] != 0
    assert not np.array_equal(forms.letters[0], forms.letters[1])
    assert forms.letters.shape == (3, LONGEST)
    assert word_forms([], []).letters.shape == (0, LONGEST)


def test_real_entities_from_a_few_hundred_sentences():
    data, test = conll("train", 300), conll("test", 400)
    learner = BiLstmCrf(device="cpu")
    learner.fit(data, seed=0)
    assert f1(learner, test) > 0.45


@pytest.mark.gpu
def test_a_gpu_finds_the_same():
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")
    test = tagging(60, seed=9)
    found = []
    for device in ("cpu", "cuda"):
        learner = BiLstmCrf(device=device, dropout=0.0, epochs=6, min_steps=60)
        learner.fit(tagging(80), seed=0)
        found.append(f1(learner, test))
    assert min(found) > 0.9
    cpu = BiLstmCrf(device="cpu")
    cpu.fit(tagging(40), seed=0)
    gpu = BiLstmCrf(device="cuda")
    gpu.prepare()
    gpu._adopt(gpu._fresh(("O", "B-TEAM", "I-TEAM", "B-PLACE", "I-PLACE"), 0), CLASSES)
    gpu._network().load_state_dict(cpu._network().state_dict())
    np.testing.assert_allclose(gpu.token_probs(test.documents).flat, cpu.token_probs(test.documents).flat, atol=1e-3)
