"""WeChat Official Account: what its servers post to us, and how we answer."""
