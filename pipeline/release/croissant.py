"""The corpus and the feature tables of a release, described for machines: Croissant 1.1 (MLCommons), as JSON-LD.

Addresses of tables are relative to the release's place in a store, so that a loader that is given
`STORE/releases/<version>/croissant.json` finds `STORE/features/<features version>/utterances.parquet`, and checks it.
Mels are in one file for each shard. Their hashes are in `features.json`. A loader searches for them beside the
description, so copy the description into their folder to read them. It has no date: the same run gives the same bytes.

Source:
    Croissant Format Specification 1.1 (http://mlcommons.org/croissant/1.1) and its vocabulary for responsible AI.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from peewee_model.release.features import FEATURES_FILE, FeaturesManifest
from peewee_model.release.manifest import CorpusEntry
from pipeline.corpora.sources import Source
from pipeline.release.publications import is_synthetic, known_licence, published
from pipeline.tables import MELS, UTTERANCES

CROISSANT = "croissant.json"
"""Its name in a release."""
UTTERANCES_FILE = "utterances.parquet"
MEL_TABLES = ("mels/acoustic", "mels/speaker")
PARQUET = "application/x-parquet"
"""The name of the format in Croissant."""

_TYPES = {
    pa.string(): "sc:Text",
    pa.int32(): "cr:Int32",
    pa.int64(): "cr:Int64",
    pa.float32(): "cr:Float32",
    pa.float64(): "cr:Float64",
}
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The specification's own, word for word: readers compare it."""


_ENCODINGS = {
    "gz": "application/gzip",
    "zip": "application/zip",
    "tar": "application/x-tar",
    "xz": "application/x-xz",
    "bz2": "application/x-bzip2",
}
"""Media types of archives, by the end of the name; a piece of a zip has none."""


def write_croissant(
    *,
    corpora: Sequence[CorpusEntry],
    params: Mapping[str, Any],
    mel: Mapping[str, Mapping[str, Any]],
    features: FeaturesManifest,
) -> str:
    """Write the description as JSON.

    Args:
        corpora: The data that was trained and tested on.
        params: With the sections `corpus`, and `text` for the language if it is there.
        mel: The release's mel configs, by name of the mel.
        features: The tables.
    """
    names = sorted({corpus.corpus for corpus in corpora})
    known = published(corpora)
    licences = {found.url if (found := known_licence(corpus.licence)) else corpus.licence for corpus in corpora}
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": f"{' + '.join(names)}: utterances and mels",
        "description": _describe(corpora),
        "license": sorted(licences),
        "url": known[0].page if known else corpora[0].url,
        # Croissant requires a semantic version. Tables are identified by their hash, so it is the version's build part.
        "version": f"{features.format}.0.0+{features.version}",
        "keywords": ["speech", "text-to-speech", "speaker embedding", "voice cloning", *names],
        "distribution": [*_archives(params), *_tables(features)],
        "recordSet": [
            _record_set("utterances", UTTERANCES, {"fileObject": {"@id": UTTERANCES_FILE}}, "A row an utterance."),
            *(_mels(name, mel) for name in MEL_TABLES if _shards(features, name)),
        ],
        **_responsible_ai(corpora),
    }
    if known:
        document["citeAs"] = "\n".join(publication.citation for publication in known)
    if language := params.get("text", {}).get("language"):
        document["inLanguage"] = language
    return json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def _describe(corpora: Sequence[CorpusEntry]) -> str:
    parts = "; ".join(
        f"{corpus.corpus} {corpus.subset}{' (SYNTHETIC, spoken by espeak-ng)' if is_synthetic(corpus) else ''}: "
        f"{corpus.n_utterances} utterances of {corpus.n_speakers} speakers, {corpus.hours:.2f} h"
        for corpus in corpora
    )
    return (
        f"What a Pee Wee TTS voice-cloning model was trained and tested on. {parts}. Speech comes in the archives that "
        "it was published in, and as log-mels in Parquet; splits are by speaker."
    )


def _archives(params: Mapping[str, Any]) -> list[dict[str, Any]]:
    sources = [Source.model_validate(source) for source in params["corpus"]["sources"]]
    return [
        {
            "@type": "cr:FileObject",
            "@id": source.archive_name,
            "name": source.archive_name,
            "description": f"Source archive. Licence: {source.licence}",
            "contentUrl": source.public_url,
            "encodingFormat": _ENCODINGS.get(source.archive_name.rpartition(".")[2], "application/octet-stream"),
            "sha256": source.sha256,
        }
        for source in sources
    ]


def _tables(features: FeaturesManifest) -> list[dict[str, Any]]:
    utterances = features.files[UTTERANCES_FILE]
    files = [
        {
            "@type": "cr:FileObject",
            "@id": UTTERANCES_FILE,
            "name": UTTERANCES_FILE,
            "contentUrl": f"../../features/{features.version}/{UTTERANCES_FILE}",
            "contentSize": f"{utterances.size} B",
            "encodingFormat": PARQUET,
            "sha256": utterances.sha256,
        },
        {
            "@type": "cr:FileObject",
            "@id": FEATURES_FILE,
            "name": FEATURES_FILE,
            "description": "SHA-256 and size of every table.",
            "contentUrl": FEATURES_FILE,
            "contentSize": f"{len(features.to_bytes())} B",
            "encodingFormat": "application/json",
            "sha256": hashlib.sha256(features.to_bytes()).hexdigest(),
        },
    ]
    sets = [
        {
            "@type": "cr:FileSet",
            "@id": f"{name}/",
            "name": name,
            "description": f"{len(_shards(features, name))} files; {FEATURES_FILE} has the SHA-256 of each. "
            f"To read them with mlcroissant, copy this description to ../../features/{features.version}/.",
            "encodingFormat": PARQUET,
            "includes": f"{name}/*.parquet",
        }
        for name in MEL_TABLES
        if _shards(features, name)
    ]
    return [*files, *sets]


def _shards(features: FeaturesManifest, table: str) -> list[str]:
    return [name for name in features.files if name.startswith(f"{table}/")]


def _mels(table: str, mel: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    config = mel[table.rpartition("/")[2]]
    settings = ", ".join(f"{key} {value}" for key, value in sorted(config.items()))
    return _record_set(
        table, MELS, {"fileSet": {"@id": f"{table}/"}}, f"Log-mels, (n_mels, n_frames) row after row: {settings}."
    )


def _record_set(name: str, schema: pa.Schema, source: dict[str, Any], description: str) -> dict[str, Any]:
    """Describe a table, with a field for each column of its schema."""
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "key": {"@id": f"{name}/utterance_id"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column.name}",
                "name": column.name,
                "source": {**source, "extract": {"column": column.name}},
                **_type(column.type),
            }
            for column in schema
        ],
    }


def _type(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_list(kind):
        return {"dataType": _TYPES[kind.value_type], "isArray": True, "arrayShape": "-1"}
    return {"dataType": _TYPES[kind]}


def _responsible_ai(corpora: Sequence[CorpusEntry]) -> dict[str, Any]:
    made = any(is_synthetic(corpus) for corpus in corpora)
    recorded = any(not is_synthetic(corpus) for corpus in corpora)
    personal = []
    if recorded:
        personal.append("Voices of people, which identify them, and numbers that stand for speakers as the corpora do.")
    if made:
        personal.append("No person speaks in the synthetic part.")
    return {
        "rai:dataCollection": "Published speech corpora, taken as archives whose SHA-256 was checked, "
        "and filtered by duration, sample rate, silence and speech rate; nothing was recorded for this.",
        "rai:dataPreprocessingProtocol": [
            "Edge silence trimmed; text normalised to the symbols of the model; log-mels of magnitude.",
            "Speakers and utterances whose consent was withdrawn are excluded before training.",
        ],
        "rai:dataUseCases": ["Training and testing of text-to-speech in many voices."],
        "rai:dataLimitations": ["Read speech in one language; it says nothing of spontaneous speech."],
        "rai:personalSensitiveInformation": personal,
    }
