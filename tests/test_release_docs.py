"""The lines of docs/releases.md, as they stand there, on a real S3 server with a release that speaks."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from peewee_model.networks.weights import save_model
from peewee_model.store.store import open_store
from tests.peewee_model.cloning.test_cloner import make_encoder, make_synthesizer, make_vocoder, voice
from tests.peewee_model.releases import write_manifest

pytestmark = pytest.mark.system

BUCKET = "voices"
ADDRESS = f"s3://{BUCKET}/tts"


def blocks(document, language):
    """All code of a language in a document, in order."""
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", document, re.MULTILINE | re.DOTALL))


@pytest.fixture
def versions(tmp_path, swift, s3_bucket, monkeypatch):
    """Two releases in the store that the document names."""
    monkeypatch.setenv("PEEWEE_SINGLE_PUBLISHER", "1")
    monkeypatch.delenv("PEEWEE_PUBLIC_KEY", raising=False)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    swift.client().create_bucket(Bucket=BUCKET)
    folder = tmp_path / "release"
    for name, model in (("encoder", make_encoder()), ("synthesizer", make_synthesizer()), ("vocoder", make_vocoder())):
        save_model(folder / name, model, model.config)
    found = []
    for number in range(2):
        (folder / "MODEL_CARD.md").write_text(f"number {number}")
        found.append(write_manifest(folder))
        open_store(ADDRESS).publish(folder, "stable", "gate passed")
    return found


def test_lines_of_the_document_do_what_it_says(repository, tmp_path, swift, versions):
    """Run as they are in it."""
    document = (repository / "docs/releases.md").read_text(encoding="utf-8")
    home = tmp_path / "home"
    home.mkdir()
    soundfile.write(home / "me.wav", voice(1.5), 16000)
    script = blocks(document, "sh")
    for command in ("list", "show", "pull", "verify", "promote", "rollback", "history", "sign"):
        assert f"peewee-tts release {command} " in script or f"peewee-tts release {command}\n" in script, command
    done = subprocess.run(["bash", "-euo", "pipefail"], input=script, cwd=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    history = open_store(ADDRESS).history("stable")
    assert [numbered.entry.action for numbered in history] == ["publish", "publish", "rollback"]
    assert open_store(ADDRESS).resolve("stable") == versions[0]
    assert open_store(ADDRESS).resolve("beta") == versions[1]
    assert list(open_store(ADDRESS).signatures(versions[0])) and (home / "voice/manifest.json").exists()

    environment = {**os.environ, "PEEWEE_PUBLIC_KEY": str(home / "release.pub")}
    program = [sys.executable, "-c", blocks(document, "python")]
    subprocess.run(program, cwd=home, check=True, env=environment)
    assert soundfile.info(home / "hello.wav").frames > 0
    # Pinned, it needs neither server nor credentials.
    for name in [name for name in environment if name.startswith("AWS_") and "FILE" not in name]:
        environment.pop(name)
    program[2] = program[2].replace("@stable", f"@{versions[0]}")
    (home / "hello.wav").unlink()
    subprocess.run(program, cwd=home, check=True, env=environment | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    assert soundfile.info(home / "hello.wav").frames > 0
