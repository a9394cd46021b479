"""Every kind of error of credentials, settings, clocks, keys and networks has its own remedy, on one line.

botocore's own kinds come from real settings; a server's codes from real servers, or, where none at hand says so, from a
proxy before one that answers as AWS is documented to.
"""

import datetime
import os

import botocore.auth
import botocore.exceptions
import pytest

from peewee_model.errors import ReleaseError, ReleaseNotFoundError, StoreUnavailableError
from peewee_model.store.s3_connection import errors
from peewee_model.store.store import open_store
from tests.servers import fault_proxy

SSO = "sso_account_id = 1\nsso_role_name = r\n"
ROLE = "role_arn = arn:aws:iam::123456789012:role/x\n"
CONFIGS = {
    "no sections": ("[profile\nregion", "Unable to parse config file: .*AWS_CONFIG_FILE"),
    "no Unicode": (b"[default]\nregion = \xff\n", "Unable to parse config file: .*AWS_CONFIG_FILE"),
    "SSO session without token": (
        f"[default]\nsso_session = s\n{SSO}[sso-session s]\nsso_region = us-east-1\nsso_start_url = http://x\n",
        "Token for s does not exist; sign in with `aws sso login`",
    ),
    "SSO without token": (
        f"[default]\nsso_start_url = http://x\nsso_region = us-east-1\n{SSO}", "sign in with `aws sso login`",
    ),
    "command that fails": ("[default]\ncredential_process = false\n", "see what gives .*credential_process"),
    "command that says no JSON": ("[default]\ncredential_process = echo x\n", "correct this setting of AWS"),
    "role without source": (f"[default]\n{ROLE}", "source_profile or credential_source; set AWS_ACCESS_KEY_ID"),
    "roles in a circle": (
        f"[default]\n{ROLE}source_profile = b\n[profile b]\n{ROLE}source_profile = default\n",
        "Infinite loop .*correct that file",
    ),
    "addressing style": ("[default]\ns3 =\n  addressing_style = odd\n", "style odd is invalid.*correct this setting"),
}  # fmt: skip
SETTINGS = {
    "no keys": ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "set AWS_ACCESS_KEY_ID"),
    "half of the keys": ({"AWS_SECRET_ACCESS_KEY": None}, "set AWS_ACCESS_KEY_ID"),
    "profile": ({"AWS_PROFILE": "absent"}, r"profile \(absent\) could not be found; correct AWS_PROFILE"),
    "token file": (
        {"AWS_ACCESS_KEY_ID": None, "AWS_WEB_IDENTITY_TOKEN_FILE": "/missing/token", "AWS_ROLE_ARN": ROLE[11:-1]},
        "/missing/token.*see what gives",
    ),
    "container": (
        {"AWS_ACCESS_KEY_ID": None, "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/x"}, "see what gives",
    ),
    "region": ({"AWS_DEFAULT_REGION": "no region"}, "'no region'.*set AWS_DEFAULT_REGION"),
    "attempts": ({"AWS_MAX_ATTEMPTS": "many"}, "'many'; correct this setting of AWS"),
    "retry mode": ({"AWS_RETRY_MODE": "odd"}, '"odd".*correct this setting of AWS'),
    "endpoint without scheme": ({"AWS_ENDPOINT_URL": "127.0.0.1:9"}, "127.0.0.1:9; correct AWS_ENDPOINT_URL"),
}  # fmt: skip
NETWORKS = {
    "closed port": ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "127.0.0.1:9 can't be reached.*AWS_ENDPOINT_URL"),
    "proxy": (
        {"AWS_ENDPOINT_URL": "http://10.1.2.3:80", "HTTP_PROXY": "http://u:hunter2@127.0.0.1:9", "NO_PROXY": ""},
        r"proxy URL: .*\*\*\*@127.0.0.1:9.*check HTTPS_PROXY",
    ),
    "no TLS": ({"AWS_ENDPOINT_URL": "https"}, "begins with https.*AWS_CA_BUNDLE"),
}  # fmt: skip
SAID = {
    "ExpiredToken": (400, "expired.*`aws sso login`.*AWS_SESSION_TOKEN"),
    "InvalidToken": (400, "does not accept the credentials.*AWS_SESSION_TOKEN"),
    "RequestTimeTooSkewed": (403, "clock is wrong.*20[0-9]{2}-.* UTC here: set it"),
    "KMS.DisabledException": (400, "encrypts the bucket .KMS.DisabledException: .*enable the key"),
    "KMS.NotFoundException": (400, "encrypts the bucket"),
    "AccessDenied": (403, r"denies access to ListObjectsV2 \(as the test says\); ask"),
    "AccountProblem": (403, "denies access"),
    "AuthorizationHeaderMalformed": (400, "as the test says; set AWS_DEFAULT_REGION"),
    "PermanentRedirect": (301, "set AWS_DEFAULT_REGION"),
    "NotImplemented": (501, "can't do what a store needs to ListObjectsV2"),
    "QuotaExceeded": (403, "has no room"),
    "InvalidObjectState": (403, "archived"),
    "WhoKnows": (400, "says WhoKnows to ListObjectsV2: as the test says; look that up"),
    "WhoKnows2": (403, "denies access"),
}
PASSING = {"SlowDown": 503, "InternalError": 500, "RequestTimeout": 400, "Throttling": 400, "WhoKnows": 503}


def complaint(bucket, store=None):
    """What a reader of a store receives as an error."""
    with pytest.raises(ReleaseError) as caught:
        (store or open_store(f"s3://{bucket}/x")).fetch("stable")
    assert "\n" not in str(caught.value) and "hunter2" not in str(caught.value)
    assert str(caught.value).startswith(f"s3://{bucket}")
    return caught


def settle(monkeypatch, settings):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name, value in settings.items():
        monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)


@pytest.mark.parametrize("kind", CONFIGS)
def test_config_file_of_aws_that_is_wrong_is_named_with_its_remedy(moto_bucket, monkeypatch, tmp_path, kind):
    """Not the server, and not the keys: what is to be corrected is on this machine."""
    text, expected = CONFIGS[kind]
    (tmp_path / "config").write_bytes(text if isinstance(text, bytes) else text.encode())
    keys = {} if kind in ("no sections", "no Unicode", "addressing style") else SETTINGS["no keys"][0]
    settle(monkeypatch, keys | {"AWS_CONFIG_FILE": str(tmp_path / "config"), "HOME": str(tmp_path)})
    complaint(moto_bucket).match(expected)


@pytest.mark.parametrize("kind", SETTINGS)
def test_setting_of_aws_that_is_wrong_is_named_with_its_remedy(moto_bucket, monkeypatch, kind):
    """To try again would not help."""
    settings, expected = SETTINGS[kind]
    settle(monkeypatch, settings)
    caught = complaint(moto_bucket)
    caught.match(expected)
    assert not isinstance(caught.value, StoreUnavailableError)


@pytest.mark.parametrize("kind", NETWORKS)
def test_network_that_is_wrong_is_named_and_may_be_tried_again(moto, moto_bucket, monkeypatch, kind):
    """A proxy, a certificate and a server that is away are three things."""
    settings, expected = NETWORKS[kind]
    settle(monkeypatch, settings)
    if os.environ["AWS_ENDPOINT_URL"] == "https":
        monkeypatch.setenv("AWS_ENDPOINT_URL", moto.endpoint.replace("http:", "https:"))
    caught = complaint(moto_bucket)
    caught.match(expected)
    assert isinstance(caught.value, StoreUnavailableError)


def test_clock_of_tomorrow_is_named_by_a_real_server(s3_bucket, monkeypatch):
    """Swift compares the clocks; the remedy is to set ours, not to correct the keys."""
    settle(monkeypatch, {})
    tomorrow = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: tomorrow.replace(tzinfo=None))
    complaint(s3_bucket).match("clock is wrong .RequestTimeTooSkewed: .* UTC here: set it")


def test_wrong_keys_are_named_by_a_real_server(s3_bucket, monkeypatch):
    """Swift checks both."""
    settle(monkeypatch, {"AWS_SECRET_ACCESS_KEY": "wrong"})
    complaint(s3_bucket).match("does not accept the credentials .SignatureDoesNotMatch: .*AWS_SECRET_ACCESS_KEY")


@pytest.fixture
def said(moto, moto_bucket, monkeypatch):
    """`said(status, code)` is what a reader of a store receives if the server says that."""
    settle(monkeypatch, {})
    with fault_proxy.before(moto.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        store = open_store(f"s3://{moto_bucket}/x")
        # Not to HEAD: botocore asks so for the bucket's region when it is redirected, and would never end.
        proxy.plan = lambda request: fault_proxy.Fault.SAY if request.method == "GET" else fault_proxy.Fault.NONE

        def say(status, code):
            proxy.says = (status, code, "as the test says.")
            return complaint(moto_bucket, store)

        yield say


def test_code_of_the_server_has_its_remedy(said):
    """What is not known repeats what the server said."""
    for code, (status, expected) in SAID.items():
        caught = said(status, code)
        caught.match(expected)
        assert not isinstance(caught.value, StoreUnavailableError), code


def test_trouble_that_passes_may_be_tried_again(said):
    """Whoever runs us sees exit code 75."""
    for code, status in PASSING.items():
        caught = said(status, code)
        caught.match(f"out of order .{code}: as the test says")
        assert caught.value.exit_code == 75


def test_region_of_aws_other_tools_counts(moto_bucket, monkeypatch):
    """AWS_REGION is what AWS documents; botocore alone would not read it."""
    settle(monkeypatch, {"AWS_DEFAULT_REGION": None, "AWS_REGION": "no region"})
    complaint(moto_bucket).match("'no region'")


def test_missing_bucket_is_no_missing_release(moto_bucket, monkeypatch):
    """A real server names it."""
    with pytest.raises(ReleaseNotFoundError, match="has no bucket 'no-such-bucket'; create it"):
        open_store("s3://no-such-bucket/x").fetch("stable")


def test_table_names_only_what_botocore_has():
    """A name that is misspelt would never be found."""
    known = {*vars(botocore.exceptions), "OSError", "ValueError", "ResponseParserError", "InvalidEndpoint"}
    assert set(errors.BY_EXCEPTION) <= known


def test_every_remedy_can_be_said():
    """Each row's text has only fields that are filled in."""
    names = {name: name for name in ("endpoint", "bucket", "said", "code", "name", "operation", "now")}
    for table in (errors.BY_CODE, errors.BY_EXCEPTION, errors.BY_STATUS):
        for remedy in table.values():
            assert remedy.text.format(**names)
