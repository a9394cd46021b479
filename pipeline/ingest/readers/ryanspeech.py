"""RyanSpeech: `wavs/<id>.wav` and `metadata.csv`, as LJSpeech has them. For NON-COMMERCIAL use only.

Source: Zandie et al. 2021, arXiv:2106.08468. It is sent on request.
"""

from functools import partial

from pipeline.ingest.readers.ljspeech import read_ljspeech
from pipeline.ingest.readers.reader import Corpus, Layout

RYANSPEECH = Corpus(
    name="ryanspeech",
    page="https://arxiv.org/abs/2106.08468",
    licence="non-commercial; CC BY-NC-SA 4.0 or CC BY-NC 4.0, sources differ",
    citation="@inproceedings{zandie2021ryanspeech, title={RyanSpeech: A Corpus for Conversational Text-to-Speech "
    "Synthesis}, author={Rohola Zandie and Mohammad H. Mahoor and Julia Madsen and Eshrat S. Emamian}, "
    "booktitle={Interspeech}, year={2021}}",
    contents="more than 10 h of 1 speaker, 44.1 kHz WAV",
    layout=Layout("wavs/<id>.wav", partial(read_ljspeech, speaker="ryan")),
    quirks=(
        "Non-commercial: `publish.licences` refuses it where it lists other terms only.",
        "No archive has a public address, and no hash is published: state that of your copy.",
        "Some transcripts are suspected to be wrong.",
    ),
)
