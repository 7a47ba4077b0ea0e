-- A picture is still wanted if the wish that owns it now is: wishes hand their pictures on to the next
-- one that leads to the same recipe. Before, the wish that it was first drawn for was asked.

CREATE OR REPLACE VIEW lineage AS
WITH score AS (
    SELECT * FROM scores
    QUALIFY row_number() OVER (PARTITION BY image_id ORDER BY scored_at DESC) = 1
), verdict AS (
    SELECT * FROM verdicts
    QUALIFY row_number() OVER (PARTITION BY image_id ORDER BY judged_at DESC) = 1
), review AS (
    SELECT * FROM reviews
    QUALIFY row_number() OVER (PARTITION BY image_id ORDER BY reviewed_at DESC) = 1
), published AS (
    SELECT image_id, min(since) AS first_publication, bool_or(until IS NULL) AS live,
        list(struct_pack(since, until) ORDER BY since) AS publications
    FROM publication_items GROUP BY image_id
)
SELECT
    images.image_id,
    images.sha256,
    images.width,
    images.height,
    images.created_at,
    prompts.product_id,
    prompts.shard,
    prompts.view,
    prompts.inputs AS product_then,
    products.title AS title_now,
    products.category AS category_now,
    products.attributes AS attributes_now,
    products.retired_at,
    wish.prompt_id IS NOT NULL AS still_wanted,
    prompts.prompt,
    prompts.negative_prompt,
    prompts.reason AS asked_because,
    prompts.spec ->> 'template' AS template_hash,
    prompts.spec ->> 'settings' AS settings_hash,
    recipes.model_hash,
    ledger.reason AS drawn_because,
    ledger.candidate,
    ledger.attempt,
    ledger.tries,
    recipes.method,
    recipes.scheduler,
    recipes.seed,
    (recipes.recipe ->> 'steps')::INTEGER AS steps,
    (recipes.recipe ->> 'guidance')::DOUBLE AS guidance,
    (recipes.recipe ->> 'strength')::DOUBLE AS strength,
    recipes.reference_sha256,
    recipes.recipe,
    images.environment_id,
    environments.environment ->> 'device' AS device,
    environments.environment ->> 'dtype' AS dtype,
    environments.environment,
    images.seconds,
    score.scorer,
    score.similarity,
    score.margin,
    score.signals,
    verdict.rubric,
    verdict.total,
    verdict.decision AS rubric_decision,
    coalesce(review.decision, verdict.decision) AS decision,
    verdict.criteria,
    verdict.hard_failures,
    review.reviewer,
    review.note AS review_note,
    coalesce(published.live, false) AS live,
    published.first_publication,
    published.publications,
    images.run_id,
    runs.started_at AS run_started_at,
    images.batch
FROM images
LEFT JOIN recipes ON recipes.recipe_id = images.image_id
LEFT JOIN ledger ON ledger.recipe_id = images.image_id
LEFT JOIN prompts ON prompts.prompt_id = images.prompt_id
LEFT JOIN (SELECT prompt_id FROM prompts WHERE current) AS wish
    ON wish.prompt_id = ledger.prompt_id
LEFT JOIN products ON products.product_id = prompts.product_id
LEFT JOIN environments ON environments.environment_id = images.environment_id
LEFT JOIN score ON score.image_id = images.image_id
LEFT JOIN verdict ON verdict.image_id = images.image_id
LEFT JOIN review ON review.image_id = images.image_id
LEFT JOIN published ON published.image_id = images.image_id
LEFT JOIN runs ON runs.run_id = images.run_id;

COMMENT ON VIEW lineage IS 'One row an image ever made: where it came from and what became of it';
COMMENT ON COLUMN lineage.image_id IS 'SHA-256 of the recipe: a recipe has one image';
COMMENT ON COLUMN lineage.sha256 IS 'SHA-256 of the PNG bytes, the key into image_bytes';
COMMENT ON COLUMN lineage.width IS 'Pixels';
COMMENT ON COLUMN lineage.height IS 'Pixels';
COMMENT ON COLUMN lineage.created_at IS 'When it was acknowledged, UTC';
COMMENT ON COLUMN lineage.product_id IS 'The product it was drawn for';
COMMENT ON COLUMN lineage.shard IS 'Hash shard of the product, 0..15: the Dagster partition';
COMMENT ON COLUMN lineage.view IS 'packshot, lifestyle, ...: a section of catalog.toml';
COMMENT ON COLUMN lineage.product_then IS 'The fields that the view read, as they were';
COMMENT ON COLUMN lineage.title_now IS 'Title in the newest feed';
COMMENT ON COLUMN lineage.category_now IS 'Category in the newest feed';
COMMENT ON COLUMN lineage.attributes_now IS 'All other fields in the newest feed';
COMMENT ON COLUMN lineage.retired_at IS 'When the product left the feed; NULL: it is in it';
COMMENT ON COLUMN lineage.still_wanted IS 'Whether the product asks for the same picture today';
COMMENT ON COLUMN lineage.prompt IS 'What the model was told, cut to its token limit';
COMMENT ON COLUMN lineage.negative_prompt IS 'What the model was told to avoid';
COMMENT ON COLUMN lineage.asked_because IS 'new, changed: FIELD, template, model or settings';
COMMENT ON COLUMN lineage.template_hash IS 'SHA-256 of the template and the negative template';
COMMENT ON COLUMN lineage.settings_hash IS 'SHA-256 of the view''s other settings';
COMMENT ON COLUMN lineage.model_hash IS 'SHA-256 over the model''s weights';
COMMENT ON COLUMN lineage.drawn_because IS 'Why this candidate was planned, e.g. rejected';
COMMENT ON COLUMN lineage.candidate IS '0, 1, ...: the candidate''s number';
COMMENT ON COLUMN lineage.attempt IS '0, then one more for each retry with another seed';
COMMENT ON COLUMN lineage.tries IS 'How often drawing was tried until it worked';
COMMENT ON COLUMN lineage.method IS 'text2img or img2img';
COMMENT ON COLUMN lineage.scheduler IS 'Name of the noise scheduler';
COMMENT ON COLUMN lineage.seed IS 'Seed of the noise, 0..2^63-1';
COMMENT ON COLUMN lineage.steps IS 'Denoising steps';
COMMENT ON COLUMN lineage.guidance IS 'Classifier-free guidance scale';
COMMENT ON COLUMN lineage.strength IS 'img2img only: how far from the photo, 0..1';
COMMENT ON COLUMN lineage.reference_sha256 IS 'img2img only: SHA-256 of the reference photo';
COMMENT ON COLUMN lineage.recipe IS 'JSON: everything chosen that decides the pixels';
COMMENT ON COLUMN lineage.environment_id IS 'SHA-256 of the environment';
COMMENT ON COLUMN lineage.device IS 'cpu, or the name of the GPU';
COMMENT ON COLUMN lineage.dtype IS 'fp32, fp16 or bf16';
COMMENT ON COLUMN lineage.environment IS 'JSON: libraries, device, batch size, threads, ...';
COMMENT ON COLUMN lineage.seconds IS 'The image''s share of its batch''s drawing time';
COMMENT ON COLUMN lineage.scorer IS 'Hash of the newest scorer''s weights';
COMMENT ON COLUMN lineage.similarity IS 'Cosine of image and prompt, -1..1';
COMMENT ON COLUMN lineage.margin IS 'Similarity minus the best other product''s';
COMMENT ON COLUMN lineage.signals IS 'JSON: everything else that was measured';
COMMENT ON COLUMN lineage.rubric IS 'Hash of the newest rubric';
COMMENT ON COLUMN lineage.total IS 'The rubric''s points, 0..10';
COMMENT ON COLUMN lineage.rubric_decision IS 'The rubric''s answer: accepted, review, rejected';
COMMENT ON COLUMN lineage.decision IS 'The answer that counts: a person''s, else the rubric''s';
COMMENT ON COLUMN lineage.criteria IS 'JSON: criterion -> points (0..2) and why';
COMMENT ON COLUMN lineage.hard_failures IS 'What rejected it regardless of points';
COMMENT ON COLUMN lineage.reviewer IS 'Who overruled or confirmed the rubric';
COMMENT ON COLUMN lineage.review_note IS 'What that person noted';
COMMENT ON COLUMN lineage.live IS 'Whether it is live in this database';
COMMENT ON COLUMN lineage.first_publication IS 'The publication it first went live with';
COMMENT ON COLUMN lineage.publications IS 'Each [since, until) in which it was live';
COMMENT ON COLUMN lineage.run_id IS 'The Dagster run that drew it';
COMMENT ON COLUMN lineage.run_started_at IS 'When that run started, UTC';
COMMENT ON COLUMN lineage.batch IS 'The outbox file that carried it';

-- The retry ladder goes on where a rung was given up: it was asked for again each night before.

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
    count(*) FILTER (wish.status = 'made') AS pictures,
    max(verdict.total) AS best_total,
    arg_max(wish.recipe_id, verdict.total) AS best_image_id,
    max(wish.shard) AS shard,
    wish.prompt_id
FROM wish
JOIN products ON products.product_id = wish.product_id AND products.retired_at IS NULL
LEFT JOIN verdict ON verdict.image_id = wish.recipe_id
LEFT JOIN review ON review.image_id = wish.recipe_id
GROUP BY wish.product_id, wish.view, wish.prompt_id
HAVING bool_and(wish.status IN ('made', 'given up'))
    AND bool_and(coalesce(review.decision, verdict.decision, 'unjudged') = 'rejected')
        FILTER (wish.status = 'made');

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

COMMENT ON COLUMN drift.causes IS 'library, device, threads, batch, model, photo, stored; or unexplained';
