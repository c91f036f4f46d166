"""The error of the configuration that users can fix."""


class ConfigError(ValueError):
    """An unknown preset, or an invalid preset or override; the message names the setting, the reason and the remedy."""
