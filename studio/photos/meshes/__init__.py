"""Procedural product meshes: a scene's products, standing in the studio at unit size.

``arrange`` is the only public function.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from studio.photos.meshes import household, tableware, worn
from studio.photos.meshes.product import Finish, Product
from studio.photos.meshes.shapes import Mesh, join
from studio.photos.scene import Scene
from studio.vocabulary import Category

_BUILDERS: dict[Category, Callable[[Sequence[float]], Product]] = {
    "mug": tableware.mug,
    "bottle": tableware.bottle,
    "perfume bottle": tableware.perfume_bottle,
    "bowl": tableware.bowl,
    "vase": tableware.vase,
    "table lamp": household.table_lamp,
    "watch": worn.watch,
    "headphones": worn.headphones,
    "backpack": worn.backpack,
    "gaming mouse": household.gaming_mouse,
    "chair": household.chair,
}
#: Gap between two products over the width of one.
_GAP = 0.1


@dataclass(frozen=True)
class Arrangement:
    """What stands on the backdrop: its largest side is 1, it stands on z = 0 around the z axis."""

    body: Mesh
    trims: tuple[tuple[Finish, Mesh], ...]

    @property
    def vertices(self) -> np.ndarray:
        """All vertices, (V, 3)."""
        return np.concatenate([self.body.vertices, *(mesh.vertices for _, mesh in self.trims)])


def arrange(scene: Scene) -> Arrangement:
    """The scene's one or two products, turned, side by side, scaled to the studio."""
    if scene.category == "air fryer":
        product = household.air_fryer(scene.proportions, scene.compartments)
    else:
        product = _BUILDERS[scene.category](scene.proportions)
    parts: list[tuple[Finish | None, Mesh]] = [(None, product.body)]
    parts += [(trim.finish, trim.mesh) for trim in product.trims]
    copies = [[(finish, mesh.turned("z", -scene.yaw)) for finish, mesh in parts]]
    if scene.count == 2:
        other = [
            (finish, mesh.turned("z", -scene.yaw - scene.second_yaw)) for finish, mesh in parts
        ]
        step = _bounds(copies[0])[1][0] - _bounds(other)[0][0]
        step += _GAP * float(np.ptp(np.array(_bounds(other)), axis=0)[0])
        copies.append([(finish, mesh.moved(x=step)) for finish, mesh in other])
    everything = [part for copy in copies for part in copy]
    low, high = _bounds(everything)
    scale = 1.0 / float((high - low).max())
    middle = (low + high) / 2

    def placed(mesh: Mesh) -> Mesh:
        at_rest = mesh.moved(x=-middle[0], y=-middle[1], z=-low[2])
        return at_rest.scaled(scale, scale, scale)

    return Arrangement(
        body=placed(join(mesh for finish, mesh in everything if finish is None)),
        trims=tuple((finish, placed(mesh)) for finish, mesh in everything if finish is not None),
    )


def _bounds(parts: Sequence[tuple[Finish | None, Mesh]]) -> tuple[np.ndarray, np.ndarray]:
    vertices = np.concatenate([mesh.vertices for _, mesh in parts])
    return vertices.min(axis=0), vertices.max(axis=0)
