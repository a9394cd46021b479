import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from peewee_model import Clip, VoiceCloner
from peewee_model.audio.loudness import loudness
from peewee_model.audio.mel import MelConfig, SpeakerMelConfig
from peewee_model.cli import main as cli
from peewee_model.cloning import cloner, matching
from peewee_model.cloning.reference import MARGIN_S
from peewee_model.encoder.config import EncoderConfig, LstmSizes
from peewee_model.encoder.speaker_encoder import SpeakerEncoder
from peewee_model.errors import AudioError, ConfigError, PeeweeError, TamperedReleaseError, TextError
from peewee_model.networks.weights import save_model
from peewee_model.script.pauses import PAUSES, Pauses
from peewee_model.store.store import open_store
from peewee_model.synthesizer.tacotron2.tacotron2 import Tacotron2
from peewee_model.text.symbols.config import TextConfig
from peewee_model.text.symbols.tokenizer import Tokenizer
from peewee_model.vocoder.griffin_lim import GriffinLim, GriffinLimConfig
from tests.peewee_model.synthesizer.configs import small_config

SPEAKER_MEL = SpeakerMelConfig(
    sample_rate=16000, n_fft=512, win_length=400, hop_length=160, n_mels=40, f_min=20.0, f_max=7600.0, log_floor=1e-3,
    loudness_lufs=-23.0,
)  # fmt: skip
ACOUSTIC_MEL = MelConfig(
    sample_rate=24000, n_fft=1024, win_length=1024, hop_length=256, n_mels=80, f_min=50.0, f_max=8000.0, log_floor=1e-3
)
TEXT = TextConfig(units="graphemes", language="en-us")
NEVER, AT_ONCE = -30.0, 30.0
pytestmark = pytest.mark.filterwarnings("ignore::peewee_model.ReferenceWarning")
"""The made-up voice is short, and has no sound above 3 kHz."""
PAUSE = round(PAUSES.sentence_s * 24000)


@pytest.fixture(autouse=True)
def short_sentences(monkeypatch):
    """These networks never stop by themselves, so what they say to be compared with a reference is a word."""
    monkeypatch.setitem(matching.SENTENCES, "en", ("so.",))


def make_encoder():
    torch.manual_seed(1)
    sizes = LstmSizes(
        n_layers=1, hidden_dim=16, projection_dim=0, pooling="last", attention_channels=1, embedding_dim=8,
        window_frames=160, window_overlap=0.5,
    )  # fmt: skip
    config = EncoderConfig(arch="lstm", normalize="global", silence_db=0.0, lstm=sizes, mel=SPEAKER_MEL)
    return SpeakerEncoder(config).eval()


def make_synthesizer(stop_bias=NEVER, **changes):
    """Random weights, and a decoder that stops never or at once."""
    torch.manual_seed(2)
    settings = {
        "symbol_embedding_dim": 8, "encoder_n_convolutions": 1, "encoder_kernel_size": 3, "encoder_dropout": 0.5,
        "prenet_dim": 8, "prenet_dropout": 0.5, "attention_rnn_dim": 8, "attention_dim": 8,
        "attention_location_n_filters": 2, "attention_location_kernel_size": 3, "attention_dropout": 0.1,
        "decoder_rnn_dim": 8, "decoder_dropout": 0.1, "postnet_n_convolutions": 2, "postnet_channels": 8,
        "postnet_kernel_size": 3, "postnet_dropout": 0.5, "reduction_factor": 5, "mel": ACOUSTIC_MEL,
        "text": TEXT.model_dump(), "n_symbols": Tokenizer(TEXT).n_symbols, "speaker_embedding_dim": 8,
    }  # fmt: skip
    model = Tacotron2(small_config(**settings | changes)).eval()
    torch.nn.init.constant_(model.decoder.stop_projection.bias, stop_bias)
    return model


def make_vocoder(mel=ACOUSTIC_MEL):
    config = GriffinLimConfig(arch="griffin_lim", n_iterations=1, momentum=0.0, n_inversion_updates=1, mel=mel)
    return GriffinLim(config).eval()


def models(stop_bias):
    return make_encoder(), make_synthesizer(stop_bias), make_vocoder()


def voice(duration_s, sample_rate=16000, pitch=120.0):
    """Syllables of gliding pitch and moving formants, and hisses between them, below 3 kHz: the same at every rate."""
    time = np.arange(round(duration_s * sample_rate)) / sample_rate
    turns = 2 * np.pi * time
    glide = 0.15 * np.sin(1.3 * turns) + 0.05 * np.sin(3.1 * turns)
    phase = pitch * (turns - 0.15 / 1.3 * np.cos(1.3 * turns) - 0.05 / 3.1 * np.cos(3.1 * turns))
    low, high = 500 + 200 * np.sin(2.1 * turns), 1600 + 600 * np.sin(1.7 * turns + 1)
    vowel = np.zeros(len(time))
    for k in range(1, int(3000 / (1.2 * pitch))):
        hz = k * pitch * (1 + glide)
        formants = np.exp(-(((hz - low) / 250) ** 2)) + 0.3 * np.exp(-(((hz - high) / 300) ** 2))
        vowel += np.sin(k * phase) * (formants + 0.03)
    hiss = sum(np.sin(hz * turns + hz**2) * (0.2 + hz / 2950) for hz in np.linspace(100, 2950, 200)) / 60
    beat = np.sin(4 * turns)
    spoken = vowel * np.maximum(beat, 0.003) + 0.75 * hiss * (0.07 + np.maximum(-beat - 0.1, 0))
    return np.asarray(0.15 * spoken, dtype=np.float32)


@pytest.fixture(scope="module")
def speaker():
    return VoiceCloner(make_encoder(), make_synthesizer(), make_vocoder())


@pytest.fixture
def clip():
    return Clip(voice(2.0), 16000)


@pytest.fixture
def store(tmp_path, sign):
    """A store's address, and the version of the release in it."""
    folder = tmp_path / "made"
    for name, model in (("encoder", make_encoder()), ("synthesizer", make_synthesizer()), ("vocoder", make_vocoder())):
        save_model(folder / name, model, model.config)
    version = sign(folder)
    open_store(str(tmp_path / "store")).publish(folder, "stable", "test")
    return str(tmp_path / "store"), version


def test_release_of_a_store_speaks_and_is_saved(store, tmp_path):
    """From a store's address to a WAV file."""
    address, version = store
    soundfile.write(tmp_path / "me.wav", voice(1.5, 44100), 44100)
    speech = VoiceCloner.load(f"{address}@stable").clone("Hello there.", reference=[tmp_path / "me.wav"])
    (alignment,) = speech.alignment
    assert speech.samples.dtype == np.float32 and speech.samples.ndim == 1 and np.isfinite(speech.samples).all()
    assert 0 < np.abs(speech.samples).max() <= 1
    assert speech.sample_rate == 24000
    assert speech.text == "hello there."
    assert alignment.shape[1] == len(Tokenizer(TEXT).encode("hello there."))
    np.testing.assert_allclose(alignment.sum(axis=1), 1, atol=1e-5)
    speech.save(tmp_path / "hello.wav", mark=False)
    info = soundfile.info(tmp_path / "hello.wav")
    assert (info.samplerate, info.channels, info.subtype, info.frames) == (24000, 1, "PCM_16", len(speech.samples))
    written, _ = soundfile.read(tmp_path / "hello.wav", dtype="float32")
    np.testing.assert_allclose(written, speech.samples, atol=1.01 / 32768)
    pinned = VoiceCloner.load(f"{address}@{version}").clone("Hello there.", reference=[str(tmp_path / "me.wav")])
    in_place = VoiceCloner.load_folder(Path(address) / "releases" / version)
    again = in_place.clone("Hello there.", reference=[(tmp_path / "me.wav").read_bytes()])
    assert pinned.samples.tobytes() == again.samples.tobytes() == speech.samples.tobytes()


def test_command_line_clones_a_voice(store, tmp_path, monkeypatch, capsys):
    """The README's line."""
    soundfile.write(tmp_path / "me.wav", voice(1.5), 16000)
    out = tmp_path / "hello.wav"
    arguments = ["clone", "--release", store[0], "--reference", str(tmp_path / "me.wav"), "--out", str(out), "--text"]
    monkeypatch.setattr(sys, "argv", ["peewee-tts", *arguments, "Hello \N{SNOWMAN}."])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert not caught.value.code
    assert soundfile.info(out).samplerate == 24000
    errors = capsys.readouterr().err
    assert "did not stop by itself" in errors
    assert "left out of the text, because no reader says it: \N{SNOWMAN} (1 in all)" in errors
    for name, kind in (("hello.mp3", "MP3"), ("hello.opus", "OGG")):
        elsewhere = [str(tmp_path / name) if item == str(out) else item for item in arguments]
        monkeypatch.setattr(sys, "argv", ["peewee-tts", *elsewhere, "Hello."])
        with pytest.raises(SystemExit):
            cli.main()
        assert soundfile.info(tmp_path / name).format == kind
    for content, code in (("SQL\tsequel\n", 0), ("SQL sequel\n", 2)):
        (tmp_path / "lexicon.tsv").write_text(content)
        monkeypatch.setattr(sys, "argv", ["peewee-tts", *arguments, "SQL.", "--lexicon", str(tmp_path / "lexicon.tsv")])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        assert (caught.value.code or 0) == code
    assert "lexicon.tsv, line 1: 0 tabs in 'SQL sequel'; write the word, one tab" in capsys.readouterr().err
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["peewee-tts", *arguments, ""])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_tampered_release_is_refused_before_a_model_is_loaded(store, monkeypatch):
    """Nothing is computed from bytes that nobody released."""
    address, version = store
    path = Path(address) / "releases" / version / "vocoder/model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    for name in ("load_encoder", "load_synthesizer", "load_vocoder"):
        monkeypatch.setattr(cloner, name, lambda folder: pytest.fail("a model was loaded"))
    with pytest.raises(TamperedReleaseError, match=r"vocoder/model\.safetensors"):
        VoiceCloner.load(f"{address}@stable")


def test_seed_makes_it_reproducible_and_leaves_global_randomness_alone(speaker, clip):
    """Two calls give the same samples, and the caller's own random numbers do not move."""
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first = speaker.clone("One two.", [clip], seed=3)
    assert torch.rand(1) == expected
    assert speaker.clone("One two.", [clip], seed=3).samples.tobytes() == first.samples.tobytes()
    assert speaker.clone("One two.", [clip], seed=4).samples.tobytes() != first.samples.tobytes()


def test_voice_is_heard_in_what_is_said(speaker, clip):
    """Another reference gives another speech."""
    other = Clip(voice(2.0, pitch=300.0), 16000)
    spoken = [speaker.clone("One two.", [reference]).samples for reference in (clip, other)]
    assert spoken[0].tobytes() != spoken[1].tobytes()


@pytest.mark.parametrize("sample_rate", [8000, 11025, 22050, 44100, 48000])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_rate_and_channels_of_a_reference_do_not_matter(speaker, tmp_path, sample_rate, n_channels):
    """They are converted before the encoder."""
    samples = voice(2.0, sample_rate)
    soundfile.write(tmp_path / "me.wav", np.stack([samples] * n_channels, axis=1), sample_rate, subtype="FLOAT")
    expected = speaker.embed_voice([Clip(voice(2.0), 16000)])
    found = speaker.embed_voice([tmp_path / "me.wav"])
    wrong_rate = speaker.embed_voice([Clip(samples, sample_rate * 2)])
    assert torch.dist(found, expected) < 0.02
    assert torch.dist(wrong_rate, expected) > 0.05


def test_clips_are_joined_by_their_length(speaker):
    """A long clip counts more than a short one."""
    long, short = Clip(voice(3.0), 16000), Clip(voice(1.5, pitch=200.0), 16000)
    one, two = speaker.embed_voice([long]), speaker.embed_voice([short])
    both = speaker.embed_voice([long, short])
    expected = torch.nn.functional.normalize(3.0 * one + 1.5 * two, dim=0)
    assert torch.dist(both, expected) < 1e-3 < torch.dist(one, two) / 10
    assert torch.linalg.vector_norm(both) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("duration_s", [1.1, 60.0, 600.0])
def test_reference_may_have_a_second_or_ten_minutes(speaker, tmp_path, duration_s):
    """Both ends of what is allowed work."""
    soundfile.write(tmp_path / "me.flac", np.tile(voice(1.1, 8000), round(duration_s / 1.1)), 8000)
    assert torch.dist(speaker.embed_voice([tmp_path / "me.flac"]), speaker.embed_voice([Clip(voice(2), 16000)])) < 0.3


def test_short_clips_that_make_a_second_together_are_enough(speaker):
    """The minimum is for all clips together."""
    clips = [Clip(voice(0.6), 16000)] * 2
    assert torch.isfinite(speaker.embed_voice(clips)).all()
    with pytest.raises(AudioError) as caught:
        speaker.embed_voice(clips[:1])
    assert caught.value.reason == "too_short"


SILENCE = np.zeros(32000, np.float32)


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ([], "empty"),
        ([Clip(SILENCE, 16000)], "silent"),
        ([Clip(voice(2.0), 16000), Clip(SILENCE, 16000)], "silent"),
        ([Clip(np.concatenate([SILENCE, voice(0.3), SILENCE]), 16000)], "too_short"),
        ([Clip(np.full(32000, np.nan, np.float32), 16000)], "non_finite"),
        ([Clip(voice(2.0) * 30000, 16000)], "out_of_range"),
        ([Clip(np.stack([voice(2.0)] * 9), 16000)], "unreadable"),
        ([Clip(np.zeros(0, np.float32), 16000)], "empty"),
        ([Clip(np.tile(voice(1.0, 8000), 340), 8000)] * 2, "too_long"),
        ([b"RIFF nothing"], "truncated"),
        ([b"no sound at all"], "unreadable"),
        ([b""], "empty"),
    ],
    ids=[
        "no clip", "silence", "second clip silent", "short speech in long silence", "NaN", "unscaled", "nine channels",
        "no samples", "over ten minutes", "broken header", "no audio file", "no bytes",
    ],
)  # fmt: skip
def test_unusable_reference_is_refused_with_its_reason(speaker, reference, reason):
    """Each reason has its own words."""
    with pytest.raises(AudioError) as caught:
        speaker.clone("Hello.", reference)
    assert caught.value.reason == reason


def test_reference_that_is_refused_is_named(speaker, tmp_path, clip):
    """With many clips, the error says which."""
    with pytest.raises(AudioError, match=r"nowhere\.wav is not a file; check the path"):
        speaker.clone("Hello.", [clip, tmp_path / "nowhere.wav"])
    (tmp_path / "broken.wav").write_bytes(b"x" * 1000)
    with pytest.raises(AudioError, match=r"broken\.wav"):
        speaker.clone("Hello.", [tmp_path / "broken.wav"])
    soundfile.write(tmp_path / "silent.wav", SILENCE, 16000)
    with pytest.raises(AudioError, match=r"silent\.wav"):
        speaker.clone("Hello.", [str(tmp_path / "silent.wav")])
    with pytest.raises(AudioError, match="reference 2 "):
        speaker.clone("Hello.", [clip, Clip(np.full(32000, np.nan, np.float32), 16000)])


@pytest.mark.parametrize("text", ["", " \n ", "\u0000", "漢字"])
def test_text_that_can_not_be_spoken_is_refused(speaker, clip, text):
    """The error says what to change."""
    with pytest.raises(TextError):
        speaker.clone(text, [clip])


def test_marks_that_no_reader_says_are_left_out_and_named(speaker, clip):
    """Emoji, and marks that change the direction of writing."""
    speech = speaker.clone("Fine \N{THUMBS UP SIGN}\u200e then.", [clip])
    assert speech.text == "fine then."
    assert speech.unspoken == ("\N{THUMBS UP SIGN}", "\u200e")
    assert [speech.unspoken for speech in speaker.clone_many(["One \N{SNOWMAN}.", "Two."], [clip])] == [
        ("\N{SNOWMAN}",),
        (),
    ]


def test_long_text_is_spoken_in_sentences_with_pauses():
    """A decoder that stops at once says a step for each sentence: the rest is pauses."""
    quick = VoiceCloner(make_encoder(), make_synthesizer(AT_ONCE), make_vocoder())
    text = "The quick brown fox jumps over the lazy dog, and then it sleeps until noon. " * 12
    speech = quick.clone(text, [Clip(voice(2.0), 16000)])
    assert len(speech.alignment) > 3
    assert sum(alignment.shape[1] for alignment in speech.alignment) >= len(speech.text) - len(speech.alignment)
    assert all(alignment.shape == (1, alignment.shape[1]) for alignment in speech.alignment)
    assert not speech.truncated
    step = 4 * ACOUSTIC_MEL.hop_length  # between the centres of five frames
    n_pauses = len(speech.alignment) - 1
    assert len(speech.samples) == pytest.approx(len(speech.alignment) * step + n_pauses * PAUSE, abs=n_pauses * 960)
    samples = speech.samples[:: len(speech.samples) // 1000]
    assert np.count_nonzero(samples) > 990  # no digital zero


def test_taught_words_and_pauses_reach_the_speech(clip, tmp_path):
    """Of one text and of many; a lexicon by phonemes is refused by a voice that reads letters."""
    quick = VoiceCloner(make_encoder(), make_synthesizer(AT_ONCE), make_vocoder())
    text = 'I know SQL. <break time="2s"/> Then.'
    speech = quick.clone(text, [clip], lexicon={"SQL": "sequel"}, pauses=Pauses(sentence_s=0.0))
    assert speech.text == "i know sequel. then."
    assert 2.0 < speech.duration_s < 2.5
    path = tmp_path / "lexicon.tsv"
    path.write_text("SQL\tsequel\n")
    (many,) = quick.clone_many([text], [clip], lexicon=path, pauses=Pauses(sentence_s=0.0))
    assert many.text == speech.text and len(many.samples) == len(speech.samples)
    assert quick.clone("One. Two.", [clip], pauses=Pauses(sentence_s=3.0)).duration_s > 3.0
    with pytest.raises(ConfigError, match="teaches 'SQL' by phonemes, and this voice reads letters"):
        quick.clone("Hi.", [clip], lexicon={"SQL": "{S IY1 K W AH0 L}"})
    with pytest.raises(TextError, match="text 2: '<break/>' is no pause"):
        quick.clone_many(["Hi.", "Hi <break/> there."], [clip])


def test_voice_that_does_not_stop_is_cut_off_and_flagged(speaker, clip):
    """The caller learns that the speech is not whole."""
    short, long = (speaker.clone(text, [clip]) for text in ("Hi.", "This sentence is longer, so it may take longer."))
    assert short.truncated and long.truncated
    assert len(short.alignment[0]) < len(long.alignment[0]) < 24000 / 256 / 5 * 20


def test_one_sentence_that_is_cut_off_flags_the_whole_text(clip):
    """A bias is looked for with which one of two sentences ends by itself, and the other is cut off at its most."""
    text = "One two three. This is the other one."
    most = [len(alignment) for alignment in VoiceCloner(*models(NEVER)).clone(text, [clip]).alignment]
    low, high = NEVER, AT_ONCE
    for _ in range(60):
        speech = VoiceCloner(*models((low + high) / 2)).clone(text, [clip])
        cut = [len(alignment) == steps for alignment, steps in zip(speech.alignment, most, strict=True)]
        if any(cut) and not all(cut):
            break
        low, high = ((low + high) / 2, high) if all(cut) else (low, (low + high) / 2)
    assert sorted(cut) == [False, True]
    assert speech.truncated


TEXTS = ["One two. And a longer sentence, for the batch.", "Three.", "Four five six. Seven."]


def test_many_texts_are_each_spoken_as_alone(speaker, clip):
    """In their order, whatever was spoken beside them: seeds, alignments and lengths are a sentence's own."""
    other = Clip(voice(2.0, pitch=300.0), 16000)
    references = [[clip], [other], [clip]]
    together = speaker.clone_many(TEXTS, references, seed=3)
    for text, reference, found in zip(TEXTS, references, together, strict=True):
        alone = speaker.clone(text, reference, seed=3)
        assert found.text == alone.text and found.truncated == alone.truncated
        assert len(found.samples) == len(alone.samples)
        for ours, theirs in zip(found.alignment, alone.alignment, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=2e-3)
    again = speaker.clone_many(TEXTS, references, seed=3)
    assert [speech.samples.tobytes() for speech in again] == [speech.samples.tobytes() for speech in together]


def test_many_texts_in_one_voice_need_one_reference(speaker, clip):
    """The reference is read once."""
    one = speaker.clone_many(TEXTS[1:], [[clip]])
    each = speaker.clone_many(TEXTS[1:], [[clip], clip])
    assert [speech.samples.tobytes() for speech in one] == [speech.samples.tobytes() for speech in each]
    assert speaker.clone_many([], [[clip]]) == []


def test_sentences_of_a_text_are_drawn_for_on_their_own(speaker, clip):
    """The same sentence twice is not the same speech twice, and what follows a sentence does not change it."""
    twice = speaker.clone("One two. One two.", [clip]).alignment
    assert not np.allclose(twice[0], twice[1], atol=1e-4)
    np.testing.assert_allclose(speaker.clone("One two.", [clip]).alignment[0], twice[0], atol=2e-3)


def test_many_texts_with_unusable_arguments_are_refused(speaker, clip):
    """The error names the argument."""
    with pytest.raises(TextError, match="text 2: the text has nothing to say"):
        speaker.clone_many(["Hi.", " "], [[clip]])
    with pytest.raises(ConfigError, match="2 references for 3 texts; give a list of one, or one for each"):
        speaker.clone_many(TEXTS, [clip, clip])
    with pytest.raises(ConfigError, match="the references are of type str; give a list"):
        speaker.clone_many(["Hi."], "me.wav")
    with pytest.raises(ConfigError, match="there is no precision 'int3'"):
        VoiceCloner(make_encoder(), make_synthesizer(), make_vocoder(), precision="int3")


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_precision_of_a_release_is_its_user_s_choice(store, clip, precision):
    """One release runs in eight bits or in 32."""
    chosen = VoiceCloner.load(store[0], precision=precision).clone("Hello.", [clip])
    default = VoiceCloner.load(store[0]).clone("Hello.", [clip])
    assert (chosen.samples.tobytes() == default.samples.tobytes()) == (precision == "int8")


def test_silence_at_the_end_of_what_is_said_is_cut_off(monkeypatch, clip):
    """A pause that the model adds is no speech."""
    vocoder = make_vocoder()
    spoken = np.concatenate([voice(0.5, 24000), np.zeros(24000, np.float32)])
    monkeypatch.setattr(vocoder, "synthesize", lambda mel: spoken)
    speech = VoiceCloner(make_encoder(), make_synthesizer(AT_ONCE), vocoder).clone("Hi.", [clip])
    assert 0.5 <= speech.duration_s < 0.5 + 2 * MARGIN_S + 0.03


@pytest.mark.parametrize("gain", [0.01, 10.0])
def test_every_sentence_has_the_same_loudness(monkeypatch, clip, gain):
    """Whatever the vocoder gives; nothing is clipped."""
    vocoder = make_vocoder()
    given = iter([voice(0.5, 24000) * np.float32(gain), voice(0.5, 24000)])
    monkeypatch.setattr(vocoder, "synthesize", lambda mel: next(given))
    cloner = VoiceCloner(make_encoder(), make_synthesizer(AT_ONCE), vocoder, loudness_lufs=-20.0)
    samples = cloner.clone("Hi. Ho.", [clip]).samples
    middle = len(samples) // 2
    assert loudness(samples[: middle - PAUSE // 2], 24000) == pytest.approx(-20.0, abs=0.3)
    assert loudness(samples[middle + PAUSE // 2 :], 24000) == pytest.approx(-20.0, abs=0.3)
    assert np.abs(samples).max() <= 0.95


def test_models_that_do_not_fit_together_are_refused_by_field():
    """The error names the field and both values."""
    other = ACOUSTIC_MEL.model_copy(update={"hop_length": 300})
    with pytest.raises(ConfigError, match=r"mel\.hop_length is 256 in the synthesizer, 300 in the vocoder"):
        VoiceCloner(make_encoder(), make_synthesizer(), make_vocoder(other))
    with pytest.raises(ConfigError, match="have 8 values, the synthesizer wants 9"):
        VoiceCloner(make_encoder(), make_synthesizer(speaker_embedding_dim=9), make_vocoder())
    with pytest.raises(ConfigError, match="knows 7 symbols"):
        VoiceCloner(make_encoder(), make_synthesizer(n_symbols=7), make_vocoder())


def test_speech_that_can_not_be_saved_names_the_path(speaker, clip, tmp_path):
    """A missing folder is the usual cause."""
    speech = speaker.clone("Hi.", [clip])
    with pytest.raises(PeeweeError, match=re.escape(str(tmp_path / "no/such/folder.wav"))):
        speech.save(tmp_path / "no/such/folder.wav")


LOADED = """
import sys, peewee_model
print(*sys.modules)
from peewee_model import VoiceCloner
print(*sys.modules)
VoiceCloner.load(sys.argv[1]).clone("Hello.", [sys.argv[2]])
print(*sys.modules)
"""


@pytest.fixture
def loaded(store, tmp_path, repository):
    """What a process has loaded after `import peewee_model`, after `VoiceCloner`, and after a text is spoken."""
    soundfile.write(tmp_path / "me.wav", voice(1.5, 44100), 44100)
    command = [sys.executable, "-c", LOADED, store[0], str(tmp_path / "me.wav")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=repository)
    return [set(line.split()) for line in done.stdout.splitlines()]


def test_cloning_loads_nothing_that_it_does_not_need(loaded):
    """A consumer has not installed what the pipeline needs. numba writes a cache where it is installed or at home, and
    stops with a traceback where it can write neither."""
    bare, imported, spoken = loaded
    assert {"torch", "numpy", "pydantic"}.isdisjoint(bare)
    assert "torch" in imported
    heavy = {
        "dvc",
        "pandas",
        "pyarrow",
        "lightning_fabric",
        "matplotlib",
        "sklearn",
        "boto3",
        "pipeline",
        "dags",
        "yaml",
    }
    assert heavy.isdisjoint(imported)
    assert {"librosa", "numba", "llvmlite"}.isdisjoint(spoken)


def test_name_that_the_package_does_not_have_is_an_attribute_error():
    """Lazy exports behave as a module does."""
    import peewee_model

    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = peewee_model.Nonsense
    assert {"VoiceCloner", "Speech", "Clip", "PeeweeError"} <= set(dir(peewee_model))


def test_speech_on_stdout_is_a_wav_file(store, tmp_path, monkeypatch, capsysbinary):
    """And what is said to the user goes to stderr."""
    soundfile.write(tmp_path / "me.wav", voice(1.5), 16000)
    arguments = ["clone", "--release", store[0], "--reference", str(tmp_path / "me.wav"), "--text", "Hello.", "--out"]

    def run(out):
        monkeypatch.setattr(sys, "argv", ["peewee-tts", *arguments, out])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, *capsysbinary.readouterr()

    code, out, err = run("-")
    assert code == 0
    assert soundfile.info(io.BytesIO(out)).format == "WAV"
    assert err.decode().startswith("-: ")
    code, out, err = run(str(tmp_path / "hello.m4a"))
    assert (code, out) == (2, b"")
    assert b"use one of .wav, .flac, .mp3, .ogg, .opus" in err
