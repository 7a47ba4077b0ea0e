-- Why a night's pictures went live or did not, and which sets people took back.

-- One row for each gate of each night that wanted to publish.
CREATE TABLE gates (
    run_id          VARCHAR NOT NULL,
    gate            VARCHAR NOT NULL,     -- coverage, pass rate, integrity, hold
    passed          BOOLEAN NOT NULL,
    value           DOUBLE NOT NULL,      -- what was measured
    threshold       DOUBLE NOT NULL,      -- what it is held to
    told            VARCHAR NOT NULL,     -- the same as a sentence
    publication_id  BIGINT,               -- what went live; NULL: the last set stayed
    decided_at      TIMESTAMPTZ NOT NULL
);

-- A set that was taken back. Until it is released, no night replaces what was restored.
CREATE TABLE rollbacks (
    publication_id  BIGINT NOT NULL,      -- the publication that the rollback made
    restored        BIGINT NOT NULL,      -- the one whose pictures it shows again
    rolled_back_at  TIMESTAMPTZ NOT NULL,
    released_at     TIMESTAMPTZ           -- NULL: nights are still held back
);

CREATE VIEW publication_log AS
SELECT
    publication_id,
    published_at,
    coverage,
    products,
    images,
    coalesce(came.added, 0) AS added,
    coalesce(went.removed, 0) AS removed,
    back.restored,
    run_id
FROM publications
LEFT JOIN (SELECT since, count(*) AS added FROM publication_items GROUP BY since) AS came
    ON came.since = publication_id
LEFT JOIN (SELECT until, count(*) AS removed FROM publication_items GROUP BY until) AS went
    ON went.until = publication_id
LEFT JOIN (
    SELECT publication_id, max(restored) AS restored FROM rollbacks GROUP BY publication_id
) AS back USING (publication_id);

COMMENT ON VIEW publication_log IS 'One row a set of images that went live';
COMMENT ON COLUMN publication_log.publication_id IS '1, 2, 3, ...; the newest is live';
COMMENT ON COLUMN publication_log.published_at IS 'When it went live, UTC';
COMMENT ON COLUMN publication_log.coverage IS 'Share of active products with an image, 0..1';
COMMENT ON COLUMN publication_log.products IS 'Products with an image';
COMMENT ON COLUMN publication_log.images IS 'Images that it shows';
COMMENT ON COLUMN publication_log.added IS 'Images that the one before did not show';
COMMENT ON COLUMN publication_log.removed IS 'Images that the one before did show';
COMMENT ON COLUMN publication_log.restored IS 'A rollback: the publication that it shows again';
COMMENT ON COLUMN publication_log.run_id IS 'The Dagster run that published it; or rollback';
