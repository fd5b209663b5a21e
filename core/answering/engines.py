"""Builds both engines.

Importing LangGraph and the model's client takes seconds, so this module is loaded on a thread while the service already
answers `/health`; see `AnsweringService.warm_up`.
"""

from core.answering.crew import CrewAgent
from core.answering.graph import GraphAgent
from core.answering.language_models import language_model, model_name
from core.answering.service import Engine
from core.domain.conversation import Mode
from core.knowledge.retrieval.retrieve import Retriever
from core.settings import Settings


def build_engines(settings: Settings, retriever: Retriever) -> dict[Mode, Engine]:
    """The agent and the crew, on the model that the settings ask for."""
    model, name = language_model(settings), model_name(settings)
    return {
        Mode.AGENT: GraphAgent(model, name, retriever, settings.llm_timeout * (settings.llm_retries + 1)),
        Mode.CREW: CrewAgent(model, name, retriever, settings.var_dir / "crewai"),
    }
