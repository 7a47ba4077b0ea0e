-- The replay audit: what came of drawing stored images again, night after night.

CREATE TABLE replays (
    image_id             VARCHAR NOT NULL,
    result               VARCHAR NOT NULL CHECK (
        result IN ('identical', 'close', 'different', 'not drawn')
    ),
    max_abs_diff         INTEGER,               -- levels of 0..255; NULL: not drawn
    causes               VARCHAR[] NOT NULL,    -- library, device, model, ...; see the view
    environment_changed  VARCHAR[] NOT NULL,    -- "part: then -> now"
    problem              VARCHAR NOT NULL,      -- why it could not be drawn; empty: it was
    replayed_at          TIMESTAMPTZ NOT NULL,
    run_id               VARCHAR NOT NULL
);

CREATE VIEW drift AS
SELECT
    image_id,
    result,
    max_abs_diff,
    causes,
    environment_changed,
    problem,
    replayed_at,
    prompts.product_id,
    prompts.view,
    recipes.model_hash,
    replays.run_id
FROM replays
JOIN images USING (image_id)
LEFT JOIN prompts USING (prompt_id)
LEFT JOIN recipes ON recipe_id = image_id
WHERE result <> 'identical';

COMMENT ON VIEW drift IS 'One row a replay that did not give the same image again';
COMMENT ON COLUMN drift.image_id IS 'The image that was drawn again';
COMMENT ON COLUMN drift.result IS 'close, different or not drawn';
COMMENT ON COLUMN drift.max_abs_diff IS 'Largest difference of a channel, in levels of 0..255';
COMMENT ON COLUMN drift.causes IS 'library, device, threads, batch, model, photo; or unexplained';
COMMENT ON COLUMN drift.environment_changed IS 'Parts of the environment: then -> now';
COMMENT ON COLUMN drift.problem IS 'Why it could not be drawn; empty: it was';
COMMENT ON COLUMN drift.replayed_at IS 'When it was drawn again, UTC';
COMMENT ON COLUMN drift.product_id IS 'The product that it was drawn for';
COMMENT ON COLUMN drift.view IS 'packshot, lifestyle, ...: a section of catalog.toml';
COMMENT ON COLUMN drift.model_hash IS 'SHA-256 over the weights that drew it first';
COMMENT ON COLUMN drift.run_id IS 'The Dagster run of the audit';
