import math

import pytest
import torch
import torch.nn.functional as F

from pipeline.training.encoder.ge2e import GE2ELoss

# Two speakers, two utterances each, in the plane: everything below can be checked with paper and pencil.
PLANE = torch.tensor([[[1.0, 0.0], [0.6, 0.8]], [[0.0, 1.0], [-1.0, 0.0]]])


def test_similarity_of_a_plane_equals_values_by_hand():
    """Own centroid leaves the utterance out; the other speaker's is the whole mean."""
    similarity = GE2ELoss().similarity(PLANE)
    # Speaker 0 without its first utterance is (0.6, 0.8): cosine 0.6 -> 10 * 0.6 - 5 = 1.
    # Centroid of speaker 1 is (-0.5, 0.5), direction (-1, 1) / sqrt 2: cosine with (1, 0) is -0.70711 -> -12.0711.
    # Speaker 0's second utterance: own cosine 0.6 -> 1; other (0.8 - 0.6) / sqrt 2 = 0.141421 -> -3.58579.
    # Centroid of speaker 0 is (0.8, 0.4), direction (2, 1) / sqrt 5. With (0, 1): 0.447214 -> -0.527864; own 0 -> -5.
    # With (-1, 0): -0.894427 -> -13.94427; own 0 -> -5.
    expected = [[[1.0, -12.0710678], [1.0, -3.5857864]], [[-0.527864, -5.0], [-13.9442719, -5.0]]]
    torch.testing.assert_close(similarity, torch.tensor(expected), atol=1e-5, rtol=0)


def test_loss_of_a_plane_equals_value_by_hand():
    """-log softmax of the four rows above, averaged."""
    rows = [(1.0, -12.0710678), (1.0, -3.5857864), (-5.0, -0.527864), (-5.0, -13.9442719)]
    by_hand = sum(math.log(1 + math.exp(other - own)) for own, other in rows) / 4
    assert float(GE2ELoss()(PLANE)) == pytest.approx(by_hand, abs=1e-6)


def test_contrast_of_a_plane_equals_value_by_hand():
    """1 - sigmoid of the own similarity + sigmoid of the greatest other one, averaged; the third speaker is nearest to
    some utterances only."""
    assert float(GE2ELoss("contrast")(PLANE)) == pytest.approx(
        sum(
            1 - 1 / (1 + math.exp(-own)) + 1 / (1 + math.exp(-other))
            for own, other in [(1.0, -12.0710678), (1.0, -3.5857864), (-5.0, -0.527864), (-5.0, -13.9442719)]
        )
        / 4,
        abs=1e-6,
    )
    three = torch.cat((PLANE, torch.tensor([[[0.0, -1.0], [0.0, -1.0]]])))
    # The third speaker's centroid is (0, -1). Its cosine with the others' utterances: 0, -0.8, -1, 0. Its own: 1 -> 5;
    # with the centroids (2, 1) / sqrt 5 and (-1, 1) / sqrt 2: -0.447214, -0.707107, of which the first is greater.
    rows = [(1.0, -5.0), (1.0, -3.5857864), (-5.0, -0.527864), (-5.0, -5.0), (5.0, -9.472136), (5.0, -9.472136)]
    by_hand = sum(1 - 1 / (1 + math.exp(-own)) + 1 / (1 + math.exp(-other)) for own, other in rows) / 6
    assert float(GE2ELoss("contrast")(three)) == pytest.approx(by_hand, abs=1e-6)


def test_gradient_flows_through_centroids():
    """The gradient equals numerical differentiation of the whole loss, centroids included."""
    torch.manual_seed(0)
    loss = GE2ELoss().double()
    raw = torch.randn(3, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda values: loss(F.normalize(values, dim=2)), raw)


def test_loss_is_near_zero_for_separated_speakers():
    """Tight clusters far apart cost next to nothing, mixed ones cost log N."""
    separated = F.normalize(torch.eye(4)[:, None, :].repeat(1, 3, 1) + 0.01 * torch.randn(4, 3, 4), dim=2)
    identical = F.normalize(torch.ones(4, 3, 4), dim=2)
    assert float(GE2ELoss()(separated)) < 0.01
    assert float(GE2ELoss()(identical)) == pytest.approx(math.log(4), abs=1e-4)
