"""Reads archives that no place has from their URLs. They are hashed, and not kept."""

from collections.abc import Iterator
from pathlib import Path

from peewee_model.errors import ConfigError
from pipeline.audit.errors import AuditError
from pipeline.corpora.sources import CorpusConfig, Source
from pipeline.download.answer import Have, Patience, TransientError
from pipeline.download.fetch import TRANSPORTS
from pipeline.params.params import PARAMS_FILE, Section, read

ATTEMPTS = 5


class _Params(Section):
    corpus: CorpusConfig


def with_credentials(source: Source, root: Path) -> Source:
    """Return the source of params.yaml if it is the same archive: its URL has the secrets, a release's does not."""
    try:
        known = read(_Params, root / PARAMS_FILE).corpus.sources
    except ConfigError:
        return source
    return next((other for other in known if (other.sha256, other.public_url) == (source.sha256, source.url)), source)


def stream(source: Source, patience: Patience | None = None) -> Iterator[bytes]:
    """Read an archive from its URL; a broken transfer continues where it stopped.

    Raises:
        DownloadError: If it can't be read.
        AuditError: If the server starts again from the beginning, or breaks off too often.
    """
    patience = patience or Patience()
    have = Have()
    for attempt in range(ATTEMPTS):
        try:
            answer = TRANSPORTS[source.url.partition(":")[0]](source.url, have, patience)
            try:
                if answer.start != have.size:
                    raise AuditError(f"{source.public_url} changed, or can't be continued; run the audit again")
                have = Have(have.size, answer.total, answer.validator)
                for chunk in answer.chunks:
                    have = Have(have.size + len(chunk), have.total, have.validator)
                    yield chunk
            finally:
                answer.close()
            if have.total is None or have.size == have.total:
                return
        except TransientError as error:
            if attempt + 1 == ATTEMPTS:
                raise AuditError(f"{error}; given up after {ATTEMPTS} attempts, run the audit again") from None
        patience.sleep(patience.first_wait_s * 2.0**attempt)
