-- The retry ladder, from its few rejected pictures up: before, every wish of the catalog was grouped,
-- which took a gigabyte for a million products.

CREATE OR REPLACE VIEW all_rejected AS
WITH wish AS (
    SELECT ledger.*
    FROM ledger
    JOIN (SELECT prompt_id FROM prompts WHERE current) USING (prompt_id)
    WHERE prompt_id IN (
        SELECT prompt_id FROM ledger WHERE recipe_id IN (
            SELECT image_id FROM verdicts WHERE decision = 'rejected'
            UNION ALL
            SELECT image_id FROM reviews WHERE decision = 'rejected'
        )
    )
), verdict AS (
    SELECT image_id, arg_max(decision, judged_at) AS decision, arg_max(total, judged_at) AS total
    FROM verdicts
    WHERE image_id IN (SELECT recipe_id FROM wish)
    GROUP BY image_id
), review AS (
    SELECT image_id, arg_max(decision, reviewed_at) AS decision FROM reviews GROUP BY image_id
)
SELECT
    wish.product_id,
    wish.view,
    max(products.title) AS title,
    max(wish.attempt) + 1 AS attempts,
    count(*) AS pictures,
    max(verdict.total) AS best_total,
    arg_max(wish.recipe_id, verdict.total) AS best_image_id,
    max(wish.shard) AS shard,
    wish.prompt_id
FROM wish
JOIN products ON products.product_id = wish.product_id AND products.retired_at IS NULL
LEFT JOIN verdict ON verdict.image_id = wish.recipe_id
LEFT JOIN review ON review.image_id = wish.recipe_id
WHERE wish.status <> 'given up'
GROUP BY wish.product_id, wish.view, wish.prompt_id
HAVING bool_and(wish.status = 'made')
    AND bool_and(coalesce(review.decision, verdict.decision, 'unjudged') = 'rejected');

COMMENT ON VIEW all_rejected IS 'One row a product and view whose every image so far was rejected';
COMMENT ON COLUMN all_rejected.product_id IS 'The product that needs an image';
COMMENT ON COLUMN all_rejected.view IS 'packshot, lifestyle, ...: a section of catalog.toml';
COMMENT ON COLUMN all_rejected.title IS 'Title in the newest feed';
COMMENT ON COLUMN all_rejected.attempts IS 'How often candidates were asked for: 1, then one more for each retry';
COMMENT ON COLUMN all_rejected.pictures IS 'Images drawn in all attempts';
COMMENT ON COLUMN all_rejected.best_total IS 'The most points of any of them, 0..10';
COMMENT ON COLUMN all_rejected.best_image_id IS 'The image with these points';
COMMENT ON COLUMN all_rejected.shard IS 'Hash shard of the product, 0..15';
COMMENT ON COLUMN all_rejected.prompt_id IS 'The wish that none of them fulfilled';
