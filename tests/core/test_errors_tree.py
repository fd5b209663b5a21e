"""The tree of errors: what is said to people, what is kept for logs, and which errors a retry may cure."""

import pickle

import pytest

from core import errors
from core.errors import AssistantError

ALL = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AssistantError)]

FATES = {
    "AssistantError": False,
    "ConfigurationError": False,
    "InputError": False,
    "UnknownSession": False,
    "UnknownTurn": False,
    "UnknownSource": False,
    "UnknownGap": False,
    "UnknownCard": False,
    "NameTaken": False,
    "UnknownVersion": False,
    "UnknownGoldenQuestion": False,
    "StorageError": True,
    "SchemaOutdated": False,
    "StorageFull": False,
    "KnowledgeError": False,
    "Unreadable": False,
    "IndexMissing": False,
    "IndexCorrupt": False,
    "IndexAway": True,
    "IndexInUse": False,
    "RefreshFailed": True,
    "RefreshUnderWay": True,
    "FetchFailed": False,
    "SiteDown": True,
    "AddressRefused": False,
    "PageGone": False,
    "ModelError": True,
    "ModelRejected": False,
    "QuestionRejected": False,
    "TurnStopped": False,
    "QuestionGone": False,
    "HandedOver": True,
    "Overloaded": True,
    "ChannelError": False,
}


def test_every_error_has_the_fate_that_was_decided_for_it() -> None:
    assert {kind.__name__: kind.retry_may_help for kind in ALL} == FATES


@pytest.mark.parametrize("kind", ALL)
def test_detail_goes_to_the_log_and_not_to_people(kind: type[AssistantError]) -> None:
    error = kind("The index is away.", detail="ENOENT /var/x")
    assert error.said == "The index is away."
    assert str(error) == "The index is away. (ENOENT /var/x)"


@pytest.mark.parametrize("kind", ALL)
def test_error_without_detail_is_its_sentence(kind: type[AssistantError]) -> None:
    error = kind("The index is away.")
    assert (str(error), error.detail) == ("The index is away.", "")


@pytest.mark.parametrize("kind", ALL)
def test_every_error_explains_itself(kind: type[AssistantError]) -> None:
    assert kind.__doc__
    assert kind.__doc__.rstrip().endswith(".")


def test_rejected_model_is_still_a_failed_model() -> None:
    assert issubclass(errors.ModelRejected, errors.ModelError)
    assert issubclass(errors.SchemaOutdated, errors.StorageError)
    assert {errors.IndexMissing, errors.IndexCorrupt, errors.IndexInUse, errors.RefreshFailed} <= set(
        errors.KnowledgeError.__subclasses__()
    )


def test_sentence_survives_a_trip_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(errors.ModelError("The model is away.")))  # noqa: S301
    assert (type(error), error.said) == (errors.ModelError, "The model is away.")
