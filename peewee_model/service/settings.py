"""What an operator decides about a server."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from peewee_model import environment

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """How much one client may ask, and all of them together."""

    characters: int = 4096
    """Of a text."""
    json_bytes: int = MIB // 4
    """Of a body of JSON."""
    upload_bytes: int = 10 * MIB
    """Of a recording."""
    upload_s: float = 120.0
    """Seconds of a recording."""
    uploads: int = 4
    """Bodies with recordings that are received or decoded at once."""
    body_s: float = 30.0
    """Seconds in which a body must arrive."""
    requests: int = 32
    """Speeches that are waited for or streamed at once; one more is answered 429."""
    first_audio_s: float = 30.0
    """Seconds until the first sentence must be spoken."""
    speech_s: float = 600.0
    """Seconds in which a whole speech must be spoken and read."""
    per_minute: int = 0
    """Requests of one key in a minute, where its line names no other number; 0 for any number."""
    decode_s: float = 20.0
    """Seconds in which a recording must be decoded."""
    decode_bytes: int = 2048 * MIB
    """Memory of the process that decodes a recording."""
    voices: int = 1000
    """Voices of one key."""


@dataclass(frozen=True)
class Settings:
    """Of one server."""

    release: str
    """STORE@CHANNEL or STORE@VERSION."""
    voices: Path
    """The folder of voices and consents."""
    host: str = "127.0.0.1"
    port: int = 8000
    keys: Path | None = None
    """A file of API keys."""
    lexicon: Path | None = None
    """Words that are taught for every text."""
    own_voices: tuple[tuple[str, Path], ...] = ()
    """Voices of the operator: a name, and a recording."""
    aliases: tuple[str, ...] = ()
    """Other names of the model."""
    mark_key: str | None = environment.MARK_KEY.default
    """The key of the mark in everything that is said; None for no mark and no credentials."""
    device: str = "cpu"
    reload_s: float = 30.0
    """Seconds between two looks at the channel; 0 for none."""
    threads: int = 1
    """That speak: on a CPU one a processor, on a GPU one."""
    gather_s: float = 0.005
    """For so long sentences of other requests are waited for, to be spoken together."""
    keep_alive_s: int = 75
    """Seconds that a connection without a request stays: longer than a proxy's or a client's own, so that neither
    sends a request into a connection that is being closed."""
    grace_s: float = 30.0
    """Seconds that requests have to end when the server stops."""
    limits: Limits = field(default_factory=Limits)

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches the server."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False
