"""The type of a picture in memory."""

import numpy as np
from numpy.typing import NDArray

#: Levels of 0..255: (H, W, 3) in sRGB for a picture, (H, W) for a mask.
Pixels = NDArray[np.uint8]
