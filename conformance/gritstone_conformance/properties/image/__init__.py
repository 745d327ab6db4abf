"""Properties of the profile ``image``: the model carries out the same requests, and all worlds must be equal."""
