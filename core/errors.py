"""The tree of everything that can go wrong on purpose.

Each error carries its fate: `said` is the sentence a person reads, `retry_may_help` tells whether asking again is
worth it, and `str(error)` adds the detail that belongs in a log. Channels turn errors into words; nobody else does.
"""

from typing import ClassVar


class AssistantError(Exception):
    """Root of the tree. `said` is shown to people, `detail` is for logs alone."""

    retry_may_help: ClassVar[bool] = False

    def __init__(self, said: str, *, detail: str = "") -> None:
        super().__init__(said if not detail else f"{said} ({detail})")
        self.said = said
        self.detail = detail


class ConfigurationError(AssistantError):
    """A setting is missing, contradictory or unsafe; nothing was started."""


class InputError(AssistantError):
    """What was asked cannot be processed as it stands; nothing was stored."""


class UnknownSession(InputError):
    """No session has this id."""


class UnknownTurn(InputError):
    """No question has this id."""


class UnknownSource(InputError):
    """No source has this name."""


class UnknownGap(InputError):
    """No gap has this id: its questions were deleted, or it never was."""


class UnknownCard(InputError):
    """No knowledge card has this id."""


class NameTaken(InputError):
    """Something else has this name already; nothing was stored."""


class UnknownVersion(InputError):
    """No index version has this id, or it is not in the state that was asked for."""


class UnknownGoldenQuestion(InputError):
    """No golden question has this id."""


class StorageError(AssistantError):
    """The database cannot be used right now; what it holds is untouched."""

    retry_may_help = True


class SchemaOutdated(StorageError):
    """The tables are older or newer than this code."""

    retry_may_help = False


class StorageFull(StorageError):
    """The disk of the database is full; nothing more can be stored."""

    retry_may_help = False


class KnowledgeError(AssistantError):
    """The knowledge base, its index or its embedding model cannot be used."""


class Unreadable(KnowledgeError):
    """A page holds nothing that could be read."""


class IndexMissing(KnowledgeError):
    """No index has been built yet."""


class IndexCorrupt(KnowledgeError):
    """The files of the index cannot be read."""


class IndexAway(KnowledgeError):
    """The server that holds the index does not answer; what it holds is untouched."""

    retry_may_help = True


class IndexInUse(KnowledgeError):
    """Another process owns the run-time folder."""


class RefreshFailed(KnowledgeError):
    """A refresh stopped; the live index was left as it was."""

    retry_may_help = True


class RefreshUnderWay(RefreshFailed):
    """Something else is changing the index right now; nothing was done."""


class FetchFailed(KnowledgeError):
    """A page or a list of pages could not be fetched; what was known of it is kept."""


class SiteDown(FetchFailed):
    """The site does not answer, or not now: its other pages would fail alike."""

    retry_may_help = True


class AddressRefused(FetchFailed):
    """The address leads where this service does not go."""


class PageGone(FetchFailed):
    """The site says that the page does not exist."""


class ModelError(AssistantError):
    """The language model gave no answer."""

    retry_may_help = True


class ModelRejected(ModelError):
    """The endpoint refused the key, the model name or the request."""

    retry_may_help = False


class QuestionRejected(ModelRejected):
    """The endpoint did not accept this one request; it may well answer the next."""


class TurnStopped(AssistantError):
    """The asker stopped the answer; nothing more is said."""


class QuestionGone(TurnStopped):
    """The question was deleted while it was being answered; nothing is said about it any more."""


class HandedOver(AssistantError):
    """The service stops before the answer is there; the question is kept, and its turn is ended elsewhere."""

    retry_may_help = True


class Overloaded(AssistantError):
    """Too many questions wait already; this one was not taken."""

    retry_may_help = True


class ChannelError(AssistantError):
    """A chat platform refused us: a token, a scope or an intent."""
