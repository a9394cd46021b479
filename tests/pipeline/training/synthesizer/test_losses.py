import math

import pytest
import torch
from pydantic import ValidationError

from peewee_model.synthesizer.tacotron2.tacotron2 import Tacotron2, Tacotron2Output
from pipeline.training.synthesizer.losses import (
    SynthesizerLossConfig,
    duration_loss,
    guided_attention_loss,
    stop_loss,
    synthesizer_losses,
)
from tests.peewee_model.synthesizer.configs import small_config
from tests.peewee_model.synthesizer.conftest import LOSS


def make_output(n_items, n_mels, n_frames, n_steps, n_tokens):
    return Tacotron2Output(
        torch.randn(n_items, n_mels, n_frames),
        torch.randn(n_items, n_mels, n_frames),
        torch.randn(n_items, n_steps),
        torch.rand(n_items, n_steps, n_tokens).softmax(2),
    )


def loss_of(output, mel, mel_lengths, token_lengths):
    lengths = torch.tensor(mel_lengths), torch.tensor(token_lengths)
    return synthesizer_losses(output, mel, *lengths, reduction_factor=2, config=LOSS)


def test_mel_loss_is_l1_plus_l2_of_both_mels():
    """By hand."""
    mel = torch.zeros(1, 3, 4)
    output = Tacotron2Output(mel + 2.0, mel - 3.0, torch.zeros(1, 2), torch.zeros(1, 2, 5))
    losses = loss_of(output, mel, [4], [5])
    assert losses["mel_before"] == pytest.approx(2 + 4)
    assert losses["mel_after"] == pytest.approx(3 + 9)


def test_stop_loss_by_hand():
    """Steps 0 and 1 want 0, step 2 wants 1 and counts five times; step 3 is padding."""
    logits = torch.tensor([[0.5, -1.0, 2.0, 9.0]])

    def cross_entropy(logit, target):
        return math.log1p(math.exp(-logit if target else logit))

    expected = (cross_entropy(0.5, 0) + cross_entropy(-1.0, 0) + 5 * cross_entropy(2.0, 1)) / 3
    assert float(stop_loss(logits, torch.tensor([3]), 5.0)) == pytest.approx(expected)


def test_guided_attention_loss_by_hand():
    """Two steps, two tokens: on the diagonal it costs nothing, crossed 1 - exp(-0.5^2 / (2 * 0.2^2)) a step."""
    lengths = torch.tensor([2])
    diagonal = torch.eye(2)[None]
    assert float(guided_attention_loss(diagonal, lengths, lengths, 0.2)) == pytest.approx(0, abs=1e-7)
    crossed = guided_attention_loss(1 - diagonal, lengths, lengths, 0.2)
    assert float(crossed) == pytest.approx(1 - math.exp(-(0.5**2) / (2 * 0.2**2)))


def test_guided_attention_loss_by_hand_with_more_tokens_than_steps():
    """Middles of two steps are at 1/4 and 3/4, of three tokens at 1/6, 3/6 and 5/6, and at padding nothing counts."""
    alignment = torch.zeros(1, 3, 4)
    alignment[0, :2, :3] = torch.tensor([[0.7, 0.2, 0.1], [0.0, 0.6, 0.4]])
    alignment[0, 2:] = alignment[0, :, 3:] = 9.0
    distances = torch.tensor([[1 / 12, -1 / 4, -7 / 12], [7 / 12, 1 / 4, -1 / 12]])
    expected = float((alignment[0, :2, :3] * (1 - torch.exp(-(distances**2) / (2 * 0.2**2)))).sum()) / 2
    found = guided_attention_loss(alignment, torch.tensor([2]), torch.tensor([3]), 0.2)
    assert float(found) == pytest.approx(expected, abs=1e-6)


def test_guided_attention_follows_each_items_own_diagonal():
    """Lengths differ in a batch."""
    alignment = torch.zeros(2, 8, 8)
    alignment[0] = torch.eye(8)
    alignment[1, :4, :4] = torch.eye(4)
    lengths = torch.tensor([8, 4])
    assert float(guided_attention_loss(alignment, lengths, lengths, 0.1)) == pytest.approx(0, abs=1e-7)


def test_padding_adds_nothing_to_the_loss():
    """This is true for any value at padding, in the output or in the target; its gradient is zero."""
    output, mel = make_output(1, 3, 7, 4, 5), torch.randn(1, 3, 7)
    alone = loss_of(output, mel, [7], [5])
    pads = ((0, 6), (0, 6), (0, 3), (0, 4, 0, 3))
    padded = Tacotron2Output(
        *(
            torch.nn.functional.pad(tensor, pad, value=3.0).requires_grad_()
            for tensor, pad in zip(output, pads, strict=True)
        )
    )
    together = loss_of(padded, torch.nn.functional.pad(mel, (0, 6), value=-50.0), [7], [5])
    assert alone.keys() == {"mel_before", "mel_after", "stop", "attention"} == together.keys()
    for name, value in alone.items():
        torch.testing.assert_close(together[name], value)
    LOSS.total(together).backward()
    for tensor, original in zip(padded, output, strict=True):
        assert tensor.grad is not None
        gradient = tensor.grad.clone()
        assert gradient.abs().sum() > 0
        gradient[tuple(slice(0, size) for size in original.shape)] = 0
        assert torch.all(gradient == 0)


def test_total_weighs_the_parts():
    """Mels count as they are; a part that a model does not have costs nothing."""
    config = LOSS.model_copy(
        update={"stop_weight": 0.3, "guided_attention_weight": 7.0, "aligner_weight": 2.0, "duration_weight": 0.5}
    )
    parts = {"mel_before": 1.0, "mel_after": 10.0, "stop": 100.0, "attention": 1000.0}
    timed = {"mel_before": 1.0, "mel_after": 10.0, "aligner": 100.0, "duration": 1000.0}
    totals = [config.total({name: torch.tensor(value) for name, value in of.items()}) for of in (parts, timed)]
    assert [float(total) for total in totals] == pytest.approx([7041.0, 711.0])


def test_duration_loss_by_hand():
    """A mean of two for a token of four steps: 2 - 4 - 4 ln 2 + 4 ln 4 nats; the right one costs none, nor padding."""
    predicted = torch.tensor([[2.0, 3.0, 99.0]]).log().requires_grad_()
    loss = duration_loss(predicted, torch.tensor([[4, 3, 0]]), torch.tensor([2]))
    assert float(loss.detach()) == pytest.approx((2 - 4 - 4 * math.log(2) + 4 * math.log(4)) / 2)
    loss.backward()
    assert predicted.grad is not None
    assert predicted.grad[0].tolist() == pytest.approx([-1.0, 0.0, 0.0], abs=1e-6)  # the mean's distance from the truth


def test_config_refuses_a_negative_weight():
    """It would reward the error."""
    with pytest.raises(ValidationError, match="stop_weight"):
        SynthesizerLossConfig.model_validate(LOSS.model_dump() | {"stop_weight": -1.0})


@pytest.mark.system
def test_model_overfits_one_batch():
    """Two random mels, by heart."""
    torch.manual_seed(0)
    config = small_config(
        prenet_dropout=0.0,
        encoder_dropout=0.0,
        attention_dropout=0.0,
        decoder_dropout=0.0,
        postnet_dropout=0.0,
        reduction_factor=2,
        attention_rnn_dim=64,
        decoder_rnn_dim=64,
    )
    model = Tacotron2(config).train()
    mel_lengths, token_lengths = torch.tensor([13, 9]), torch.tensor([6, 4])
    tokens, mel = torch.randint(1, 12, (2, 6)), torch.randn(2, 8, 13)
    embedding = torch.randn(2, 6)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    seen = []
    for _ in range(250):
        optimizer.zero_grad()
        output = model(tokens, token_lengths, mel, mel_lengths, embedding)
        losses = synthesizer_losses(output, mel, mel_lengths, token_lengths, reduction_factor=2, config=LOSS)
        LOSS.total(losses).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seen.append((losses["mel_after"] + losses["stop"]).item())
    assert seen[0] > 1.5
    assert min(seen[-20:]) < 0.05
