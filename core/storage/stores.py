"""All repositories over one database.

Comes in: the database. Goes out: `Stores`, from which the bootstrap gives each service what it needs.
"""

from dataclasses import dataclass
from typing import Self

from core.storage.api_keys import ApiKeys
from core.storage.audit import Audit
from core.storage.cards import Cards
from core.storage.channels import Channels
from core.storage.conversations import Conversations
from core.storage.engine import Database
from core.storage.erasure import Erasures
from core.storage.errands import Errands
from core.storage.executors import Executors
from core.storage.gaps import Gaps
from core.storage.golden import GoldenQuestions
from core.storage.library import Library
from core.storage.measurements import Measurements
from core.storage.reviews import Reviews
from core.storage.runs import Runs
from core.storage.sessions import Sessions
from core.storage.sources import Sources
from core.storage.spending import Spending
from core.storage.tally import Tallies
from core.storage.transcripts import Transcripts
from core.storage.turns import Turns
from core.storage.users import Users
from core.storage.versions import Versions


@dataclass(frozen=True)
class Stores:
    """One of each."""

    api_keys: ApiKeys
    audit: Audit
    cards: Cards
    channels: Channels
    conversations: Conversations
    erasures: Erasures
    errands: Errands
    executors: Executors
    gaps: Gaps
    golden: GoldenQuestions
    library: Library
    measurements: Measurements
    reviews: Reviews
    runs: Runs
    sessions: Sessions
    sources: Sources
    spending: Spending
    tallies: Tallies
    transcripts: Transcripts
    turns: Turns
    users: Users
    versions: Versions

    @classmethod
    def over(cls, database: Database) -> Self:
        """Repositories that share a database, and nothing else."""
        return cls(
            api_keys=ApiKeys(database),
            audit=Audit(database),
            cards=Cards(database),
            channels=Channels(database),
            conversations=Conversations(database),
            erasures=Erasures(database),
            errands=Errands(database),
            executors=Executors(database),
            gaps=Gaps(database),
            golden=GoldenQuestions(database),
            library=Library(database),
            measurements=Measurements(database),
            reviews=Reviews(database),
            runs=Runs(database),
            sessions=Sessions(database),
            sources=Sources(database),
            spending=Spending(database),
            tallies=Tallies(database),
            transcripts=Transcripts(database),
            turns=Turns(database),
            users=Users(database),
            versions=Versions(database),
        )
