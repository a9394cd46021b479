"""The Non-Attentive Tacotron: what its parts hold, and that padding, limits and batches change none."""

from unittest import mock

import pytest
import torch

from peewee_model.errors import ConfigError, ShapeError
from peewee_model.networks.weights import save_model
from peewee_model.synthesizer.factory import load_synthesizer, make_synthesizer
from peewee_model.synthesizer.non_attentive.duration_decoder import DurationPredictor, FrameDecoder
from peewee_model.synthesizer.non_attentive.non_attentive import NonAttentiveTacotron
from peewee_model.synthesizer.options import InferOptions
from tests.peewee_model.synthesizer.configs import small_config
from tests.peewee_model.synthesizer.tacotron2.test_tacotron2 import N_MELS, infer, item_alone, make_batch


def made(**changes):
    model = make_synthesizer(small_config("non_attentive", **changes)).eval()
    assert isinstance(model, NonAttentiveTacotron)
    model.set_mel_statistics(torch.randn(N_MELS), torch.rand(N_MELS) + 0.5)
    torch.nn.init.normal_(model.duration_predictor.projection.weight, std=0.3)  # so that tokens differ in length
    torch.nn.init.constant_(model.duration_predictor.projection.bias, 1.2)
    for part in (model.duration_predictor, model.frame_decoder):  # so that voices differ in every layer
        for layer in part.convolutions.film:
            torch.nn.init.normal_(layer.weight)
    return model


@pytest.mark.parametrize("reduction_factor", [1, 2, 3])
def test_padding_changes_nothing_that_is_drawn_of_recordings(reduction_factor):
    """An item alone and padded in a batch, more than the batch needs: the same outputs, and nothing at padding."""
    model = made(reduction_factor=reduction_factor)
    batch = make_batch([6, 4, 1], [27, 31, 5])
    batch["mel"] = torch.nn.functional.pad(batch["mel"], (0, 7))
    valid = torch.arange(38) < batch["mel_lengths"][:, None, None]
    batch["mel"] = batch["mel"].masked_fill(~valid, 1e3)  # any value
    batch["tokens"][1, 4:] = 7
    together = model(**batch)
    for index in range(3):
        alone = model(**item_alone(batch, index))
        for name in ("mel_before", "mel_after", "alignment", "durations", "log_durations"):
            expected = getattr(alone, name)
            window = tuple(slice(0, size) for size in expected.shape[1:])
            rest = getattr(together, name)[index].clone()
            torch.testing.assert_close(rest[window][None], expected, rtol=1e-4, atol=1e-5)
            rest[window] = 0
            assert torch.all(rest == 0), name
        steps = -(-batch["mel_lengths"][index] // reduction_factor)
        assert together.durations[index].sum() == steps == together.alignment[index].sum()


def test_a_new_network_scales_and_shifts_nothing_and_learns_to():
    """At first a voice is known by what is joined to the text alone; each layer gets a gradient."""
    model = make_synthesizer(small_config("non_attentive"))
    batch = make_batch([6, 4], [27, 31])
    output = model(**batch)
    plain = make_synthesizer(small_config("non_attentive", speaker_film_dim=0))
    plain.load_state_dict({name: value for name, value in model.state_dict().items() if name in plain.state_dict()})
    for each in (model, plain):
        each.eval()
    torch.testing.assert_close(model(**batch).mel_after, plain(**batch).mel_after)
    (output.mel_after.square().sum() + output.log_durations.square().sum()).backward()
    layers = [layer for name, layer in model.named_parameters() if ".film." in name]
    assert len(layers) == 8 and all(layer.grad.abs().sum() > 0 for layer in layers)


def test_a_network_of_one_speaker_has_no_layers_for_voices():
    """It has no embedding to be scaled by."""
    config = small_config("non_attentive", speaker_embedding_dim=0)
    assert not [name for name, _ in make_synthesizer(config).named_parameters() if "film" in name or "narrow" in name]


def test_tokens_are_held_for_as_long_as_they_last():
    """Each token's vector is repeated for its frames."""
    decoder = FrameDecoder(small_config("non_attentive")).eval()
    seen = []
    decoder.convolutions.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    values, durations = torch.randn(2, 3, 22), torch.tensor([[2, 0, 4], [1, 2, 0]])
    _, alignment = decoder(values, durations, 6, torch.randn(2, 5))
    (held,) = seen
    assert alignment.argmax(2).tolist() == [[0, 0, 2, 2, 2, 2], [0, 1, 1, 0, 0, 0]]
    assert alignment.sum(2).tolist() == [[1] * 6, [1, 1, 1, 0, 0, 0]]
    assert torch.equal(held[0, :, 2:], values[0, [0, 0, 2, 2, 2, 2]])
    assert torch.equal(held[1, :3, 2:], values[1, [0, 1, 1]])
    assert held[0, :, 0].tolist() == pytest.approx([0.25, 0.75, 0.125, 0.375, 0.625, 0.875])
    assert held[0, :, 1].exp().tolist() == pytest.approx([2, 2, 4, 4, 4, 4])
    assert torch.all(held[1, 3:] == 0)


def test_durations_are_whole_and_add_up():
    """No rounding error grows along a text; no token is skipped, and none lasts for ever."""
    predictor = DurationPredictor(small_config("non_attentive"))
    lasting = torch.tensor([[2.4] * 10, [0.01] * 9 + [1e9]])
    mask = torch.ones(2, 10, dtype=torch.bool)
    mask[0, 8:] = False
    found = predictor.durations(lasting.log(), mask)
    assert found[0].tolist() == [2, 3, 2, 3, 2, 2, 3, 2, 0, 0]
    assert found[1].tolist() == [1] * 9 + [300]  # three seconds of ten milliseconds


@pytest.mark.parametrize("reduction_factor", [1, 2, 3])
def test_what_is_spoken_is_what_would_be_drawn_of_a_recording_so_timed(reduction_factor):
    """Inference and training share the decoder."""
    model = made(reduction_factor=reduction_factor)
    batch = make_batch([9, 5], [1, 1])
    spoken = infer(model, batch, max_frames=10_000)
    durations = spoken.alignment.sum(1).long()
    batch |= {"mel": torch.zeros_like(spoken.mel), "mel_lengths": spoken.mel_lengths}
    with mock.patch("peewee_model.synthesizer.non_attentive.non_attentive.best_durations", lambda *_: durations):
        drawn = model(**batch)
    assert spoken.mel_lengths.tolist() == (durations.sum(1) * reduction_factor).tolist()
    assert len(set(durations[0].tolist())) > 1
    torch.testing.assert_close(spoken.mel, drawn.mel_after, rtol=1e-4, atol=1e-5)
    assert not spoken.truncated.any()
    assert spoken.stop_logits is None


def test_padding_changes_nothing_that_is_spoken():
    """A text is the same alone and in a batch."""
    model = made(reduction_factor=2)
    batch = make_batch([9, 5, 2], [1, 1, 1])
    limits = torch.tensor([7, 10_000, 10_000])
    together = infer(model, batch, max_frames=limits)
    assert together.mel_lengths[0] == 7
    assert together.truncated.tolist() == [True, False, False]
    for index in range(3):
        alone = infer(model, item_alone(batch, index), max_frames=int(limits[index]))
        n_frames, (n_steps, n_tokens) = alone.mel.shape[2], alone.alignment.shape[1:]
        torch.testing.assert_close(together.mel[index, :, :n_frames], alone.mel[0], rtol=1e-4, atol=1e-5)
        assert torch.equal(together.alignment[index, :n_steps, :n_tokens], alone.alignment[0])
        assert torch.all(together.mel[index, :, n_frames:] == 0)


def test_a_seed_varies_durations_within_the_stated_range():
    """The same generators give the same; another length of each token, within the factor and half a step."""
    model, batch = made(), make_batch([6, 4, 9], [27, 31, 5])

    def lasting(max_stretch, seed):
        generators = [torch.Generator().manual_seed(seed + item) for item in range(len(batch["tokens"]))]
        options = InferOptions(generator=generators, max_stretch=max_stretch)
        return infer(model, batch, max_frames=10_000, options=options).alignment.sum(dim=1)

    plain, varied = lasting(0.0, 1), lasting(0.5, 1)
    assert torch.equal(plain, lasting(0.0, 2))
    assert torch.equal(varied, lasting(0.5, 1))
    assert not torch.equal(varied, plain)
    assert not torch.equal(varied, lasting(0.5, 9))
    assert (varied.sum(dim=1) <= 1.5 * plain.sum(dim=1) + 1).all()
    assert (varied.sum(dim=1) >= plain.sum(dim=1) / 1.5 - 1).all()


def test_pace_divides_the_durations_of_each_text():
    """By its own factor, up to half a step; a token lasts a step at least."""
    model, batch = made(), make_batch([6, 4, 9], [27, 31, 5])
    paces = torch.tensor([0.5, 1.0, 0.25])

    def lasting(**options):
        return infer(model, batch, max_frames=10_000, options=InferOptions(**options)).alignment.sum(dim=1).sum(dim=1)

    plain, paced = lasting(), lasting(pace=paces)
    assert torch.allclose(paced * paces, plain, atol=0.6)
    assert torch.equal(lasting(pace=torch.ones(3)), plain)
    assert lasting(pace=torch.full((3,), 100.0)).tolist() == [6, 4, 9]


def test_voice_is_heard():
    """Another speaker embedding gives another mel."""
    model, batch = made(), make_batch([6], [1])
    one, other = (
        infer(model, batch | {"speaker_embedding": voice}, max_frames=200).mel for voice in torch.eye(6)[:2, None]
    )
    n = min(one.shape[2], other.shape[2])
    assert not torch.allclose(one[..., :n], other[..., :n])


def test_durations_do_not_teach_the_aligner_nor_mels_the_predictor():
    """The best reading is a choice, not a function; what is drawn in training is timed by it, not by the predictor."""
    model, batch = made().train(), make_batch([6, 4], [27, 31])
    model(**batch).mel_after.square().sum().backward()
    taught = {name.split(".")[0] for name, weight in model.named_parameters() if weight.grad is not None}
    assert taught == {"encoder", "narrow", "frame_decoder", "postnet"}


def test_wrong_input_is_named():
    """With the shape that was given and the one that is wanted."""
    model, batch = made(), make_batch([9], [12])
    with pytest.raises(ShapeError, match="made for 6"):
        model(**batch | {"speaker_embedding": None})
    with pytest.raises(ShapeError, match="8 bands"):
        model(**batch | {"mel": torch.zeros(1, 9, 12)})
    with pytest.raises(ShapeError, match="tokens"):
        infer(model, batch | {"tokens": batch["tokens"][0]}, max_frames=9)
    with pytest.raises(ConfigError, match="precision is int8, but a Non-Attentive Tacotron runs in float32"):
        model.packed("int8")
    assert model.packed() == model.packed("float32")


def test_model_survives_its_folder(tmp_path):
    """Saved and loaded, it gives the same mel."""
    model = made(reduction_factor=2)
    save_model(tmp_path, model, model.config)
    loaded = load_synthesizer(tmp_path)
    assert isinstance(loaded, NonAttentiveTacotron)
    assert not loaded.training
    batch = make_batch([9, 5], [1, 1])
    assert torch.equal(infer(loaded, batch, max_frames=500).mel, infer(model, batch, max_frames=500).mel)
