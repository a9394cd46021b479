"""What an audit says when it can't answer, or when the answer is no.

PeeweeError
└── AuditError    a question can't be asked or not wholly be answered, or a release is not what it was
"""

from peewee_model.errors import PeeweeError


class AuditError(PeeweeError):
    """A question can't be asked or not wholly be answered, or a release is not what it was."""
