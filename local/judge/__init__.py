"""A judge that a kernel trains for itself, where pretrained networks are forbidden.

A small classifier learns the competition's own pictures in the first minutes of a run; the Frechet
distance of its features ranks snapshots, truncations and mixes of breeds. It is a `KernelJudge`.

The others of that name work outside a kernel, with the metric's own pretrained network:
`local.judging` takes both sides' features with it, `local.compare.judge` scores finished runs,
`local.sweep.judge` trials, and `local.quick` a training run along the way. Their numbers are FID
and KID; a KernelJudge's are on a scale of their own, which means something within one run only.
"""

from local.judge.learning import budget, learn
from local.judge.scoring import JudgeError, KernelJudge, Score, better

__all__ = ["JudgeError", "KernelJudge", "Score", "better", "budget", "learn"]
