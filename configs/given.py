"""What the user has given, beside what is a default or comes from a preset."""

from collections.abc import Sequence

from configs import presets, values, yaml_text
from configs.load import as_given, path_of, read_preset, with_memory
from configs.overrides import SHORT_FORMS, parsed
from configs.schema import Config
from configs.settings import leaves


def given_settings(preset: str, overrides: Sequence[str] = ()) -> list[str]:
    """Return the dotted names of the settings that the user gave: in overrides, and in a YAML file other than a preset.

    A file may be a printed config, which has all settings: those with their default value don't count.

    Raises:
        ConfigError: As for `load`.
    """
    names = [
        f"{name}.{SHORT_FORMS[name]}" if name in SHORT_FORMS and not text.lstrip().startswith("{") else name
        for name, text in parsed(overrides)
    ]
    defaults = dict(leaves(Config()))
    own_file = path_of(preset).parent != presets.FOLDER
    return [
        name
        for name, value in leaves(as_given(preset, overrides))
        if any(f"{given}.".startswith(f"{name}.") for given in names)
        or (value != defaults[name] and (own_file or any(name.startswith(f"{section}.") for section in names)))
    ]


def changed_settings(preset: str, config: Config) -> list[str]:
    """Return the dotted names of the settings that differ from a preset's, or from the defaults without such a preset.

    Prefect's parameters contain all settings, and don't tell which of them a user gave.
    """
    before = dict(leaves(with_memory(as_given(preset) if preset in presets.names() else Config(), preset)))
    return [name for name, value in leaves(config) if value != before[name]]


def doubtful_comments(preset: str) -> list[str]:
    """Return a line for each comment in a user's YAML file that may be meant as a part of a text setting.

    Raises:
        ConfigError: The file can't be read.
    """
    path = path_of(preset)
    if path.parent == presets.FOLDER or not read_preset(preset):
        return []
    return [
        f"{path}, line {line}: {comment!r} is a comment in YAML, so {name} is {text!r}; if it belongs to the value, "
        "put quotes around the value, else write a blank after the #"
        for line, name, text, comment in yaml_text.comments_after_text(path.read_bytes())
        if values.is_text(name)
    ]
