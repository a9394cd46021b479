"""The decoder at inference against a decoder step that is written plainly."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from peewee_model.errors import ConfigError, ShapeError
from peewee_model.synthesizer.options import InferOptions
from peewee_model.synthesizer.tacotron2.inference import DecoderRun, PackedDecoder
from peewee_model.synthesizer.tacotron2.tacotron2 import Tacotron2
from tests.peewee_model.synthesizer.tacotron2.plain_attention import AttentionState, attention_step, initial_state

N_SYMBOLS, N_MELS, N_EMBEDDING, MEMORY_DIM = 12, 8, 6, 22


class PlainState(NamedTuple):
    attention: AttentionState
    hidden: Tensor
    cell: Tensor


def plain_step(decoder, frame, state, memory):
    """A decoder step as the paper has it, without the prenet's dropout."""
    gates = decoder.input_gates(decoder.prenet(frame, drop=False))
    attention = attention_step(gates, state.attention, memory, decoder.attention_weights())
    found = torch.cat((attention.hidden, attention.context), dim=1)
    hidden, cell = torch.lstm_cell(found, (state.hidden, state.cell), *decoder.decoder_rnn.all_weights[0])
    found = torch.cat((hidden, attention.context), dim=1)
    group, stop_logits = decoder.mel_projection(found), decoder.stop_projection(found)[:, 0]
    return group, stop_logits, PlainState(attention, hidden, cell)


def make_memory(decoder, lengths):
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return decoder.remember(torch.randn(*mask.shape, MEMORY_DIM) * mask[..., None], mask)


def speak(model, lengths, tokens=None, generator=None, precision=None):
    if tokens is None:
        tokens = torch.randint(1, N_SYMBOLS, (len(lengths), max(lengths)))
    embedding = torch.nn.functional.normalize(torch.ones(len(lengths), N_EMBEDDING), dim=1)
    infer = model.packed(precision)
    return infer(tokens, torch.tensor(lengths), embedding, max_frames=40, options=InferOptions(generator, 1.0))


@torch.no_grad()
@pytest.mark.parametrize("factor", [1, 3])
@pytest.mark.parametrize(
    "lengths", [[9], [9, 5, 2], [MEMORY_DIM + 8]], ids=["short", "several", "longer than the memory is wide"]
)
def test_step_equals_the_plain_step(make_config, lengths, factor):
    """Frames, stop logits and alignments of 25 steps, each from the last; what a text gives is projected or not."""
    decoder = Tacotron2(make_config(prenet_dropout=0.0, reduction_factor=factor)).eval().decoder
    memory = make_memory(decoder, lengths)
    run = DecoderRun(PackedDecoder(decoder, "float32"), memory, [None] * len(lengths))
    assert bool(run._gives) == (len(lengths) * max(lengths) <= MEMORY_DIM)
    weights = decoder.attention_weights()
    zeros = torch.zeros(len(lengths), decoder.decoder_rnn.hidden_size)
    state = PlainState(initial_state(memory, weights), zeros, zeros)
    frame = torch.randn(len(lengths), N_MELS)
    for _ in range(25):
        expected, expected_stop, state = plain_step(decoder, frame, state, memory)
        group, stop = run.step(frame)
        torch.testing.assert_close(group, expected, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(stop, expected_stop, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(run.alignment, state.attention.alignment, rtol=1e-4, atol=1e-6)
        frame = 5 * group[:, -N_MELS:]  # large enough to matter


@pytest.mark.parametrize(("precision", "bound"), [("float16", 1e-3), ("int8", 1e-2)])
def test_fewer_bits_stay_near_full_precision(make_config, precision, bound):
    """Of what the same seed says freely, at a size that averages over weights; another seed differs far more."""
    model = Tacotron2(make_config(attention_rnn_dim=256, decoder_rnn_dim=256, prenet_dim=64, attention_dim=32)).eval()
    tokens = torch.randint(1, N_SYMBOLS, (1, 15))

    def say(precision, seed):
        return speak(model, [15], tokens, torch.Generator().manual_seed(seed), precision)

    full, rounded, other = say("float32", 1), say(precision, 1), say("float32", 2)
    error = (full.mel - rounded.mel).abs().mean() / full.mel.std()
    assert 0 < error < bound
    assert (full.mel - other.mel).abs().mean() / full.mel.std() > 10 * error
    assert (full.alignment - rounded.alignment).abs().max() < bound


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("float16", 1e-3), ("int8", 2e-3)])
def test_text_says_the_same_alone_and_among_others(make_config, precision, tolerance):
    """With dropout on, and a generator for each: up to the rounding of the precision."""
    model = Tacotron2(make_config()).eval()
    tokens, lengths = torch.randint(1, N_SYMBOLS, (3, 9)), [9, 5, 2]
    together = speak(model, lengths, tokens, [torch.Generator().manual_seed(i) for i in range(3)], precision)
    for item, length in enumerate(lengths):
        generator = torch.Generator().manual_seed(item)
        alone = speak(model, [length], tokens[item : item + 1, :length], generator, precision)
        torch.testing.assert_close(together.mel[item], alone.mel[0], rtol=0, atol=tolerance)
        torch.testing.assert_close(together.alignment[item, :, :length], alone.alignment[0], rtol=0, atol=tolerance)
    assert torch.dist(together.mel[0], together.mel[1]) > 0.1


def test_dropout_is_drawn_anew_at_each_step(make_config):
    """Beyond what is drawn ahead too: half of the units is dropped, the rest doubled, never twice the same."""
    decoder = Tacotron2(make_config(prenet_dim=200)).eval().decoder
    run = DecoderRun(PackedDecoder(decoder, "float32"), make_memory(decoder, [4, 4]), [torch.Generator()] * 2)
    kept = torch.stack([mask for mask in (run._next_kept() for _ in range(70)) if mask is not None])
    assert kept.shape == (70, 2, 2, 200)
    assert set(kept.unique().tolist()) == {0.0, 2.0}
    assert float(kept.mean()) == pytest.approx(1.0, abs=0.03)
    assert len(kept.flatten(0, 2).unique(dim=0)) == 70 * 2 * 2


def test_packed_decoder_does_not_change_with_the_model(make_config):
    """It is a copy, made once."""
    model = Tacotron2(make_config()).eval()
    tokens = torch.randint(1, N_SYMBOLS, (1, 7))

    def say(infer):
        options = InferOptions(torch.Generator().manual_seed(1), stop_threshold=1.0)
        return infer(tokens, torch.tensor([7]), torch.ones(1, N_EMBEDDING), max_frames=40, options=options).mel

    packed = model.packed()
    before = say(packed)
    assert torch.equal(say(model.infer), before)
    torch.nn.init.normal_(model.decoder.decoder_rnn.weight_hh_l0)
    assert torch.equal(say(packed), before)
    assert not torch.allclose(say(model.infer), before, atol=1e-3)


def test_unusable_arguments_are_refused(make_config):
    """With what was given and what is wanted."""
    model = Tacotron2(make_config()).eval()
    with pytest.raises(ConfigError, match="there is no precision 'half'"):
        PackedDecoder(model.decoder, "half")
    with pytest.raises(ShapeError, match="there are 3 generators for 2 texts; give one, or one for each text"):
        speak(model, [3, 2], generator=[torch.Generator()] * 3)
