"""Names of settings of earlier versions; each is refused with a message that says what to set now."""

RENAMED = {
    "filter.golden": "filter.test_list",
    "filter.suspects": "filter.label_issues",
    "train.thaw": "train.unfreeze",
    "train.thaw_rate": "train.unfreeze_rate",
    "train.afresh_every": "train.full_retrain_every",
    "evaluate.insight": "evaluate.layer_images",
}
"""Old name -> new name; an old name is refused with a message that contains the new one."""
REPLACED = {
    "train.class_weight": "instead of balanced, set train.imbalance.method=weights; instead of sqrt, set "
    "train.imbalance.method=weights and train.imbalance.power=0.5; instead of effective, set "
    "train.imbalance.method=effective; instead of none, set train.imbalance.method=none, or the method that is used",
    "train.class_weight_cap": "set train.imbalance.method=weights or effective, and train.imbalance.cap=...",
    "train.effective_beta": "set train.imbalance.method=effective and train.imbalance.beta=...",
    "train.loss": "instead of focal, set train.imbalance.method=focal; instead of balanced_softmax, set "
    "train.imbalance.method=balanced_softmax; instead of cross_entropy, nothing needs to be set",
    "train.focal_gamma": "set train.imbalance.method=focal and train.imbalance.gamma=...",
    "train.retrain_head": "set train.imbalance.method=retrain_head and train.imbalance.epochs=...; "
    "instead of 0, nothing needs to be set",
    "train.logit_adjustment": "set train.imbalance.method=logit_adjustment and train.imbalance.strength=...; "
    "instead of 0, nothing needs to be set",
}
"""Old name -> what to set in `train.imbalance`, which replaces several settings by one method."""
GONE = {
    "train.input": "instead of tiles, set pretrain.encoder=none, or for a pretrained network pretrain.encoder=NAME; "
    "instead of features, set pretrain.encoder=autoencoder",
    "train.weights": "the encoder has the weights now: set pretrain.encoder=NAME, and pretrain.weights=imagenet or the "
    "path of a model file",
}
"""Old name -> what to set instead, for settings that became a part of another one."""
MESSAGES = (
    {old: f"this setting is now called {new}" for old, new in RENAMED.items()}
    | {old: f"this setting is gone; {instead}" for old, instead in GONE.items()}
    | {old: f"this setting is now train.imbalance; {instead}" for old, instead in REPLACED.items()}
)
"""Old name -> the message that refuses it."""
