"""Keys are made by openssl and signatures cross-checked by the project's own tool, as publishers and consumers do."""

import base64
import hashlib
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from peewee_model.store.signing import SignatureError, hash_files, key_id, release_digests, sign_folder, verify_folder

TOOL = Path(sys.executable).with_name("model_signing")


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True).stdout


def make_keys(folder, name, curve="prime256v1"):
    private, public = folder / f"{name}.key", folder / f"{name}.pub"
    openssl("ecparam", "-name", curve, "-genkey", "-noout", "-out", str(private))
    openssl("pkey", "-in", str(private), "-pubout", "-out", str(public))
    return private, public


@pytest.fixture
def keys(tmp_path):
    return make_keys(tmp_path, "release")


@pytest.fixture
def folder(bare_release):
    return bare_release[0]


def tool(*arguments):
    return subprocess.run([TOOL, *arguments], capture_output=True, text=True, check=False)


def statement_of(bundle):
    return base64.b64decode(json.loads(bundle)["dsseEnvelope"]["payload"])


def refusal(folder, bundle, public):
    with pytest.raises(SignatureError) as caught:
        verify_folder(folder, bundle, public)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("curve", ["prime256v1", "secp384r1", "secp521r1"])
def test_signature_is_accepted_by_the_public_key(folder, tmp_path, curve):
    """The usual case."""
    private, public = make_keys(tmp_path, "release", curve)
    signer, bundle = sign_folder(folder, private)
    verify_folder(folder, bundle, public)
    assert signer == key_id(public)


def test_key_id_is_the_hash_of_the_der_form(keys):
    """Other tools compute the same."""
    der = openssl("pkey", "-pubin", "-in", str(keys[1]), "-outform", "DER")
    assert key_id(keys[1]) == hashlib.sha256(der).hexdigest()[:16]


def test_signature_is_accepted_by_the_tool_of_its_makers(folder, keys, tmp_path):
    """The format is not our own."""
    path = tmp_path / "release.sig"
    path.write_bytes(sign_folder(folder, keys[0])[1])
    checked = tool("verify", "key", folder, "--signature", path, "--public_key", keys[1])
    assert checked.returncode == 0, checked.stderr
    (folder / "MODEL_CARD.md").write_text("another")
    assert tool("verify", "key", folder, "--signature", path, "--public_key", keys[1]).returncode == 1


def test_signature_by_the_tool_of_its_makers_is_accepted(folder, keys, tmp_path):
    """Others may sign for us."""
    path = tmp_path / "release.sig"
    made = tool("sign", "key", folder, "--private_key", keys[0], "--signature", path)
    assert made.returncode == 0, made.stderr
    verify_folder(folder, path.read_bytes(), keys[1])


def test_signature_that_skips_files_is_refused(folder, keys, tmp_path):
    """A genuine signature by the right key may cover less than the release: that is not what a consumer asks for."""
    path = tmp_path / "release.sig"
    card = folder / "MODEL_CARD.md"
    tool("sign", "key", folder, "--private_key", keys[0], "--signature", path, "--ignore-paths", card)
    checked = tool("verify", "key", folder, "--signature", path, "--public_key", keys[1], "--ignore-paths", card)
    assert checked.returncode == 0, checked.stderr
    assert "MODEL_CARD.md is not covered by the signature" in refusal(folder, path.read_bytes(), keys[1])


def test_file_that_git_would_own_is_covered_too(folder, keys):
    """By default, model-signing leaves out `.gitignore` and similar files."""
    _, bundle = sign_folder(folder, keys[0])
    (folder / ".gitignore").write_text("*")
    assert ".gitignore is not covered by the signature" in refusal(folder, bundle, keys[1])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "MODEL_CARD.md").write_text("another"), "MODEL_CARD.md was signed as sha256"),
        (lambda folder: (folder / "reports/gate.json").unlink(), "reports/gate.json was signed and is missing"),
        (lambda folder: (folder / "extra.json").write_text("{}"), "extra.json is not covered by the signature"),
        (lambda folder: (folder / "link.json").symlink_to("manifest.json"), "link.json is a link or a device"),
        (lambda folder: (folder / "more").symlink_to(folder / "reports"), "more is a link or a device"),
    ],
)
def test_changed_folder_is_refused_and_names_the_file(folder, keys, damage, message):
    """Changed, added or removed."""
    _, bundle = sign_folder(folder, keys[0])
    damage(folder)
    assert message in refusal(folder, bundle, keys[1])


def test_signature_by_another_key_is_refused(folder, keys, tmp_path):
    """It is a signature, but not by who is trusted."""
    _, other = make_keys(tmp_path, "other")
    message = refusal(folder, sign_folder(folder, keys[0])[1], other)
    assert "signed by another key" in message and key_id(other) in message


def test_signature_that_claims_to_be_by_another_key_is_refused(folder, keys, tmp_path):
    """The key's name is no proof."""
    _, other = make_keys(tmp_path, "other")
    bundle = sign_folder(folder, keys[0])[1]
    hint = hashlib.sha256(other.read_bytes()).hexdigest()
    forged = json.loads(bundle)
    forged["verificationMaterial"]["publicKey"]["hint"] = hint
    assert "was not made by" in refusal(folder, json.dumps(forged).encode(), other)


def test_altered_statement_is_refused(folder, keys):
    """Whoever changes a file can write its new hash into the statement, but can't sign that."""
    forged = json.loads(sign_folder(folder, keys[0])[1])
    old = hash_files(folder)["MODEL_CARD.md"].encode()
    (folder / "MODEL_CARD.md").write_text("another")
    payload = base64.b64decode(forged["dsseEnvelope"]["payload"])
    assert old in payload
    payload = payload.replace(old, hash_files(folder)["MODEL_CARD.md"].encode())
    forged["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    assert "was not made by" in refusal(folder, json.dumps(forged).encode(), keys[1])


def test_damaged_signatures_are_refused_in_one_line(folder, keys):
    """500 damaged signatures: none is accepted, none ends otherwise than in a SignatureError."""
    bundle = sign_folder(folder, keys[0])[1]
    for seed in range(500):
        draw = random.Random(seed)
        damaged = bytearray(bundle)
        for _ in range(draw.randint(1, 3)):
            start = draw.randrange(len(damaged))
            kind = draw.randrange(3)
            if kind == 0:
                damaged[start] = draw.randrange(256)
            elif kind == 1:
                del damaged[start : start + draw.randint(1, 50)]
            else:
                damaged[start:start] = draw.choice([b"null", b'"', b"[" * 2000, b"\xff", b"{}"])
        try:
            verify_folder(folder, bytes(damaged), keys[1])
        except SignatureError as error:
            assert "\n" not in str(error)
        else:  # e.g. in what no statement is made of: then it says the same
            assert statement_of(bytes(damaged)) == statement_of(bundle), seed


@pytest.mark.parametrize("bundle", [b"", b"{}", b"[]", b"null", b"\x00\xff", b'{"verificationMaterial": 1}'])
def test_what_is_no_signature_is_refused(folder, keys, bundle):
    """Whatever the file holds instead."""
    refusal(folder, bundle, keys[1])


@pytest.mark.parametrize(
    "part", ["mediaType", "verificationMaterial", "dsseEnvelope", "dsseEnvelope.payload", "dsseEnvelope.signatures"]
)
@pytest.mark.parametrize("value", [None, 1, "", [], {}])
def test_signature_with_a_part_replaced_is_refused(folder, keys, part, value):
    """Payload and signature belong together."""
    changed = json.loads(sign_folder(folder, keys[0])[1])
    *parents, last = part.split(".")
    where = changed
    for parent in parents:
        where = where[parent]
    where[last] = value
    refusal(folder, json.dumps(changed).encode(), keys[1])


def test_known_digests_are_not_read_again(folder, keys, tmp_path):
    """The release was hashed a moment ago."""
    digests = release_digests((folder / "manifest.json").read_bytes())
    assert digests == hash_files(folder)
    _, bundle = sign_folder(tmp_path / "elsewhere", keys[0], digests)
    verify_folder(folder, bundle, keys[1])
    verify_folder(tmp_path / "elsewhere", bundle, keys[1], digests)


def test_statement_names_the_version_of_the_release(bare_release, keys):
    """A signature is of one release only."""
    statement = json.loads(statement_of(sign_folder(bare_release[0], keys[0])[1]))
    assert statement["subject"][0]["name"] == bare_release[1]


def test_encrypted_key_takes_its_password_from_the_environment(folder, tmp_path, monkeypatch):
    """It is never on a command line."""
    private, public = tmp_path / "locked.key", tmp_path / "locked.pub"
    openssl(
        "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-aes256", "-pass", "pass:s3cret-word",
        "-out", str(private),
    )  # fmt: skip
    openssl("pkey", "-in", str(private), "-passin", "pass:s3cret-word", "-pubout", "-out", str(public))
    monkeypatch.delenv("PEEWEE_SIGNING_PASSWORD", raising=False)
    with pytest.raises(SignatureError, match="is encrypted; set PEEWEE_SIGNING_PASSWORD"):
        sign_folder(folder, private)
    monkeypatch.setenv("PEEWEE_SIGNING_PASSWORD", "wr0ng-word")
    with pytest.raises(SignatureError, match="PEEWEE_SIGNING_PASSWORD is not its password") as caught:
        sign_folder(folder, private)
    assert "wr0ng-word" not in str(caught.value)
    monkeypatch.setenv("PEEWEE_SIGNING_PASSWORD", "s3cret-word")
    verify_folder(folder, sign_folder(folder, private)[1], public)


def test_password_for_a_key_that_has_none_does_no_harm(folder, keys, monkeypatch):
    """One environment serves both keys."""
    monkeypatch.setenv("PEEWEE_SIGNING_PASSWORD", "for another key")
    verify_folder(folder, sign_folder(folder, keys[0])[1], keys[1])


def test_private_key_that_can_not_sign_is_refused_with_the_remedy(folder, keys, tmp_path):
    """The remedy fits what is wrong with it."""
    rsa, other_curve, text = tmp_path / "rsa.key", tmp_path / "k1.key", tmp_path / "text.key"
    openssl("genrsa", "-out", str(rsa), "2048")
    openssl("ecparam", "-name", "secp256k1", "-genkey", "-noout", "-out", str(other_curve))
    text.write_text("my key")
    for path, message in (
        (tmp_path / "none.key", "No such file"),
        (tmp_path, "Is a directory"),
        (text, "no private key in PEM form"),
        (keys[1], "no private key in PEM form"),
        (rsa, "no elliptic-curve key"),
        (other_curve, "not P-256, P-384, P-521"),
    ):
        with pytest.raises(SignatureError, match=message) as caught:
            sign_folder(folder, path)
        assert str(path) in str(caught.value)


def test_public_key_that_can_not_check_is_refused_with_the_remedy(folder, keys, tmp_path):
    """The remedy fits what is wrong with it."""
    text = tmp_path / "text.pub"
    text.write_text("-----BEGIN PUBLIC KEY-----\nnone\n-----END PUBLIC KEY-----\n")
    _, bundle = sign_folder(folder, keys[0])
    assert "No such file" in refusal(folder, bundle, tmp_path / "none.pub")
    assert "no public key in PEM form" in refusal(folder, bundle, text)
    assert "which a consumer never needs; write the public key with" in refusal(folder, bundle, keys[0])


def test_empty_folder_is_not_signed(tmp_path, keys):
    """A signature of nothing says nothing."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(SignatureError, match="no file in it"):
        sign_folder(tmp_path / "empty", keys[0])


def test_without_the_extra_the_error_says_what_to_install(folder, keys, monkeypatch):
    """Signing is optional."""
    monkeypatch.setitem(sys.modules, "model_signing", None)  # as if it were not installed
    for call in (lambda: sign_folder(folder, keys[0]), lambda: verify_folder(folder, b"", keys[1])):
        with pytest.raises(SignatureError, match=r"pip install 'peewee-tts\[signing\]'"):
            call()


def test_signing_names_no_path_of_the_publisher(folder, keys, tmp_path):
    """T13: published files contain nothing about the machine that signed."""
    moved = tmp_path / "a-private-project"
    shutil.copytree(folder, moved)
    assert b"a-private-project" not in statement_of(sign_folder(moved, keys[0])[1])
