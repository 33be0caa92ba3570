"""Training and distilling FeatherFace, on Lightning."""
