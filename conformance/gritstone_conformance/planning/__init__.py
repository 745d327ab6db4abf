"""What a run is asked to do: the selection, the plan and the settings."""
