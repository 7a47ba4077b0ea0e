"""Every training photo and its mirror image as latents, encoded once and kept in files.

One file holds ``CHUNK`` photos and is named after their hash; a new autoencoder gets a new folder.
"""

import hashlib
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from studio.evaluation.sheets import spread
from studio.files import whole_file
from studio.networks.vae import fold_statistics
from studio.photos.album import Album, to_signed
from studio.training.hardware import mixed_precision, worker_pool

CHUNK: Final[int] = 250
BATCH: Final[int] = 25
#: Photos whose latents the mean and deviation are computed from.
MEASURED: Final[int] = 400


def encoder_digest(vae: Any) -> str:
    """The first 12 hex digits of the SHA-256 of all weights that latents depend on, by name."""
    digest = hashlib.sha256()
    for name, value in sorted(vae.state_dict().items()):
        if not name.startswith(("encoder.", "quant_conv.")):
            continue
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def _photos_digest(album: Album, start: int, count: int) -> str:
    scenes = album.photos.scenes[start : start + count]
    colours = album.photos.colours[start : start + count]
    names = [f"{scene.seed} {colour}" for scene, colour in zip(scenes, colours, strict=True)]
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]


@torch.no_grad()
def normalise_latents(vae: Any, album: Album) -> None:
    """Folds the mean and deviation of the album's latents into ``vae``, in place."""
    parts = []
    picks = spread(len(album), MEASURED).tolist()
    for start in range(0, len(picks), BATCH):
        chosen = picks[start : start + BATCH]
        pictures = album.pictures(chosen, [pick % 2 == 0 for pick in chosen])
        parts.append(vae.encode(to_signed(pictures).to(vae.device)).latent_dist.mean.cpu())
    latents = torch.cat(parts)
    fold_statistics(vae, latents.mean((0, 2, 3)), latents.std((0, 2, 3)))


@torch.no_grad()
def encode_album(vae: Any, album: Album, folder: Path) -> NDArray[np.float16]:
    """Latents (N, 2, C, 16, 16) of the photos [:, 0] and of their mirror images [:, 1].

    Only what no file under ``folder`` holds is encoded, so an interrupted call goes on.
    """
    home = folder / encoder_digest(vae)
    home.mkdir(parents=True, exist_ok=True)
    chunks = []
    for start in range(0, len(album), CHUNK):
        count = min(CHUNK, len(album) - start)
        path = home / f"{_photos_digest(album, start, count)}.npy"
        if not path.exists():
            encoded = _encode(vae, album, start, count)
            with whole_file(path) as stream:
                np.save(stream, encoded)
            print(f"latents  {start + count}/{len(album)}", file=sys.stderr, flush=True)
        chunks.append(np.load(path))
    return np.concatenate(chunks)


def _encode(vae: Any, album: Album, start: int, count: int) -> NDArray[np.float16]:
    @torch.no_grad()
    def one(begin: int) -> NDArray[np.float16]:
        picks = list(range(begin, min(begin + BATCH, start + count)))
        sides = []
        for flip in (False, True):
            signed = to_signed(album.pictures(picks, [flip] * len(picks))).to(vae.device)
            signed = signed.contiguous(memory_format=torch.channels_last)
            with mixed_precision(vae.device):
                mean = vae.encode(signed).latent_dist.mean
            sides.append(mean.float().cpu().numpy())
        return np.stack(sides, 1).astype(np.float16)

    with worker_pool(vae.device) as (pool, _):
        return np.concatenate(list(pool.map(one, range(start, start + count, BATCH))))
