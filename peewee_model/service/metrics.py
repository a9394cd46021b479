"""Figures of a server, as Prometheus reads them. No text, no voice and no key is in them."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The figures of one server."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "peewee_requests", "Requests that were answered.", ["route", "method", "status"], registry=registry
        )
        self.seconds = Histogram(
            "peewee_request_seconds",
            "Seconds from a request to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.first_audio = Histogram(
            "peewee_first_audio_seconds",
            "Seconds from a request to its first sound.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.audio = Counter("peewee_audio_seconds", "Seconds of speech that were sent.", registry=registry)
        self.sentences = Counter("peewee_sentences", "Sentences that were spoken.", registry=registry)
        self.batch = Histogram(
            "peewee_batch_sentences",
            "Sentences that were spoken together.",
            buckets=(1, 2, 4, 8, 16, 32),
            registry=registry,
        )
        self.busy = Counter("peewee_busy_seconds", "Seconds in which sentences were spoken.", registry=registry)
        self.speeches = Gauge("peewee_speeches", "Speeches that are waited for or streamed now.", registry=registry)
        self.refused = Counter("peewee_refused", "Requests that were refused.", ["code"], registry=registry)
        self.left = Counter("peewee_left", "Requests whose client left before the end.", registry=registry)
        self.reloads = Counter("peewee_reloads", "Releases that were loaded anew.", ["result"], registry=registry)
        self.release = Gauge("peewee_release", "1 for the release that speaks.", ["version"], registry=registry)

    def batch_spoken(self, n_sentences: int, seconds: float) -> None:
        """Count a batch."""
        self.sentences.inc(n_sentences)
        self.batch.observe(n_sentences)
        self.busy.inc(seconds)

    def speaks(self, version: str) -> None:
        """Name the release that speaks."""
        self.release.clear()
        self.release.labels(version).set(1)

    def page(self) -> bytes:
        """Write all figures."""
        return generate_latest(self._registry)
