from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from pydantic import ValidationError

from peewee_model.errors import ConfigError
from peewee_model.text.symbols.config import TextConfig
from pipeline import tables
from pipeline.tables import TableError
from pipeline.training.loop.loop import PreemptedError, train
from pipeline.training.loop.ragged import Ragged
from pipeline.training.synthesizer.learner import SynthesizerLearner
from pipeline.training.synthesizer.settings import SynthesizerParams
from tests.peewee_model.synthesizer.configs import with_sizes
from tests.pipeline.training.stops import SigtermAt

CORPUS, MELS, SPEAKERS = Path("data/corpus"), Path("data/mels/acoustic"), Path("data/speakers/utterances.parquet")
SIZES = {
    "symbol_embedding_dim": 16, "prenet_dim": 8, "attention_rnn_dim": 16, "attention_dim": 8, "decoder_rnn_dim": 16,
    "attention_location_n_filters": 4, "speaker_film_dim": 4, "aligner_channels": 8, "aligner_dim": 8,
    "duration_predictor_channels": 8, "frame_decoder_channels": 8, "frame_decoder_n_convolutions": 2,
    "postnet_channels": 8, "postnet_n_convolutions": 2, "reduction_factor": 3,
}  # fmt: skip


@pytest.fixture
def params(repository):
    section = yaml.safe_load((repository / "params.yaml").read_text())["synthesizer"]
    section["architecture"] = with_sizes(section["architecture"], SIZES)
    schedule = {"steps": 12, "validate_every": 4}
    section["training"] |= {
        "frame_budget": 200,
        "decay_from": 4,
        "schedule": section["training"]["schedule"] | schedule,
    }
    return SynthesizerParams.model_validate(section)


def make(params):
    return SynthesizerLearner(CORPUS, MELS, SPEAKERS, params, TextConfig(units="graphemes", language="en-us"))


def judged(params, from_step=5, **architecture):
    """The same, against a judge of mels from the sixth step on."""
    adversarial = params.training.adversarial.model_copy(
        update={"weight": 0.5, "from_step": from_step, "conditional": True}
    )
    training = params.training.model_copy(update={"adversarial": adversarial})
    sizes = params.architecture.model_copy(update=architecture)
    return params.model_copy(update={"training": training, "architecture": sizes})


def timed(params, **architecture):
    """The same, timed by durations."""
    sizes = params.architecture.model_copy(update={"arch": "non_attentive", **architecture})
    return params.model_copy(update={"architecture": sizes})


@pytest.mark.parametrize(("stop_at", "is_judged"), [(1, False), (4, False), (11, False), (3, True), (9, True)])
def test_resumed_tacotron_training_is_equal_to_the_bit(speech, params, stop_at, is_judged):
    """T7: dropouts, batches and voices drawn after a restart are those of the uninterrupted run; the judge too."""
    if is_judged:
        params = judged(params, arch="non_attentive")
    whole = make(params)
    history = train(whole, params.training.schedule, "whole")
    with pytest.raises(PreemptedError):
        train(SigtermAt(make(params), stop_at), params.training.schedule, "broken")
    resumed = make(params)
    assert train(resumed, params.training.schedule, "broken") == history
    expected = whole.modules["synthesizer"].state_dict()
    for name, value in resumed.modules["synthesizer"].state_dict().items():
        assert torch.equal(value, expected[name]), name


def test_validation_reports_losses_and_alignment(speech, params):
    """Each validation has the losses and the attention's figures."""
    rows = [row for row in train(make(params), params.training.schedule, "run") if row["split"] == "validation"]
    assert [row["step"] for row in rows] == [4, 8, 12]
    for row in rows:
        assert {"loss", "mel_after", "stop", "diagonality", "focus_rate"} <= row.keys()


def test_judge_is_there_from_its_step(speech, params):
    """Until then training is what it is without one; then the judge is paid, and changes the weights and itself."""
    plain, against = make(params), make(judged(params))
    unlearned = {name: value.clone() for name, value in against.modules["discriminator"].state_dict().items()}
    rows = [train(learner, params.training.schedule, f"{index}") for index, learner in enumerate((plain, against))]
    without, judged_rows = ([row for row in history if row["split"] == "train"] for history in rows)
    assert "adversarial" not in without[-1]
    assert without[0] == judged_rows[0]  # steps 1 to 4
    assert judged_rows[-1]["adversarial"] > 0 < judged_rows[-1]["discriminator"]
    assert judged_rows[-1]["mel_after"] != without[-1]["mel_after"]
    assert (plain.candidates_from, against.candidates_from) == (0, 5)
    learned = against.modules["discriminator"].state_dict()
    assert all(not torch.equal(learned[name], value) for name, value in unlearned.items())


def test_durations_are_learned_in_place_of_attention(speech, params):
    """Validations have what the aligner and the predictor cost, each weighed, and no stop: nothing is asked to stop."""
    params = timed(params)
    history = train(make(params), params.training.schedule, "run")
    for row in (row for row in history if row["split"] == "validation"):
        assert not {"stop", "attention"} & row.keys()
        weighed = params.loss.aligner_weight * row["aligner"] + params.loss.duration_weight * row["duration"]
        assert row["loss"] == pytest.approx(row["mel_before"] + row["mel_after"] + weighed)
        assert 0 < row["focus_rate"] < 1  # of what the aligner thinks; durations make ones of it
    learned = [row["mel_after"] for row in history if row["split"] == "train"]
    assert learned[-1] < learned[0]


def test_recordings_too_short_for_their_texts_are_told(speech, params, caplog):
    """All of them, because a step has so many frames: an error that says what to lower. One of them: a warning."""
    make(timed(params))
    assert "fewer decoder steps" not in caplog.text
    with pytest.raises(ConfigError, match=r"36 of 36 training .* lower synthesizer\.architecture\.reduction_factor"):
        make(timed(params, reduction_factor=100))
    rows = list(tables.iter_rows(CORPUS))
    rows[0]["normalized_text"] *= 4
    tables.write_shard(CORPUS / "part-00000.parquet", tables.CORPUS, rows)
    make(timed(params))
    assert "1 of 36 training utterances have fewer decoder steps than symbols; they are divided evenly" in caplog.text


def test_corpus_without_texts_is_left_to_the_encoder(speech, params, caplog):
    """It is said how much; such a corpus can't be named for the synthesizer."""
    caplog.set_level("INFO")
    rows = list(tables.iter_rows(CORPUS))
    for number, row in enumerate(rows):
        row |= {"corpus": "spoken"} if number % 3 else {"corpus": "voices", "normalized_text": ""}
    tables.write_shard(CORPUS / "part-00000.parquet", tables.CORPUS, rows)
    learner = make(params)
    assert (len(learner._train), len(learner._validation)) == (24, 8)  # of 36 and 12
    assert "corpus=voices skipped=16: utterances without text are for the encoder" in caplog.text
    named = params.model_copy(update={"training": params.training.model_copy(update={"corpora": ("voices",)})})
    with pytest.raises(ConfigError, match=r"corpora names voices, but .* holds texts of spoken"):
        make(named)


def test_only_the_corpora_that_are_named_are_spoken(speech, params):
    """Others may be there for the encoder. One that is not there is named."""
    rows = list(tables.iter_rows(CORPUS))
    for number, row in enumerate(rows):
        row["corpus"] = "clear" if number % 2 else "noisy"
    tables.write_shard(CORPUS / "part-00000.parquet", tables.CORPUS, rows)

    def of(*corpora):
        return make(params.model_copy(update={"training": params.training.model_copy(update={"corpora": corpora})}))

    everything, clear = of(), of("clear")
    assert (len(everything._train), len(everything._validation)) == (36, 12)
    assert (len(clear._train), len(clear._validation)) == (18, 6)
    assert clear._train.tokens[0].tolist() == everything._train.tokens[1].tolist()
    with pytest.raises(
        ConfigError, match="names other, but data/corpus holds texts of clear, noisy; name corpora of these"
    ):
        of("clear", "other")


def test_judge_comes_before_the_end(params):
    """Else none of the weights would be kept."""
    section = judged(params, from_step=12).model_dump()
    with pytest.raises(ValidationError, match=r"from_step is 12, but schedule\.steps only 12"):
        SynthesizerParams.model_validate(section)


def test_frames_are_left_out_in_training_and_validation(speech, params):
    """Else the weights that are chosen would be those that go on best from true frames, which nobody has in use."""

    def validation(frame_dropout):
        schedule = params.training.schedule.model_copy(update={"steps": 4})
        changes = {"frame_dropout": frame_dropout, "schedule": schedule, "decay_from": 1}
        training = params.training.model_copy(update=changes)
        history = train(make(params.model_copy(update={"training": training})), training.schedule, f"{frame_dropout}")
        return next(row["mel_after"] for row in history if row["split"] == "validation")

    assert validation(0.0) != validation(0.5)
    learner = make(params.model_copy(update={"training": params.training.model_copy(update={"frame_dropout": 0.5})}))
    learner.modules["synthesizer"].eval()
    measured = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        with torch.no_grad():
            measured.append(learner.validate()["mel_after"])
    assert measured[0] == measured[1] != measured[2]


def test_voice_comes_from_another_utterance_of_the_speaker(speech, params):
    """Never the target's own embedding, never another speaker's."""
    learner = make(params)
    texts = learner._train
    numbers = np.arange(len(texts), dtype=np.float32)  # an utterance's embedding is its row number
    texts.embeddings = Ragged(numbers[:, None, None], np.float32, 1)
    for index in range(30):
        rows = learner._buckets.batch(index)
        voices = learner.batch(index).speaker_embedding[:, 0].int().tolist()
        for row, voice in zip(rows.tolist(), voices, strict=True):
            assert voice != row
            assert voice // 6 == row // 6  # six utterances a speaker, in order


def test_learning_rate_holds_then_falls_to_its_end(speech, params):
    """Constant until decay_from, the final value at the last step."""
    learner, training = make(params), params.training
    assert learner._learning_rate(0) == learner._learning_rate(4) == training.learning_rate
    assert learner._learning_rate(12) == pytest.approx(training.final_learning_rate)
    assert training.final_learning_rate < learner._learning_rate(8) < training.learning_rate


def test_tables_of_other_utterances_are_refused(speech, params):
    """Side by side reading would pair texts with the wrong mels in silence."""
    rows = list(tables.iter_rows(SPEAKERS))
    tables.write_shard(SPEAKERS, tables.UTTERANCE_EMBEDDINGS, rows[::-1])
    with pytest.raises(TableError, match=r"not of the same utterances: s0_u0 / s0_u0 / s7_u5"):
        make(params)


def test_phonemes_are_a_parameter(speech, params):
    """With text.units phonemes the same texts become other tokens, of a larger table, and the model is sized for it."""
    graphemes = make(params)
    phonemes = SynthesizerLearner(CORPUS, MELS, SPEAKERS, params, TextConfig(units="phonemes", language="en-us"))
    assert phonemes.config.n_symbols > graphemes.config.n_symbols
    assert phonemes.config.text == {"units": "phonemes", "language": "en-us"}
    assert phonemes._train.tokens[0].tolist() != graphemes._train.tokens[0].tolist()


@pytest.mark.parametrize("arch", ["tacotron2", "non_attentive"])
def test_mixed_precision_stays_near_single_precision(speech, params, arch):
    """With bf16-mixed the hand-written attention loop gets what autocast made, and stays in single precision itself; so
    do the aligner's distances."""
    params = timed(params) if arch == "non_attentive" else params
    losses, parts = {}, ("loss", "stop") if arch == "tacotron2" else ("loss", "aligner")
    for precision in ("32-true", "bf16-mixed"):
        schedule = params.training.schedule.model_copy(update={"precision": precision})
        training = params.training.model_copy(update={"schedule": schedule})
        rows = train(make(params.model_copy(update={"training": training})), schedule, precision)
        losses[precision] = {(row["step"], row["split"], name): row[name] for row in rows for name in parts}
    single, mixed = losses["32-true"], losses["bf16-mixed"]
    assert mixed != single
    assert mixed == pytest.approx(single, rel=0.02)
