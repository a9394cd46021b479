import sys

import numpy as np
import pytest

from peewee_model.cloning.sources import read_source
from peewee_model.errors import AudioError
from peewee_model.recordings.reading import read_clip
from tests.peewee_model.cloning.test_cloner import voice

KINDS = {
    "m4a": ("ipod", "aac", 24_000, {}), "m4a, header first": ("mp4", "aac", 24_000, {"movflags": "faststart"}),
    "mp4 in fragments": ("mp4", "aac", 24_000, {"movflags": "frag_keyframe+empty_moov"}),
    "lossless m4a": ("ipod", "alac", 24_000, {}), "aac": ("adts", "aac", 24_000, {}),
    "webm": ("webm", "libopus", 48_000, {}), "live webm": ("webm", "libopus", 48_000, {"live": "1"}),
}  # fmt: skip
HEADS = {
    "MP4": b"\0\0\0\x1cftypM4A \0\0\0\0isom", "WebM": b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42",
    "AAC": b"\xff\xf1\x58\x40\x10\x1f\xfc" * 9,
}  # fmt: skip


@pytest.fixture
def made(tmp_path):
    """`made(kind)` writes a file of 4 s of speech and returns its content."""
    av = pytest.importorskip("av", reason="PyAV, of the extra m4a, is not installed")

    def make(kind):
        container, codec, rate, options = KINDS[kind]
        path = tmp_path / "me"
        with av.open(str(path), "w", format=container, options=options) as file:
            stream = file.add_stream(codec, rate=rate, layout="mono")
            samples = (voice(4.0, rate)[np.newaxis] * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate = rate
            size = stream.codec_context.frame_size or None
            resampler = av.AudioResampler(stream.codec_context.format, "mono", rate, size)
            for piece in [*resampler.resample(frame), *resampler.resample(None)]:
                file.mux(stream.encode(piece))
            file.mux(stream.encode(None))
        return path.read_bytes()

    return make


@pytest.mark.parametrize("kind", KINDS)
def test_containers_of_phones_and_browsers_are_read(made, kind):
    """With the sound that was written: shifted by an encoder's delay at most."""
    content = made(kind)
    clip = read_source(content, "reference 1", max_duration_s=60)
    rate = KINDS[kind][2]
    assert clip.sample_rate == rate
    assert clip.duration_s == pytest.approx(4.0, abs=0.1)
    expected, found = (
        np.abs(samples[: len(samples) // step * step]).reshape(-1, step).mean(axis=1)
        for step in (rate // 100,)
        for samples in (voice(4.0, rate), clip.samples)
    )
    alike = [np.corrcoef(expected[:380], found[delay : delay + 380])[0, 1] for delay in range(12)]
    assert max(alike) > 0.95
    with pytest.raises(AudioError) as caught:
        read_source(content, "reference 1", max_duration_s=1)
    assert caught.value.reason == "too_long"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_half_a_container_is_refused(made, kind, share):
    """FFmpeg reads what is there in silence."""
    content = made(kind)
    with pytest.raises(
        AudioError, match=r"reference 1 is cut off: the file has \d+ bytes of the \d+ or more"
    ) as caught:
        read_source(content[: int(share * len(content))], "reference 1", max_duration_s=60)
    assert caught.value.reason == "truncated"


@pytest.mark.parametrize("kind", HEADS)
def test_container_without_pyav_is_refused_with_the_extra_that_reads_it(monkeypatch, tmp_path, kind):
    """The message names what the file is, and what to install; for a path and for bytes."""
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "me.wav").write_bytes(HEADS[kind])
    for source in (HEADS[kind], tmp_path / "me.wav"):
        with pytest.raises(AudioError, match=rf"is {kind}.*pip install 'peewee-tts\[m4a\]'"):
            read_source(source, "reference 1", max_duration_s=60)


@pytest.mark.parametrize("kind", HEADS)
def test_container_of_nonsense_is_refused(kind):
    """A head without a body is no recording, whoever would decode it."""
    pytest.importorskip("av", reason="PyAV, of the extra m4a, is not installed")
    with pytest.raises(AudioError):
        read_source(HEADS[kind] + bytes(2000), "reference 1", max_duration_s=60)


def test_flac_that_was_streamed_is_read_to_its_end(tmp_path):
    """Its header states no length, as FFmpeg writes it to a pipe, and as our own service does."""
    encoder = pytest.importorskip("peewee_model.service.formats", reason="the extra service is not installed").encoder
    samples = voice(4.0, 16_000)
    file = encoder("flac", 16_000)
    (tmp_path / "a.flac").write_bytes(file.add(samples) + file.end())
    for source in (tmp_path / "a.flac", (tmp_path / "a.flac").read_bytes()):
        np.testing.assert_allclose(read_source(source, "a", max_duration_s=60).samples, samples, atol=1e-4)
    with pytest.raises(AudioError, match="streamed"):
        read_clip(tmp_path / "a.flac")
