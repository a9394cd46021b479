"""The mini corpus: this project's own, spoken by espeak-ng, in LibriTTS's layout."""

from pipeline.ingest.readers.libritts import LIBRITTS
from pipeline.ingest.readers.reader import Corpus

MINI = Corpus(
    name="mini",
    page="https://github.com/espeak-ng/espeak-ng",
    licence="CC0-1.0; synthetic speech",
    citation="@misc{espeakng, title={eSpeak NG, the text-to-speech synthesizer that spoke this corpus}, "
    "howpublished={https://github.com/espeak-ng/espeak-ng}}",
    contents="minutes, SYNTHETIC",
    layout=LIBRITTS.layout,
)
