"""What the poller did: one row per attempt, and each record that it refused."""

from melpark.contracts.table import ORIGIN, Column, Table, Type, Unit

POLLS = Table(
    name="polls",
    grain="One row per attempt to read a dataset (an answer 304 is not one)",
    key=("poll_id",),
    is_history=True,
    columns=(
        Column("poll_id", Type.BIGINT, "Number of the attempt, ascending in order of commit"),
        Column("dataset", Type.TEXT, "The portal's name of the dataset"),
        Column("outcome", Type.TEXT, "accepted, refused (as a whole) or failed (no complete answer)"),
        Column("reason", Type.TEXT, "Why it was refused or failed, in one line", nullable=True),
        Column(
            "etag",
            Type.TEXT,
            "ETag of the answer (else its Last-Modified), sent back with the next request; null when failed",
            nullable=True,
        ),
        Column("observed_at", Type.TIMESTAMP, "HTTP Date of the answer: the source's now", nullable=True),
        Column(
            "feed_updated_at",
            Type.TIMESTAMP,
            "Newest `lastupdated` in the answer (sensors only)",
            nullable=True,
            source="lastupdated",
        ),
        Column("started_at", Type.TIMESTAMP, "Our clock when the request began; for latencies only"),
        Column("received_at", Type.TIMESTAMP, "Our clock when the answer was complete; for latencies only"),
        Column("body_bytes", Type.BIGINT, "Size of the answer in bytes", nullable=True, unit=Unit.BYTES),
        Column("records", Type.INTEGER, "Records in the answer", nullable=True),
        Column(
            "kept",
            Type.INTEGER,
            "Rows that fitted the contract: one per record, but one per rule of bay_restrictions",
            nullable=True,
        ),
        Column(
            "changed",
            Type.INTEGER,
            "Rows of the dataset's table written because something differed",
            nullable=True,
        ),
        Column(
            "rejected",
            Type.INTEGER,
            "Records (or rules) refused, kept in rejected_records (of a refused answer the first 1,000)",
            nullable=True,
        ),
        ORIGIN,
        Column(
            "finished_at",
            Type.TIMESTAMP,
            "Our clock when the attempt's work was done, just before its commit; null in seeded and old rows",
            nullable=True,
        ),
        Column(
            "body_digest",
            Type.TEXT,
            "Version of the parser, digest of the answer's bytes, and of a reference one's records in any order",
            nullable=True,
        ),
        Column(
            "note",
            Type.TEXT,
            "What was odd about an answer that was read, such as lines of JSON or unknown fields",
            nullable=True,
        ),
    ),
)

REJECTED_RECORDS = Table(
    name="rejected_records",
    grain="One row per record that a step refused",
    key=("rejected_id",),
    is_captured=False,
    columns=(
        Column("rejected_id", Type.BIGINT, "Number of the refusal"),
        Column("poll_id", Type.BIGINT, "The poll whose answer held the record"),
        Column("dataset", Type.TEXT, "The portal's name of the dataset"),
        Column("step", Type.TEXT, "parse (by itself) or load (against what is known)"),
        Column("reason", Type.TEXT, "Reason code, such as epoch_zero_time"),
        Column("record_key", Type.TEXT, "Natural key of the record, where it has one", nullable=True),
        Column("payload", Type.JSON, "The record as received"),
        Column("rejected_at", Type.TIMESTAMP, "Our clock"),
        Column("field", Type.TEXT, "The City's field that does not fit, where it is one", nullable=True),
    ),
)
