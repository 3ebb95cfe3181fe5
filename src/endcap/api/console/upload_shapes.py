"""What is asked and answered about files that come in."""

from __future__ import annotations

from endcap.api.console.operation import Ask, Shape


class UploadAsk(Ask, frozen=True):
    """A file to keep until it is imported: for which shop, and what it is called."""

    shop: str
    name: str


class ShopAsk(Ask, frozen=True):
    """Of which shop."""

    shop: str


class UploadLine(Shape, frozen=True):
    """One file that waits."""

    id: str
    name: str
    size: int
    arrived: int


class UploadList(Shape, frozen=True):
    """All files that wait, the largest that is taken, and what their names may end in."""

    uploads: tuple[UploadLine, ...]
    largest: int
    endings: tuple[str, ...]


class Nothing(Shape, frozen=True):
    """It is done."""

    done: bool = True


class PreviewAsk(Ask, frozen=True):
    """Which files, and what is said of them; `mapping` null takes what was remembered of files like these."""

    shop: str
    uploads: tuple[str, ...]
    mapping: dict[str, str] | None = None
    dialect: str | None = None
    kind: str | None = None


class ImportAsk(Ask, frozen=True):
    """The same, to be imported or, with `dryRun`, only tried."""

    shop: str
    uploads: tuple[str, ...]
    mapping: dict[str, str] | None = None
    dialect: str | None = None
    kind: str | None = None
    mode: str = "FULL"
    dry_run: bool = False


class FieldLine(Shape, frozen=True):
    """One field: where it comes from, or (`column` and `how` empty) that nothing is for it."""

    field: str
    column: str = ""
    how: str = ""


class FieldChoice(Shape, frozen=True):
    """One field that a dataset of a kind may have."""

    name: str
    type: str
    required: bool


class FilePreview(Shape, frozen=True):
    """One file as it would be read."""

    file: str
    kind: str
    format: str
    size: int
    rows: int | None
    columns: tuple[str, ...]
    fields: tuple[FieldLine, ...]
    missing: tuple[str, ...]
    times: tuple[str, ...]
    sample: tuple[tuple[str, ...], ...]
    read: tuple[tuple[str, ...], ...]
    reasons: tuple[str, ...]


class PreviewAnswer(Shape, frozen=True):
    """What would be done; `problem` says why it cannot begin, `fix` and `column` what to change."""

    dialect: str
    dialects: tuple[str, ...]
    files: tuple[FilePreview, ...]
    choices: dict[str, tuple[FieldChoice, ...]]
    notes: tuple[str, ...]
    problem: str
    fix: str
    column: str
    mapping: dict[str, str]
    kind: str | None
    remembered: bool


class RejectReason(Shape, frozen=True):
    """Rows refused for one reason, with a few of them."""

    kind: str
    reason: str
    column: str
    count: int
    examples: tuple[RejectExample, ...]


class RejectExample(Shape, frozen=True):
    """One refused row, as it stands in its file."""

    file: str
    row: int
    raw: str


class ImportedKind(Shape, frozen=True):
    """What became of one dataset's rows."""

    kind: str
    rows: int
    accepted: int
    duplicates: int
    merged: int
    rejected: int


class ImportState(Shape, frozen=True):
    """One import: how far it is, and what came of it. Times are microseconds."""

    id: str
    job: str
    dry_run: bool
    status: str
    reason: str
    mode: str
    label: str
    done: int
    total: int | None
    unit: str
    eta: int | None
    created: int
    ended: int | None
    dialect: str
    kinds: tuple[ImportedKind, ...]
    reasons: tuple[RejectReason, ...]
    notes: tuple[str, ...]
    seconds: float
    has_rejects: bool
    mapping: dict[str, str] | None
    kind: str | None
    asked_dialect: str | None


class ImportList(Shape, frozen=True):
    """A shop's imports from the console, newest first."""

    imports: tuple[ImportState, ...]
