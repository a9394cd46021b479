"""A table of the errors of S3 servers, and how a person fixes each.

A server answers with a code, and botocore raises exceptions of its own. Both are looked up here by name: first the
code, then the exception's class and its parents, then the HTTP status. For an unknown error, the message repeats the
server's words.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from peewee_model.errors import ReleaseError, ReleaseNotFoundError, StoreUnavailableError, TamperedReleaseError
from peewee_model.public_text import masked

_MAX_SAID = 300


class UploadForgottenError(StoreUnavailableError):
    """The server does not know an upload in parts any more, because it finished it and the answer was lost."""


@dataclass(frozen=True)
class Remedy:
    """The message for one kind of error."""

    text: str
    """With `{endpoint}`, `{bucket}`, `{said}`, `{code}`, `{name}`, `{operation}` and `{now}`."""
    error: type[ReleaseError] = ReleaseError
    names_object: bool = True
    """Whether the message begins with the object that was asked for; otherwise with the place alone."""


_KEYS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
_SOURCE = Remedy(
    "{said}; see what gives this profile its credentials (credential_process, a role, the machine), or " + _KEYS
)
_SIGN_IN = Remedy("{said}; sign in with `aws sso login` (with --profile, if AWS_PROFILE is set), and run this again")
_LOG_IN = Remedy("{said}; sign in with `aws login`, and run this again")
_CONFIG = Remedy("{said}; correct that file (AWS_CONFIG_FILE or ~/.aws/config), or choose another AWS_PROFILE")
_SETTING = Remedy("{said}; correct this setting of AWS: an AWS_... variable, or the profile in ~/.aws/config")
_ENDPOINT = Remedy("{said}; correct AWS_ENDPOINT_URL, such as https://host:port, and AWS_DEFAULT_REGION")
_REGION = Remedy("{said}; set AWS_DEFAULT_REGION to the bucket's region (us-east-1 on most servers other than AWS)")
_LOST = Remedy(
    "{endpoint} can't be reached ({name}); check AWS_ENDPOINT_URL and the network, and try again", StoreUnavailableError
)
_PROXY = Remedy("{said}; check HTTPS_PROXY, HTTP_PROXY and NO_PROXY, and try again", StoreUnavailableError)
_TLS = Remedy(
    "{said}; check that AWS_ENDPOINT_URL rightly begins with https, that this machine's clock is right, and that "
    "AWS_CA_BUNDLE names the server's authority, and try again",
    StoreUnavailableError,
)
_DAMAGED = Remedy(
    "what went to or came from {endpoint} was damaged on the way ({name}); try again", StoreUnavailableError
)
_BUSY = Remedy(
    "{endpoint} is out of order ({name}: {said}); try again later, and check AWS_ENDPOINT_URL", StoreUnavailableError
)
_NO_SERVER = Remedy("{endpoint} does not answer as an S3 server ({said}); check AWS_ENDPOINT_URL")
_BAD_KEYS = Remedy(
    "{endpoint} does not accept the credentials ({code}: {said}); correct AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY "
    "(and AWS_SESSION_TOKEN), or AWS_PROFILE"
)
_EXPIRED = Remedy(
    "{endpoint} says that the credentials have expired ({code}: {said}); sign in again, as with `aws sso login`, or "
    "get new keys with a new AWS_SESSION_TOKEN"
)
_CLOCK = Remedy(
    "{endpoint} says that this machine's clock is wrong ({code}: {said}); it shows {now} UTC here: set it, and run "
    "this again"
)
_DENIED = Remedy("{endpoint} denies access{operation} ({said}); ask who runs the store for that permission")
_ENCRYPTION = Remedy(
    "{endpoint} can't use the key that encrypts the bucket ({code}: {said}); ask who runs the store to enable the key, "
    "and to let you use it"
)
_UNABLE = Remedy("{endpoint} can't do what a store needs{operation} ({said}); use another server")
_ARCHIVED = Remedy("{endpoint} has archived it ({code}: {said}); ask who runs the store to restore it")
_FULL = Remedy("{endpoint} has no room for it ({name}: {said}); ask who runs the store for more")
_MISSING = Remedy(
    "expected an object, found none; publish it again, restore it, or correct the address", TamperedReleaseError
)
_UNKNOWN = Remedy("{endpoint} says {name}{operation}: {said}; look that up in the server's documentation")


def _rows(remedy: Remedy, names: str) -> Iterable[tuple[str, Remedy]]:
    return ((name, remedy) for name in names.split())


BY_CODE: dict[str, Remedy] = {
    "NoSuchBucket": Remedy(
        "{endpoint} has no bucket {bucket!r}; create it, or correct the address", ReleaseNotFoundError, False
    ),
    "NoSuchKey": _MISSING,
    "404": _MISSING,  # an answer to HEAD has no other code
    "NoSuchUpload": Remedy("{endpoint} does not know the upload any more; publish again", UploadForgottenError),
    "InvalidObjectState": _ARCHIVED,
    **dict(_rows(_BAD_KEYS, "InvalidAccessKeyId SignatureDoesNotMatch InvalidToken InvalidClientTokenId "
                            "UnrecognizedClientException InvalidSecurity")),
    **dict(_rows(_EXPIRED, "ExpiredToken ExpiredTokenException TokenRefreshRequired RequestExpired")),
    **dict(_rows(_CLOCK, "RequestTimeTooSkewed RequestInTheFuture")),
    **dict(_rows(_DENIED, "AccessDenied AccessDeniedException AllAccessDisabled AccountProblem NotSignedUp "
                          "UnauthorizedAccess InvalidPayer")),
    **dict(_rows(_ENCRYPTION, "KMS.DisabledException KMS.KMSInvalidStateException KMS.NotFoundException "
                              "KMS.InvalidKeyUsageException KMS.KeyUnavailableException")),
    **dict(_rows(_REGION, "AuthorizationHeaderMalformed PermanentRedirect TemporaryRedirect "
                          "IllegalLocationConstraintException IncorrectEndpoint")),
    **dict(_rows(_UNABLE, "NotImplemented MethodNotAllowed")),
    **dict(_rows(_FULL, "QuotaExceeded EntityTooLarge InsufficientStorage StorageFull XMinioStorageFull")),
    **dict(_rows(_DAMAGED, "BadDigest XAmzContentSHA256Mismatch IncompleteBody")),
    **dict(_rows(_BUSY, "SlowDown Throttling ThrottlingException KMS.ThrottlingException TooManyRequests "
                        "RequestLimitExceeded RequestTimeout InternalError ServiceUnavailable OperationAborted "
                        "ConditionalRequestConflict Busy ServerBusy")),
}  # fmt: skip
"""By the code in the server's answer."""

BY_EXCEPTION: dict[str, Remedy] = {
    **dict(_rows(Remedy("{said}; " + _KEYS), "NoCredentialsError PartialCredentialsError NoAuthTokenError")),
    "ProfileNotFound": Remedy("{said}; correct AWS_PROFILE, or add that profile to ~/.aws/config"),
    **dict(_rows(_SOURCE, "CredentialRetrievalError MetadataRetrievalError UnknownCredentialError "
                          "RefreshWithMFAUnsupportedError OSError")),
    **dict(_rows(_SIGN_IN, "SSOError TokenRetrievalError UnknownTokenProviderError")),
    "LoginError": _LOG_IN,
    **dict(_rows(_CONFIG, "ConfigParseError ConfigNotFound InvalidConfigError")),
    **dict(_rows(_SETTING, "InvalidRetryConfigurationError InvalidS3AddressingStyleError InvalidChecksumConfigError "
                           "InvalidProxiesConfigError InvalidDefaultsMode InvalidIMDSEndpointError "
                           "InvalidIMDSEndpointModeError InvalidSTSRegionalEndpointsConfigError "
                           "InvalidS3UsEast1RegionalEndpointConfigError UnsupportedS3ConfigurationError "
                           "UnsupportedSignatureVersionError UnknownSignatureVersionError ValueError")),
    "MissingDependencyException": Remedy("{said}"),
    **dict(_rows(_REGION, "NoRegionError InvalidRegionError UnknownRegionError")),
    **dict(_rows(_ENDPOINT, "InvalidEndpoint EndpointProviderError BaseEndpointResolverError InvalidHostLabelError "
                            "InvalidEndpointConfigurationError")),
    "ProxyConnectionError": _PROXY,
    "SSLError": _TLS,
    **dict(_rows(_LOST, "ConnectionError HTTPClientError IncompleteReadError")),
    **dict(_rows(_DAMAGED, "ChecksumError FlexibleChecksumError")),
    "ResponseParserError": _NO_SERVER,
}  # fmt: skip
"""By the name of botocore's exception, or of a parent."""

BY_STATUS: dict[int, Remedy] = {
    301: _REGION, 307: _REGION, 401: _DENIED, 403: _DENIED, 405: _UNABLE, 407: _PROXY, 408: _BUSY, 429: _BUSY,
    501: _UNABLE, 507: _FULL,
}  # fmt: skip
"""By an answer's HTTP status, where its code is not in the table. Others from 500 on: `_BUSY`."""


def remedy_for(error: Exception) -> Remedy:
    """Look an error up."""
    if (code := error_code(error)) in BY_CODE:
        return BY_CODE[code]
    if status := error_status(error):
        return BY_STATUS.get(status, _BUSY if status >= 500 else _UNKNOWN)
    if isinstance(error, ValueError) and "endpoint" in str(error).lower():  # it has no class of its own
        return _ENDPOINT
    names = (kind.__name__ for kind in type(error).__mro__)
    return next((BY_EXCEPTION[name] for name in names if name in BY_EXCEPTION), _UNKNOWN)


def explain(error: Exception, place: str, key: str, endpoint: str, bucket: str) -> ReleaseError:
    """Describe in one line what happened, and how a person fixes it.

    Args:
        error: botocore's exception.
        place: The address that the user gave.
        key: The requested object; may be empty.
        endpoint: The server.
        bucket: Its bucket.
    """
    remedy = remedy_for(error)
    code = error_code(error)
    asked = getattr(error, "kwargs", {}).get("endpoint_url", "")  # may be a server of credentials
    operation = getattr(error, "operation_name", "")
    text = remedy.text.format(
        endpoint=masked(str(asked).partition("?")[0] if asked and endpoint not in str(asked) else endpoint),
        bucket=bucket,
        said=_said(error),
        code=code,
        name=code or type(error).__name__,
        operation=f" to {operation}" if operation else "",
        now=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
    )
    return remedy.error(f"{place}/{key}: {text}" if key and remedy.names_object else f"{place}: {text}")


def error_code(error: Exception) -> str:
    """Give the code in a server's answer, such as `NoSuchKey`; empty if the error is no answer."""
    return str((getattr(error, "response", None) or {}).get("Error", {}).get("Code", ""))


def error_status(error: Exception) -> int:
    """Give the HTTP status of a server's answer; 0 if the error is no answer."""
    return int((getattr(error, "response", None) or {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _said(error: Exception) -> str:
    """Return the message of the server or of botocore, in one line and without secrets."""
    message = (getattr(error, "response", None) or {}).get("Error", {}).get("Message") or str(error)
    line = masked(" ".join(str(message).split())) or type(error).__name__
    return (line if len(line) <= _MAX_SAID else f"{line[:_MAX_SAID]}...").rstrip(".;: ")
