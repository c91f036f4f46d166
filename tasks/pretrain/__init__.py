"""The pretrain stage: provide the encoder that turns tiles into features."""
