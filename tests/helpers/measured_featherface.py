"""What the original FeatherFace costs at 1x3x640x640, as measured on its own code (featherface.md, section 2)."""

# Parameters and MACs by module.
MODULES = {
    "body": (213_072, 332_851_200),
    "bacbkbone_0_cbam": (680, 628_224),
    "bacbkbone_1_cbam": (2_284, 160_896),
    "bacbkbone_2_cbam": (8_564, 55_584),
    "bifpn": (112_606, 205_696_000),
    "bif_cbam_0": (680, 628_224),
    "bif_cbam_1": (680, 157_824),
    "bif_cbam_2": (680, 40_224),
    "ssh1": (77_655, 494_899_200),
    "ssh2": (77_655, 123_724_800),
    "ssh3": (77_655, 30_931_200),
    "ssh1_cs": (4_640, 28_057_600),
    "ssh2_cs": (4_640, 7_014_400),
    "ssh3_cs": (4_640, 1_753_600),
    "ClassHead": (780, 2_150_400),
    "BboxHead": (1_560, 4_300_800),
    "LandmarkHead": (3_900, 10_752_000),
}
# The same by component, each of which is some of the modules.
COMPONENTS = {
    "Backbone": (213_072, 332_851_200),
    "BiFPN": (112_606, 205_696_000),
    "SSH": (246_885, 686_380_800),
    "CBAM": (13_568, 1_670_976),
    "Heads": (6_240, 17_203_200),
}
