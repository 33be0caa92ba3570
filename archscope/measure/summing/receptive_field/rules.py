"""What each operator does to positions, by its ATen name, and the operators whose positions values decide."""

from __future__ import annotations

from archscope.measure.summing.receptive_field import mixing_rules, sliding_rules, view_rules
from archscope.measure.summing.receptive_field.call import RULES, by_position

__all__ = ["DECIDED", "RULES", "by_position"]
_FILES = (mixing_rules, sliding_rules, view_rules)  # each adds its rules to the table

_DECIDED = {
    "the offsets decide": ("deform_conv2d", "ms_deform_attn_forward"),
    "the grid decides": ("grid_sampler_2d", "grid_sampler_3d", "_grid_sampler_2d_cpu_fallback"),
    "the boxes decide": ("roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "nms"),
    "the indices decide": ("max_unpool2d", "max_unpool3d", "scatter", "scatter_add", "index_put", "index_add"),
    "values decide": ("nonzero", "masked_select", "fractional_max_pool2d", "_unique2", "unique_dim", "masked_scatter"),
}
#: Operators whose positions no rule can tell, and why.
DECIDED = {name: why for why, names in _DECIDED.items() for name in names}
