"""The store: streams, scripts and the embedded Valkey.

Moves bytes and numbers and knows nothing of bulletins: what the service gives it encrypted, it gives back.
Everything that must be atomic is one script of `scripts/`; the names of keys are in `names`, the values in
`records`. `Store` (module `store`) is the way in, `EmbeddedStore` (module `embedded`) the server that Harkara
brings along.
"""
