-- The views for users, and the views they are built from; reapplied whenever this file changes.
-- Views for users describe all their columns. docs/lineage.md has the questions that they answer.
--
-- The building blocks have the columns of their table. DuckDB inlines a view into the query that uses it, so
-- unused columns cost nothing, and a filter on image_id reaches the table. A join is not pushed through the
-- window of newest_scores and its like: a query for few images selects them first, and then the newest row
-- by arg_max(..., seq).

CREATE VIEW active_products AS
FROM products WHERE retired_at IS NULL;

COMMENT ON VIEW active_products IS 'products that the newest feed has';

CREATE VIEW current_prompts AS
FROM prompts WHERE current;

COMMENT ON VIEW current_prompts IS 'current prompts, all of active products';

CREATE VIEW wanted_candidates AS
SELECT ledger.* FROM ledger
SEMI JOIN current_prompts ON current_prompts.look_id = ledger.look_id;

COMMENT ON VIEW wanted_candidates IS 'ledger rows of looks that an active product asks for today';

-- Grouping every prompt of a million products takes seconds: a query for few looks selects them first.
CREATE VIEW looks AS
SELECT
    look_id,
    any_value(view) AS view,
    count(*) AS products,
    list(product_id ORDER BY product_id) AS product_ids,
    list(shard ORDER BY product_id) AS shards
FROM current_prompts
WHERE look_id IS NOT NULL
GROUP BY look_id;

COMMENT ON VIEW looks IS 'One row per look that is asked for today: products that share their images';
COMMENT ON COLUMN looks.look_id IS 'SHA-256 of what determines the images, except the product and the seed';
COMMENT ON COLUMN looks.view IS 'packshot, lifestyle, ...: a section of catalog.toml';
COMMENT ON COLUMN looks.products IS 'How many active products share its images';
COMMENT ON COLUMN looks.product_ids IS 'Those products, in the order of their ids';
COMMENT ON COLUMN looks.shards IS 'Their hash shards, in the same order';

CREATE VIEW newest_scores AS
FROM scores QUALIFY row_number() OVER (PARTITION BY image_id ORDER BY seq DESC) = 1;

COMMENT ON VIEW newest_scores IS 'the newest score of each image';

CREATE VIEW newest_verdicts AS
FROM verdicts QUALIFY row_number() OVER (PARTITION BY image_id ORDER BY seq DESC) = 1;

COMMENT ON VIEW newest_verdicts IS 'the newest verdict of each image';

CREATE VIEW newest_reviews AS
FROM reviews QUALIFY row_number() OVER (PARTITION BY image_id ORDER BY seq DESC) = 1;

COMMENT ON VIEW newest_reviews IS 'the newest review of each image';

CREATE VIEW live_items AS
FROM publication_items WHERE until IS NULL;

COMMENT ON VIEW live_items IS 'rows of publication_items that are live';

CREATE VIEW lineage AS
WITH published AS (
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
    images.dropped_at,
    ledger.look_id,
    wanted.products,
    prompts.product_id,
    prompts.shard,
    prompts.view,
    prompts.inputs AS product_then,
    products.title AS title_now,
    products.category AS category_now,
    products.attributes AS attributes_now,
    products.retired_at,
    wanted.products > 0 AS still_wanted,
    prompts.asked,
    prompts.prompt,
    prompts.negative_prompt,
    prompts.reason AS asked_because,
    prompts.spec ->> 'template' AS template_hash,
    prompts.spec ->> 'settings' AS settings_hash,
    recipes.model_hash,
    models.id AS model,
    models.parts AS model_parts,
    ledger.reason AS drawn_because,
    ledger.candidate,
    ledger.attempt,
    ledger.tries,
    recipes.method,
    json_merge_patch(recipes.recipe -> '$.method', '{"name": null}')::VARCHAR AS parameters,
    recipes.scheduler,
    recipes.seed,
    (recipes.recipe ->> 'steps')::INTEGER AS steps,
    (recipes.recipe ->> 'guidance')::DOUBLE AS guidance,
    recipes.reference_sha256,
    recipes.mask_sha256,
    recipes.concept_sha256,
    lesson.lesson,
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
    score.device AS scored_on,
    score.lookers,
    verdict.rubric,
    verdict.total,
    verdict.decision AS rubric_decision,
    coalesce(review.decision, verdict.decision) AS decision,
    verdict.criteria,
    verdict.hard_failures,
    verdict.soundness,
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
LEFT JOIN models ON models.model_hash = recipes.model_hash
LEFT JOIN (
    SELECT concept_sha256, any_value(lesson) AS lesson FROM concepts
    WHERE concept_sha256 <> '' GROUP BY concept_sha256
) AS lesson ON lesson.concept_sha256 = recipes.concept_sha256
LEFT JOIN ledger ON ledger.recipe_id = images.image_id
LEFT JOIN prompts ON prompts.prompt_id = images.prompt_id
LEFT JOIN products ON products.product_id = prompts.product_id
LEFT JOIN LATERAL (
    SELECT count(*) AS products FROM current_prompts WHERE current_prompts.look_id = ledger.look_id
) AS wanted ON true
LEFT JOIN environments ON environments.environment_id = images.environment_id
LEFT JOIN newest_scores AS score ON score.image_id = images.image_id
LEFT JOIN newest_verdicts AS verdict ON verdict.image_id = images.image_id
LEFT JOIN newest_reviews AS review ON review.image_id = images.image_id
LEFT JOIN published ON published.image_id = images.image_id
LEFT JOIN runs ON runs.run_id = images.run_id;

COMMENT ON VIEW lineage IS 'One row per image: where it came from and what became of it';
COMMENT ON COLUMN lineage.image_id IS 'SHA-256 of the recipe; a recipe has one image';
COMMENT ON COLUMN lineage.sha256 IS 'SHA-256 of the PNG bytes, their address';
COMMENT ON COLUMN lineage.width IS 'Pixels';
COMMENT ON COLUMN lineage.height IS 'Pixels';
COMMENT ON COLUMN lineage.created_at IS 'When it was acknowledged, UTC';
COMMENT ON COLUMN lineage.dropped_at IS 'When retention deleted its bytes, UTC; NULL: they are kept';
COMMENT ON COLUMN lineage.look_id IS 'SHA-256 of what it shows: products with one look share it';
COMMENT ON COLUMN lineage.products IS 'How many active products ask for it today';
COMMENT ON COLUMN lineage.product_id IS 'The product it was drawn for: the first that asked';
COMMENT ON COLUMN lineage.shard IS 'Hash shard of the product, 0..15: the Dagster partition';
COMMENT ON COLUMN lineage.view IS 'packshot, lifestyle, ...: a section of catalog.toml';
COMMENT ON COLUMN lineage.product_then IS 'The fields that the view read, with their values then';
COMMENT ON COLUMN lineage.title_now IS 'Title in the newest feed';
COMMENT ON COLUMN lineage.category_now IS 'Category in the newest feed';
COMMENT ON COLUMN lineage.attributes_now IS 'All other fields in the newest feed';
COMMENT ON COLUMN lineage.retired_at IS 'When the product left the feed; NULL: still in it';
COMMENT ON COLUMN lineage.still_wanted IS 'Whether any active product asks for it today';
COMMENT ON COLUMN lineage.asked IS 'What the picture has to show: attribute and value';
COMMENT ON COLUMN lineage.prompt IS 'The prompt, cut to the model''s token limit';
COMMENT ON COLUMN lineage.negative_prompt IS 'The negative prompt';
COMMENT ON COLUMN lineage.asked_because IS 'new, changed: FIELD, template, model or settings';
COMMENT ON COLUMN lineage.template_hash IS 'SHA-256 of the template and the negative template';
COMMENT ON COLUMN lineage.settings_hash IS 'SHA-256 of the view''s other settings';
COMMENT ON COLUMN lineage.model_hash IS 'SHA-256 of the model''s weights';
COMMENT ON COLUMN lineage.model IS 'The model as the settings named it when it was first used';
COMMENT ON COLUMN lineage.model_parts IS 'JSON: its pipeline, checkpoint, denoiser, LoRAs, learned words, ControlNets and IP-Adapters';
COMMENT ON COLUMN lineage.drawn_because IS 'Why this candidate was planned, e.g. rejected';
COMMENT ON COLUMN lineage.candidate IS '0, 1, ...: the candidate''s number';
COMMENT ON COLUMN lineage.attempt IS '0, then 1 more for each retry with other seeds';
COMMENT ON COLUMN lineage.tries IS 'How many tries it took to draw it';
COMMENT ON COLUMN lineage.method IS 'text2img, img2img, ...: how it was drawn';
COMMENT ON COLUMN lineage.parameters IS 'JSON: the method''s own parameters, such as a strength';
COMMENT ON COLUMN lineage.scheduler IS 'Name of the noise scheduler';
COMMENT ON COLUMN lineage.seed IS 'Seed of the noise, 0..2^63-1';
COMMENT ON COLUMN lineage.steps IS 'Denoising steps';
COMMENT ON COLUMN lineage.guidance IS 'Classifier-free guidance scale';
COMMENT ON COLUMN lineage.reference_sha256 IS 'SHA-256 of the reference photo; NULL: none';
COMMENT ON COLUMN lineage.mask_sha256 IS 'SHA-256 of the product''s mask in it, as in cutouts; NULL: none';
COMMENT ON COLUMN lineage.concept_sha256 IS 'SHA-256 of what was learned about the product, as in concepts; NULL: nothing';
COMMENT ON COLUMN lineage.lesson IS 'How that was learned, as JSON: learner, photos, caption, ...; NULL: nothing was';
COMMENT ON COLUMN lineage.recipe IS 'JSON: every choice that determines the pixels';
COMMENT ON COLUMN lineage.environment_id IS 'SHA-256 of the environment';
COMMENT ON COLUMN lineage.device IS 'cpu, or the name of the GPU';
COMMENT ON COLUMN lineage.dtype IS 'fp32, fp16 or bf16';
COMMENT ON COLUMN lineage.environment IS 'JSON: libraries, device, batch size, threads, ...';
COMMENT ON COLUMN lineage.seconds IS 'The image''s share of its batch''s drawing time';
COMMENT ON COLUMN lineage.scorer IS 'Hash of the newest scorer''s weights';
COMMENT ON COLUMN lineage.similarity IS 'Cosine of image and prompt, -1..1';
COMMENT ON COLUMN lineage.margin IS 'Similarity minus the best other product''s';
COMMENT ON COLUMN lineage.signals IS 'JSON: everything else that was measured';
COMMENT ON COLUMN lineage.scored_on IS 'What computed the embedding: cpu, or the name of the GPU';
COMMENT ON COLUMN lineage.lookers IS 'JSON: hashes of what else looked at it: critic, lettering, signals';
COMMENT ON COLUMN lineage.rubric IS 'Hash of the newest rubric';
COMMENT ON COLUMN lineage.total IS 'The rubric''s points, 0..10';
COMMENT ON COLUMN lineage.rubric_decision IS 'The rubric''s decision: accepted, review, rejected';
COMMENT ON COLUMN lineage.decision IS 'The decision that counts: the reviewer''s, else the rubric''s';
COMMENT ON COLUMN lineage.criteria IS 'JSON: criterion -> points (0..2) and why';
COMMENT ON COLUMN lineage.hard_failures IS 'What rejected it regardless of points';
COMMENT ON COLUMN lineage.soundness IS 'Probability that its form is sound, 0..1; NULL: no critic knows';
COMMENT ON COLUMN lineage.reviewer IS 'Who reviewed it';
COMMENT ON COLUMN lineage.review_note IS 'The reviewer''s note';
COMMENT ON COLUMN lineage.live IS 'Whether it is live in this database';
COMMENT ON COLUMN lineage.first_publication IS 'The publication it first went live with';
COMMENT ON COLUMN lineage.publications IS 'Ranges [since, until) of publications in which it was live';
COMMENT ON COLUMN lineage.run_id IS 'The Dagster run that drew it';
COMMENT ON COLUMN lineage.run_started_at IS 'When that run started, UTC';
COMMENT ON COLUMN lineage.batch IS 'The outbox file that carried it';

CREATE VIEW live_images AS
SELECT
    items.product_id,
    items.view,
    items.image_id,
    count(*) OVER (PARTITION BY items.image_id) AS products,
    images.sha256,
    images.width,
    images.height,
    products.title,
    products.category,
    items.since AS publication_id,
    publications.published_at AS live_since
FROM live_items AS items
JOIN publications ON publications.publication_id = items.since
JOIN images USING (image_id)
LEFT JOIN products ON products.product_id = items.product_id;

COMMENT ON VIEW live_images IS 'One row per product and view with a live picture';
COMMENT ON COLUMN live_images.product_id IS 'The product that shows it';
COMMENT ON COLUMN live_images.view IS 'packshot, lifestyle, ...: a section of catalog.toml';
COMMENT ON COLUMN live_images.image_id IS 'SHA-256 of the recipe, the key into lineage';
COMMENT ON COLUMN live_images.products IS 'How many products show it';
COMMENT ON COLUMN live_images.sha256 IS 'SHA-256 of the PNG bytes';
COMMENT ON COLUMN live_images.width IS 'Pixels';
COMMENT ON COLUMN live_images.height IS 'Pixels';
COMMENT ON COLUMN live_images.title IS 'Title in the newest feed';
COMMENT ON COLUMN live_images.category IS 'Category in the newest feed';
COMMENT ON COLUMN live_images.publication_id IS 'The publication that it went live with';
COMMENT ON COLUMN live_images.live_since IS 'When that publication went live, UTC';

-- Time travel: what was live at a moment, as `FROM live_at(TIMESTAMPTZ '2026-11-21 12:00+00')`.
CREATE MACRO live_at(moment) AS TABLE
SELECT
    items.product_id,
    items.view,
    items.image_id,
    images.sha256,
    items.since AS publication_id,
    publications.published_at AS live_since
FROM publication_items AS items
JOIN (
    SELECT max(publication_id) AS number FROM publications WHERE published_at <= moment
) AS shown ON items.since <= shown.number AND (items.until IS NULL OR items.until > shown.number)
JOIN publications ON publications.publication_id = items.since
JOIN images ON images.image_id = items.image_id;

CREATE VIEW open_failures AS
WITH failed AS (
    FROM ledger WHERE status IN ('failed', 'given up')
), asking AS (
    SELECT look_id, list(product_id ORDER BY product_id) AS product_ids,
        list(shard ORDER BY product_id) AS shards
    FROM current_prompts
    WHERE look_id IN (SELECT look_id FROM failed)
    GROUP BY look_id
)
SELECT
    product_ids[1] AS product_id,
    failed.view,
    failed.candidate,
    products.title,
    products.category,
    failed.status,
    failed.tries,
    failed.error,
    failed.seconds,
    failed.recipe_id,
    shards[1] AS shard,
    look_id,
    product_ids,
    shards,
    failed.updated_at,
    failed.run_id
FROM failed
JOIN asking USING (look_id)
JOIN products ON products.product_id = product_ids[1];

COMMENT ON VIEW open_failures IS 'One row per wanted image that could not be drawn so far';
COMMENT ON COLUMN open_failures.product_id IS 'The first product that lacks the image';
COMMENT ON COLUMN open_failures.view IS 'packshot, lifestyle, ...: a section of catalog.toml';
COMMENT ON COLUMN open_failures.candidate IS '0, 1, ...: the candidate''s number';
COMMENT ON COLUMN open_failures.title IS 'Title in the newest feed';
COMMENT ON COLUMN open_failures.category IS 'Category in the newest feed';
COMMENT ON COLUMN open_failures.status IS 'failed: to be tried again; given up: not any more';
COMMENT ON COLUMN open_failures.tries IS 'How often drawing was tried';
COMMENT ON COLUMN open_failures.error IS 'The error of the last try';
COMMENT ON COLUMN open_failures.seconds IS 'Drawing time spent on it so far';
COMMENT ON COLUMN open_failures.recipe_id IS 'SHA-256 of the recipe that could not be drawn';
COMMENT ON COLUMN open_failures.shard IS 'Hash shard of that product, 0..15';
COMMENT ON COLUMN open_failures.look_id IS 'SHA-256 of what it would show';
COMMENT ON COLUMN open_failures.product_ids IS 'All products that lack it, in the order of their ids';
COMMENT ON COLUMN open_failures.shards IS 'Their hash shards, 0..15, in the same order';
COMMENT ON COLUMN open_failures.updated_at IS 'When it was tried last, UTC';
COMMENT ON COLUMN open_failures.run_id IS 'The Dagster run that tried it last';

-- From the few rejected pictures up: grouping every prompt of the catalog took a gigabyte for a million
-- products.
CREATE VIEW all_rejected AS
WITH wish AS (
    FROM ledger WHERE look_id IN (
        SELECT look_id FROM ledger WHERE recipe_id IN (
            SELECT image_id FROM verdicts WHERE decision = 'rejected'
            UNION ALL
            SELECT image_id FROM reviews WHERE decision = 'rejected'
        )
    )
), asking AS (
    SELECT look_id, list(product_id ORDER BY product_id) AS product_ids,
        list(shard ORDER BY product_id) AS shards, arg_min(prompt_id, product_id) AS prompt_id
    FROM current_prompts
    WHERE look_id IN (SELECT look_id FROM wish)
    GROUP BY look_id
), verdict AS (
    SELECT image_id, arg_max(decision, seq) AS decision, arg_max(total, seq) AS total
    FROM verdicts
    WHERE image_id IN (SELECT recipe_id FROM wish)
    GROUP BY image_id
)
SELECT
    any_value(product_ids[1]) AS product_id,
    wish.view,
    any_value(products.title) AS title,
    max(wish.attempt) + 1 AS attempts,
    count(*) FILTER (wish.status = 'made') AS pictures,
    max(verdict.total) AS best_total,
    arg_max(wish.recipe_id, verdict.total) AS best_image_id,
    any_value(shards[1]) AS shard,
    look_id,
    any_value(product_ids) AS product_ids,
    any_value(shards) AS shards,
    any_value(asking.prompt_id) AS prompt_id
FROM wish
JOIN asking USING (look_id)
JOIN products ON products.product_id = product_ids[1]
LEFT JOIN verdict ON verdict.image_id = wish.recipe_id
LEFT JOIN newest_reviews AS review ON review.image_id = wish.recipe_id
GROUP BY look_id, wish.view
HAVING bool_and(wish.status IN ('made', 'given up'))
    AND bool_and(coalesce(review.decision, verdict.decision, 'unjudged') = 'rejected')
        FILTER (wish.status = 'made');

COMMENT ON VIEW all_rejected IS 'One row per look whose images were all rejected so far';
COMMENT ON COLUMN all_rejected.product_id IS 'The first product that needs an image';
COMMENT ON COLUMN all_rejected.view IS 'packshot, lifestyle, ...: a section of catalog.toml';
COMMENT ON COLUMN all_rejected.title IS 'Title in the newest feed';
COMMENT ON COLUMN all_rejected.attempts IS 'How often candidates were planned: 1, then 1 more for each retry';
COMMENT ON COLUMN all_rejected.pictures IS 'Images drawn in all attempts';
COMMENT ON COLUMN all_rejected.best_total IS 'The highest total among them, 0..10';
COMMENT ON COLUMN all_rejected.best_image_id IS 'The image with that total';
COMMENT ON COLUMN all_rejected.shard IS 'Hash shard of that product, 0..15';
COMMENT ON COLUMN all_rejected.look_id IS 'SHA-256 of what none of them showed well';
COMMENT ON COLUMN all_rejected.product_ids IS 'All products that need one, in the order of their ids';
COMMENT ON COLUMN all_rejected.shards IS 'Their hash shards, 0..15, in the same order';
COMMENT ON COLUMN all_rejected.prompt_id IS 'How the first product asks for it';

CREATE VIEW why_regenerated AS
WITH history AS (
    SELECT *,
        lag(prompt_id) OVER earlier AS previous_prompt_id,
        lag(inputs) OVER earlier AS previous_inputs,
        lag(spec) OVER earlier AS previous_spec
    FROM prompts
    WHERE reason <> 'experiment'
    WINDOW earlier AS (PARTITION BY product_id, view ORDER BY seq)
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

COMMENT ON VIEW why_regenerated IS 'One row per change after which a product needed another image';
COMMENT ON COLUMN why_regenerated.product_id IS 'The product that changed';
COMMENT ON COLUMN why_regenerated.view IS 'packshot, lifestyle, ...: a section of catalog.toml';
COMMENT ON COLUMN why_regenerated.created_at IS 'When the change was noticed, UTC';
COMMENT ON COLUMN why_regenerated.reason IS 'changed: FIELD, template, model or settings';
COMMENT ON COLUMN why_regenerated.changes IS 'Fields that the view reads: old and new value';
COMMENT ON COLUMN why_regenerated.template_changed IS 'Whether the view''s template changed';
COMMENT ON COLUMN why_regenerated.model_changed IS 'Whether the model''s weights changed';
COMMENT ON COLUMN why_regenerated.settings_changed IS 'Whether other settings of the view changed';
COMMENT ON COLUMN why_regenerated.prompt_id IS 'The prompt since then';
COMMENT ON COLUMN why_regenerated.previous_prompt_id IS 'The prompt before';
COMMENT ON COLUMN why_regenerated.run_id IS 'The Dagster run that noticed it';

CREATE VIEW spend AS
SELECT
    run_id,
    view,
    category_now AS category,
    count(*) AS images,
    sum(seconds) AS seconds,
    count(*) FILTER (rubric_decision = 'accepted') AS accepted,
    count(*) FILTER (rubric_decision = 'accepted') / count(*) AS accepted_share,
    sum(seconds) / nullif(count(*) FILTER (rubric_decision = 'accepted'), 0)
        AS seconds_per_accepted,
    min(created_at) AS first_image_at
FROM lineage
GROUP BY ALL;

COMMENT ON VIEW spend IS 'Images and drawing seconds by run, view and category';
COMMENT ON COLUMN spend.run_id IS 'The Dagster run that drew them';
COMMENT ON COLUMN spend.view IS 'packshot, lifestyle, ...: a section of catalog.toml';
COMMENT ON COLUMN spend.category IS 'Category in the newest feed';
COMMENT ON COLUMN spend.images IS 'Images that were drawn';
COMMENT ON COLUMN spend.seconds IS 'Drawing time of all of them';
COMMENT ON COLUMN spend.accepted IS 'How many of them the newest rubric accepts';
COMMENT ON COLUMN spend.accepted_share IS 'Share of the images that it accepts, 0..1';
COMMENT ON COLUMN spend.seconds_per_accepted IS 'Drawing time of all images per accepted one';
COMMENT ON COLUMN spend.first_image_at IS 'When the first of them was acknowledged, UTC';

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

COMMENT ON VIEW publication_log IS 'One row per set of images that went live';
COMMENT ON COLUMN publication_log.publication_id IS '1, 2, 3, ...; the newest is live';
COMMENT ON COLUMN publication_log.published_at IS 'When it went live, UTC';
COMMENT ON COLUMN publication_log.coverage IS 'Share of active products with an image, 0..1';
COMMENT ON COLUMN publication_log.products IS 'Products with an image';
COMMENT ON COLUMN publication_log.images IS 'Images that it shows, each counted once';
COMMENT ON COLUMN publication_log.added IS 'Products'' views that show another image than before, or their first';
COMMENT ON COLUMN publication_log.removed IS 'Products'' views that no longer show what they did';
COMMENT ON COLUMN publication_log.restored IS 'A rollback: the publication that it shows again';
COMMENT ON COLUMN publication_log.run_id IS 'The Dagster run that published it; or rollback';

CREATE VIEW experiment_results AS
SELECT
    experiments.name AS experiment,
    cells.experiment_id,
    cells.place,
    cells.grid,
    cells.subject,
    cells.view,
    cells.levels,
    cells.is_control,
    cells.recipe_id AS image_id,
    images.sha256,
    ledger.status,
    ledger.error,
    verdict.total,
    verdict.decision,
    verdict.criteria,
    verdict.hard_failures,
    verdict.soundness,
    score.similarity,
    score.margin,
    images.seconds,
    images.run_id
FROM experiment_cells AS cells
JOIN experiments USING (experiment_id)
LEFT JOIN ledger USING (recipe_id)
LEFT JOIN images ON images.image_id = cells.recipe_id
LEFT JOIN newest_scores AS score ON score.image_id = cells.recipe_id
LEFT JOIN newest_verdicts AS verdict ON verdict.image_id = cells.recipe_id;

COMMENT ON VIEW experiment_results IS 'One row per cell of an experiment: its values, and what came of them';
COMMENT ON COLUMN experiment_results.experiment IS 'The name of its file';
COMMENT ON COLUMN experiment_results.experiment_id IS 'SHA-256 of its name and cells';
COMMENT ON COLUMN experiment_results.place IS '0, 1, ...: the order of the file';
COMMENT ON COLUMN experiment_results.grid IS 'The grid of the file that it belongs to';
COMMENT ON COLUMN experiment_results.subject IS 'A product, or a subject or prompt that the file names';
COMMENT ON COLUMN experiment_results.view IS 'The section of catalog.toml that it starts from';
COMMENT ON COLUMN experiment_results.levels IS 'JSON: its value on each axis';
COMMENT ON COLUMN experiment_results.is_control IS 'Whether it has the view''s own settings, which advice starts from';
COMMENT ON COLUMN experiment_results.image_id IS 'SHA-256 of the recipe, the key into lineage';
COMMENT ON COLUMN experiment_results.sha256 IS 'SHA-256 of the PNG bytes; NULL: not drawn';
COMMENT ON COLUMN experiment_results.status IS 'planned, made, failed, given up, ...';
COMMENT ON COLUMN experiment_results.error IS 'Why it could not be drawn, or empty';
COMMENT ON COLUMN experiment_results.total IS 'The rubric''s points, 0..10';
COMMENT ON COLUMN experiment_results.decision IS 'The rubric''s decision: accepted, review, rejected';
COMMENT ON COLUMN experiment_results.criteria IS 'JSON: criterion -> points (0..2) and why';
COMMENT ON COLUMN experiment_results.hard_failures IS 'What rejected it regardless of points';
COMMENT ON COLUMN experiment_results.soundness IS 'Probability that its form is sound, 0..1; NULL: no critic knows';
COMMENT ON COLUMN experiment_results.similarity IS 'Cosine of image and prompt, -1..1';
COMMENT ON COLUMN experiment_results.margin IS 'Similarity minus the best other product''s';
COMMENT ON COLUMN experiment_results.seconds IS 'The image''s share of its batch''s drawing time';
COMMENT ON COLUMN experiment_results.run_id IS 'The Dagster run that drew it';

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

COMMENT ON VIEW drift IS 'One row per replay whose image differed from the stored one';
COMMENT ON COLUMN drift.image_id IS 'The image that was drawn again';
COMMENT ON COLUMN drift.result IS 'close, different or not drawn';
COMMENT ON COLUMN drift.max_abs_diff IS 'Largest difference of a channel, in levels of 0..255';
COMMENT ON COLUMN drift.causes IS 'library, device, threads, batch, model, photo, stored; or unexplained';
COMMENT ON COLUMN drift.environment_changed IS 'Parts of the environment that changed: then -> now';
COMMENT ON COLUMN drift.problem IS 'Why it could not be drawn; empty if it was drawn';
COMMENT ON COLUMN drift.replayed_at IS 'When it was drawn again, UTC';
COMMENT ON COLUMN drift.product_id IS 'The product that it was drawn for';
COMMENT ON COLUMN drift.view IS 'packshot, lifestyle, ...: a section of catalog.toml';
COMMENT ON COLUMN drift.model_hash IS 'SHA-256 of the weights that drew it first';
COMMENT ON COLUMN drift.run_id IS 'The Dagster run of the audit';
