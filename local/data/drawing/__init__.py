"""How a drawn dog is made: coats, breeds, limbs in three dimensions, a renderer and scenery."""
