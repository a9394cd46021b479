"""Removes excluded speakers and utterances before their recordings are processed."""

import logging

from pipeline.corpora.exclusions import EXCLUSIONS, Exclusions
from pipeline.ingest.readers.reader import Part, Refused

logger = logging.getLogger(__name__)


class Sieve:
    """Refuses the parts of excluded speakers and utterances."""

    def __init__(self, exclusions: Exclusions) -> None:
        self._listed = {(entry.kind, entry.id) for entry in exclusions.entries}
        self._met: set[tuple[str, str]] = set()

    def sift(self, part: Part | Refused, id_prefix: str, people: str) -> Part | Refused:
        """Return the part, or a refusal of it.

        Args:
            part: One part of an utterance.
            id_prefix: Prefix of the archive's ids.
            people: Prefix of the ids that its speakers have in all corpora with these people.
        """
        names = [("utterance", f"{id_prefix}_{part.utterance_id}")]
        if isinstance(part, Part):
            names += [("speaker", f"{prefix}_{part.speaker_id}") for prefix in dict.fromkeys((id_prefix, people))]
        found = [name for name in names if name in self._listed]
        if not found or (isinstance(part, Refused) and part.everywhere):
            return part
        self._met.update(found)
        detail = f"{EXCLUSIONS} names {' and '.join(' '.join(name) for name in found)}"
        return Refused(part.member, part.utterance_id, part.subset, "excluded", detail)

    def tell(self) -> None:
        """Log excluded ids that no archive has, because such an id may be a typing error."""
        for kind, identifier in sorted(self._listed - self._met):
            logger.warning("%s names %s %s, which no archive holds", EXCLUSIONS, kind, identifier)
