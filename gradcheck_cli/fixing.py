"""The verb `fix`: propose changes, prove them, write the best one into the user's source."""

from gradcheck_cli.remedies.base import Proposal
from gradcheck_cli.remedies.proposing import propose

__all__ = ["Proposal", "propose"]
