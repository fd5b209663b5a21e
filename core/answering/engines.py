"""Builds both engines.

Importing LangGraph and the model's client takes seconds, so this module is loaded on a thread while the service already
answers `/health`; see `AnsweringService.warm_up`.
"""

from core.answering.crew.agent import CrewAgent
from core.answering.engine import Engine
from core.answering.graph import GraphAgent
from core.answering.language_models.choose import language_model
from core.answering.language_models.connections import Connections
from core.domain.conversation import Mode
from core.knowledge.retrieval.retrieve import Retriever
from core.settings import Settings


def build_engines(settings: Settings, retriever: Retriever, connections: Connections) -> dict[Mode, Engine]:
    """The agent and the crew, on the models that the settings ask for."""
    model = language_model(settings, connections)
    return {
        Mode.AGENT: GraphAgent(model, retriever, settings),
        Mode.CREW: CrewAgent(model, retriever, settings),
    }
