"""Adversarial training of the generator: data, discriminator, loop, health, checkpoints."""
