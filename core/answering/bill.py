"""Who is told what the calls of language models cost.

Comes in: a `ModelCall` from an endpoint, once it ends in whichever way. Goes out: the same, to the turn that pays.
"""

from collections.abc import Callable

from core.domain.conversation import ModelCall

Bill = Callable[[ModelCall], None]
"""Is told of each call that a model has begun to answer."""


def unbilled(_: ModelCall) -> None:
    """The bill of calls that nobody pays for."""
