"""One ActiveCampaign account over HTTP: its request budget, what its answers mean, its listings, values and fields."""
