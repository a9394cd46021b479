"""The voice that the repository carries, `examples/store`: whole, small, and as good as its card says."""

import subprocess
import tarfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from ruamel.yaml import YAML

from peewee_model import VoiceCloner
from peewee_model.audio.clip import encode_flac, resample
from peewee_model.audio.mel import log_mel
from peewee_model.recordings.reading import read_clip
from peewee_model.script.pauses import PAUSES
from peewee_model.store.store import open_store
from peewee_model.synthesizer.flat_form import in_sections
from peewee_model.vocoder.factory import load_vocoder
from pipeline.commands.profile import command
from pipeline.evaluation.config import RecognizerConfig
from pipeline.evaluation.judges.recognizer import Recognizer
from pipeline.evaluation.recognition import transcription_error_rates
from pipeline.profiles import overlay as profile
from pipeline.verification import all_pairs, equal_error_rate
from tests.peewee_model.cloning.test_cloner import voice
from tests.peewee_model.cloning.test_joining import gaps

STORE = Path(__file__).parents[1] / "examples" / "store"
MAX_BYTES = 25_000_000
N_SENTENCES = 12
pytestmark = pytest.mark.filterwarnings("ignore::peewee_model.ReferenceWarning")
"""Utterances have less than 3 s."""


@pytest.fixture(scope="module")
def cloner():
    return VoiceCloner.load(f"{STORE}@stable")


@pytest.fixture(scope="module")
def manifest():
    store = open_store(str(STORE))
    return store.verify(store.resolve("stable"))


@pytest.fixture(scope="module")
def held_out(shared_data):
    """The last sentences of Kathleen's, which the release was tested on, not trained: text and recording."""
    texts, clips = {}, {}
    with tarfile.open(shared_data / "kathleen" / "train-clean.tar.gz") as archive:
        for member in archive:
            name, _, kind = Path(member.name).name.partition(".")
            if kind == "normalized.txt":
                texts[name] = archive.extractfile(member).read().decode().strip()
            elif kind in ("flac", "wav"):
                clips[name] = archive.extractfile(member).read()
    last = sorted(texts)[-N_SENTENCES:]
    return [(texts[name], read_clip(clips[name])) for name in last]


def test_store_is_small_and_git_has_all_of_it():
    """A clone speaks without a download."""
    files = {path.relative_to(STORE).as_posix() for path in STORE.rglob("*") if path.is_file()}
    assert sum((STORE / name).stat().st_size for name in files) <= MAX_BYTES
    known = subprocess.run(["git", "ls-files", "-z"], cwd=STORE, capture_output=True, text=True, check=True).stdout
    assert files == set(known.strip("\0").split("\0"))


def test_release_is_whole_in_half_precision_and_names_its_sources(manifest):
    """`verify` hashed every file; the card credits each archive with its terms. Nobody's recording is in it."""
    assert manifest.params["weights"]["dtype"] == "float16"
    assert manifest.parent is None
    assert not any(name.endswith((".flac", ".wav")) for name in manifest.files)
    learned = {(corpus.corpus, corpus.subset): corpus for corpus in manifest.corpora}
    assert learned.keys() == {
        ("kathleen", "train-clean"), ("human", "train-clean"), ("dev", "dev-clean"), ("speechocean", "train-clean"),
        ("train5", "train-clean"), ("readers", "train-clean"), ("ljspeech", "train-clean"), ("an4", "train-clean"),
    }  # fmt: skip
    folder, _ = open_store(str(STORE)).fetch("stable")
    card = (folder / "MODEL_CARD.md").read_text()
    for corpus in learned.values():
        assert corpus.licence in card and "owner" not in corpus.licence
    assert f"git checkout {manifest.code.commit}" in card


def shared(found, wanted):
    """What of a document another one speaks of too."""
    if not isinstance(wanted, dict):
        return found
    return {name: shared(found[name], value) for name, value in wanted.items()}


def test_parameters_of_the_release_can_be_had_again(manifest, tmp_path, monkeypatch):
    """`profile --release` gives params.yaml what every stage of the release ran with, whatever stood there before."""
    path = tmp_path / "params.yaml"
    path.write_text((STORE.parents[1] / "params.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    profile.apply(profile.load_overlay("libritts-960"))
    command(release=f"{STORE}@stable")
    found = YAML(typ="safe").load(path.read_text())
    made = manifest.params["synthesizer"]
    wanted = manifest.params | {"synthesizer": made | {"architecture": in_sections(made["architecture"])}}
    evaluate = wanted["evaluate"]
    speech = {key: value for key, value in evaluate["speech"].items() if key != "stop_threshold"}  # of the network now
    wanted |= {"evaluate": evaluate | {"speech": speech}}
    sources = [source | {"layout": "libritts"} for source in wanted["corpus"]["sources"]]  # the only one at that time
    wanted |= {"corpus": {"sources": sources}}
    assert shared(found, wanted) == wanted


def test_release_sounds_as_its_documents_say(manifest):
    """What `evaluate` found on 40 sentences of 15 people that chose nothing, with margins."""
    speech, cloning = manifest.metrics["speech"], manifest.metrics["cloning"]
    assert speech["synthesized"]["distill_mos"] >= 2.7
    assert speech["synthesized"]["dnsmos"] >= 2.4
    assert speech["synthesized"]["cer"] <= speech["ground_truth"]["cer"]
    assert speech["synthesized"]["identified"] >= 0.6
    assert speech["synthesized"]["verification_eer"] <= 0.15
    assert cloning["synthesized"]["similarity_reference"] >= 0.68
    assert cloning["synthesized"]["likeness"] >= 0.3


def test_it_speaks_in_a_voice_that_it_never_heard(cloner):
    """Longer for a longer text, with an end, in finite numbers, whatever the voice."""
    texts = ["Hello there.", "Hello there, and welcome to the house on the hill.", "One. Two. Three."]
    spoken = cloner.clone_many(texts, [[encode_flac(voice(5.0), 16000)]])
    for speech in spoken:
        assert not speech.truncated
        assert np.isfinite(speech.samples).all() and np.abs(speech.samples).max() > 0.01
    assert all(short.duration_s < long.duration_s for short, long in pairwise(spoken[:2]))


def test_encoder_tells_held_out_people_apart(cloner, shared_data):
    """EER over all pairs of the 36 recordings of the 7 people of dev-clean, of whom nothing was trained on."""
    voices, speakers = [], []
    with tarfile.open(shared_data / "libritts-human" / "dev-clean.tar.gz") as archive:
        for member in archive:
            if member.name.endswith((".wav", ".flac")):
                voices.append(cloner.embed_voice(archive.extractfile(member).read()))
                speakers.append(member.name.split("/")[-3])
    assert len(set(speakers)) == 7
    eer, _ = equal_error_rate(*all_pairs(torch.stack(voices).numpy(), np.array(speakers)))
    assert eer <= 0.025


@pytest.mark.system
def test_it_is_understood(cloner, shared_data, held_out):
    """CER of sentences that nothing was trained on; Moonshine found 6.5 %, and 8.7 % in copies by the same vocoder."""
    texts = [text for text, _ in held_out]
    speeches = cloner.clone_many(texts, [shared_data / "references" / "kathleen.flac"])
    folder, _ = open_store(str(STORE)).fetch("stable")
    vocoder = load_vocoder(folder / "vocoder")
    mel = vocoder.config.mel
    copies = [
        vocoder.synthesize(torch.from_numpy(log_mel(resample(clip.samples, clip.sample_rate, mel.sample_rate), mel)))
        for _, clip in held_out
    ]
    recognizer = Recognizer(RecognizerConfig(name="moonshine"), "en-us")
    heard = [recognizer.recognize(speech.samples, speech.sample_rate) for speech in speeches]
    copied = [recognizer.recognize(samples, mel.sample_rate) for samples in copies]
    assert not any(speech.truncated for speech in speeches)
    synthesized_cer, copied_cer = (transcription_error_rates(texts, found)[0] for found in (heard, copied))
    assert copied_cer <= 0.12
    assert synthesized_cer <= 0.1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("The boat lay at the old pier. The morning was cold and grey.", PAUSES.sentence_s),
        ("The boat lay at the old pier.\n\nThe morning was cold and grey.", PAUSES.paragraph_s),
        ("He came -- at last the door was open.", PAUSES.dash_s),
        ("Wait ... what?", PAUSES.ellipsis_s),
        ('It is done. <break time="2s"/> Go home.', 2.0),
    ],
)
def test_pauses_are_as_long_as_they_should_be_and_have_no_click(cloner, held_out, text, seconds):
    """Within 20 ms, from sound to sound; steps are smaller than in speech; and neither silent nor heard."""
    speech = cloner.clone(text, held_out[0][1])
    found, start, end = max(gaps(speech.samples, speech.sample_rate))
    assert found == pytest.approx(seconds, abs=0.02)
    steps, edge = np.abs(np.diff(speech.samples)), speech.sample_rate // 20
    assert max(steps[start - edge // 10 : start + edge].max(), steps[end - edge : end + edge // 10].max()) < steps.max()
    level = 10 * np.log10(np.mean(np.square(speech.samples[start + edge : end - edge])))
    assert -90 < level < -50
