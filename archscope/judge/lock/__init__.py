"""archscope.lock: what models cost when it was written, the check against it, and its update."""
