"""Every setting (`schema/`), how a preset and overrides become a config (`load`), and the presets (`*.yaml`)."""
