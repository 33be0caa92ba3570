"""FeatherFace, one configurable face detector: config, layout and spec without torch, layers and model with it."""
