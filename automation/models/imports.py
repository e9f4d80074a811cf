"""Files that are taken in: what they hold, how far that has come, and which of their rows were refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Code, Id, Json, Record, one_of


class Import(Record):
    """One uploaded file: draft (uploaded) → checking (a dry run) → checked → running → done | failed | cancelled."""

    __tablename__ = "imports"
    __table_args__ = (
        one_of("state", "draft", "checking", "checked", "running", "done", "failed", "cancelled"),
        Index("ix_imports_store_id_created_at", "store_id", "created_at"),
        Index(
            "ix_imports_due",
            "due_at",
            postgresql_where=text("state IN ('checking', 'running')"),
            sqlite_where=text("state IN ('checking', 'running')"),
        ),
    )

    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    connection_id: Mapped[int] = mapped_column(BigInt, ForeignKey("connections.id"))
    """Whose ids the file's ids are."""
    admin_id: Mapped[int | None] = mapped_column(BigInt, ForeignKey("admins.id"))
    kind: Mapped[Code]
    filename: Mapped[str] = mapped_column(String(200))
    size: Mapped[int] = mapped_column(BigInt)
    """Bytes of the file."""
    shape: Mapped[dict[str, Any]] = mapped_column(Json)
    """How to read it: {"format", "encoding", "delimiter", "headers", "sheet"}."""
    mapping: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """{column's number as text: field}."""
    options: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """`automation.importing.options.Options` as JSON."""
    state: Mapped[Code] = mapped_column(default="draft")
    message: Mapped[str] = mapped_column(String(500), default="")
    rows_total: Mapped[int | None] = mapped_column(BigInt)
    """Known once a dry run has counted them."""
    rows_done: Mapped[int] = mapped_column(BigInt, default=0)
    """The checkpoint: rows that were taken in or refused; a restart goes on behind them."""
    rows_refused: Mapped[int] = mapped_column(BigInt, default=0)
    counts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """What became of the others: {"applied", "stale", "repeated", "unmatched", "erased"}."""
    fence: Mapped[int] = mapped_column(default=0)
    """Goes up at every claim: only the newest may write."""
    due_at: Mapped[datetime]
    """When to go on; while somebody is at it, when the claim ends."""
    created_at: Mapped[datetime]
    began_at: Mapped[datetime | None]
    """The instant that stands for what the rows give no time for."""
    ended_at: Mapped[datetime | None]


class ImportChunk(Record):
    """A piece of an uploaded file, kept until it is taken in: any worker on any host can read it."""

    __tablename__ = "import_chunks"

    import_id: Mapped[int] = mapped_column(BigInt, ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class ImportRefusal(Record):
    """A row that was not taken in, and why."""

    __tablename__ = "import_refusals"
    __table_args__ = (Index("ix_import_refusals_import_id_line", "import_id", "line", "id"),)

    id: Mapped[Id]
    import_id: Mapped[int] = mapped_column(BigInt, ForeignKey("imports.id", ondelete="CASCADE"))
    line: Mapped[int] = mapped_column(BigInt)
    """Of the file, where the row begins; the first is 1."""
    column: Mapped[str] = mapped_column(String(200), default="")
    value: Mapped[str] = mapped_column(String(500), default="")
    reason: Mapped[str] = mapped_column(String(500))
    person: Mapped[str | None] = mapped_column(String(64), index=True)
    """Keyed hash of the row's address, by which erasure finds it; see `automation.erasing.marks`."""


class ImportMapping(Record):
    """A mapping of columns that somebody saved under a name."""

    __tablename__ = "import_mappings"
    __table_args__ = (UniqueConstraint("store_id", "kind", "name"),)

    id: Mapped[Id]
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    kind: Mapped[Code]
    name: Mapped[str] = mapped_column(String(200))
    fields: Mapped[dict[str, Any]] = mapped_column(Json)
    """{header: field}."""
    created_at: Mapped[datetime]
