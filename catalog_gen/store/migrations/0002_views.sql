-- What people query: each view answers one question, and every column of `lineage` is described.
-- docs/lineage.md has the questions; a test runs the answers.

CREATE VIEW lineage AS
WITH newest_score AS (
    SELECT image_id, max_by(struct_pack(scorer, similarity, margin, signals, scored_at), scored_at)
        AS score
    FROM scores GROUP BY image_id
), newest_verdict AS (
    SELECT image_id,
        max_by(struct_pack(rubric, decision, total, criteria, hard_failures, judged_at), judged_at)
        AS verdict
    FROM verdicts GROUP BY image_id
), newest_review AS (
    SELECT image_id, max_by(struct_pack(decision, reviewer, note, reviewed_at), reviewed_at)
        AS review
    FROM reviews GROUP BY image_id
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
    prompts.current AS still_wanted,
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
LEFT JOIN products ON products.product_id = prompts.product_id
LEFT JOIN environments ON environments.environment_id = images.environment_id
LEFT JOIN newest_score ON newest_score.image_id = images.image_id
LEFT JOIN newest_verdict ON newest_verdict.image_id = images.image_id
LEFT JOIN newest_review ON newest_review.image_id = images.image_id
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

CREATE VIEW live_images AS
SELECT
    items.product_id,
    items.view,
    items.image_id,
    images.sha256,
    images.width,
    images.height,
    products.title,
    products.category,
    items.since AS publication_id,
    publications.published_at AS live_since
FROM publication_items AS items
JOIN publications ON publications.publication_id = items.since
JOIN images USING (image_id)
LEFT JOIN products ON products.product_id = items.product_id
WHERE items.until IS NULL;

COMMENT ON VIEW live_images IS 'One row a picture that is live, with the product as it is now';

CREATE VIEW open_failures AS
SELECT
    ledger.product_id,
    ledger.view,
    ledger.candidate,
    products.title,
    products.category,
    ledger.status,
    ledger.tries,
    ledger.error,
    ledger.seconds,
    ledger.recipe_id,
    ledger.shard,
    ledger.updated_at,
    ledger.run_id
FROM ledger
JOIN (SELECT prompt_id FROM prompts WHERE current) USING (prompt_id)
JOIN products ON products.product_id = ledger.product_id AND products.retired_at IS NULL
WHERE ledger.status IN ('failed', 'given up');

COMMENT ON VIEW open_failures IS 'One row a wanted picture that could not be drawn so far';
COMMENT ON COLUMN open_failures.status IS 'failed: tried again next time; given up: not any more';

CREATE VIEW why_regenerated AS
WITH history AS (
    SELECT *,
        lag(prompt_id) OVER earlier AS previous_prompt_id,
        lag(inputs) OVER earlier AS previous_inputs,
        lag(spec) OVER earlier AS previous_spec
    FROM prompts
    WINDOW earlier AS (PARTITION BY product_id, view ORDER BY created_at, prompt_id)
)
SELECT
    product_id,
    view,
    created_at,
    reason,
    list_transform(
        list_filter(
            list_sort(list_distinct(map_keys(inputs) || map_keys(previous_inputs))),
            lambda field : inputs[field] IS DISTINCT FROM previous_inputs[field]
        ),
        lambda field : struct_pack(
            field := field, old := previous_inputs[field], new := inputs[field]
        )
    ) AS changes,
    (spec ->> 'template') <> (previous_spec ->> 'template') AS template_changed,
    (spec ->> 'model') <> (previous_spec ->> 'model') AS model_changed,
    (spec ->> 'settings') <> (previous_spec ->> 'settings') AS settings_changed,
    prompt_id,
    previous_prompt_id,
    run_id
FROM history
WHERE previous_prompt_id IS NOT NULL;

COMMENT ON VIEW why_regenerated IS 'One row for each time that a product asked for another picture';
COMMENT ON COLUMN why_regenerated.changes IS 'Fields that the view reads: old and new value';

CREATE VIEW spend AS
SELECT
    images.run_id,
    prompts.view,
    products.category,
    count(*) AS images,
    sum(images.seconds) AS seconds,
    count(*) FILTER (verdict.decision = 'accepted') AS accepted,
    count(*) FILTER (verdict.decision = 'accepted') / count(*) AS accepted_share,
    sum(images.seconds) / nullif(count(*) FILTER (verdict.decision = 'accepted'), 0)
        AS seconds_per_accepted,
    min(images.created_at) AS first_image_at
FROM images
LEFT JOIN prompts USING (prompt_id)
LEFT JOIN products ON products.product_id = prompts.product_id
LEFT JOIN (
    SELECT image_id, max_by(decision, judged_at) AS decision FROM verdicts GROUP BY image_id
) AS verdict ON verdict.image_id = images.image_id
GROUP BY ALL;

COMMENT ON VIEW spend IS 'Images and drawing seconds by run, view and category';
COMMENT ON COLUMN spend.accepted_share IS 'Share of the images that the rubric accepted, 0..1';
