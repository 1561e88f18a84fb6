"""Image workers: disposable processes that run the decoders, and the pool that keeps them."""
