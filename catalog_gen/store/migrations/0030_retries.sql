-- What the retry ladder goes by: products whose every picture of a view was rejected.

CREATE VIEW all_rejected AS
WITH verdict AS (
    SELECT image_id, arg_max(decision, judged_at) AS decision, arg_max(total, judged_at) AS total
    FROM verdicts GROUP BY image_id
), review AS (
    SELECT image_id, arg_max(decision, reviewed_at) AS decision FROM reviews GROUP BY image_id
)
SELECT
    ledger.product_id,
    ledger.view,
    max(products.title) AS title,
    max(ledger.attempt) + 1 AS attempts,
    count(*) AS pictures,
    max(verdict.total) AS best_total,
    arg_max(ledger.recipe_id, verdict.total) AS best_image_id,
    max(ledger.shard) AS shard,
    ledger.prompt_id
FROM ledger
JOIN (SELECT prompt_id FROM prompts WHERE current) USING (prompt_id)
JOIN products ON products.product_id = ledger.product_id AND products.retired_at IS NULL
LEFT JOIN verdict ON verdict.image_id = ledger.recipe_id
LEFT JOIN review ON review.image_id = ledger.recipe_id
WHERE ledger.status <> 'given up'
GROUP BY ledger.product_id, ledger.view, ledger.prompt_id
HAVING bool_and(ledger.status = 'made')
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
