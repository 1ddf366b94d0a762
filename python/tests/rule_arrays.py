"""Arrays that the tests of functions attend to, and what the functions capture."""

import numpy as np
from conftest import make_qkv, normal

B, SQ, SK, H = 2, 9, 11, 4
Q, K, V = make_qkv(batch=B, seq_q=SQ, seq_k=SK, heads=H)
POSITIONS = np.ogrid[:B, :H, :SQ, :SK]
IDS_Q = np.array([[0, 0, 1, 1, 1, 2, 2, 2, 2], [0, 1, 1, 1, 1, 1, 2, 2, 3]])
IDS_K = np.array([[0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 3], [0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3]])
LENGTHS = np.array([4, 9], np.int32)
SLOPES = np.float32([0.5, 0.25, 0.125, 0.0625])
TABLE = normal(7, H, 25)
BLOCKS = np.random.default_rng(8).random((B, H, 3, 4)) < 0.7
PACKED = np.random.default_rng(9).integers(1, 256, (SQ, 2)).astype(np.int32)
LONG = np.random.default_rng(10).integers(-(2**63), 2**63, SQ)
