"""The checks before anything is drawn, shared by `refresh`, `plan` and `doctor`.

Nothing is loaded, drawn or written; weights are checked by their headers and hashes.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from catalog_gen.errors import (
    CatalogError,
    ConfigError,
    InfrastructureError,
    InputError,
    ModelError,
    StoreError,
)
from catalog_gen.stages.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Look:
    """One check; ``look`` returns a description of what it found, or raises the problem."""

    what: str
    look: Callable[[], str]


def looks(catalog: Catalog) -> tuple[Look, ...]:
    """The checks of everything in the settings, in the order in which a refresh would fail."""
    return (
        Look("pictures", lambda: _pictures(catalog)),
        Look("deployment", lambda: _deployment(catalog)),
        Look("model", lambda: _model(catalog)),
        Look("scorer", lambda: _scorer(catalog)),
        Look("rubric", lambda: _rubric(catalog)),
        Look("passports", lambda: _passports(catalog)),
        Look("captions", lambda: _captions(catalog)),
        Look("upscale", lambda: _upscale(catalog)),
        Look("lettering", lambda: _lettering(catalog)),
        Look("critic", lambda: _critic(catalog)),
        Look("photos", lambda: _photos(catalog)),
        Look("credentials", lambda: _credentials(catalog)),
        Look("reports", lambda: _reports(catalog)),
    )


def problems(catalog: Catalog) -> Iterator[CatalogError]:
    """The problems that would stop a refresh whatever the feed."""
    for each in looks(catalog):
        try:
            each.look()
        except CatalogError as error:
            yield error


def require(catalog: Catalog) -> None:
    """Refuse a catalog whose refresh could not finish.

    Raises:
        CatalogError: the problem, or one error that lists all problems.
    """
    found = list(problems(catalog))
    if len(found) == 1:
        raise found[0]
    if found:
        listed = "".join(f"\n  {error}" for error in found)
        rule = f"{len(found)} things would stop a refresh{listed}"
        ours = all(isinstance(each, InputError) for each in found)
        kind = InputError if ours else InfrastructureError
        raise kind("settings", rule, "Fix them and run again.")


def _pictures(catalog: Catalog) -> str:
    """The place of the pictures' bytes, checked against the settings.

    A database that can't be read now is left to the refresh, which waits, migrates, or reports it.
    """
    from catalog_gen.store.pictures.place import settled_place

    try:
        with catalog.store.with_patience(0).peek() as connection:
            place = settled_place(connection, catalog.settings.store.pictures)
    except StoreError:
        return "not looked at: the database can't be read now"
    return f"kept in {place}"


def _deployment(catalog: Catalog) -> str:
    """The deployment's name, and the GPU if the deployment or the settings require one."""
    name = os.environ.get("CATALOG_DEPLOYMENT", "local")
    model = catalog.settings.model
    device: str = model.device
    if "CATALOG_DEPLOYMENT" in os.environ:
        import dagster as dg

        from resources.deployments import resources_for

        try:
            pipeline = resources_for(name)["diffusion_pipeline"]
        except dg.DagsterInvalidDefinitionError as error:
            raise ConfigError(
                "CATALOG_DEPLOYMENT", str(error), "Unset it, or set it to one of these."
            ) from error
        own = str(getattr(pipeline, "device", "settings"))
        device = device if own == "settings" else own
    if name == "ray":
        from resources.ray_cluster import described

        return f"ray, {described(catalog.settings.ray)}"
    if device == "cuda":
        from catalog_gen.diffusion.loading import require_gpu

        require_gpu()
    if model.devices:
        from catalog_gen.diffusion.engines import check_devices

        check_devices(model.model_copy(update={"device": device}))
        return f"{name}, devices {', '.join(model.devices)}"
    return f"{name}, device {device}"


def _model(catalog: Catalog) -> str:
    from catalog_gen.stages.drawer import Drawer

    settings = catalog.settings.model
    drawer = Drawer.of(catalog)
    drawer.budget.count("a")
    pin = "hash as pinned" if settings.sha256 else "hash not pinned"
    found = drawer.model
    return f"{found.pipeline_class}, {len(found.files)} files, safetensors only, {pin}"


def _scorer(catalog: Catalog) -> str:
    from catalog_gen.judging.scorer_files import check_scorer

    return check_scorer(catalog.settings.scorer.id)


def _rubric(catalog: Catalog) -> str:
    from catalog_gen.judging.rubric import load_rubric
    from catalog_gen.judging.shop_critic import load_shop_critic

    path = catalog.settings.rubric
    rubric = load_rubric(path)
    for section in rubric.scorers.values():
        if section.critic is not None:
            load_shop_critic(path, section.critic)
    return f"{len(rubric.rules)} rules in {path}"


def _passports(catalog: Catalog) -> str:
    from catalog_gen.judging.passports import load_passports

    return ", ".join(load_passports(catalog.settings.passports))


def _captions(catalog: Catalog) -> str:
    from catalog_gen.diffusion.hash_cache import HashCache
    from catalog_gen.vision.captioner import Captioner

    captions = catalog.settings.captions
    if captions is None:
        return "photos are not captioned: [captions] is not set"
    made_by = Captioner(captions.model, HashCache(catalog.home.hashes)).made_by
    return f"{made_by['architecture']}, {made_by['sha256'][:16]}"


def _upscale(catalog: Catalog) -> str:
    from catalog_gen.diffusion.hash_cache import HashCache
    from catalog_gen.vision.upscaler import upscaler_of

    upscale = catalog.settings.upscale
    if upscale is None:
        return "pictures are never enlarged: [upscale] is not set"
    hashes = HashCache(catalog.home.hashes)
    return f"up to {upscale.at_most:g} times, by {upscaler_of(upscale, hashes).name[:50]}"


def _lettering(catalog: Catalog) -> str:
    from catalog_gen.diffusion.weights import check_safetensors

    weights = catalog.settings.lettering
    if weights is None:
        return "not checked: lettering is not set"
    if not weights.is_file():
        raise ModelError(
            str(weights), "there is no such file", "Set lettering in catalog.toml, or remove it."
        )
    check_safetensors(weights)
    return str(weights)


def _critic(catalog: Catalog) -> str:
    from catalog_gen.judging.critics.critic import critic_of

    critic = critic_of(catalog.settings.critic)
    return critic.check() if critic else "shapes are not judged: [critic] is not set"


def _photos(catalog: Catalog) -> str:
    folders = catalog.settings.feed.reference_folders
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(
                f"feed.reference_folders: {folder}",
                "there is no such folder",
                "Create it, or remove it from catalog.toml.",
            )
    return f"{len(folders)} folders may be read"


def _credentials(catalog: Catalog) -> str:
    from catalog_gen.imaging.credentials import require_private

    credentials = catalog.settings.credentials
    if credentials is None:
        return "exported pictures are not signed"
    for name in ("certificates", "private_key"):
        file: Path = getattr(credentials, name)
        if not os.access(file, os.R_OK):
            raise ConfigError(
                f"credentials.{name} = '{file}'",
                "there is no such file, or it can't be read",
                "Name the file, or remove [credentials] from catalog.toml.",
            )
    require_private(credentials.private_key)
    return f"{credentials.algorithm}, {credentials.certificates}"


def _reports(catalog: Catalog) -> str:
    """How reports are sent; sends nothing."""
    from catalog_gen.reporting.nights.senders import senders_of

    ways = senders_of(catalog.settings.reports, catalog.home.reports, os.environ)
    return f"sent by {', '.join(each.name for each in ways)}"
