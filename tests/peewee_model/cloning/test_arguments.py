from pathlib import Path

import numpy as np
import pytest

from peewee_model import Clip, PeeweeError, VoiceCloner
from tests.peewee_model.cloning.test_cloner import AT_ONCE, make_encoder, make_synthesizer, make_vocoder, voice

pytestmark = pytest.mark.filterwarnings("ignore::peewee_model.ReferenceWarning")
CLIP = Clip(voice(2.0), 16_000)


@pytest.fixture(scope="module")
def quick():
    return VoiceCloner(make_encoder(), make_synthesizer(AT_ONCE), make_vocoder())


MISTAKES = {
    "text None": (lambda c: c.clone(None, CLIP), "the text is of type NoneType; give a str"),
    "text bytes": (lambda c: c.clone(b"Hi.", CLIP), "the text is of type bytes"),
    "text a list": (lambda c: c.clone(["Hi."], CLIP), "the text is of type list"),
    "seed text": (lambda c: c.clone("Hi.", CLIP, seed="1"), "the seed is '1'; give a whole number"),
    "seed half": (lambda c: c.clone("Hi.", CLIP, seed=0.5), "the seed is 0.5"),
    "no reference": (lambda c: c.clone("Hi.", None), "the reference is None; give a path"),
    "no recording": (lambda c: c.clone("Hi.", []), "give at least one recording"),
    "a list of None": (lambda c: c.clone("Hi.", [CLIP, None]), "reference 2 is None"),
    "a folder": (lambda c: c.clone("Hi.", Path(__file__).parent), "is a folder; name the recordings in it"),
    "samples alone": (lambda c: c.clone("Hi.", CLIP.samples), "an array without its sample rate"),
    "a negative rate": (lambda c: c.clone("Hi.", (CLIP.samples, -16_000)), "the sample rate is -16000"),
    "texts a str": (lambda c: c.clone_many("Hi.", [CLIP]), "the texts are of type str; give a list"),
    "texts None": (lambda c: c.clone_many(None, [CLIP]), "the texts are of type NoneType"),
    "a text None": (lambda c: c.clone_many(["Hi.", None], [CLIP]), "text 2: the text is of type NoneType"),
    "references a Clip": (lambda c: c.clone_many(["Hi."], CLIP), "the references are of type Clip; give a list"),
    "loudness": (lambda c: VoiceCloner.load("store", loudness_lufs=float("nan")), "the loudness is nan; give LUFS"),
    "loudness above 0": (lambda c: VoiceCloner.load("store", loudness_lufs=3), "the loudness is 3; give LUFS"),
    "device": (lambda c: VoiceCloner.load("store", device="gpu"), "the device 'gpu' can't be used"),
    "device None": (lambda c: VoiceCloner.load("store", device=7.5), "the device 7.5 can't be used"),
    "release None": (lambda c: VoiceCloner.load(None), "the release is of type NoneType; give a path"),
    "release a number": (lambda c: VoiceCloner.load(17), "the release is of type int; give a path"),
    "public key": (lambda c: VoiceCloner.load("store", public_key=17), "the public key is of type int"),
    "folder": (lambda c: VoiceCloner.load_folder(None), "the release's folder is of type NoneType"),
    "folder, missing": (lambda c: VoiceCloner.load_folder("nowhere"), "is missing"),
    "path None": (lambda c: c.clone("Hi.", CLIP).save(None), "the file to write is of type NoneType; give a path"),
    "path of a folder": (lambda c: c.clone("Hi.", CLIP).save(Path(__file__).parent), "no ending"),
    "ending": (lambda c: c.clone("Hi.", CLIP).encode("wav"), "'wav' is no format that is written; use one of .wav"),
    "ending None": (lambda c: c.clone("Hi.", CLIP).encode(None), "None is no format that is written"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_one_of_our_errors(quick, mistake):
    """It names the argument and the remedy, in one line."""
    call, message = MISTAKES[mistake]
    with pytest.raises(PeeweeError, match=message) as caught:
        call(quick)
    assert "\n" not in str(caught.value)


def test_what_is_nearly_wrong_is_taken(quick):
    """Numbers of numpy, negative seeds, texts and references that come one by one, one reference alone."""
    assert quick.clone("Hi.", CLIP, seed=np.int64(-3)).samples.size
    spoken = quick.clone_many((text for text in ("Hi.", "Ho.")), (one for one in [CLIP]))
    assert [speech.text for speech in spoken] == ["hi.", "ho."]
    assert spoken[0].reference == spoken[1].reference
