"""Photographs a scene: studio, lights, camera, exposure. ``render_photo`` makes any photo alone.

The work is split so that ten colours cost little more than one: ``shoot`` path-traces the scene at
three reflectance levels, ``develop`` blends them into one colour and sets the white point.
"""

import glob
import math
import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from studio.photos.denoise import denoise
from studio.photos.exposure import expose
from studio.photos.materials import (
    LEVELS,
    TINTS,
    body_bsdf,
    channel_weights,
    finish,
    trim_bsdf,
    wood_grain,
)
from studio.photos.meshes import Arrangement, arrange
from studio.photos.meshes.shapes import Mesh
from studio.photos.scene import Scene
from studio.vocabulary import Colour

#: Side of a negative in pixels; a photo is as large or a whole fraction of it.
SIDE: Final[int] = 256
#: Paths per pixel of a negative, as four points of two each, in two halves. Halved to 128 pixels
#: such a photo is as close to its converged self (37 to 40 dB) as one traced there with 24.
SAMPLES: Final[int] = 8
#: Longest path: glass needs many surfaces, the rest converges early.
_DEPTH: Final[dict[bool, int]] = {True: 10, False: 4}
_FIELD_OF_VIEW: Final[float] = 22.0
#: Where the backdrop begins to rise behind the subject.
_WALL: Final[float] = 2.0
#: Radiance of the lights: the dim room, the box overhead, the key, the rim strip, the fill strip.
_ROOM, _TOP, _KEY, _RIM, _FILL = 0.15, 2.4, 1.7, 2.4, 0.9
#: Brightest value kept of one rendered point: rarer, brighter ones are noise of the path tracer.
_FIREFLY: Final[float] = 8.0


@dataclass(frozen=True)
class Negative:
    """A scene as photographed, before its colour is chosen."""

    exposures: NDArray[np.float16]
    """(3 levels, S, S, C) linear radiance; C is 1 in a neutral studio, 3 on wood."""
    mask: NDArray[np.bool_]
    """(S, S), true where the subject is."""

    def reduced(self, side: int) -> "Negative":
        """The negative with ``side`` pixels a side: the mean radiance of square blocks.

        Raises:
            ValueError: ``side`` doesn't divide this negative's own.
        """
        own = len(self.mask)
        if own == side:
            return self
        if own % side:
            raise ValueError(f"{side} pixels a side don't divide a negative of {own}")
        block = own // side
        levels, _, _, channels = self.exposures.shape
        exposures = self.exposures.astype(np.float32)
        exposures = exposures.reshape(levels, side, block, side, block, channels).mean((2, 4))
        mask = self.mask.reshape(side, block, side, block).mean((1, 3)) > 0.5
        return Negative(exposures.astype(np.float16), mask)


@lru_cache(maxsize=1)
def _mitsuba() -> Any:
    """Mitsuba with its fastest variant on this machine: LLVM where the library is found."""
    if "DRJIT_LIBLLVM_PATH" not in os.environ:
        places = ("/usr/lib/*/libLLVM*.so.19*", "/usr/lib/llvm-19/lib/libLLVM*.so*")
        found = sorted(path for place in places for path in glob.glob(place))
        if found:
            os.environ["DRJIT_LIBLLVM_PATH"] = found[0]
    import mitsuba

    if "DRJIT_LIBLLVM_PATH" in os.environ:
        mitsuba.set_variant("llvm_ad_rgb")
    else:
        mitsuba.set_variant("scalar_rgb")
    mitsuba.set_log_level(mitsuba.LogLevel.Error)
    return mitsuba


def _loaded(mesh: Mesh, name: str, bsdf: dict[str, Any], looks: NDArray[np.float32] | None) -> Any:
    """A Mitsuba mesh; ``looks`` (V, 3) are grey, roughness and metallic of a trim's vertices."""
    mi = _mitsuba()
    properties = mi.Properties()
    properties["bsdf"] = mi.load_dict(bsdf)
    loaded = mi.Mesh(
        name,
        vertex_count=len(mesh.vertices),
        face_count=len(mesh.faces),
        has_vertex_normals=True,
        has_vertex_texcoords=False,
        props=properties,
    )
    if looks is not None:
        loaded.add_attribute("vertex_color", 3, np.repeat(looks[:, :1], 3, axis=1).ravel())
        loaded.add_attribute("vertex_roughness", 1, looks[:, 1].copy())
        loaded.add_attribute("vertex_metallic", 1, looks[:, 2].copy())
    parameters = mi.traverse(loaded)
    parameters["vertex_positions"] = mesh.vertices.astype(np.float32).ravel()
    parameters["vertex_normals"] = mesh.normals.astype(np.float32).ravel()
    parameters["faces"] = mesh.faces.astype(np.uint32).ravel()
    parameters.update()
    return loaded


def _trims(arrangement: Arrangement) -> tuple[Mesh, NDArray[np.float32]]:
    """All trims as one mesh: scenes with the same few shapes share their compiled kernels."""
    vertices, normals, faces, looks, start = [], [], [], [], 0
    for name, mesh in arrangement.trims:
        vertices.append(mesh.vertices)
        normals.append(mesh.normals)
        faces.append(mesh.faces + start)
        looks.append(np.tile(np.array(finish(name), dtype=np.float32), (len(mesh.vertices), 1)))
        start += len(mesh.vertices)
    if not vertices:  # a speck under the floor
        speck = np.array([[0.0, 0.0, -1.0], [1e-3, 0.0, -1.0], [0.0, 1e-3, -1.0]])
        up = np.tile([0.0, 0.0, 1.0], (3, 1))
        return Mesh(speck, up, np.array([[0, 1, 2]])), np.full((3, 3), 0.5, dtype=np.float32)
    mesh = Mesh(np.concatenate(vertices), np.concatenate(normals), np.concatenate(faces))
    return mesh, np.concatenate(looks)


@dataclass(frozen=True)
class _Camera:
    origin: NDArray[np.float64]
    target: NDArray[np.float64]


def _camera(scene: Scene, vertices: NDArray[np.float64]) -> _Camera:
    """Aims and backs off until the subject's box is centred and fills ``scene.fill``."""
    tilt = math.radians(scene.elevation)
    forward = np.array([0.0, math.cos(tilt), -math.sin(tilt)])
    right = np.array([1.0, 0.0, 0.0])
    up = np.cross(right, forward)
    half = math.tan(math.radians(_FIELD_OF_VIEW / 2))
    target, distance = vertices.mean(axis=0), 3.0
    for _ in range(8):
        offset = vertices - (target - distance * forward)
        depth = offset @ forward
        seen = np.stack([offset @ right, offset @ up], 1) / depth[:, None] / half
        low, high = seen.min(axis=0), seen.max(axis=0)
        middle = (low + high) / 2 * half * distance
        target = target + middle[0] * right + middle[1] * up
        distance *= float((high - low).max()) / 2 / scene.fill
    return _Camera(target - distance * forward, target)


def _sweep() -> Mesh:
    """The seamless backdrop: floor, hollow curve and wall in one sheet.

    No wider than the frame needs: past its sides lies the dark room, which draws the edges of
    white, metal and glass.
    """
    turn = np.linspace(-90, 0, 24)
    y = np.concatenate([[-1.8], 2.2 + 1.6 * np.cos(np.radians(turn)), [3.8]])
    z = np.concatenate([[0.0], 1.6 + 1.6 * np.sin(np.radians(turn)), [6.0]])
    vertices = np.concatenate([np.stack([np.full_like(y, x), y, z], 1) for x in (-1.9, 1.9)])
    ny = np.concatenate([[0.0], -np.cos(np.radians(turn)), [-1.0]])
    nz = np.concatenate([[1.0], -np.sin(np.radians(turn)), [0.0]])
    normals = np.tile(np.stack([np.zeros_like(ny), ny, nz], 1), (2, 1))
    i, n = np.arange(len(y) - 1), len(y)
    faces = np.concatenate([np.stack([i, i + n, i + n + 1], 1), np.stack([i, i + n + 1, i + 1], 1)])
    return Mesh(vertices, normals, faces)


def _softbox(
    directions: NDArray[np.float64], at: tuple[float, float, float], width: float, height: float
) -> NDArray[np.float64]:
    """Share of a softbox seen in each direction: a rectangle with feathered edges.

    ``at`` is where it stands seen from the subject, ``width`` and ``height`` are its full sides at
    distance 1.
    """
    ahead = np.array(at) / np.linalg.norm(at)
    across = np.cross(ahead, [0.0, 0.0, 1.0] if abs(ahead[2]) < 0.95 else [0.0, 1.0, 0.0])
    across /= np.linalg.norm(across)
    upward = np.cross(across, ahead)
    depth = directions @ ahead
    safe = np.maximum(depth, 1e-6)
    share = np.where(depth > 0.05, 1.0, 0.0)
    for axis, size in ((across, width), (upward, height)):
        inside = (size / 2 - np.abs(directions @ axis) / safe) / 0.06
        share = share * np.clip(inside + 0.5, 0.0, 1.0)
    return share


def _lights(scene: Scene) -> Any:
    """All lights as one panorama: far away they light the backdrop evenly, one map samples well.

    A dim room, a large box overhead for floor and shadow, a key at the front, a rim strip behind.
    """
    mi = _mitsuba()
    rows, columns = 128, 256
    polar = (np.arange(rows) + 0.5) / rows * math.pi
    around = (np.arange(columns) + 0.5) / columns * 2 * math.pi
    polar, around = np.meshgrid(polar, around, indexing="ij")
    # Mitsuba's panorama has y up and u = atan2(x, -z) / 2 pi; the emitter below is turned to z up.
    directions = np.stack(
        [np.sin(around) * np.sin(polar), np.cos(around) * np.sin(polar), np.cos(polar)], -1
    )
    side, level = scene.key_side, scene.key_level
    light = np.full((rows, columns), _ROOM)
    light += _TOP * _softbox(directions, (0.0, 0.1, 1.0), 1.9, 1.5)
    light += _KEY * level * _softbox(directions, (side * 1.25, -1.0, scene.key_height), 0.9, 1.2)
    light += _RIM * _softbox(directions, (-side * 1.0, 0.25, 0.42), 0.35, 0.9)
    light += _FILL * _softbox(directions, (-side * 0.9, -1.0, 0.55), 0.35, 0.9)
    panorama = np.repeat(light[..., None], 3, axis=2).astype(np.float32)
    upright = mi.ScalarTransform4f().rotate([1, 0, 0], 90)
    return mi.load_dict({"type": "envmap", "bitmap": mi.Bitmap(panorama), "to_world": upright})


def _studio(scene: Scene) -> dict[str, Any]:
    """Backdrop and lights."""
    mi = _mitsuba()
    studio: dict[str, Any] = {
        "lights": _lights(scene),
    }
    if scene.background == "warm wood":
        grain = {"type": "bitmap", "bitmap": mi.Bitmap(wood_grain(scene.seed)), "raw": True}
        table = mi.ScalarTransform4f().translate([0, 0.4, 0]) @ mi.ScalarTransform4f().scale(1.7)
        studio["table"] = {
            "type": "rectangle",
            "to_world": table,
            "bsdf": {"type": "diffuse", "reflectance": grain},
        }
        wall = {"type": "diffuse", "reflectance": {"type": "rgb", "value": [0.82, 0.7, 0.56]}}
        studio["wall"] = {
            "type": "rectangle",
            "to_world": mi.ScalarTransform4f().look_at(
                origin=[0, 3.2, 0.5], target=[0, 0, 0.5], up=[0, 0, 1]
            )
            @ mi.ScalarTransform4f().scale(4.0),
            "bsdf": {"type": "twosided", "bsdf": wall},
        }
    else:
        albedo = 0.85 if scene.background == "white" else 0.6
        paper = {"type": "diffuse", "reflectance": {"type": "rgb", "value": [albedo] * 3}}
        sheet = {"type": "twosided", "bsdf": paper}
        studio["backdrop"] = _loaded(_sweep(), "backdrop", sheet, None)
    return studio


def _set_up(
    scene: Scene, arrangement: Arrangement, level: tuple[float, float, float]
) -> dict[str, Any]:
    trims, looks = _trims(arrangement)
    return {
        "type": "scene",
        "body": _loaded(arrangement.body, "body", body_bsdf(scene.material, level), None),
        "trims": _loaded(trims, "trims", trim_bsdf(), looks),
        **_studio(scene),
    }


def _sensor(camera: _Camera, side: int, sampler: str) -> Any:
    mi = _mitsuba()
    view = mi.ScalarTransform4f().look_at(
        origin=camera.origin.tolist(), target=camera.target.tolist(), up=[0, 0, 1]
    )
    return mi.load_dict(
        {
            "type": "perspective",
            "fov": _FIELD_OF_VIEW,
            "to_world": view,
            "film": {
                "type": "hdrfilm",
                "width": side,
                "height": side,
                "pixel_format": "rgb",
                "component_format": "float32",
                "rfilter": {"type": "box"},
            },
            "sampler": {"type": sampler},
        }
    )


def _halved(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """(2H, 2W, C) to (H, W, C) with a four-tap kernel, sharper than a Gaussian, never negative."""
    kernel = np.array([1, 7, 7, 1], dtype=np.float32) / 16
    for axis in (0, 1):
        pad = [(1, 1) if a == axis else (0, 0) for a in range(3)]
        wide = np.moveaxis(np.pad(image, pad, mode="edge"), axis, 0)
        n = image.shape[axis]
        image = sum(kernel[k] * wide[k : k + n : 2] for k in range(4))
        image = np.moveaxis(image, 0, axis)
    return image


@dataclass(frozen=True)
class _Surfaces:
    """What the camera sees first, free of noise."""

    features: NDArray[np.float32]
    mask: NDArray[np.bool_]


def _surfaces(loaded: Any, camera: _Camera, side: int) -> _Surfaces:
    """Normals, places and albedo for the denoiser, (side, side, F), and the subject's mask."""
    mi = _mitsuba()
    aovs = "normal:sh_normal,place:position,albedo:albedo"
    integrator = mi.load_dict({"type": "aov", "aovs": aovs})
    sensor = _sensor(camera, 2 * side, "independent")
    picture = mi.render(loaded, sensor=sensor, integrator=integrator, spp=1, seed=0)
    values = np.array(picture, dtype=np.float32)
    # Everything above the floor and before the wall is the subject.
    behind, height = values[..., 4:5], values[..., 5:6]
    seen = ((height > 1e-3) & (behind < _WALL)).astype(np.float32)
    scales = np.array([0.25] * 3 + [0.15] * 3 + [0.06] * 3, dtype=np.float32)
    shape_edge = seen / np.float32(0.2)
    features = _halved(np.concatenate([values / scales, shape_edge], axis=-1))
    return _Surfaces(features, _halved(seen)[..., 0] > 0.5)


def _trace(
    scene: Scene,
    arrangement: Arrangement,
    triples: list[tuple[float, float, float]],
    samples: int,
    side: int = SIDE,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Linear radiance (side, side, 3 * triples), one render a triple of levels, and the mask."""
    mi = _mitsuba()
    camera = _camera(scene, arrangement.vertices)
    depth = _DEPTH[scene.material == "glass"]
    integrator = mi.load_dict({"type": "path", "max_depth": depth, "rr_depth": 64})
    sensor = _sensor(camera, 2 * side, "multijitter")
    # A pixel of the photo has four rendered points, and the render comes in two halves.
    points = max(1, samples // 8)
    halves: tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]] = ([], [])
    loaded = mi.load_dict(_set_up(scene, arrangement, triples[0]))
    surfaces = _surfaces(loaded, camera, side)
    parameters = mi.traverse(loaded)
    (tint,) = (k for k in parameters.keys() if k.startswith("body.") and k.endswith(TINTS))  # noqa: SIM118
    for triple in triples:
        parameters[tint] = mi.Color3f(triple)
        parameters.update()
        for number, half in enumerate(halves):
            picture = mi.render(
                loaded,
                sensor=sensor,
                integrator=integrator,
                spp=points,
                seed=2 * scene.seed + number,
            )
            half.append(_halved(np.minimum(np.array(picture, dtype=np.float32), _FIREFLY)))
    first, second = (np.concatenate(half, axis=-1) for half in halves)
    return denoise(first, second, surfaces.features), surfaces.mask


def shoot(scene: Scene, samples: int = SAMPLES, side: int = SIDE) -> Negative:
    """Path-traces a scene at the three levels of its material, ``side`` pixels a side.

    A neutral studio needs one render, whose R, G and B carry the three levels; a wooden table is
    coloured itself and needs three.
    """
    levels = LEVELS[scene.material]
    if scene.background == "warm wood":
        triples = [(level, level, level) for level in levels]
    else:
        triples = [levels]
    picture, mask = _trace(scene, arrange(scene), triples, samples, side)
    exposures = np.moveaxis(picture.reshape(side, side, len(levels), -1), 2, 0)
    # In order, as a file gives it back: sums over another layout round differently.
    return Negative(exposures.astype(np.float16, order="C"), mask)


def render_direct(
    scene: Scene, level: tuple[float, float, float], samples: int = SAMPLES, side: int = SIDE
) -> NDArray[np.uint8]:
    """The photo (side, side, 3) of one (R, G, B) reflectance, to check ``develop``."""
    picture, _ = _trace(scene, arrange(scene), [level], samples, side)
    return expose(picture, scene.background)


def develop(negative: Negative, scene: Scene, colour: Colour) -> NDArray[np.uint8]:
    """The photo, sRGB and as large as the negative, of the scene's product in ``colour``."""
    weights = channel_weights(colour, scene.material)
    exposures = negative.exposures.astype(np.float32)
    linear = np.stack(
        [
            np.tensordot(weights[c], exposures[..., c % exposures.shape[-1]], axes=1)
            for c in range(3)
        ],
        axis=-1,
    )
    return expose(linear, scene.background)


def render_photo(
    scene: Scene, colour: Colour, samples: int = SAMPLES, side: int = SIDE
) -> NDArray[np.uint8]:
    """Render one photo (side, side, 3) from its scene and colour."""
    return develop(shoot(scene, samples).reduced(side), scene, colour)
