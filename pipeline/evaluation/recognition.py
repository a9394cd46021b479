"""Speech recognition, and the distance of the recognized text from the intended text."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from peewee_model.audio.clip import resample


class PocketSphinx:
    """pocketsphinx with the US English model that its wheel carries.

    It is weak by today's standards (22 % WER on clear read speech), but needs no download. Compare its rates with those
    of the recordings; alone they show little. Noise, and pauses at both ends, are added to the samples, because the
    digital silence of synthesizers and trimmed files spoils its features (with them, a synthetic voice's WER fell from
    86 to 41 %).
    """

    PAUSE_S = 0.3
    NOISE = 0.003  # of full scale, -50 dB

    def __init__(self) -> None:
        from pocketsphinx import Decoder

        self._sample_rate = 16_000
        # One pass of three, with a bound on hypotheses: on 10 recordings of a clear reader CER and WER were 8.6 and
        # 22.7 % (9.0 and 25.0 % with all of it) in a third of the time, and babble can't take minutes.
        limits = {"fwdflat": False, "bestpath": False, "maxhmmpf": 5000}
        self._decoder = Decoder(samprate=self._sample_rate, cmn="batch", loglevel="FATAL", **limits)

    def recognize(self, samples: NDArray[np.float32], sample_rate: int) -> str:
        """Recognize one utterance, mono in [-1, 1]."""
        if not len(samples):
            return ""
        heard = np.pad(resample(samples, sample_rate, self._sample_rate), round(self.PAUSE_S * self._sample_rate))
        noisy = heard + self.NOISE * np.random.default_rng(0).standard_normal(len(heard))
        pcm = np.rint(np.clip(noisy, -1.0, 1.0) * 32767).astype("<i2").tobytes()
        self._decoder.reinit_feat()  # else the cepstral mean of the utterance before shifts this one's
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        return str(hypothesis.hypstr) if hypothesis else ""


def plain_words(text: str) -> str:
    """Lower-case words without punctuation, as both sides of a comparison are written."""
    words = re.sub(r"[^\w' ]|_", " ", text.lower().replace("’", "'")).split()
    return " ".join(word for word in (word.strip("'") for word in words) if word)


def transcription_error_rates(references: Sequence[str], hypotheses: Sequence[str]) -> tuple[float, float]:
    """Character and word error rates: edits over all utterances divided by the references' length.

    Args:
        references: The intended texts. None of them is empty.
        hypotheses: The recognized texts.
    """
    import jiwer

    said = [plain_words(text) for text in references]
    heard = [plain_words(text) for text in hypotheses]
    return float(jiwer.cer(said, heard)), float(jiwer.wer(said, heard))
