"""The counts of ingest: `data/summary.json`."""

from collections import Counter, defaultdict
from typing import Any

from pipeline.ingest.splits import Splits
from pipeline.ingest.spool import Spool


def summarize(spool: Spool, splits: Splits) -> dict[str, Any]:
    """Count utterances, speakers and hours by corpus, subset and split, and refusals by archive and reason.

    `n_unspoken` counts the characters of the texts that were left out because no reader says them.

    Speakers are counted by corpus and subset too, because a speaker who is held out in part is in several splits.
    """
    parts: dict[tuple[str, str, str], dict[str, Any]] = {}
    speakers: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for utterance in spool.utterances():
        split = splits.of(utterance.speaker_id, utterance.utterance_id)
        key: tuple[str, str, str] = (utterance.corpus, utterance.subset, split)
        names = dict(zip(("corpus", "subset", "split"), key, strict=True))
        part = parts.setdefault(key, {**names, "n_utterances": 0, "duration_s": 0.0, "trimmed_s": 0.0, "n_unspoken": 0})
        part["n_utterances"] += 1
        part["duration_s"] += utterance.duration_s
        part["trimmed_s"] += utterance.trimmed_s
        part["n_unspoken"] += utterance.n_unspoken
        speakers[key].add(utterance.speaker_id)
    for key, part in parts.items():
        hours = round(part.pop("duration_s") / 3600, 6)
        part |= {"hours": hours, "trimmed_s": round(part["trimmed_s"], 3), "n_speakers": len(speakers[key])}
    refused: dict[str, Counter[str]] = defaultdict(Counter)
    for row in spool.rejected():
        refused[row["archive"]][row["reason"]] += 1
    of_subset: dict[tuple[str, str], set[str]] = defaultdict(set)
    for (corpus, subset, _), names_of in speakers.items():
        of_subset[corpus, subset] |= names_of
    n_speakers = [{"corpus": c, "subset": s, "n_speakers": len(of_subset[c, s])} for c, s in sorted(of_subset)]
    return {"parts": [parts[key] for key in sorted(parts)], "speakers": n_speakers, "rejected": refused}
