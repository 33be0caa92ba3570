"""archscope.lock: recording what models cost, checking against the record, and updating it."""
