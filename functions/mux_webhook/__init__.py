"""Events from Mux, trimming, and the sweep that makes up for what got lost."""
