"""The solids that all products are made of: lathed, swept, boxed; closed, outward, smooth.

Lengths are in the product's own unit, z is up, the camera looks along +y.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh with a unit normal per vertex.

    ``vertices`` and ``normals`` are (V, 3), ``faces`` is (F, 3) and turns counter-clockwise seen
    from outside.
    """

    vertices: Floats
    normals: Floats
    faces: NDArray[np.int64]

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> "Mesh":
        return Mesh(self.vertices + np.array([x, y, z]), self.normals, self.faces)

    def turned(self, axis: str, degrees: float) -> "Mesh":
        """Rotated about the x, y or z axis through the origin, right-handed."""
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
        turn = np.eye(3)
        turn[i, i], turn[i, j], turn[j, i], turn[j, j] = cos, -sin, sin, cos
        return Mesh(self.vertices @ turn.T, self.normals @ turn.T, self.faces)

    def scaled(self, x: float, y: float, z: float) -> "Mesh":
        """Stretched by positive factors along the axes."""
        factors = np.array([x, y, z])
        return Mesh(self.vertices * factors, _unit(self.normals / factors), self.faces)

    def warped(self, bend: Callable[[Floats], Floats]) -> "Mesh":
        """Every vertex moved by a smooth map (V, 3) -> (V, 3); normals follow its Jacobian."""
        step = 1e-4
        columns = [
            (bend(self.vertices + step * axis) - bend(self.vertices - step * axis)) / (2 * step)
            for axis in np.eye(3)
        ]
        # Normals transform by the cofactor matrix: the cross products of the Jacobian's columns.
        cofactors = np.stack(
            [np.cross(columns[(k + 1) % 3], columns[(k + 2) % 3]) for k in range(3)], axis=-1
        )
        normals = np.einsum("vij,vj->vi", cofactors, self.normals)
        return Mesh(bend(self.vertices), _unit(normals), self.faces)


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12))


def join(meshes: Iterable[Mesh]) -> Mesh:
    """One mesh of several; they may overlap."""
    vertices, normals, faces, start = [], [], [], 0
    for mesh in meshes:
        vertices.append(mesh.vertices)
        normals.append(mesh.normals)
        faces.append(mesh.faces + start)
        start += len(mesh.vertices)
    return Mesh(np.concatenate(vertices), np.concatenate(normals), np.concatenate(faces))


def _grid_faces(rows: int, columns: int, wrap_rows: bool) -> NDArray[np.int64]:
    """Triangles of a grid of vertices, the columns closed into a ring."""
    i, j = np.meshgrid(
        np.arange(rows if wrap_rows else rows - 1), np.arange(columns), indexing="ij"
    )
    down, right = (i + 1) % rows, (j + 1) % columns
    corners = (i * columns + j, i * columns + right, down * columns + right, down * columns + j)
    a, b, c, d = (corner.ravel() for corner in corners)
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def rounded(points: Points, radius: float, steps: int = 6) -> list[tuple[float, float]]:
    """An open polyline with its inner corners rounded by quadratic Bezier arcs."""
    corners = [np.array(point, dtype=float) for point in points]
    line = [corners[0]]
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        back, ahead = before - corner, after - corner
        reach = min(radius, 0.49 * float(np.linalg.norm(back)), 0.49 * float(np.linalg.norm(ahead)))
        start = corner + back / np.linalg.norm(back) * reach
        end = corner + ahead / np.linalg.norm(ahead) * reach
        for t in np.linspace(0.0, 1.0, steps):
            line.append((1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end)
    line.append(corners[-1])
    return [(float(x), float(z)) for x, z in line]


def spline(points: Points, steps: int = 12) -> list[tuple[float, float]]:
    """A Catmull-Rom curve through the points (E. Catmull and R. Rom, 1974)."""
    knots = np.array([points[0], *points, points[-1]], dtype=float)
    curve: list[tuple[float, float]] = []
    for p0, p1, p2, p3 in zip(knots, knots[1:], knots[2:], knots[3:], strict=False):
        for t in np.linspace(0.0, 1.0, steps, endpoint=False):
            point = 0.5 * (
                2 * p1
                + (p2 - p0) * t
                + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
                + (3 * p1 - p0 - 3 * p2 + p3) * t**3
            )
            curve.append((float(point[0]), float(point[1])))
    return [*curve, (float(knots[-1][0]), float(knots[-1][1]))]


def lathe(profile: Points, segments: int = 96) -> Mesh:
    """A profile (radius, height) turned about z, walked so that the outside lies on its right.

    For a solid that is from the axis at the bottom, up the outside, back to the axis.
    """
    line = np.array(profile, dtype=float)
    line = line[np.concatenate([[True], np.linalg.norm(np.diff(line, axis=0), axis=1) > 1e-7])]
    line[:, 0] = np.maximum(line[:, 0], 0.0)
    tangents = _unit(np.diff(line, axis=0))
    joined = np.concatenate([tangents[:1], tangents[:-1] + tangents[1:], tangents[-1:]])
    outward = _unit(np.stack([joined[:, 1], -joined[:, 0]], axis=1))
    angles = np.linspace(0.0, 2 * math.pi, segments, endpoint=False)
    cos, sin = np.cos(angles), np.sin(angles)

    def turn(flat: Floats) -> Floats:
        height = np.broadcast_to(flat[:, 1:], (len(flat), segments))
        return np.stack([flat[:, :1] * cos, flat[:, :1] * sin, height], -1).reshape(-1, 3)

    return Mesh(turn(line), turn(outward), _grid_faces(len(line), segments, wrap_rows=False))


def prism(profile: Points, sides: int) -> Mesh:
    """Like ``lathe`` with few, flat sides: every facet has its own normal."""
    round_body = lathe(profile, segments=sides)
    corners = round_body.vertices[round_body.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    kept = np.linalg.norm(normals, axis=1) > 1e-12
    corners, normals = corners[kept], _unit(normals[kept])
    faces = np.arange(3 * len(corners)).reshape(-1, 3)
    return Mesh(corners.reshape(-1, 3), np.repeat(normals, 3, axis=0), faces)


def tube(
    path: Floats,
    width: float | Floats,
    depth: float | Floats,
    around: int = 24,
    closed: bool = False,
) -> Mesh:
    """An elliptical section swept along ``path`` (N, 3); ends are capped round.

    ``width`` is the half axis along the section's first direction (x where the path allows it),
    ``depth`` the other one.
    """
    ahead = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    if not closed:
        ahead[0], ahead[-1] = path[1] - path[0], path[-1] - path[-2]
    tangents = _unit(ahead)
    seed = np.array([1.0, 0.0, 0.0])
    if abs(float(tangents[0] @ seed)) > 0.8:
        seed = np.array([0.0, 1.0, 0.0])
    sides = []
    for tangent in tangents:  # parallel transport: the section never spins about the path
        seed = seed - (seed @ tangent) * tangent
        seed = seed / np.linalg.norm(seed)
        sides.append(seed)
    side = np.array(sides)
    other = np.cross(tangents, side)
    a = np.broadcast_to(np.asarray(width, dtype=float), (len(path),)).copy()
    b = np.broadcast_to(np.asarray(depth, dtype=float), (len(path),)).copy()
    centres = path
    if not closed:  # two half ellipsoids shut the ends
        arc = np.linspace(math.pi / 2, 0.0, 7)[:-1]
        cap = float(min(a[0], b[0]))
        ends = [
            centres[0] - cap * np.sin(arc)[:, None] * tangents[0],
            centres,
            centres[-1] + cap * np.sin(arc[::-1])[:, None] * tangents[-1],
        ]
        centres = np.concatenate(ends)
        side = np.concatenate([np.repeat(side[:1], 6, 0), side, np.repeat(side[-1:], 6, 0)])
        other = np.concatenate([np.repeat(other[:1], 6, 0), other, np.repeat(other[-1:], 6, 0)])
        shrink = np.cos(arc)
        a = np.concatenate([a[0] * shrink, a, a[-1] * shrink[::-1]])
        b = np.concatenate([b[0] * shrink, b, b[-1] * shrink[::-1]])
    turn = np.linspace(0.0, 2 * math.pi, around, endpoint=False)
    cos, sin = np.cos(turn)[None, :, None], np.sin(turn)[None, :, None]
    offset = a[:, None, None] * cos * side[:, None] + b[:, None, None] * sin * other[:, None]
    vertices = (centres[:, None] + offset).reshape(-1, 3)
    faces = _grid_faces(len(centres), around, wrap_rows=closed)
    return _with_normals(vertices, faces)


def _with_normals(vertices: Floats, faces: NDArray[np.int64]) -> Mesh:
    """Area-weighted vertex normals."""
    corners = vertices[faces]
    weighted = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normals, faces[:, k], weighted)
    return Mesh(vertices, _unit(normals), faces)


def arc(
    radius_x: float, radius_z: float, start: float, end: float, steps: int = 48, plane: str = "xz"
) -> Floats:
    """Points of an ellipse in the xz, yz or xy plane, angles in degrees from the first axis."""
    angles = np.radians(np.linspace(start, end, steps))
    first, second, zero = radius_x * np.cos(angles), radius_z * np.sin(angles), np.zeros(steps)
    columns = {
        "xz": (first, zero, second),
        "yz": (zero, first, second),
        "xy": (first, second, zero),
    }
    return np.stack(columns[plane], axis=1)


def ring(radius: float, thickness: float) -> Mesh:
    """A torus about z."""
    path = arc(radius, radius, 0.0, 360.0, 97, "xy")[:-1]
    return tube(path, thickness, thickness, closed=True)


def box(width: float, depth: float, height: float, radius: float, detail: int = 6) -> Mesh:
    """A box with rounded edges, centred on the origin."""
    half = np.array([width, depth, height]) / 2
    radius = min(radius, float(half.min()) * 0.98)
    # tan() spaces the corner's samples by equal angles; the flat middle needs a few only.
    bevel = 1 - np.tan(np.linspace(math.pi / 4, 0.0, detail))

    def samples(reach: float) -> Floats:
        low = -reach + radius * bevel
        return np.concatenate([low[:-1], np.linspace(low[-1], -low[-1], 13), -low[:-1][::-1]])

    parts = []
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        gu, gv = np.meshgrid(samples(half[u]), samples(half[v]), indexing="ij")
        rows, columns = gu.shape
        index = np.arange(rows * columns).reshape(rows, columns)
        a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
        quads = np.stack([a, b, c, a, c, d], -1).reshape(-1, 3)
        for sign in (1.0, -1.0):
            points = np.empty((rows * columns, 3))
            points[:, axis], points[:, u], points[:, v] = sign * half[axis], gu.ravel(), gv.ravel()
            inner = np.clip(points, radius - half, half - radius)
            normals = _unit(points - inner)
            parts.append(
                Mesh(inner + radius * normals, normals, quads if sign > 0 else quads[:, ::-1])
            )
    return join(parts)


def ball(width: float, depth: float, height: float) -> Mesh:
    """An ellipsoid of the given full axes, centred on the origin."""
    angles = np.linspace(-math.pi / 2, math.pi / 2, 48)
    sphere = lathe([(math.cos(a), math.sin(a)) for a in angles])
    return sphere.scaled(width / 2, depth / 2, height / 2)


def disc(radius: float, thickness: float, bevel: float) -> Mesh:
    """A flat cylinder with rounded rims, standing on z = 0."""
    rim = [(0.0, 0.0), (radius, 0.0), (radius, thickness), (0.0, thickness)]
    return lathe(rounded(rim, bevel))
