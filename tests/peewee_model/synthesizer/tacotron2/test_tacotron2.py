from contextlib import contextmanager
from unittest import mock

import pytest
import torch

from peewee_model.errors import ConfigError, ShapeError
from peewee_model.networks.weights import save_model
from peewee_model.synthesizer.factory import load_synthesizer
from peewee_model.synthesizer.options import ForwardOptions, InferOptions
from peewee_model.synthesizer.synthesizer import n_decoder_steps
from peewee_model.synthesizer.tacotron2.inference import DecoderRun
from peewee_model.synthesizer.tacotron2.tacotron2 import Tacotron2, Tacotron2Output
from tests.reference import our_name, torchaudio_tacotron2, without_dropout

N_SYMBOLS, N_MELS = 12, 8


def make_batch(token_lengths, mel_lengths, n_embedding=6):
    n_items = len(token_lengths)
    return {
        "tokens": torch.randint(1, N_SYMBOLS, (n_items, max(token_lengths))),
        "token_lengths": torch.tensor(token_lengths),
        "mel": torch.randn(n_items, N_MELS, max(mel_lengths)),
        "mel_lengths": torch.tensor(mel_lengths),
        "speaker_embedding": torch.nn.functional.normalize(torch.randn(n_items, n_embedding), dim=1),
    }


def item_alone(batch, index):
    alone = {name: tensor[index : index + 1] for name, tensor in batch.items()}
    alone["tokens"] = alone["tokens"][:, : int(alone["token_lengths"])]
    alone["mel"] = alone["mel"][:, :, : int(alone["mel_lengths"])]
    return alone


def gradients(model, outputs, weighting):
    model.zero_grad(set_to_none=True)
    sum((output * weight).sum() for output, weight in zip(outputs, weighting, strict=True)).backward()
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}


def torchaudio_like(config):
    """Torchaudio's model of the same sizes."""
    return torchaudio_tacotron2()(
        n_mels=config.mel.n_mels,
        n_symbol=config.n_symbols,
        symbol_embedding_dim=config.symbol_embedding_dim,
        encoder_embedding_dim=config.symbol_embedding_dim,
        encoder_n_convolution=config.encoder_n_convolutions,
        encoder_kernel_size=config.encoder_kernel_size,
        decoder_rnn_dim=config.tacotron2.decoder_rnn_dim,
        attention_rnn_dim=config.tacotron2.attention_rnn_dim,
        attention_hidden_dim=config.tacotron2.attention_dim,
        attention_location_n_filter=config.tacotron2.attention_location_n_filters,
        attention_location_kernel_size=config.tacotron2.attention_location_kernel_size,
        prenet_dim=config.tacotron2.prenet_dim,
        postnet_n_convolution=config.postnet_n_convolutions,
        postnet_kernel_size=config.postnet_kernel_size,
        postnet_embedding_dim=config.postnet_channels,
        attention_dropout=0.0,
        decoder_dropout=0.0,
    )


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
def test_model_equals_torchaudio_with_the_same_weights(make_config, training):
    """Teacher-forced outputs and the gradients of all parameters; in training mode batch statistics too."""
    config = make_config(
        speaker_embedding_dim=0,
        encoder_dropout=0.0,
        prenet_dropout=0.0,
        attention_dropout=0.0,
        decoder_dropout=0.0,
        postnet_dropout=0.0,
    )
    theirs, ours = torchaudio_like(config), Tacotron2(config)
    for module in theirs.modules():  # batch norms that do something
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    renamed = {our_name(name): tensor.clone() for name, tensor in theirs.state_dict().items()}
    ours.load_state_dict(renamed | {"mel_mean": torch.zeros(N_MELS), "mel_scale": torch.ones(N_MELS)})
    theirs.train(training)
    ours.train(training)

    batch = make_batch([9, 9, 9], [23, 23, 23])
    batch.pop("speaker_embedding")
    with without_dropout():
        expected = theirs(*batch.values())
    found = ours(**batch)
    for name, mine, reference in zip(Tacotron2Output._fields, found, expected, strict=True):
        torch.testing.assert_close(mine, reference, rtol=0, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}")

    weighting = [torch.randn_like(output) for output in expected]
    sum((output * weight).sum() for output, weight in zip(expected, weighting, strict=True)).backward()
    found_gradients = gradients(ours, found, weighting)
    expected_gradients = {our_name(name): parameter.grad for name, parameter in theirs.named_parameters()}
    assert found_gradients.keys() == expected_gradients.keys()
    for name, reference in expected_gradients.items():
        scale = max(1.0, float(reference.abs().max()))
        difference = float((found_gradients[name] - reference).abs().max())
        assert difference <= 1e-4 * scale, f"{name} differs by {difference} of {scale}"
    for name, tensor in theirs.state_dict().items():  # running statistics
        torch.testing.assert_close(ours.state_dict()[our_name(name)], tensor, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("reduction_factor", [1, 2, 3])
def test_padding_changes_nothing_in_evaluation(make_config, reduction_factor):
    """An item alone and padded in a batch: the same outputs, the same gradients, and nothing at padding."""
    model = Tacotron2(make_config(reduction_factor=reduction_factor)).eval()
    model.set_mel_statistics(torch.randn(N_MELS), torch.rand(N_MELS) + 0.5)
    batch = make_batch([9, 4, 1], [11, 26, 5])
    batch["mel"] = batch["mel"].masked_fill(
        torch.arange(26) >= batch["mel_lengths"][:, None, None], 1e3
    )  # any value at padding
    batch["tokens"][1, 4:] = 7
    together = model(**batch)
    for index in range(3):
        alone = model(**item_alone(batch, index))
        cut = []
        for name, output, expected in zip(Tacotron2Output._fields, together, alone, strict=True):
            window = tuple(slice(0, size) for size in expected.shape[1:])
            item = output[(slice(index, index + 1), *window)]
            torch.testing.assert_close(
                item, expected, rtol=1e-4, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
            )
            rest = output[index].clone()
            rest[window] = 0
            assert torch.all(rest == 0), name
            cut.append(item)
        weighting = [torch.randn_like(output) for output in alone]
        found = gradients(model, tuple(cut), weighting) if index == 2 else None
        if found is not None:
            expected_gradients = gradients(model, alone, weighting)
            for name, reference in expected_gradients.items():
                torch.testing.assert_close(found[name], reference, rtol=1e-3, atol=1e-4)


def test_batch_statistics_ignore_padding(make_config):
    """In training, a batch of one item is normalised as the same batch with padding after it."""
    config = make_config(
        encoder_dropout=0.0, prenet_dropout=0.0, attention_dropout=0.0, decoder_dropout=0.0, postnet_dropout=0.0
    )
    model = Tacotron2(config).train()
    batch = make_batch([9], [21])
    padded = batch | {
        "tokens": torch.nn.functional.pad(batch["tokens"], (0, 5)),
        "mel": torch.nn.functional.pad(batch["mel"], (0, 17)),
    }
    results = []
    for inputs in (batch, padded):
        copy = Tacotron2(config).train()
        copy.load_state_dict(model.state_dict())
        output = copy(**inputs)
        loss = output.mel_after.square().sum() + output.mel_before.sum() + output.stop_logits.sum()
        loss.backward()
        results.append((loss, copy))
    torch.testing.assert_close(results[0][0], results[1][0])
    for (name, one), other in zip(results[0][1].named_parameters(), results[1][1].parameters(), strict=True):
        torch.testing.assert_close(
            one.grad, other.grad, rtol=1e-3, atol=1e-4, msg=lambda text, name=name: f"{name}: {text}"
        )
    for one, other in zip(results[0][1].buffers(), results[1][1].buffers(), strict=True):
        torch.testing.assert_close(one, other)


@contextmanager
def teacher(mel, factor):
    """Let `infer` start each step from a known mel's frame instead of its own."""
    step, calls = DecoderRun.step, iter(range(10**6))

    def forced(run, frame):
        call = next(calls)
        return step(run, frame if call == 0 else mel[:, :, call * factor - 1])

    with mock.patch.object(DecoderRun, "step", forced):
        yield


@pytest.mark.parametrize("reduction_factor", [1, 2, 3])
def test_steps_of_inference_equal_teacher_forcing(make_config, reduction_factor):
    """Fed with the same frames, both give the same."""
    model = Tacotron2(make_config(prenet_dropout=0.0, reduction_factor=reduction_factor)).eval()
    batch = make_batch([9, 5], [20, 20])
    forced = model(**batch)
    with teacher(batch["mel"], reduction_factor):
        inferred = model.packed("float32")(
            batch["tokens"],
            batch["token_lengths"],
            batch["speaker_embedding"],
            max_frames=20,
            options=InferOptions(stop_threshold=1.0),
        )
    torch.testing.assert_close(inferred.mel, forced.mel_after, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(inferred.alignment, forced.alignment, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(inferred.stop_logits, forced.stop_logits, rtol=1e-4, atol=1e-5)
    assert inferred.truncated.all()
    assert inferred.mel_lengths.tolist() == [20, 20]


def infer(model, batch, **options):
    return model.packed("float32")(batch["tokens"], batch["token_lengths"], batch["speaker_embedding"], **options)


def test_inference_depends_on_its_seed_only(make_config):
    """The dropout of the pre-net is part of the model."""
    model = Tacotron2(make_config()).eval()
    batch = make_batch([9, 5], [1, 1])
    runs = [
        infer(model, batch, max_frames=15, options=InferOptions(torch.Generator().manual_seed(seed), 1.0)).mel
        for seed in (1, 1, 2)
    ]
    assert torch.equal(runs[0], runs[1])
    assert not torch.allclose(runs[0], runs[2])


def test_padding_changes_nothing_in_inference(make_config):
    """Items end at different times, so some run on as padding for the others."""
    model = Tacotron2(make_config(prenet_dropout=0.0, reduction_factor=2)).eval()
    batch = make_batch([9, 5, 2], [1, 1, 1])
    limits = torch.tensor([21, 8, 13])
    options = InferOptions(stop_threshold=1.0)
    together = infer(model, batch, max_frames=limits, options=options)
    assert together.mel_lengths.tolist() == [21, 8, 13]
    for index in range(3):
        alone = infer(model, item_alone(batch, index), max_frames=int(limits[index]), options=options)
        n_frames, (n_steps, n_tokens) = alone.mel.shape[2], alone.alignment.shape[1:]
        torch.testing.assert_close(together.mel[index, :, :n_frames], alone.mel[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(together.alignment[index, :n_steps, :n_tokens], alone.alignment[0])
        assert torch.all(together.mel[index, :, n_frames:] == 0)
        assert torch.all(together.alignment[index, n_steps:] == 0)


def test_inference_stops_where_the_stop_logits_say(make_config):
    """A text ends where the model ends it."""
    model = Tacotron2(make_config(reduction_factor=2)).eval()
    batch = make_batch([9, 5], [1, 1])
    with torch.no_grad():
        model.decoder.stop_projection.weight.zero_()
        model.decoder.stop_projection.bias.fill_(3.0)
    stopped = infer(model, batch, max_frames=30)
    assert stopped.mel_lengths.tolist() == [2, 2]
    assert not stopped.truncated.any()
    with torch.no_grad():
        model.decoder.stop_projection.bias.fill_(-3.0)
    endless = infer(model, batch, max_frames=torch.tensor([30, 7]))
    assert endless.mel_lengths.tolist() == [30, 7]
    assert endless.truncated.all()


@pytest.mark.parametrize(
    ("threshold", "n_steps", "truncated"),
    [(0.5, [2, 4], [False, False]), (0.6, [3, 5], [False, True]), (0.15, [1, 3], [False, False])],
)
def test_text_ends_at_the_first_step_whose_stop_probability_is_above_the_threshold(
    make_config, threshold, n_steps, truncated
):
    """Known logits: 0.3 is a probability of 0.57, -1.5 one of 0.18. A text that has ended waits for the others."""
    logits = torch.tensor([[-1.5, 0.3, 2.0, -9.0, -9.0], [-9.0, -9.0, -1.5, 0.3, 0.0]])
    model = Tacotron2(make_config(reduction_factor=2)).eval()
    step, calls = DecoderRun.step, iter(range(10**6))

    def known(run, frame):
        return step(run, frame)[0], logits[:, next(calls)]

    with mock.patch.object(DecoderRun, "step", known):
        found = infer(model, make_batch([9, 5], [1, 1]), max_frames=10, options=InferOptions(stop_threshold=threshold))
    assert found.mel_lengths.tolist() == [2 * n for n in n_steps]
    assert found.truncated.tolist() == truncated
    for item, n in enumerate(n_steps):
        assert torch.equal(found.stop_logits[item, :n], logits[item, :n])
        assert torch.all(found.stop_logits[item, n:] == 0)


def test_speaker_embedding_changes_the_voice_at_every_step(make_config):
    """Not only at the first."""
    model = Tacotron2(make_config()).eval()
    batch = make_batch([9], [12])
    other = batch | {"speaker_embedding": -batch["speaker_embedding"]}
    difference = (model(**batch).mel_before - model(**other).mel_before).abs().amax(dim=1)
    assert torch.all(difference > 1e-6)


def test_mel_statistics_move_the_output_only(make_config):
    """The network sees the same normalised mels, so its output is the same up to their units."""
    model = Tacotron2(make_config()).eval()
    batch = make_batch([9], [12])
    plain = model(**batch).mel_after
    mean, deviation = torch.randn(N_MELS), torch.rand(N_MELS) + 0.5
    model.set_mel_statistics(mean, deviation)
    batch["mel"] = batch["mel"] * deviation[:, None] + mean[:, None]
    expected = plain * deviation[:, None] + mean[:, None]
    torch.testing.assert_close(model(**batch).mel_after, expected, rtol=1e-4, atol=1e-5)


def test_mixed_precision_trains_and_stays_near_full_precision(make_config):
    """The loss is finite and close."""
    model = Tacotron2(make_config()).train()
    batch = make_batch([9, 5], [20, 13])
    outputs = []
    for enabled in (False, True):
        torch.manual_seed(1)
        model.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            output = model(**batch)
        output.mel_after.float().square().sum().backward()
        assert all(
            torch.isfinite(parameter.grad).all() for parameter in model.parameters() if parameter.grad is not None
        )
        outputs.append(output)
    torch.testing.assert_close(outputs[1].alignment.float(), outputs[0].alignment, rtol=0, atol=0.02)
    similarity = torch.cosine_similarity(
        outputs[1].mel_before.float().flatten(), outputs[0].mel_before.flatten(), dim=0
    )
    assert similarity > 0.98


def test_frame_that_is_not_told_can_not_be_heard(make_config):
    """With all frames left out, a prediction depends on text and voice alone; with half of them, also on the other
    frames."""
    torch.manual_seed(0)
    model = Tacotron2(make_config()).eval()
    batch = make_batch([6, 4], [12, 9])
    other = batch | {"mel": torch.randn_like(batch["mel"])}

    def drawn(which, frame_dropout):
        torch.manual_seed(1)
        return model(**which, options=ForwardOptions(frame_dropout=frame_dropout)).mel_after

    nothing_told = 1 - 1e-9
    assert torch.equal(drawn(batch, nothing_told), drawn(other, nothing_told))
    assert not torch.equal(drawn(batch, 0.5), drawn(other, 0.5))
    assert not torch.equal(drawn(batch, 0.5), drawn(batch, nothing_told))
    assert torch.equal(drawn(batch, 0.0), model(**batch).mel_after)


def test_steps_are_rounded_up():
    """A last group of frames that is not full is a step."""
    assert n_decoder_steps(torch.tensor([1, 2, 3, 4, 6, 7]), 3).tolist() == [1, 1, 1, 2, 2, 3]


def test_wrong_shapes_are_named(make_config):
    """With what was given and what is wanted."""
    model = Tacotron2(make_config())
    batch = make_batch([9], [12])
    with pytest.raises(ShapeError, match="made for 6"):
        model(**batch | {"speaker_embedding": None})
    with pytest.raises(ShapeError, match="8 bands"):
        model(**batch | {"mel": torch.zeros(1, 9, 12)})
    with pytest.raises(ShapeError, match="tokens"):
        model(**batch | {"tokens": batch["tokens"][0]})


def test_config_refuses_an_even_kernel(make_config):
    """Padding could not keep the length."""
    with pytest.raises(ValueError, match="make it odd"):
        make_config(attention_location_kernel_size=30)


def test_model_survives_its_folder(make_config, tmp_path):
    """Saved and loaded, it gives the same mel."""
    model = Tacotron2(make_config(reduction_factor=2)).eval()
    model.set_mel_statistics(torch.randn(N_MELS), torch.rand(N_MELS) + 0.5)
    save_model(tmp_path, model, model.config)
    loaded = load_synthesizer(tmp_path)
    assert loaded.config == model.config
    assert not loaded.training
    batch = make_batch([9, 5], [12, 7])
    assert torch.equal(loaded(**batch).mel_after, model(**batch).mel_after)
    (tmp_path / "config.json").unlink()
    with pytest.raises(ConfigError, match=r"config\.json"):
        load_synthesizer(tmp_path)
