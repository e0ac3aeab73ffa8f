"""How Python becomes compiled code: the one decorator, the cache that cannot go stale, the vector width."""
