"""Chooses the language model. Comes in: settings. Goes out: the `LanguageModel` that both engines ask.

Importing this costs seconds, because of LangChain's client; see `core/answering/engines.py`.
"""

from core.answering.language_models.chain import Link, ModelChain
from core.answering.language_models.connections import Connections
from core.answering.language_models.endpoint import OpenAIEndpoint
from core.answering.language_models.extractive import ExtractiveModel
from core.answering.language_models.model import LanguageModel
from core.settings import Settings


def language_model(settings: Settings, connections: Connections) -> LanguageModel:
    """The endpoints that the settings name, in order; the model that quotes when they name none."""
    endpoints = [OpenAIEndpoint(endpoint, settings, connections) for endpoint in settings.model_endpoints]
    links = [Link(endpoint, endpoint.place) for endpoint in endpoints]
    return ModelChain(links, quoting) if links else ExtractiveModel()


def quoting(reason: str) -> LanguageModel:
    """The model that quotes, for briefs that may not cost anything; `reason` begins its first sentence."""
    return ExtractiveModel(reason)
