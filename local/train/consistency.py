"""Consistency regularisation: a change that does not matter should not change the logit.

Improved Consistency Regularization for GANs (Zhao et al. 2020, arXiv 2002.04724). Scalars,
float32, to be added to a side's loss with a weight: `bcr` and `zcr_d` to the discriminator's,
`zcr_g` to the generator's; all three are ICR. Gradients go through both of the compared passes.
"""

from torch import Tensor
from torch.nn.functional import mse_loss


def bcr(real: Tensor, changed_real: Tensor, fake: Tensor, changed_fake: Tensor) -> Tensor:
    """Balanced: logits (N,) of pictures, and of the same pictures changed, on both sides.

    The change is the caller's, at random for each picture; the paper flips and shifts by up to 4
    pixels. With real pictures alone generators learn to draw the changes. The paper's
    weight is 10 for either side. It costs the discriminator's half two passes more, forth and
    back: of either side's changed pictures.
    """
    return _difference(real, changed_real) + _difference(fake, changed_fake)


def zcr_d(fake: Tensor, moved_fake: Tensor) -> Tensor:
    """Latent, discriminator: logits (N,) of fakes, and of those from latents a little further.

    The paper adds noise of deviation 0.03 to latents, and has a weight of 5. It costs the
    discriminator's half a pass of the generator, forth, and one of the discriminator, forth and
    back.
    """
    return _difference(fake, moved_fake)


def zcr_g(fakes: Tensor, moved_fakes: Tensor) -> Tensor:
    """Latent, generator: the same fakes (N, 3, S, S), which should differ; so it is negative.

    What the discriminator is told not to see would otherwise make the generator draw one picture
    for all latents that are close. The difference is a mean over values, whatever the pictures'
    size: at most 4 where they lie between -1 and 1, and without bound where nothing holds them
    there. The paper's weight is 0.5. It costs the generator's half a pass of the generator, forth
    and back.
    """
    return -_difference(fakes, moved_fakes)


def _difference(one: Tensor, other: Tensor) -> Tensor:
    """Mean squared; in half precision the square of 256 is infinite already."""
    return mse_loss(one.float(), other.float())
