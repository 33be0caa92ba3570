"""An archscope.toml with something in every section."""

FULL = """\
[models.v2]
source = "featherface-v2"
inputs = ["1x3x640x640"]
options = { bifpn_channels = 32 }

[[models.v2.components]]
name = "Neck"
match = ["bifpn.**"]
role = "neck"

[[budgets]]
name = "v2-params"
model = "v2"
metric = "parameters"
max = "<0.25M"
warn = "0.24M"
message = "Flash limit of the camera"

[[budgets]]
name = "neck-share"
model = "v2"
metric = "macs"
component = "Neck"
relative-to = "baseline"
max = "60%"

[lock]
metrics = ["parameters"]
tolerance = "1%"
depth = 2
"""
