import contextlib
import dataclasses
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from peewee_model.audio.clip import decode_flac, encode_flac, resample
from peewee_model.audio.mel import MelConfig, SpeakerMelConfig, log_mel
from peewee_model.cli.release_summary import summarize, summary_table
from peewee_model.cloning import matching
from peewee_model.encoder.config import EncoderConfig, LstmSizes
from peewee_model.encoder.speaker_encoder import SpeakerEncoder, load_encoder
from peewee_model.errors import ConfigError
from peewee_model.metric_labels import LABELS_FILE, Labels
from peewee_model.networks.weights import save_model
from peewee_model.recordings.reading import read_clip
from peewee_model.store.store import open_store
from peewee_model.synthesizer.tacotron2.config import Tacotron2Config
from peewee_model.synthesizer.tacotron2.tacotron2 import Tacotron2
from peewee_model.text.symbols.config import TextConfig
from peewee_model.text.symbols.tokenizer import Tokenizer
from peewee_model.vocoder.griffin_lim import GriffinLim, GriffinLimConfig
from peewee_model.vocoder.hifi_gan import HiFiGan, HiFiGanConfig, remove_weight_norm
from pipeline import tables
from pipeline.commands.adapt import before_and_after
from pipeline.commands.summary import summary
from pipeline.evaluation import held_out_speech
from pipeline.evaluation import metrics as table
from pipeline.evaluation.config import EvaluationError
from pipeline.evaluation.judges.models import MODELS, MOONSHINE, JudgeError
from pipeline.evaluation.metrics import Metric
from pipeline.release.card_figures import figures
from pipeline.stages.evaluate import evaluate
from tests.peewee_model.releases import write_manifest, write_release
from tests.peewee_model.synthesizer.configs import small_config

MEL = MelConfig(
    sample_rate=16000, n_fft=512, win_length=512, hop_length=128, n_mels=40, f_min=50.0, f_max=7000.0, log_floor=1e-3
)
SPEAKER_MEL = SpeakerMelConfig(**MEL.model_dump(), loudness_lufs=None)
EVALUATE = {
    "seed": 1,
    "n_samples": 2,
    "speaker": {"n_trials": 1000, "n_bootstrap": 20, "target_prior": 0.05, "n_map_utterances": 100},
    "speech": {
        "n_sentences": 5, "reference_s": 0.0, "n_enrolment": 2, "recognizer": "none", "naturalness": [],
        "pitch": "none", "verifier": "none",
        "griffin_lim": {"n_iterations": 20, "momentum": 0.99, "n_inversion_updates": 16}, "n_bootstrap": 50,
        "min_diagonality": 0.5, "max_s_per_symbol": 0.02, "min_length_ratio": 0.5,
        "max_length_ratio": 2.0,
    },
    "lengths": {"n_sentences": 3, "max_words": 9, "slack_s": 0.5},
}  # fmt: skip
GATE = {"speaker.eer": {"max": 0.1}, "speech.synthesized.stop_failures": {"max": 1.0}}
TEXTS = ["the cat sat.", "a dog ran home.", "we go on, slowly.", "it rains again!"]
HASHED = ("metrics.json", "metrics_labels.json", "gate.json", "index.html", "plots", "audio")


def voice(pitch, seconds, rate, seed):
    """Harmonics under an envelope of syllables."""
    t = np.arange(int(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.03 * np.sin(3 * t + seed))) / rate
    harmonics = sum(np.sin(k * phase) / k for k in range(1, 15))
    return (0.15 * (0.6 + 0.4 * np.sin(9 * t + seed)) * harmonics).astype(np.float32)


def write_data(corpus, splits):
    """Speakers of four utterances each, in one split or in one an utterance; embeddings that tell them apart."""
    rows, mels, embeddings = [], [], []
    for number, (speaker, split) in enumerate(splits.items()):
        centre = np.random.default_rng(number).normal(size=4)
        for index, text in enumerate(TEXTS):
            rate = 24000 if index == 0 else 16000
            samples = voice(90 + 40 * number, 0.7 + 0.1 * index, rate, index)
            shared = {"utterance_id": f"{speaker}_1_{index:06d}", "speaker_id": speaker}
            shared["split"] = split if isinstance(split, str) else split[index]
            audio = encode_flac(samples, rate)
            rows.append(
                shared
                | {"corpus": corpus, "subset": "dev-clean", "chapter_id": "1", "text": text, "normalized_text": text}
                | {"sample_rate": rate, "duration_s": len(samples) / rate, "trimmed_s": 0.0, "audio": audio}
                | {"audio_sha256": hashlib.sha256(audio).hexdigest()}
            )
            mel = log_mel(resample(samples, rate, MEL.sample_rate), MEL)
            mels.append(shared | {"n_frames": mel.shape[1], "mel": mel.reshape(-1)})
            vector = centre + 0.1 * np.random.default_rng((number, index)).normal(size=4)
            embeddings.append(shared | {"embedding": (vector / np.linalg.norm(vector)).astype(np.float32)})
    half = len(rows) // 2
    for part, share in enumerate((slice(half), slice(half, None))):
        tables.write_shard(Path(f"data/corpus/part-{part:05d}.parquet"), tables.CORPUS, rows[share])
        metadata = {"mel": MEL.model_dump()}
        tables.write_shard(Path(f"data/mels/acoustic/part-{part:05d}.parquet"), tables.MELS, mels[share], metadata)
    tables.write_shard(Path("data/speakers/utterances.parquet"), tables.UTTERANCE_EMBEDDINGS, embeddings)


def write_models():
    """One of each, untrained."""
    torch.manual_seed(0)
    sizes = LstmSizes(
        n_layers=1, hidden_dim=8, projection_dim=0, pooling="last", attention_channels=1, embedding_dim=4,
        window_frames=40, window_overlap=0.5,
    )  # fmt: skip
    encoder = EncoderConfig(arch="lstm", normalize="global", silence_db=0.0, lstm=sizes, mel=SPEAKER_MEL)
    save_model(Path("models/encoder"), SpeakerEncoder(encoder), encoder)
    text = TextConfig(units="graphemes", language="en-us")
    synthesizer = small_config(
        mel=MEL, text=text.model_dump(), n_symbols=Tokenizer(text).n_symbols, speaker_embedding_dim=4,
        symbol_embedding_dim=8, encoder_n_convolutions=1, encoder_kernel_size=3, encoder_dropout=0.5, prenet_dim=8,
        prenet_dropout=0.5, attention_rnn_dim=8, attention_dim=4, attention_location_n_filters=2,
        attention_location_kernel_size=3, attention_dropout=0.1, decoder_rnn_dim=8, decoder_dropout=0.1,
        postnet_n_convolutions=2, postnet_channels=8, postnet_kernel_size=3, postnet_dropout=0.5, reduction_factor=2,
    )  # fmt: skip
    model = Tacotron2(synthesizer)
    torch.nn.init.constant_(model.decoder.stop_projection.bias, -2.0)  # or it would stop at once
    save_model(Path("models/synthesizer"), model, synthesizer)
    vocoder = GriffinLimConfig(arch="griffin_lim", n_iterations=20, momentum=0.99, n_inversion_updates=16, mel=MEL)
    save_model(Path("models/vocoder"), GriffinLim(vocoder), vocoder)
    history = [{"step": step, "split": "train", "loss": 1 / step} for step in (10, 20, 30)]
    history += [{"step": 30, "split": "validation", "loss": 0.1, "eer": 0.2}]
    Path("models/encoder/training.jsonl").write_text("".join(json.dumps(row) + "\n" for row in history))


def write_params(**changes):
    """`params.yaml` with other values at dotted keys of `evaluate`, and another `gate` or `base`."""
    base = {"release": changes.pop("release", None), "parts": changes.pop("parts", [])}
    document = json.loads(json.dumps({"base": base, "evaluate": EVALUATE, "gate": changes.pop("gate", GATE)}))
    for key, value in changes.items():
        *sections, last = key.split("__")
        place = document["evaluate"]
        for section in sections:
            place = place[section]
        place[last] = value
    Path("params.yaml").write_text(yaml.safe_dump(document))


class Page(HTMLParser):
    """Elements and their attributes, and whether every element that was opened is closed."""

    VOID = ("meta", "br", "img", "input", "hr", "link", "wbr")

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.text = [], [], ""
        self.feed(text)
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


HELD_OUT_IN_PART = ("train", "test", "test", "test")
MINI = {"s1": "train", "s2": "test", "s3": "test", "s4": "test"}
SMALL = {"n_samples": 1, "lengths__n_sentences": 0}
"""For a run that is not looked at for its samples and lengths: half of its time."""


@contextlib.contextmanager
def workspace_in(folder):
    """Work in a folder that has models and, of the mini corpus, three held-out speakers of four utterances each."""
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        folder.mkdir(exist_ok=True)
        patch.chdir(folder)
        patch.setenv("PEEWEE_DEVICE", "cpu")
        patch.setenv("PEEWEE_WORKERS", "1")
        write_data("mini", MINI)
        write_models()
        write_params()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


@pytest.fixture
def workspace(tmp_path):
    """The current folder."""
    with workspace_in(tmp_path):
        yield


@dataclasses.dataclass(frozen=True)
class Reports:
    """What a run left; nobody writes there afterwards."""

    folder: Path

    @property
    def metrics(self):
        return self.json("metrics.json")

    @property
    def gate(self):
        return self.json("gate.json")

    @property
    def page(self):
        return Page(self.text("index.html"))

    def json(self, name):
        return json.loads(self.text(name))

    def text(self, name):
        return (self.folder / name).read_text()

    def names(self, folder):
        return {path.name for path in (self.folder / folder).iterdir()}

    def hashes(self):
        """Of every output that is hashed."""
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for name in HASHED
            for path in [self.folder / name, *sorted((self.folder / name).rglob("*"))]
            if path.is_file()
        }


def evaluated():
    """Run the stage in the current folder. Its network never stops, so it says one word to be compared with voices."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(matching.SENTENCES, "en", ("so.",))
        evaluate()
    return Reports(Path("reports").absolute())


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """Speakers held out as a whole, of a synthetic corpus; no judge."""
    with workspace_in(tmp_path_factory.mktemp("usual")):
        return evaluated()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A corpus of people, one speaker of which is held out in part; the verifier; a gate with one miss of three."""
    pytest.importorskip("resemblyzer")
    with workspace_in(tmp_path_factory.mktemp("recorded")):
        rewrite_data({"s1": HELD_OUT_IN_PART, "s2": "test", "s3": "test"})
        met = {"speaker.eer": {"max": 1.0}, "speech.synthesized.stop_failures": {"max": 1.0}}
        write_params(
            **SMALL,
            speech__verifier="resemblyzer",
            speech__n_sentences=100,
            release="store@0123456789abcdef",
            parts=["encoder"],
            gate=met | {"speech.synthesized.length_ratio": {"min": 1000.0}},
        )
        return evaluated()


@pytest.fixture(scope="module")
def one_speaker(tmp_path_factory):
    """A corpus of one speaker, no sentences of every length, and a gate that asks for both."""
    with workspace_in(tmp_path_factory.mktemp("one_speaker")):
        rewrite_data({"s1": HELD_OUT_IN_PART})
        write_params(**SMALL, gate={"speaker.eer": {"max": 0.1}, "lengths.stop_failures": {"max": 0.0}})
        return evaluated()


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """An untrained HiFi-GAN, a verifier that is not installed, and a gate that nothing passes."""
    with workspace_in(tmp_path_factory.mktemp("noise")), pytest.MonkeyPatch.context() as patch:
        torch.manual_seed(0)
        config = HiFiGanConfig(
            arch="hifi_gan", mel=MEL, upsample_rates=[16, 8], upsample_kernel_sizes=[16, 8],
            upsample_initial_channels=4, resblock_kernel_sizes=[3], resblock_dilations=[[1]], resblock_n_convolutions=1,
            leaky_relu_slope=0.1,
        )  # fmt: skip
        vocoder = HiFiGan(config)
        remove_weight_norm(vocoder)
        save_model(Path("models/vocoder"), vocoder, config)
        patch.setattr(held_out_speech, "verifier_is_installed", lambda: False)
        gate = {"speaker.eer": {"min": 0.9}, "speech.synthesized.similarity": {"min": 0.5}}
        write_params(**SMALL, speech__verifier="resemblyzer", gate=gate)
        return evaluated()


def rewrite_data(splits):
    shutil.rmtree("data")
    write_data("libritts", splits)


def test_evaluate_leaves_figures_gate_tables_sound_and_page(usual):
    """All that dvc.yaml names."""
    metrics = usual.metrics
    assert metrics["speaker"]["n_speakers"] == 3
    assert metrics["speaker"]["n_trials"] == 12 * 11 // 2
    assert metrics["speaker"]["eer"] < 0.1
    assert metrics["speech"]["n_sentences"] == 5
    assert metrics["speech"]["ground_truth"]["length_ratio"] == 1.0
    assert "mcd_db" not in metrics["speech"]["ground_truth"]
    # Made from the recording itself, Griffin-Lim is far nearer to it than an untrained synthesizer.
    assert metrics["speech"]["copy_synthesis"]["mcd_db"] < 0.5 * metrics["speech"]["synthesized"]["mcd_db"]
    assert metrics["speech"]["copy_synthesis"]["length_ratio"] == pytest.approx(1, abs=0.05)
    assert 0 < metrics["speech"]["synthesized"]["diagonality"] < 1
    assert usual.gate["passed"] is True and usual.gate["failures"] == [] and len(usual.gate["checks"]) == 2
    assert usual.names("plots") == {
        "det.csv", "lengths.csv", "speaker_map.csv", "trials.csv", "utterances.csv", "training_encoder_loss_train.csv",
        "training_encoder_loss_validation.csv", "training_encoder_eer_validation.csv",
    }  # fmt: skip
    assert usual.text("plots/trials.csv").startswith("first,second,same_speaker,score\ns2_1_000000,s2_1")
    assert usual.text("plots/training_encoder_loss_train.csv").splitlines()[-1] == "30,0.033333"
    clips = [read_clip(path) for path in (usual.folder / "audio").iterdir()]
    assert len(clips) == 6 and {clip.sample_rate for clip in clips} == {16000}
    assert usual.json("timings.json")["real_time_factor"] > 0


def test_page_is_whole_self_contained_and_says_what_it_is(usual):
    """One file that can be sent by mail."""
    page = usual.page
    tags = [tag for tag, _ in page.elements]
    assert tags.count("audio") == 6 and tags.count("script") == 0 and tags.count("link") == 0
    # Two a sample, the DET curve, the map, the lengths, one training.
    assert tags.count("svg") == 2 * 2 + 3 + 1
    for _, attributes in page.elements:
        for name in ("src", "href", "xlink:href"):
            value = attributes.get(name) or "data:"
            assert value.startswith(("data:", "#")), f"the page reaches outside for {value[:60]}"
    assert "Release gate passed" in page.text
    assert "Synthetic corpus" in page.text
    assert "was not measured" in page.text
    assert not re.search(r"#0a0[bc]\w\w", usual.text("index.html")), "a stand-in colour was not replaced"


def test_second_run_leaves_the_same_bytes_and_nothing_of_the_first(usual, workspace):
    """The reports have hashes; a sample of an older model would be published."""
    stale = [Path("reports/audio/old.flac"), Path("reports/plots/old.csv")]
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("old")
    again = evaluated()
    assert not any(path.exists() for path in stale)
    assert again.hashes() == usual.hashes()
    assert len(again.hashes()) == 4 + 8 + 6
    assert again.text("timings.json") != usual.text("timings.json")


@pytest.mark.system
def test_number_of_workers_changes_no_byte(usual, workspace, monkeypatch):
    """The order of work between processes is chance."""
    monkeypatch.setenv("PEEWEE_WORKERS", "2")
    assert evaluated().hashes() == usual.hashes()


def test_page_of_recorded_speech_does_not_call_it_synthetic(recorded):
    """The note follows the corpus."""
    assert "Synthetic corpus" not in recorded.page.text


def test_failed_gate_is_written_down_and_is_no_error(noise):
    """`publish` decides."""
    assert noise.gate["passed"] is False
    assert len(noise.gate["failures"]) == 2
    assert "not measured" in noise.gate["failures"][1]
    text = noise.page.text
    assert "Release gate not passed" in text and "2 of 2 thresholds are not met" in text


def test_without_a_test_split_the_error_says_so(workspace):
    """With the key of params.yaml."""
    shutil.rmtree("data")
    write_data("mini", {"s1": "train", "s2": "validation"})
    with pytest.raises(EvaluationError, match=r'split "test".*ingest\.split'):
        evaluate()


def test_models_of_different_mels_are_refused(workspace):
    """Before anything is synthesised."""
    other = MEL.model_copy(update={"hop_length": 64})
    config = GriffinLimConfig(arch="griffin_lim", n_iterations=2, momentum=0.9, n_inversion_updates=4, mel=other)
    save_model(Path("models/vocoder"), GriffinLim(config), config)
    with pytest.raises(ConfigError, match="different mels"):
        evaluate()


def test_recognizer_of_another_language_is_refused(workspace):
    """Its error rate would be of nothing."""
    config = json.loads(Path("models/synthesizer/config.json").read_text())
    config["text"]["language"] = "de"
    Path("models/synthesizer/config.json").write_text(json.dumps(config))
    write_params(speech__recognizer="pocketsphinx")
    with pytest.raises(EvaluationError, match="'de'"):
        evaluate()


@pytest.mark.system
def test_all_judges_measure_all_rows_alike(workspace):
    """Recording, copy and clone: error rates, naturalness, prosody, likeness; in metrics, gate and page."""
    write_params(
        speech__recognizer="moonshine",
        speech__naturalness=["dnsmos", "distill_mos"],
        speech__pitch="swift_f0",
        speech__verifier="resemblyzer",
        speech__n_sentences=3,
        gate={"speech.synthesized.dnsmos": {"min": 1.0}, "cloning.synthesized.likeness": {"min": 9.0}},
    )
    reports = evaluated()
    found = reports.metrics
    for row in ("ground_truth", "copy_synthesis", "synthesized"):
        figures = found["speech"][row]
        assert figures["cer"] > 0 and figures["wer"] > 0  # signals say nothing
        for key in ("dnsmos", "distill_mos", "pace", "voiced"):
            assert figures[f"{key}_low"] <= figures[key] <= figures[f"{key}_high"]
        assert 0 <= figures["identified"] <= 1
    recorded = found["speech"]["ground_truth"]
    assert recorded["harmonic_ripple"] > 0 and recorded["f0_deviation"] > 0
    assert recorded["similarity"] > recorded["similarity_others"]
    assert recorded["similarity"] > found["speech"]["synthesized"]["similarity"]
    assert found["speech"]["n_people"] == found["cloning"]["n_speakers"] == 3
    assert found["judges"]["recognizer"]["sha256"] == MOONSHINE.sha256
    assert found["judges"].keys() == {"recognizer", "dnsmos", "distill_mos", "swift_f0", "verifier"}
    checks = {check["metric"]: check["passed"] for check in reports.gate["checks"]}
    assert checks == {"speech.synthesized.dnsmos": True, "cloning.synthesized.likeness": False}
    text = reports.page.text
    for said in ("DNSMOS, overall", "Distill-MOS", "Harmonic ripple is", "another of the same sex", "Moonshine tiny"):
        assert said in text, said
    assert MOONSHINE.sha256[:12] in text


def test_page_says_what_was_not_measured(usual):
    """A sentence for each kind of judge that the parameters do not name."""
    for kind in ("Error rates were", "Naturalness was", "Prosody was"):
        assert f"{kind} not measured" in usual.page.text
    assert usual.metrics["judges"] == {}


def test_missing_judge_is_an_error_before_anything_is_spoken(workspace, monkeypatch):
    """No silent fallback: params.yaml asks for figures that the metrics would lack."""
    monkeypatch.setitem(MODELS, "dnsmos", dataclasses.replace(MODELS["dnsmos"], package="no_such_package"))
    write_params(speech__naturalness=["dnsmos"])
    with pytest.raises(JudgeError, match=r"asks for dnsmos, .* `pip install 'peewee-tts\[judges\]'`"):
        evaluate()
    assert not Path("reports/metrics.json").exists()


def test_absent_verifier_is_said_on_the_page(noise):
    """A missing figure has a reason."""
    assert "Resemblyzer, is not installed" in noise.page.text
    assert "similarity" not in noise.metrics["speech"]["ground_truth"]


def test_one_speaker_corpus_has_no_verification_and_says_why(one_speaker):
    """What can't be measured is no crash: the gate that asks for it fails and repeats the reason."""
    found = one_speaker.metrics
    assert found["speaker"].keys() == {"n_speakers", "n_utterances", "not_measured"}
    assert found["speaker"]["n_speakers"] == 0
    assert found["speech"]["n_sentences"] == 3 and found["speech"]["n_seen_speakers"] == 1
    assert not one_speaker.gate["passed"]
    assert one_speaker.gate["failures"][1] == (
        "speaker.eer was not measured, the gate asks for <= 0.1: fewer than two speakers with two test utterances each "
        "are unknown to the encoder; to measure it, hold out speakers as a whole in ingest.split"
    )
    page = one_speaker.page
    assert "The encoder was not measured: fewer than two speakers" in page.text
    assert "of 1 speaker: other recordings of the same voice were used in training" in page.text
    assert "Speaker s1 (seen)" in page.text and "(unseen)" not in page.text
    assert not {"det.csv", "trials.csv", "speaker_map.csv"} & one_speaker.names("plots")


def test_speakers_of_training_are_left_out_of_verification_and_told_apart(recorded):
    """Known voices are easier."""
    found = recorded.metrics
    assert found["speaker"]["n_speakers"] == 2 and found["speaker"]["n_utterances"] == 8
    assert "s1_" not in recorded.text("plots/trials.csv")
    speech = found["speech"]
    assert (speech["n_speakers"], speech["n_seen_speakers"], speech["n_sentences"]) == (3, 1, 11)
    assert (speech["seen"]["n_sentences"], speech["unseen"]["n_sentences"]) == (3, 8)
    for name in ("mcd_db", "diagonality", "length_ratio"):
        parts = [speech[part]["synthesized"][name] for part in ("seen", "unseen")]
        assert speech["synthesized"][name] == pytest.approx((3 * parts[0] + 8 * parts[1]) / 11, abs=1e-5)
        assert parts[0] != parts[1]
    page = recorded.page
    assert "2 unseen, and 1 seen, whose other recordings were used in training" in page.text
    assert "3 sentences of 1 seen speaker" in page.text and "Speaker s1 (seen)" in page.text


def test_trained_vocoder_is_held_against_griffin_lim(noise):
    """HiFi-GAN without training makes noise of a mel, so that the yardstick's row is far nearer to the recording."""
    speech = noise.metrics["speech"]
    assert speech["copy_synthesis_griffin_lim"]["mcd_db"] < 0.5 * speech["copy_synthesis"]["mcd_db"]
    text = noise.page.text
    assert "Copy-synthesis, Griffin-Lim" in text and "Copy-synthesis, HiFi-GAN" in text
    assert len(noise.names("audio")) == 4


def embed_with_encoder():
    """Embed the corpus with the encoder in `models`, instead of invented embeddings."""
    encoder = load_encoder(Path("models/encoder"))
    rows = []
    for shard in tables.shards(Path("data/corpus")):
        for row in tables.iter_rows(shard):
            clip = decode_flac(row["audio"])
            mel = log_mel(resample(clip.samples, clip.sample_rate, MEL.sample_rate), MEL)
            embedding = encoder.embed_utterance(torch.from_numpy(mel)).detach().numpy()
            rows.append(
                {name: row[name] for name in ("utterance_id", "speaker_id", "split")} | {"embedding": embedding}
            )
    tables.write_shard(Path("data/speakers/utterances.parquet"), tables.UTTERANCE_EMBEDDINGS, rows)


def test_parent_of_the_same_weights_speaks_the_same(workspace):
    """Same texts, same references (of several recordings), same seeds: before and after differ by the weights alone."""
    for model in ("encoder", "synthesizer", "vocoder"):
        shutil.copytree(Path("models", model), Path("models/base/release", model))
    embed_with_encoder()
    write_params(
        **SMALL,
        release="store@0123456789abcdef",
        parts=["encoder", "synthesizer"],
        speech__reference_s=1.5,
        speech__n_sentences=3,
    )
    reports = evaluated()
    speech, text = reports.metrics["speech"], reports.page.text
    assert speech["parent"] == speech["synthesized"]
    assert "Synthesized before" in text and "0123456789abcdef" in text and "store@" not in text
    torch.manual_seed(7)
    config = Tacotron2Config.model_validate_json(Path("models/synthesizer/config.json").read_bytes())
    save_model(Path("models/base/release/synthesizer"), Tacotron2(config), config)
    changed = evaluated().metrics["speech"]
    assert changed["synthesized"] == speech["synthesized"]
    assert changed["parent"] != speech["parent"]


def test_parent_is_asked_only_if_the_synthesizer_started_from_it(recorded):
    """Else there is nothing to compare."""
    assert "parent" not in recorded.metrics["speech"]
    assert "Synthesized before" not in recorded.page.text


def test_sentences_of_every_length_are_read_or_said_not_to_be(usual, one_speaker):
    """The page has either."""
    lengths = usual.metrics["lengths"]
    assert (lengths["n_sentences"], lengths["max_words"]) == (3, 9)
    rows = usual.text("plots/lengths.csv").splitlines()
    assert rows[0].startswith("n_words,text,speaker_id,duration_s") and len(rows) == 4
    assert [row.split(",")[0] for row in rows[1:]] == ["1", "5", "9"]
    reason = "evaluate.lengths.n_sentences is 0"
    assert one_speaker.metrics["lengths"] == {"not_measured": reason}
    assert one_speaker.gate["failures"][0].endswith(reason)
    assert reason in one_speaker.page.text
    assert "lengths.csv" not in one_speaker.names("plots")


def test_cloning_of_unseen_speakers_stands_between_its_bounds_on_the_page(recorded):
    """With numbers that a reader can compare."""
    cloning = recorded.metrics["cloning"]
    assert (cloning["n_speakers"], cloning["n_sentences"]) == (2, 8)
    for row in ("same_speaker", "synthesized", "other_speakers"):
        figures = cloning[row]
        low, high = figures["similarity_reference_low"], figures["similarity_reference_high"]
        assert low <= figures["similarity_reference"] <= high
    same, other = (cloning[row]["similarity_reference"] for row in ("same_speaker", "other_speakers"))
    assert same > other
    speakers = [row.split(",")[0] for row in recorded.text("plots/cloning.csv").splitlines()]
    assert speakers == ["speaker_id", "s2", "s3"]
    assert "Other speakers' recordings" in recorded.page.text


def test_metric_is_added_by_one_line_of_the_table(workspace, monkeypatch, tmp_path):
    """If its measure exists, a line is enough for page, card, comparison, `make repro` and `release list`."""
    added = Metric(
        key="seconds", name="mean length", short="LENGTH", unit="", decimals=2, better="lower", mean_of="duration_s",
        places=("page", "card", "comparison", "list"), headlines=("speech.synthesized",),
    )  # fmt: skip
    monkeypatch.setattr(table, "METRICS", (*table.METRICS, added))
    write_params(**SMALL)
    reports = evaluated()
    speech = reports.metrics["speech"]
    shown = f"{speech['synthesized']['seconds']:.2f}"
    page = reports.page.text
    assert "mean length\u00a0↓" in page and f"{speech['ground_truth']['seconds']:.2f}" in page
    labels = Labels.parse(Path(LABELS_FILE).read_bytes())
    card = figures(reports.metrics, {}, labels)
    assert any("LENGTH ↓" in line for line in card)
    assert any(line.startswith("| synthesized |") and shown in line for line in card)
    pair = {"speech": {"parent": {"seconds": 2.0}, "synthesized": {"seconds": 1.0}}}
    assert "  mean length: 2.00 -> 1.00, better" in before_and_after(pair, labels)
    Path("receipts").mkdir()
    Path("receipts/publish.json").write_text(json.dumps({"version": "0" * 16, "channel": "stable"}))
    assert f"mean length, synthesized: {shown}" in summary()
    folder = tmp_path / "made"
    write_release(folder)
    shutil.copyfile(LABELS_FILE, folder / LABELS_FILE)
    write_manifest(folder, metrics=reports.metrics)
    store = open_store(str(tmp_path / "store"))
    store.publish(folder, "stable", "a test")
    head, row = summary_table(summarize(store, store.catalogue.page(10))).splitlines()
    assert head.split("  ").index("LENGTH") > 0 and f"  {shown}  " in row


def test_gate_of_which_one_threshold_is_missed_is_not_passed_on_the_page(recorded):
    """One miss between two that are met is enough; the verdict, the title and the counts agree."""
    gate = recorded.gate
    assert [check["passed"] for check in gate["checks"]] == [True, False, True] and gate["passed"] is False
    text = recorded.page.text
    assert "Release gate not passed" in text and "1 of 3 thresholds is not met" in text
    assert "evaluation: gate not passed" in text
    assert [mark for mark in text if mark in "✓✕"] == ["✕", "✓", "✕", "✓"]  # the verdict, then the thresholds
