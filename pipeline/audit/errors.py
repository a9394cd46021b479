"""The errors of an audit. Each has an exit code of its own.

PeeweeError
└── AuditError             2  the audit can't be done
    ├── DiffersError       3  something differs from the release's record
    └── NotAllSeenError    4  nothing differs, but not everything could be read
"""

from peewee_model.errors import PeeweeError


class AuditError(PeeweeError):
    """The audit can't be done."""


class DiffersError(AuditError):
    """Something differs from the release's record."""

    exit_code = 3


class NotAllSeenError(AuditError):
    """Nothing differs, but not everything could be read; the message explains how to read the rest."""

    exit_code = 4
