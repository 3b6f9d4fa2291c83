"""The feed: pages of posts, and what comes back of them."""
