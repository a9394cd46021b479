import pytest
import torch
from pydantic import ValidationError

from pipeline.training.vocoder.discriminators import (
    DiscriminatorArchitecture,
    Discriminators,
    PeriodDiscriminator,
    adversarial_loss,
    discriminator_loss,
    feature_loss,
)

TINY = {"periods": (2, 3), "period_channels": (4, 8), "n_scales": 2, "scale_channels": (16,) * 7}


def test_one_judgement_a_discriminator_with_scores_last():
    """The losses rely on it."""
    discriminators = Discriminators(DiscriminatorArchitecture(**TINY))
    judgements = discriminators(torch.randn(2, 4096))
    assert [len(maps) for maps in judgements] == [3, 3, 8, 8]
    assert all(maps[-1].shape[:2] == (2, 1) for maps in judgements)
    # Strides 2, 2, 4, 4 leave 1/64 of the samples; the second scale has half of them.
    assert [maps[-1].shape[-1] for maps in judgements[2:]] == [64, 33]


def test_parameters_number_as_in_the_authors_code():
    """The networks are the published ones."""
    paper = DiscriminatorArchitecture(
        periods=(2, 3, 5, 7, 11),
        period_channels=(32, 128, 512, 1024, 1024),
        n_scales=3,
        scale_channels=(128, 128, 256, 512, 1024, 1024, 1024),
    )
    with torch.device("meta"):
        discriminators = Discriminators(paper)
    # Counted from the layers' shapes in jik876/hifi-gan: weights, their lengths, biases; 41.1 and 29.6 million.
    periods = 5 * sum(a * b * 5 + 2 * b for a, b in [(1, 32), (32, 128), (128, 512), (512, 1024), (1024, 1024)])
    periods += 5 * (1024 * 3 + 1 + 1)
    assert sum(p.numel() for p in discriminators.periods.parameters()) == periods
    assert sum(p.numel() for p in discriminators.scales.parameters()) / 1e6 == pytest.approx(29.6, abs=0.1)


def test_period_discriminator_never_mixes_the_columns_of_its_fold():
    """A column is every p-th sample."""
    discriminator = PeriodDiscriminator(5, (4, 8))
    samples = torch.randn(1, 1, 1000)
    changed = samples.clone()
    changed[:, :, 3::5] += 1.0
    for before, after in zip(discriminator(samples), discriminator(changed), strict=True):
        columns = (before != after).any(dim=(0)).any(dim=0).any(dim=0)
        assert columns.tolist() == [False, False, False, True, False]


def test_losses_match_values_by_hand():
    """With scores that are not as far from 0 as from 1: a target of 0 for the generator would cost something else."""
    real = [[torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.7])]]
    generated = [[torch.tensor([3.0, 2.0]), torch.tensor([0.0, 0.5])]]
    assert float(discriminator_loss(real, generated)) == pytest.approx((0 + 0.09) / 2 + (0 + 0.25) / 2)
    assert float(adversarial_loss(generated)) == pytest.approx((1 + 0.25) / 2)
    assert float(feature_loss(real, generated)) == pytest.approx((2 + 0) / 2 + (1 + 0.2) / 2)


def test_feature_loss_moves_the_generated_maps_only():
    """The real ones are a target."""
    real, generated = torch.ones(4, requires_grad=True), torch.zeros(4, requires_grad=True)
    feature_loss([[real]], [[generated]]).backward()
    assert real.grad is None
    assert (generated.grad < 0).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale_channels": (8,) * 7}, "multiples of 16"),
        ({"scale_channels": (16,) * 6}, "scale_channels"),
        ({"periods": (), "n_scales": 0}, "needs a discriminator"),
    ],
)
def test_contradictory_sizes_are_refused(changes, message):
    """Before a week of training."""
    with pytest.raises(ValidationError, match=message):
        DiscriminatorArchitecture(**{**TINY, **changes})
