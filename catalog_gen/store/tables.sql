-- The whole schema. A new database is created from this file; `schema.py` migrates released ones to it.
-- `views.sql` has the views for users.
--
-- Rules for all tables: no foreign keys, secondary indexes or triggers (DuckDB enforces the first
-- too eagerly on updates, the second had corruption bugs); a primary key only where idempotent writing needs
-- one, and never beside a MAP that is updated: updating such a column of 100,000 rows took 98 s with a
-- primary key and 0.4 s without. Times are TIMESTAMPTZ in UTC, for people; `seq` decides which row is newer,
-- since clocks are set back. Identities are SHA-256 in hexadecimal.

-- The schema version that wrote this database, in one row.
CREATE TABLE store_schema (
    version        INTEGER NOT NULL,     -- the newest migration applied; 0: before the release
    tables_sha256  VARCHAR NOT NULL,     -- of this file without its comments
    views_sha256   VARCHAR NOT NULL,     -- of the views.sql applied last
    changed_at     TIMESTAMPTZ NOT NULL
);

-- One sequence for all tables with a column `seq`: of two rows, the one with the higher number is newer.
CREATE SEQUENCE seq;

CREATE TABLE feed_snapshots (
    seq         BIGINT NOT NULL DEFAULT nextval('seq'),
    feed_id     VARCHAR PRIMARY KEY,  -- SHA-256 of the feed file's bytes and of when it was read
    sha256      VARCHAR NOT NULL,     -- of the file's bytes
    source      VARCHAR NOT NULL,     -- the path as configured
    format      VARCHAR NOT NULL,     -- csv, tsv, jsonl, parquet, xml
    platform    VARCHAR NOT NULL,     -- the name of the reader that recognised it, or 'plain'
    encoding    VARCHAR NOT NULL,
    rows_read   BIGINT NOT NULL,
    accepted    BIGINT NOT NULL,
    rejected    BIGINT NOT NULL,
    skipped     VARCHAR NOT NULL,     -- JSON: rows that are not for sale by reason, {"draft": 12}
    added       BIGINT NOT NULL,
    changed     BIGINT NOT NULL,
    retired     BIGINT NOT NULL,
    read_at     TIMESTAMPTZ NOT NULL,
    run_id      VARCHAR NOT NULL
);

-- The newest state of every product that was ever accepted; retired ones keep their row.
CREATE TABLE products (
    product_id  VARCHAR NOT NULL,     -- unique
    shard       UTINYINT NOT NULL,    -- sha256(product_id) % 16
    title       VARCHAR NOT NULL,
    category    VARCHAR NOT NULL,
    description VARCHAR NOT NULL,
    group_id    VARCHAR NOT NULL,
    reference   VARCHAR NOT NULL,     -- as the feed names it
    attributes  MAP(VARCHAR, VARCHAR) NOT NULL,
    row_hash    VARCHAR NOT NULL,     -- over all fields, to see whether a row changed
    feed_id     VARCHAR NOT NULL,     -- the feed that last changed this row
    first_seen  TIMESTAMPTZ NOT NULL,
    changed_at  TIMESTAMPTZ NOT NULL,
    retired_at  TIMESTAMPTZ           -- NULL while the product is in the feed
);

CREATE TABLE rejections (
    feed_id     VARCHAR NOT NULL,
    line        BIGINT NOT NULL,
    product_id  VARCHAR NOT NULL,
    field       VARCHAR NOT NULL,
    value       VARCHAR NOT NULL,
    rule        VARCHAR NOT NULL
);

-- One row per product, view and state of its inputs. A product that returns to an earlier
-- state gets the earlier row back, and with it the earlier images. Prompts with one look_id
-- (catalog_gen/look.py) ask for the same images and share them.
CREATE TABLE prompts (
    seq                  BIGINT NOT NULL DEFAULT nextval('seq'),
    prompt_id            VARCHAR NOT NULL,     -- unique: over product, view and fingerprint
    product_id           VARCHAR NOT NULL,
    shard                UTINYINT NOT NULL,
    view                 VARCHAR NOT NULL,
    fingerprint          VARCHAR NOT NULL,     -- over the spec and the fields that it reads
    look_id              VARCHAR,              -- of what its pictures show; NULL: the model can't draw it
    form                 VARCHAR NOT NULL,     -- the look without its colour: seeds come from it
    inputs               MAP(VARCHAR, VARCHAR) NOT NULL,  -- those fields, as they were
    asked                MAP(VARCHAR, VARCHAR) NOT NULL,  -- what the view asks for: attribute to value
    spec                 VARCHAR NOT NULL,     -- JSON: template, model, settings hashes
    prompt               VARCHAR NOT NULL,     -- after trimming to the token limit
    negative_prompt      VARCHAR NOT NULL,
    tokens               INTEGER NOT NULL,
    dropped              VARCHAR[] NOT NULL,   -- clauses that did not fit
    unsupported          VARCHAR NOT NULL,     -- why the model can't draw it, or empty
    reason               VARCHAR NOT NULL,     -- new, changed: colour, template, model, settings
    current              BOOLEAN NOT NULL,     -- one current row per product and view
    created_at           TIMESTAMPTZ NOT NULL,
    run_id               VARCHAR NOT NULL
);

CREATE TABLE recipes (
    recipe_id        VARCHAR PRIMARY KEY,
    recipe           VARCHAR NOT NULL,         -- canonical JSON: the source of truth
    method           VARCHAR NOT NULL,         -- its name; this and the columns below repeat the recipe
    model_hash       VARCHAR NOT NULL,
    scheduler        VARCHAR NOT NULL,
    seed             BIGINT NOT NULL,
    reference_sha256 VARCHAR,
    mask_sha256      VARCHAR,
    concept_sha256   VARCHAR
);

CREATE TABLE environments (
    environment_id  VARCHAR PRIMARY KEY,
    environment     VARCHAR NOT NULL,          -- canonical JSON
    first_used      TIMESTAMPTZ NOT NULL
);

-- What a model hash stands for: the pipeline, and the files that the settings add to its folder.
CREATE TABLE models (
    model_hash  VARCHAR PRIMARY KEY,
    id          VARCHAR NOT NULL,              -- as the settings named it when it was first used
    parts       VARCHAR NOT NULL,              -- JSON: checkpoint, denoiser, LoRAs, learned words
    first_used  TIMESTAMPTZ NOT NULL
);

-- The status of every planned candidate of a look. A failure is a row here, not an exception.
CREATE TABLE ledger (
    recipe_id   VARCHAR PRIMARY KEY,
    look_id     VARCHAR NOT NULL,      -- the newest look that has it
    prompt_id   VARCHAR NOT NULL,      -- the prompt with which that look first asked for it
    view        VARCHAR NOT NULL,
    candidate   INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,      -- 0, then one more for each step of the retry ladder
    status      VARCHAR NOT NULL CHECK (
        status IN ('planned', 'deferred', 'made', 'failed', 'given up')
    ),
    reason      VARCHAR NOT NULL,      -- why it was planned
    tries       INTEGER NOT NULL,      -- how often drawing was tried
    error       VARCHAR NOT NULL,      -- of the last try, or empty
    seconds     DOUBLE NOT NULL,       -- drawing time so far, over all tries
    updated_at  TIMESTAMPTZ NOT NULL,
    run_id      VARCHAR NOT NULL       -- the run that updated it last
);

CREATE TABLE images (
    seq             BIGINT NOT NULL DEFAULT nextval('seq'),
    image_id        VARCHAR PRIMARY KEY,  -- the recipe's id: a recipe has one image
    sha256          VARCHAR NOT NULL,     -- of the encoded bytes: their address
    prompt_id       VARCHAR NOT NULL,     -- the prompt it was drawn for
    environment_id  VARCHAR NOT NULL,
    width           INTEGER NOT NULL,
    height          INTEGER NOT NULL,
    size            BIGINT NOT NULL,      -- of the encoded bytes
    seconds         DOUBLE NOT NULL,      -- share of its batch's drawing time
    batch           VARCHAR NOT NULL,     -- the outbox file that carried it
    created_at      TIMESTAMPTZ NOT NULL,
    run_id          VARCHAR NOT NULL,
    dropped_at      TIMESTAMPTZ,          -- when retention deleted the bytes; NULL: they are kept
    kept_seq        BIGINT,               -- as seq, of when dropped bytes were kept again
    pixels_sha256   VARCHAR               -- of the pixels, once the bytes were deleted
);

-- Where the images' bytes are, in one row; none before the first image.
CREATE TABLE picture_place (
    place       VARCHAR NOT NULL,     -- duckdb, folder, a path or an address: see picture_place.py
    leaving     VARCHAR,              -- the old place, until a move has emptied it; NULL: none
    changed_at  TIMESTAMPTZ NOT NULL
);

-- The images' bytes, if their place is the database, and masks and concepts, wherever it is.
-- Uncompressed, so that reading one image by its key takes less than a millisecond.
CREATE TABLE image_bytes (
    sha256  VARCHAR PRIMARY KEY,
    bytes   BLOB USING COMPRESSION uncompressed NOT NULL
);

-- When the pictures' bytes were last compared with their hashes: a share of them every night.
CREATE TABLE picture_checks (
    slice       INTEGER PRIMARY KEY,      -- the first byte of their addresses, 0..255
    seq         BIGINT NOT NULL,          -- of the check
    pictures    BIGINT NOT NULL,          -- how many there were
    broken      VARCHAR[] NOT NULL,       -- addresses whose bytes are gone or changed
    checked_at  TIMESTAMPTZ NOT NULL,
    run_id      VARCHAR NOT NULL
);

-- Products' masks in their photos. A mask is a grey PNG of the photo's size in image_bytes: 255 where
-- all of a pixel is the product.
CREATE TABLE cutouts (
    photo_sha256  VARCHAR NOT NULL,
    maker         VARCHAR NOT NULL,       -- SHA-256 of made_by
    made_by       VARCHAR NOT NULL,       -- JSON: how, by which version, with which weights
    mask_sha256   VARCHAR NOT NULL,       -- the key into image_bytes; empty: it could not be cut out
    problem       VARCHAR NOT NULL,       -- why it could not be, or empty
    area          DOUBLE NOT NULL,        -- share of the photo that is product, 0..1
    seconds       DOUBLE NOT NULL,
    made_at       TIMESTAMPTZ NOT NULL,
    run_id        VARCHAR NOT NULL,
    PRIMARY KEY (photo_sha256, maker)
);

-- What products' photos show in a captioner's words: suggestions, never the shop's word.
CREATE TABLE captions (
    photo_sha256  VARCHAR NOT NULL,
    maker         VARCHAR NOT NULL,       -- SHA-256 of made_by
    made_by       VARCHAR NOT NULL,       -- JSON: which architecture, with which weights
    text          VARCHAR NOT NULL,       -- empty: the photo could not be read
    confidence    DOUBLE NOT NULL,        -- probability of the whole text, 0..1
    pieces        VARCHAR NOT NULL,       -- JSON: [text, probability] of each token
    problem       VARCHAR NOT NULL,       -- why the photo could not be read, or empty
    made_at       TIMESTAMPTZ NOT NULL,
    run_id        VARCHAR NOT NULL,
    PRIMARY KEY (photo_sha256, maker)
);

-- What was learned about products from their photos, by lesson. A concept is a safetensors file in
-- image_bytes, whose header has the lesson too.
CREATE TABLE concepts (
    lesson_id       VARCHAR PRIMARY KEY,
    lesson          VARCHAR NOT NULL,     -- canonical JSON: learner, model, photos, caption, ...
    name            VARCHAR NOT NULL,     -- the section of [concepts] that first asked for it
    product_id      VARCHAR NOT NULL,     -- the product that first asked for it
    concept_sha256  VARCHAR NOT NULL,     -- the key into image_bytes; empty: it could not be learned
    problem         VARCHAR NOT NULL,     -- why not, or empty
    tries           INTEGER NOT NULL,     -- how often it was tried
    size            BIGINT NOT NULL,      -- bytes
    work            DOUBLE NOT NULL,      -- pixels times the noised photos that were looked at
    seconds         DOUBLE NOT NULL,      -- over all tries
    environment     VARCHAR NOT NULL,     -- JSON: device, libraries, ...; {}: nothing was loaded
    learned_at      TIMESTAMPTZ NOT NULL,
    run_id          VARCHAR NOT NULL
);

-- The outbox files that were ingested: ingesting one again changes nothing.
CREATE TABLE outbox_batches (
    batch        VARCHAR PRIMARY KEY,     -- the file's name
    images       BIGINT NOT NULL,
    failures     BIGINT NOT NULL,
    ingested_at  TIMESTAMPTZ NOT NULL,
    run_id       VARCHAR NOT NULL
);

-- What was measured on pictures while others were drawn; deleted once their scores contain it.
CREATE TABLE measurements (
    image_id  VARCHAR PRIMARY KEY,
    against   VARCHAR NOT NULL,       -- JSON: the colour and number asked for, photo, weights
    signals   VARCHAR NOT NULL        -- JSON, as in scores
);

CREATE TABLE scores (
    seq         BIGINT NOT NULL DEFAULT nextval('seq'),
    image_id    VARCHAR NOT NULL,
    scorer      VARCHAR NOT NULL,     -- hash of the scorer's weights
    similarity  DOUBLE NOT NULL,      -- cosine of image and prompt, -1..1
    margin      DOUBLE NOT NULL,      -- similarity minus the best other product's prompt
    embedding   FLOAT[] NOT NULL,     -- of the image, unit length
    signals     VARCHAR NOT NULL,     -- JSON: everything else that was measured
    device      VARCHAR NOT NULL,     -- what computed the embedding: 'cpu' or the GPU's name
    lookers     VARCHAR NOT NULL,     -- JSON: hashes of the critic, the lettering detector, the signals
    scored_at   TIMESTAMPTZ NOT NULL,
    run_id      VARCHAR NOT NULL,
    PRIMARY KEY (image_id, scorer)
);

CREATE TABLE verdicts (
    seq            BIGINT NOT NULL DEFAULT nextval('seq'),
    image_id       VARCHAR NOT NULL,
    rubric         VARCHAR NOT NULL,  -- hash of the rubric's thresholds and of the scorer
    decision       VARCHAR NOT NULL CHECK (decision IN ('accepted', 'review', 'rejected')),
    total          INTEGER NOT NULL,  -- 0..10
    criteria       VARCHAR NOT NULL,  -- JSON: name -> {points, why}
    hard_failures  VARCHAR[] NOT NULL,
    soundness      DOUBLE,            -- probability that its form is sound; NULL: no critic knows
    preference     DOUBLE,            -- a critic's answer on a scale of its own; NULL: none
    judged_at      TIMESTAMPTZ NOT NULL,
    run_id         VARCHAR NOT NULL,
    PRIMARY KEY (image_id, rubric)
);

-- People's decisions on images; they overrule the rubric.
CREATE TABLE reviews (
    seq          BIGINT NOT NULL DEFAULT nextval('seq'),
    image_id     VARCHAR NOT NULL,
    decision     VARCHAR NOT NULL CHECK (decision IN ('accepted', 'rejected')),
    reviewer     VARCHAR NOT NULL,
    note         VARCHAR NOT NULL,
    reviewed_at  TIMESTAMPTZ NOT NULL
);

-- The sets of images that went live. The newest one is live.
CREATE TABLE publications (
    publication_id  BIGINT PRIMARY KEY,  -- 1, 2, 3, ...
    coverage        DOUBLE NOT NULL,     -- share of active products with an image
    products        BIGINT NOT NULL,
    images          BIGINT NOT NULL,     -- counted once, however many products show it
    published_at    TIMESTAMPTZ NOT NULL,
    run_id          VARCHAR NOT NULL
);

-- Ranges of publications in which an image was live: a night writes as many rows as changed.
-- Publication p shows the rows with since <= p and (until IS NULL or until > p).
CREATE TABLE publication_items (
    product_id  VARCHAR NOT NULL,
    view        VARCHAR NOT NULL,
    image_id    VARCHAR NOT NULL,
    since       BIGINT NOT NULL,         -- the first publication with it
    until       BIGINT                   -- the first publication without it; NULL: still live
);

CREATE TABLE runs (
    seq          BIGINT NOT NULL DEFAULT nextval('seq'),
    run_id       VARCHAR PRIMARY KEY,  -- Dagster's
    job          VARCHAR NOT NULL DEFAULT '',  -- the Dagster job; empty: unknown
    launched_by  VARCHAR NOT NULL DEFAULT '',  -- command line, schedule, page, ...; empty: unknown
    started_at   TIMESTAMPTZ NOT NULL,
    finished_at  TIMESTAMPTZ,
    status       VARCHAR NOT NULL CHECK (
        status IN ('started', 'succeeded', 'failed', 'interrupted')
    ),
    error        VARCHAR NOT NULL DEFAULT '',  -- why it failed or was interrupted, or empty
    summary      VARCHAR NOT NULL      -- JSON, as `refresh --json` prints it
);

-- One row per gate and night that tried to publish.
CREATE TABLE gates (
    seq             BIGINT NOT NULL DEFAULT nextval('seq'),
    run_id          VARCHAR NOT NULL,
    gate            VARCHAR NOT NULL,     -- coverage, pass rate, integrity, hold
    passed          BOOLEAN NOT NULL,
    value           DOUBLE NOT NULL,      -- what was measured
    threshold       DOUBLE NOT NULL,      -- the limit it must keep
    message         VARCHAR NOT NULL,     -- the same as a sentence
    publication_id  BIGINT,               -- what went live; NULL: the last set stayed live
    decided_at      TIMESTAMPTZ NOT NULL
);

-- Rollbacks. Until a rollback is released, no night replaces the restored set.
CREATE TABLE rollbacks (
    publication_id  BIGINT NOT NULL,      -- the publication that the rollback made
    restored        BIGINT NOT NULL,      -- the publication whose pictures it shows again
    rolled_back_at  TIMESTAMPTZ NOT NULL,
    released_at     TIMESTAMPTZ           -- NULL: nights are still held back
);

-- Experiments (catalog_gen/experiments): grids over recipes' fields. Their pictures have prompts, recipes,
-- ledger rows, scores and verdicts like all others, but looks that no product asks for: they are never live.
CREATE TABLE experiments (
    seq            BIGINT NOT NULL DEFAULT nextval('seq'),
    experiment_id  VARCHAR PRIMARY KEY,   -- SHA-256 of its name and cells
    name           VARCHAR NOT NULL,      -- of the file
    definition     VARCHAR NOT NULL,      -- JSON: what the file says
    created_at     TIMESTAMPTZ NOT NULL,
    run_id         VARCHAR NOT NULL       -- the run that began it
);

CREATE TABLE experiment_cells (
    experiment_id  VARCHAR NOT NULL,
    place          INTEGER NOT NULL,      -- 0, 1, ...: in the order of the file
    grid           VARCHAR NOT NULL,
    subject        VARCHAR NOT NULL,      -- a product's id, or the name of a subject or prompt in the file
    view           VARCHAR NOT NULL,      -- the section of catalog.toml that it starts from
    levels         VARCHAR NOT NULL,      -- JSON: axis to value
    words          MAP(VARCHAR, VARCHAR) NOT NULL,  -- replaced in the prompt: old to new
    recipe_id      VARCHAR NOT NULL,      -- cells share a picture with whatever has the same recipe
    prompt_id      VARCHAR NOT NULL,
    reference      VARCHAR NOT NULL,      -- the photo as the feed or the file names it, or empty
    is_control     BOOLEAN NOT NULL,      -- it has the view's own settings
    PRIMARY KEY (experiment_id, place)
);

-- The results of drawing stored images again, night after night.
CREATE TABLE replays (
    seq                  BIGINT NOT NULL DEFAULT nextval('seq'),
    image_id             VARCHAR NOT NULL,
    result               VARCHAR NOT NULL CHECK (
        result IN ('identical', 'close', 'different', 'not drawn')
    ),
    max_abs_diff         INTEGER,               -- levels of 0..255; NULL: not drawn
    causes               VARCHAR[] NOT NULL,    -- library, device, model, ...; see the view
    environment_changed  VARCHAR[] NOT NULL,    -- "part: then -> now"
    problem              VARCHAR NOT NULL,      -- why it could not be drawn, or empty
    replayed_at          TIMESTAMPTZ NOT NULL,
    run_id               VARCHAR NOT NULL
);
