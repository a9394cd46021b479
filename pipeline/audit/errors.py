"""What an audit says when the answer is no, not whole, or can't be given. Each has an exit code of its own.

PeeweeError
└── AuditError             2  a question can't be asked or answered
    ├── DiffersError       3  something is not what the release says
    └── NotAllSeenError    4  nothing that was seen differs, but not everything was seen
"""

from peewee_model.errors import PeeweeError


class AuditError(PeeweeError):
    """A question can't be asked or answered."""


class DiffersError(AuditError):
    """Something is not what the release says."""

    exit_code = 3


class NotAllSeenError(AuditError):
    """Nothing that was seen differs, but not everything was seen; the message says how to see the rest."""

    exit_code = 4
