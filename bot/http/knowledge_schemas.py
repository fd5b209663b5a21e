"""What goes over the wire about the knowledge: sources, their pages, and what is found in them."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from core.domain.knowledge import Page, Passage, Source, SourceKind

Text = Annotated[str, StringConstraints(max_length=20_000)]
Short = Annotated[str, StringConstraints(max_length=500)]


class SourceFields(BaseModel):
    """Everything that can be set of a source; what is left out keeps its value, or its default in a new one."""

    model_config = ConfigDict(extra="forbid")

    kind: SourceKind | None = Field(None, description="Guessed from the location of a new source when absent.")
    location: Text | None = Field(
        None, description="A web address, several with blanks between them, or a folder on the service's machine."
    )
    product: Annotated[str, StringConstraints(max_length=64)] | None = Field(None, description="What it is about.")
    ref: Annotated[str, StringConstraints(max_length=200)] | None = Field(None, description="Branch or tag, of `git`.")
    folder: Short | None = Field(None, description="Folder of the documentation, of `git`.")
    include: list[Short] | None = Field(None, description="Keeps pages that match one of these; `*` for anything.")
    internal: bool | None = Field(None, description="Allows addresses of a private network.")
    enabled: bool | None = Field(None, description="Whether refreshes look at it.")
    max_pages: int | None = Field(None, ge=1, le=100_000, description="Most pages that are read of it.")
    schedule: Annotated[str, StringConstraints(max_length=100)] | None = Field(
        None, description="Five cron fields (UTC) to read it by, instead of when all others are read; empty for none."
    )

    def given(self) -> dict[str, Any]:
        """The fields that were sent, without the name."""
        return self.model_dump(exclude={"name"}, exclude_none=True)


EXAMPLE: JsonValue = {
    "name": "mlflow-docs",
    "kind": "sitemap",
    "location": "https://mlflow.org/sitemap.xml",
    "product": "MLflow",
    "include": ["*/docs/latest/ml/*"],
    "max_pages": 300,
}


class NewSource(SourceFields):
    """A source to add."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    name: str = Field(description="Small letters, digits and hyphens.")


class SourceChange(SourceFields):
    """What to change of a source."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"enabled": False, "max_pages": 50}]})


class ProposedSource(SourceFields):
    """A source to look at without adding it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"location": "https://mlflow.org/docs/latest/ml/tracking/"}]}
    )


class SourceReply(BaseModel):
    """A source; `pages` are those that it has in the knowledge base, `problem` what kept it from being read in full."""

    name: str
    kind: SourceKind
    location: str
    product: str
    ref: str
    folder: str
    include: list[str]
    internal: bool
    enabled: bool
    max_pages: int
    schedule: str
    pages: int
    refreshed_at: datetime | None
    problem: str

    @classmethod
    def of(cls, source: Source, pages: int = 0) -> Self:
        """The reply for a source."""
        return cls.model_validate({**vars(source), "include": list(source.include), "pages": pages})


class SourceRemoved(BaseModel):
    """What a removal took away; the pages leave the index at the next refresh."""

    name: str
    pages: int


class CheckReply(BaseModel):
    """What a look at a source found, or why nothing could be found."""

    ok: bool
    said: str
    kind: SourceKind


class PageReply(BaseModel):
    """How the last look at a page went; `reason` says why it failed or is gone."""

    path: str
    location: str
    title: str
    status: str
    reason: str
    checked_at: datetime | None
    gone_since: datetime | None

    @classmethod
    def of(cls, page: Page) -> Self:
        """The reply for a page."""
        return cls.model_validate(vars(page), extra="ignore")


class UploadedFile(BaseModel):
    """What became of a file: the path of its page, or the reason why it was not taken."""

    name: str
    read: bool
    path: str = ""
    title: str = ""
    reason: str = ""


class UploadReply(BaseModel):
    """What became of each file; pages are found after the next refresh."""

    files: list[UploadedFile]


class PassageReply(BaseModel):
    """A passage that was found; `score` is the probability, 0..1, that it is about what was searched."""

    page: str
    title: str
    heading_path: list[str]
    address: str
    product: str
    source: str
    score: float
    similarity: float
    text: str

    @classmethod
    def of(cls, passage: Passage) -> Self:
        """The reply for a passage."""
        return cls(
            page=passage.document,
            title=passage.title,
            heading_path=list(passage.heading_path),
            address=passage.address,
            product=passage.product,
            source=passage.source,
            score=passage.score,
            similarity=passage.similarity,
            text=passage.text,
        )


class SearchReply(BaseModel):
    """The passages that fit best, best first."""

    query: str
    passages: list[PassageReply]
