"""What a file is, by how it begins."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest

from pipeline.corpora.archive_kinds import other_archive, what_it_is


def tar():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return buffer.getvalue()


def zipped():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", "b")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (tar(), "a .tar that is not compressed"),
        (lzma.compress(tar()), "an .xz file"),
        (bz2.compress(tar()), "a .bz2 file"),
        (zipped(), "a .zip file"),
    ],
)
def test_other_archives_are_named(content, kind):
    """As their own programs write them."""
    assert other_archive(content[:512]) == what_it_is(content[:512]) == kind


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html><title>Sign in</title>", "a web page, perhaps one that says an error"),
        (b'{"error": "no such file"}', "JSON, perhaps an error of a server"),
        (b"RIFF....WAVE", "no archive"),
    ],
)
def test_what_is_no_archive_is_named(content, kind):
    """A page or an answer that was saved under an archive's name."""
    assert (other_archive(content), what_it_is(content)) == (None, kind)


def test_gzip_is_nothing_else():
    """Whatever is within."""
    assert what_it_is(gzip.compress(tar())) is None
