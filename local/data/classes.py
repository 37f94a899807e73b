"""The breeds of a training set, as a generator needs them."""

import difflib
from dataclasses import dataclass

import torch
from torch import Tensor

from local.errors import InputError


@dataclass(frozen=True)
class Classes:
    """Names, and how many training pictures each has."""

    names: tuple[str, ...]
    counts: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.names)

    def labels(self, count: int, seed: int) -> Tensor:
        """Labels (count,) int64 in the training set's own shares, to one picture, in any order.

        The shares are kept, not drawn: a rare breed has its pictures in every submission.
        """
        each = torch.tensor(self.counts, dtype=torch.float64)
        ends = (each.cumsum(0) / each.sum() * count).round().long()
        numbers = torch.diff(ends, prepend=torch.zeros(1, dtype=torch.long))
        labels = torch.arange(len(self)).repeat_interleave(numbers)
        return labels[torch.randperm(count, generator=torch.Generator().manual_seed(seed))]

    def index(self, name: str) -> int:
        """The label of a breed.

        Raises:
            InputError: there is none of that name; the line lists those that there are.
        """
        if name in self.names:
            return self.names.index(name)
        near = difflib.get_close_matches(name, self.names, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise InputError(f"no breed {name!r}{hint}; there are: {', '.join(self.names)}")
