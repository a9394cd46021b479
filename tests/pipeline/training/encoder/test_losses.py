import math
from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from pipeline.training.encoder.ge2e import GE2ELoss
from pipeline.training.encoder.losses import (
    AamSoftmax,
    AamSoftmaxSettings,
    AngularPrototypical,
    Kind,
    LossSettings,
    SpeakerLoss,
)

# Two speakers, two utterances each, in the plane: everything below can be checked with paper and pencil.
PLANE = torch.tensor([[[1.0, 0.0], [0.6, 0.8]], [[0.0, 1.0], [-1.0, 0.0]]])
AAM = AamSoftmaxSettings(margin=0.2, scale=30.0, margin_warmup_steps=0)


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


def test_contrast_of_a_plane_equals_value_by_hand():
    """1 - sigmoid(own) + sigmoid(other) of the four rows that test_ge2e works out, averaged."""
    rows = [(1.0, -12.0710678), (1.0, -3.5857864), (-5.0, -0.527864), (-5.0, -13.9442719)]
    by_hand = sum(1 - sigmoid(own) + sigmoid(other) for own, other in rows) / 4
    assert GE2ELoss("contrast")(PLANE).item() == pytest.approx(by_hand, abs=1e-6)


def test_contrast_pushes_from_the_nearest_other_speaker_alone():
    """Of two other speakers, the one at a right angle costs, the one opposite does not: equation 7's maximum."""
    plane = torch.tensor([[[1.0, 0.0]] * 2, [[0.0, 1.0]] * 2, [[-1.0, 0.0]] * 2])
    by_hand = 1 - sigmoid(5) + sigmoid(-5)  # own cosine 1, the nearest other's 0, for all three
    assert GE2ELoss("contrast")(plane).item() == pytest.approx(by_hand, abs=1e-6)


def test_angular_prototypical_of_a_plane_equals_value_by_hand():
    """Queries (0.6, 0.8) and (-1, 0) against prototypes (1, 0) and (0, 1), scaled by 10 and shifted by -5."""
    rows = [(10 * 0.6 - 5, 10 * 0.8 - 5), (10 * 0.0 - 5, 10 * -1.0 - 5)]
    by_hand = sum(math.log(1 + math.exp(other - own)) for own, other in rows) / 2
    assert AngularPrototypical()(PLANE).item() == pytest.approx(by_hand, abs=1e-6)


def classifier(settings=AAM):
    loss = AamSoftmax(3, 2, settings)
    loss.weight.data = torch.tensor([[2.0, 0.0], [0.0, 0.5], [-1.0, 0.0]])  # their lengths do not count
    return loss


def test_aam_softmax_of_a_plane_equals_value_by_hand():
    """cos(angle + margin) for the own class, cos(angle) for the others, scaled, in a softmax."""
    embeddings = torch.tensor([[[math.cos(0.5), math.sin(0.5)]], [[math.cos(1.5), math.sin(1.5)]]])
    rows = [(0.5, [math.sin(0.5), -math.cos(0.5)]), (math.pi / 2 - 1.5, [math.cos(1.5), -math.cos(1.5)])]
    by_hand = 0.0
    for angle, others in rows:
        logits = [math.cos(angle + 0.2), *others]
        by_hand += math.log(sum(math.exp(30 * logit) for logit in logits)) - 30 * logits[0]
    assert classifier()(embeddings, torch.tensor([0, 1]), 0).item() == pytest.approx(by_hand / 2, abs=1e-6)


def test_aam_softmax_without_margin_is_a_softmax_of_cosines():
    """And the margin is 0 at the first step of a warm-up, half of it in the middle, all of it after."""
    torch.manual_seed(0)
    embeddings, speakers = F.normalize(torch.randn(3, 4, 2), dim=2), torch.tensor([2, 0, 1])
    warm = classifier(AamSoftmaxSettings(margin=0.4, scale=30.0, margin_warmup_steps=10))
    cosine = embeddings.flatten(0, 1) @ F.normalize(warm.weight, dim=1).T
    plain = F.cross_entropy(30 * cosine, speakers.repeat_interleave(4))
    torch.testing.assert_close(warm(embeddings, speakers, 0), plain)
    torch.testing.assert_close(warm(embeddings, speakers, 5), classifier()(embeddings, speakers, 0))
    torch.testing.assert_close(warm(embeddings, speakers, 10), warm(embeddings, speakers, 99))
    assert warm(embeddings, speakers, 10) > warm(embeddings, speakers, 5) > plain


def test_aam_softmax_keeps_rising_where_the_angle_would_turn_around():
    """From pi - margin on, cos(angle + margin) rises again; the loss must not reward that."""
    angles = torch.linspace(0, math.pi - 1e-3, 60)
    losses = [
        classifier()(torch.tensor([[[math.cos(angle), math.sin(angle)]]]), torch.tensor([0]), 0).item()
        for angle in angles.tolist()
    ]
    assert losses == sorted(losses)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_gradient_equals_numerical_differentiation(kind):
    """Of the embeddings and of the loss's own weights."""
    torch.manual_seed(0)
    loss = SpeakerLoss(LossSettings(kind=kind, aam_softmax=AAM.model_copy(update={"scale": 3.0})), 5, 4).double()
    raw = torch.randn(3, 3, 4, dtype=torch.float64, requires_grad=True)
    speakers = torch.tensor([4, 0, 2])

    def value(raw, *own):
        named = dict(zip((name for name, _ in loss.named_parameters()), own, strict=True))
        return torch.func.functional_call(loss, named, (F.normalize(raw, dim=2), speakers, 0))

    own = [parameter.detach().clone().requires_grad_() for parameter in loss.parameters()]
    assert own
    assert torch.autograd.gradcheck(value, (raw, *own))


@pytest.mark.parametrize("kind", get_args(Kind))
def test_gradient_is_finite_where_embeddings_coincide(kind):
    """Equal utterances, opposite ones, and one that is its class's own direction."""
    loss = SpeakerLoss(LossSettings(kind=kind, aam_softmax=AAM), 2, 2)
    embeddings = torch.tensor([[[1.0, 0.0], [1.0, 0.0]], [[-1.0, 0.0], [-1.0, 0.0]]], requires_grad=True)
    if loss.classifier is not None:
        loss.classifier.weight.data = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    value = loss(embeddings, torch.tensor([0, 1]), 0)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(embeddings.grad).all()


def test_sum_of_two_losses_is_their_sum():
    """`aam_softmax_and_angular_prototypical`."""
    torch.manual_seed(0)
    both = SpeakerLoss(LossSettings(kind="aam_softmax_and_angular_prototypical", aam_softmax=AAM), 2, 2)
    expected = both.classifier(PLANE, torch.tensor([1, 0]), 0) + AngularPrototypical()(PLANE)
    torch.testing.assert_close(both(PLANE, torch.tensor([1, 0]), 0), expected)


@pytest.mark.parametrize(("name", "changes"), [("kind", {"kind": "triplet"}), ("margin", {"margin": 2.0})])
def test_settings_that_make_no_loss_are_refused(name, changes):
    """An unknown kind; a margin of more than a right angle."""
    document = {"kind": "aam_softmax", "aam_softmax": AAM.model_dump()}
    with pytest.raises(ValidationError, match=name):
        LossSettings.model_validate(document | changes if name == "kind" else document | {"aam_softmax": changes})
