-- A snapshot that was cut off is a possible loss of its own. May run twice.
ALTER TABLE parking_capture.gaps DROP CONSTRAINT IF EXISTS gaps_kind_check;
ALTER TABLE parking_capture.gaps ADD CONSTRAINT gaps_kind_check CHECK (
    kind IN (
        'first_snapshot', 'slot_missing', 'slot_lost', 'slot_ahead', 'snapshot_again', 'snapshot_cut_off',
        'topic_missing'
    )
);
